/* images: pictures by their prediction's id, and what removing means. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"
#include "pimagefs/images.h"

static void test_by_prediction(void **state)
{
	struct core *c = *state;
	const struct images im = { c->engine, c->views, NULL };
	struct job *job = core_ready(c, "cats/tabby", "p1");
	struct node *node = images_by_other_name(&im, c->images, "p1.png"), *cats;

	assert_non_null(node);
	assert_ptr_equal(node->data, job);
	assert_int_equal(core_name(c->images, "p1.png"), 0); /* it is no name of the folder */
	assert_null(images_by_other_name(&im, c->images, "p2.png"));
	assert_null(images_by_other_name(&im, c->images, "p1"));
	assert_null(images_by_other_name(&im, c->images, ".png"));
	assert_null(images_by_other_name(&im, c->status, "p1.png"));
	assert_int_equal(tree_walk(c->images, "cats", false, 0, &cats), 0);
	assert_null(images_by_other_name(&im, cats, "p1.png")); /* only at the top */
}

static void test_unlink(void **state)
{
	struct core *c = *state;
	const struct images im = { c->engine, c->views, NULL };
	struct job *job = core_ready(c, "cats/tabby", "p1");
	struct node *cats;

	assert_int_equal(images_unlink(&im, c->images, "nobody.png"), -ENOENT);
	assert_int_equal(images_unlink(&im, c->images, "cats"), -EISDIR);
	assert_int_equal(images_rmdir(&im, c->images, "cats"), -ENOTEMPTY);
	assert_int_equal(tree_walk(c->images, "cats", false, 0, &cats), 0);
	assert_int_equal(images_unlink(&im, cats, "tabby.png"), 0);
	core_settle(c);
	assert_true(library_in_trash(job->picture_path));
	assert_int_equal(images_rmdir(&im, c->images, "cats"), 0);
	assert_int_equal(images_rmdir(&im, c->images, "cats"), -ENOENT);
}

static void test_unlink_of_a_pending_one_cancels(void **state)
{
	struct core *c = *state;
	const struct images im = { c->engine, c->views, NULL };
	struct job *job = core_processing(c, "fox", "p1");

	assert_int_equal(images_unlink(&im, c->images, "fox.png"), 0);
	core_assert_state(job, JOB_CANCELLED);
	core_wait_calls(c, FAKE_CANCEL, 1);
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_by_prediction),
		TEST(test_unlink),
		TEST(test_unlink_of_a_pending_one_cancels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
