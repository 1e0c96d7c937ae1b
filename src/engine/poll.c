/*
 * The poll: from a prediction id to a link, a failure, or the deadline.
 *
 * Happy path: the first poll comes when earlier predictions were done; success brings the link and
 * teaches when to poll the next ones.
 *
 * Failures: the prediction is paid for, so only an answer of the service ends it: that it failed or
 * was cancelled, or, in a poll at the deadline or past it, that it is still not done; then it is
 * cancelled. Trouble, HTML, 429 and no connection are polled again, with a backoff that never
 * passes over the deadline. "No such prediction" may be lag, or a proxy's: it counts when several,
 * over at least a minute, say so. Time in which the service could not be reached does not count
 * (poll.deadline_counts = reachable). With api.offline = fail it fails after the retries, and a
 * retry goes on with it. When the user asks again, the old prediction is polled first, and what
 * would be its end leads to a new create.
 *
 * On close the poll is dropped; the next start polls again.
 */
#include <stdlib.h>

#include "engine_internal.h"
#include "pimagefs/log.h"

#define UNKNOWN_TRIES 4       /* so many times it is not known ... */
#define UNKNOWN_OVER_MS 60000 /* ... and for so long */
#define MOST_TRIES 32         /* counted; only the backoff grows with them */

void poll_enter(struct engine *e, struct job *job)
{
	job->tries = job->unknowns = 0;
	job->away_ms = 0;
	job->since_ms = engine_now_ms(e);
	job->due_ms = job->since_ms + pace_poll_delay(&e->poll, 0);
}

static int64_t deadline_of(const struct engine *e, const struct job *job)
{
	return job->since_ms + e->on.settings->poll.deadline_s * 1000LL;
}

/* Not before this time, but at the deadline all the same. */
static void poll_after(struct engine *e, struct job *job, int64_t pause)
{
	int64_t now = engine_now_ms(e), deadline = deadline_of(e, job);

	job->due_ms = now + pause;
	if (now < deadline && job->due_ms > deadline)
		job->due_ms = deadline;
	jobs_show(e->jobs, job);
}

static void again(struct engine *e, struct job *job, const struct service_answer *a)
{
	int64_t pause = gate_backoff_ms(e->gate, job->tries);

	if (job->tries < MOST_TRIES)
		job->tries++;
	job_set_error(job, &a->error); /* so that status/ says what it waits for */
	poll_after(e, job, a->retry_after_ms > pause ? a->retry_after_ms : pause);
}

/* Polled before, for a fresh link, it may have told its cost. */
static void learn_cost(struct engine *e, struct job *job, double usd)
{
	e->cost += budget_cost(usd) - budget_cost(job->cost_usd);
	job->cost_usd = usd;
}

/* The prediction is over, by the service's word. What was cancelled is not billed. */
static void end(struct engine *e, struct job *job, enum job_event event,
		const struct service_answer *a)
{
	const struct error *why = &a->error;

	job->prediction_over = true;
	if (event != JOB_CANCEL) {
		if (a->cost_usd >= 0)
			learn_cost(e, job, a->cost_usd);
		gate_spent(e->gate, job);
	}
	if (!job->asked_again) {
		jobs_end(e->jobs, job, event, why);
		return;
	}
	log_info("%s: its prediction is over (%s); asking anew", job->id, why->message);
	job->asked_again = false;
	job->order = jobs_next_order(e->jobs);
	job->due_ms = 0;
	job->tries = 0;
	job->cost_usd = -1; /* the earlier prediction's stays in the sum */
	jobs_move(e->jobs, job, JOB_RETRY);
}

static void learn(struct engine *e, struct job *job, const struct service_answer *a)
{
	job->predict_time_s = a->predict_time_s;
	learn_cost(e, job, a->cost_usd);
	pace_poll_learn(&e->poll, a->predict_time_s >= 0 ? (int64_t)(a->predict_time_s * 1000)
							 : engine_now_ms(e) - job->since_ms);
	gate_success(e->gate);
}

static void on_done(struct engine *e, struct job *job, const struct service_answer *a)
{
	if (job_set_text(&job->link, a->link) < 0) {
		again(e, job, a);
		return;
	}
	learn(e, job, a);
	jobs_move(e->jobs, job, JOB_DONE);
}

static void on_pending(struct engine *e, struct job *job, int64_t began)
{
	int64_t now = engine_now_ms(e);
	struct error why;

	job->tries = job->unknowns = 0;
	job_set_error(job, NULL);
	if (began < deadline_of(e, job)) {
		poll_after(e, job, pace_poll_delay(&e->poll, now - job->since_ms));
		return;
	}
	error_set(&why, ERROR_TIMEOUT,
		  "the service has not finished this prediction within %d s (setting "
		  "poll.deadline)",
		  e->on.settings->poll.deadline_s);
	why.advice = ADVICE_RETRY;
	jobs_end(e->jobs, job, JOB_FAIL, &why);
	jobs_owe_cancel(e->jobs, job, true);
}

/* They are as old as their polls: an answer may be on its way for long. */
static void on_unknown(struct engine *e, struct job *job, const struct service_answer *a,
		       int64_t began)
{
	if (!job->unknowns++)
		job->unknown_ms = began;
	if (job->unknowns > UNKNOWN_TRIES && began - job->unknown_ms >= UNKNOWN_OVER_MS)
		end(e, job, JOB_FAIL, a);
	else
		again(e, job, a);
}

/* It is paid for: a retry goes on with it. */
static void fail_resumable(struct engine *e, struct job *job, const struct error *error)
{
	struct error why = *error;

	why.advice = ADVICE_GO_ON;
	jobs_end(e->jobs, job, JOB_FAIL, &why);
}

static void on_offline(struct engine *e, struct job *job, const struct service_answer *a)
{
	const struct settings *s = e->on.settings;

	if (s->api.offline == CONFIG_OFFLINE_WAIT || job->tries < (unsigned)s->api.retries)
		again(e, job, a);
	else
		fail_resumable(e, job, &a->error);
}

static void on_answer(struct engine *e, struct job *job, const struct service_answer *a,
		      int64_t began)
{
	switch (a->verdict) {
	case SERVICE_PENDING:
		on_pending(e, job, began);
		break;
	case SERVICE_DONE:
		on_done(e, job, a);
		break;
	case SERVICE_FAILED:
		end(e, job, JOB_FAIL, a);
		break;
	case SERVICE_ENDED:
		end(e, job, JOB_CANCEL, a);
		break;
	case SERVICE_UNKNOWN:
		on_unknown(e, job, a, began);
		break;
	case SERVICE_AUTH:
		gate_refuse(e->gate, &a->error);
		jobs_end(e->jobs, job, JOB_HOLD, &a->error);
		break;
	case SERVICE_BUSY:
		gate_busy(e->gate, a->retry_after_ms);
		poll_after(e, job, gate_busy_until_ms(e->gate) - engine_now_ms(e));
		break;
	case SERVICE_OFFLINE:
		on_offline(e, job, a);
		break;
	case SERVICE_REFUSED:
		if (job->tries >= (unsigned)e->on.settings->api.retries)
			fail_resumable(e, job, &a->error);
		else
			again(e, job, a);
		break;
	default:
		again(e, job, a);
	}
}

static void on_polled(const struct service_answer *a, void *data)
{
	struct call *c = data;
	struct engine *e = c->engine;
	int64_t began = c->began_ms;
	struct job *job = call_land(c);

	if (!job || a->verdict == SERVICE_CLOSED)
		return;
	if (a->verdict == SERVICE_OFFLINE)
		job->away_ms = began;
	on_answer(e, job, a, began);
}

/* The time since the call that found no service has not counted. */
static void come_back(const struct engine *e, struct job *job, int64_t now)
{
	if (job->away_ms && e->on.settings->poll.deadline_counts == CONFIG_DEADLINE_REACHABLE)
		job->since_ms += now - job->away_ms;
	job->away_ms = 0;
}

void poll_begin(struct engine *e, struct job *job)
{
	struct call *c;

	come_back(e, job, engine_now_ms(e));
	c = call_new(e, job);
	if (!c || e->on.service->poll(e->on.service_self, job->prediction_id, on_polled, c,
				      &c->service) < 0) {
		if (c)
			call_land(c);
		job->due_ms = engine_now_ms(e) + ENGINE_AGAIN_MS;
		return;
	}
	job->polls++;
	e->polls++;
}
