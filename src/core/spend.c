/*
 * The engine's side of the day's budget: every job counted, and what is told of it.
 *
 * Happy path: each change of a job counts it anew; before a create the queue asks spend_may. When
 * the budget is used up, the timer looks again at midnight, and at least each minute, as long as
 * something waits.
 *
 * Failures: that the user lifted it is stored, so a restart keeps to it; if that cannot be noted,
 * it is not lifted (-ENOMEM).
 *
 * On close: nothing is held.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine_internal.h"
#include "pimagefs/clock.h"
#include "pimagefs/log.h"

#define FACT_LIFTED "budget_lifted"

void spend_init(struct engine *e)
{
	const struct settings *s = e->on.settings;

	budget_init(&e->budget, s->limits.daily_images, s->limits.daily_cost,
		    s->limits.cost_per_image, clock_wall_ms());
}

void spend_load(struct engine *e, struct store *store)
{
	char *day;

	if (store_get_fact(store, FACT_LIFTED, &day) < 0)
		return;
	e->budget.lifted = (int)strtol(day, NULL, 10);
	free(day);
}

void spend_count(struct engine *e, struct job *job)
{
	budget_count(&e->budget, job);
}

static int count_one(void *job, void *data)
{
	spend_count(data, job);
	return 0;
}

static void look_at_the_day(struct engine *e, int64_t wall)
{
	if (budget_turn(&e->budget, wall))
		map_each(e->numbers, count_one, e);
}

bool spend_may(struct engine *e, int64_t now, int64_t *next)
{
	int64_t wall = clock_wall_ms();
	struct error why;
	bool used_up;

	look_at_the_day(e, wall);
	used_up = budget_is_used_up(&e->budget, wall);
	if (used_up && !e->spent) {
		budget_error(&e->budget, &why);
		log_info("%s; what is queued waits for tomorrow", why.message);
	}
	e->spent = used_up;
	if (used_up)
		engine_due(next, now + budget_wait_ms(wall));
	return !used_up;
}

int spend_lift(struct engine *e)
{
	int64_t wall = clock_wall_ms();
	char day[16];
	int r;

	look_at_the_day(e, wall);
	if (!budget_is_used_up(&e->budget, wall))
		return 0;
	snprintf(day, sizeof(day), "%d", e->budget.today);
	r = ledger_fact(e->on.ledger, FACT_LIFTED, day);
	if (r < 0)
		return r;
	budget_lift(&e->budget, wall);
	log_info("today's budget is lifted until midnight");
	return 0;
}

bool engine_waits_for(const struct engine *e, const struct job *job, struct error *why)
{
	if (job->state != JOB_QUEUED || !budget_is_used_up(&e->budget, clock_wall_ms()))
		return false;
	budget_error(&e->budget, why);
	return true;
}

json_t *spend_stats(struct engine *e)
{
	const struct budget *b = &e->budget;

	look_at_the_day(e, clock_wall_ms());
	return json_pack("{s:I, s:I, s:f, s:f, s:b}", "images_today", (json_int_t)b->images,
			 "images_limit", (json_int_t)b->images_limit, "cost_today",
			 budget_usd(b->cost), "cost_limit", budget_usd(b->cost_limit), "lifted",
			 b->lifted == b->today);
}
