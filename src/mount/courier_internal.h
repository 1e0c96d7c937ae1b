/* What the courier's parts share: what is told when (courier.c), the errands (courier_errands.c),
 * who needs more of them (courier_libfm.c), and the process that runs them (courier_process.c,
 * courier_main.c). */
#ifndef COURIER_INTERNAL_H
#define COURIER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "pimagefs/courier.h"
#include "pimagefs/list.h"

enum courier_op {
	COURIER_HELLO,  /* path is the mountpoint, other its device */
	COURIER_MOVE,   /* rename other to path: the name is there */
	COURIER_FOLDER, /* mkdir path */
	COURIER_TOUCH,  /* utimensat of path: what is behind the name has changed */
	COURIER_UNLINK,
	COURIER_RMDIR,
};

/* A command is this, then path and other, each with its NUL. The answer is an int: 0 or a negative
 * errno. */
struct courier_command {
	uint32_t op;
	uint32_t path_size, other_size; /* bytes, with the NUL; at most COURIER_PATH */
};
#define COURIER_PATH 4096UL
/* In which a helper answers, or is taken to be stuck. */
#define COURIER_PATIENCE_MS 2000

/* --- courier_errands.c --- */

/* What one name is to be told of. */
struct errand {
	struct list in;
	enum courier_op op;       /* the call that is next, or under way */
	bool anew;                /* where PCManFM looks it goes and comes */
	struct node *folder;      /* pinned */
	const struct node *above; /* what held the folder then; only compared */
	unsigned deaths;          /* of helpers that ran it */
	uint64_t turn;            /* among all that were given */
	char *path, *name;        /* from the mount's root; name points into it */
};

struct errands {
	struct list all;
	struct map *by_path;
	uint64_t given;
};

int errands_init(struct errands *e);
void errands_release(struct errands *e);
/* The errand of this name by now, which stays theirs; NULL: out of memory. */
struct errand *errands_add(struct errands *e, const struct entry *entry, enum courier_op op,
			   bool anew);
/* One that was taken becomes the first again, from its beginning. -EEXIST: there is a later one of
 * its name, which tells all of it. */
int errands_put_back(struct errands *e, struct errand *a);
bool errands_are_none(const struct errands *e);
/* The first, the caller's from now on. There must be one. */
struct errand *errands_take(struct errands *e);

/* Before its first call. False: it is no longer what it was, and nothing is to be told. A folder
 * that the kernel knows stays where it is: somebody may be in it. */
bool errand_begins(struct errand *a, bool anew);
/* After a call: is op another one? */
bool errand_goes_on(struct errand *a);
/* What its name is now, if it is listed; or NULL. */
struct entry *errand_entry(const struct errand *a);
/* Takes NULL. */
void errand_free(struct errand *a);

/* --- courier_libfm.c --- */

/* The process of this thread, if it is PCManFM; else 0. Waits for nobody. */
pid_t courier_libfm_of(pid_t thread);
/* Is it still? 0 never is. */
bool courier_libfm_runs(pid_t pid);

/* --- courier_process.c --- */

struct courier_process;

struct courier_events {
	void (*up)(void *data);              /* it is ready for the first command */
	void (*answered)(int r, void *data); /* to the command */
	void (*down)(void *data);            /* it has gone; another one is started soon */
};

int courier_process_new(struct courier_process **out, const struct courier_ground *ground,
			const struct courier_events *events, void *data);
/* The command before it must have been answered. 0 or a negative errno. */
int courier_process_send(struct courier_process *p, enum courier_op op, const char *path,
			 const char *other);
/* Is it this process, or an earlier one whose end is not yet seen? What that one has begun may
 * still arrive. */
bool courier_process_is(const struct courier_process *p, pid_t pid);
/* 0: there is none. */
pid_t courier_process_pid(const struct courier_process *p);
/* Killed, for good. Its handles close with the loop. */
void courier_process_stop(struct courier_process *p);
void courier_process_free(struct courier_process *p);

#endif
