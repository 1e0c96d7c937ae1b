/* marks: what the user says of a picture, and where it is kept. */
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
#include "pimagefs/marks.h"
#include "pimagefs/sidecar.h"

static int set(struct job *job, enum mark mark, const char *text)
{
	return mark_set(job, mark, text, text ? strlen(text) : 0);
}

/* NULL: there is none. */
static void assert_says(const struct job *job, enum mark mark, const char *wanted)
{
	struct buf text = BUF_INIT;

	assert_int_equal(mark_text(job, mark, &text), wanted ? 0 : -ENODATA);
	if (wanted)
		assert_string_equal(buf_text(&text), wanted);
	buf_release(&text);
}

static void what_may_be_said(void **state)
{
	struct job *job = job_new(1, "fox", 1000);
	char *much = calloc(1, MARK_COMMENT_MAX + 2);
	static const char *const no_ratings[] = { "11",  "-1", "+1",  " 1",  "1 ",  "1.5",
						  "010", "00", "ten", "100", "\xff" };

	(void)state;
	assert_non_null(much);
	assert_int_equal(job_set_text(&job->prompt, "a fox"), 0);
	for (int mark = 0; mark < MARKS; mark++)
		assert_says(job, mark, mark == MARK_COMMENT ? "a fox" : NULL);
	assert_int_equal(set(job, MARK_TAGS, "best, of \xc3\xa4ll,fox"), 0);
	assert_says(job, MARK_TAGS, "best, of \xc3\xa4ll,fox");
	assert_int_equal(set(job, MARK_COMMENT, "two\nlines"), 0);
	assert_says(job, MARK_COMMENT, "two\nlines");
	for (int n = 0; n <= 10; n++) {
		char text[4];

		snprintf(text, sizeof(text), "%d", n);
		assert_int_equal(set(job, MARK_RATING, text), 0);
		assert_says(job, MARK_RATING, text);
	}
	for (size_t i = 0; i < sizeof(no_ratings) / sizeof(*no_ratings); i++)
		assert_int_equal(set(job, MARK_RATING, no_ratings[i]), -EINVAL);
	assert_int_equal(set(job, MARK_TAGS, "a\nb"), -EINVAL);
	assert_int_equal(set(job, MARK_COMMENT, "a\x1b[2J"), -EINVAL);
	assert_int_equal(set(job, MARK_COMMENT, "\xff"), -EINVAL);
	assert_int_equal(mark_set(job, MARK_COMMENT, "a\0b", 3), -EINVAL);
	memset(much, 'x', MARK_COMMENT_MAX + 1);
	assert_int_equal(set(job, MARK_COMMENT, much), -ENOSPC);
	much[MARK_TAGS_MAX + 1] = '\0';
	assert_int_equal(set(job, MARK_TAGS, much), -ENOSPC);
	/* Nothing of it was taken. */
	assert_says(job, MARK_RATING, "10");
	assert_says(job, MARK_TAGS, "best, of \xc3\xa4ll,fox");
	assert_says(job, MARK_COMMENT, "two\nlines");
	/* And away. */
	assert_int_equal(set(job, MARK_RATING, NULL), 0);
	assert_int_equal(set(job, MARK_TAGS, ""), 0);
	assert_int_equal(set(job, MARK_COMMENT, NULL), 0);
	for (int mark = 0; mark < MARKS; mark++)
		assert_says(job, mark, NULL);
	job_free(job);
	free(much);
}

static void a_sidecar_and_back(void **state)
{
	struct job *job = job_new(1, "fox", 1000), *read;
	char *text;

	(void)state;
	assert_int_equal(job_set_text(&job->prompt, "a fox"), 0);
	text = sidecar_text(job);
	assert_null(strstr(text, "tags"));
	assert_null(strstr(text, "comment"));
	assert_null(strstr(text, "rating"));
	free(text);
	set(job, MARK_TAGS, " best,, \"of\" all ,");
	set(job, MARK_COMMENT, "</script>\n");
	set(job, MARK_RATING, "0");
	text = sidecar_text(job);
	assert_int_equal(sidecar_read(text, strlen(text), &read), 0);
	assert_says(read, MARK_TAGS, "best,\"of\" all");
	assert_says(read, MARK_COMMENT, "</script>\n");
	assert_says(read, MARK_RATING, "0");
	free(text);
	job_free(read);
	/* That a comment was taken away is remembered too. */
	set(job, MARK_COMMENT, NULL);
	text = sidecar_text(job);
	assert_int_equal(sidecar_read(text, strlen(text), &read), 0);
	assert_says(read, MARK_COMMENT, NULL);
	free(text);
	job_free(read);
	job_free(job);
}

static void a_sidecar_is_not_trusted(void **state)
{
	static const char *const texts[] = {
		"{\"id\":\"fox\",\"tags\":\"x\",\"comment\":7,\"rating\":11}",
		"{\"id\":\"fox\",\"tags\":[1,null,\"\"],\"comment\":\"a\\u0007b\",\"rating\":-4}",
		"{\"id\":\"fox\",\"tags\":[\"a\\nb\"],\"comment\":[],\"rating\":\"5\"}",
		"{\"id\":\"fox\",\"tags\":{\"a\":1},\"comment\":null,\"rating\":1e99}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct job *job;

		assert_int_equal(sidecar_read(texts[i], strlen(texts[i]), &job), 0);
		for (int mark = 0; mark < MARKS; mark++)
			assert_says(job, mark, NULL);
		job_free(job);
	}
}

/* --- with the engine --- */

static char *sidecar_of(struct core *c, const struct job *job)
{
	char name[600];
	struct buf text = BUF_INIT;

	snprintf(name, sizeof(name), "pictures/%.*sjson", (int)strlen(job->picture_path) - 3,
		 job->picture_path);
	assert_int_equal(scratch_read(c->folder, name, &text), 0);
	return text.data;
}

static void assert_sidecar(struct core *c, const struct job *job, const char *wanted)
{
	char *text = sidecar_of(c, job);
	struct job *read;

	assert_int_equal(sidecar_read(text, strlen(text), &read), 0);
	assert_says(read, MARK_TAGS, wanted);
	assert_string_equal(read->prediction_id, job->prediction_id);
	job_free(read);
	free(text);
}

static int mark(struct core *c, struct job *job, const char *tags)
{
	return engine_mark(c->engine, job, MARK_TAGS, tags, strlen(tags));
}

static void kept_over_a_crash(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");

	assert_int_equal(mark(c, job, "best"), 0);
	assert_int_equal(engine_mark(c->engine, job, MARK_RATING, "7", 1), 0);
	core_crash(c); /* before the sidecar was written */
	job = core_find(c, "fox", JOB_READY);
	assert_says(job, MARK_TAGS, "best");
	assert_says(job, MARK_RATING, "7");
	sim_world_work(&c->sim);
	assert_false(job->sidecar_old);
	assert_sidecar(c, job, "best");
}

static void the_sidecar_follows(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");

	assert_int_equal(mark(c, job, "one"), 0);
	sim_world_work(&c->sim);
	assert_sidecar(c, job, "one");
	/* More is said while it is being written. */
	c->sim.disk_hangs = true;
	assert_int_equal(mark(c, job, "two"), 0);
	assert_int_equal(mark(c, job, "three"), 0);
	c->sim.disk_hangs = false;
	sim_world_work(&c->sim);
	assert_sidecar(c, job, "three");
	assert_false(job->sidecar_old);
	/* It goes to the trash with its picture, and comes back. */
	assert_int_equal(mark(c, job, "four"), 0);
	assert_int_equal(engine_dismiss(c->engine, job), 0);
	assert_int_equal(mark(c, job, "five"), -EPERM);
	sim_world_work(&c->sim);
	assert_true(library_in_trash(job->picture_path));
	assert_sidecar(c, job, "four");
	assert_int_equal(engine_restore(c->engine, job), 0);
	sim_world_work(&c->sim);
	assert_sidecar(c, job, "four");
}

static void a_rebuild_reads_them(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");
	char *summary;

	assert_int_equal(mark(c, job, "best,fox"), 0);
	assert_int_equal(engine_mark(c->engine, job, MARK_COMMENT, "mine", 4), 0);
	sim_world_work(&c->sim);
	core_close(c);
	unlink(scratch_path(c->folder, "state/pimagefs.db"));
	assert_int_equal(core_rebuild(c, &summary), 0);
	free(summary);
	core_open(c);
	core_start(c);
	job = core_find(c, "fox", JOB_READY);
	assert_says(job, MARK_TAGS, "best,fox");
	assert_says(job, MARK_COMMENT, "mine");
}

static void a_picture_that_is_gone(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "fox", "p1");
	char name[600];

	snprintf(name, sizeof(name), "pictures/%s", job->picture_path);
	assert_int_equal(unlink(scratch_path(c->folder, name)), 0);
	snprintf(name, sizeof(name), "pictures/%.*sjson", (int)strlen(job->picture_path) - 3,
		 job->picture_path);
	assert_int_equal(unlink(scratch_path(c->folder, name)), 0);
	assert_int_equal(mark(c, job, "best"), 0);
	sim_world_work(&c->sim);
	assert_int_equal(access(scratch_path(c->folder, name), F_OK), -1); /* none without it */
	assert_says(job, MARK_TAGS, "best");
}

static void only_of_pictures(void **state)
{
	struct core *c = *state;
	struct job *job = core_processing(c, "fox", "p1");

	assert_int_equal(mark(c, job, "best"), -EPERM);
	assert_says(job, MARK_TAGS, NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_be_said),
		cmocka_unit_test(a_sidecar_and_back),
		cmocka_unit_test(a_sidecar_is_not_trusted),
		TEST(kept_over_a_crash),
		TEST(the_sidecar_follows),
		TEST(a_rebuild_reads_them),
		TEST(a_picture_that_is_gone),
		TEST(only_of_pictures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
