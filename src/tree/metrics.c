/*
 * control/metrics and metrics.prom: numbers for Prometheus, in its text format; without times, so
 * that node_exporter's textfile collector takes a copy.
 *
 * Happy path: a table says name, kind and meaning of each number. Units are seconds and USD.
 *
 * Failures: only -ENOMEM.
 */
#include "pimagefs/metrics.h"

#ifndef PIMAGEFS_VERSION
#define PIMAGEFS_VERSION "dev"
#endif

struct metric {
	const char *name, *type, *help;
	double value;
};

static int put_head(struct buf *out, const char *name, const char *type, const char *help)
{
	return buf_printf(out, "# HELP pimagefs_%s %s\n# TYPE pimagefs_%s %s\n", name, help, name,
			  type);
}

static int put_all(struct buf *out, const struct metric *metrics, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct metric *m = &metrics[i];

		r = put_head(out, m->name, m->type, m->help);
		if (r == 0)
			r = buf_printf(out, "pimagefs_%s %.15g\n", m->name, m->value);
	}
	return r;
}

static int put_states(struct buf *out, const struct engine_stats *s)
{
	int r = put_head(out, "jobs", "gauge", "Requests by their state.");

	for (int i = 0; r == 0 && i < JOB_STATES; i++)
		r = buf_printf(out, "pimagefs_jobs{state=\"%s\"} %u\n", job_state_name(i),
			       s->states[i]);
	return r;
}

static int put_latencies(struct buf *out, const struct engine_stats *s)
{
	const struct {
		const char *quantile;
		int64_t ms;
	} rows[] = { { "0.5", s->latency_p50_ms },
		     { "0.9", s->latency_p90_ms },
		     { "0.99", s->latency_p99_ms } };
	int r = put_head(out, "latency_seconds", "summary",
			 "From a request to its picture; quantiles of the last ones.");

	for (size_t i = 0; r == 0 && s->latencies && i < sizeof(rows) / sizeof(*rows); i++)
		r = buf_printf(out, "pimagefs_latency_seconds{quantile=\"%s\"} %.15g\n",
			       rows[i].quantile, (double)rows[i].ms / 1000);
	return r < 0 ? r
		     : buf_printf(out,
				  "pimagefs_latency_seconds_sum %.15g\n"
				  "pimagefs_latency_seconds_count %llu\n",
				  (double)s->latency_sum_ms / 1000,
				  (unsigned long long)s->latency_count);
}

int metrics_text(const struct engine_stats *s, struct buf *out)
{
	const struct gate_numbers *g = &s->gate;
	const struct metric metrics[] = {
		{ "uptime_seconds", "gauge", "Since the mount began.", (double)s->uptime_s },
		{ "creates_total", "counter", "Creates sent since then.", (double)s->creates },
		{ "polls_total", "counter", "Polls sent.", (double)s->polls },
		{ "downloads_total", "counter", "Pictures downloaded.", (double)s->downloads },
		{ "busy_answers_total", "counter", "Answers that said: too many requests.",
		  (double)g->busy_answers },
		{ "commits_total", "counter", "Transactions of the state.", (double)s->commits },
		{ "cost_usd_total", "counter", "As far as the service told it, earlier mounts too.",
		  budget_usd(s->cost) },
		{ "running", "gauge", "Predictions that run.", g->running },
		{ "running_limit", "gauge", "How many may run at once.", g->running_limit },
		{ "creates_left", "gauge", "Creates that may be sent right now.",
		  (double)g->creates_left },
		{ "next_create_seconds", "gauge", "Until the next create may be sent.",
		  (double)g->next_create_ms / 1000 },
		{ "busy_seconds", "gauge", "How long the service's pause still lasts.",
		  (double)g->busy_ms / 1000 },
		{ "paused", "gauge", "1: by the user.", g->paused },
		{ "stopped", "gauge", "1: nothing is sent; stats.json says why.",
		  s->stopped.message[0] != '\0' },
		{ "budget_images", "gauge", "Creates counted for today.",
		  (double)g->budget.images },
		{ "budget_images_limit", "gauge", "The most of them; 0: no limit.",
		  (double)g->budget.images_limit },
		{ "budget_cost_usd", "gauge", "Cost counted for today.",
		  budget_usd(g->budget.cost) },
		{ "budget_cost_limit_usd", "gauge", "The most of it; 0: no limit.",
		  budget_usd(g->budget.cost_limit) },
	};
	int r = put_head(out, "build_info", "gauge", "Which pimagefs this is.");

	if (r == 0)
		r = buf_puts(out, "pimagefs_build_info{version=\"" PIMAGEFS_VERSION "\"} 1\n");
	if (r == 0)
		r = put_states(out, s);
	if (r == 0)
		r = put_all(out, metrics, sizeof(metrics) / sizeof(*metrics));
	return r < 0 ? r : put_latencies(out, s);
}
