/* progress: what a person sees of what is under way, and when there is nothing left to wait for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"
#include "oom.h"
#include "pimagefs/progress.h"

/* The text of a frame, valid until the next. */
static const char *frame(struct progress *p)
{
	static char text[8192];
	struct buf out = BUF_INIT;
	unsigned lines = 0;

	assert_int_equal(progress_frame(p, &out), 0);
	assert_true(out.size < sizeof(text));
	for (char *rest = out.data, *line; (line = strsep(&rest, "\n")) && *line; lines++)
		assert_true(strlen(line) <= 78);
	assert_int_equal(lines, p->lines);
	buf_release(&out);
	assert_int_equal(progress_frame(p, &out), 0);
	memcpy(text, buf_text(&out), out.size + 1);
	buf_release(&out);
	return text;
}

static void assert_has(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("no \"%s\" in:\n%s", words, text);
}

static void nothing_runs(void **state)
{
	struct core *c = *state;
	struct progress p;

	progress_init(&p, c->engine);
	assert_has(frame(&p), "nothing runs: 0 ready, 0 failed");
	assert_true(p.over);
}

static void until_the_last_is_ready(void **state)
{
	struct core *c = *state;
	struct progress p;
	const char *text;

	core_ready(c, "earlier", "p0");
	core_processing(c, "fox", "p1");
	progress_init(&p, c->engine);
	text = frame(&p);
	assert_has(text, "[------------------------] 0 of 1");
	assert_has(text, "  fox                      processing ");
	assert_false(p.over || p.changed);
	core_pass(c, 300);
	frame(&p);
	assert_false(p.changed); /* but the time */
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/picture.png");
	assert_has(frame(&p), "  fox                      downloading");
	assert_false(p.over);
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
	assert_has(frame(&p), "[########################] 1 of 1\n");
	assert_true(p.over);
}

static void an_expectation_from_what_was_learnt(void **state)
{
	struct core *c = *state;
	struct job *job;
	char id[16], prediction[16];

	assert_int_equal(engine_all_left_ms(c->engine), -1);
	for (int i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "fox%d", i);
		snprintf(prediction, sizeof(prediction), "q%d", i);
		core_ready(c, id, prediction);
	}
	job = core_processing(c, "last", "z");
	assert_true(engine_left_ms(c->engine, job) >= 0);
	assert_true(engine_running_ms(c->engine, job) >= 0);
	assert_true(engine_all_left_ms(c->engine) >= 0);
	core_pass(c, 100000);
	assert_int_equal(engine_left_ms(c->engine, job), 0);
}

static void what_waits_for_the_user_is_nothing_to_wait_for(void **state)
{
	struct core *c = *state;
	struct progress p;
	const char *text;

	assert_int_equal(engine_pause(c->engine, true), 0);
	core_submit(c, "fox");
	core_settle(c);
	progress_init(&p, c->engine);
	text = frame(&p);
	assert_has(text, "0 of 1, 1 queued");
	assert_has(text, "paused: nothing is sent");
	assert_true(p.over);
	assert_int_equal(engine_pause(c->engine, false), 0);
	core_settle(c);
	frame(&p);
	assert_false(p.over);
}

static void many_and_long_ones(void **state)
{
	struct core *c = *state;
	struct progress p;
	char id[201], prediction[8];

	for (int i = 0; i < 9; i++) {
		memset(id, 'a' + i, 200);
		memcpy(id + 20, "\xe7\x8b\x90\xe7\x8b\x90", 6); /* not cut in two */
		id[200] = '\0';
		snprintf(prediction, sizeof(prediction), "p%d", i);
		core_processing(c, id, prediction);
	}
	progress_init(&p, c->engine);
	assert_has(frame(&p), "0 of 9");
	assert_int_equal(p.lines, 10);
}

static void without_memory(void **state)
{
	struct core *c = *state;
	struct progress p;
	unsigned failed = 1;

	core_processing(c, "fox", "p1");
	progress_init(&p, c->engine);
	for (unsigned n = 0; failed; n++) {
		struct buf out = BUF_INIT;

		oom_fail_after(n);
		progress_frame(&p, &out);
		failed = oom_off();
		buf_release(&out);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_runs),
		TEST(until_the_last_is_ready),
		TEST(an_expectation_from_what_was_learnt),
		TEST(what_waits_for_the_user_is_nothing_to_wait_for),
		TEST(many_and_long_ones),
		TEST(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
