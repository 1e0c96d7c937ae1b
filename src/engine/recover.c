/*
 * What an earlier run left: every job from the store, each taken up where it stood.
 *
 * Happy path: queued jobs queue again in their order, predictions go on being polled, links are
 * downloaded again. No create is sent that might have been sent before.
 *
 * Failures: a create that may have left without an answer is uncertain, and handled as
 * api.ambiguous_create says; a request that was flushed and never released is held. The minute's
 * creates are counted from the store.
 */
#include <errno.h>

#include "engine_internal.h"
#include "pimagefs/log.h"

static void resume_creating(struct engine *e, struct job *job)
{
	struct error why;

	job->unanswered++;
	job->unanswered_ms = job->submitted_ms;
	if (e->on.settings->api.ambiguous_create == CONFIG_AMBIGUOUS_RETRY) {
		jobs_move(e->jobs, job, JOB_POSTPONE);
		return;
	}
	error_set(
		&why, ERROR_UNCERTAIN,
		"pimagefs ended while the service was being asked; it may have taken the request");
	why.advice = ADVICE_RETRY_UNCERTAIN;
	jobs_end(e->jobs, job, JOB_HOLD, &why);
}

static void resume_ready(struct engine *e, struct job *job)
{
	if (job->predict_time_s >= 0)
		pace_poll_learn(&e->poll, (int64_t)(job->predict_time_s * 1000));
	/* Whether its file is still there shows when it is opened: asking for each would take a
	 * cold disk minutes. */
	if (!job->picture_path)
		job->dismissed = true;
	reuse_offer(e, job);
}

/* The end may have come between the picture's name and the commit that tells of it, or before an
 * earlier one, where the state could not be written. The days before its submission are looked
 * through only where the clock has certainly been set back; before another is kept all of them are.
 */
static bool take_kept(struct engine *e, struct job *job)
{
	struct adopt a;
	bool found;

	if (!job->prediction_id || adopt_init(&a, job) < 0)
		return false;
	if (job->submitted_ms <= world_wall_ms(e->on.world))
		a.since_ms = job->submitted_ms;
	a.strict = false;
	found = adopt_look(&a, e->on.library) > 0;
	if (found) {
		if (job->state == JOB_PROCESSING)
			jobs_move(e->jobs, job, JOB_DONE);
		keep_picture(job, &a.entry, a.completed_ms);
		a.entry.path = NULL;
		jobs_move(e->jobs, job, JOB_STORED);
		log_info("%s: ready: its picture was already kept", job->id);
	} else if (a.entry.path) {
		/* It cannot be made to last now: where it lies outlives the name of its request. */
		keep_place(job, &a.entry.path);
		ledger_job(e->on.ledger, job);
	}
	adopt_release(&a);
	return found;
}

static void resume(struct engine *e, struct job *job)
{
	job->perhaps_kept = job->prediction_id && job->state != JOB_READY;
	switch (job->state) {
	case JOB_DRAFT:
		engine_hold_unreleased(e, job);
		break;
	case JOB_CREATING:
		resume_creating(e, job);
		break;
	case JOB_PROCESSING:
		if (take_kept(e, job))
			break;
		poll_enter(e, job);
		job->due_ms = 0;
		break;
	case JOB_DOWNLOADING:
		if (!take_kept(e, job))
			download_enter(e, job);
		break;
	case JOB_READY:
		resume_ready(e, job);
		break;
	default:
		break;
	}
	if (job->unanswered)
		gate_uncertain(e->gate, job->unanswered_ms);
}

static int load_job(struct job *job, void *data)
{
	struct engine *e = data;
	bool blank = job->state == JOB_DRAFT &&
		     !job->input; /* its file shows it again, if there is one */
	int r = blank ? ledger_forget_job(e->on.ledger, job) : jobs_adopt(e->jobs, job);
	if (r < 0 || blank) {
		job_free(job);
		return r;
	}
	e->cost += budget_cost(job->cost_usd);
	resume(e, job);
	jobs_show(e->jobs, job);
	return 0;
}

/* Once all pictures are known: the end came before it had an earlier one. */
static int look_for_earlier(struct job *job, void *data)
{
	if (job->state == JOB_QUEUED)
		reuse_picture(data, job);
	return 0;
}

int engine_load(struct engine *e, struct store *store)
{
	int r = gate_load(e->gate, store);

	if (r == 0)
		r = store_each_job(store, load_job, e);
	return r < 0 ? r : jobs_each(e->jobs, look_for_earlier, e);
}
