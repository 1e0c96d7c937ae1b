/*
 * What the user asks is on disk before it is done.
 *
 * Happy path: the jobs are chosen whose state allows the wish; their rows are written as it will
 * make them, in one commit with all that was dirty before (a file that goes along); the jobs
 * themselves are as they were meanwhile, and nobody hears of it; then the wish is done (wishes.c).
 *
 * Failures: what could not be stored is not done, and the rows say again what is so. A create that
 * was to leave with that commit goes back to the queue.
 */
#include <errno.h>
#include <stdlib.h>

#include "engine_internal.h"

/* What a wish changes of a job's row, as it was. */
struct before {
	struct job *job;
	enum job_state state;
	struct error *error;
	bool dismissed, cancel_owed;
	unsigned unanswered;
	int64_t unanswered_ms, completed_ms;
	double cost_usd;
	uint64_t order;
};

static void note(struct before *b, struct job *job)
{
	*b = (struct before){ .job = job,
			      .state = job->state,
			      .error = job->error,
			      .dismissed = job->dismissed,
			      .cancel_owed = job->cancel_owed,
			      .unanswered = job->unanswered,
			      .unanswered_ms = job->unanswered_ms,
			      .completed_ms = job->completed_ms,
			      .cost_usd = job->cost_usd,
			      .order = job->order };
}

static void put_back(const struct before *b)
{
	struct job *job = b->job;

	job->state = b->state;
	job->error = b->error;
	job->dismissed = b->dismissed;
	job->cancel_owed = b->cancel_owed;
	job->unanswered = b->unanswered;
	job->unanswered_ms = b->unanswered_ms;
	job->completed_ms = b->completed_ms;
	job->cost_usd = b->cost_usd;
	job->order = b->order;
}

/* An empty file asks for nothing, and one that stands for several is none of them. */
static int may_cancel(const struct engine *e, const struct job *job)
{
	(void)e;
	return job_may(job, JOB_CANCEL) && (job->state != JOB_DRAFT || job->input) ? 0 : -EINVAL;
}

static void as_cancelled(struct engine *e, struct job *job, struct error *why)
{
	job->cancel_owed = wish_may_run(job) && job->prediction_id;
	/* It is out, or leaves just now. */
	if (job->state == JOB_CREATING && job->call) {
		job->unanswered++;
		job->unanswered_ms = job->submitted_ms;
	}
	job->completed_ms = world_wall_ms(e->on.world);
	job->error = why;
	job_move(job, JOB_CANCEL);
}

static void as_retried(struct engine *e, struct job *job, struct error *why)
{
	bool resume = wish_resumes(job);

	(void)why;
	job->error = NULL;
	job->completed_ms = 0;
	job->dismissed = job->cancel_owed = false;
	if (!resume) {
		job->cost_usd = -1;
		job->order = jobs_next_order(e->jobs);
	}
	job_move(job, resume ? JOB_RESUME : JOB_RETRY);
}

static void as_dismissed(struct engine *e, struct job *job, struct error *why)
{
	if (job_pending(job))
		as_cancelled(e, job, why);
	job->dismissed = true;
}

static void as_restored(struct engine *e, struct job *job, struct error *why)
{
	(void)e;
	(void)why;
	job->dismissed = false;
}

static const struct {
	int (*may)(const struct engine *e, const struct job *job);
	void (*foretell)(struct engine *e, struct job *job, struct error *why);
	int (*run)(struct engine *e, struct job *job);
} wishes[] = {
	[WISH_CANCEL] = { may_cancel, as_cancelled, engine_cancel },
	[WISH_RETRY] = { wish_may_retry, as_retried, engine_retry },
	[WISH_DISMISS] = { engine_may_dismiss, as_dismissed, engine_dismiss },
	[WISH_RESTORE] = { wish_may_restore, as_restored, engine_restore },
};

/* Those of them that may have it; *r: why not another. */
static size_t choose(struct engine *e, enum wish wish, const uint64_t *numbers, size_t n,
		     struct before *chosen, int *r)
{
	size_t many = 0;

	*r = -EINVAL;
	for (size_t i = 0; i < n; i++) {
		struct job *job = jobs_find_number(e->jobs, numbers[i]);
		int said = job ? wishes[wish].may(e, job) : -ENOENT;

		if (said == 0)
			note(&chosen[many++], job);
		else
			*r = said;
	}
	return many;
}

/* What a commit that came to nothing has kept from leaving goes back to the queue. */
static void stay(struct engine *e, struct job *job)
{
	ledger_job(e->on.ledger, job); /* the row may have been written all the same */
	if (job->state == JOB_CREATING && !job->call) {
		job->submitted_ms = 0;
		jobs_move(e->jobs, job, JOB_POSTPONE);
	}
}

/* Their rows, as the wish will make them; then they are again as they were. */
static int foretell(struct engine *e, enum wish wish, const struct before *chosen, size_t n)
{
	struct error why;
	int r;

	error_set(&why, ERROR_CANCELLED, "cancelled");
	for (size_t i = 0; i < n; i++) {
		wishes[wish].foretell(e, chosen[i].job, &why);
		ledger_job(e->on.ledger, chosen[i].job);
	}
	r = ledger_sync(e->on.ledger);
	for (size_t i = 0; i < n; i++)
		put_back(&chosen[i]);
	for (size_t i = 0; r < 0 && i < n; i++)
		stay(e, chosen[i].job);
	return r;
}

int engine_wish(struct engine *e, enum wish wish, const uint64_t *numbers, size_t n)
{
	struct before *chosen = calloc(n + 1, sizeof(*chosen));
	size_t many;
	int r;

	if (!chosen)
		return -ENOMEM;
	many = choose(e, wish, numbers, n, chosen, &r);
	if (many)
		r = foretell(e, wish, chosen, many);
	for (size_t i = 0; r == 0 && i < many; i++)
		wishes[wish].run(e, chosen[i].job);
	free(chosen);
	return r;
}

/* All jobs that may have the wish, by their numbers. */
struct some {
	const struct engine *engine;
	enum wish wish;
	bool (*wanted)(const struct job *job); /* those alone; NULL: all */
	uint64_t *numbers;
	size_t n, room;
};

static int gather(struct job *job, void *data)
{
	struct some *s = data;
	uint64_t *numbers = s->numbers;

	if (wishes[s->wish].may(s->engine, job) < 0 || (s->wanted && !s->wanted(job)))
		return 0;
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		numbers = reallocarray(numbers, s->room, sizeof(*numbers));
	}
	if (!numbers)
		return -ENOMEM;
	s->numbers = numbers;
	s->numbers[s->n++] = job->number;
	return 0;
}

static int wish_of_all(struct engine *e, enum wish wish, bool (*wanted)(const struct job *job))
{
	struct some s = { .engine = e, .wish = wish, .wanted = wanted };
	int r = jobs_each(e->jobs, gather, &s);

	/* Where there is none it is done, when what could not be stored before is undone on disk.
	 */
	if (r == 0)
		r = s.n ? engine_wish(e, wish, s.numbers, s.n) : ledger_sync(e->on.ledger);
	free(s.numbers);
	return r;
}

int engine_cancel_all(struct engine *e)
{
	return wish_of_all(e, WISH_CANCEL, NULL);
}

static bool is_retried_with_all(const struct job *job)
{
	bool failed = (job->state == JOB_FAILED || job->state == JOB_HELD) && !job_is_removed(job);
	enum error_class class = job->error ? job->error->class : ERROR_NONE;

	return job->current && failed && class != ERROR_UNCERTAIN && class != ERROR_INTERRUPTED &&
	       class != ERROR_LOST;
}

int engine_retry_failed(struct engine *e)
{
	return wish_of_all(e, WISH_RETRY, is_retried_with_all);
}
