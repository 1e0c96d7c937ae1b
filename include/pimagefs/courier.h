/* courier: open windows refresh by themselves. The kernel tells watchers (inotify), and refreshes
 * what it has cached, only for system calls that come through the mount; so a helper process makes
 * the matching call for each change of images/ and status/ (and of every other view) that the
 * daemon made on its own. Floor 5.
 *
 * The daemon never waits for it. While it lives, names and attributes may be cached without limit;
 * while it does not, they may not. */
#ifndef PIMAGEFS_COURIER_H
#define PIMAGEFS_COURIER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "pimagefs/tree.h"
#include "pimagefs/world.h"

struct courier;

struct courier_ground {
	uv_loop_t *loop;
	const struct world *world;
	struct tree *tree;
	const char *mountpoint; /* absolute */
	const char *device;     /* of the mount, "0:53" */
	/* What of a node's state is told when it changes: a number of its kind's own; negative:
	 * each change is told. */
	int (*version)(const struct node *node);
};

/* Once the mount is up. All of the ground stays the caller's. 0, -ENOMEM, or why no helper can be
 * started. */
int courier_new(struct courier **out, const struct courier_ground *ground);
/* The helper is killed, nothing is told any more. Before the mount goes. Takes NULL. */
void courier_stop(struct courier *c);
/* After courier_stop and the end of the loop. Takes NULL. */
void courier_free(struct courier *c);

/* May the kernel keep this name, and what is behind it, until it is told otherwise? If so it is
 * taken to do so from now on. c may be NULL. */
bool courier_keeps(const struct courier *c, struct node *node);
/* This process (or a thread of it, which waits for the answer) lists the folder. c may be NULL. */
void courier_listed(struct courier *c, const struct node *folder, pid_t pid);
/* The name is about to be taken away by the kernel's own call, which tells of it itself; NULL: that
 * call is over. c may be NULL. */
void courier_hush(struct courier *c, const struct node *folder, const char *name);

/* fn is called when the kernel was told of every change up to now in what it keeps, or a moment
 * later at the latest. False: there is nothing to wait for, and fn is not called. c may be NULL.
 * Not for an operation that holds the lock of a view's folder. */
bool courier_after(struct courier *c, void (*fn)(void *data), void *data);

/* --- what the helper's own calls are answered; c may be NULL --- */

/* Is this caller the helper? */
bool courier_is(const struct courier *c, pid_t pid);
/* 0 with *out: this node. -ENOENT: not there (yet). -EAGAIN: as for anyone. */
int courier_lookup(struct courier *c, const struct node *folder, const char *name,
		   struct node **out);
/* mkdir, rename, unlink, rmdir: the name that it was sent to make or take away. 0, or -EPERM; of a
 * folder that is made, *out (may be NULL) is the node. */
int courier_commits(struct courier *c, const struct node *folder, const char *name,
		    struct node **out);
/* utimensat. 0, or -EPERM. */
int courier_touches(struct courier *c, struct node *node);

/* The helper's own main: commands on standard input, until that ends. The program is started with
 * this one argument to be it. */
#define COURIER_OPTION "--courier"
int courier_main(void);

#endif
