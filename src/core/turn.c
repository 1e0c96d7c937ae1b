/*
 * The engine's one timer, its flights (calls under way), and what holds everything up at once.
 *
 * Happy path: engine_turn takes each step that is due, pumps the queue and sets the timer for the
 * next due moment. A flight ties a call to its job; landing it frees it.
 *
 * Failures: a call that cannot even start is tried again after a backoff by its owner.
 * On close: while draining only creates in flight matter; when there are none, the drain is over.
 */
#include <stdlib.h>
#include <string.h>

#include "engine_internal.h"
#include "pimagefs/clock.h"
#include "pimagefs/log.h"
#include "pimagefs/rng.h"

static void on_tick(uv_timer_t *timer)
{
	engine_turn(timer->data);
}

void engine_due(int64_t *next, int64_t at)
{
	if (*next < 0 || at < *next)
		*next = at;
}

static bool is_stepped(const struct job *job)
{
	return !job->call && (job->state == JOB_PROCESSING || job->state == JOB_DOWNLOADING);
}

static void take_steps(struct engine *e, int64_t now)
{
	list_each_safe (p, tmp, &e->active) {
		struct job *job = list_entry(p, struct job, link_in);

		if (!is_stepped(job) || job->due_ms > now)
			continue;
		if (job->state == JOB_PROCESSING)
			watch_step(e, job);
		else
			fetch_step(e, job);
	}
}

static void set_timer(struct engine *e, int64_t now, int64_t next)
{
	if (next < 0)
		uv_timer_stop(&e->tick);
	else
		uv_timer_start(&e->tick, on_tick, next > now ? (uint64_t)(next - now) : 0, 0);
}

static void finish_drain(struct engine *e)
{
	void (*drained)(void *data) = e->drained;

	e->drained = NULL;
	uv_timer_stop(&e->grace);
	if (drained)
		drained(e->drained_data);
}

static void on_grace(uv_timer_t *timer)
{
	struct engine *e = timer->data;

	log_warn("%u creates are still without an answer; the next start shows them as uncertain",
		 e->creating);
	finish_drain(e);
}

static void on_drained(uv_timer_t *timer)
{
	finish_drain(timer->data);
}

/* Creates are out, or on their way there, or cancels of what would otherwise be billed. */
static bool is_drained(const struct engine *e)
{
	return !e->creating && !e->afloat && list_empty(&e->loose);
}

void engine_drain(struct engine *e, void (*drained)(void *data), void *data)
{
	e->draining = true;
	e->drained = drained;
	e->drained_data = data;
	uv_timer_start(&e->grace, on_grace, e->on.settings->api.grace_s * 1000ULL, 0);
	if (e->creating)
		log_info("waiting for the answers to %u creates", e->creating);
	engine_turn(e);
}

void engine_turn(struct engine *e)
{
	int64_t now = clock_mono_ms(), next = -1;

	if (!e->started || e->freed)
		return;
	if (e->draining) {
		if (is_drained(e)) /* by the timer, for we may be deep inside a caller */
			uv_timer_start(&e->tick, on_drained, 0, 0);
		return;
	}
	take_steps(e, now);
	queue_pump(e, now, &next);
	list_each (p, &e->active) {
		struct job *job = list_entry(p, struct job, link_in);

		if (is_stepped(job))
			engine_due(&next, job->due_ms);
	}
	set_timer(e, now, next);
}

struct flight *flight_new(struct engine *e, struct job *job)
{
	struct flight *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->engine = e;
	f->job = job;
	f->began_ms = clock_mono_ms();
	list_init(&f->in);
	if (job)
		job->call = f;
	else
		list_append(&e->loose, &f->in);
	return f;
}

struct job *flight_land(struct flight *f)
{
	struct job *job = f->job;

	if (job)
		job->call = NULL;
	list_remove(&f->in);
	library_drop(f->draft);
	free(f);
	return job;
}

void flight_stop(struct job *job)
{
	struct flight *f = job->call;

	if (!f)
		return;
	job->call = NULL;
	f->job = NULL; /* its answer is nobody's now */
	list_append(&f->engine->loose, &f->in);
	if (f->call)
		f->engine->on.ops->stop(f->engine->on.api, f->call);
	else
		flight_land(f);
}

int64_t engine_backoff(const struct engine *e, unsigned tries)
{
	return pace_backoff(tries, ENGINE_BACKOFF_MS, e->on.settings->api.retry_max_s * 1000LL,
			    rng_u64());
}

static void put_off(int64_t *until, int64_t at)
{
	if (at > *until)
		*until = at;
}

void engine_busy(struct engine *e, const struct api_answer *answer)
{
	int64_t pause = answer->retry_after_ms, now = clock_mono_ms();

	e->busy_answers++;
	if (now >= e->busy_until_ms) /* once for a burst of them */
		pace_width_busy(&e->width);
	if (pause < 0) {
		/* Spread by a tenth, so that clients that share a key do not come back together. */
		pause = e->on.settings->api.busy_pause_s * 1000LL;
		pause += (int64_t)rng_below(pause / 10 + 1);
	}
	put_off(&e->busy_until_ms, now + pause);
	log_warn("the service says that there are too many requests; no creates for %lld s",
		 (long long)(pause + 999) / 1000);
}

void engine_stop_queue(struct engine *e, const struct error *error)
{
	struct error *copy = malloc(sizeof(*copy));

	if (copy) {
		*copy = *error;
		free(e->stopped);
		e->stopped = copy;
	}
	log_error("nothing more is sent: %s", error->message);
	list_each_safe (p, tmp, &e->queue)
		engine_end(e, list_entry(p, struct job, link_in), JOB_HOLD, error);
}
