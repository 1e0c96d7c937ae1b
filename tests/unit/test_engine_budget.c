/* engine: the day's budget, and the deadline while the service cannot be reached. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine_internal.h"
#include "core_world.h"
#include "pimagefs/clock.h"

#define LONG_AGO 20000101

static void limit(struct core *c, int images, double cost, double each)
{
	c->settings->limits.daily_images = images;
	c->settings->limits.daily_cost = cost;
	c->settings->limits.cost_per_image = each;
	core_restart(c);
}

static void assert_waits(struct core *c, struct job *job)
{
	struct error why;

	core_settle(c);
	core_assert_state(job, JOB_QUEUED);
	assert_true(uv_is_active((uv_handle_t *)&c->engine->tick));
	assert_true(uv_timer_get_due_in(&c->engine->tick) <= 60000);
	assert_true(engine_waits_for(c->engine, job, &why));
	assert_int_equal(why.class, ERROR_PAYMENT);
	assert_non_null(strstr(why.message, "used up"));
	assert_int_equal(engine_may_accept(c->engine), -EDQUOT);
}

static json_int_t number(struct core *c, const char *key)
{
	json_t *stats = engine_stats(c->engine);
	json_t *value = json_object_get(json_object_get(stats, "budget"), key);
	json_int_t n;

	assert_non_null(value);
	n = json_is_real(value)   ? (json_int_t)(json_real_value(value) * 1000 + 0.5)
	    : json_is_true(value) ? 1
				  : json_integer_value(value);
	json_decref(stats);
	return n;
}

static void test_queued_work_waits(void **state)
{
	struct core *c = *state;
	struct job *third;
	struct error why;

	limit(c, 2, 0, 0);
	assert_int_equal(engine_may_accept(c->engine), 0);
	core_submit(c, "a");
	core_submit(c, "b");
	third = core_submit(c, "c");
	core_wait_calls(c, FAKE_CREATE, 2); /* creates in flight count */
	assert_waits(c, third);
	assert_false(engine_waits_for(c->engine, engine_find(c->engine, "a"), &why));
	fake_accept(&c->api, "p1");
	fake_accept(&c->api, "p2");
	assert_waits(c, third);
	assert_int_equal(number(c, "images_today"), 2);
	assert_int_equal(number(c, "images_limit"), 2);
	assert_int_equal(number(c, "lifted"), 0);
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
}

static void test_what_failed_at_the_service_is_taken_back(void **state)
{
	struct core *c = *state;
	struct job *second;

	limit(c, 1, 0, 0);
	core_processing(c, "a", "p1");
	second = core_submit(c, "b");
	assert_waits(c, second);
	core_wait_calls(c, FAKE_POLL, 1);
	fake_say(&c->api, FAKE_POLL, API_FAILED);
	core_wait_calls(c, FAKE_CREATE, 1);
	core_assert_state(second, JOB_CREATING);
	fake_say(&c->api, FAKE_CREATE, API_REFUSED);
	assert_int_equal(number(c, "images_today"), 0);
	assert_int_equal(engine_may_accept(c->engine), 0);
}

static void test_cancelled_is_taken_back(void **state)
{
	struct core *c = *state;
	struct job *job;

	limit(c, 1, 0, 0);
	job = core_processing(c, "a", "p1");
	assert_int_equal(engine_may_accept(c->engine), -EDQUOT);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	assert_int_equal(engine_may_accept(c->engine), 0);
	assert_int_equal(number(c, "images_today"), 0);
}

static void test_a_restart_changes_nothing(void **state)
{
	struct core *c = *state;

	limit(c, 3, 0, 0.5);
	core_ready(c, "a", "p1");
	core_processing(c, "b", "p2");
	core_submit(c, "c");
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(number(c, "images_today"), 3);
	assert_int_equal(number(c, "cost_today"), 1010);
	core_crash(c);
	core_find(c, "c", JOB_HELD); /* uncertain: it may be billed */
	assert_int_equal(number(c, "images_today"), 3);
	assert_int_equal(number(c, "cost_today"), 1010);
	assert_int_equal(engine_may_accept(c->engine), -EDQUOT);
	assert_int_equal(engine_retry(c->engine, engine_find(c->engine, "c")), 0);
	assert_waits(c, engine_find(c->engine, "c")); /* what may be billed goes on counting */
	core_restart(c);
	assert_waits(c, engine_find(c->engine, "c"));
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
}

static void test_uncertain_creates_count(void **state)
{
	struct core *c = *state;

	c->settings->api.ambiguous_create = CONFIG_AMBIGUOUS_RETRY;
	limit(c, 2, 0, 0);
	core_submit(c, "a");
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, API_UNCERTAIN);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, API_UNCERTAIN);
	assert_waits(c, engine_find(c->engine, "a"));
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
}

static void test_uncertain_after_a_cancel_counts(void **state)
{
	struct core *c = *state;
	struct job *job;

	limit(c, 1, 0, 0);
	job = core_submit(c, "a");
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	fake_say(&c->api, FAKE_CREATE, API_UNCERTAIN);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(engine_may_accept(c->engine), -EDQUOT);
}

static void test_a_new_day(void **state)
{
	struct core *c = *state;
	struct job *first, *second;

	limit(c, 1, 0, 0);
	first = core_processing(c, "a", "p1");
	second = core_submit(c, "b");
	assert_waits(c, second);
	first->submitted_ms = 1000; /* as if all that had been on another day */
	c->engine->budget.today = LONG_AGO;
	assert_int_equal(engine_may_accept(c->engine), 0);
	engine_turn(c->engine);
	core_wait_calls(c, FAKE_CREATE, 1);
	core_assert_state(second, JOB_CREATING);
	assert_int_equal(number(c, "images_today"), 1);
}

static void test_resume_lifts_it(void **state)
{
	struct core *c = *state;
	struct job *second;

	limit(c, 1, 0, 0);
	core_processing(c, "a", "p1");
	second = core_submit(c, "b");
	assert_waits(c, second);
	assert_int_equal(engine_pause(c->engine, true), 0);
	assert_int_equal(engine_pause(c->engine, false), 0); /* ends the pause, no more */
	assert_waits(c, second);
	assert_int_equal(engine_pause(c->engine, false), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(engine_may_accept(c->engine), 0);
	assert_int_equal(number(c, "lifted"), 1);
	fake_accept(&c->api, "p2");
	core_restart(c);
	assert_int_equal(number(c, "lifted"), 1);
	assert_int_equal(number(c, "images_today"), 2);
	assert_int_equal(engine_may_accept(c->engine), 0);
	c->engine->budget.lifted = LONG_AGO; /* yesterday's */
	assert_int_equal(engine_may_accept(c->engine), -EDQUOT);
}

static void test_resume_lifts_only_what_is_used_up(void **state)
{
	struct core *c = *state;

	limit(c, 1, 0, 0);
	assert_int_equal(engine_pause(c->engine, false), 0);
	core_processing(c, "a", "p1");
	assert_int_equal(engine_may_accept(c->engine), -EDQUOT);
	core_restart(c);
	assert_int_equal(engine_may_accept(c->engine), -EDQUOT);
}

static void test_costs(void **state)
{
	struct core *c = *state;

	limit(c, 0, 0.02, 0);
	core_ready(c, "a", "p1"); /* 0.01 each, the service says */
	assert_int_equal(engine_may_accept(c->engine), 0);
	assert_int_equal(number(c, "cost_today"), 10);
	assert_int_equal(number(c, "cost_limit"), 20);
	core_ready(c, "b", "p2");
	assert_waits(c, core_submit(c, "c"));
}

static void test_expected_costs(void **state)
{
	struct core *c = *state;

	limit(c, 0, 1, 0.5);
	core_processing(c, "a", "p1");
	core_processing(c, "b", "p2");
	assert_waits(c, core_submit(c, "c"));
}

static void test_no_limit(void **state)
{
	struct core *c = *state;

	limit(c, 0, 0, 1000);
	core_ready(c, "a", "p1");
	core_ready(c, "b", "p2");
	assert_int_equal(engine_may_accept(c->engine), 0);
	assert_int_equal(number(c, "images_today"), 2);
}

/* A prediction that was asked about, when the service could not be reached for so long. */
static void away(struct core *c, struct job *job, int64_t call_ms, int64_t pause_ms)
{
	struct flight *f;

	core_wait_calls(c, FAKE_POLL, 1);
	f = job->call;
	f->began_ms -= call_ms + pause_ms; /* as if it had begun then */
	job->since_ms -= call_ms + pause_ms;
	fake_say(&c->api, FAKE_POLL, API_OFFLINE);
}

static void test_time_away_does_not_count(void **state)
{
	struct core *c = *state;
	struct job *job;

	c->settings->poll.deadline_s = 100;
	job = core_processing(c, "fox", "p1");
	for (int i = 0; i < 5; i++)
		away(c, job, 20000, 60000);
	core_wait_calls(c, FAKE_POLL, 1);
	core_assert_state(job, JOB_PROCESSING);
	assert_true(clock_mono_ms() - job->since_ms < 50000);
	assert_int_equal(job->away_ms, 0);
	job->since_ms -= 100000; /* while it answers, time does count */
	fake_say(&c->api, FAKE_POLL, API_PENDING);
	core_wait_state(c, job, JOB_FAILED);
	core_assert_error(job, ERROR_TIMEOUT);
}

static void test_time_in_trouble_counts(void **state)
{
	struct core *c = *state;
	struct job *job;

	c->settings->poll.deadline_s = 100;
	job = core_processing(c, "fox", "p1");
	core_wait_calls(c, FAKE_POLL, 1);
	job->since_ms -= 100000;
	fake_say(&c->api, FAKE_POLL, API_TROUBLE);
	core_wait_state(c, job, JOB_FAILED);
	core_assert_error(job, ERROR_TIMEOUT);
}

static void test_time_away_may_count(void **state)
{
	struct core *c = *state;
	struct job *job;

	c->settings->poll.deadline_s = 100;
	c->settings->poll.deadline_counts = CONFIG_DEADLINE_ALWAYS;
	job = core_processing(c, "fox", "p1");
	away(c, job, 20000, 60000);
	core_wait_calls(c, FAKE_POLL, 1);
	core_assert_state(job, JOB_PROCESSING);
	away(c, job, 20000, 0);
	core_wait_state(c, job, JOB_FAILED);
	core_assert_error(job, ERROR_TIMEOUT);
}

static void test_offline_fails_after_the_retries(void **state)
{
	struct core *c = *state;
	struct job *job;

	c->settings->api.offline = CONFIG_OFFLINE_FAIL; /* two retries */
	job = core_processing(c, "fox", "p1");
	for (int i = 0; i < 3; i++) {
		core_assert_state(job, JOB_PROCESSING);
		core_wait_calls(c, FAKE_POLL, 1);
		fake_say(&c->api, FAKE_POLL, API_OFFLINE);
	}
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_NETWORK);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_POLL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_POLL), "p1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_queued_work_waits),
		TEST(test_what_failed_at_the_service_is_taken_back),
		TEST(test_cancelled_is_taken_back),
		TEST(test_a_restart_changes_nothing),
		TEST(test_uncertain_creates_count),
		TEST(test_uncertain_after_a_cancel_counts),
		TEST(test_a_new_day),
		TEST(test_resume_lifts_it),
		TEST(test_resume_lifts_only_what_is_used_up),
		TEST(test_costs),
		TEST(test_expected_costs),
		TEST(test_no_limit),
		TEST(test_time_away_does_not_count),
		TEST(test_time_in_trouble_counts),
		TEST(test_time_away_may_count),
		TEST(test_offline_fails_after_the_retries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
