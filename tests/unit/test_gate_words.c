/* gate_words: each state in which nothing is sent says so, while it lasts, in stats.json, in
 * status/ of what is queued, and in the log when it begins and when it ends. */
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
#include "failing_writes.h"
#include "pimagefs/stats.h"

/* How often the log has these words. */
static unsigned logged(struct core *c, const char *words)
{
	char path[SCRATCH_PATH], line[2048];
	FILE *f;
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/log", c->folder);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, words) != NULL;
	fclose(f);
	return n;
}

static void assert_stopped(struct core *c, const char *words, const char *hint)
{
	struct engine_stats numbers = core_stats(c);
	struct buf text = BUF_INIT;
	json_t *o;
	const char *told;

	assert_int_equal(stats_text(&numbers, false, &text), 0);
	o = json_loads(text.data, 0, NULL);
	assert_non_null(o);
	told = json_string_value(json_object_get(o, "stopped"));
	if (!told || !strstr(told, words) || (!*words && *told))
		fail_msg("stopped: %s", text.data);
	told = json_string_value(json_object_get(o, "stopped_hint"));
	if (hint ? !told || !strstr(told, hint) : told != NULL)
		fail_msg("hint: %s", text.data);
	json_decref(o);
	buf_release(&text);
}

/* It holds now: told everywhere, and in the log once. */
static void assert_holds(struct core *c, const char *words, const char *hint)
{
	char begin[256];

	core_settle(c);
	core_settle(c);
	assert_stopped(c, words, hint);
	snprintf(begin, sizeof(begin), "nothing is sent: ");
	assert_int_equal(logged(c, begin), 1);
	assert_int_equal(logged(c, words) > 0, 1);
	assert_int_equal(logged(c, "is over"), 0);
}

static void assert_over(struct core *c, const char *what)
{
	char line[256];

	core_settle(c);
	assert_stopped(c, "", NULL);
	snprintf(line, sizeof(line), "%s is over; requests are sent again", what);
	assert_int_equal(logged(c, line), 1);
}

static void limit(struct core *c, int *setting, int value)
{
	*setting = value;
	core_restart(c);
}

static void test_nothing_in_the_way(void **state)
{
	struct core *c = *state;

	assert_stopped(c, "", NULL);
	core_ready(c, "a", "p1");
	core_assert_idle(c);
	assert_stopped(c, "", NULL);
	assert_int_equal(logged(c, "nothing is sent"), 0);
}

static void test_paused(void **state)
{
	struct core *c = *state;

	assert_int_equal(engine_pause(c->engine, true), 0);
	assert_holds(c, "paused: nothing is sent", "echo resume > control/ctl");
	core_restart(c);
	core_settle(c);
	assert_int_equal(logged(c, "nothing is sent: paused"), 2); /* a new start says it again */
	assert_int_equal(engine_pause(c->engine, false), 0);
	assert_over(c, "the pause");
}

static void test_refused(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "a");

	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_AUTH);
	core_settle(c);
	assert_stopped(c, job->error->message, NULL);
	assert_int_equal(logged(c, "nothing is sent: "), 1);
	assert_int_equal(engine_retry(c->engine, job), 0);
	assert_over(c, "the refusal of the key or the balance");
}

static void test_budget(void **state)
{
	struct core *c = *state;

	limit(c, &c->settings->limits.daily_images, 1);
	core_processing(c, "a", "p1"); /* nothing is queued, and nobody asks */
	assert_holds(c, "today's budget of 1 picture is used up", "echo resume > control/ctl");
	core_pass(c, 24 * 3600000);
	assert_over(c, "the wait for the next day's budget");
}

static void test_too_many_requests(void **state)
{
	struct core *c = *state;
	struct service_answer busy = fake_verdict(SERVICE_BUSY);
	struct job *first = core_submit(c, "a"), *second;
	struct error why;

	busy.retry_after_ms = 30000;
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_answer(&c->api, FAKE_CREATE, &busy);
	second = core_submit(c, "b");
	assert_holds(c, "the service says (429); the next one is tried in 30 s", "tried again");
	assert_false(engine_waits_for(c->engine, first, &why)); /* it has the service's own words */
	assert_true(engine_waits_for(c->engine, second, &why));
	assert_non_null(strstr(why.message, "(429)"));
	core_pass(c, 30000);
	assert_over(c, "the wait that the service asked for (429)");
}

static void test_trouble_is_told_once(void **state)
{
	struct core *c = *state;

	c->settings->api.retry_max_s = 60;
	core_restart(c);
	core_submit(c, "a");
	for (int i = 0; i < 5; i++) {
		core_wait_calls(c, FAKE_CREATE, 1);
		fake_say(&c->api, FAKE_CREATE, SERVICE_OFFLINE);
		core_settle(c);
		assert_holds(c, "creates fail: ", "tried again");
	}
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_holds(c, "creates fail: ", "tried again"); /* also while the next one is out */
	fake_accept(&c->api, "p1");
	assert_over(c, "the trouble with the service");
}

static void test_trouble_without_work_ends_with_its_pause(void **state)
{
	struct core *c = *state;

	c->settings->api.retry_max_s = 60;
	core_restart(c);
	core_submit(c, "a");
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_OFFLINE);
	core_settle(c);
	engine_cancel_all(c->engine);
	core_pass(c, 61000);
	assert_over(c, "the trouble with the service");
	core_assert_idle(c);
}

static void test_state_folder(void **state)
{
	struct core *c = *state;

	writes_watch(EIO);
	writes_left = 0;
	assert_true(engine_pause(c->engine, true) < 0);
	core_submit(c, "a");
	core_settle(c);
	assert_stopped(c, "the state folder cannot be written", NULL);
	assert_int_equal(logged(c, "nothing is sent: the state folder"), 1);
	writes_unwatch();
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_over(c, "the trouble with the state folder");
}

static void test_library(void **state)
{
	struct core *c = *state;

	core_downloading(c, "a", "p1");
	fake_say(&c->api, FAKE_DOWNLOAD, SERVICE_SINK);
	assert_holds(c, "pictures cannot be kept in the library", "when there is room again");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
	assert_over(c, "the trouble with the library");
}

static void test_downloads(void **state)
{
	struct core *c = *state;

	limit(c, &c->settings->limits.downloads, 1);
	for (int i = 0; i < 3; i++) {
		char id[8];

		snprintf(id, sizeof(id), "p%d", i);
		core_processing(c, id, id);
		core_wait_calls(c, FAKE_POLL, 1);
		fake_done(&c->api, "https://cdn.test/x.png");
	}
	assert_holds(c, "3 finished pictures wait for their download", "tried again");
	fake_deliver(&c->api, c->png.data, c->png.size);
	assert_over(c, "the pile of downloads");
}

static void test_creates_without_an_answer(void **state)
{
	struct core *c = *state;

	limit(c, &c->settings->limits.concurrent, 1);
	core_submit(c, "a");
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_UNCERTAIN);
	assert_holds(c, "1 creates that were never answered may still run", "tried again");
	core_pass(c, 600000);
	assert_over(c, "the wait for creates that were never answered");
}

static void test_the_queue_is_full(void **state)
{
	struct core *c = *state;
	struct job *job;
	struct error why;

	limit(c, &c->settings->limits.queue, 1);
	job = core_processing(c, "a", "p1");
	core_settle(c);
	assert_int_equal(engine_may_accept(c->engine), -ENOSPC);
	assert_stopped(c, "the queue is full: 1 requests are unfinished (limits.queue)", "");
	assert_int_equal(logged(c, "the queue is full"), 1);
	assert_int_equal(logged(c, "nothing is sent"), 0);
	assert_false(engine_waits_for(c->engine, job, &why));
	assert_int_equal(engine_cancel(c->engine, job), 0);
	assert_over(c, "the full queue");
}

static void test_one_after_the_other(void **state)
{
	struct core *c = *state;

	limit(c, &c->settings->limits.daily_images, 1);
	core_processing(c, "a", "p1");
	core_settle(c);
	assert_int_equal(engine_pause(c->engine, true), 0);
	core_settle(c);
	assert_int_equal(logged(c, "the wait for the next day's budget is over"), 1);
	assert_int_equal(logged(c, "sent again"), 0);
	assert_stopped(c, "paused", "resume");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_in_the_way),
		TEST(test_paused),
		TEST(test_refused),
		TEST(test_budget),
		TEST(test_too_many_requests),
		TEST(test_trouble_is_told_once),
		TEST(test_trouble_without_work_ends_with_its_pause),
		TEST(test_state_folder),
		TEST(test_library),
		TEST(test_downloads),
		TEST(test_creates_without_an_answer),
		TEST(test_the_queue_is_full),
		TEST(test_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
