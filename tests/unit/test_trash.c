/* trash: what rm of a picture does to its file, and what brings it back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core_world.h"

#define DAY_MS INT64_C(86400000)

static void dismiss(struct core *c, struct job *job)
{
	assert_int_equal(engine_dismiss(c->engine, job), 0);
	assert_int_equal(ledger_sync(c->ledger), 0);
	sim_world_work(&c->sim);
}

static bool is_there(struct core *c, const struct job *job)
{
	return job->picture_path &&
	       library_size(c->library, job->picture_path) == job->picture_bytes;
}

static void assert_back(struct core *c, struct job *job, const char *path)
{
	core_assert_state(job, JOB_READY);
	assert_string_equal(job->picture_path, path);
	assert_true(job_has_picture(job) && is_there(c, job));
	assert_int_equal(core_name(c->images, "fox.png"), 2);
}

static void there_and_back(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");
	char *path = strdup(job->picture_path);
	struct buf files = BUF_INIT;

	engine_filed(c->engine, job, c->requests);
	assert_int_equal(engine_restore(c->engine, job), -EINVAL); /* it is not away */
	dismiss(c, job);
	assert_int_equal(core_name(c->images, "fox.png"), 0);
	assert_true(library_in_trash(job->picture_path) && is_there(c, job));
	/* The sidecar goes along; the day's folder goes with its last picture. */
	scratch_list(scratch_path(c->folder, "pictures/.trash"), &files);
	assert_non_null(strstr(buf_text(&files), "-fox.json\n"));
	buf_release(&files);
	assert_int_equal(engine_restore(c->engine, job), 0);
	assert_true(job_comes_back(job));
	assert_int_equal(core_name(c->images, "fox.png"), 2);
	sim_world_work(&c->sim);
	assert_false(job_comes_back(job));
	assert_back(c, job, path);
	free(path);
}

/* A removal that a power cut takes back has moved nothing. */
static void nothing_moves_before_the_commit(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");

	core_settle(c);
	assert_int_equal(engine_dismiss(c->engine, job), 0);
	sim_world_work(&c->sim);
	assert_int_equal(core_name(c->images, "fox.png"), 0);
	assert_true(!library_in_trash(job->picture_path) && is_there(c, job));
	core_settle(c);
	assert_true(library_in_trash(job->picture_path) && is_there(c, job));
}

static void a_change_of_mind_while_it_is_moved(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");
	char *path = strdup(job->picture_path);

	engine_filed(c->engine, job, c->requests);
	c->sim.disk_hangs = true;
	assert_int_equal(engine_dismiss(c->engine, job), 0);
	assert_int_equal(engine_restore(c->engine, job), 0);
	assert_int_equal(engine_dismiss(c->engine, job), 0);
	assert_int_equal(engine_restore(c->engine, job), 0);
	c->sim.disk_hangs = false;
	sim_world_work(&c->sim);
	assert_back(c, job, path);
	free(path);
}

/* Its file may be at neither place: who opens it waits. */
static void restored_while_it_is_moved(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");
	char *path = strdup(job->picture_path);

	engine_filed(c->engine, job, c->requests);
	c->sim.disk_hangs = true;
	assert_int_equal(engine_dismiss(c->engine, job), 0);
	core_settle(c);
	assert_int_equal(engine_restore(c->engine, job), 0);
	assert_false(job_has_picture(job));
	assert_true(job_comes_back(job));
	c->sim.disk_hangs = false;
	sim_world_work(&c->sim);
	assert_false(job_comes_back(job));
	assert_back(c, job, path);
	free(path);
}

/* What was answered is done, also if the move was not. */
static void a_crash_before_the_move(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");

	engine_filed(c->engine, job, c->requests);
	c->sim.disk_hangs = true;
	assert_int_equal(engine_dismiss(c->engine, job), 0);
	core_settle(c);
	core_crash(c);
	job = core_find(c, "fox", JOB_READY);
	assert_true(job->dismissed);
	assert_false(job_has_picture(job));
	c->sim.disk_hangs = false;
	sim_world_work(&c->sim);
	assert_true(library_in_trash(job->picture_path) && is_there(c, job));
}

static void after_its_days_it_is_gone(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");

	engine_filed(c->engine, job, c->requests);
	dismiss(c, job);
	core_pass(c, 29 * DAY_MS);
	core_restart(c);
	sim_world_work(&c->sim);
	job = core_find(c, "fox", JOB_READY);
	assert_true(is_there(c, job));
	core_pass(c, 2 * DAY_MS);
	core_restart(c);
	sim_world_work(&c->sim);
	job = core_find(c, "fox", JOB_READY);
	assert_false(is_there(c, job));
	/* To restore it finds out, and then it can be downloaded again: it is paid for. */
	assert_int_equal(engine_restore(c->engine, job), 0);
	sim_world_work(&c->sim);
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_LOST);
}

static void without_a_trash(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");
	struct buf files = BUF_INIT;

	c->settings->library.trash_days = 0;
	dismiss(c, job);
	assert_null(job->picture_path);
	assert_int_equal(engine_restore(c->engine, job), -EINVAL);
	scratch_list(scratch_path(c->folder, "pictures"), &files);
	assert_null(strstr(buf_text(&files), "fox"));
	buf_release(&files);
}

static void lose(struct core *c, struct job *job)
{
	assert_int_equal(library_remove(c->library, job->picture_path), 0);
	engine_picture_gone(c->engine, job);
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_LOST);
	assert_int_equal(job->error->advice, ADVICE_FETCH_LOST);
}

static void what_is_lost_is_downloaded_again(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");

	lose(c, job);
	engine_retry_failed(c->engine); /* leaves it alone */
	core_assert_idle(c);
	core_assert_state(job, JOB_FAILED);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_POLL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_POLL), "p1");
	fake_done(&c->api, "https://cdn.test/again.png");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_assert_state(job, JOB_READY);
	assert_true(is_there(c, job));
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static void what_the_service_has_no_more_is_asked_anew(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");

	lose(c, job);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_POLL, 1);
	fake_say(&c->api, FAKE_POLL, SERVICE_FAILED);
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(there_and_back),
		TEST(nothing_moves_before_the_commit),
		TEST(a_change_of_mind_while_it_is_moved),
		TEST(restored_while_it_is_moved),
		TEST(a_crash_before_the_move),
		TEST(after_its_days_it_is_gone),
		TEST(without_a_trash),
		TEST(what_is_lost_is_downloaded_again),
		TEST(what_the_service_has_no_more_is_asked_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
