/* cancel: what the service is told when nobody wants a prediction any more, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"

static struct job *cancelled(struct core *c)
{
	struct job *job = core_processing(c, "fox", "p1");

	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_wait_calls(c, FAKE_CANCEL, 1);
	return job;
}

static void test_trouble_is_tried_again(void **state)
{
	static const enum service_verdict verdicts[] = { SERVICE_TROUBLE, SERVICE_OFFLINE,
							 SERVICE_BUSY };
	struct core *c = *state;
	struct job *job = cancelled(c);

	for (int i = 0; i < 3; i++) {
		fake_say(&c->api, FAKE_CANCEL, verdicts[i]);
		core_wait_calls(c, FAKE_CANCEL, 1);
		assert_string_equal(fake_text(&c->api, FAKE_CANCEL), "p1");
	}
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	core_assert_idle(c);
	assert_true(job->prediction_over);
	assert_int_equal(c->api.sent[FAKE_CANCEL], 4);
}

static void test_not_for_ever(void **state)
{
	struct core *c = *state;
	struct job *job = cancelled(c);

	core_pass(c, 601000); /* by now it is done, one way or the other */
	fake_say(&c->api, FAKE_CANCEL, SERVICE_TROUBLE);
	core_assert_idle(c);
	assert_false(job->prediction_over);
}

static void test_a_refusal_is_final(void **state)
{
	struct core *c = *state;

	cancelled(c);
	fake_say(&c->api, FAKE_CANCEL, SERVICE_REFUSED);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CANCEL], 1);
}

static void test_it_outlives_a_crash(void **state)
{
	struct core *c = *state;

	cancelled(c);
	core_settle(c);
	core_crash(c);
	core_find(c, "fox", JOB_CANCELLED);
	core_wait_calls(c, FAKE_CANCEL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_CANCEL), "p1");
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	core_settle(c);
	core_crash(c);
	core_assert_idle(c); /* and is not sent again once it was taken */
}

static void test_a_create_that_was_out(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");

	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	assert_int_equal(job->unanswered, 1);
	core_settle(c);
	core_crash(c);
	job = core_find(c, "fox", JOB_CANCELLED);
	assert_int_equal(job->unanswered, 1); /* it may be billed: that is not forgotten */
}

static void test_a_create_that_was_answered(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");

	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	assert_int_equal(job->unanswered, 0);
	core_assert_idle(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_trouble_is_tried_again), TEST(test_not_for_ever),
		TEST(test_a_refusal_is_final),     TEST(test_it_outlives_a_crash),
		TEST(test_a_create_that_was_out),  TEST(test_a_create_that_was_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
