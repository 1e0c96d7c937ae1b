/* engine: a request that was made before is given its picture, and nothing is created. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"
#include "pimagefs/report.h"

#define FOX "{\"prompt\": \"a fox\", \"seed\": 7, \"aspect_ratio\": \"1:1\"}"

static int make(void **state)
{
	struct core *c;

	if (core_make(state) < 0)
		return -1;
	c = *state;
	c->settings->requests.reuse = CONFIG_REUSE_SAME_SEED;
	core_restart(c);
	return 0;
}

/* Ask by a file; it becomes a picture. */
static struct job *made(struct core *c, const char *text, const char *id, const char *prediction)
{
	unsigned before = c->api.sent[FAKE_CREATE];
	struct job *job;

	assert_int_equal(core_echo(c, text, id), 0);
	job = engine_find(c->engine, id);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, prediction);
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/picture.png");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_assert_state(job, JOB_READY);
	assert_int_equal(c->api.sent[FAKE_CREATE], before + 1);
	return job;
}

static struct job *reused(struct core *c, const char *text, const char *id, const char *from)
{
	unsigned before = c->api.sent[FAKE_CREATE];
	struct job *job;

	assert_int_equal(core_echo(c, text, id), 0);
	job = core_find(c, id, JOB_READY);
	core_settle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], before);
	assert_string_equal(job->reused_from, from);
	assert_null(job->prediction_id);
	assert_int_equal(job->attempts, 0);
	assert_int_equal(library_size(c->library, job->picture_path), c->png.size);
	return job;
}

static void created(struct core *c, const char *text, const char *id)
{
	assert_int_equal(core_echo(c, text, id), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	core_find(c, id, JOB_CREATING);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	core_find(c, id, JOB_FAILED);
}

static void test_the_same_again(void **state)
{
	struct core *c = *state;
	struct job *fox = made(c, FOX, "fox", "p1"), *owl = reused(c, FOX, "owl", "p1");
	struct buf b = BUF_INIT;

	assert_string_not_equal(owl->picture_path, fox->picture_path);
	assert_string_equal(owl->sha256, fox->sha256);
	assert_memory_equal(&owl->picture, &fox->picture, sizeof(owl->picture));
	assert_true(owl->cost_usd < 0 && owl->completed_ms >= fox->completed_ms);
	assert_int_equal(core_name(c->images, "owl.png"), 2);
	assert_int_equal(report_status(owl, &(struct report_more){ .library = "/lib" }, &b), 0);
	assert_non_null(strstr(b.data, "\"reused_from\": \"p1\""));
	assert_null(strstr(b.data, "prediction_id"));
	buf_release(&b);
	core_assert_idle(c);
}

static void test_each_has_its_own_note(void **state)
{
	struct core *c = *state;
	struct job *owl;
	struct buf b = BUF_INIT;
	char path[512];

	made(c, FOX, "fox", "p1");
	owl = reused(c, FOX, "owl", "p1");
	snprintf(path, sizeof(path), "%s/%s", library_path(c->library), owl->picture_path);
	strcpy(strrchr(path, '.'), ".json");
	assert_int_equal(scratch_read("/", path + 1, &b), 0);
	assert_non_null(strstr(b.data, "\"id\": \"owl\""));
	assert_non_null(strstr(b.data, "\"reused_from\": \"p1\""));
	assert_non_null(strstr(b.data, owl->sha256));
	buf_release(&b);
}

static void test_order_of_fields_does_not_matter(void **state)
{
	struct core *c = *state;

	made(c, FOX, "fox", "p1");
	reused(c, "{ \"aspect_ratio\": \"1:1\",\n\"seed\": 7, \"prompt\": \"a fox\" }", "b", "p1");
}

static void test_what_differs_is_made(void **state)
{
	struct core *c = *state;

	made(c, FOX, "fox", "p1");
	created(c, "{\"prompt\": \"a fox\", \"seed\": 8, \"aspect_ratio\": \"1:1\"}", "a");
	created(c, "{\"prompt\": \"a fox\", \"seed\": 7, \"aspect_ratio\": \"3:2\"}", "b");
	created(c, "{\"prompt\": \"A fox\", \"seed\": 7, \"aspect_ratio\": \"1:1\"}", "c");
	created(c, "{\"prompt\": \"a fox\", \"seed\": 7}", "d");
}

static void test_a_picked_seed_is_no_wish(void **state)
{
	struct core *c = *state;
	struct job *fox = made(c, "a fox", "fox", "p1");
	char text[100];

	assert_true(fox->has_seed);
	created(c, "a fox", "owl");
	/* But the seed that was picked can be named afterwards. */
	snprintf(text, sizeof(text), "{\"prompt\": \"a fox\", \"seed\": %lld}",
		 (long long)fox->seed);
	reused(c, text, "bear", "p1");
}

static void test_off(void **state)
{
	struct core *c = *state;

	c->settings->requests.reuse = CONFIG_REUSE_OFF;
	core_restart(c);
	made(c, FOX, "fox", "p1");
	created(c, FOX, "owl");
}

static void test_the_same_name_again(void **state)
{
	struct core *c = *state;
	struct job *first = made(c, FOX, "fox", "p1");

	reused(c, FOX, "fox", "p1");
	assert_false(first->current);
	assert_int_equal(library_size(c->library, first->picture_path), c->png.size);
}

static void test_what_failed_before_is_made(void **state)
{
	struct core *c = *state;

	created(c, FOX, "fox");
	created(c, FOX, "owl");
}

static void test_a_removed_picture_is_not_found(void **state)
{
	struct core *c = *state;
	struct job *fox = made(c, FOX, "fox", "p1"), *owl = reused(c, FOX, "owl", "p1");

	assert_int_equal(engine_dismiss(c->engine, fox), 0);
	reused(c, FOX, "bear", "p1"); /* by its other name, and still from the first one */
	assert_int_equal(library_remove(c->library, owl->picture_path), 0);
	assert_int_equal(engine_dismiss(c->engine, engine_find(c->engine, "bear")), 0);
	created(c, FOX, "cat");
}

static void test_a_restart_finds_them(void **state)
{
	struct core *c = *state;
	struct job *owl;

	made(c, FOX, "fox", "p1");
	reused(c, FOX, "owl", "p1");
	core_crash(c);
	owl = core_find(c, "owl", JOB_READY);
	assert_string_equal(owl->reused_from, "p1");
	assert_int_equal(core_name(c->images, "owl.png"), 2);
	reused(c, FOX, "bear", "p1");
	engine_dismiss(c->engine, engine_find(c->engine, "fox"));
	engine_dismiss(c->engine, engine_find(c->engine, "bear"));
	core_restart(c);
	reused(c, FOX, "cat", "p1");
}

/* What was asked for, and how, is not forgotten. */
static void test_a_restart_looks_for_what_is_queued(void **state)
{
	struct core *c = *state;
	struct job *fox, *owl;

	made(c, FOX, "fox", "p1");
	c->settings->requests.reuse = CONFIG_REUSE_OFF; /* so that it stays in the queue */
	assert_int_equal(engine_pause(c->engine, true), 0);
	assert_int_equal(core_echo(c, FOX, "owl"), 0);
	core_settle(c);
	core_find(c, "owl", JOB_QUEUED);
	c->settings->requests.reuse = CONFIG_REUSE_SAME_SEED;
	core_crash(c);
	core_settle(c);
	owl = core_find(c, "owl", JOB_READY);
	assert_string_equal(owl->reused_from, "p1");
	fox = engine_find(c->engine, "fox");
	assert_int_equal(engine_again(c->engine, fox, false, &owl), 0);
	core_settle(c);
	core_crash(c);
	core_settle(c);
	core_find(c, "fox", JOB_QUEUED); /* asked for again: no earlier one will do */
}

static void test_it_costs_nothing_of_the_budget(void **state)
{
	struct core *c = *state;

	c->settings->limits.daily_images = 2;
	core_restart(c);
	made(c, FOX, "fox", "p1");
	reused(c, FOX, "a", "p1");
	reused(c, FOX, "b", "p1");
	assert_int_equal(core_stats(c).gate.budget.images, 1);
	assert_int_equal(engine_may_accept(c->engine), 0);
}

static void test_while_paused(void **state)
{
	struct core *c = *state;

	made(c, FOX, "fox", "p1");
	assert_int_equal(engine_pause(c->engine, true), 0);
	reused(c, FOX, "owl", "p1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_same_again),
		TEST(test_each_has_its_own_note),
		TEST(test_order_of_fields_does_not_matter),
		TEST(test_what_differs_is_made),
		TEST(test_a_picked_seed_is_no_wish),
		TEST(test_off),
		TEST(test_the_same_name_again),
		TEST(test_what_failed_before_is_made),
		TEST(test_a_removed_picture_is_not_found),
		TEST(test_a_restart_finds_them),
		TEST(test_a_restart_looks_for_what_is_queued),
		TEST(test_it_costs_nothing_of_the_budget),
		TEST(test_while_paused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
