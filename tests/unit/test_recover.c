/* engine: what the next start makes of what a run left, after an orderly end and after a kill. */
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
#include "pimagefs/engine.h"

static void test_draft_is_held(void **state)
{
	struct core *c = *state;
	struct job *job;

	core_register(c, "fox");
	core_restart(c);
	job = core_find(c, "fox", JOB_HELD);
	core_assert_error(job, ERROR_INTERRUPTED);
	assert_int_equal(job->error->advice, ADVICE_SEND);
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
	assert_int_equal(core_count(c, JOB_CREATING), 0);
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

static void test_how_long_they_take_is_remembered(void **state)
{
	struct core *c = *state;
	int64_t before;

	core_ready(c, "a", "p1");
	core_ready(c, "b", "p2");
	core_ready(c, "c", "p3");
	core_ready(c, "d", "p4");
	c->settings->poll.max_ms = 100000;
	core_settle(c);
	core_crash(c);
	core_processing(c, "e", "p5");
	before = c->sim.mono_ms;
	core_wait_calls(c, FAKE_POLL, 1);
	assert_int_equal(c->sim.mono_ms - before, 2000); /* each took so long */
}

static void test_what_has_ended_stays(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "ready", "p1");
	char *path = strdup(job->picture_path);

	job = core_submit(c, "failed");
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	assert_int_equal(engine_cancel(c->engine, core_register(c, "cancelled")), 0);
	core_settle(c);
	core_crash(c);
	core_assert_idle(c);
	job = core_find(c, "ready", JOB_READY);
	assert_string_equal(job->picture_path, path);
	assert_int_equal(job->picture.width, 20);
	assert_int_equal(core_name(c->images, "ready.png"), 2);
	assert_int_equal(core_stats(c).cost, 10000000);
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

	fake_say(&c->api, FAKE_DOWNLOAD, SERVICE_REFUSED);
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/y.png");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_say(&c->api, FAKE_DOWNLOAD, SERVICE_REFUSED);
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
	fake_say(&c->api, FAKE_POLL, SERVICE_FAILED);
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

static void test_a_kept_picture_is_not_downloaded_again(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "cats/tabby", "p1");
	char *path;

	core_settle(c);
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_assert_state(job, JOB_READY);
	path = strdup(job->picture_path);
	core_crash(c); /* between the picture's name and the commit that tells of it */
	job = core_find(c, "cats/tabby", JOB_READY);
	assert_string_equal(job->picture_path, path);
	assert_int_equal(job->picture_bytes, c->png.size);
	assert_string_equal(job->prediction_id, "p1");
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_DOWNLOAD], 0);
	free(path);
}

/* The state could not be written since the create was answered. */
static void test_a_kept_picture_is_not_polled_for(void **state)
{
	struct core *c = *state;
	char command[4 * SCRATCH_PATH];
	struct job *job;

	core_processing(c, "fox", "p1");
	core_settle(c);
	snprintf(command, sizeof(command), "cp -r '%s/state' '%s/old'", c->folder, c->folder);
	assert_int_equal(system(command), 0);
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/x.png");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_wait_state(c, engine_find(c->engine, "fox"), JOB_READY);
	core_close(c);
	snprintf(command, sizeof(command), "rm -r '%s/state' && mv '%s/old' '%s/state'", c->folder,
		 c->folder, c->folder);
	assert_int_equal(system(command), 0);
	core_open(c);
	core_start(c);
	job = core_find(c, "fox", JOB_READY);
	assert_string_equal(job->picture_path + strlen("2026-11-22/HHMMSS"), "-fox.png");
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_POLL], 0);
}

static void test_a_like_named_picture_is_another_one(void **state)
{
	struct core *c = *state;
	struct job *job;

	core_ready(c, "fox", "p1");
	job = core_downloading(c, "fox", "p2");
	core_settle(c);
	core_crash(c);
	job = core_find(c, "fox", JOB_DOWNLOADING);
	assert_string_equal(job->prediction_id, "p2");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
}

static void test_the_library_is_not_asked_for_what_is_ready(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");
	char command[3 * SCRATCH_PATH];

	snprintf(command, sizeof(command), "rm '%s/pictures/%s'", c->folder, job->picture_path);
	core_settle(c);
	assert_int_equal(system(command), 0);
	core_restart(c);
	job = core_find(c, "fox", JOB_READY);
	assert_int_equal(core_name(c->images, "fox.png"), 2); /* as far as anybody knows */
	engine_picture_gone(c->engine, job);                  /* an open found out */
	assert_int_equal(core_name(c->images, "fox.png"), 1);
	assert_int_equal(core_name(c->images, "fox.error.txt"), 2);
	core_restart(c);
	core_assert_error(core_find(c, "fox", JOB_FAILED), ERROR_LOST);
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
		TEST(test_how_long_they_take_is_remembered),
		TEST(test_earlier_pictures_of_an_id),
		TEST(test_failed_download_resumes_after_restart),
		TEST(test_what_is_over_is_not_resumed),
		TEST(test_numbers_go_on),
		TEST(test_a_kept_picture_is_not_downloaded_again),
		TEST(test_a_kept_picture_is_not_polled_for),
		TEST(test_a_like_named_picture_is_another_one),
		TEST(test_the_library_is_not_asked_for_what_is_ready),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
