/* pace: the rate window, and the bounds of backoff and of the number running at once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/pace.h"
#include "pimagefs/rng.h"

#define NOW INT64_C(1795356903123)
#define MINUTE 60000

static int make_window(void **state)
{
	struct pace_window *w = malloc(sizeof(*w));

	*state = w;
	return w && pace_window_init(w, 3, MINUTE) == 0 ? 0 : -1;
}

static int free_window(void **state)
{
	pace_window_release(*state);
	free(*state);
	return 0;
}

static void window_lets_only_so_many_through(void **state)
{
	struct pace_window *w = *state;

	assert_int_equal(pace_window_left(w, NOW), 3);
	assert_int_equal(pace_window_wait(w, NOW), 0);
	pace_window_add(w, NOW);
	pace_window_add(w, NOW + 1000);
	assert_int_equal(pace_window_wait(w, NOW + 1000), 0);
	assert_int_equal(pace_window_left(w, NOW + 1000), 1);
	pace_window_add(w, NOW + 2000);
	assert_int_equal(pace_window_left(w, NOW + 2000), 0);
	assert_int_equal(pace_window_wait(w, NOW + 2000), MINUTE - 2000);
	assert_int_equal(pace_window_wait(w, NOW + MINUTE - 1), 1);
	assert_int_equal(pace_window_left(w, NOW + MINUTE - 1), 0);
	assert_int_equal(pace_window_wait(w, NOW + MINUTE), 0);
	assert_int_equal(pace_window_left(w, NOW + MINUTE), 1);
	pace_window_add(w, NOW + MINUTE);
	assert_int_equal(pace_window_wait(w, NOW + MINUTE), 1000);
	assert_int_equal(pace_window_left(w, NOW + MINUTE + 1999), 1);
	assert_int_equal(pace_window_left(w, NOW + 2 * MINUTE), 3);
}

static void window_of_one(void **state)
{
	struct pace_window w;

	(void)state;
	assert_int_equal(pace_window_init(&w, 1, 10), 0);
	pace_window_add(&w, NOW);
	assert_int_equal(pace_window_wait(&w, NOW), 10);
	assert_int_equal(pace_window_wait(&w, NOW + 10), 0);
	pace_window_add(&w, NOW + 10);
	assert_int_equal(pace_window_wait(&w, NOW + 11), 9);
	pace_window_release(&w);
	assert_null(w.times);
	pace_window_release(&w);
}

static void window_keeps_the_limit_over_a_long_time(void **state)
{
	struct pace_window *w = *state;
	int64_t sent[500], now = NOW;
	uint64_t seed = 1;

	for (size_t i = 0; i < 500; i++) {
		now += (int64_t)(rng_next(&seed) % (MINUTE / 2));
		now += pace_window_wait(w, now);
		assert_int_equal(pace_window_wait(w, now), 0);
		assert_true(pace_window_left(w, now) > 0);
		pace_window_add(w, now);
		sent[i] = now;
		if (i >= 3)
			assert_true(sent[i] - sent[i - 3] >= MINUTE);
	}
}

static void a_clock_set_back_costs_one_window(void **state)
{
	struct pace_window *w = *state;
	int64_t hour = 60 * MINUTE;

	pace_window_add(w, NOW);
	pace_window_add(w, NOW + 10);
	pace_window_add(w, NOW + 20);
	assert_int_equal(pace_window_left(w, NOW - hour), 0);
	assert_int_equal(pace_window_wait(w, NOW - hour), MINUTE);
	assert_int_equal(pace_window_wait(w, NOW - hour + 15000), MINUTE - 15000);
	assert_int_equal(pace_window_wait(w, NOW - hour + MINUTE), 0);
	assert_int_equal(pace_window_left(w, NOW - hour + MINUTE), 3);
	pace_window_add(w, NOW);
	pace_window_add(w, NOW - 500);
	assert_int_equal(pace_window_left(w, NOW - 500), 1);
	assert_int_equal(pace_window_left(w, NOW - 500 + MINUTE), 3);
}

static void only_the_times_ahead_become_now(void **state)
{
	struct pace_window *w = *state;

	pace_window_add(w, NOW - 1000);
	pace_window_add(w, NOW + 5000);
	pace_window_add(w, NOW + 9000);
	assert_int_equal(pace_window_wait(w, NOW), MINUTE - 1000);
	assert_int_equal(pace_window_left(w, NOW + MINUTE - 1000), 1);
	assert_int_equal(pace_window_left(w, NOW + MINUTE), 3);
}

static void window_without_memory(void **state)
{
	struct pace_window w;
	int r;

	(void)state;
	oom_fail_after(0);
	r = pace_window_init(&w, 100, MINUTE);
	assert_int_equal(oom_off(), 1);
	assert_int_equal(r, -ENOMEM);
}

static void backoff_stays_within_its_bounds(void **state)
{
	uint64_t seed = 2;

	(void)state;
	for (unsigned tries = 0; tries < 80; tries++) {
		int64_t top = tries < 6 ? INT64_C(500) << tries : 30000;

		if (top > 30000)
			top = 30000;
		assert_int_equal(pace_backoff(tries, 500, 30000, 0), 500);
		for (int i = 0; i < 50; i++) {
			int64_t delay = pace_backoff(tries, 500, 30000, rng_next(&seed));

			assert_true(delay >= 500 && delay <= top);
		}
		assert_int_equal(pace_backoff(tries, 500, 30000, (uint64_t)(top - 500)), top);
	}
	assert_int_equal(pace_backoff(0, 500, 30000, UINT64_MAX), 500);
	assert_int_equal(pace_backoff(3, 500, 500, 12345), 500);
	assert_int_equal(pace_backoff(3, 500, 200, 12345), 200);
	assert_int_equal(pace_backoff(5, 0, 1000, 12345), 0);
	assert_true(pace_backoff(UINT32_MAX, 1, INT64_MAX, UINT64_MAX) >= 1);
}

static void backoff_is_even(void **state)
{
	uint64_t seed = 3;
	int64_t sum = 0;

	(void)state;
	for (int i = 0; i < 10000; i++)
		sum += pace_backoff(4, 1000, 60000, rng_next(&seed));
	assert_in_range(sum / 10000, 8300, 8700);
}

static void width_halves_and_recovers(void **state)
{
	struct pace_width w;

	(void)state;
	pace_width_init(&w, 10);
	assert_int_equal(w.now, 10);
	pace_width_success(&w);
	assert_int_equal(w.now, 10);
	pace_width_busy(&w);
	assert_int_equal(w.now, 5);
	pace_width_busy(&w);
	pace_width_busy(&w);
	pace_width_busy(&w);
	assert_int_equal(w.now, 1);
	for (unsigned width = 1; width < 10; width++) {
		for (unsigned i = 0; i < width; i++) {
			assert_int_equal(w.now, width);
			pace_width_success(&w);
		}
	}
	for (int i = 0; i < 100; i++)
		pace_width_success(&w);
	assert_int_equal(w.now, 10);
}

static void width_forgets_successes_when_busy(void **state)
{
	struct pace_width w;

	(void)state;
	pace_width_init(&w, 4);
	pace_width_busy(&w);
	pace_width_success(&w);
	pace_width_busy(&w);
	assert_int_equal(w.now, 1);
	pace_width_success(&w);
	assert_int_equal(w.now, 2);
	pace_width_success(&w);
	assert_int_equal(w.now, 2);
	pace_width_init(&w, 0);
	assert_int_equal(w.now, 1);
}

#define window_test(name) cmocka_unit_test_setup_teardown(name, make_window, free_window)

static void window_of_another_size_keeps_the_newest(void **state)
{
	struct pace_window *w = *state;

	for (int i = 0; i < 5; i++)
		pace_window_add(w, NOW + i);
	assert_int_equal(pace_window_resize(w, 2, 100), 0);
	assert_int_equal(pace_window_left(w, NOW + 5), 0);
	assert_int_equal(pace_window_wait(w, NOW + 5), 98); /* NOW + 3 is the oldest */
	assert_int_equal(pace_window_resize(w, 4, 100), 0);
	assert_int_equal(pace_window_left(w, NOW + 5), 2);
	pace_window_add(w, NOW + 5);
	assert_int_equal(pace_window_left(w, NOW + 5), 1);
}

static void width_of_another_limit(void **state)
{
	struct pace_width w;

	(void)state;
	pace_width_init(&w, 8);
	pace_width_limit(&w, 10);
	assert_int_equal(w.now, 10);
	pace_width_busy(&w);
	pace_width_limit(&w, 20);
	assert_int_equal(w.now, 5); /* narrowed it stays */
	pace_width_limit(&w, 3);
	assert_int_equal(w.now, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		window_test(window_lets_only_so_many_through),
		cmocka_unit_test(window_of_one),
		window_test(window_of_another_size_keeps_the_newest),
		cmocka_unit_test(width_of_another_limit),
		window_test(window_keeps_the_limit_over_a_long_time),
		window_test(a_clock_set_back_costs_one_window),
		window_test(only_the_times_ahead_become_now),
		cmocka_unit_test(window_without_memory),
		cmocka_unit_test(backoff_stays_within_its_bounds),
		cmocka_unit_test(backoff_is_even),
		cmocka_unit_test(width_halves_and_recovers),
		cmocka_unit_test(width_forgets_successes_when_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
