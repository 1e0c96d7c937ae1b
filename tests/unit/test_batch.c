/* batch: which jobs a file asked for, their ids, and what they are called together. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"
#include "oom.h"
#include "pimagefs/batch.h"

static void test_members(void **state)
{
	struct batch *b = batch_new(), *copy;

	(void)state;
	assert_int_equal(batch_size(NULL), 0);
	assert_int_equal(batch_size(b), 0);
	for (uint64_t n = 1; n <= 100; n++)
		assert_int_equal(batch_add(b, n, n % 2 ? 7 : 0), 0);
	batch_remove(b, 50);
	batch_remove(b, 1000);
	batch_replace(b, 51, 500);
	assert_int_equal(batch_size(b), 99);
	assert_int_equal(batch_number(b, 48), 49);
	assert_int_equal(batch_number(b, 49), 500);
	assert_int_equal(batch_from(b, 0), 7);
	assert_int_equal(batch_from(b, 1), 0);
	copy = batch_copy(b);
	batch_free(b);
	assert_int_equal(batch_size(copy), 99);
	assert_int_equal(batch_number(copy, 98), 100);
	batch_free(copy);
	batch_free(NULL);
}

static void test_removed_and_added_again(void **state)
{
	struct batch *b = batch_new();

	(void)state;
	for (uint64_t n = 1; n <= 9; n++)
		assert_int_equal(batch_add(b, n, 0), 0);
	for (uint64_t n = 1; n <= 9; n++)
		batch_remove(b, n);
	assert_int_equal(batch_size(b), 0);
	for (uint64_t n = 1; n <= 40; n++)
		assert_int_equal(batch_add(b, n, 0), 0);
	assert_int_equal(batch_number(b, 39), 40);
	batch_free(b);
}

static void test_without_memory(void **state)
{
	struct batch *b = batch_new();

	(void)state;
	oom_fail_after(0);
	assert_null(batch_new());
	assert_int_equal(batch_add(b, 1, 0), -ENOMEM);
	oom_off();
	assert_int_equal(batch_size(b), 0);
	assert_int_equal(batch_add(b, 1, 0), 0);
	oom_fail_after(1);
	assert_null(batch_copy(b));
	oom_off();
	batch_free(b);
}

static void assert_id(const char *id, size_t part, size_t all, const char *want)
{
	char *made = batch_id(id, part, all);

	assert_string_equal(made, want);
	free(made);
}

static void test_ids(void **state)
{
	(void)state;
	assert_id("fox", 1, 2, "fox/01");
	assert_id("a/fox", 99, 99, "a/fox/99");
	assert_id("fox", 1, 100, "fox/001");
	assert_id("fox", 1000, 1000, "fox/1000");
	assert_id("fox", 100, 0, "fox/100");
}

static void test_the_first_one(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox/01");

	assert_null(batch_first(c->engine, "fox")); /* it is one of a folder */
	job->part = 1;
	assert_ptr_equal(batch_first(c->engine, "fox"), job);
	assert_null(batch_first(c->engine, "fo"));
	job = core_submit(c, "owl/0001");
	job->part = 1;
	assert_ptr_equal(batch_first(c->engine, "owl"), job);
}

static void test_state_of_all(void **state)
{
	static const struct {
		enum job_state a, b, all;
	} rows[] = {
		{ JOB_READY, JOB_READY, JOB_READY },
		{ JOB_READY, JOB_CANCELLED, JOB_CANCELLED },
		{ JOB_CANCELLED, JOB_FAILED, JOB_FAILED },
		{ JOB_FAILED, JOB_HELD, JOB_HELD },
		{ JOB_FAILED, JOB_DOWNLOADING, JOB_DOWNLOADING },
		{ JOB_PROCESSING, JOB_QUEUED, JOB_QUEUED },
		{ JOB_QUEUED, JOB_DRAFT, JOB_DRAFT },
	};
	struct core *c = *state;
	struct job *a = core_register(c, "fox/01"), *b = core_register(c, "fox/02");
	struct batch *batch = batch_new();

	assert_int_equal(batch_state(batch, c->engine, 3), JOB_DRAFT);
	assert_int_equal(batch_add(batch, a->number, 0), 0);
	assert_int_equal(batch_add(batch, b->number, 0), 0);
	assert_int_equal(batch_state(batch, c->engine, 3), JOB_DRAFT); /* none is of file 3 */
	assert_null(batch_job(batch, 0, c->engine, 3));
	a->set = b->set = 3;
	assert_ptr_equal(batch_job(batch, 1, c->engine, 3), b);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum job_state was[] = { a->state, b->state };

		a->state = rows[i].a;
		b->state = rows[i].b;
		assert_int_equal(batch_state(batch, c->engine, 3), rows[i].all);
		a->state = was[0];
		b->state = was[1];
	}
	batch_free(batch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_removed_and_added_again),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_ids),
		TEST(test_the_first_one),
		TEST(test_state_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
