/* engine: the life of a job: submit, limits, create, poll, download, retry, recovery at start.
 * Layer 3. It owns every struct job. Nothing here blocks; nothing here costs money but a submitted
 * job. */
#ifndef PIMAGEFS_ENGINE_H
#define PIMAGEFS_ENGINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "pimagefs/api.h"
#include "pimagefs/config.h"
#include "pimagefs/job.h"
#include "pimagefs/ledger.h"
#include "pimagefs/library.h"
#include "pimagefs/request.h"
#include "pimagefs/store.h"

struct engine;

/* What the engine stands on; all of it stays the caller's and must outlive it. */
struct engine_ground {
	uv_loop_t *loop;
	const struct settings *settings;
	const struct request_rules *rules;
	const struct api_ops *ops;
	void *api; /* ops' self */
	struct ledger *ledger;
	struct library *library;
	/* A job has changed, or (gone true) is about to be freed. Called at once, from inside the
	 * engine's calls. */
	void (*changed)(struct job *job, bool gone, void *data);
	void *changed_data;
};

/* 0 or -ENOMEM. */
int engine_new(struct engine **out, const struct engine_ground *ground);
/* Take up what the store remembers: unfinished jobs go on, none is created anew; a create without
 * an answer is held or retried as `ambiguous_create` says. 0 or a negative errno. Before
 * engine_start. */
int engine_load(struct engine *e, struct store *store);
/* From now on work is done. */
void engine_start(struct engine *e);
/* No new work; drained(data) is called when no create is in flight any more, at the latest after
 * api.grace. */
void engine_drain(struct engine *e, void (*drained)(void *data), void *data);
/* Stops every call, frees every job (changed is called with gone). The loop must run on until its
 * handles are closed. Takes NULL. */
void engine_free(struct engine *e);

/* A job for an id whose file is being written: JOB_DRAFT, not stored, not current. NULL when out of
 * memory. */
struct job *engine_draft(struct engine *e, const char *id);
/* A file of requests/ holds the job's text, or no longer does. A draft or refused job that no file
 * holds is freed when another job takes its id. */
void engine_filed(struct engine *e, struct job *job, bool filed);
/* An empty file is a draft too: status/ shows it if nothing else has its id. 0 or -ENOMEM. */
int engine_show_draft(struct engine *e, struct job *draft);
/* The id has a text that will be submitted (FLUSH): the draft takes prompt and input, becomes
 * current and is stored. 0 or -ENOMEM. */
int engine_register(struct engine *e, struct job *draft, const struct request *request);
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

/* 0, or -EINVAL if its state has nothing to cancel. */
int engine_cancel(struct engine *e, struct job *job);
/* Ask again, or go on polling where the prediction still exists. 0, or -EINVAL if its state has
 * nothing to retry. */
int engine_retry(struct engine *e, struct job *job);
void engine_cancel_all(struct engine *e);
/* Every current job that failed, or is held for a reason that a retry cannot make expensive. */
void engine_retry_failed(struct engine *e);
/* To resume what is not paused lifts today's budget, if it is used up, until midnight. */
int engine_pause(struct engine *e, bool paused);
/* The user removed the picture, or the reason, from images/: a pending job is cancelled. 0 or a
 * negative errno. */
int engine_dismiss(struct engine *e, struct job *job);

/* The current job of an id, or NULL. */
struct job *engine_find(const struct engine *e, const char *id);
struct job *engine_find_number(const struct engine *e, uint64_t number);
struct job *engine_find_prediction(const struct engine *e, const char *prediction_id);
/* 0 if another request may be taken: -EDQUOT (today's budget is used up), -ENOSPC (limits.queue, or
 * no room on a disk), -EROFS, -EIO. */
int engine_may_accept(const struct engine *e);
/* True if a queued job waits for something that holds all of them up: *why says what. */
bool engine_waits_for(const struct engine *e, const struct job *job, struct error *why);
/* Place in the queue, from 1; 0 if it is not in it. */
unsigned engine_queue_position(const struct engine *e, const struct job *job);
/* control/stats.json, a new reference; NULL when out of memory. */
json_t *engine_stats(struct engine *e);

#endif
