/* ctl: all lines are understood before one is done. */
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
#include "pimagefs/ctl.h"

#define NOW INT64_C(1795356903250)

struct fixture {
	struct core *core;
	struct ctl *ctl;
};

static int make(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct ctl_ground ground = { .mountpoint = "/mnt/x/pictures" };

	if (!f || core_make((void **)&f->core) < 0)
		return -1;
	ground.engine = f->core->engine;
	ground.inbox = f->core->inbox;
	if (ctl_new(&f->ctl, &ground) < 0)
		return -1;
	*state = f;
	return 0;
}

static int drop(void **state)
{
	struct fixture *f = *state;

	ctl_free(f->ctl);
	core_drop((void **)&f->core);
	free(f);
	return 0;
}

static int say(struct fixture *f, const char *text)
{
	return ctl_run(f->ctl, NOW, text, strlen(text));
}

static void assert_text(struct fixture *f, const char *words, bool there)
{
	struct buf text = BUF_INIT;

	assert_int_equal(ctl_text(f->ctl, &text), 0);
	assert_int_equal(text.size, ctl_size(f->ctl));
	if ((strstr(text.data, words) != NULL) != there)
		fail_msg("%s: %s", words, text.data);
	buf_release(&text);
}

static void assert_says(struct fixture *f, const char *words)
{
	assert_text(f, words, true);
}

static void test_commands(void **state)
{
	struct fixture *f = *state;
	struct core *c = f->core;
	struct job *job;

	assert_int_equal(say(f, "pause\n"), 0);
	assert_true(core_stats(c).gate.paused);
	job = core_submit(c, "a fox");
	assert_int_equal(say(f, "  cancel a fox \r\n# done\n\n"), 0);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(say(f, "retry a fox\nresume"), 0);
	core_assert_state(job, JOB_QUEUED);
	assert_false(core_stats(c).gate.paused);
	assert_int_equal(say(f, "cancel all"), 0);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(say(f, "retry failed"), 0); /* what the user cancelled is none */
	core_assert_state(job, JOB_CANCELLED);
}

/* Each names the request a.b/fox. */
static void test_names_that_people_see(void **state)
{
	static const char *const names[] = {
		"a.b/fox",
		"./a.b/fox",
		"a.b/fox.txt",
		"a.b/fox.md",
		"a.b/fox.json",
		"a.b/fox.png",
		"a.b/fox.jpg",
		"a.b/fox.webp",
		"a.b/fox.error.txt",
		"requests/a.b/fox",
		"requests/a.b/fox.prompt",
		"images/a.b/fox.png",
		"images/a.b/fox.error.txt",
		"status/a.b/fox.json",
		"/mnt/x/pictures/requests/a.b/fox.txt",
		"/mnt/x/pictures//images/a.b/fox.jpg",
		"/mnt/x/pictures/status/a.b/fox.json",
		"./images/a.b/fox.png",
	};
	static const char *const others[] = {
		"fox",
		"a.b",
		"a.b/fox.gif",
		"requests/a.b/fox.png",
		"images/a.b/fox.txt",
		"images/fox.png",
		"status/a.b/fox.png.json",
		"/mnt/x/pictures2/requests/a.b/fox",
		"/mnt/x/requests/a.b/fox",
		"Images/a.b/fox.png",
		"a.b/fox.error",
		"requests/",
		"/mnt/x/pictures/",
	};
	struct fixture *f = *state;
	struct job *job = core_submit(f->core, "a.b/fox");
	char line[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(line, sizeof(line), "cancel %s", names[i]);
		if (say(f, line) != 0 || job->state != JOB_CANCELLED)
			fail_msg("%s", names[i]);
		assert_int_equal(say(f, "retry a.b/fox"), 0);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		snprintf(line, sizeof(line), "cancel %s", others[i]);
		if (say(f, line) != -ENOENT)
			fail_msg("%s", others[i]);
		core_assert_state(job, JOB_QUEUED);
	}
}

static void test_an_id_that_has_dots_comes_first(void **state)
{
	struct fixture *f = *state;
	struct job *plain = core_submit(f->core, "fox"), *png = core_submit(f->core, "fox.png"),
		   *inner = core_submit(f->core, "images/fox.png"),
		   *failed = core_submit(f->core, "failed");

	assert_int_equal(say(f, "cancel fox.png"), 0);
	core_assert_state(png, JOB_CANCELLED);
	assert_int_equal(say(f, "cancel images/fox.png"), 0);
	core_assert_state(inner, JOB_CANCELLED);
	core_assert_state(plain, JOB_QUEUED);
	assert_int_equal(say(f, "cancel ./images/fox.png"), 0);
	core_assert_state(plain, JOB_CANCELLED);
	assert_int_equal(say(f, "cancel requests/failed.txt"), 0);
	core_assert_state(failed, JOB_CANCELLED);
	assert_int_equal(say(f, "retry images/fox.png.png"), 0);
	core_assert_state(png, JOB_QUEUED);
}

static void test_what_came_of_it(void **state)
{
	struct fixture *f = *state;
	char line[32];

	assert_text(f, "What came of", false);
	core_submit(f->core, "fox");
	assert_int_equal(say(f, "pause\ncancel fox.txt\n"), 0);
	assert_says(f, "#\n# What came of the last commands, the newest at the end:\n"
		       "# 2026-11-22T14:15:03.250Z pause: done\n"
		       "# 2026-11-22T14:15:03.250Z cancel fox.txt: done: it is cancelled\n");
	assert_int_equal(say(f, "cancel fox"), -EINVAL);
	assert_says(f, "cancel fox: refused: it is cancelled, and there is nothing to cancel\n");
	core_create(f->core, "empty");
	assert_int_equal(say(f, "again empty"), -EINVAL);
	assert_says(f,
		    "again empty: refused: it is draft, and there is nothing to ask for again\n");
	assert_int_equal(say(f, "retry owl"), -ENOENT);
	assert_says(f, "retry owl: refused: no request has this name");
	assert_int_equal(say(f, "retry"), -EINVAL);
	assert_says(f, "retry: refused: it needs a name, or \"failed\" for all");
	assert_int_equal(say(f, "resume x"), -EINVAL);
	assert_says(f, "resume: refused: nothing may stand behind it");
	assert_int_equal(say(f, "retri fox"), -EINVAL);
	assert_says(f, "did you mean \"retry\"?");
	assert_int_equal(say(f, "retry \x01\xff"), -ENOENT);
	assert_says(f, "retry  ?: refused");
	for (int i = 0; i < 100; i++) {
		snprintf(line, sizeof(line), "retry nobody-%d", i);
		assert_int_equal(say(f, line), -ENOENT);
	}
	assert_text(f, "retry nobody-83:", false);
	assert_says(f, "retry nobody-84:");
	assert_says(f, "retry nobody-99:");
}

static void test_no_secret_is_shown(void **state)
{
	struct fixture *f = *state;
	char *text = calloc(1, 100001);

	assert_int_equal(say(f, "sk-S3cret"), -EINVAL);
	assert_int_equal(say(f, "pause S3cret"), -EINVAL);
	assert_int_equal(say(f, "export KEY=S3cret"), -EINVAL);
	memset(text, 'x', 100000);
	memcpy(text, "S3cret", 6);
	assert_int_equal(ctl_run(f->ctl, NOW, text, 100000), -EINVAL);
	free(text);
	assert_text(f, "S3cret", false);
	assert_says(f, "(not shown): refused: no command begins so; nothing was done\n");
	assert_says(f, "(not shown): refused: too long");
}

static void test_nothing_is_done_by_half(void **state)
{
	static const char *const wrong[] = { "pause\nretry", "pause\npausee", "pause now",
					     "resume x",     "cancel",        "PAUSE" };
	struct fixture *f = *state;
	struct core *c = f->core;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(say(f, wrong[i]), -EINVAL);
	assert_int_equal(ctl_run(f->ctl, NOW, "pause\0", 6), -EINVAL);
	assert_false(core_stats(c).gate.paused);
	assert_int_equal(say(f, "retry nobody"), -ENOENT);
	assert_int_equal(say(f, "cancel nobody"), -ENOENT);
}

/* Each line that was done counts as written; the errno is the refused line's own. */
static void test_lines_before_a_refused_one_are_written(void **state)
{
	struct fixture *f = *state;
	struct job *fox = core_submit(f->core, "fox");

	assert_int_equal(say(f, "\nretry owl\npause\n"), -ENOENT);
	assert_false(core_stats(f->core).gate.paused);
	assert_int_equal(say(f, "pause\n\ncancel fox\nretry owl\nresume\n"), 18);
	assert_true(core_stats(f->core).gate.paused);
	core_assert_state(fox, JOB_CANCELLED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_commands),
		TEST(test_nothing_is_done_by_half),
		TEST(test_lines_before_a_refused_one_are_written),
		TEST(test_names_that_people_see),
		TEST(test_an_id_that_has_dots_comes_first),
		TEST(test_what_came_of_it),
		TEST(test_no_secret_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
