/* pace's poll schedule: its bounds, and in simulation how many polls a job costs and how long its
 * picture lies ready unasked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pimagefs/pace.h"

static void quantiles(void **state)
{
	struct pace_poll p;

	(void)state;
	pace_poll_init(&p, 1000, 250, 5000);
	assert_int_equal(pace_poll_quantile(&p, 0.5), -1);
	pace_poll_learn(&p, -1);
	assert_int_equal(pace_poll_quantile(&p, 0.5), -1);
	pace_poll_learn(&p, 700);
	assert_int_equal(pace_poll_quantile(&p, 0), 700);
	assert_int_equal(pace_poll_quantile(&p, 1), 700);
	for (int i = 9; i >= 1; i--)
		pace_poll_learn(&p, i * 1000);
	assert_int_equal(pace_poll_quantile(&p, 0.1), 700);
	assert_int_equal(pace_poll_quantile(&p, 0.2), 1000);
	assert_int_equal(pace_poll_quantile(&p, 0.5), 4000);
	assert_int_equal(pace_poll_quantile(&p, 0.9), 8000);
	assert_int_equal(pace_poll_quantile(&p, 0.95), 9000);
	assert_int_equal(pace_poll_quantile(&p, 1), 9000);
	assert_int_equal(pace_poll_quantile(&p, 7), 9000);
	assert_int_equal(pace_poll_quantile(&p, -7), 700);
}

static void only_the_last_samples_count(void **state)
{
	struct pace_poll p;

	(void)state;
	pace_poll_init(&p, 1000, 250, 5000);
	for (int i = 0; i < 100; i++)
		pace_poll_learn(&p, 9000);
	for (int i = 0; i < PACE_SAMPLES; i++)
		pace_poll_learn(&p, 2000);
	assert_int_equal(pace_poll_quantile(&p, 0), 2000);
	assert_int_equal(pace_poll_quantile(&p, 1), 2000);
	assert_int_equal(p.count, PACE_SAMPLES);
}

static void learn_between(struct pace_poll *p, int64_t low, int64_t high)
{
	for (int i = 0; i < PACE_SAMPLES; i++)
		pace_poll_learn(p, low + (high - low) * i / (PACE_SAMPLES - 1));
}

static void the_first_poll(void **state)
{
	struct pace_poll p;

	(void)state;
	pace_poll_init(&p, 1000, 250, 5000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pace_poll_delay(&p, 0), 1000);
		pace_poll_learn(&p, 2000);
	}
	assert_int_equal(pace_poll_delay(&p, 0), 1000);
	pace_poll_learn(&p, 2000);
	assert_int_equal(pace_poll_delay(&p, 0), 2000);
	assert_int_equal(pace_poll_delay(&p, -50), 2000);
	assert_int_equal(pace_poll_delay(&p, 1500), 500);
	assert_int_equal(pace_poll_delay(&p, 1990), 250);
	assert_int_equal(pace_poll_delay(&p, 2000), 250);
	pace_poll_init(&p, 1000, 250, 5000);
	learn_between(&p, 0, 0);
	assert_int_equal(pace_poll_delay(&p, 0), 250);
	learn_between(&p, 60000, 60000);
	assert_int_equal(pace_poll_delay(&p, 0), 5000);
}

static void often_while_likely_then_ever_more_seldom(void **state)
{
	struct pace_poll p;

	(void)state;
	pace_poll_init(&p, 1000, 250, 5000);
	assert_int_equal(pace_poll_delay(&p, 1000), 250);
	assert_int_equal(pace_poll_delay(&p, 3000), 250);
	assert_int_equal(pace_poll_delay(&p, 3001), 300);
	assert_int_equal(pace_poll_delay(&p, 20000), 2000);
	assert_int_equal(pace_poll_delay(&p, 50000), 5000);
	assert_int_equal(pace_poll_delay(&p, INT64_MAX), 5000);
	learn_between(&p, 1000, 7000);
	assert_int_equal(pace_poll_delay(&p, 6000), 250);
	assert_int_equal(pace_poll_delay(&p, 7000), 700);
	learn_between(&p, 1000, 60000);
	assert_int_equal(pace_poll_delay(&p, 30000),
			 (pace_poll_quantile(&p, 0.9) - pace_poll_quantile(&p, 0.1)) / 32);
}

static void bounds_and_monotony(void **state)
{
	static const int64_t ranges[][2] = {
		{ -1, -1 },     { 0, 0 },        { 900, 1100 },
		{ 1000, 7000 }, { 200, 300000 }, { 90000, 90000 },
	};
	struct pace_poll p;

	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		int64_t first, last = 0;

		pace_poll_init(&p, 1000, 250, 5000);
		learn_between(&p, ranges[i][0], ranges[i][1]);
		first = p.count ? pace_poll_quantile(&p, 0.1) : 1000;
		for (int64_t elapsed = 0; elapsed < 400000; elapsed += 7) {
			int64_t delay = pace_poll_delay(&p, elapsed);

			assert_true(delay >= 250 && delay <= 5000);
			assert_true(elapsed < first || delay >= last);
			last = elapsed < first ? 0 : delay;
		}
	}
}

static void odd_settings_are_put_in_order(void **state)
{
	struct pace_poll p;

	(void)state;
	pace_poll_init(&p, 0, 0, 0);
	assert_int_equal(pace_poll_delay(&p, 0), 1);
	assert_int_equal(pace_poll_delay(&p, 100000), 1);
	pace_poll_init(&p, 100, 500, 200);
	assert_int_equal(pace_poll_delay(&p, 0), 500);
	assert_int_equal(pace_poll_delay(&p, 100000), 500);
	pace_poll_init(&p, INT32_MAX, 1, INT32_MAX);
	assert_int_equal(pace_poll_delay(&p, 0), INT32_MAX);
	assert_int_equal(pace_poll_delay(&p, (int64_t)INT32_MAX * 2), 134217727);
}

struct outcome {
	unsigned polls;
	int64_t delay_ms; /* from its end to the poll that told */
};

static struct outcome run_job(const struct pace_poll *p, int64_t duration_ms)
{
	struct outcome o = { 0, 0 };
	int64_t elapsed = 0;

	do {
		elapsed += pace_poll_delay(p, elapsed);
		o.polls++;
	} while (elapsed < duration_ms);
	o.delay_ms = elapsed - duration_ms;
	return o;
}

/* Jobs that last between low and high; polls and delays of the mean job. */
static struct outcome run_jobs(const struct pace_poll *p, int64_t low, int64_t high)
{
	struct outcome sum = { 0, 0 };
	unsigned n = 0;

	for (int64_t duration = low; duration <= high; duration++, n++) {
		struct outcome one = run_job(p, duration);

		sum.polls += one.polls;
		sum.delay_ms += one.delay_ms;
	}
	return (struct outcome){ (sum.polls + n / 2) / n, sum.delay_ms / n };
}

static void unlearnt_jobs_are_cheap_enough(void **state)
{
	struct pace_poll p;

	(void)state;
	pace_poll_init(&p, 1000, 250, 5000);
	assert_int_equal(run_job(&p, 1000).polls, 1);
	assert_int_equal(run_job(&p, 1000).delay_ms, 0);
	assert_int_equal(run_job(&p, 2500).polls, 7);
	assert_int_equal(run_job(&p, 7000).polls, 19);
	assert_true(run_jobs(&p, 900, 1100).delay_ms <= 125);
	assert_true(run_jobs(&p, 2000, 3000).delay_ms <= 130);
	assert_true(run_jobs(&p, 6000, 8000).delay_ms <= 370);
	/* Ten minutes, at the cap of five seconds for most of them. */
	assert_true(run_job(&p, 600000).polls <= 160);
}

static void learnt_jobs_are_cheap(void **state)
{
	static const int64_t typical[] = { 1000, 2500, 7000 };
	struct pace_poll p;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		int64_t low = typical[i] * 9 / 10, high = typical[i] * 11 / 10;
		struct outcome mean;

		pace_poll_init(&p, 1000, 250, 5000);
		learn_between(&p, low, high);
		mean = run_jobs(&p, low, high);
		assert_in_range(mean.polls, 1, typical[i] < 7000 ? 2 : 5);
		assert_true(mean.delay_ms <= 150);
	}
}

/* What api.md tells of sibling models: 2.5 s at the median, 7 s at the 95 %-quantile. */
static void a_mixed_service_costs_a_few_polls(void **state)
{
	static const int64_t durations[] = {
		1100, 1400, 1600, 1800, 1900, 2000, 2100, 2200, 2300, 2400, 2500,
		2600, 2800, 3000, 3200, 3400, 3700, 4000, 4600, 5500, 7000,
	};
	size_t n = sizeof(durations) / sizeof(durations[0]);
	struct outcome sum = { 0, 0 };
	struct pace_poll p;

	(void)state;
	pace_poll_init(&p, 1000, 250, 5000);
	for (size_t i = 0; i < n; i++)
		pace_poll_learn(&p, durations[i]);
	for (size_t i = 0; i < n; i++) {
		struct outcome one = run_job(&p, durations[i]);

		assert_true(one.delay_ms <= 700);
		sum.polls += one.polls;
		sum.delay_ms += one.delay_ms;
	}
	assert_true(sum.polls <= 7 * n);
	assert_true(sum.delay_ms <= 160 * (int64_t)n);
}

static void a_wide_range_does_not_cost_hundreds(void **state)
{
	struct pace_poll p;

	(void)state;
	pace_poll_init(&p, 1000, 100, 5000);
	learn_between(&p, 1000, 60000);
	assert_true(run_job(&p, 60000).polls <= 40);
}

static void a_quicker_service_is_noticed(void **state)
{
	struct pace_poll p;

	(void)state;
	pace_poll_init(&p, 1000, 250, 5000);
	learn_between(&p, 6500, 7500);
	for (int i = 0; i < 4; i++)
		pace_poll_learn(&p, 1000);
	assert_int_equal(pace_poll_delay(&p, 0), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles),
		cmocka_unit_test(only_the_last_samples_count),
		cmocka_unit_test(the_first_poll),
		cmocka_unit_test(often_while_likely_then_ever_more_seldom),
		cmocka_unit_test(bounds_and_monotony),
		cmocka_unit_test(odd_settings_are_put_in_order),
		cmocka_unit_test(unlearnt_jobs_are_cheap_enough),
		cmocka_unit_test(learnt_jobs_are_cheap),
		cmocka_unit_test(a_mixed_service_costs_a_few_polls),
		cmocka_unit_test(a_wide_range_does_not_cost_hundreds),
		cmocka_unit_test(a_quicker_service_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
