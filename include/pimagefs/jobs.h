/* jobs: every job of a mount, by number, id and prediction, in its queue, and the only place where
 * a state changes. Floor 3. It owns every struct job. */
#ifndef PIMAGEFS_JOBS_H
#define PIMAGEFS_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "pimagefs/job.h"
#include "pimagefs/ledger.h"
#include "pimagefs/world.h"

struct jobs;

enum jobs_change {
	JOBS_MOVED,   /* into another state */
	JOBS_CHANGED, /* in anything else that is stored or shown */
	JOBS_GONE,    /* it is about to be freed */
};
/* Called at once, from inside the functions below, in the order in which they began to listen. */
typedef void (*jobs_fn)(struct job *job, enum jobs_change change, void *data);

/* World and ledger stay the caller's. 0 or -ENOMEM. */
int jobs_new(struct jobs **out, const struct world *world, struct ledger *ledger);
/* Every job goes; who listens is told. Takes NULL. */
void jobs_free(struct jobs *js);
/* 0 or -ENOMEM. */
int jobs_listen(struct jobs *js, jobs_fn fn, void *data);

/* A new JOB_DRAFT for an id, not stored, not current. NULL when out of memory. */
struct job *jobs_add(struct jobs *js, const char *id);
/* A job from the store enters the tables as it is; what is current stays so. 0 or -ENOMEM, and then
 * it is still the caller's. */
int jobs_adopt(struct jobs *js, struct job *job);
/* Forget it, here and in the store. */
void jobs_discard(struct jobs *js, struct job *job);
/* The id's names in images/ and status/ become this job's. A draft or refused job that had them and
 * that no file holds goes. 0 or -ENOMEM. */
int jobs_make_current(struct jobs *js, struct job *job);
/* The id's names are nobody's any more. The job may go, as above. */
void jobs_step_aside(struct jobs *js, struct job *job);
/* It gets a new id and is current there. 0 or -ENOMEM. */
int jobs_rename(struct jobs *js, struct job *job, const char *id);
/* The service's id for it; the name by prediction may be missing for want of memory. 0 or -ENOMEM,
 * and then nothing has changed. */
int jobs_set_prediction(struct jobs *js, struct job *job, const char *prediction_id);

/* The current job of an id, or NULL. */
struct job *jobs_find(const struct jobs *js, const char *id);
struct job *jobs_find_number(const struct jobs *js, uint64_t number);
struct job *jobs_find_prediction(const struct jobs *js, const char *prediction_id);

/* 0, or -EINVAL if its state has no such move; then nothing has changed. */
int jobs_move(struct jobs *js, struct job *job, enum job_event event);
/* It ends, or is held, without a picture: the move with its reason and time. */
void jobs_end(struct jobs *js, struct job *job, enum job_event event, const struct error *error);
/* It was cancelled or given up, and the service is (no longer) to be told. */
void jobs_owe_cancel(struct jobs *js, struct job *job, bool owes);
/* Anything else of it that is stored or shown has changed: stored with the next commit. */
void jobs_touch(struct jobs *js, struct job *job);
/* Only what is shown has changed. */
void jobs_show(struct jobs *js, struct job *job);
/* The next place in the queue. */
uint64_t jobs_next_order(struct jobs *js);

unsigned jobs_count(const struct jobs *js, enum job_state state);
/* Those of jobs_owing. */
unsigned jobs_count_owing(const struct jobs *js);
/* Those that are not yet ended and have a text. */
unsigned jobs_unfinished(const struct jobs *js);
/* By link_in: the queued jobs in their order; those that are creating, processing or downloading;
 * ended ones that owe the service a cancel. */
struct list *jobs_queue(struct jobs *js);
struct list *jobs_active(struct jobs *js);
struct list *jobs_owing(struct jobs *js);
/* Place in the queue, from 1; 0 if it is not in it. The first call after a change numbers all
 * of them, the next ones cost nothing. */
unsigned jobs_position(struct jobs *js, struct job *job);

/* Each job in order of number; fn returns 0 to go on, anything else is returned. fn may end or
 * discard the job that it is called with. */
int jobs_each(struct jobs *js, int (*fn)(struct job *job, void *data), void *data);
/* Each job with a picture, the newest picture first. */
int jobs_each_picture(struct jobs *js, int (*fn)(struct job *job, void *data), void *data);

#endif
