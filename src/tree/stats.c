/*
 * control/stats.json: numbers for a person or a monitor, as JSON. Absent means unknown.
 */
#include "pimagefs/stats.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#ifndef PIMAGEFS_VERSION
#define PIMAGEFS_VERSION "dev"
#endif

static json_t *latencies(const struct engine_stats *s)
{
	if (!s->latencies)
		return json_object();
	return json_pack("{s:I, s:I, s:I, s:I}", "p50", (json_int_t)s->latency_p50_ms, "p90",
			 (json_int_t)s->latency_p90_ms, "p99", (json_int_t)s->latency_p99_ms, "max",
			 (json_int_t)s->latency_max_ms);
}

static json_t *states(const struct engine_stats *s)
{
	json_t *o = json_object();

	for (int i = 0; i < JOB_STATES; i++)
		json_object_set_new(o, job_state_name(i), json_integer(s->states[i]));
	return o;
}

static json_t *rate(const struct gate_numbers *g)
{
	return json_pack("{s:I, s:i, s:i, s:I, s:I}", "creates_left", (json_int_t)g->creates_left,
			 "running", (int)g->running, "running_limit", (int)g->running_limit,
			 "next_create_ms", (json_int_t)g->next_create_ms, "busy_ms",
			 (json_int_t)g->busy_ms);
}

static json_t *calls(const struct engine_stats *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "creates", (json_int_t)s->creates, "polls",
			 (json_int_t)s->polls, "downloads", (json_int_t)s->downloads, "busy",
			 (json_int_t)s->gate.busy_answers, "commits", (json_int_t)s->commits);
}

static json_t *budget(const struct budget *b)
{
	return json_pack("{s:I, s:I, s:f, s:f, s:b}", "images_today", (json_int_t)b->images,
			 "images_limit", (json_int_t)b->images_limit, "cost_today",
			 budget_usd(b->cost), "cost_limit", budget_usd(b->cost_limit), "lifted",
			 b->lifted == b->today);
}

/* What can be done about what stops the creates. */
static int put_hint(json_t *o, const struct error *stopped)
{
	struct buf hint = BUF_INIT;
	int r = stopped->advice ? advice_text(stopped->advice, NULL, &hint) : 0;

	if (r == 0 && hint.size)
		r = json_object_set_new(o, "stopped_hint", json_string(buf_text(&hint)));
	buf_release(&hint);
	return r;
}

int stats_text(const struct engine_stats *s, bool demo, struct buf *out)
{
	json_t *o = json_pack("{s:s, s:I, s:b, s:b, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:f}",
			      "version", PIMAGEFS_VERSION, "uptime_s", (json_int_t)s->uptime_s,
			      "demo", demo, "paused", s->gate.paused, "stopped", s->stopped.message,
			      "queue", (int)s->states[JOB_QUEUED], "states", states(s), "rate",
			      rate(&s->gate), "latency_ms", latencies(s), "calls", calls(s),
			      "budget", budget(&s->gate.budget), "cost_usd", budget_usd(s->cost));
	bool whole = o && put_hint(o, &s->stopped) == 0;
	char *text = whole ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
	int r = text ? buf_printf(out, "%s\n", text) : -ENOMEM;

	free(text);
	json_decref(o);
	return r;
}
