/*
 * The queue: which job may be created now, and what the answer to its create means.
 *
 * Happy path: the first job whose pause is over moves to `creating` when neither the window nor the
 * width nor a pause of all forbids it; once the ledger has that on disk (with the seed), the POST
 * goes out; its answer has the prediction id.
 *
 * Failures: 429 pauses all creates and narrows the width; 5xx puts the job back with a backoff;
 * while creates keep failing only one at a time is tried, so that an outage does not burn every
 * job's tries; no connection costs no try (api.offline = wait). 401/403 holds the queue. A create
 * whose answer is unknown is held, or sent again as api.ambiguous_create says.
 *
 * On close no new create starts; those in flight are waited for by engine_drain.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine_internal.h"
#include "pimagefs/clock.h"
#include "pimagefs/log.h"

void queue_insert(struct engine *e, struct job *job)
{
	struct list *pos = &e->queue;

	while (pos->prev != &e->queue &&
	       list_entry(pos->prev, struct job, link_in)->order > job->order)
		pos = pos->prev;
	list_insert_before(pos, &job->link_in);
}

/* Creating and processing count: what the service is busy with for us. */
static unsigned running(const struct engine *e)
{
	return e->count[JOB_CREATING] + e->count[JOB_PROCESSING];
}

static bool has_room(const struct engine *e)
{
	return running(e) < e->width.now && !(e->trouble && e->creating);
}

static struct job *next_job(struct engine *e, int64_t now, int64_t *next)
{
	list_each (p, &e->queue) {
		struct job *job = list_entry(p, struct job, link_in);

		if (job->due_ms <= now)
			return job;
		engine_due(next, job->due_ms);
	}
	return NULL;
}

static void create(int r, void *data);

static void send_next(struct engine *e, struct job *job)
{
	int64_t wall = clock_wall_ms();
	struct flight *f = flight_new(e, job);

	if (!f || ledger_create_sent(e->on.ledger, wall, wall - e->window.window_ms) < 0 ||
	    ledger_after(e->on.ledger, create, f) < 0) {
		if (f)
			flight_land(f);
		job->due_ms = clock_mono_ms() + ENGINE_BACKOFF_MS;
		return;
	}
	list_remove(&job->link_in);
	list_append(&e->active, &job->link_in);
	pace_window_add(&e->window, wall);
	job->attempts++;
	job->submitted_ms = wall; /* also the event's name in the window */
	engine_move(e, job, JOB_SEND);
}

void queue_pump(struct engine *e, int64_t now, int64_t *next)
{
	int64_t wait;
	struct job *job;

	if (e->paused || e->stopped || list_empty(&e->queue))
		return;
	if (e->busy_until_ms > now || e->quiet_until_ms > now) {
		engine_due(next, e->busy_until_ms > e->quiet_until_ms ? e->busy_until_ms
								      : e->quiet_until_ms);
		return;
	}
	/* What cannot be noted is not sent; trying would only pile up notes. */
	if (ledger_health(e->on.ledger) < 0) {
		engine_due(next, now + ENGINE_BACKOFF_MS);
		return;
	}
	while (has_room(e) && (job = next_job(e, now, next)) && spend_may(e, now, next)) {
		wait = pace_window_wait(&e->window, clock_wall_ms());
		if (wait > 0) {
			engine_due(next, now + wait);
			return;
		}
		send_next(e, job);
	}
}

static void put_back(struct engine *e, struct job *job, int64_t pause)
{
	list_remove(&job->link_in);
	job->due_ms = clock_mono_ms() + pause;
	job->submitted_ms = 0;
	engine_move(e, job, JOB_POSTPONE);
	if (e->stopped)
		engine_end(e, job, JOB_HOLD, e->stopped);
	else
		queue_insert(e, job);
}

static void on_trouble(struct engine *e, struct job *job, const struct api_answer *a)
{
	bool free_try = a->verdict == API_OFFLINE &&
			e->on.settings->api.offline == CONFIG_OFFLINE_WAIT;
	int64_t pause = engine_backoff(e, e->trouble);

	if (a->verdict == API_OFFLINE)
		job->attempts--; /* it never reached the service */
	if (a->retry_after_ms > pause)
		pause = a->retry_after_ms;
	if (e->trouble < 16)
		e->trouble++;
	e->quiet_until_ms = clock_mono_ms() + pause;
	if (e->trouble == 1 || !free_try)
		log_warn("%s: %s; trying again", job->id, a->error.message);
	if (!free_try && job->tries++ >= (unsigned)e->on.settings->api.retries) {
		engine_end(e, job, JOB_FAIL, &a->error);
		return;
	}
	job_set_error(job, &a->error); /* so that status/ says what it waits for */
	put_back(e, job, free_try ? 0 : engine_backoff(e, job->tries));
}

/* It may have been billed, whatever becomes of the job. */
static void note_unanswered(struct job *job)
{
	job->unanswered++;
	job->unanswered_ms = job->submitted_ms;
}

static void hold_uncertain(struct engine *e, struct job *job, const struct error *error)
{
	struct error why = *error;

	why.class = ERROR_UNCERTAIN;
	error_hint(
		&why,
		"it may have been made and billed; to send it again: echo 'retry %s' > control/ctl",
		job->id);
	engine_end(e, job, JOB_HOLD, &why);
}

static void on_uncertain(struct engine *e, struct job *job, const struct api_answer *a)
{
	note_unanswered(job);
	if (e->on.settings->api.ambiguous_create == CONFIG_AMBIGUOUS_RETRY)
		on_trouble(e, job, a);
	else
		hold_uncertain(e, job, &a->error);
}

static void on_accepted(struct engine *e, struct job *job, const struct api_answer *a)
{
	struct error why;

	e->trouble = 0;
	if (job_set_text(&job->prediction_id, a->prediction_id) < 0) {
		/* It is taken for sure, so it is never sent again, whatever the setting. */
		error_set(&why, ERROR_UNCERTAIN, "out of memory: the prediction's id is lost");
		note_unanswered(job);
		hold_uncertain(e, job, &why);
		return;
	}
	engine_note_prediction(e, job);
	job->prediction_over = false;
	job->submitted_ms = clock_wall_ms();
	engine_move(e, job, JOB_ACCEPTED);
	watch_begin(e, job);
}

/* It was cancelled while the create was out: the answer tells what to cancel. */
static void on_late_answer(struct engine *e, struct job *job, const struct api_answer *a)
{
	if (a->verdict == API_UNCERTAIN) {
		note_unanswered(job);
		engine_touch(e, job);
	}
	if (a->verdict != API_ACCEPTED || job_set_text(&job->prediction_id, a->prediction_id) < 0)
		return;
	engine_note_prediction(e, job);
	watch_cancel_at_service(e, job);
	engine_touch(e, job);
}

static void on_answer(struct engine *e, struct job *job, const struct api_answer *a)
{
	switch (a->verdict) {
	case API_ACCEPTED:
		on_accepted(e, job, a);
		break;
	case API_BUSY:
		engine_busy(e, a);
		job_set_error(job, &a->error);
		put_back(e, job, 0);
		break;
	case API_TROUBLE:
	case API_OFFLINE:
		on_trouble(e, job, a);
		break;
	case API_UNCERTAIN:
		on_uncertain(e, job, a);
		break;
	case API_AUTH:
		engine_end(e, job, JOB_FAIL, &a->error);
		engine_stop_queue(e, &a->error);
		break;
	default:
		e->trouble = 0;
		engine_end(e, job, JOB_FAIL, &a->error);
	}
}

static void on_created(const struct api_answer *a, void *data)
{
	struct flight *f = data;
	struct engine *e = f->engine;
	struct job *job = flight_land(f);

	e->afloat--;
	/* Closed by us: whether it was taken is unknown, so it stays `creating` for the next start
	 * to judge. */
	if (!job || a->verdict == API_CLOSED)
		return;
	/* The service counts from when it saw the create, which was at the latest now. */
	pace_window_move(&e->window, job->submitted_ms, clock_wall_ms());
	if (job->state == JOB_CREATING)
		on_answer(e, job, a);
	else
		on_late_answer(e, job, a);
	engine_turn(e);
}

static char *create_body(const struct engine *e, const struct job *job)
{
	json_t *input = json_loads(job->input, 0, NULL), *body;
	char *text;

	body = json_pack("{s:s, s:o}", "model", request_model(e->on.rules), "input", input);
	text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	return text;
}

/* The ledger has (not) put the job's `creating` on disk. */
static void create(int r, void *data)
{
	struct flight *f = data;
	struct engine *e = f->engine;
	struct job *job = f->job;
	char *body = NULL;

	if (!job || job->state != JOB_CREATING || e->draining) {
		flight_land(f); /* cancelled before it left, or no longer the time for it */
		if (job)
			job->attempts--;
		if (job && job->state == JOB_CREATING)
			put_back(e, job, 0);
		engine_turn(e);
		return;
	}
	if (r == 0)
		r = (body = create_body(e, job)) ? 0 : -ENOMEM;
	if (r == 0)
		r = e->on.ops->create(e->on.api, body, on_created, f, &f->call);
	e->creates += r == 0;
	e->afloat += r == 0;
	if (body) {
		explicit_bzero(body, strlen(body));
		free(body);
	}
	if (r < 0) {
		flight_land(f);
		job->attempts--;
		put_back(e, job, ENGINE_BACKOFF_MS);
		engine_turn(e);
	}
}
