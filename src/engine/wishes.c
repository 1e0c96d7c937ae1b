/*
 * What the user may ask of a job: cancel, retry, ask again, remove, restore, mark.
 *
 * Happy path: what the job's row will say is put on disk first (engine_wish); then it is done: a
 * move of the job, or a change of what is stored of it. So what was answered is on disk, and what
 * cannot be stored is not done.
 *
 * Failures: -EINVAL where the job's state has nothing to do; why nothing can be stored.
 */
#include "engine_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "pimagefs/log.h"

/* A create that is out may be taken: until its answer is here that is not known. */
static void leave_create(struct engine *e, struct job *job)
{
	const struct call *c = job->call;

	if (c && c->service) {
		gate_stray(e->gate, true);
		job->unanswered++;
		job->unanswered_ms = job->submitted_ms;
	}
}

/* Held, it may run too: the service was not yet told. */
static bool may_run(const struct job *job)
{
	return (job->state == JOB_PROCESSING || job->state == JOB_HELD) && !job->prediction_over;
}

int engine_cancel(struct engine *e, struct job *job)
{
	bool runs = may_run(job);
	struct error why;

	if (!job_may(job, JOB_CANCEL))
		return -EINVAL;
	error_set(&why, ERROR_CANCELLED, "cancelled");
	/* A create in flight flies on: its answer tells the id to cancel. */
	if (job->state == JOB_CREATING)
		leave_create(e, job);
	else
		call_stop(job);
	jobs_end(e->jobs, job, JOB_CANCEL, &why);
	if (runs)
		jobs_owe_cancel(e->jobs, job, true);
	return 0;
}

static void forget_reason(struct engine *e, struct job *job)
{
	job_set_error(job, NULL);
	job->completed_ms = 0;
	job->dismissed = false;
	job->cancel_owed = false;
	job->tries = 0;
	job->relinks = 0;
	job->due_ms = 0;
	gate_reopen(e->gate);
}

/* What it has may still run: it is gone on with. */
static bool resumes(const struct job *job)
{
	return job->prediction_id && !job->prediction_over;
}

static int may_retry(const struct engine *e, const struct job *job)
{
	(void)e;
	if (!job_retryable(job) || !job->input)
		return -EINVAL;
	/* A cancelled create may still be in flight; its answer must not meet a second one. */
	return job->call && !job->cancel_owed ? -EINVAL : 0;
}

int engine_retry(struct engine *e, struct job *job)
{
	bool resume = resumes(job);
	int r = may_retry(e, job);

	if (r < 0)
		return r;
	if (job->call)
		call_let_go(job->call);
	forget_reason(e, job);
	if (resume) {
		job->asked_again = true;
		jobs_move(e->jobs, job, JOB_RESUME);
		job->due_ms = 0;
	} else {
		job->cost_usd = -1; /* the earlier prediction's stays in the sum */
		job->order = jobs_next_order(e->jobs);
		jobs_move(e->jobs, job, JOB_RETRY);
		if (job->reused_from && !reuse_picture(e, job))
			job_set_text(&job->reused_from, NULL);
	}
	schedule_wake(e);
	return 0;
}

static int copy_request(const struct job *from, struct job *to)
{
	int r = job_set_text(&to->model, from->model);

	if (r == 0)
		r = job_set_text(&to->prompt, from->prompt);
	if (r == 0)
		r = job_set_text(&to->line, from->line);
	if (r == 0)
		r = job_set_text(&to->origins, from->origins);
	return r < 0 ? r : job_set_text(&to->input, from->input);
}

/* The seed that was picked may be picked anew. */
static int other_seed_of(struct engine *e, struct job *job)
{
	int64_t seed = (int64_t)world_below(e->on.world, UINT64_C(1) << 31);
	char *input;
	int r = request_reseed(job->model, job->input, seed, &input);

	if (r <= 0)
		return r;
	text_wipe(&job->input);
	job->input = input;
	job->seed = seed;
	job->has_seed = true;
	return 0;
}

int engine_again(struct engine *e, struct job *job, bool other_seed, struct job **out)
{
	struct job *new;
	int r;

	if (!job->input || job->state == JOB_DRAFT || request_is_masked(job->input))
		return -EINVAL;
	new = engine_draft(e, job->id);
	r = new ? copy_request(job, new) : -ENOMEM;
	if (r == 0) {
		new->has_seed = job->has_seed;
		new->seed = job->seed;
		new->part = job->part;
		new->set = job->set;
		new->file = job->file;
		new->made_anew = true;
		if (other_seed)
			r = other_seed_of(e, new);
	}
	if (r == 0)
		r = engine_submit(e, new);
	if (r < 0) {
		if (new)
			engine_discard(e, new);
		return r;
	}
	engine_set_of(e, job, NULL, 0);
	*out = new;
	return 0;
}

int engine_may_dismiss(const struct engine *e, const struct job *job)
{
	bool moves = job && job->state == JOB_READY && job->picture_path;

	return moves && library_may_write(e->on.library, 0) == -EROFS ? -EROFS : 0;
}

int engine_dismiss(struct engine *e, struct job *job)
{
	bool pending = job_pending(job);
	int r = engine_may_dismiss(e, job);

	if (r < 0)
		return r;
	job->dismissed = true;
	if (pending)
		return engine_cancel(e, job);
	jobs_touch(e->jobs, job);
	if (job->state == JOB_READY)
		trash_later(e, job);
	return 0;
}

static int may_restore(const struct engine *e, const struct job *job)
{
	bool away = job->state == JOB_READY && job->picture_path && !job_has_picture(job);

	(void)e;
	return away ? 0 : -EINVAL;
}

int engine_restore(struct engine *e, struct job *job)
{
	int r = may_restore(e, job);

	if (r < 0)
		return r;
	job->dismissed = false;
	jobs_touch(e->jobs, job);
	trash_settle(e, job);
	return 0;
}

/* --- what is asked is on disk before it is done --- */

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

static int may_cancel(const struct engine *e, const struct job *job)
{
	(void)e;
	return job_may(job, JOB_CANCEL) ? 0 : -EINVAL;
}

static void as_cancelled(struct engine *e, struct job *job, struct error *why)
{
	job->cancel_owed = may_run(job) && job->prediction_id;
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
	bool resume = resumes(job);

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
	[WISH_RETRY] = { may_retry, as_retried, engine_retry },
	[WISH_DISMISS] = { engine_may_dismiss, as_dismissed, engine_dismiss },
	[WISH_RESTORE] = { may_restore, as_restored, engine_restore },
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

/* Some of all jobs, by their numbers. */
struct some {
	bool (*wanted)(const struct job *job);
	uint64_t *numbers;
	size_t n, room;
};

static int gather(struct job *job, void *data)
{
	struct some *s = data;
	uint64_t *numbers = s->numbers;

	if (!s->wanted(job))
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

/* Where there is none it is done, too. */
static int wish_of_all(struct engine *e, enum wish wish, bool (*wanted)(const struct job *job))
{
	struct some s = { .wanted = wanted };
	int r = jobs_each(e->jobs, gather, &s);

	if (r == 0 && s.n)
		r = engine_wish(e, wish, s.numbers, s.n);
	free(s.numbers);
	return r;
}

static bool is_cancelled_with_all(const struct job *job)
{
	return job_may(job, JOB_CANCEL);
}

int engine_cancel_all(struct engine *e)
{
	return wish_of_all(e, WISH_CANCEL, is_cancelled_with_all);
}

static bool is_retried_with_all(const struct job *job)
{
	bool failed = (job->state == JOB_FAILED || job->state == JOB_HELD) && !job_is_removed(job);
	enum error_class class = job->error ? job->error->class : ERROR_NONE;

	return job->current && failed && class != ERROR_UNCERTAIN && class != ERROR_INTERRUPTED &&
	       class != ERROR_LOST && may_retry(NULL, job) == 0;
}

int engine_retry_failed(struct engine *e)
{
	return wish_of_all(e, WISH_RETRY, is_retried_with_all);
}

int engine_pause(struct engine *e, bool paused)
{
	int r = gate_pause(e->gate, paused);

	schedule_wake(e);
	return r;
}

static int copy_marks(const struct job *from, struct job *to)
{
	int r = job_set_text(&to->tags, from->tags);

	return r < 0 ? r : job_set_text(&to->comment, from->comment);
}

static void exchange_marks(struct job *a, struct job *b)
{
	struct job was = *a;

	a->tags = b->tags;
	a->comment = b->comment;
	a->rating = b->rating;
	a->sidecar_old = b->sidecar_old;
	b->tags = was.tags;
	b->comment = was.comment;
}

int engine_mark(struct engine *e, struct job *job, enum mark mark, const char *text, size_t size)
{
	struct job was = { .rating = job->rating, .sidecar_old = job->sidecar_old };
	int r = job_has_picture(job) ? copy_marks(job, &was) : -EPERM;

	if (r == 0)
		r = mark_set(job, mark, text, size);
	if (r == 0) {
		job->sidecar_old = true;
		ledger_job(e->on.ledger, job);
		r = ledger_sync(e->on.ledger);
		if (r < 0)
			exchange_marks(job, &was);
		jobs_touch(e->jobs, job);
		trash_settle(e, job);
	}
	free(was.tags);
	free(was.comment);
	return r;
}

void engine_picture_gone(struct engine *e, struct job *job)
{
	/* It may just be on its way to the trash or back. */
	if (job_has_picture(job) && !job->chore)
		trash_lose(e, job);
}
