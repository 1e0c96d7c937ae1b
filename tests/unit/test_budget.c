/* budget: what counts, for which day, and when a limit is reached. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "pimagefs/budget.h"

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define NOON INT64_C(1795348800000) /* 2026-11-22T12:00:00Z, a Sunday */

struct fixture {
	struct budget b;
	struct job *jobs[4];
};

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static int make(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	set_zone("UTC0");
	*state = f;
	for (size_t i = 0; f && i < 4; i++)
		if (!(f->jobs[i] = job_new(i + 1, "fox", 1)))
			return -1;
	return f ? 0 : -1;
}

static int drop(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < 4; i++)
		job_free(f->jobs[i]);
	free(f);
	return 0;
}

/* Number i was accepted at this moment. */
static struct job *accepted(struct fixture *f, size_t i, int64_t wall_ms)
{
	struct job *job = f->jobs[i];

	job->state = JOB_PROCESSING;
	job->submitted_ms = wall_ms;
	assert_int_equal(job_set_text(&job->prediction_id, "p"), 0);
	budget_count(&f->b, job);
	return job;
}

static void days_are_of_the_calendar(void **state)
{
	(void)state;
	assert_int_equal(budget_day(NOON), 20261122);
	assert_int_equal(budget_day(NOON + 12 * HOUR - 1), 20261122);
	assert_int_equal(budget_day(NOON + 12 * HOUR), 20261123);
	assert_int_equal(budget_day(0), 0);
	assert_int_equal(budget_day(-5), 0);
	set_zone("XYZ-14"); /* as in Kiritimati */
	assert_int_equal(budget_day(NOON), 20261123);
	set_zone("XYZ12");
	assert_int_equal(budget_day(NOON - 1), 20261121);
}

static void a_job_counts_from_its_create_on(void **state)
{
	struct fixture *f = *state;
	struct job *job = f->jobs[0];

	budget_init(&f->b, 2, 0, 0, NOON);
	job->state = JOB_QUEUED;
	budget_count(&f->b, job);
	assert_int_equal(f->b.images, 0);
	job->state = JOB_CREATING;
	job->submitted_ms = NOON;
	budget_count(&f->b, job);
	budget_count(&f->b, job); /* however often it changes */
	assert_int_equal(f->b.images, 1);
	assert_false(budget_is_used_up(&f->b, NOON));
	job->state = JOB_QUEUED; /* refused for now */
	job->submitted_ms = 0;
	budget_count(&f->b, job);
	assert_int_equal(f->b.images, 0);
	accepted(f, 0, NOON);
	job->state = JOB_READY;
	budget_count(&f->b, job);
	assert_int_equal(f->b.images, 1);
	accepted(f, 1, NOON);
	assert_true(budget_is_used_up(&f->b, NOON));
}

static void what_was_cancelled_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct job *job;

	budget_init(&f->b, 1, 0, 0, NOON);
	job = accepted(f, 0, NOON);
	assert_true(budget_is_used_up(&f->b, NOON));
	job->state = JOB_FAILED; /* the download: it is paid for */
	budget_count(&f->b, job);
	assert_true(budget_is_used_up(&f->b, NOON));
	job->prediction_over = true;
	budget_count(&f->b, job);
	assert_int_equal(f->b.images, 0);
	assert_false(budget_is_used_up(&f->b, NOON));
	job->state = JOB_CREATING; /* asked anew: the old prediction stays over */
	budget_count(&f->b, job);
	assert_int_equal(f->b.images, 1);
}

/* The prediction that number i has is over, and there is no picture. */
static void failed(struct fixture *f, size_t i, double cost_usd)
{
	struct job *job = f->jobs[i];

	job->cost_usd = cost_usd;
	job->prediction_over = true;
	budget_spend(&f->b, job);
	job->state = JOB_FAILED;
	budget_count(&f->b, job);
}

static void what_came_to_nothing_counts(void **state)
{
	struct fixture *f = *state;
	struct job *job = f->jobs[0];

	budget_init(&f->b, 3, 0, 2, NOON);
	accepted(f, 0, NOON - DAY);
	failed(f, 0, 1);
	assert_int_equal(f->b.images, 0); /* yesterday's */
	for (int i = 1; i <= 3; i++) {
		assert_false(budget_is_used_up(&f->b, NOON));
		job->prediction_over = false;
		job->cost_usd = -1;
		accepted(f, 0, NOON);
		assert_int_equal(f->b.images, i);
		failed(f, 0, i == 1 ? 0.5 : -1);
		assert_int_equal(f->b.images, i);
	}
	assert_true(budget_is_used_up(&f->b, NOON));
	assert_true(budget_usd(f->b.cost) == 4.5);
	job->prediction_over = false; /* a cancelled one takes nothing of it back */
	accepted(f, 0, NOON);
	job->prediction_over = true;
	budget_count(&f->b, job);
	assert_int_equal(f->b.images, 3);
	assert_true(budget_turn(&f->b, NOON + DAY));
	budget_count(&f->b, job);
	assert_int_equal(f->b.images, 0);
}

static void creates_without_an_answer_count(void **state)
{
	struct fixture *f = *state;
	struct job *job = f->jobs[0];

	budget_init(&f->b, 3, 10, 2, NOON);
	job->state = JOB_HELD;
	job->unanswered = 2;
	job->unanswered_ms = NOON - HOUR;
	budget_count(&f->b, job);
	assert_int_equal(f->b.images, 2);
	assert_true(budget_usd(f->b.cost) == 4);
	accepted(f, 0, NOON); /* and the third is a prediction */
	assert_int_equal(f->b.images, 3);
	assert_true(budget_is_used_up(&f->b, NOON));
	job->unanswered_ms = NOON - DAY;
	budget_count(&f->b, job);
	assert_int_equal(f->b.images, 1);
}

static void only_today_counts(void **state)
{
	struct fixture *f = *state;

	budget_init(&f->b, 1, 0, 0, NOON);
	accepted(f, 0, NOON - 12 * HOUR - 1);
	assert_int_equal(f->b.images, 0);
	accepted(f, 1, NOON + 12 * HOUR);
	assert_int_equal(f->b.images, 0);
	accepted(f, 2, NOON - 12 * HOUR);
	assert_int_equal(f->b.images, 1);
}

static void recount(struct fixture *f)
{
	for (size_t i = 0; i < 4; i++)
		budget_count(&f->b, f->jobs[i]);
}

static void at_midnight_it_is_whole_again(void **state)
{
	struct fixture *f = *state;

	budget_init(&f->b, 2, 0, 0, NOON);
	accepted(f, 0, NOON);
	accepted(f, 1, NOON + 12 * HOUR + 5); /* sent before midnight, accepted after it */
	accepted(f, 2, NOON);
	assert_true(budget_is_used_up(&f->b, NOON + 12 * HOUR - 1));
	assert_false(budget_is_used_up(&f->b, NOON + 12 * HOUR)); /* also before it is turned */
	assert_false(budget_turn(&f->b, NOON + 12 * HOUR - 1));
	assert_true(budget_turn(&f->b, NOON + 12 * HOUR));
	assert_int_equal(f->b.images, 0);
	recount(f);
	assert_int_equal(f->b.images, 1);
	assert_false(budget_turn(&f->b, NOON + 13 * HOUR));
	assert_true(budget_turn(&f->b, NOON)); /* the clock was set back */
	recount(f);
	recount(f);
	assert_int_equal(f->b.images, 2);
	assert_true(budget_is_used_up(&f->b, NOON));
}

static void costs(void **state)
{
	struct fixture *f = *state;
	struct job *job;

	budget_init(&f->b, 0, 0.3, 0.1, NOON);
	accepted(f, 0, NOON);
	accepted(f, 1, NOON);
	assert_false(budget_is_used_up(&f->b, NOON));
	job = accepted(f, 2, NOON);
	assert_true(budget_is_used_up(&f->b, NOON)); /* to the last tenth, unlike doubles */
	job->cost_usd = 0.005;
	budget_count(&f->b, job);
	assert_true(f->b.cost == 205000000);
	assert_false(budget_is_used_up(&f->b, NOON));
	job->cost_usd = 1e300;
	budget_count(&f->b, job);
	assert_true(budget_is_used_up(&f->b, NOON));
	job->cost_usd = 0;
	budget_count(&f->b, job);
	assert_true(budget_usd(f->b.cost) == 0.2);
	job->state = JOB_CREATING; /* anew: what an earlier one cost says nothing */
	job->prediction_over = true;
	budget_count(&f->b, job);
	assert_true(f->b.cost == 300000000);
}

static void no_limit_is_never_reached(void **state)
{
	struct fixture *f = *state;

	budget_init(&f->b, 0, 0, 1000, NOON);
	for (size_t i = 0; i < 4; i++)
		accepted(f, i, NOON);
	assert_int_equal(f->b.images, 4);
	assert_false(budget_is_used_up(&f->b, NOON));
}

static void lifted_for_a_day(void **state)
{
	struct fixture *f = *state;

	budget_init(&f->b, 1, 0, 0, NOON);
	accepted(f, 0, NOON);
	budget_lift(&f->b, NOON);
	assert_false(budget_is_used_up(&f->b, NOON));
	assert_true(budget_turn(&f->b, NOON + DAY));
	accepted(f, 1, NOON + DAY);
	assert_true(budget_is_used_up(&f->b, NOON + DAY));
}

static void it_looks_again_at_midnight(void **state)
{
	(void)state;
	assert_int_equal(budget_wait_ms(NOON), 60000);
	assert_int_equal(budget_wait_ms(NOON + 12 * HOUR - 250), 250);
	assert_int_equal(budget_wait_ms(NOON + 12 * HOUR - 60000), 60000);
	assert_int_equal(budget_wait_ms(NOON + 12 * HOUR), 60000);
	assert_int_equal(budget_wait_ms(0), 60000);
	/* Summer time begins at midnight, so that there is no 00:00 on the fourth. */
	set_zone("BRT3BRST,M11.1.0/0,M2.3.0/0");
	for (int64_t ms = INT64_C(1541289600000); ms < INT64_C(1541304000000); ms += 1000)
		assert_true(budget_wait_ms(ms) > 0 && budget_wait_ms(ms) <= 60000);
	assert_int_equal(budget_day(INT64_C(1541300399000)), 20181103);
	assert_int_equal(budget_day(INT64_C(1541300400000)), 20181104);
}

static void says_why_and_what_to_do(void **state)
{
	struct fixture *f = *state;
	struct error e;

	budget_init(&f->b, 1, 2.5, 3, NOON);
	accepted(f, 0, NOON);
	budget_error(&f->b, &e);
	assert_int_equal(e.class, ERROR_PAYMENT);
	assert_non_null(strstr(e.message, "budget of 1 picture is used up"));
	assert_int_equal(e.advice, ADVICE_BUDGET);
	f->b.images_limit = 5;
	budget_error(&f->b, &e);
	assert_non_null(strstr(e.message, "budget of 2.5 USD is used up"));
}

static void several_must_fit_together(void **state)
{
	struct fixture *f = *state;
	struct error e;

	budget_init(&f->b, 5, 0, 0, NOON);
	accepted(f, 0, NOON);
	assert_int_equal(budget_may_take(&f->b, NOON, 4, 0, &e), 0);
	assert_int_equal(budget_may_take(&f->b, NOON, 5, 0, &e), -EDQUOT);
	assert_int_equal(e.class, ERROR_PAYMENT);
	assert_non_null(strstr(e.message, "5 pictures; 4 are left of today's budget of 5"));
	assert_int_equal(budget_may_take(&f->b, NOON, 4, 2, &e), -EDQUOT); /* two are queued */
	assert_non_null(strstr(e.message, "2 are left"));
	assert_int_equal(budget_may_take(&f->b, NOON, 1, 100, &e), 0); /* it waits for its day */
	budget_lift(&f->b, NOON);
	assert_int_equal(budget_may_take(&f->b, NOON, 100, 0, &e), 0);
	budget_init(&f->b, 0, 1, 0.3, NOON);
	assert_int_equal(budget_may_take(&f->b, NOON, 3, 0, &e), 0);
	assert_int_equal(budget_may_take(&f->b, NOON, 4, 0, &e), -EDQUOT);
	assert_non_null(strstr(e.message, "limits.daily_cost"));
	budget_set(&f->b, 0, 0, 0.3);
	assert_int_equal(budget_may_take(&f->b, NOON, 4, 0, &e), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(days_are_of_the_calendar),         TEST(a_job_counts_from_its_create_on),
		TEST(what_was_cancelled_is_taken_back), TEST(what_came_to_nothing_counts),
		TEST(creates_without_an_answer_count),  TEST(only_today_counts),
		TEST(at_midnight_it_is_whole_again),    TEST(costs),
		TEST(no_limit_is_never_reached),        TEST(lifted_for_a_day),
		TEST(it_looks_again_at_midnight),       TEST(says_why_and_what_to_do),
		TEST(several_must_fit_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
