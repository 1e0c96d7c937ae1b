/*
 * Polling: from a prediction id to a link, a failure, or the deadline.
 *
 * Happy path: watch_begin sets the first ask from what earlier predictions took; each step asks
 * once; success brings the link, teaches the schedule, and hands the job to fetch.c.
 *
 * Failures: trouble and no connection are asked again with backoff, without an end before the
 * deadline, for the prediction is paid for. Time in which the service could not be reached, from
 * the beginning of a call that failed so to the next call, does not count (poll.deadline_counts =
 * reachable). With api.offline = fail it fails after the retries, and a later retry goes on with
 * it. 404 may be lag: a few short tries. Past the deadline the prediction is cancelled at the
 * service.
 *
 * On close the poll is dropped; the next start asks again.
 */
#include <stdlib.h>
#include <string.h>

#include "engine_internal.h"
#include "pimagefs/clock.h"
#include "pimagefs/log.h"

#define UNKNOWN_TRIES 4 /* 404s in a row that may still be lag */

void watch_begin(struct engine *e, struct job *job)
{
	if (!list_linked(&job->link_in))
		list_append(&e->active, &job->link_in);
	job->tries = 0;
	job->away_ms = 0;
	job->since_ms = clock_mono_ms();
	job->due_ms = job->since_ms + pace_poll_delay(&e->poll, 0);
}

static void on_cancelled(const struct api_answer *a, void *data)
{
	struct flight *f = data;
	struct engine *e = f->engine;

	if (a->verdict != API_DONE && a->verdict != API_CLOSED)
		log_debug("cancel at the service: %s", a->error.message);
	flight_land(f);
	if (e->draining)
		engine_turn(e);
}

void watch_cancel_at_service(struct engine *e, struct job *job)
{
	struct flight *f = flight_new(e, NULL);

	job->prediction_over = true;
	if (!f)
		return;
	if (e->on.ops->cancel(e->on.api, job->prediction_id, on_cancelled, f, &f->call) < 0)
		flight_land(f);
}

static void again(struct engine *e, struct job *job, const struct api_answer *a)
{
	int64_t pause = engine_backoff(e, job->tries);

	job->tries++;
	if (a->retry_after_ms > pause)
		pause = a->retry_after_ms;
	job->due_ms = clock_mono_ms() + pause;
	job_set_error(job, &a->error); /* so that status/ says what it waits for */
}

static void on_done(struct engine *e, struct job *job, const struct api_answer *a)
{
	if (job->cost_usd > 0)
		e->cost_usd -= job->cost_usd; /* asked before, for a fresh link */
	job->predict_time_s = a->predict_time_s;
	job->cost_usd = a->cost_usd;
	if (a->cost_usd > 0)
		e->cost_usd += a->cost_usd;
	if (a->predict_time_s >= 0)
		pace_poll_learn(&e->poll, (int64_t)(a->predict_time_s * 1000));
	else
		pace_poll_learn(&e->poll, clock_mono_ms() - job->since_ms);
	pace_width_success(&e->width);
	if (job_set_text(&job->link, a->link) < 0) {
		again(e, job, a);
		return;
	}
	engine_move(e, job, JOB_DONE);
	fetch_begin(e, job);
}

static void on_unknown(struct engine *e, struct job *job, const struct api_answer *a)
{
	if (job->tries < UNKNOWN_TRIES) {
		again(e, job, a);
		return;
	}
	job->prediction_over = true;
	engine_end(e, job, JOB_FAIL, &a->error);
}

static void on_offline(struct engine *e, struct job *job, const struct api_answer *a)
{
	const struct settings *s = e->on.settings;
	struct error why = a->error;

	if (s->api.offline == CONFIG_OFFLINE_WAIT || job->tries < (unsigned)s->api.retries) {
		again(e, job, a);
		return;
	}
	error_hint(&why, "it is paid for; to go on with it: echo 'retry %s' > control/ctl",
		   job->id);
	engine_end(e, job, JOB_FAIL, &why);
}

/* The time since the call that found no service has not counted. */
static void come_back(const struct engine *e, struct job *job, int64_t now)
{
	if (job->away_ms && e->on.settings->poll.deadline_counts == CONFIG_DEADLINE_REACHABLE)
		job->since_ms += now - job->away_ms;
	job->away_ms = 0;
}

static void on_answer(struct engine *e, struct job *job, const struct api_answer *a)
{
	switch (a->verdict) {
	case API_PENDING:
		job->tries = 0;
		job_set_error(job, NULL);
		job->due_ms = clock_mono_ms() +
			      pace_poll_delay(&e->poll, clock_mono_ms() - job->since_ms);
		break;
	case API_DONE:
		on_done(e, job, a);
		break;
	case API_FAILED:
		job->prediction_over = true;
		engine_end(e, job, JOB_FAIL, &a->error);
		break;
	case API_ENDED:
		job->prediction_over = true;
		engine_end(e, job, JOB_CANCEL, &a->error);
		break;
	case API_UNKNOWN:
		on_unknown(e, job, a);
		break;
	case API_AUTH:
		engine_end(e, job, JOB_HOLD, &a->error);
		engine_stop_queue(e, &a->error);
		break;
	case API_BUSY:
		engine_busy(e, a);
		job->due_ms = e->busy_until_ms;
		break;
	case API_OFFLINE:
		on_offline(e, job, a);
		break;
	case API_REFUSED:
		if (job->tries >= (unsigned)e->on.settings->api.retries) {
			engine_end(e, job, JOB_FAIL, &a->error);
			break;
		}
		again(e, job, a);
		break;
	default:
		again(e, job, a);
	}
}

static void on_polled(const struct api_answer *a, void *data)
{
	struct flight *f = data;
	struct engine *e = f->engine;
	int64_t began = f->began_ms;
	struct job *job = flight_land(f);

	if (!job || a->verdict == API_CLOSED)
		return;
	if (a->verdict == API_OFFLINE)
		job->away_ms = began;
	on_answer(e, job, a);
	engine_turn(e);
}

static void give_up(struct engine *e, struct job *job)
{
	struct error why;

	error_set(
		&why, ERROR_TIMEOUT,
		"the service has not finished this prediction within %d s (setting poll.deadline)",
		e->on.settings->poll.deadline_s);
	error_hint(&why, "to ask for it anew: echo 'retry %s' > control/ctl", job->id);
	watch_cancel_at_service(e, job);
	engine_end(e, job, JOB_FAIL, &why);
}

void watch_step(struct engine *e, struct job *job)
{
	int64_t now = clock_mono_ms(), limit = e->on.settings->poll.deadline_s * 1000LL;
	struct flight *f;

	come_back(e, job, now);
	if (now - job->since_ms >= limit) {
		give_up(e, job);
		return;
	}
	f = flight_new(e, job);
	if (!f || e->on.ops->poll(e->on.api, job->prediction_id, on_polled, f, &f->call) < 0) {
		if (f)
			flight_land(f);
		job->due_ms = now + ENGINE_BACKOFF_MS;
		return;
	}
	job->polls++;
	e->polls++;
}
