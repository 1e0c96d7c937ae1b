/* engine: the life of a job: submit, limits, create, poll, download, retry, recovery at start.
 * Floor 3. Nothing here blocks; nothing here costs money but a submitted job. */
#ifndef PIMAGEFS_ENGINE_H
#define PIMAGEFS_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "pimagefs/config.h"
#include "pimagefs/gate.h"
#include "pimagefs/job.h"
#include "pimagefs/jobs.h"
#include "pimagefs/ledger.h"
#include "pimagefs/library.h"
#include "pimagefs/marks.h"
#include "pimagefs/request.h"
#include "pimagefs/service.h"
#include "pimagefs/store.h"
#include "pimagefs/world.h"

struct engine;

/* What the engine stands on; all of it stays the caller's and must outlive it. */
struct engine_ground {
	const struct world *world;
	const struct settings *settings;
	const struct service_ops *service;
	void *service_self;
	struct ledger *ledger;
	struct library *library;
};

/* 0 or -ENOMEM. */
int engine_new(struct engine **out, const struct engine_ground *ground);
/* As jobs_listen. */
int engine_listen(struct engine *e, jobs_fn fn, void *data);
/* Take up what the store remembers: unfinished jobs go on, none is created anew; a create without
 * an answer is held or retried as `ambiguous_create` says. 0 or a negative errno. Before
 * engine_start. */
int engine_load(struct engine *e, struct store *store);
/* The settings of the ground have changed. 0 or -ENOMEM. */
int engine_renew(struct engine *e);
/* From now on work is done. */
void engine_start(struct engine *e);
/* No new work; drained(data) is called when no create is in flight any more, at the latest after
 * api.grace. */
void engine_drain(struct engine *e, void (*drained)(void *data), void *data);
/* Stops every call, frees every job (who listens is told). Takes NULL. */
void engine_free(struct engine *e);

/* A job for an id whose file is being written: JOB_DRAFT, not stored, not current. NULL when out of
 * memory. */
struct job *engine_draft(struct engine *e, const char *id);
/* This file (its node) of requests/ holds the job's text, or, NULL, none does any more. A draft or
 * refused job that no file holds is freed when another job takes its id. */
void engine_filed(struct engine *e, struct job *job, void *file);
/* An empty file is a draft too: status/ shows it if nothing else has its id. 0 or -ENOMEM. */
int engine_show_draft(struct engine *e, struct job *draft);
/* The id has a text that will be submitted (FLUSH): the draft takes prompt and input, becomes
 * current and is stored. 0 or -ENOMEM. */
int engine_register(struct engine *e, struct job *draft, const struct request *request);
/* The draft stands for a file that asks for several: its id's names become its own; nothing is
 * stored. 0 or -ENOMEM. */
int engine_show_set(struct engine *e, struct job *draft);
/* The job is (no longer) one of those that this file (its node and number; NULL and 0: none) asks
 * for. Stored. */
void engine_set_of(struct engine *e, struct job *job, void *file, uint64_t number);
/* Its id's names are nobody's any more. A draft or refused job that no file holds goes. */
void engine_step_aside(struct engine *e, struct job *job);
/* The text was refused: JOB_INVALID with this error, current, stored. 0 or -ENOMEM. */
int engine_refuse(struct engine *e, struct job *draft, const struct error *error);
/* The last writer released a registered draft: it joins the queue (or is held, when the queue is
 * stopped). 0 or -ENOMEM. */
int engine_submit(struct engine *e, struct job *draft);
/* It was flushed, but its file will never be released: JOB_HELD. */
void engine_hold_unreleased(struct engine *e, struct job *draft);
/* Forget a draft or refused job that nothing refers to any more. */
void engine_discard(struct engine *e, struct job *job);
/* The request's file was renamed: the job gets the new id and becomes current there. 0 or -ENOMEM.
 */
int engine_rename(struct engine *e, struct job *job, const char *id);

enum wish { WISH_CANCEL, WISH_RETRY, WISH_DISMISS, WISH_RESTORE };

/* Do this to each of these jobs whose state allows it. What their rows will say is on disk, with
 * all that was dirty before, when this returns, and only then it is done. 0 if one of them allows
 * it; else the last of them says why not, or why nothing can be stored; then nothing has changed.
 */
int engine_wish(struct engine *e, enum wish wish, const uint64_t *numbers, size_t n);
/* The same of all unfinished ones; 0 also where there is none. */
int engine_cancel_all(struct engine *e);
/* The same of every current job that failed, or is held for a reason that a retry cannot make
 * expensive. */
int engine_retry_failed(struct engine *e);
/* On disk when this returns 0. To resume what is not paused lifts today's budget, if it is used up,
 * until midnight. */
int engine_pause(struct engine *e, bool paused);
/* 0, or why nothing could be stored just now. */
int engine_health(const struct engine *e);

/* The wishes themselves; on disk with the next commit.
 *
 * 0, or -EINVAL if its state has nothing to cancel. */
int engine_cancel(struct engine *e, struct job *job);
/* Ask again, or go on polling where the prediction still exists. 0, or -EINVAL if its state has
 * nothing to retry. */
int engine_retry(struct engine *e, struct job *job);
/* The user removed the picture, or the reason, from images/: a pending job is cancelled, a picture
 * goes to the trash, soon. 0 or a negative errno. */
int engine_dismiss(struct engine *e, struct job *job);
/* 0, or why that would be refused. */
int engine_may_dismiss(const struct engine *e, const struct job *job);
/* Its picture comes back from the trash. 0, or -EINVAL if it is not there. */
int engine_restore(struct engine *e, struct job *job);
/* The same once more, as a new job of its id, which is current then, and of its file and set; with
 * its seed, or with another one. 0 and *out; -EINVAL: it has no request, or only a masked one;
 * -ENOMEM. */
int engine_again(struct engine *e, struct job *job, bool other_seed, struct job **out);

/* The user says this of its picture: mark_set, on disk before this returns; its sidecar follows.
 * As mark_set, and -EPERM without a picture, or why it cannot be stored. */
int engine_mark(struct engine *e, struct job *job, enum mark mark, const char *text, size_t size);
/* An open of its picture found no file: the job is lost, until a retry downloads it again. */
void engine_picture_gone(struct engine *e, struct job *job);

/* The current job of an id, or NULL. */
struct job *engine_find(const struct engine *e, const char *id);
struct job *engine_find_number(const struct engine *e, uint64_t number);
struct job *engine_find_prediction(const struct engine *e, const char *prediction_id);
/* 0 if another request may be taken: -EDQUOT (today's budget is used up), -ENOSPC (limits.queue, or
 * no room on a disk), -EROFS, -EIO. */
int engine_may_accept(const struct engine *e);
/* 0 if so many pictures of one request fit into limits.queue and, with all that is queued, into
 * what is left of today's budget; else -ENOSPC or -EDQUOT with err. registered: so many drafts of
 * the request are there already, and go or are used. */
int engine_may_take(const struct engine *e, size_t n, size_t registered, struct error *err);
/* True if a queued job waits for something that holds all of them up: *why says what. */
bool engine_waits_for(const struct engine *e, const struct job *job, struct error *why);
/* As jobs_position. */
unsigned engine_queue_position(const struct engine *e, struct job *job);
/* How many other pictures the job's id has, of requests before it. */
unsigned engine_earlier_pictures(const struct engine *e, const struct job *job);
/* As jobs_each and jobs_each_picture. */
int engine_each(struct engine *e, int (*fn)(struct job *job, void *data), void *data);
int engine_each_picture(struct engine *e, int (*fn)(struct job *job, void *data), void *data);

int64_t engine_wall_ms(const struct engine *e);

/* --- outlook.c: what is under way --- */

/* Each job that is creating, processing or downloading; as jobs_each. */
int engine_each_running(struct engine *e, int (*fn)(struct job *job, void *data), void *data);
/* How long a running job has been in its prediction; -1: it is in none. */
int64_t engine_running_ms(const struct engine *e, const struct job *job);
/* How long it may still take, by what earlier ones took: 0: it is due; -1: not known. */
int64_t engine_left_ms(const struct engine *e, const struct job *job);
/* The same for all that run and wait. */
int64_t engine_all_left_ms(struct engine *e);
/* True if nothing runs, and what is queued waits for something that lasts: *why says what. */
bool engine_stands_still(struct engine *e, struct error *why);

/* The numbers behind control/stats.json and control/metrics. */
struct engine_stats {
	int64_t uptime_s;
	unsigned states[JOB_STATES];
	struct gate_numbers gate;
	struct error stopped; /* as gate_waits_for: why nothing is sent */
	unsigned latencies;   /* how many of the last jobs these are of; 0: then they say nothing */
	int64_t latency_p50_ms, latency_p90_ms, latency_p99_ms, latency_max_ms;
	uint64_t latency_count; /* of all jobs that became ready since the start ... */
	int64_t latency_sum_ms; /* ... and how long they took together */
	uint64_t creates, polls, downloads, commits;
	int64_t cost; /* so far, in units of budget.h */
};
void engine_stats(struct engine *e, struct engine_stats *out);

#endif
