/* rebuild: the state filled anew from the library, and from a database that was put aside. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core_world.h"
#include "oom.h"
#include "pimagefs/rebuild.h"

/* --- filled anew --- */

static void remove_state(struct core *c)
{
	char command[2 * SCRATCH_PATH];

	snprintf(command, sizeof(command), "rm -r '%s/state'", c->folder);
	assert_int_equal(system(command), 0);
}

static void test_lost_state(void **state)
{
	struct core *c = *state;
	struct job *job;
	char *summary, *prompt;
	uint64_t number;

	core_ready(c, "fox", "p1");
	job = core_ready(c, "fox", "p2");
	prompt = strdup(job->prompt);
	core_ready(c, "cats/tabby", "p3");
	core_close(c);
	remove_state(c);
	assert_int_equal(core_rebuild(c, &summary), 0);
	assert_non_null(strstr(summary, "3 pictures"));
	free(summary);
	assert_int_equal(core_rebuild(c, &summary), 0);
	assert_null(summary);
	core_open(c);
	core_start(c);
	job = core_find(c, "fox", JOB_READY);
	assert_string_equal(job->prediction_id, "p2");
	assert_string_equal(job->prompt, prompt);
	assert_true(job->has_seed && job->seed == 4711);
	assert_int_equal(job->picture.kind, PICTURE_PNG);
	assert_int_equal(strlen(job->sha256), 64);
	number = job->number;
	core_find(c, "cats/tabby", JOB_READY);
	job = engine_find_prediction(c->engine, "p1");
	core_assert_state(job, JOB_READY);
	assert_false(job->current);
	assert_true(job->number != number);
	core_assert_idle(c);
	free(prompt);
}

/* Whatever memory is short: all of it or nothing. */
static void test_no_memory(void **state)
{
	struct core *c = *state;
	unsigned failed = 1;
	char *summary = NULL;

	core_ready(c, "fox", "p1");
	core_close(c);
	for (unsigned n = 8; failed; n += 1 + n / 12) {
		struct rebuild_ground ground = { .world = &c->sim.world,
						 .settings = c->settings,
						 .rules = c->rules };
		struct error err = { .message = "" };
		int r;

		remove_state(c);
		assert_int_equal(store_open(&ground.store, c->settings->library.state, NULL, NULL),
				 0);
		assert_int_equal(library_open(&ground.library, &c->sim.world,
					      c->settings->library.path, NULL),
				 0);
		oom_fail_after(n);
		r = rebuild(&ground, &summary, &err);
		failed = oom_off();
		free(summary);
		summary = NULL;
		library_close(ground.library);
		store_close(ground.store);
		if (r < 0)
			assert_int_equal(r, -ENOMEM);
	}
	core_open(c);
	core_find(c, "fox", JOB_READY);
}

/* --- put aside --- */

/* Closed, changed as it says, and under the name that a damaged database gets. */
static void set_aside(struct core *c, const char *sql)
{
	char from[2 * SCRATCH_PATH], to[2 * SCRATCH_PATH];
	sqlite3 *db;

	snprintf(from, sizeof(from), "%s/pimagefs.db", c->settings->library.state);
	snprintf(to, sizeof(to), "%s.damaged-20261122T141503Z", from);
	assert_int_equal(sqlite3_open(from, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(rename(from, to), 0);
}

/* The number of a lost job, which its file still names, is not given to another one. */
static void test_lost_job(void **state)
{
	struct core *c = *state;
	char *summary;

	core_ready(c, "fox", "p1");
	core_ready(c, "dog", "p2");
	core_close(c);
	set_aside(c, "DELETE FROM job; INSERT INTO file VALUES"
		     " (1, 'cat', 420, 0, CAST('a cat' AS BLOB), x'', 2, 0, 0)");
	assert_int_equal(core_rebuild(c, &summary), 0);
	free(summary);
	core_open(c);
	core_start(c);
	core_find(c, "cat", JOB_HELD);
	core_find(c, "fox", JOB_READY);
	core_find(c, "dog", JOB_READY);
	core_assert_idle(c);
}

/* A create that may have left is held, whatever api.ambiguous_create says. */
static void test_unsure_create(void **state)
{
	struct core *c = *state;
	struct job *job;
	char *summary;

	core_submit(c, "fox");
	core_wait_sent(c, FAKE_CREATE, 1);
	core_close(c);
	set_aside(c, "UPDATE job SET state = 'creating'");
	c->settings->api.ambiguous_create = CONFIG_AMBIGUOUS_RETRY;
	assert_int_equal(core_rebuild(c, &summary), 0);
	free(summary);
	core_open(c);
	core_start(c);
	core_settle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0); /* counted since it opened */
	job = core_find(c, "fox", JOB_HELD);
	assert_int_equal(job->unanswered, 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lost_state),
		TEST(test_no_memory),
		TEST(test_lost_job),
		TEST(test_unsure_create),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
