/* gate: what holds creates up, and what lets them out again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"

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
	assert_true(sim_world_next_ms(&c->sim) >= 0);
	assert_true(sim_world_next_ms(&c->sim) <= c->sim.mono_ms + 60000);
	assert_true(engine_waits_for(c->engine, job, &why));
	assert_int_equal(why.class, ERROR_PAYMENT);
	assert_non_null(strstr(why.message, "used up"));
	assert_int_equal(engine_may_accept(c->engine), -EDQUOT);
}

static struct budget today(struct core *c)
{
	return core_stats(c).gate.budget;
}

static bool is_lifted(struct core *c)
{
	return today(c).lifted == today(c).today;
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
	assert_int_equal(today(c).images, 2);
	assert_int_equal(today(c).images_limit, 2);
	assert_false(is_lifted(c));
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
}

static void test_an_endless_loop_of_failures_meets_the_limit(void **state)
{
	struct core *c = *state;
	struct service_answer failed = fake_verdict(SERVICE_FAILED);
	struct job *job;

	failed.cost_usd = 0.25;
	limit(c, 3, 0, 0);
	job = core_submit(c, "a");
	for (int i = 1; i <= 3; i++) {
		core_wait_calls(c, FAKE_CREATE, 1);
		fake_accept(&c->api, i == 1 ? "p1" : i == 2 ? "p2" : "p3");
		core_wait_calls(c, FAKE_POLL, 1);
		fake_answer(&c->api, FAKE_POLL, &failed);
		core_assert_state(job, JOB_FAILED);
		assert_int_equal(today(c).images, i);
		assert_int_equal(engine_retry(c->engine, job), 0);
	}
	assert_waits(c, job);
	assert_int_equal(today(c).cost, 750000000);
	core_crash(c);
	assert_waits(c, engine_find(c->engine, "a"));
	assert_int_equal(today(c).images, 3);
	assert_int_equal(today(c).cost, 750000000);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	core_pass(c, 24 * 3600000);
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(today(c).images, 1);
}

static void test_what_the_service_did_not_take_is_not_counted(void **state)
{
	struct core *c = *state;

	limit(c, 1, 0, 0);
	core_submit(c, "a");
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	assert_int_equal(today(c).images, 0);
	assert_int_equal(engine_may_accept(c->engine), 0);
	core_processing(c, "b", "p1");
	core_wait_calls(c, FAKE_POLL, 1);
	fake_say(&c->api, FAKE_POLL, SERVICE_ENDED); /* cancelled there: not billed */
	assert_int_equal(today(c).images, 0);
}

static void test_cancelled_is_taken_back(void **state)
{
	struct core *c = *state;
	struct job *job;

	limit(c, 1, 0, 0);
	job = core_processing(c, "a", "p1");
	assert_int_equal(engine_may_accept(c->engine), -EDQUOT);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	assert_int_equal(engine_may_accept(c->engine),
			 -EDQUOT); /* not before the service says so */
	core_wait_calls(c, FAKE_CANCEL, 1);
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	assert_int_equal(engine_may_accept(c->engine), 0);
	assert_int_equal(today(c).images, 0);
}

static void test_a_restart_changes_nothing(void **state)
{
	struct core *c = *state;

	limit(c, 3, 0, 0.5);
	core_ready(c, "a", "p1");
	core_processing(c, "b", "p2");
	core_submit(c, "c");
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(today(c).images, 3);
	assert_int_equal(today(c).cost, 1010000000);
	core_crash(c);
	core_find(c, "c", JOB_HELD); /* uncertain: it may be billed */
	assert_int_equal(today(c).images, 3);
	assert_int_equal(today(c).cost, 1010000000);
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
	fake_say(&c->api, FAKE_CREATE, SERVICE_UNCERTAIN);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_UNCERTAIN);
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
	fake_say(&c->api, FAKE_CREATE, SERVICE_UNCERTAIN);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(engine_may_accept(c->engine), -EDQUOT);
}

static void test_a_new_day(void **state)
{
	struct core *c = *state;
	struct job *second;

	limit(c, 1, 0, 0);
	core_processing(c, "a", "p1");
	second = core_submit(c, "b");
	assert_waits(c, second);
	core_wait_calls(c, FAKE_POLL, 1);
	core_pass(c, 24 * 3600000);
	assert_int_equal(engine_may_accept(c->engine), -EDQUOT); /* the second has taken today's */
	core_wait_calls(c, FAKE_CREATE, 1);
	core_assert_state(second, JOB_CREATING);
	assert_int_equal(today(c).images, 1);
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
	assert_true(is_lifted(c));
	fake_accept(&c->api, "p2");
	core_restart(c);
	assert_true(is_lifted(c));
	assert_int_equal(today(c).images, 2);
	assert_int_equal(engine_may_accept(c->engine), 0);
	core_pass(c, 24 * 3600000); /* a lift is for one day */
	assert_false(is_lifted(c));
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
	assert_int_equal(today(c).cost, 10000000);
	assert_int_equal(today(c).cost_limit, 20000000);
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
	assert_int_equal(today(c).images, 2);
}

static void test_library_that_cannot_keep_stops_the_buying(void **state)
{
	struct core *c = *state;
	struct job *first, *second;
	struct error why;

	c->settings->limits.concurrent = 1;
	core_restart(c);
	first = core_downloading(c, "a", "p1");
	second = core_submit(c, "b");
	core_wait_calls(c, FAKE_CREATE, 1); /* a download is ours: the service has room */
	fake_say(&c->api, FAKE_CREATE, SERVICE_TROUBLE);
	fake_say(&c->api, FAKE_DOWNLOAD, SERVICE_SINK);
	core_pass(c, 400); /* less than a disk is left alone for */
	core_assert_state(second, JOB_QUEUED);
	assert_true(engine_waits_for(c->engine, second, &why));
	assert_non_null(strstr(why.message, "cannot be kept"));
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	assert_int_equal(fake_in_flight(&c->api, FAKE_CREATE), 0);
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_assert_state(first, JOB_READY);
	core_wait_calls(c, FAKE_CREATE, 1);
}

static void test_downloads_that_pile_up_stop_the_buying(void **state)
{
	struct core *c = *state;
	struct error why;
	struct job *late;
	char id[16], prediction[16];

	c->settings->limits.downloads = 2;
	for (int i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "a%d", i);
		snprintf(prediction, sizeof(prediction), "p%d", i);
		core_processing(c, id, prediction);
		core_wait_calls(c, FAKE_POLL, 1);
		fake_done(&c->api, "https://cdn.test/x.png");
	}
	core_settle(c);
	assert_int_equal(fake_in_flight(&c->api, FAKE_DOWNLOAD), 2); /* never more at once */
	late = core_submit(c, "late");
	core_pass(c, 3600000);
	core_assert_state(late, JOB_QUEUED);
	assert_true(engine_waits_for(c->engine, late, &why));
	assert_non_null(strstr(why.message, "download"));
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(fake_in_flight(&c->api, FAKE_DOWNLOAD), 2);
}

static void test_an_uncertain_create_keeps_its_place(void **state)
{
	struct core *c = *state;
	struct error why;

	c->settings->limits.concurrent = 1;
	core_restart(c);
	core_submit(c, "a");
	core_submit(c, "b");
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_UNCERTAIN);
	core_pass(c, 590000);
	assert_int_equal(fake_in_flight(&c->api, FAKE_CREATE), 0); /* it may be running */
	assert_true(engine_waits_for(c->engine, engine_find(c->engine, "b"), &why));
	assert_non_null(strstr(why.message, "never answered"));
	core_restart(c);
	core_pass(c, 5000);
	assert_int_equal(fake_in_flight(&c->api, FAKE_CREATE), 0);
	core_pass(c, 6000);
	assert_int_equal(fake_in_flight(&c->api, FAKE_CREATE), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_queued_work_waits),
		TEST(test_an_endless_loop_of_failures_meets_the_limit),
		TEST(test_what_the_service_did_not_take_is_not_counted),
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
		TEST(test_library_that_cannot_keep_stops_the_buying),
		TEST(test_downloads_that_pile_up_stop_the_buying),
		TEST(test_an_uncertain_create_keeps_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
