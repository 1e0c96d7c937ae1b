/* engine: what the answers to polls mean, and the deadline. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"

/* A poll is in flight. */
static struct job *polled(struct core *c, const char *id, const char *prediction_id)
{
	struct job *job = core_processing(c, id, prediction_id);

	core_wait_calls(c, FAKE_POLL, 1);
	return job;
}

static void say(struct core *c, enum service_verdict verdict)
{
	core_wait_calls(c, FAKE_POLL, 1);
	fake_say(&c->api, FAKE_POLL, verdict);
}

static void test_pending(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");

	for (int i = 0; i < 20; i++)
		say(c, SERVICE_PENDING);
	core_assert_state(job, JOB_PROCESSING);
	assert_int_equal(job->polls, 20);
	assert_null(job->error);
}

static void test_failed_prediction(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");

	say(c, SERVICE_FAILED);
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_SERVICE);
	core_assert_idle(c);
	assert_int_equal(engine_retry(c->engine, job), 0); /* nothing to resume: anew */
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p2");
	assert_string_equal(job->prediction_id, "p2");
	assert_ptr_equal(engine_find_prediction(c->engine, "p2"), job);
	core_wait_calls(c, FAKE_POLL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_POLL), "p2");
	assert_int_equal(job->attempts, 2);
}

static void test_cancelled_at_the_service(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");

	say(c, SERVICE_ENDED);
	core_assert_state(job, JOB_CANCELLED);
	core_assert_error(job, ERROR_CANCELLED);
	assert_int_equal(c->api.sent[FAKE_CANCEL], 0);
	core_assert_idle(c);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
}

static void test_trouble_never_gives_up(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");

	for (int i = 0; i < 20; i++) {
		say(c, i % 2 ? SERVICE_TROUBLE : SERVICE_OFFLINE);
		core_assert_state(job, JOB_PROCESSING);
		core_assert_error(job, i % 2 ? ERROR_SERVICE : ERROR_NETWORK);
	}
	say(c, SERVICE_PENDING);
	assert_null(job->error); /* it is well again */
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/x.png");
	core_assert_state(job, JOB_DOWNLOADING);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static void test_refused_poll(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");

	say(c, SERVICE_REFUSED);
	say(c, SERVICE_REFUSED);
	core_assert_state(job, JOB_PROCESSING);
	say(c, SERVICE_REFUSED);
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_INVALID);
	core_assert_idle(c);
	assert_int_equal(engine_retry(c->engine, job), 0); /* the prediction may well exist */
	core_assert_state(job, JOB_PROCESSING);
	core_wait_calls(c, FAKE_POLL, 1);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static void test_unknown_may_be_lag(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");

	for (int i = 0; i < 4; i++)
		say(c, SERVICE_UNKNOWN);
	core_assert_state(job, JOB_PROCESSING);
	say(c, SERVICE_PENDING); /* there it is: it counts anew */
	for (int i = 0; i < 4; i++)
		say(c, SERVICE_UNKNOWN);
	core_assert_state(job, JOB_PROCESSING);
	say(c, SERVICE_UNKNOWN);
	core_assert_state(job, JOB_PROCESSING); /* several, but at one moment */
	core_wait_calls(c, FAKE_POLL, 1);
	core_pass(c, 60000);
	say(c, SERVICE_UNKNOWN);
	core_assert_state(job, JOB_PROCESSING); /* an answer that was so long on its way is old */
	say(c, SERVICE_UNKNOWN);
	core_assert_state(job, JOB_FAILED);
	core_assert_idle(c);
	assert_int_equal(engine_retry(c->engine, job), 0); /* gone for good: anew */
	core_wait_calls(c, FAKE_CREATE, 1);
}

static void test_trouble_does_not_make_one_unknown_several(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");

	for (int i = 0; i < 10; i++)
		say(c, SERVICE_TROUBLE);
	core_wait_calls(c, FAKE_POLL, 1);
	core_pass(c, 120000);
	say(c, SERVICE_UNKNOWN);
	core_assert_state(job, JOB_PROCESSING);
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/x.png");
	core_assert_state(job, JOB_DOWNLOADING);
}

static void test_auth_holds_it(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1"), *other;

	say(c, SERVICE_AUTH);
	core_assert_state(job, JOB_HELD);
	core_assert_error(job, ERROR_AUTH);
	other = core_submit(c, "bear");
	core_assert_state(other, JOB_HELD);
	core_assert_idle(c);
	engine_retry_failed(c->engine);
	core_assert_state(job, JOB_PROCESSING);
	core_wait_calls(c, FAKE_POLL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_POLL), "p1");
	core_wait_calls(c, FAKE_CREATE, 1); /* bear's, and no second one of fox */
	assert_non_null(strstr(fake_text(&c->api, FAKE_CREATE), "prompt of bear"));
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
}

static void test_busy_poll(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");
	struct service_answer busy = fake_verdict(SERVICE_BUSY);

	busy.retry_after_ms = 3600000;
	fake_answer(&c->api, FAKE_POLL, &busy);
	core_submit(c, "bear");
	core_settle(c);
	core_assert_state(job, JOB_PROCESSING);
	assert_int_equal(fake_in_flight(&c->api, FAKE_POLL), 0);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1); /* creates wait too */
	core_pass(c, 599000);
	assert_int_equal(fake_in_flight(&c->api, FAKE_POLL), 0);
	core_pass(c, 2000); /* at the deadline it is polled all the same */
	core_wait_calls(c, FAKE_POLL, 1);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static void test_retry_after(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");
	struct service_answer a = fake_verdict(SERVICE_TROUBLE);

	a.retry_after_ms = 3600000;
	fake_answer(&c->api, FAKE_POLL, &a);
	core_pass(c, 599000);
	assert_int_equal(fake_in_flight(&c->api, FAKE_POLL), 0);
	core_pass(c, 2000);
	fake_done(&c->api, "https://cdn.test/x.png"); /* it was finished, only not told */
	core_assert_state(job, JOB_DOWNLOADING);
}

static void test_retry_after_before_the_deadline(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");
	struct service_answer a = fake_verdict(SERVICE_TROUBLE);

	a.retry_after_ms = 300000;
	fake_answer(&c->api, FAKE_POLL, &a);
	core_pass(c, 299000);
	assert_int_equal(fake_in_flight(&c->api, FAKE_POLL), 0);
	core_pass(c, 1000);
	assert_int_equal(fake_in_flight(&c->api, FAKE_POLL), 1);
	core_assert_state(job, JOB_PROCESSING);
}

static void test_trouble_past_the_deadline_decides_nothing(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");

	core_pass(c, 700000);
	for (int i = 0; i < 20; i++) {
		static const enum service_verdict verdicts[] = { SERVICE_TROUBLE, SERVICE_BUSY,
								 SERVICE_OFFLINE };

		say(c, verdicts[i % 3]);
		core_assert_state(job, JOB_PROCESSING);
	}
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/x.png");
	core_assert_state(job, JOB_DOWNLOADING);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static void test_deadline(void **state)
{
	struct core *c = *state;
	struct job *job;

	job = polled(c, "fox", "p1");
	say(c, SERVICE_PENDING);
	core_pass(c, 600000);
	say(c, SERVICE_PENDING); /* this poll began before it */
	core_assert_state(job, JOB_PROCESSING);
	say(c, SERVICE_PENDING);
	core_assert_error(job, ERROR_TIMEOUT);
	assert_int_equal(error_errno(job->error->class), ETIMEDOUT);
	assert_int_equal(job->error->advice, ADVICE_RETRY);
	core_wait_calls(c, FAKE_CANCEL, 1); /* or it would be billed for nobody */
	assert_string_equal(fake_text(&c->api, FAKE_CANCEL), "p1");
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	core_assert_idle(c);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
}

static void test_retry_after_the_deadline_polls_first(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");

	core_pass(c, 600000);
	say(c, SERVICE_PENDING);
	say(c, SERVICE_PENDING);
	core_assert_state(job, JOB_FAILED);
	core_wait_calls(c, FAKE_CANCEL, 1);
	fake_say(&c->api, FAKE_CANCEL, SERVICE_REFUSED); /* too late, perhaps: it was finished */
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_POLL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_POLL), "p1");
	fake_done(&c->api, "https://cdn.test/x.png");
	core_assert_state(job, JOB_DOWNLOADING);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static void test_retry_creates_when_the_old_one_is_over(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");

	core_pass(c, 600000);
	say(c, SERVICE_PENDING);
	say(c, SERVICE_PENDING);
	core_wait_calls(c, FAKE_CANCEL, 1);
	assert_int_equal(engine_retry(c->engine, job), 0); /* while it is being cancelled */
	say(c, SERVICE_ENDED);
	core_assert_state(job, JOB_QUEUED);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	fake_accept(&c->api, "p2");
	core_assert_state(job, JOB_PROCESSING);
	assert_false(job->prediction_over); /* the late answer was about the old one */
}

/* Ten minutes without the service, of a deadline of five. */
static void be_away(struct core *c, struct job *job)
{
	(void)job;
	say(c, SERVICE_OFFLINE);
	core_wait_calls(c, FAKE_POLL, 1);
	core_pass(c, 600000);
	say(c, SERVICE_OFFLINE);
}

static void test_time_offline_does_not_count(void **state)
{
	struct core *c = *state;
	struct job *job;

	c->settings->poll.deadline_s = 300;
	job = polled(c, "fox", "p1");
	be_away(c, job);
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/x.png");
	core_assert_state(job, JOB_DOWNLOADING);
}

static void test_time_offline_may_count(void **state)
{
	struct core *c = *state;
	struct job *job;

	c->settings->poll.deadline_s = 300;
	c->settings->poll.deadline_counts = CONFIG_DEADLINE_ALWAYS;
	job = polled(c, "fox", "p1");
	be_away(c, job);
	core_assert_state(job, JOB_PROCESSING);
	say(c, SERVICE_PENDING);
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_TIMEOUT);
}

static void test_offline_may_fail(void **state)
{
	struct core *c = *state;
	struct job *job;

	c->settings->api.offline = CONFIG_OFFLINE_FAIL;
	job = polled(c, "fox", "p1");
	for (int i = 0; i < 3; i++)
		say(c, SERVICE_OFFLINE);
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_NETWORK);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_assert_state(job, JOB_PROCESSING); /* it is paid for */
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static void test_poll_that_cannot_start(void **state)
{
	struct core *c = *state;
	struct job *job = core_processing(c, "fox", "p1");

	c->api.refuse = -ENOMEM;
	core_pass(c, 10);
	assert_int_equal(job->polls, 0);
	c->api.refuse = 0;
	core_wait_calls(c, FAKE_POLL, 1);
	assert_int_equal(job->polls, 1);
}

static void test_cancel_that_cannot_start(void **state)
{
	struct core *c = *state;
	struct job *job = polled(c, "fox", "p1");

	c->api.refuse = -ENOMEM;
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	core_settle(c);
	c->api.refuse = 0;
	core_wait_calls(c, FAKE_CANCEL, 1); /* it is not forgotten */
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	core_assert_idle(c);
}

static void test_cost_is_counted_once(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	assert_int_equal(core_stats(c).cost, 10000000);
	fake_say(&c->api, FAKE_DOWNLOAD,
		 SERVICE_UNKNOWN); /* a dead link: the same prediction again */
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/y.png");
	assert_int_equal(core_stats(c).cost, 10000000);
	assert_true(job->cost_usd == 0.01);
}

static void test_each_prediction_has_its_cost(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	fake_say(&c->api, FAKE_DOWNLOAD, SERVICE_UNKNOWN);
	say(c, SERVICE_FAILED); /* it was there, and now it is not */
	core_assert_state(job, JOB_FAILED);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p2");
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/y.png");
	assert_int_equal(core_stats(c).cost, 20000000);
}

static void test_learns_how_long_it_takes(void **state)
{
	struct core *c = *state;
	struct service_answer a = fake_verdict(SERVICE_DONE);
	char link[] = "https://cdn.test/x.png";

	int64_t before;

	a.link = link;
	a.predict_time_s = 40;
	c->settings->poll.max_ms = 100000;
	core_restart(c);
	for (int i = 0; i < 4; i++) {
		polled(c, (const char *[]){ "a", "b", "c", "d" }[i],
		       (const char *[]){ "p1", "p2", "p3", "p4" }[i]);
		fake_answer(&c->api, FAKE_POLL, &a);
	}
	core_processing(c, "e", "p5");
	before = c->sim.mono_ms;
	core_wait_calls(c, FAKE_POLL, 1); /* not before the quickest known one was done */
	assert_int_equal(c->sim.mono_ms - before, 40000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pending),
		TEST(test_failed_prediction),
		TEST(test_cancelled_at_the_service),
		TEST(test_trouble_never_gives_up),
		TEST(test_refused_poll),
		TEST(test_unknown_may_be_lag),
		TEST(test_trouble_does_not_make_one_unknown_several),
		TEST(test_auth_holds_it),
		TEST(test_busy_poll),
		TEST(test_retry_after),
		TEST(test_retry_after_before_the_deadline),
		TEST(test_trouble_past_the_deadline_decides_nothing),
		TEST(test_deadline),
		TEST(test_retry_after_the_deadline_polls_first),
		TEST(test_retry_creates_when_the_old_one_is_over),
		TEST(test_time_offline_does_not_count),
		TEST(test_time_offline_may_count),
		TEST(test_offline_may_fail),
		TEST(test_poll_that_cannot_start),
		TEST(test_cancel_that_cannot_start),
		TEST(test_cost_is_counted_once),
		TEST(test_each_prediction_has_its_cost),
		TEST(test_learns_how_long_it_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
