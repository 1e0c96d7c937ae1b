/* earlier: how many pictures a name has had before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"

static void assert_earlier(struct core *c, const char *id, unsigned n)
{
	struct job *job = engine_find(c->engine, id);

	assert_non_null(job);
	assert_int_equal(engine_earlier_pictures(c->engine, job), n);
}

static void test_each_picture_of_a_name(void **state)
{
	struct core *c = *state;

	core_ready(c, "a", "p1");
	assert_earlier(c, "a", 0);
	core_ready(c, "a", "p2");
	core_ready(c, "b", "p3");
	assert_earlier(c, "a", 1);
	assert_earlier(c, "b", 0);
	core_processing(c, "a", "p4"); /* it has none yet, so both are earlier ones */
	assert_earlier(c, "a", 2);
	core_restart(c);
	assert_earlier(c, "a", 2);
	assert_earlier(c, "b", 0);
}

static void test_what_was_removed_is_not_counted(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "a", "p1");

	assert_int_equal(engine_dismiss(c->engine, job), 0);
	core_submit(c, "a");
	assert_earlier(c, "a", 0);
}

static void test_a_new_name(void **state)
{
	struct core *c = *state;
	struct job *job;

	core_ready(c, "a", "p1");
	job = core_ready(c, "a", "p2");
	core_ready(c, "b", "p3");
	assert_int_equal(engine_rename(c->engine, job, "b"), 0);
	assert_earlier(c, "b", 1);
	core_submit(c, "a");
	assert_earlier(c, "a", 1);
	core_submit(c, "b");
	assert_earlier(c, "b", 2);
}

static void on_job(struct job *job, enum jobs_change change, void *data)
{
	(void)change;
	if (strcmp(job->prediction_id, "p2") == 0)
		++*(unsigned *)data;
}

static void test_who_has_the_name_is_told(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "a", "p1");
	static unsigned told; /* until the engine ends */

	core_ready(c, "a", "p2");
	assert_int_equal(engine_listen(c->engine, on_job, &told), 0);
	assert_int_equal(engine_dismiss(c->engine, job), 0);
	assert_earlier(c, "a", 0);
	assert_int_equal(told, 1);
	core_settle(c); /* it lies in the trash by now */
	assert_int_equal(engine_restore(c->engine, job), 0);
	assert_earlier(c, "a", 1);
	assert_int_equal(told, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_picture_of_a_name),
		TEST(test_what_was_removed_is_not_counted),
		TEST(test_a_new_name),
		TEST(test_who_has_the_name_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
