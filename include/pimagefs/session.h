/* session: the mount itself: where it may be, attaching FUSE to the loop, the end. Floor 6. */
#ifndef PIMAGEFS_SESSION_H
#define PIMAGEFS_SESSION_H

#include <stdbool.h>
#include <uv.h>

#include "pimagefs/error.h"
#include "pimagefs/fs.h"

struct session;

struct session_options {
	const char *mountpoint;   /* absolute */
	const char *const *mount; /* mount options, as after -o */
	size_t n_mount;
	bool shared; /* others may come in: the kernel checks modes for all, groups included */
	bool debug;  /* libfuse prints each operation */
};

/* Could something be mounted there? Changes nothing. 0, or with err: -ENOENT, -ENOTDIR, -EACCES,
 * -EBUSY (something is mounted there), -EALREADY (a pimagefs is), -ENOTCONN (one whose program has
 * ended). */
int session_look(const char *mountpoint, struct error *err);
/* The same, but a stale mount of our own kind is taken away. */
int session_check(const char *mountpoint, struct error *err);
/* Is there something in this folder that a mount would hide? */
bool session_hides(const char *mountpoint);
/* Mounts. ended(data) is called once when the mount is gone (fusermount3 -u, umount -f);
 * detached(data) when a lazy unmount has taken it out of the tree while it is still in use. 0 or a
 * negative errno with err. */
int session_start(struct session **out, uv_loop_t *loop, const struct session_options *options,
		  struct fs *fs, void (*ended)(void *data), void (*detached)(void *data),
		  void *data, struct error *err);
/* "0:53"; "" where the table of mounts did not say. */
const char *session_device(const struct session *s);
/* Is a pimagefs of this session_device, a space, and its mountpoint mounted now, as far as can be
 * seen from here? */
bool session_is_mounted(const char *noted);
/* The mount is in no table any more: when the kernel then ends the session, nobody has anything
 * open there. */
bool session_is_away(const struct session *s);
/* Take what the kernel has ready for us: a close that came before the end still counts. Bounded. */
void session_take_rest(struct session *s);
/* Unmount (lazily) and close. Every request must have been answered. The loop must run on until its
 * handles are closed. Takes NULL. */
void session_stop(struct session *s);

#endif
