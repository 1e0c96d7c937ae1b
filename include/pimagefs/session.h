/* session: the mount itself: where it may be, attaching FUSE to the loop, the end. Layer 5. */
#ifndef PIMAGEFS_SESSION_H
#define PIMAGEFS_SESSION_H

#include <uv.h>

#include "pimagefs/error.h"
#include "pimagefs/fs.h"

struct session;

struct session_options {
	const char *mountpoint;   /* absolute */
	const char *const *mount; /* mount options, as after -o */
	size_t n_mount;
	bool debug; /* libfuse prints each operation */
};

/* A stale mount of our own kind is taken away. 0, or -ENOENT, -ENOTDIR, -EBUSY (something is
 * mounted there), -EACCES with err. */
int session_check(const char *mountpoint, struct error *err);
/* Mounts. ended(data) is called once when the mount is gone (fusermount3 -u, umount -f);
 * detached(data) when a lazy unmount has taken it out of the tree while it is still in use. 0 or a
 * negative errno with err. */
int session_start(struct session **out, uv_loop_t *loop, const struct session_options *options,
		  struct fs *fs, void (*ended)(void *data), void (*detached)(void *data),
		  void *data, struct error *err);
/* Take what the kernel has ready for us: a close that came before the end still counts. Bounded. */
void session_take_rest(struct session *s);
/* Unmount (lazily) and close. Every request must have been answered. The loop must run on until its
 * handles are closed. Takes NULL. */
void session_stop(struct session *s);

#endif
