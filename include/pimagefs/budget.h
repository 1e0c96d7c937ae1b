/* budget: what today's creates may number and cost. A day is a calendar day of local time. Floor 3,
 * pure: the clock is a parameter (the time zone is the process's). */
#ifndef PIMAGEFS_BUDGET_H
#define PIMAGEFS_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pimagefs/error.h"
#include "pimagefs/job.h"

/* Money is counted in whole units of 1e-9 USD, so that adding and taking back leaves nothing. */
struct budget {
	int64_t images_limit; /* 0: none */
	int64_t cost_limit;   /* 0: none */
	int64_t cost_each;    /* of a create whose cost is not known */

	int today;     /* 20261122 */
	unsigned turn; /* what was counted in an earlier one is gone */
	int lifted;    /* the day for which the user has lifted it; 0: none */
	int64_t images, cost;
};

/* The calendar day of a moment, as 20261122. 0 for what is no time. */
int budget_day(int64_t wall_ms);

void budget_init(struct budget *b, int images_limit, double cost_limit_usd, double cost_each_usd,
		 int64_t now);
/* Other limits; what was counted stays. */
void budget_set(struct budget *b, int images_limit, double cost_limit_usd, double cost_each_usd);
/* True once after midnight (or when the clock or its zone was changed): nothing is counted any
 * more, and every job must be counted anew. */
bool budget_turn(struct budget *b, int64_t now);
/* The prediction that the job has came to nothing, and is over, and the service did not say that it
 * is not billed: it counts for good. */
void budget_spend(const struct budget *b, struct job *job);
/* Count what this job has taken of today's budget, in place of what was counted for it before: its
 * create that is out or was accepted, unless the service said cancelled, creates that came to
 * nothing, and creates that were never answered. */
void budget_count(struct budget *b, struct job *job);
/* True if no create may be sent now. */
bool budget_is_used_up(const struct budget *b, int64_t now);
/* 0 if n more creates fit, beside those that are queued; else -EDQUOT with err, which has the
 * numbers. One always does: it waits for its day. */
int budget_may_take(const struct budget *b, int64_t now, size_t n, size_t queued,
		    struct error *err);
/* For the rest of today nothing is limited. */
void budget_lift(struct budget *b, int64_t now);
/* How long until the next look is worth while: until midnight, at most a minute, for clocks and
 * their zones change. Never 0. */
int64_t budget_wait_ms(int64_t now);
/* Why a job waits, in words. */
void budget_error(const struct budget *b, struct error *out);
double budget_usd(int64_t cost);
/* The reverse; 0 for what is unknown or negative. */
int64_t budget_cost(double usd);

#endif
