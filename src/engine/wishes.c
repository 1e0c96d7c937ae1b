/*
 * What the user may ask of a job: cancel, retry, ask again, remove, restore, mark.
 *
 * Happy path: each is a move of the job, or a change of what is stored of it. Who must answer for
 * it has it on disk first (foretell.c).
 *
 * Failures: -EINVAL where the job's state has nothing to do.
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
bool wish_may_run(const struct job *job)
{
	return (job->state == JOB_PROCESSING || job->state == JOB_HELD) && !job->prediction_over;
}

int engine_cancel(struct engine *e, struct job *job)
{
	bool runs = wish_may_run(job);
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
bool wish_resumes(const struct job *job)
{
	return job->prediction_id && !job->prediction_over;
}

int wish_may_retry(const struct engine *e, const struct job *job)
{
	(void)e;
	if (!job_retryable(job) || !job->input)
		return -EINVAL;
	/* A cancelled create may still be in flight; its answer must not meet a second one. */
	return job->call && !job->cancel_owed ? -EINVAL : 0;
}

int engine_retry(struct engine *e, struct job *job)
{
	bool resume = wish_resumes(job);
	int r = wish_may_retry(e, job);

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

	/* What was refused may have been another text when a FLUSH registered it. */
	if (!job->input || job->state == JOB_DRAFT || job->state == JOB_INVALID ||
	    request_is_masked(job->input))
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
	bool moves = job->state == JOB_READY && job->picture_path;

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

int wish_may_restore(const struct engine *e, const struct job *job)
{
	bool away = job->state == JOB_READY && job->picture_path && !job_has_picture(job);

	(void)e;
	return away ? 0 : -EINVAL;
}

int engine_restore(struct engine *e, struct job *job)
{
	int r = wish_may_restore(e, job);

	if (r < 0)
		return r;
	job->dismissed = false;
	jobs_touch(e->jobs, job);
	trash_settle(e, job);
	return 0;
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

/* was takes those that it has now, to be freed. */
static void put_back_marks(struct job *job, struct job *was)
{
	struct job now = *job;

	job->tags = was->tags;
	job->comment = was->comment;
	job->rating = was->rating;
	job->sidecar_old = was->sidecar_old;
	was->tags = now.tags;
	was->comment = now.comment;
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
			put_back_marks(job, &was);
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
