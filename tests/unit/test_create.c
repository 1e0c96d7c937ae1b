/* engine: what each answer to a create means; nothing is ever created twice. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"

static void test_refused_by_the_service(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");

	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_INVALID);
	assert_int_not_equal(job->completed_ms, 0);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
	assert_int_equal(core_name(c->images, "fox.error.txt"), 2);
}

static void test_trouble_ends_after_the_retries(void **state)
{
	struct service_answer last = fake_verdict(SERVICE_TROUBLE);
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");

	for (int i = 0; i < 2; i++) {
		core_wait_calls(c, FAKE_CREATE, 1);
		fake_say(&c->api, FAKE_CREATE, SERVICE_TROUBLE);
		core_assert_error(job, ERROR_SERVICE); /* status/ says what it waits for */
		assert_true(job_pending(job));
	}
	core_wait_calls(c, FAKE_CREATE, 1);
	last.error.advice = ADVICE_WAIT;
	fake_answer(&c->api, FAKE_CREATE, &last);
	core_assert_state(job, JOB_FAILED);
	assert_int_equal(job->error->advice, ADVICE_RETRY); /* nothing tries it again now */
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 3);
	assert_int_equal(job->attempts, 3);
}

static void test_trouble_that_passes(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");

	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_TROUBLE);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p1");
	core_assert_state(job, JOB_PROCESSING);
	assert_null(job->error);
	core_submit(c, "bear"); /* and no longer one at a time */
	core_submit(c, "hare");
	core_wait_calls(c, FAKE_CREATE, 2);
}

static void test_one_at_a_time_while_in_trouble(void **state)
{
	struct core *c = *state;

	for (int i = 0; i < 4; i++)
		core_submit(c, (const char *[]){ "a", "b", "c", "d" }[i]);
	core_wait_calls(c, FAKE_CREATE, 4);
	for (int i = 0; i < 4; i++)
		fake_say(&c->api, FAKE_CREATE, SERVICE_TROUBLE);
	core_wait_calls(c, FAKE_CREATE, 1);
	core_settle(c);
	assert_int_equal(fake_in_flight(&c->api, FAKE_CREATE), 1);
	assert_int_equal(c->api.sent[FAKE_CREATE], 5);
	fake_accept(&c->api, "p1");
	core_wait_calls(c, FAKE_CREATE, 3);
	for (int i = 0; i < 3; i++)
		fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
}

static void test_offline_costs_no_try(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");

	for (int i = 0; i < 10; i++) {
		core_wait_calls(c, FAKE_CREATE, 1);
		fake_say(&c->api, FAKE_CREATE, SERVICE_OFFLINE);
	}
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p1");
	core_assert_state(job, JOB_PROCESSING);
}

static void test_offline_may_fail(void **state)
{
	struct core *c = *state;
	struct job *job;

	c->settings->api.offline = CONFIG_OFFLINE_FAIL;
	job = core_submit(c, "fox");
	for (int i = 0; i < 3; i++) {
		core_wait_calls(c, FAKE_CREATE, 1);
		fake_say(&c->api, FAKE_CREATE, SERVICE_OFFLINE);
	}
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_NETWORK);
	core_assert_idle(c);
}

static void test_uncertain_is_never_sent_twice(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox"), *other = core_submit(c, "bear");

	core_wait_calls(c, FAKE_CREATE, 2);
	fake_say(&c->api, FAKE_CREATE, SERVICE_UNCERTAIN);
	core_assert_state(job, JOB_HELD);
	core_assert_error(job, ERROR_UNCERTAIN);
	assert_int_equal(job->error->advice, ADVICE_RETRY_UNCERTAIN);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED); /* the others go on */
	core_assert_state(other, JOB_FAILED);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);

	engine_retry_failed(c->engine); /* could be made and billed twice: not by the bunch */
	core_assert_state(job, JOB_HELD);
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_non_null(strstr(fake_text(&c->api, FAKE_CREATE), "prompt of bear"));
	fake_accept(&c->api, "p2");

	assert_int_equal(engine_retry(c->engine, job), 0); /* but by name */
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p1");
	core_assert_state(job, JOB_PROCESSING);
}

static void test_uncertain_may_be_retried(void **state)
{
	struct core *c = *state;
	struct job *job;

	c->settings->api.ambiguous_create = CONFIG_AMBIGUOUS_RETRY;
	job = core_submit(c, "fox");
	for (int i = 0; i < 3; i++) {
		core_wait_calls(c, FAKE_CREATE, 1);
		fake_say(&c->api, FAKE_CREATE, SERVICE_UNCERTAIN);
	}
	core_assert_state(job, JOB_FAILED);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 3);
}

static void test_auth_holds_the_queue(void **state)
{
	struct core *c = *state;
	struct job *first, *second, *third;

	c->settings->limits.concurrent = 1;
	core_restart(c);
	first = core_submit(c, "a");
	second = core_submit(c, "b");
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_AUTH);
	core_assert_state(first, JOB_FAILED);
	core_assert_error(first, ERROR_AUTH);
	core_assert_state(second, JOB_HELD);
	core_assert_error(second, ERROR_AUTH);
	third = core_submit(c, "c"); /* accepted, and told why it waits */
	core_assert_state(third, JOB_HELD);
	core_assert_error(third, ERROR_AUTH);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);

	engine_retry_failed(c->engine);
	for (int i = 0; i < 3; i++) {
		core_wait_calls(c, FAKE_CREATE, 1);
		fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	}
	core_assert_idle(c);
	core_assert_state(first, JOB_FAILED);
	core_assert_state(second, JOB_FAILED);
	core_assert_state(third, JOB_FAILED);
}

static void test_auth_with_others_in_flight(void **state)
{
	struct core *c = *state;
	struct job *a = core_submit(c, "a"), *b = core_submit(c, "b"), *d = core_submit(c, "d");

	core_wait_calls(c, FAKE_CREATE, 3);
	fake_say(&c->api, FAKE_CREATE, SERVICE_AUTH);
	fake_say(&c->api, FAKE_CREATE, SERVICE_TROUBLE); /* would be tried again */
	core_assert_state(a, JOB_FAILED);
	core_assert_state(b, JOB_HELD);
	fake_accept(&c->api, "p3"); /* what is paid for goes on */
	core_assert_state(d, JOB_PROCESSING);
	core_wait_calls(c, FAKE_POLL, 1);
	assert_int_equal(c->api.sent[FAKE_CREATE], 3);
}

static void test_busy_waits_in_the_queue(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");
	struct service_answer busy = fake_verdict(SERVICE_BUSY);

	busy.retry_after_ms = 3600000;
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_answer(&c->api, FAKE_CREATE, &busy);
	core_assert_state(job, JOB_QUEUED);
	core_settle(c);
	assert_int_equal(fake_in_flight(&c->api, FAKE_CREATE), 0);
	assert_int_equal(core_stats(c).gate.busy_ms, 3600000);
	core_pass(c, 3599000);
	assert_int_equal(fake_in_flight(&c->api, FAKE_CREATE), 0);
	assert_true(sim_world_next_ms(&c->sim) >= 0);
	assert_int_equal(core_stats(c).gate.running_limit, 5);
	assert_int_equal(job->tries, 0);

	core_pass(c, 1000);
	assert_int_equal(fake_in_flight(&c->api, FAKE_CREATE), 1);
	for (int i = 0; i < 5; i++) { /* never an error */
		fake_say(&c->api, FAKE_CREATE, SERVICE_BUSY);
		core_wait_calls(c, FAKE_CREATE, 1);
	}
	assert_int_equal(core_stats(c).gate.running_limit, 1);
	fake_accept(&c->api, "p1");
	core_assert_state(job, JOB_PROCESSING);
}

static void test_a_burst_of_busy_narrows_once(void **state)
{
	struct core *c = *state;
	struct service_answer busy = fake_verdict(SERVICE_BUSY);
	unsigned sent;

	core_submit(c, "a");
	core_submit(c, "b");
	core_submit(c, "c");
	core_wait_calls(c, FAKE_CREATE, 3);
	busy.retry_after_ms = 3600000;
	for (int i = 0; i < 3; i++)
		fake_answer(&c->api, FAKE_CREATE, &busy);
	assert_int_equal(core_stats(c).gate.running_limit, 5);
	sent = c->api.sent[FAKE_CREATE];
	core_submit(c, "d");
	core_settle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], sent);
}

static void test_width_grows_again(void **state)
{
	struct core *c = *state;

	core_submit(c, "z");
	for (int i = 0; i < 4; i++) {
		core_wait_calls(c, FAKE_CREATE, 1);
		fake_say(&c->api, FAKE_CREATE, SERVICE_BUSY);
	}
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	assert_int_equal(core_stats(c).gate.running_limit, 1);
	core_ready(c, "a", "p1");
	assert_int_equal(core_stats(c).gate.running_limit, 2);
	core_ready(c, "b", "p2");
	assert_int_equal(core_stats(c).gate.running_limit, 2);
	core_ready(c, "c", "p3");
	assert_int_equal(core_stats(c).gate.running_limit, 3);
}

static void test_a_create_that_cannot_start(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");

	c->api.refuse = -ENOMEM;
	ledger_sync(c->ledger);
	core_assert_state(job, JOB_QUEUED);
	assert_int_equal(job->attempts, 0);
	c->api.refuse = 0;
	core_wait_calls(c, FAKE_CREATE, 1); /* after a short pause */
	fake_accept(&c->api, "p1");
	assert_int_equal(job->attempts, 1);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

/* A job from a sidecar, asked anew. */
static void test_a_masked_token_is_not_sent(void **state)
{
	struct core *c = *state;
	struct job *job = core_register(c, "fox");

	free(job->input);
	job->input = strdup("{\"prompt\":\"***\",\"hf_api_token\":\"***\"}");
	assert_int_equal(engine_submit(c->engine, job), 0);
	core_assert_idle(c);
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_INVALID);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	/* A prompt may look like that. */
	job = core_register(c, "owl");
	free(job->input);
	job->input = strdup("{\"prompt\":\"***\"}");
	assert_int_equal(engine_submit(c->engine, job), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refused_by_the_service),
		TEST(test_trouble_ends_after_the_retries),
		TEST(test_trouble_that_passes),
		TEST(test_one_at_a_time_while_in_trouble),
		TEST(test_offline_costs_no_try),
		TEST(test_offline_may_fail),
		TEST(test_uncertain_is_never_sent_twice),
		TEST(test_uncertain_may_be_retried),
		TEST(test_auth_holds_the_queue),
		TEST(test_auth_with_others_in_flight),
		TEST(test_busy_waits_in_the_queue),
		TEST(test_a_burst_of_busy_narrows_once),
		TEST(test_width_grows_again),
		TEST(test_a_create_that_cannot_start),
		TEST(test_a_masked_token_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
