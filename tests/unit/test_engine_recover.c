/* engine: what the next start makes of what a run left, after an orderly end and after a kill. */
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

static void test_draft_is_held(void **state)
{
	struct core *c = *state;
	struct job *job;

	core_register(c, "fox");
	core_restart(c);
	job = core_find(c, "fox", JOB_HELD);
	core_assert_error(job, ERROR_INTERRUPTED);
	assert_non_null(strstr(job->error->hint, "retry fox"));
	core_assert_idle(c);
	engine_retry_failed(c->engine); /* only by name */
	core_assert_idle(c);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_non_null(strstr(fake_text(&c->api, FAKE_CREATE), "prompt of fox"));
	assert_non_null(strstr(fake_text(&c->api, FAKE_CREATE), "\"seed\":4711"));
}

static void test_shown_draft_is_forgotten(void **state)
{
	struct core *c = *state;

	assert_int_equal(engine_show_draft(c->engine, engine_draft(c->engine, "fox")), 0);
	core_restart(c);
	assert_null(engine_find(c->engine, "fox"));
}

static void test_invalid_stays(void **state)
{
	struct core *c = *state;
	struct error err;

	error_set(&err, ERROR_INVALID, "no");
	assert_int_equal(engine_refuse(c->engine, engine_draft(c->engine, "fox"), &err), 0);
	core_restart(c);
	assert_string_equal(core_find(c, "fox", JOB_INVALID)->error->message, "no");
	core_assert_idle(c);
}

static void test_queue_keeps_its_order(void **state)
{
	struct core *c = *state;

	core_register(c, "z"); /* a number before the others, never submitted */
	assert_int_equal(engine_pause(c->engine, true), 0);
	core_submit(c, "a");
	core_submit(c, "b");
	core_submit(c, "d");
	core_settle(c);
	c->settings->limits.concurrent = 1;
	core_crash(c);
	assert_int_equal(engine_queue_position(c->engine, engine_find(c->engine, "a")), 1);
	assert_int_equal(engine_queue_position(c->engine, engine_find(c->engine, "b")), 2);
	assert_int_equal(engine_queue_position(c->engine, engine_find(c->engine, "d")), 3);
	assert_int_equal(engine_pause(c->engine, false), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_non_null(strstr(fake_text(&c->api, FAKE_CREATE), "prompt of a"));
	core_submit(c, "e");
	assert_int_equal(engine_queue_position(c->engine, engine_find(c->engine, "e")), 3);
}

static void test_creating_is_uncertain(void **state)
{
	struct core *c = *state;
	struct job *job;

	core_submit(c, "fox");
	core_wait_calls(c, FAKE_CREATE, 1);
	core_crash(c);
	job = core_find(c, "fox", JOB_HELD);
	core_assert_error(job, ERROR_UNCERTAIN);
	assert_int_equal(job->attempts, 1);
	core_assert_idle(c);
	engine_retry_failed(c->engine);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	core_crash(c); /* and stays so */
	core_assert_error(core_find(c, "fox", JOB_HELD), ERROR_UNCERTAIN);
	core_assert_idle(c);
}

static void test_creating_may_be_retried(void **state)
{
	struct core *c = *state;

	core_submit(c, "fox");
	core_wait_calls(c, FAKE_CREATE, 1);
	c->settings->api.ambiguous_create = CONFIG_AMBIGUOUS_RETRY;
	core_crash(c);
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(core_find(c, "fox", JOB_CREATING)->attempts, 2);
	fake_accept(&c->api, "p1");
	assert_int_equal(c->engine->creating, 0);
}

static void test_orderly_end_while_creating(void **state)
{
	struct core *c = *state;

	core_submit(c, "fox");
	core_wait_calls(c, FAKE_CREATE, 1);
	core_restart(c); /* the call is closed by us: still nobody knows */
	core_assert_error(core_find(c, "fox", JOB_HELD), ERROR_UNCERTAIN);
	core_assert_idle(c);
}

static void test_not_committed_is_not_sent(void **state)
{
	struct core *c = *state;

	core_register(c, "fox");
	core_settle(c);
	assert_int_equal(engine_submit(c->engine, engine_find(c->engine, "fox")), 0);
	core_crash(c); /* the release was not on disk yet, and nothing was sent */
	core_assert_error(core_find(c, "fox", JOB_HELD), ERROR_INTERRUPTED);
	core_assert_idle(c);
}

static void test_processing_goes_on(void **state)
{
	struct core *c = *state;
	struct job *job;

	core_processing(c, "fox", "p1");
	core_settle(c);
	core_crash(c);
	job = core_find(c, "fox", JOB_PROCESSING);
	assert_ptr_equal(engine_find_prediction(c->engine, "p1"), job);
	core_wait_calls(c, FAKE_POLL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_POLL), "p1");
	fake_done(&c->api, "https://cdn.test/x.png");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_assert_state(job, JOB_READY);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
}

static void test_accepted_but_not_committed(void **state)
{
	struct core *c = *state;

	core_processing(c, "fox", "p1"); /* the answer was not on disk yet */
	core_crash(c);
	core_assert_error(core_find(c, "fox", JOB_HELD), ERROR_UNCERTAIN);
	core_assert_idle(c);
}

static void test_download_starts_again(void **state)
{
	struct core *c = *state;
	struct job *job;

	core_downloading(c, "fox", "p1");
	core_settle(c);
	core_crash(c);
	job = core_find(c, "fox", JOB_DOWNLOADING);
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	assert_string_equal(fake_text(&c->api, FAKE_DOWNLOAD), "https://cdn.test/picture.png");
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_assert_state(job, JOB_READY);
	assert_int_equal(c->api.sent[FAKE_POLL], 0);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
}

static void test_what_has_ended_stays(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "ready", "p1");
	char *path = strdup(job->picture_path);

	job = core_submit(c, "failed");
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, API_REFUSED);
	assert_int_equal(engine_cancel(c->engine, core_register(c, "cancelled")), 0);
	core_settle(c);
	core_crash(c);
	core_assert_idle(c);
	job = core_find(c, "ready", JOB_READY);
	assert_string_equal(job->picture_path, path);
	assert_int_equal(job->picture.width, 20);
	assert_int_equal(core_name(c->images, "ready.png"), 2);
	assert_true(c->engine->cost_usd == 0.01);
	assert_int_equal(c->engine->poll.count, 1); /* it is remembered how long they take */
	core_assert_error(core_find(c, "failed", JOB_FAILED), ERROR_INVALID);
	assert_int_equal(core_name(c->images, "failed.error.txt"), 2);
	core_find(c, "cancelled", JOB_CANCELLED);
	free(path);
}

static void test_earlier_pictures_of_an_id(void **state)
{
	struct core *c = *state;
	struct job *job;

	core_ready(c, "fox", "p1");
	core_ready(c, "fox", "p2");
	core_restart(c);
	assert_string_equal(core_find(c, "fox", JOB_READY)->prediction_id, "p2");
	job = engine_find_prediction(c->engine, "p1");
	core_assert_state(job, JOB_READY);
	assert_false(job->current);
}

static void test_failed_download_resumes_after_restart(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	fake_say(&c->api, FAKE_DOWNLOAD, API_REFUSED);
	core_assert_state(job, JOB_FAILED);
	core_restart(c);
	job = core_find(c, "fox", JOB_FAILED);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_POLL, 1);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
}

static void test_what_is_over_is_not_resumed(void **state)
{
	struct core *c = *state;

	core_processing(c, "fox", "p1");
	core_wait_calls(c, FAKE_POLL, 1);
	fake_say(&c->api, FAKE_POLL, API_FAILED);
	core_restart(c);
	assert_int_equal(engine_retry(c->engine, core_find(c, "fox", JOB_FAILED)), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(c->api.sent[FAKE_POLL], 0);
}

static void test_numbers_go_on(void **state)
{
	struct core *c = *state;
	uint64_t number = core_ready(c, "fox", "p1")->number;

	core_restart(c);
	assert_true(engine_draft(c->engine, "bear")->number > number);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_draft_is_held),
		TEST(test_shown_draft_is_forgotten),
		TEST(test_invalid_stays),
		TEST(test_queue_keeps_its_order),
		TEST(test_creating_is_uncertain),
		TEST(test_creating_may_be_retried),
		TEST(test_orderly_end_while_creating),
		TEST(test_not_committed_is_not_sent),
		TEST(test_processing_goes_on),
		TEST(test_accepted_but_not_committed),
		TEST(test_download_starts_again),
		TEST(test_what_has_ended_stays),
		TEST(test_earlier_pictures_of_an_id),
		TEST(test_failed_download_resumes_after_restart),
		TEST(test_what_is_over_is_not_resumed),
		TEST(test_numbers_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
