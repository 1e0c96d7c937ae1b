/* first house: a state database of schema 2 and its library, as version 1 of this program left them
 * (tests/data/first-house: made on a mount with the tests' service), open here and lose nothing. */
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
#include "pimagefs/library.h"
#include "pimagefs/models.h"
#include "pimagefs/reqfile.h"
#include "pimagefs/salvage.h"

static const struct {
	const char *id;
	enum job_state state;
	const char *prompt;
} all[] = {
	{ "fox", JOB_READY, "a fox" },
	{ "cats/tabby", JOB_READY, "a tabby" },
	{ "hidden", JOB_READY, "a hidden fox" },
	{ "bear", JOB_FAILED, "a bear" },
	{ "wolf", JOB_HELD, "a wolf" },
	{ "owl", JOB_CANCELLED, "an owl" },
	{ "whale", JOB_PROCESSING, "a whale" },
	{ "later", JOB_QUEUED, "a later fox" },
	{ "json-later", JOB_QUEUED, "a later tabby" },
};

/* Copies of both folders in the place of the fixture's. */
static void move_in(struct core *c)
{
	const char *source = getenv("PIMAGEFS_SOURCE");
	char command[4 * SCRATCH_PATH];

	core_close(c);
	snprintf(command, sizeof(command),
		 "cd '%s/tests/data/first-house' && rm -rf '%s/state' '%s/pictures' && "
		 "cp -r state pictures '%s'",
		 source ? source : ".", c->folder, c->folder, c->folder);
	assert_int_equal(system(command), 0);
}

static void assert_job(struct core *c, size_t i, enum job_state state)
{
	struct job *job = core_find(c, all[i].id, state);

	assert_string_equal(job->prompt, all[i].prompt);
	assert_string_equal(job->model, MODELS_FIRST);
	assert_non_null(strstr(job->input, all[i].prompt));
}

static void assert_fox(struct core *c)
{
	const struct job *fox = core_find(c, "fox", JOB_READY);

	assert_string_equal(fox->prediction_id, "pred-000001");
	assert_string_equal(fox->picture_path, "2026-11-24/054158-fox.png");
	assert_int_equal(library_size(c->library, fox->picture_path), fox->picture_bytes);
	assert_true(fox->picture.kind == PICTURE_PNG && fox->picture.width == 6);
	assert_true(fox->has_seed && fox->seed == 299651341);
	assert_true(fox->predict_time_s == 0.25 && fox->cost_usd == 0.005);
	assert_int_equal(strlen(fox->sha256), DIGEST_HEX - 1);
	assert_int_equal(core_name(c->images, "fox.png"), 2);
	assert_int_equal(core_name(c->images, "cats/tabby.png"), 2);
}

static void assert_files(struct core *c)
{
	static const char *const names[] = {
		"cats/tabby.json", "hidden", "bear",     "wolf",  "owl",       "whale",
		".draft",          "blank",  "bad.json", "later", "json-later"
	};
	const struct node *node = core_file(c, "fox");
	const struct reqfile *file = node->data;

	assert_int_equal(node->mode, 0600);
	assert_true(node->mtime_ns == INT64_C(1577836800000000000));
	assert_string_equal(buf_text(&file->text), "a fox\n");
	assert_int_equal(file->xattrs.blob.size, 16);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		core_file(c, names[i]);
	file = core_file(c, ".draft")->data;
	assert_string_equal(buf_text(&file->text), "a draft\n");
	assert_int_equal(core_name(c->requests, "empty"), 2);
}

static void test_database(void **state)
{
	struct core *c = *state;

	move_in(c);
	for (int again = 0; again < 2; again++) {
		core_open(c);
		for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
			assert_job(c, i, all[i].state);
		assert_fox(c);
		assert_files(c);
		core_find(c, "bad", JOB_INVALID);
		core_find(c, "blank", JOB_DRAFT);
		assert_true(core_find(c, "hidden", JOB_READY)->dismissed);
		assert_int_equal(core_name(c->images, "hidden.png"), 0);
		core_assert_error(core_find(c, "bear", JOB_FAILED), ERROR_INVALID);
		assert_int_equal(engine_find(c->engine, "bear")->error->advice, ADVICE_CORRECT);
		core_assert_error(core_find(c, "wolf", JOB_HELD), ERROR_UNCERTAIN);
		assert_int_equal(engine_find(c->engine, "wolf")->error->advice,
				 ADVICE_RETRY_UNCERTAIN);
		assert_string_equal(engine_find(c->engine, "whale")->prediction_id, "pred-000007");
		core_start(c);
		core_settle(c);
		assert_int_equal(c->api.sent[FAKE_CREATE], 0); /* the pause is kept */
		core_close(c);
	}
	core_open(c);
}

static void fill(struct core *c, const char *command)
{
	char line[2 * SCRATCH_PATH], *summary;

	snprintf(line, sizeof(line), "cd '%s/state' && %s", c->folder, command);
	assert_int_equal(system(line), 0);
	assert_int_equal(core_rebuild(c, &summary), 0);
	assert_non_null(summary);
	free(summary);
	core_open(c);
}

/* Damaged on the very day of the change: what it held is still there, what was queued is held. */
static void test_put_aside(void **state)
{
	struct core *c = *state;

	move_in(c);
	fill(c, "mv pimagefs.db pimagefs.db.damaged-20261124T060000Z");
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		assert_job(c, i, all[i].state == JOB_QUEUED ? JOB_HELD : all[i].state);
	assert_fox(c);
	assert_files(c);
}

static int count_job(struct job *job, void *data)
{
	++*(int *)data;
	job_free(job);
	return 0;
}

/* A spoilt page costs what is on it, whatever the old schema needs to become the new one. */
static void test_any_page(void **state)
{
	struct core *c = *state;
	char line[2 * SCRATCH_PATH];
	int all_read = 0;

	for (int page = 1; page < 7; page++) {
		struct salvage *s;
		struct error err;
		int jobs = 0;

		if (page == 1)
			move_in(c);
		snprintf(line, sizeof(line),
			 "cd '%s/state' && [ -e keep ] || mv pimagefs.db keep; cp keep "
			 "pimagefs.db.damaged-20261124T060000Z && head -c 4096 /dev/urandom | "
			 "dd of=pimagefs.db.damaged-20261124T060000Z bs=4096 seek=%d conv=notrunc "
			 "status=none",
			 c->folder, page);
		assert_int_equal(system(line), 0);
		snprintf(line, sizeof(line), "%s/state", c->folder);
		assert_int_equal(salvage_open(&s, line, &err), 0);
		assert_int_equal(salvage_each_job(s, count_job, &jobs), 0);
		salvage_close(s);
		all_read += jobs == 10;
	}
	assert_int_equal(all_read, 5); /* all but the page of the jobs themselves */
}

static void test_library(void **state)
{
	struct core *c = *state;

	move_in(c);
	fill(c, "rm pimagefs.db");
	assert_job(c, 0, JOB_READY);
	assert_job(c, 1, JOB_READY);
	assert_fox(c);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_database),
		TEST(test_put_aside),
		TEST(test_any_page),
		TEST(test_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
