/*
 * control/stats.json: numbers for a person or a monitor, made when they are asked for.
 */
#include <stdlib.h>

#include "engine_internal.h"
#include "pimagefs/clock.h"

#ifndef PIMAGEFS_VERSION
#define PIMAGEFS_VERSION "dev"
#endif

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static json_t *latencies(const struct engine *e)
{
	unsigned n = e->latencies < ENGINE_LATENCIES ? e->latencies : ENGINE_LATENCIES;
	int64_t sorted[ENGINE_LATENCIES];

	if (!n)
		return json_object();
	for (unsigned i = 0; i < n; i++)
		sorted[i] = e->latencies_ms[i];
	qsort(sorted, n, sizeof(*sorted), compare);
	return json_pack("{s:I, s:I, s:I, s:I}", "p50", (json_int_t)sorted[n / 2], "p90",
			 (json_int_t)sorted[n * 9 / 10], "p99", (json_int_t)sorted[n * 99 / 100],
			 "max", (json_int_t)sorted[n - 1]);
}

static json_t *states(const struct engine *e)
{
	json_t *o = json_object();

	for (int s = 0; s < JOB_STATES; s++)
		json_object_set_new(o, job_state_name(s), json_integer(e->count[s]));
	return o;
}

static json_t *budget(struct engine *e)
{
	int64_t wall = clock_wall_ms(), busy = e->busy_until_ms - clock_mono_ms();

	return json_pack("{s:i, s:i, s:i, s:I, s:I}", "creates_left",
			 (int)pace_window_left(&e->window, wall), "running",
			 (int)(e->count[JOB_CREATING] + e->count[JOB_PROCESSING]), "running_limit",
			 (int)e->width.now, "next_create_ms",
			 (json_int_t)pace_window_wait(&e->window, wall), "busy_ms",
			 (json_int_t)(busy > 0 ? busy : 0));
}

static json_t *calls(const struct engine *e)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "creates", (json_int_t)e->creates, "polls",
			 (json_int_t)e->polls, "downloads", (json_int_t)e->downloads, "busy",
			 (json_int_t)e->busy_answers, "commits",
			 (json_int_t)ledger_commits(e->on.ledger));
}

json_t *engine_stats(struct engine *e)
{
	int64_t uptime = (clock_wall_ms() - e->started_wall_ms) / 1000;

	return json_pack("{s:s, s:I, s:b, s:b, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:f}", "version",
			 PIMAGEFS_VERSION, "uptime_s", (json_int_t)uptime, "demo",
			 e->on.settings->demo, "paused", e->paused, "stopped",
			 e->stopped ? e->stopped->message : "", "queue", (int)e->count[JOB_QUEUED],
			 "states", states(e), "rate", budget(e), "latency_ms", latencies(e),
			 "calls", calls(e), "budget", spend_stats(e), "cost_usd", e->cost_usd);
}

unsigned engine_queue_position(const struct engine *e, const struct job *job)
{
	unsigned n = 0;

	if (job->state != JOB_QUEUED)
		return 0;
	list_each (p, &e->queue) {
		n++;
		if (p == &job->link_in)
			return n;
	}
	return 0;
}
