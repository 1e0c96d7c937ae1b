/* waiters: readers that wait for a picture: a record each, never a thread. Floor 5.
 * Each is finished exactly once: woken, interrupted, timed out, or let go at the end. */
#ifndef PIMAGEFS_WAITERS_H
#define PIMAGEFS_WAITERS_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <stdint.h>

#include "pimagefs/world.h"

struct waiters;

/* What to do with a finished one: r is 0 (look again: the job has ended), -EINTR, -ETIMEDOUT or
 * -ECANCELED. It must answer req; payload is the caller's again. It may add waiters. */
typedef void (*waiters_finish_fn)(fuse_req_t req, void *payload, int r, void *data);

/* timeout_ms 0: for ever. 0 or -ENOMEM. */
int waiters_new(struct waiters **out, const struct world *world, int64_t timeout_ms,
		waiters_finish_fn finish, void *data);
/* Everyone must have been let go. Takes NULL. */
void waiters_free(struct waiters *w);
/* Wait for `key` (a job's number). A request that was interrupted already is finished before this
 * returns. 0 or -ENOMEM. */
int waiters_add(struct waiters *w, uint64_t key, fuse_req_t req, void *payload);
/* Finish all that wait for this key. */
void waiters_wake(struct waiters *w, uint64_t key, int r);
void waiters_let_go(struct waiters *w, int r);
unsigned waiters_count(const struct waiters *w);

#endif
