/* What runs at the service without being polled takes its place among the running ones, and the
 * rate window is the service's, whatever is done to the clock. The simulation found each. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core_world.h"

static void one_at_a_time(struct core *c)
{
	c->settings->limits.concurrent = 1;
	core_restart(c);
}

static void assert_creates(struct core *c, unsigned n)
{
	core_settle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], n);
}

static void test_what_is_to_be_cancelled(void **state)
{
	struct core *c = *state;
	struct job *job;

	one_at_a_time(c);
	job = core_processing(c, "a", "p1");
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_submit(c, "b");
	assert_creates(c, 1);
	core_wait_calls(c, FAKE_CANCEL, 1);
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	assert_creates(c, 2);
}

static void test_a_cancelled_create_that_is_out(void **state)
{
	struct core *c = *state;
	struct job *job;

	one_at_a_time(c);
	job = core_submit(c, "a");
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_submit(c, "b");
	assert_creates(c, 1);
	fake_accept(&c->api, "p1");
	assert_creates(c, 1); /* now it owes a cancel */
	core_wait_calls(c, FAKE_CANCEL, 1);
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	assert_creates(c, 2);
}

/* It runs at the service, as far as we know; and another waits. */
static struct job *failed_offline(struct core *c)
{
	struct job *job;

	c->settings->api.offline = CONFIG_OFFLINE_FAIL;
	c->settings->api.retries = 0;
	one_at_a_time(c);
	job = core_processing(c, "a", "p1");
	core_wait_calls(c, FAKE_POLL, 1);
	fake_say(&c->api, FAKE_POLL, SERVICE_OFFLINE);
	core_assert_state(job, JOB_FAILED);
	core_submit(c, "b");
	return job;
}

static void test_what_failed_and_is_not_over(void **state)
{
	struct core *c = *state;

	failed_offline(c);
	assert_creates(c, 1);
	core_restart(c);
	assert_creates(c, 0); /* the fake counts anew */
	core_pass(c, c->settings->poll.deadline_s * 1000LL);
	assert_creates(c, 1);
}

static void test_what_failed_and_is_polled_again(void **state)
{
	struct core *c = *state;
	struct job *job = failed_offline(c);

	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_POLL, 1);
	assert_creates(c, 1);
	fake_done(&c->api, "https://cdn.test/picture.png");
	assert_creates(c, 2);
}

static void test_a_held_prediction_is_cancelled_there(void **state)
{
	struct core *c = *state;
	struct job *job = core_processing(c, "a", "p1");

	core_wait_calls(c, FAKE_POLL, 1);
	fake_say(&c->api, FAKE_POLL, SERVICE_AUTH);
	core_assert_state(job, JOB_HELD);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_wait_calls(c, FAKE_CANCEL, 1);
}

static void test_a_late_refusal_stops_the_queue(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "a");

	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	fake_say(&c->api, FAKE_CREATE, SERVICE_AUTH);
	job = core_submit(c, "b");
	assert_creates(c, 1);
	core_assert_state(job, JOB_HELD);
}

static void test_a_late_busy_pauses(void **state)
{
	struct core *c = *state;
	struct service_answer busy = fake_verdict(SERVICE_BUSY);
	struct job *job = core_submit(c, "a");

	busy.retry_after_ms = 30000;
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	fake_answer(&c->api, FAKE_CREATE, &busy);
	core_submit(c, "b");
	core_pass(c, 29000);
	assert_creates(c, 1);
	core_pass(c, 1001);
	assert_creates(c, 2);
}

static void test_a_clock_that_is_set_owes_no_less(void **state)
{
	struct core *c = *state;
	struct job *job = core_processing(c, "a", "p1");

	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_wait_calls(c, FAKE_CANCEL, 1);
	c->sim.wall_ms += 86400000;
	fake_say(&c->api, FAKE_CANCEL, SERVICE_TROUBLE);
	core_wait_calls(c, FAKE_CANCEL, 1); /* tried again */
}

static void one_a_minute(struct core *c)
{
	c->settings->limits.creates_per_minute = 1;
	core_restart(c);
}

static void test_a_clock_that_is_set_opens_no_window(void **state)
{
	struct core *c = *state;

	one_a_minute(c);
	core_processing(c, "a", "p1");
	core_submit(c, "b");
	c->sim.wall_ms += 86400000;
	assert_creates(c, 1);
	core_pass(c, 59000);
	assert_creates(c, 1);
	c->sim.wall_ms -= 10 * 86400000LL;
	core_pass(c, 2000);
	assert_creates(c, 2);
}

static void test_an_unanswered_create_is_counted_late(void **state)
{
	struct core *c = *state;

	one_a_minute(c);
	core_submit(c, "a");
	core_wait_calls(c, FAKE_CREATE, 1);
	core_submit(c, "b");
	core_pass(c, 60300); /* it may have been seen so late */
	assert_creates(c, 1);
	core_pass(c, 300);
	assert_creates(c, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_to_be_cancelled),
		TEST(test_a_cancelled_create_that_is_out),
		TEST(test_what_failed_and_is_not_over),
		TEST(test_what_failed_and_is_polled_again),
		TEST(test_a_held_prediction_is_cancelled_there),
		TEST(test_a_late_refusal_stops_the_queue),
		TEST(test_a_late_busy_pauses),
		TEST(test_a_clock_that_is_set_owes_no_less),
		TEST(test_a_clock_that_is_set_opens_no_window),
		TEST(test_an_unanswered_create_is_counted_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
