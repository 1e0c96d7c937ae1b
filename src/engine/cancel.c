/*
 * The cancel: telling the service that nobody wants a prediction any more, for what is cancelled in
 * time is not billed.
 *
 * Happy path: a job that was cancelled, or given up at the deadline, owes a cancel; it is sent, and
 * the service takes it: the prediction is over.
 *
 * Failures: trouble, 429 and no connection are tried again, for as long as a prediction may take;
 * what the service refuses is left alone. The prediction then counts as one that may still end
 * well: a retry of the job polls it first.
 *
 * On close engine_drain waits for those that are out; one that is still owed is taken up by the
 * next start.
 */
#include "engine_internal.h"
#include "pimagefs/log.h"

static bool try_again(const struct engine *e, const struct job *job, enum service_verdict verdict)
{
	int64_t age = engine_now_ms(e) - job->owing_ms;

	return (verdict == SERVICE_TROUBLE || verdict == SERVICE_OFFLINE ||
		verdict == SERVICE_BUSY) &&
	       age < e->on.settings->poll.deadline_s * 1000LL;
}

static void on_cancelled(const struct service_answer *a, void *data)
{
	struct call *c = data;
	struct engine *e = c->engine;
	struct job *job = jobs_find_number(e->jobs, c->number);

	call_land(c);
	if (a->verdict == SERVICE_CLOSED)
		return;
	if (a->verdict != SERVICE_DONE)
		log_debug("cancel at the service: %s", a->error.message);
	if (!job)
		return;
	/* Meanwhile the user may have asked again. */
	if (!job->cancel_owed) {
		jobs_show(e->jobs, job);
	} else if (try_again(e, job, a->verdict)) {
		job->due_ms = engine_now_ms(e) + gate_backoff_ms(e->gate, job->tries++);
		jobs_show(e->jobs, job);
	} else {
		job->prediction_over = a->verdict == SERVICE_DONE;
		jobs_owe_cancel(e->jobs, job, false);
	}
}

void cancel_begin(struct engine *e, struct job *job)
{
	struct call *c = call_new(e, job);

	if (!c || e->on.service->cancel(e->on.service_self, job->prediction_id, on_cancelled, c,
					&c->service) < 0) {
		if (c)
			call_land(c);
		job->due_ms = engine_now_ms(e) + ENGINE_AGAIN_MS;
	}
}
