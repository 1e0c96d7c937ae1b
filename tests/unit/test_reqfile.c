/* reqfile: what of a file of requests/ is in its row, and what of it goes with its memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/reqfile.h"
#include "sim_world.h"
#include "store_place.h"

static int look_at(const struct store_file *row, void *data)
{
	const struct reqfile *file = data;

	assert_int_equal(row->number, 9);
	assert_string_equal(row->path, "cats/tabby");
	assert_int_equal(row->mode, 0640);
	assert_int_equal(row->mtime_ns, 1234567890123456789);
	assert_int_equal(row->size, 5);
	assert_memory_equal(row->text, "a cat", 5);
	assert_int_equal(row->job, file->job ? file->job->number : 0);
	assert_int_equal(row->unsent, file->unsent);
	assert_int_equal(row->unconfirmed, file->unconfirmed);
	assert_int_equal(row->xattrs_size, file->xattrs.blob.size);
	return 1;
}

static void its_row_says_all_of_it(void **state)
{
	struct place *p = *state;
	struct tree *t = tree_new(sim_world_any(), NULL, NULL);
	struct node *requests, *cats, *node;
	struct reqfile *file;

	assert_int_equal(tree_make(t, NODE_FOLDER, AREA_REQUESTS, 0755, &requests), 0);
	assert_int_equal(tree_link(tree_root(t), "requests", requests, true, NULL), 0);
	assert_int_equal(tree_make(t, NODE_FOLDER, AREA_REQUESTS, 0755, &cats), 0);
	assert_int_equal(tree_link(requests, "cats", cats, true, NULL), 0);
	assert_int_equal(tree_make(t, NODE_REQUEST, AREA_REQUESTS, 0640, &node), 0);
	assert_int_equal(tree_link(cats, "tabby", node, true, NULL), 0);
	node->mtime_ns = 1234567890123456789;
	file = reqfile_new(9, node);
	assert_non_null(file);
	assert_int_equal(buf_puts(&file->text, "a cat"), 0);
	tree_hold(t, 0, 5);
	DO(p, file->item.write(p->s, &file->item));
	assert_int_equal(store_each_file(p->s, look_at, file), 1);
	file->job = new_job(77, "cats/tabby");
	file->unsent = file->unconfirmed = true;
	assert_int_equal(xattrs_set(&file->xattrs, "user.a", "b", 1, 0), 0);
	DO(p, file->item.write(p->s, &file->item));
	assert_int_equal(store_each_file(p->s, look_at, file), 1);
	job_free(file->job);
	reqfile_free(file);
	assert_int_equal(tree_held(t), 0);
	node_unpin(node);
	node_unpin(cats);
	node_unpin(requests);
	tree_free(t);
}

static void without_memory(void **state)
{
	(void)state;
	oom_fail_once(0);
	assert_null(reqfile_new(1, NULL));
	assert_int_equal(oom_off(), 1);
	reqfile_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(its_row_says_all_of_it, place_make, place_drop),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
