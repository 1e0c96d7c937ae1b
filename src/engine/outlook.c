/*
 * What is under way, and how long it may still take, for a person who looks: by the durations that
 * the pace has learnt from the last predictions.
 *
 * Happy path: half of all predictions took so long; one that is past that takes as long as the slow
 * ones did; one that is past that too is due.
 *
 * Failures: none; what is not known is -1.
 */
#include "engine_internal.h"

#define SLOW 0.9

int engine_each_running(struct engine *e, int (*fn)(struct job *job, void *data), void *data)
{
	int r = 0;

	list_each_safe (p, tmp, jobs_active(e->jobs))
		if (r == 0)
			r = fn(list_entry(p, struct job, link_in), data);
	return r;
}

int64_t engine_running_ms(const struct engine *e, const struct job *job)
{
	int64_t ms = engine_now_ms(e) - job->since_ms;

	return job->state != JOB_PROCESSING || !job->since_ms ? -1 : ms > 0 ? ms : 0;
}

int64_t engine_left_ms(const struct engine *e, const struct job *job)
{
	int64_t usual = pace_poll_quantile(&e->poll, 0.5),
		slow = pace_poll_quantile(&e->poll, SLOW);
	int64_t spent = engine_running_ms(e, job);

	if (job->state == JOB_DOWNLOADING)
		return 0;
	if (usual < 0)
		return -1;
	if (spent < 0)
		spent = 0;
	return spent < usual ? usual - spent : spent < slow ? slow - spent : 0;
}

static int longest(struct job *job, void *data)
{
	struct engine *e = ((void **)data)[0];
	int64_t left = engine_left_ms(e, job), *most = ((void **)data)[1];

	if (left > *most)
		*most = left;
	return 0;
}

int64_t engine_all_left_ms(struct engine *e)
{
	int64_t usual = pace_poll_quantile(&e->poll, 0.5), most = 0;
	unsigned queued = jobs_count(e->jobs, JOB_QUEUED);
	struct gate_numbers gate;
	void *data[] = { e, &most };

	if (usual < 0)
		return -1;
	engine_each_running(e, longest, data);
	gate_numbers(e->gate, &gate);
	/* What waits goes in turns, as many at once as may run. */
	if (queued)
		most += usual * (int64_t)((queued + gate.running_limit - 1) /
					  (gate.running_limit ? gate.running_limit : 1));
	return most;
}

bool engine_stands_still(struct engine *e, struct error *why)
{
	return list_empty(jobs_active(e->jobs)) && !list_empty(jobs_queue(e->jobs)) &&
	       gate_waits_for(e->gate, why);
}
