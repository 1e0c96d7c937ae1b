/* engine: what the user may ask: cancel, retry, pause, dismiss. */
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

static void test_cancel_in_each_state(void **state)
{
	struct core *c = *state;
	struct job *job = core_register(c, "draft");

	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	core_assert_error(job, ERROR_CANCELLED);
	assert_int_equal(engine_cancel(c->engine, job), -EINVAL);

	assert_int_equal(engine_pause(c->engine, true), 0);
	job = core_submit(c, "queued");
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(engine_pause(c->engine, false), 0);
	core_assert_idle(c);

	job = core_processing(c, "processing", "p1");
	core_wait_calls(c, FAKE_POLL, 1);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(c->api.stopped[FAKE_POLL], 1);
	assert_string_equal(fake_text(&c->api, FAKE_CANCEL), "p1");
	fake_say(&c->api, FAKE_CANCEL, API_DONE);
	core_assert_state(job, JOB_CANCELLED);

	job = core_downloading(c, "downloading", "p2");
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(c->api.stopped[FAKE_DOWNLOAD], 1);

	job = core_ready(c, "ready", "p3");
	assert_int_equal(engine_cancel(c->engine, job), -EINVAL);
	core_assert_state(job, JOB_READY);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CANCEL], 1); /* what is finished cannot be cancelled */
}

static void test_cancel_before_it_left(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");

	core_assert_state(job, JOB_CREATING);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_idle(c);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	assert_int_equal(job->attempts, 0);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
}

static void test_cancel_while_it_is_created(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");

	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(c->api.stopped[FAKE_CREATE], 0);        /* its answer is needed */
	assert_int_equal(engine_retry(c->engine, job), -EINVAL); /* not beside it */
	fake_accept(&c->api, "p1");
	core_assert_state(job, JOB_CANCELLED);
	assert_string_equal(fake_text(&c->api, FAKE_CANCEL), "p1");
	assert_ptr_equal(engine_find_prediction(c->engine, "p1"), job);
	fake_say(&c->api, FAKE_CANCEL, API_TROUBLE); /* nothing more can be done */
	core_assert_idle(c);

	assert_int_equal(engine_retry(c->engine, job), 0); /* that one is over: a new create */
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p2");
	core_assert_state(job, JOB_PROCESSING);
	assert_string_equal(job->prediction_id, "p2");
}

static void test_cancelled_create_that_fails(void **state)
{
	static const enum api_verdict verdicts[] = { API_REFUSED, API_BUSY,      API_TROUBLE,
						     API_OFFLINE, API_UNCERTAIN, API_AUTH };
	struct core *c = *state;

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++) {
		struct job *job = core_submit(c, "fox");

		core_wait_calls(c, FAKE_CREATE, 1);
		assert_int_equal(engine_cancel(c->engine, job), 0);
		fake_say(&c->api, FAKE_CREATE, verdicts[i]);
		core_assert_state(job, JOB_CANCELLED);
		core_assert_idle(c);
	}
	assert_int_equal(c->api.sent[FAKE_CANCEL], 0);
}

static void test_cancel_all(void **state)
{
	struct core *c = *state;
	struct job *ready = core_ready(c, "ready", "p1"), *running = core_processing(c, "a", "p2"),
		   *sent = core_submit(c, "b"), *draft = core_register(c, "d");

	engine_cancel_all(c->engine);
	core_assert_state(ready, JOB_READY);
	core_assert_state(running, JOB_CANCELLED);
	core_assert_state(sent, JOB_CANCELLED);
	core_assert_state(draft, JOB_CANCELLED);
	fake_say(&c->api, FAKE_CANCEL, API_DONE);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
}

static void test_retry_of_what_cannot(void **state)
{
	struct core *c = *state;

	assert_int_equal(engine_retry(c->engine, core_ready(c, "a", "p1")), -EINVAL);
	assert_int_equal(engine_retry(c->engine, core_register(c, "b")), -EINVAL);
	assert_int_equal(engine_retry(c->engine, core_processing(c, "d", "p2")), -EINVAL);
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
}

static void test_pause(void **state)
{
	struct core *c = *state;
	struct job *job = core_processing(c, "a", "p1");

	assert_int_equal(engine_pause(c->engine, true), 0);
	core_submit(c, "b");
	core_settle(c);
	core_find(c, "b", JOB_QUEUED);
	core_wait_calls(c, FAKE_POLL, 1); /* what is paid for goes on */
	fake_done(&c->api, "https://cdn.test/x.png");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_assert_state(job, JOB_READY);
	core_assert_idle(c);

	core_restart(c);
	core_assert_idle(c);
	core_find(c, "b", JOB_QUEUED);
	assert_int_equal(engine_pause(c->engine, false), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p2");
	core_restart(c);
	assert_false(c->engine->paused);
}

static void test_dismiss(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "a", "p1");

	engine_filed(c->engine, job, true); /* its request is still there */
	assert_int_equal(engine_dismiss(c->engine, job), 0);
	core_assert_state(job, JOB_READY);
	assert_int_equal(core_name(c->images, "a.png"), 0);
	assert_int_equal(core_name(c->status, "a.json"), 2);
	assert_int_equal(library_size(c->library, job->picture_path), -ENOENT);

	job = core_processing(c, "b", "p2");
	assert_int_equal(engine_dismiss(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(core_name(c->images, "b.png"), 0);
	assert_string_equal(fake_text(&c->api, FAKE_CANCEL), "p2");
	core_restart(c);
	assert_int_equal(core_name(c->images, "a.png"), 0);
	assert_int_equal(core_name(c->images, "b.png"), 0);
	assert_int_equal(engine_retry(c->engine, core_find(c, "b", JOB_CANCELLED)), 0);
	assert_int_equal(core_name(c->images, "b.png"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cancel_in_each_state),
		TEST(test_cancel_before_it_left),
		TEST(test_cancel_while_it_is_created),
		TEST(test_cancelled_create_that_fails),
		TEST(test_cancel_all),
		TEST(test_retry_of_what_cannot),
		TEST(test_pause),
		TEST(test_dismiss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
