/*
 * The create: from a queued job to a prediction id.
 *
 * Happy path: the job moves to `creating`, and once that is on disk (with its seed) the POST goes
 * out; its answer has the prediction id.
 *
 * Failures: 429 and trouble put the job back into the queue and hold up all creates for a while
 * (gate); no connection costs no try (api.offline = wait). 401, 402 and 403 stop the queue. A
 * create whose answer is unknown is held, or sent again as api.ambiguous_create says; it keeps its
 * place among the running ones. From the moment at which it is cancelled a create that is out
 * counts as unanswered, so that a crash does not lose it; its answer takes that back.
 *
 * On close those that wait for the disk go back to the queue; those that are out stay `creating`
 * for the next start to judge.
 */
#include <errno.h>
#include <string.h>

#include "engine_internal.h"
#include "pimagefs/log.h"

static void put_back(struct engine *e, struct job *job, int64_t pause)
{
	const struct error *refused = gate_refused(e->gate);

	job->due_ms = engine_now_ms(e) + pause;
	job->submitted_ms = 0;
	jobs_move(e->jobs, job, JOB_POSTPONE);
	if (refused)
		jobs_end(e->jobs, job, JOB_HOLD, refused);
}

static void on_trouble(struct engine *e, struct job *job, const struct service_answer *a)
{
	const struct settings *s = e->on.settings;
	bool offline = a->verdict == SERVICE_OFFLINE;
	bool free_try = offline && s->api.offline == CONFIG_OFFLINE_WAIT;
	bool first = gate_trouble(e->gate, a->retry_after_ms, &a->error);

	if (offline)
		job->attempts--; /* it never reached the service */
	if (first || !free_try)
		log_warn("%s: %s; trying again", job->id, a->error.message);
	if (!free_try && job->tries++ >= (unsigned)s->api.retries) {
		jobs_end(e->jobs, job, JOB_FAIL, &a->error);
		return;
	}
	job_set_error(job, &a->error); /* so that status/ says what it waits for */
	put_back(e, job, free_try ? 0 : gate_backoff_ms(e->gate, job->tries));
}

/* It may have been billed, whatever becomes of the job. */
static void count_unanswered(struct engine *e, struct job *job)
{
	job->unanswered++;
	job->unanswered_ms = job->submitted_ms;
	gate_uncertain(e->gate, job->unanswered_ms);
}

static void hold_uncertain(struct engine *e, struct job *job, const struct error *error)
{
	struct error why = *error;

	why.class = ERROR_UNCERTAIN;
	why.advice = ADVICE_RETRY_UNCERTAIN;
	jobs_end(e->jobs, job, JOB_HOLD, &why);
}

static void on_uncertain(struct engine *e, struct job *job, const struct service_answer *a)
{
	count_unanswered(e, job);
	if (e->on.settings->api.ambiguous_create == CONFIG_AMBIGUOUS_RETRY)
		on_trouble(e, job, a);
	else
		hold_uncertain(e, job, &a->error);
}

static void on_accepted(struct engine *e, struct job *job, const struct service_answer *a)
{
	struct error why;

	gate_calm(e->gate);
	if (jobs_set_prediction(e->jobs, job, a->prediction_id) < 0) {
		/* It is taken for sure, so it is never sent again, whatever the setting. */
		error_set(&why, ERROR_UNCERTAIN, "out of memory: the prediction's id is lost");
		count_unanswered(e, job);
		hold_uncertain(e, job, &why);
		return;
	}
	job->prediction_over = false;
	job_set_text(&job->link, NULL); /* of an earlier one */
	job->submitted_ms = world_wall_ms(e->on.world);
	jobs_move(e->jobs, job, JOB_ACCEPTED);
}

/* It was cancelled while the create was out, and counted as unanswered. */
static void on_late_answer(struct engine *e, struct job *job, const struct service_answer *a)
{
	bool known = a->verdict == SERVICE_ACCEPTED &&
		     jobs_set_prediction(e->jobs, job, a->prediction_id) == 0;

	if (a->verdict == SERVICE_UNCERTAIN || (a->verdict == SERVICE_ACCEPTED && !known)) {
		gate_uncertain(e->gate, job->unanswered_ms);
		return;
	}
	job->unanswered--;
	if (a->verdict == SERVICE_AUTH) /* the others would hear the same */
		gate_refuse(e->gate, &a->error);
	if (a->verdict == SERVICE_BUSY)
		gate_busy(e->gate, a->retry_after_ms);
	if (known)
		job->prediction_over = false;
	jobs_owe_cancel(e->jobs, job, known);
}

static void on_answer(struct engine *e, struct job *job, const struct service_answer *a)
{
	switch (a->verdict) {
	case SERVICE_ACCEPTED:
		on_accepted(e, job, a);
		break;
	case SERVICE_BUSY:
		gate_busy(e->gate, a->retry_after_ms);
		job_set_error(job, &a->error);
		put_back(e, job, 0);
		break;
	case SERVICE_TROUBLE:
	case SERVICE_OFFLINE:
		on_trouble(e, job, a);
		break;
	case SERVICE_UNCERTAIN:
		on_uncertain(e, job, a);
		break;
	case SERVICE_AUTH:
		gate_refuse(e->gate, &a->error);
		jobs_end(e->jobs, job, JOB_FAIL, &a->error);
		break;
	default:
		gate_calm(e->gate);
		jobs_end(e->jobs, job, JOB_FAIL, &a->error);
	}
}

static void on_created(const struct service_answer *a, void *data)
{
	struct call *c = data;
	struct engine *e = c->engine;
	int64_t sent = c->began_ms;
	struct job *job = call_land(c);

	e->afloat--;
	/* Closed by us: whether it was taken is unknown, so it stays `creating` for the next start
	 * to judge. */
	if (job && a->verdict != SERVICE_CLOSED) {
		/* The service counts from when it saw the create, which was at the latest now. */
		gate_answered(e->gate, sent);
		if (job->state == JOB_CREATING) {
			on_answer(e, job, a);
		} else {
			gate_stray(e->gate, false);
			on_late_answer(e, job, a);
		}
	}
}

/* The ledger has (not) put the job's `creating` on disk. */
static void on_stored(int r, void *data)
{
	struct call *c = data;
	struct engine *e = c->engine;
	struct job *job = c->job;
	bool wanted = job && job->state == JOB_CREATING && !e->draining;

	if (wanted && r == 0)
		r = e->on.service->create(e->on.service_self, job->model, job->input, on_created, c,
					  &c->service);
	if (wanted && r == 0) {
		e->creates++;
		e->afloat++;
		return;
	}
	call_land(
		c); /* cancelled before it left, no longer the time for it, or no way to send it */
	if (job) {
		job->attempts--;
		if (job->state == JOB_CREATING)
			put_back(e, job, wanted ? ENGINE_AGAIN_MS : 0);
	}
}

/* It was made from its sidecar, which shows no token. */
static bool refuse_masked(struct engine *e, struct job *job)
{
	struct error why;

	if (!request_is_masked(job->input))
		return false;
	error_set(&why, ERROR_INVALID,
		  "the token of this request is not known any more (the state was lost, and a "
		  "sidecar does not show it); it was not sent");
	why.advice = ADVICE_CORRECT;
	jobs_end(e->jobs, job, JOB_FAIL, &why);
	return true;
}

void create_begin(struct engine *e, struct job *job)
{
	struct call *c;
	int64_t wall;

	if (refuse_masked(e, job))
		return;
	c = call_new(e, job);
	if (!c || gate_send(e->gate, c->began_ms, &wall) < 0 ||
	    ledger_after(e->on.ledger, on_stored, c) < 0) {
		if (c)
			call_land(c);
		job->due_ms = engine_now_ms(e) + ENGINE_AGAIN_MS;
		return;
	}
	job->attempts++;
	job->submitted_ms = wall;
	jobs_move(e->jobs, job, JOB_SEND);
}
