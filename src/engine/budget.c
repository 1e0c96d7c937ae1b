/*
 * The day's budget: how many creates, and what they may cost.
 *
 * Happy path: each job says what it has taken (budget_count, after each change of it); the sums are
 * those of today's jobs, so a restart that counts the stored jobs comes to the same sums. When a
 * limit is reached, nothing is sent until the calendar says another day, or the user lifts it.
 *
 * Failures: none. A create that the service took counts, whatever came of it, so that an endless
 * loop of failures meets the limit too; what was cancelled is not billed, and not counted. A create
 * whose answer is not known counts, since it may have been billed. What is on its way when a cost
 * limit is reached is still paid for: costs are known afterwards.
 *
 * On close: nothing is held.
 */
#include "pimagefs/budget.h"

#include <errno.h>
#include <time.h>

#define NANO 1000000000
#define MOST_USD 1e6 /* of one create, whatever the service says */
#define LOOK_MS 60000

int64_t budget_cost(double usd)
{
	if (!(usd > 0))
		return 0;
	return (int64_t)((usd < MOST_USD ? usd : MOST_USD) * NANO + 0.5);
}

double budget_usd(int64_t cost)
{
	return (double)cost / NANO;
}

static int day_of(const struct tm *tm)
{
	return (tm->tm_year + 1900) * 10000 + (tm->tm_mon + 1) * 100 + tm->tm_mday;
}

int budget_day(int64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (wall_ms <= 0)
		return 0;
	tzset(); /* localtime_r need not see a zone that was changed */
	return localtime_r(&s, &tm) ? day_of(&tm) : 0;
}

void budget_init(struct budget *b, int images_limit, double cost_limit_usd, double cost_each_usd,
		 int64_t now)
{
	*b = (struct budget){
		.images_limit = images_limit,
		.cost_limit = budget_cost(cost_limit_usd),
		.cost_each = budget_cost(cost_each_usd),
		.today = budget_day(now),
		.turn = 1,
	};
}

void budget_set(struct budget *b, int images_limit, double cost_limit_usd, double cost_each_usd)
{
	b->images_limit = images_limit;
	b->cost_limit = budget_cost(cost_limit_usd);
	b->cost_each = budget_cost(cost_each_usd);
}

bool budget_turn(struct budget *b, int64_t now)
{
	int day = budget_day(now);

	if (day == b->today)
		return false;
	b->today = day;
	b->turn++;
	b->images = b->cost = 0;
	return true;
}

static bool is_running_up(const struct job *job)
{
	return job->state == JOB_CREATING || (job->prediction_id && !job->prediction_over);
}

void budget_spend(const struct budget *b, struct job *job)
{
	int64_t cost = job->cost_usd < 0 ? b->cost_each : budget_cost(job->cost_usd);

	if (budget_day(job->spent_ms) != budget_day(job->submitted_ms))
		job->spent = job->spent_cost = 0;
	job->spent++;
	job->spent_ms = job->submitted_ms;
	job->spent_cost += cost;
}

void budget_count(struct budget *b, struct job *job)
{
	struct job_share now = { .turn = b->turn };

	if (job->share.turn == b->turn) {
		b->images -= job->share.images;
		b->cost -= job->share.cost;
	}
	if (is_running_up(job) && budget_day(job->submitted_ms) == b->today) {
		now.images = 1;
		now.cost = job->state == JOB_CREATING || job->cost_usd < 0
				   ? b->cost_each
				   : budget_cost(job->cost_usd);
	}
	if (job->unanswered && budget_day(job->unanswered_ms) == b->today) {
		now.images += job->unanswered;
		now.cost += job->unanswered * b->cost_each;
	}
	if (job->spent && budget_day(job->spent_ms) == b->today) {
		now.images += job->spent;
		now.cost += job->spent_cost;
	}
	b->images += now.images;
	b->cost += now.cost;
	job->share = now;
}

bool budget_is_used_up(const struct budget *b, int64_t now)
{
	bool images = b->images_limit && b->images >= b->images_limit;
	bool cost = b->cost_limit && b->cost >= b->cost_limit;

	return (images || cost) && budget_day(now) == b->today && b->lifted != b->today;
}

int budget_may_take(const struct budget *b, int64_t now, size_t n, size_t queued, struct error *err)
{
	int64_t more = (int64_t)(n + queued);

	if (n <= 1 || b->lifted == budget_day(now))
		return 0;
	if (b->images_limit && b->images + more > b->images_limit) {
		int64_t left = b->images_limit - b->images - (int64_t)queued;

		error_set(err, ERROR_PAYMENT,
			  "this asks for %zu pictures; %lld are left of today's budget of %lld "
			  "(limits.daily_images)",
			  n, (long long)(left > 0 ? left : 0), (long long)b->images_limit);
	} else if (b->cost_limit && b->cost + more * b->cost_each > b->cost_limit) {
		error_set(err, ERROR_PAYMENT,
			  "this asks for %zu pictures of about %.9g USD each; with them today's "
			  "would cost more than %.9g USD (limits.daily_cost)",
			  n, budget_usd(b->cost_each), budget_usd(b->cost_limit));
	} else {
		return 0;
	}
	return -EDQUOT;
}

void budget_lift(struct budget *b, int64_t now)
{
	b->lifted = budget_day(now);
}

int64_t budget_wait_ms(int64_t now)
{
	time_t s = (time_t)(now / 1000);
	struct tm tm;
	int64_t wait = LOOK_MS;

	if (now <= 0 || !localtime_r(&s, &tm))
		return LOOK_MS;
	tm.tm_mday++;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	wait = (int64_t)mktime(&tm) * 1000 - now;
	/* Where summer time begins at midnight, that may be no time at all. */
	return wait > 0 && wait < LOOK_MS ? wait : LOOK_MS;
}

void budget_error(const struct budget *b, struct error *out)
{
	if (b->images_limit && b->images >= b->images_limit)
		error_set(out, ERROR_PAYMENT,
			  "today's budget of %lld picture%s is used up (limits.daily_images)",
			  (long long)b->images_limit, b->images_limit == 1 ? "" : "s");
	else
		error_set(out, ERROR_PAYMENT,
			  "today's budget of %.9g USD is used up (limits.daily_cost)",
			  budget_usd(b->cost_limit));
	out->advice = ADVICE_BUDGET;
}
