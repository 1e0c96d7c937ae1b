/* unseen: what may run at the service without our polling it, each until its deadline: creates that
 * were never answered, and predictions of jobs that failed or are held. Floor 3. */
#ifndef PIMAGEFS_UNSEEN_H
#define PIMAGEFS_UNSEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "pimagefs/job.h"
#include "pimagefs/world.h"

struct unseen;

/* The world stays the caller's. 0 or -ENOMEM. */
int unseen_new(struct unseen **out, const struct world *world, int64_t deadline_ms);
/* Takes NULL. */
void unseen_free(struct unseen *u);
/* It was sent at that moment of the wall clock; number: the job's, or 0. Out of memory, or past its
 * deadline, it is not counted. */
void unseen_add(struct unseen *u, int64_t wall_ms, uint64_t number);
/* The job has changed, or is gone: its prediction is counted as long as it is not polled. */
void unseen_watch(struct unseen *u, const struct job *job, bool gone);
/* How many may run now. */
unsigned unseen_count(struct unseen *u);
/* How long until the first of them is past its deadline; -1: there is none. */
int64_t unseen_wait_ms(struct unseen *u);

#endif
