/*
 * job: one request's life as data, and its legal moves as one constant table.
 *
 * The happy path: draft, queued, creating, processing, downloading, ready. Whatever else may
 * happen to a job stands in the table below, and nowhere else: who asks for a move that it does
 * not hold gets -EINVAL, and the job stays what it was. What a move means (timers, calls, files)
 * is the engine's.
 *
 * Texts are copies on the heap. Without memory the earlier text or error stays. job_free
 * overwrites the texts first, for an input may hold a token.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/buf.h"
#include "pimagefs/job.h"
#include "pimagefs/library.h"
#include "pimagefs/store.h"

/* No move leads back to draft, so its zero says here that there is no move. */
static const enum job_state moves[JOB_STATES][JOB_EVENTS] = {
	[JOB_DRAFT] = {
		[JOB_SUBMIT] = JOB_QUEUED,
		[JOB_REFUSE] = JOB_INVALID,
		[JOB_CANCEL] = JOB_CANCELLED,
		[JOB_HOLD] = JOB_HELD,
	},
	[JOB_QUEUED] = {
		[JOB_SEND] = JOB_CREATING,
		[JOB_FAIL] = JOB_FAILED,
		[JOB_CANCEL] = JOB_CANCELLED,
		[JOB_HOLD] = JOB_HELD,
		[JOB_REUSE] = JOB_READY,
	},
	[JOB_CREATING] = {
		[JOB_ACCEPTED] = JOB_PROCESSING,
		[JOB_POSTPONE] = JOB_QUEUED,
		[JOB_FAIL] = JOB_FAILED,
		[JOB_CANCEL] = JOB_CANCELLED,
		[JOB_HOLD] = JOB_HELD,
	},
	[JOB_PROCESSING] = {
		[JOB_DONE] = JOB_DOWNLOADING,
		[JOB_RETRY] = JOB_QUEUED,
		[JOB_FAIL] = JOB_FAILED,
		[JOB_CANCEL] = JOB_CANCELLED,
		[JOB_HOLD] = JOB_HELD,
	},
	[JOB_DOWNLOADING] = {
		[JOB_RELINK] = JOB_PROCESSING,
		[JOB_STORED] = JOB_READY,
		[JOB_FAIL] = JOB_FAILED,
		[JOB_CANCEL] = JOB_CANCELLED,
		[JOB_HOLD] = JOB_HELD,
	},
	[JOB_READY] = {
		[JOB_LOSE] = JOB_FAILED,
	},
	[JOB_FAILED] = {
		[JOB_RETRY] = JOB_QUEUED,
		[JOB_RESUME] = JOB_PROCESSING,
	},
	[JOB_CANCELLED] = {
		[JOB_RETRY] = JOB_QUEUED,
		[JOB_RESUME] = JOB_PROCESSING,
	},
	[JOB_HELD] = {
		[JOB_CANCEL] = JOB_CANCELLED,
		[JOB_RETRY] = JOB_QUEUED,
		[JOB_RESUME] = JOB_PROCESSING,
	},
};

static const char *const names[JOB_STATES] = {
	[JOB_DRAFT] = "draft",           [JOB_INVALID] = "invalid",
	[JOB_QUEUED] = "queued",         [JOB_CREATING] = "creating",
	[JOB_PROCESSING] = "processing", [JOB_DOWNLOADING] = "downloading",
	[JOB_READY] = "ready",           [JOB_FAILED] = "failed",
	[JOB_CANCELLED] = "cancelled",   [JOB_HELD] = "held",
};

static int write_row(struct store *store, struct ledger_item *item)
{
	return store_put_job(store, list_entry(item, struct job, item));
}

struct job *job_new(uint64_t number, const char *id, int64_t wall_now_ms)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->id = strdup(id);
	if (!job->id) {
		free(job);
		return NULL;
	}
	job->number = number;
	job->state = JOB_DRAFT;
	job->created_ms = wall_now_ms;
	job->predict_time_s = -1;
	job->cost_usd = -1;
	job->rating = -1;
	list_init(&job->link_in);
	list_init(&job->item.in);
	job->item.write = write_row;
	list_init(&job->twins);
	return job;
}

void job_free(struct job *job)
{
	if (!job)
		return;
	text_wipe(&job->id);
	text_wipe(&job->model);
	text_wipe(&job->prompt);
	text_wipe(&job->input);
	text_wipe(&job->prediction_id);
	text_wipe(&job->link);
	text_wipe(&job->picture_path);
	text_wipe(&job->reused_from);
	text_wipe(&job->tags);
	text_wipe(&job->comment);
	text_wipe(&job->line);
	text_wipe(&job->origins);
	free(job->error);
	explicit_bzero(job, sizeof(*job));
	free(job);
}

static enum job_state next_state(const struct job *job, enum job_event event)
{
	if ((unsigned)job->state >= JOB_STATES || (unsigned)event >= JOB_EVENTS)
		return JOB_DRAFT;
	return moves[job->state][event];
}

int job_move(struct job *job, enum job_event event)
{
	enum job_state next = next_state(job, event);

	if (next == JOB_DRAFT)
		return -EINVAL;
	job->state = next;
	return 0;
}

bool job_may(const struct job *job, enum job_event event)
{
	return next_state(job, event) != JOB_DRAFT;
}

bool job_pending(const struct job *job)
{
	return job->state == JOB_DRAFT || job->state == JOB_QUEUED || job->state == JOB_CREATING ||
	       job->state == JOB_PROCESSING || job->state == JOB_DOWNLOADING;
}

bool job_has_picture(const struct job *job)
{
	return job->state == JOB_READY && !job->dismissed && job->picture_path &&
	       !library_in_trash(job->picture_path) && !job->moves;
}

bool job_comes_back(const struct job *job)
{
	return job->state == JOB_READY && !job->dismissed && job->picture_path &&
	       (library_in_trash(job->picture_path) || job->moves);
}

bool job_is_removed(const struct job *job)
{
	return job->dismissed && !job->file && !job_pending(job);
}

bool job_retryable(const struct job *job)
{
	return job_may(job, JOB_RESUME);
}

const char *job_state_name(enum job_state state)
{
	return (unsigned)state < JOB_STATES ? names[state] : "";
}

enum job_state job_state_of(const char *name)
{
	int i = 0;

	while (i < JOB_STATES && strcmp(names[i], name) != 0)
		i++;
	return (enum job_state)i;
}

int job_set_text(char **field, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return -ENOMEM;
	text_wipe(field);
	*field = copy;
	return 0;
}

int job_set_error(struct job *job, const struct error *error)
{
	struct error *copy = error ? malloc(sizeof(*copy)) : NULL;

	if (error && !copy)
		return -ENOMEM;
	if (copy)
		*copy = *error;
	free(job->error);
	job->error = copy;
	return 0;
}
