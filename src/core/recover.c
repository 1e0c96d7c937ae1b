/*
 * What an earlier run left: every job from the store, each taken up where it stood.
 *
 * Happy path: queued jobs queue again in their order, predictions go on being polled, links are
 * downloaded again. No create is sent that might have been sent before.
 *
 * Failures: a create that may have left without an answer is uncertain, and handled as
 * api.ambiguous_create says; a request that was flushed and never released is held. The minute's
 * creates are counted from the store.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine_internal.h"
#include "pimagefs/clock.h"
#include "pimagefs/log.h"

#define ANSWER_MS 500 /* stored is when a create left; the service saw it a little later */

static int load_create(int64_t wall_ms, void *data)
{
	struct engine *e = data;

	pace_window_add(&e->window, wall_ms + ANSWER_MS);
	return 0;
}

static void resume_creating(struct engine *e, struct job *job)
{
	struct error why;

	job->unanswered++;
	job->unanswered_ms = job->submitted_ms;
	if (e->on.settings->api.ambiguous_create == CONFIG_AMBIGUOUS_RETRY) {
		engine_move(e, job, JOB_POSTPONE);
		queue_insert(e, job);
		return;
	}
	error_set(
		&why, ERROR_UNCERTAIN,
		"pimagefs ended while the service was being asked; it may have taken the request");
	error_hint(
		&why,
		"it may have been made and billed; to send it again: echo 'retry %s' > control/ctl",
		job->id);
	engine_end(e, job, JOB_HOLD, &why);
}

static void resume_ready(struct engine *e, struct job *job)
{
	if (job->predict_time_s >= 0)
		pace_poll_learn(&e->poll, (int64_t)(job->predict_time_s * 1000));
	/* Someone took the file out of the library. That is not stored: the disk may just not be
	 * there today. */
	if (!job->picture_path || library_size(e->on.library, job->picture_path) == -ENOENT)
		job->dismissed = true;
	reuse_offer(e, job);
}

static void resume(struct engine *e, struct job *job)
{
	job->since_ms = clock_mono_ms();
	switch (job->state) {
	case JOB_DRAFT:
		engine_hold_unreleased(e, job);
		break;
	case JOB_QUEUED:
		queue_insert(e, job);
		break;
	case JOB_CREATING:
		resume_creating(e, job);
		break;
	case JOB_PROCESSING:
		watch_begin(e, job);
		job->due_ms = 0;
		break;
	case JOB_DOWNLOADING:
		fetch_begin(e, job);
		break;
	case JOB_READY:
		resume_ready(e, job);
		break;
	default:
		break;
	}
}

static int load_job(struct job *job, void *data)
{
	struct engine *e = data;
	bool blank = job->state == JOB_DRAFT &&
		     !job->input; /* its file shows it again, if there is one */
	int r = blank ? ledger_forget_job(e->on.ledger, job) : engine_adopt(e, job);

	if (r < 0 || blank) {
		job_free(job);
		return r;
	}
	if (job->state == JOB_CREATING)
		e->creating++;
	if (job->cost_usd > 0)
		e->cost_usd += job->cost_usd;
	engine_note_prediction(e, job);
	if (job->current && (r = map_set(e->currents, job->id, job)) < 0)
		return r;
	resume(e, job);
	e->on.changed(job, false, e->on.changed_data);
	return 0;
}

int engine_load(struct engine *e, struct store *store)
{
	char *paused = NULL;
	int r = store_each_create(store, load_create, e);

	spend_load(e, store);
	if (r == 0)
		r = store_each_job(store, load_job, e);
	if (r == 0 && store_get_fact(store, "paused", &paused) == 0)
		e->paused = true;
	free(paused);
	return r;
}
