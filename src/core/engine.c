/*
 * The life of a job. This file keeps the jobs, their names, and every change of state; turn.c has
 * the timer, queue.c sends creates, watch.c polls, fetch.c downloads, recover.c takes up what an
 * earlier run left, spend.c keeps the day's budget, reuse.c finds pictures that are there already,
 * stats.c counts.
 *
 * Happy path: draft -> (FLUSH) registered -> (RELEASE) queued -> creating, once that is durable and
 * the limits allow -> processing -> downloading -> ready. engine_turn looks at all that is due and
 * sets the one timer.
 *
 * Failures: every answer of the service has one meaning (api.h), and each meaning one move. What
 * has cost money is never dropped: a job with a prediction goes on with that prediction, also after
 * a retry or a restart.
 *
 * On close: engine_drain lets creates in flight be answered for a moment, engine_free ends all
 * calls; what was under way is taken up by the next start.
 */
#include "engine_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/clock.h"
#include "pimagefs/log.h"

int engine_new(struct engine **out, const struct engine_ground *ground)
{
	const struct settings *s = ground->settings;
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->on = *ground;
	list_init(&e->queue);
	list_init(&e->active);
	list_init(&e->loose);
	e->numbers = map_new();
	e->currents = map_new();
	e->predictions = map_new();
	e->pictures = map_new();
	if (!e->numbers || !e->currents || !e->predictions || !e->pictures ||
	    pace_window_init(&e->window, s->limits.creates_per_minute,
			     s->limits.window_s * 1000LL + ENGINE_SLACK_MS) < 0) {
		map_free(e->numbers);
		map_free(e->currents);
		map_free(e->predictions);
		map_free(e->pictures);
		free(e);
		return -ENOMEM;
	}
	pace_width_init(&e->width, s->limits.concurrent);
	pace_poll_init(&e->poll, s->poll.first_ms, s->poll.min_ms, s->poll.max_ms);
	spend_init(e);
	e->started_wall_ms = clock_wall_ms();
	e->tick.data = e->grace.data = e;
	e->open_handles = 2;
	uv_timer_init(ground->loop, &e->tick);
	uv_timer_init(ground->loop, &e->grace);
	*out = e;
	return 0;
}

void engine_start(struct engine *e)
{
	e->started = true;
	engine_turn(e);
}

static int free_job(void *value, void *data)
{
	struct engine *e = data;
	struct job *job = value;

	e->on.changed(job, true, e->on.changed_data);
	map_remove_u64(e->numbers, job->number);
	list_remove(&job->link_in);
	list_remove(&job->dirty_in);
	list_remove(&job->twins);
	job_free(job);
	return 0;
}

static int stop_flight(void *value, void *data)
{
	(void)data;
	flight_stop(value);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct engine *e = handle->data;

	if (--e->open_handles)
		return;
	free(e);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	e->freed = e->draining = true;
	ledger_sync(e->on.ledger); /* a create that waits for it goes back to the queue */
	map_each(e->numbers, stop_flight, NULL);
	list_each_safe (p, tmp, &e->loose)
		e->on.ops->stop(e->on.api, list_entry(p, struct flight, in)->call);
	map_each(e->numbers, free_job, e);
	map_free(e->numbers);
	map_free(e->currents);
	map_free(e->predictions);
	map_free(e->pictures);
	pace_window_release(&e->window);
	free(e->stopped);
	uv_close((uv_handle_t *)&e->tick, on_closed);
	uv_close((uv_handle_t *)&e->grace, on_closed);
}

/* --- the tables --- */

int engine_adopt(struct engine *e, struct job *job)
{
	int r = map_set_u64(e->numbers, job->number, job);

	if (r < 0)
		return r;
	if (job->number > e->last_number)
		e->last_number = job->number;
	if (job->order > e->last_order)
		e->last_order = job->order;
	e->count[job->state]++;
	spend_count(e, job);
	return 0;
}

struct job *engine_draft(struct engine *e, const char *id)
{
	struct job *job = job_new(e->last_number + 1, id, clock_wall_ms());

	if (job && engine_adopt(e, job) < 0) {
		job_free(job);
		return NULL;
	}
	return job;
}

void engine_discard(struct engine *e, struct job *job)
{
	if (job->current)
		map_remove(e->currents, job->id);
	ledger_forget_job(e->on.ledger, job);
	e->count[job->state]--;
	free_job(job, e);
}

static void step_down(struct engine *e, struct job *job)
{
	job->current = false;
	if (job->state == JOB_DRAFT || job->state == JOB_INVALID) {
		/* its text is gone, and it never cost anything: nobody can ask for it again */
		if (!job->filed) {
			engine_discard(e, job);
			return;
		}
		ledger_forget_job(e->on.ledger, job);
	} else {
		ledger_job(e->on.ledger, job);
	}
	e->on.changed(job, false, e->on.changed_data);
}

int engine_make_current(struct engine *e, struct job *job)
{
	struct job *old = map_get(e->currents, job->id);
	int r = old == job ? 0 : map_set(e->currents, job->id, job);

	if (r < 0)
		return r;
	if (old && old != job)
		step_down(e, old);
	job->current = true;
	return 0;
}

void engine_filed(struct engine *e, struct job *job, bool filed)
{
	job->filed = filed;
	e->on.changed(job, false, e->on.changed_data);
}

int engine_show_draft(struct engine *e, struct job *draft)
{
	int r = map_get(e->currents, draft->id) ? 0 : engine_make_current(e, draft);

	if (r == 0)
		e->on.changed(draft, false, e->on.changed_data);
	return r;
}

int engine_rename(struct engine *e, struct job *job, const char *id)
{
	char *copy = strdup(id), *old = job->id;
	int r;

	if (!copy)
		return -ENOMEM;
	job->id = copy;
	r = engine_make_current(e, job);
	if (r < 0) {
		job->id = old;
		free(copy);
		return r;
	}
	if (map_get(e->currents, old) == job && strcmp(old, copy) != 0)
		map_remove(e->currents, old);
	free(old);
	engine_touch(e, job);
	return 0;
}

struct job *engine_find(const struct engine *e, const char *id)
{
	return map_get(e->currents, id);
}

struct job *engine_find_number(const struct engine *e, uint64_t number)
{
	return map_get_u64(e->numbers, number);
}

struct job *engine_find_prediction(const struct engine *e, const char *prediction_id)
{
	return map_get(e->predictions, prediction_id);
}

void engine_note_prediction(struct engine *e, struct job *job)
{
	/* Without the entry only images/<predictionID>.png is missing; the job itself goes on. */
	if (job->prediction_id && map_set(e->predictions, job->prediction_id, job) < 0)
		log_warn("out of memory: no name by prediction id for %s", job->id);
}

/* --- changes --- */

void engine_touch(struct engine *e, struct job *job)
{
	spend_count(e, job);
	ledger_job(e->on.ledger, job);
	e->on.changed(job, false, e->on.changed_data);
}

int engine_move(struct engine *e, struct job *job, enum job_event event)
{
	enum job_state before = job->state;
	int r = job_move(job, event);

	if (r < 0)
		return r;
	e->count[before]--;
	e->count[job->state]++;
	if (before == JOB_CREATING)
		e->creating--;
	if (job->state == JOB_CREATING)
		e->creating++;
	if (job->state == JOB_PROCESSING || job->state == JOB_DOWNLOADING ||
	    job->state == JOB_READY)
		job_set_error(job, NULL); /* what it waited for has come */
	if (job->state == JOB_READY)
		reuse_offer(e, job);
	log_debug("%s: %s", job->id, job_state_name(job->state));
	engine_touch(e, job);
	return 0;
}

void engine_end(struct engine *e, struct job *job, enum job_event event, const struct error *error)
{
	list_remove(&job->link_in);
	if (job_set_error(job, error) < 0)
		log_warn("out of memory: the reason of %s is lost", job->id);
	job->completed_ms = clock_wall_ms();
	engine_move(e, job, event);
	log_info("%s: %s: %s", job->id, job_state_name(job->state), error->message);
}

int engine_register(struct engine *e, struct job *draft, const struct request *request)
{
	int r = job_set_text(&draft->prompt, request->prompt);

	if (r == 0)
		r = job_set_text(&draft->input, request->input);
	if (r == 0)
		r = engine_make_current(e, draft);
	if (r < 0)
		return r;
	draft->has_seed = request->has_seed;
	draft->seed = request->seed;
	draft->own_seed = request->has_seed && !request->picked_seed;
	engine_touch(e, draft);
	return 0;
}

int engine_refuse(struct engine *e, struct job *draft, const struct error *error)
{
	int r = job_set_error(draft, error);

	if (r == 0)
		r = engine_make_current(e, draft);
	if (r < 0)
		return r;
	if (draft->state == JOB_DRAFT)
		return engine_move(e, draft, JOB_REFUSE);
	engine_touch(e, draft);
	return 0;
}

int engine_submit(struct engine *e, struct job *draft)
{
	int r = engine_make_current(e, draft); /* the one submitted last has the id */

	if (r == 0)
		r = engine_move(e, draft, JOB_SUBMIT);
	if (r < 0)
		return r;
	draft->order = ++e->last_order;
	draft->since_ms = clock_mono_ms();
	if (reuse_picture(e, draft))
		return 0;
	if (e->stopped) {
		engine_end(e, draft, JOB_HOLD, e->stopped);
		return 0;
	}
	queue_insert(e, draft);
	engine_turn(e);
	return 0;
}

void engine_hold_unreleased(struct engine *e, struct job *draft)
{
	struct error why;

	error_set(&why, ERROR_INTERRUPTED,
		  "pimagefs ended while this request was still being written; it was not sent");
	error_hint(&why, "to send it as it is: echo 'retry %s' > control/ctl; or write it again",
		   draft->id);
	engine_end(e, draft, JOB_HOLD, &why);
}

/* --- what the user may ask --- */

int engine_cancel(struct engine *e, struct job *job)
{
	struct error why;

	if (!job_may(job, JOB_CANCEL))
		return -EINVAL;
	error_set(&why, ERROR_CANCELLED, "cancelled");
	if (job->state == JOB_PROCESSING)
		watch_cancel_at_service(e, job);
	/* A create in flight flies on: its answer tells the id to cancel. */
	if (job->state != JOB_CREATING)
		flight_stop(job);
	engine_end(e, job, JOB_CANCEL, &why);
	engine_turn(e);
	return 0;
}

static void forget_reason(struct engine *e, struct job *job)
{
	job_set_error(job, NULL);
	job->completed_ms = 0;
	job->dismissed = false;
	job->tries = 0;
	job->relinks = 0;
	job->due_ms = 0;
	job->since_ms = clock_mono_ms();
	if (e->stopped)
		log_info("the queue goes on");
	free(e->stopped);
	e->stopped = NULL;
}

int engine_retry(struct engine *e, struct job *job)
{
	bool resume = job->prediction_id && !job->prediction_over;

	/* A cancelled create may still be in flight; its answer must not meet a second one. */
	if (!job_retryable(job) || !job->input || job->call)
		return -EINVAL;
	forget_reason(e, job);
	if (resume) {
		engine_move(e, job, JOB_RESUME);
		watch_begin(e, job);
		job->due_ms = 0;
	} else {
		job->cost_usd = -1; /* the earlier prediction's stays in the sum */
		job->order = ++e->last_order;
		engine_move(e, job, JOB_RETRY);
		queue_insert(e, job);
	}
	engine_turn(e);
	return 0;
}

static int cancel_one(void *value, void *data)
{
	engine_cancel(data, value);
	return 0;
}

void engine_cancel_all(struct engine *e)
{
	map_each(e->numbers, cancel_one, e);
}

static int retry_one(void *value, void *data)
{
	struct job *job = value;
	bool failed = job->state == JOB_FAILED || job->state == JOB_HELD;
	enum error_class class = job->error ? job->error->class : ERROR_NONE;

	if (job->current && failed && class != ERROR_UNCERTAIN && class != ERROR_INTERRUPTED)
		engine_retry(data, job);
	return 0;
}

void engine_retry_failed(struct engine *e)
{
	map_each(e->numbers, retry_one, e);
}

int engine_pause(struct engine *e, bool paused)
{
	bool lift = !paused && !e->paused;
	int r = lift ? spend_lift(e) : 0;

	if (r == 0)
		r = ledger_fact(e->on.ledger, "paused", paused ? "yes" : NULL);
	if (r < 0)
		return r;
	e->paused = paused;
	log_info("creates are %s", paused ? "paused" : "allowed again");
	engine_turn(e);
	return 0;
}

int engine_dismiss(struct engine *e, struct job *job)
{
	int r = 0;

	if (job->state == JOB_READY && job->picture_path)
		r = library_remove(e->on.library, job->picture_path);
	if (r < 0)
		return r;
	job->dismissed = true;
	if (job_pending(job))
		return engine_cancel(e, job);
	engine_touch(e, job);
	return 0;
}

int engine_may_accept(const struct engine *e)
{
	unsigned waiting = e->count[JOB_DRAFT] + e->count[JOB_QUEUED] + e->count[JOB_CREATING] +
			   e->count[JOB_PROCESSING] + e->count[JOB_DOWNLOADING];

	if (waiting >= (unsigned)e->on.settings->limits.queue)
		return -ENOSPC;
	if (budget_is_used_up(&e->budget, clock_wall_ms()))
		return -EDQUOT;
	if (ledger_health(e->on.ledger) < 0)
		return ledger_health(e->on.ledger);
	return library_may_write(e->on.library, e->on.settings->limits.min_free_bytes);
}
