/*
 * The schedule: which step belongs to which state, and when it is due.
 *
 * Happy path: a job that comes into a state enters its step; the one timer wakes when the next job
 * is due, and begins what is due, as far as each step may: creates as the gate allows, downloads as
 * there is room. Whatever changes something wakes it.
 *
 * Failures: none of its own; what a step could not begin it has put off.
 *
 * On close: while draining nothing begins; when no create is out, no picture is being kept and no
 * cancel is under way, or at the latest after api.grace, the drain is over.
 */
#include <errno.h>

#include "engine_internal.h"
#include "pimagefs/log.h"

/* May one more begin? If not, *next may become when to look again. */
typedef bool (*may_fn)(struct engine *e, int64_t now, int64_t *next);

struct step {
	void (*enter)(struct engine *e, struct job *job); /* NULL: nothing to prepare */
	void (*begin)(struct engine *e, struct job *job);
	may_fn may; /* NULL: always */
};

static void due(int64_t *next, int64_t at)
{
	if (*next < 0 || at < *next)
		*next = at;
}

static bool may_create(struct engine *e, int64_t now, int64_t *next)
{
	int64_t wait_ms;

	if (gate_look(e->gate, &wait_ms) == GATE_OPEN)
		return true;
	if (wait_ms >= 0)
		due(next, now + wait_ms);
	return false;
}

static bool may_download(struct engine *e, int64_t now, int64_t *next)
{
	(void)now;
	(void)next; /* the end of another download wakes the schedule */
	return download_may_begin(e);
}

static const struct step steps[JOB_STATES] = {
	[JOB_QUEUED] = { NULL, create_begin, may_create },
	[JOB_PROCESSING] = { poll_enter, poll_begin, NULL },
	[JOB_DOWNLOADING] = { download_enter, download_begin, may_download },
	[JOB_READY] = { reuse_offer, NULL, NULL },
	[JOB_FAILED] = { NULL, cancel_begin, NULL },    /* those that owe a cancel */
	[JOB_CANCELLED] = { NULL, cancel_begin, NULL }, /* the same */
};

/* Begin each job of a list whose time has come; *next becomes the earliest of the others. */
static void begin_due(struct engine *e, struct list *list, int64_t now, int64_t *next)
{
	list_each_safe (p, tmp, list) {
		struct job *job = list_entry(p, struct job, link_in);
		const struct step *step = &steps[job->state];

		if (job->call || !step->begin)
			continue;
		if (job->due_ms <= now && step->may && !step->may(e, now, next)) {
			if (job->state == JOB_QUEUED)
				return; /* what holds up one create holds up all */
			continue;
		}
		if (job->due_ms <= now)
			step->begin(e, job);
		if (!job->call && steps[job->state].begin)
			due(next, job->due_ms);
	}
}

static void look(void *data)
{
	struct engine *e = data;
	int64_t now = engine_now_ms(e), next = -1, wait_ms;

	if (!e->started || e->freed || e->draining)
		return;
	begin_due(e, jobs_owing(e->jobs), now, &next);
	begin_due(e, jobs_active(e->jobs), now, &next);
	begin_due(e, jobs_queue(e->jobs), now, &next);
	wait_ms = gate_watch(e->gate);
	if (wait_ms >= 0)
		due(&next, now + wait_ms);
	if (next >= 0)
		e->on.world->timer_start(e->tick, next - now);
}

/* --- the end --- */

static void finish_drain(struct engine *e)
{
	void (*drained)(void *data) = e->drained;

	e->drained = NULL;
	e->on.world->timer_stop(e->grace);
	if (drained)
		drained(e->drained_data);
}

static void on_grace(void *data)
{
	struct engine *e = data;

	if (e->afloat)
		log_warn("%u creates are still without an answer; the next start shows them as "
			 "uncertain",
			 e->afloat);
	if (e->keeping)
		log_warn("%u pictures could not be kept in time: the library's disk does not "
			 "answer; the next start downloads them again",
			 e->keeping);
	finish_drain(e);
}

static bool is_cancelling(const struct engine *e)
{
	list_each (p, jobs_owing(e->jobs))
		if (list_entry(p, struct job, link_in)->call)
			return true;
	return !list_empty(&e->loose);
}

/* Creates are out, or on their way there, or pictures on theirs to the disk, or cancels of what
 * would otherwise be billed. */
static bool is_drained(const struct engine *e)
{
	return !jobs_count(e->jobs, JOB_CREATING) && !e->afloat && !e->keeping && !is_cancelling(e);
}

static void on_tick(void *data)
{
	struct engine *e = data;

	if (!e->draining)
		look(e);
	else if (is_drained(e))
		finish_drain(e);
}

void engine_drain(struct engine *e, void (*drained)(void *data), void *data)
{
	unsigned creating = jobs_count(e->jobs, JOB_CREATING);

	e->draining = true;
	e->drained = drained;
	e->drained_data = data;
	e->on.world->timer_start(e->grace, e->on.settings->api.grace_s * 1000LL);
	if (creating)
		log_info("waiting for the answers to %u creates", creating);
	schedule_wake(e);
}

/* --- what wakes it --- */

void schedule_wake(struct engine *e)
{
	/* By the timer, for we may be deep inside a caller. */
	if (e->started && !e->freed)
		e->on.world->timer_start(e->tick, 0);
}

static void on_job(struct job *job, enum jobs_change change, void *data)
{
	struct engine *e = data;

	if (change == JOBS_MOVED && steps[job->state].enter)
		steps[job->state].enter(e, job);
	/* A move may have made room for another job. */
	if (change == JOBS_MOVED ||
	    (change == JOBS_CHANGED && (steps[job->state].begin || e->draining)))
		schedule_wake(e);
}

int schedule_init(struct engine *e)
{
	const struct world *w = e->on.world;

	e->tick = w->timer_new(w->self, on_tick, e);
	e->grace = w->timer_new(w->self, on_grace, e);
	return e->tick && e->grace ? jobs_listen(e->jobs, on_job, e) : -ENOMEM;
}

void schedule_release(struct engine *e)
{
	e->on.world->timer_free(e->tick);
	e->on.world->timer_free(e->grace);
}
