/*
 * The life of a job, as the rest of the program asks for it. The parts: jobs keeps the tables and
 * makes every move; gate holds creates up; create, poll, download and cancel are the steps, one
 * call each; schedule says which step belongs to which state and has the only timer; recover takes
 * up what an earlier run left; reuse finds pictures that are there already; earlier counts those of
 * a name.
 *
 * Happy path: draft -> (FLUSH) registered -> (RELEASE) queued -> creating -> processing ->
 * downloading -> ready.
 *
 * Failures: every answer of the service has one meaning (service.h), and each meaning one move.
 * What has cost money is never dropped: a job with a prediction goes on with that prediction, also
 * after a retry or a restart.
 *
 * On close: engine_drain lets creates in flight be answered for a moment, engine_free ends all
 * calls; what was under way is taken up by the next start.
 */
#include "engine_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "pimagefs/clock.h"
#include "pimagefs/log.h"

/* The disk was looked at. */
static void on_library(void *data)
{
	schedule_wake(data);
}

static int build(struct engine *e)
{
	const struct settings *s = e->on.settings;
	struct gate_ground gate = {
		.world = e->on.world,
		.settings = s,
		.ledger = e->on.ledger,
		.library = e->on.library,
	};
	int r = jobs_new(&e->jobs, e->on.world, e->on.ledger);

	gate.jobs = e->jobs;
	if (r == 0)
		r = gate_new(&e->gate, &gate);
	if (r == 0)
		r = (e->pictures = map_new()) ? 0 : -ENOMEM;
	if (r == 0)
		r = earlier_init(e);
	if (r == 0)
		r = schedule_init(e);
	if (r == 0)
		r = library_listen(e->on.library, on_library, e);
	pace_poll_init(&e->poll, s->poll.first_ms, s->poll.min_ms, s->poll.max_ms);
	e->started_wall_ms = world_wall_ms(e->on.world);
	return r;
}

int engine_new(struct engine **out, const struct engine_ground *ground)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->on = *ground;
	list_init(&e->loose);
	list_init(&e->chores);
	list_init(&e->unwanted);
	r = build(e);
	if (r < 0)
		engine_free(e);
	else
		*out = e;
	return r;
}

int engine_listen(struct engine *e, jobs_fn fn, void *data)
{
	return jobs_listen(e->jobs, fn, data);
}

int engine_renew(struct engine *e)
{
	const struct settings *s = e->on.settings;
	int r = gate_renew(e->gate);

	pace_poll_set(&e->poll, s->poll.first_ms, s->poll.min_ms, s->poll.max_ms);
	schedule_wake(e);
	return r;
}

void engine_start(struct engine *e)
{
	e->started = true;
	trash_begin(e);
	schedule_wake(e);
}

static int stop_call(struct job *job, void *data)
{
	(void)data;
	call_stop(job);
	return 0;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	e->freed = e->draining = true;
	if (e->jobs) {
		ledger_sync(e->on.ledger); /* a create that waits for it goes back to the queue */
		jobs_each(e->jobs, stop_call, NULL);
	}
	list_each_safe (p, tmp, &e->loose)
		e->on.service->stop(e->on.service_self, list_entry(p, struct call, in)->service);
	trash_end(e);
	keep_end(e);
	jobs_free(e->jobs);
	gate_free(e->gate);
	map_free(e->pictures);
	map_free(e->shelves);
	schedule_release(e);
	free(e);
}

/* --- what a request file does --- */

struct job *engine_draft(struct engine *e, const char *id)
{
	return jobs_add(e->jobs, id);
}

int engine_health(const struct engine *e)
{
	return ledger_health(e->on.ledger);
}

void engine_discard(struct engine *e, struct job *job)
{
	jobs_discard(e->jobs, job);
}

void engine_filed(struct engine *e, struct job *job, void *file)
{
	job->file = file;
	jobs_show(e->jobs, job);
}

int engine_show_draft(struct engine *e, struct job *draft)
{
	int r = jobs_find(e->jobs, draft->id) ? 0 : jobs_make_current(e->jobs, draft);

	if (r == 0)
		jobs_show(e->jobs, draft);
	return r;
}

int engine_rename(struct engine *e, struct job *job, const char *id)
{
	keep_renames(e, job);
	return jobs_rename(e->jobs, job, id);
}

int engine_register(struct engine *e, struct job *draft, const struct request *request)
{
	int r = job_set_text(&draft->prompt, request->prompt);

	if (r == 0)
		r = job_set_text(&draft->model, request->model);
	if (r == 0)
		r = job_set_text(&draft->input, request->input);
	if (r == 0)
		r = job_set_text(&draft->line, request->line);
	if (r == 0)
		r = job_set_text(&draft->origins, request->origins);
	if (r == 0)
		r = jobs_make_current(e->jobs, draft);
	if (r < 0)
		return r;
	draft->has_seed = request->has_seed;
	draft->seed = request->seed;
	draft->own_seed = request->has_seed && !request->picked_seed;
	jobs_touch(e->jobs, draft);
	return 0;
}

int engine_show_set(struct engine *e, struct job *draft)
{
	int r = jobs_make_current(e->jobs, draft);

	if (r == 0)
		jobs_show(e->jobs, draft);
	return r;
}

void engine_set_of(struct engine *e, struct job *job, void *file, uint64_t number)
{
	job->file = file;
	job->set = number;
	jobs_touch(e->jobs, job);
}

void engine_step_aside(struct engine *e, struct job *job)
{
	jobs_step_aside(e->jobs, job);
}

int engine_refuse(struct engine *e, struct job *draft, const struct error *error)
{
	int r = job_set_error(draft, error);

	if (r == 0)
		r = jobs_make_current(e->jobs, draft);
	if (r < 0)
		return r;
	if (draft->state == JOB_DRAFT)
		return jobs_move(e->jobs, draft, JOB_REFUSE);
	jobs_touch(e->jobs, draft);
	return 0;
}

int engine_submit(struct engine *e, struct job *draft)
{
	const struct error *refused = gate_refused(e->gate);
	int r = jobs_make_current(e->jobs, draft); /* the one submitted last has the id */

	if (r < 0)
		return r;
	draft->order = jobs_next_order(e->jobs);
	r = jobs_move(e->jobs, draft, JOB_SUBMIT);
	if (r == 0 && !reuse_picture(e, draft) && refused)
		jobs_end(e->jobs, draft, JOB_HOLD, refused);
	return r;
}

void engine_hold_unreleased(struct engine *e, struct job *draft)
{
	struct error why;

	error_set(&why, ERROR_INTERRUPTED,
		  "pimagefs ended while this request was still being written; it was not sent");
	why.advice = ADVICE_SEND;
	jobs_end(e->jobs, draft, JOB_HOLD, &why);
}

/* --- looking --- */

struct job *engine_find(const struct engine *e, const char *id)
{
	return jobs_find(e->jobs, id);
}

struct job *engine_find_number(const struct engine *e, uint64_t number)
{
	return jobs_find_number(e->jobs, number);
}

struct job *engine_find_prediction(const struct engine *e, const char *prediction_id)
{
	return jobs_find_prediction(e->jobs, prediction_id);
}

int engine_each(struct engine *e, int (*fn)(struct job *job, void *data), void *data)
{
	return jobs_each(e->jobs, fn, data);
}

int engine_each_picture(struct engine *e, int (*fn)(struct job *job, void *data), void *data)
{
	return jobs_each_picture(e->jobs, fn, data);
}

int engine_may_accept(const struct engine *e)
{
	return gate_may_accept(e->gate);
}

int engine_may_take(const struct engine *e, size_t n, size_t registered, struct error *err)
{
	return gate_may_take(e->gate, n, registered, err);
}

bool engine_waits_for(const struct engine *e, const struct job *job, struct error *why)
{
	enum gate_hold hold = gate_waits_for(e->gate, why);
	/* What its own create was told says more. */
	bool known = job->error && (hold == GATE_BUSY || hold == GATE_TROUBLE);

	return job->state == JOB_QUEUED && hold != GATE_OPEN && hold != GATE_FULL && !known;
}

unsigned engine_queue_position(const struct engine *e, struct job *job)
{
	return jobs_position(e->jobs, job);
}

int64_t engine_wall_ms(const struct engine *e)
{
	return world_wall_ms(e->on.world);
}

/* --- numbers --- */

static int earlier(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void latencies(const struct engine *e, struct engine_stats *out)
{
	unsigned n = e->latencies < ENGINE_LATENCIES ? e->latencies : ENGINE_LATENCIES;
	int64_t sorted[ENGINE_LATENCIES];

	out->latencies = n;
	if (!n)
		return;
	for (unsigned i = 0; i < n; i++)
		sorted[i] = e->latencies_ms[i];
	qsort(sorted, n, sizeof(*sorted), earlier);
	out->latency_p50_ms = sorted[n / 2];
	out->latency_p90_ms = sorted[n * 9 / 10];
	out->latency_p99_ms = sorted[n * 99 / 100];
	out->latency_max_ms = sorted[n - 1];
}

void engine_stats(struct engine *e, struct engine_stats *out)
{
	*out = (struct engine_stats){
		.uptime_s = (world_wall_ms(e->on.world) - e->started_wall_ms) / 1000,
		.creates = e->creates,
		.polls = e->polls,
		.downloads = e->downloads,
		.commits = ledger_commits(e->on.ledger),
		.cost = e->cost,
		.latency_count = e->latencies,
		.latency_sum_ms = e->latency_sum_ms,
	};
	for (int s = 0; s < JOB_STATES; s++)
		out->states[s] = jobs_count(e->jobs, s);
	latencies(e, out);
	gate_numbers(e->gate, &out->gate);
	gate_waits_for(e->gate, &out->stopped);
}
