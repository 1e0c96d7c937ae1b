/* tree: names and nodes, who keeps a node alive, and what a folder shows. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/tree.h"
#include "sim_world.h"

/* How many nodes went, and the last one's data. */
static struct {
	unsigned count;
	void *data;
} gone;

static void on_freed(struct node *node, void *data)
{
	assert_ptr_equal(data, &gone);
	gone.count++;
	gone.data = node->data;
}

static int setup(void **state)
{
	memset(&gone, 0, sizeof(gone));
	*state = tree_new(sim_world_any(), on_freed, &gone);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	tree_free(*state);
	return 0;
}

static struct node *make(struct tree *t, enum node_kind kind)
{
	struct node *node;

	assert_int_equal(tree_make(t, kind, AREA_REQUESTS, 0644, &node), 0);
	return node;
}

/* A node that only its name keeps. */
static struct node *add(struct node *folder, const char *name, enum node_kind kind)
{
	struct node *node = make(folder->tree, kind);

	assert_int_equal(tree_link(folder, name, node, true, NULL), 0);
	node_unpin(node);
	return node;
}

static void test_root(void **state)
{
	struct node *root = tree_root(*state);

	assert_int_equal(root->ino, TREE_ROOT_INO);
	assert_int_equal(root->kind, NODE_FOLDER);
	assert_ptr_equal(tree_node(*state, TREE_ROOT_INO), root);
	assert_null(root->home);
	assert_true(tree_is_empty(root));
	/* The kernel forgets the root at unmount, and may do so more often than it looked it up. */
	node_lookup(root);
	node_forget(root, 1000);
	assert_ptr_equal(tree_root(*state), root);
	assert_int_equal(gone.count, 0);
}

static void test_link_and_entry(void **state)
{
	struct node *root = tree_root(*state), *node = make(*state, NODE_REQUEST), *other;
	struct entry *entry;

	assert_null(tree_entry(root, "fox"));
	assert_int_equal(tree_link(root, "fox", node, true, &entry), 0);
	assert_ptr_equal(tree_entry(root, "fox"), entry);
	assert_ptr_equal(entry->node, node);
	assert_ptr_equal(entry->folder, root);
	assert_ptr_equal(node->home, entry);
	assert_false(tree_is_empty(root));
	assert_null(tree_entry(root, "Fox"));
	assert_null(tree_entry(node, "fox")); /* no folder */

	other = make(*state, NODE_REQUEST);
	assert_int_equal(tree_link(root, "fox", other, true, NULL), -EEXIST);
	assert_int_equal(other->links, 0);
	node_unpin(other);
	assert_int_equal(gone.count, 1);
	node_unpin(node);
	assert_int_equal(gone.count, 1); /* the name keeps it */
	tree_unlink(entry);
	assert_int_equal(gone.count, 2);
	assert_true(tree_is_empty(root));
	tree_unlink(NULL);
}

static void test_two_names(void **state)
{
	struct node *root = tree_root(*state), *node = make(*state, NODE_PICTURE);
	struct entry *first, *second;

	assert_int_equal(tree_link(root, "fox.png", node, false, &first), 0);
	assert_int_equal(tree_link(root, "fox.jpg", node, true, &second), 0);
	node_unpin(node);
	assert_int_equal(node->links, 2);
	assert_ptr_equal(node->home, first);
	tree_unlink(first);
	assert_null(node->home); /* the other name is not its home */
	assert_int_equal(node->links, 1);
	assert_int_equal(gone.count, 0);
	tree_unlink(second);
	assert_int_equal(gone.count, 1);
}

static void test_last_reference(void **state)
{
	struct node *root = tree_root(*state), *node = make(*state, NODE_REQUEST);
	uint64_t ino = node->ino;
	int mark;

	node->data = &mark;
	assert_int_equal(tree_link(root, "fox", node, true, NULL), 0);
	node_lookup(node);
	node_lookup(node);
	node_lookup(node);
	tree_unlink(tree_entry(root, "fox"));
	assert_ptr_equal(tree_node(*state, ino), node);
	node_forget(node, 2);
	node_unpin(node);
	assert_ptr_equal(tree_node(*state, ino), node);
	node_pin(node);
	node_forget(node, 1);
	assert_int_equal(gone.count, 0);
	node_unpin(node);
	assert_int_equal(gone.count, 1);
	assert_ptr_equal(gone.data, &mark);
	assert_null(tree_node(*state, ino));
	node_unpin(NULL);
}

static void test_forget_of_too_many(void **state)
{
	struct node *node = add(tree_root(*state), "fox", NODE_REQUEST);

	node_lookup(node);
	node_forget(node, UINT64_MAX);
	assert_int_equal(node->lookups, 0);
	assert_int_equal(gone.count, 0); /* its name is left */
}

static void test_numbers_are_never_used_again(void **state)
{
	struct node *root = tree_root(*state);
	uint64_t last = TREE_ROOT_INO;

	for (int i = 0; i < 100; i++) {
		struct node *node = add(root, "fox", NODE_REQUEST);

		assert_true(node->ino > last);
		last = node->ino;
		tree_unlink(tree_entry(root, "fox"));
		assert_null(tree_node(*state, last));
	}
	assert_int_equal(gone.count, 100);
}

static void test_removed_folder_outlives_its_entries(void **state)
{
	struct node *root = tree_root(*state), *cats = add(root, "cats", NODE_FOLDER);

	add(cats, "tabby", NODE_REQUEST);
	assert_int_equal(root->folders, 1);
	tree_unlink(tree_entry(root, "cats"));
	assert_int_equal(root->folders, 0);
	assert_int_equal(gone.count, 0);
	tree_unlink(tree_entry(cats, "tabby"));
	assert_int_equal(gone.count, 2);
}

static void test_rename(void **state)
{
	struct node *root = tree_root(*state), *cats = add(root, "cats", NODE_FOLDER);
	struct node *fox = add(root, "fox", NODE_REQUEST);
	struct entry *entry = tree_entry(root, "fox");

	add(root, "bear", NODE_REQUEST);
	assert_int_equal(tree_rename(&entry, root, "bear"), -EEXIST);
	assert_ptr_equal(entry, tree_entry(root, "fox"));
	assert_ptr_equal(fox->home, entry);

	entry->listed = false;
	assert_int_equal(tree_rename(&entry, cats, "bear"), 0);
	assert_null(tree_entry(root, "fox"));
	assert_ptr_equal(tree_entry(cats, "bear"), entry);
	assert_ptr_equal(entry->node, fox);
	assert_false(entry->listed);
	assert_ptr_equal(fox->home, entry);
	assert_int_equal(fox->links, 1);
	assert_int_equal(gone.count, 0);
}

static void test_rename_of_a_folder(void **state)
{
	struct node *root = tree_root(*state), *a = add(root, "a", NODE_FOLDER);
	struct node *b = add(root, "b", NODE_FOLDER);
	struct entry *entry = tree_entry(root, "a");

	add(a, "fox", NODE_REQUEST);
	assert_int_equal(root->folders, 2);
	assert_int_equal(tree_rename(&entry, b, "c"), 0);
	assert_int_equal(root->folders, 1);
	assert_int_equal(b->folders, 1);
	assert_non_null(tree_entry(a, "fox"));
	assert_true(tree_is_below(a, b));
	assert_true(tree_is_below(a, root));
	assert_true(tree_is_below(a, a));
	assert_false(tree_is_below(b, a));
	assert_int_equal(gone.count, 0);
}

static void test_rename_of_a_second_name(void **state)
{
	struct node *root = tree_root(*state), *node = make(*state, NODE_PICTURE);
	struct entry *home, *second;

	assert_int_equal(tree_link(root, "a", node, true, &home), 0);
	assert_int_equal(tree_link(root, "b", node, true, &second), 0);
	assert_int_equal(tree_rename(&second, root, "c"), 0);
	assert_ptr_equal(node->home, home);
	assert_int_equal(node->links, 2);
	node_unpin(node);
}

static void test_walk(void **state)
{
	struct node *root = tree_root(*state), *found = NULL, *again = NULL;

	assert_int_equal(tree_walk(root, "", false, 0, &found), 0);
	assert_ptr_equal(found, root);
	found = NULL;
	assert_int_equal(tree_walk(root, "a/b", false, 0, &found), -ENOENT);
	assert_null(found);
	assert_null(tree_entry(root, "a"));
	assert_int_equal(tree_walk(root, "a/b", true, 0750, &found), 0);
	assert_int_equal(found->mode, 0750);
	assert_int_equal(found->kind, NODE_FOLDER);
	assert_string_equal(found->home->name, "b");
	assert_int_equal(tree_walk(root, "a/b", true, 0700, &again), 0);
	assert_ptr_equal(again, found);
	assert_int_equal(found->mode, 0750);
	assert_int_equal(tree_walk(root, "a//b/", false, 0, &again), 0);
	assert_ptr_equal(again, found);

	add(found, "fox", NODE_REQUEST);
	assert_int_equal(tree_walk(root, "a/b/fox", false, 0, &again), -ENOTDIR);
	assert_int_equal(tree_walk(root, "a/b/fox/x", true, 0755, &again), -ENOTDIR);
}

static void assert_path(const struct node *node, const char *path)
{
	struct buf b = BUF_INIT;

	assert_int_equal(node_path(node, &b), 0);
	assert_string_equal(buf_text(&b), path);
	buf_release(&b);
}

static void test_paths(void **state)
{
	struct node *requests = add(tree_root(*state), "requests", NODE_FOLDER), *deep, *node;
	struct entry *entry;

	assert_path(tree_root(*state), "");
	assert_path(requests, "");
	assert_path(add(requests, "fox.txt", NODE_REQUEST), "fox.txt");
	assert_int_equal(tree_walk(requests, "cats/big", true, 0755, &deep), 0);
	assert_path(deep, "cats/big");
	node = add(deep, "tabby", NODE_REQUEST);
	assert_path(node, "cats/big/tabby");
	entry = tree_entry(requests, "cats");
	assert_int_equal(tree_rename(&entry, requests, "dogs"), 0);
	assert_path(node, "dogs/big/tabby");

	node_pin(node);
	tree_unlink(tree_entry(deep, "tabby"));
	assert_path(node, "");
	node_unpin(node);
}

static void assert_rows(const struct node *folder, const char *names)
{
	struct snapshot *s;
	struct buf b = BUF_INIT;

	assert_int_equal(tree_snapshot(folder, &s), 0);
	for (size_t i = 0; i < s->count; i++)
		assert_int_equal(buf_printf(&b, "%s ", s->names.data + s->rows[i].name), 0);
	assert_string_equal(buf_text(&b), names);
	buf_release(&b);
	snapshot_free(s);
}

static void test_snapshot(void **state)
{
	struct node *root = tree_root(*state), *cats = add(root, "cats", NODE_FOLDER), *node;
	struct snapshot *s;

	assert_rows(root, ". .. cats ");
	assert_rows(cats, ". .. ");
	node = add(cats, "b", NODE_REQUEST);
	add(cats, "a", NODE_REQUEST);
	assert_int_equal(tree_link(cats, "hidden", node, false, NULL), 0);
	assert_int_equal(tree_snapshot(cats, &s), 0);
	assert_int_equal(s->count, 4);
	assert_int_equal(s->rows[0].ino, cats->ino);
	assert_int_equal(s->rows[0].kind, NODE_FOLDER);
	assert_int_equal(s->rows[1].ino, root->ino);
	assert_int_equal(s->rows[2].ino, node->ino);
	assert_int_equal(s->rows[2].kind, NODE_REQUEST);

	/* What was opened stays what it was. */
	tree_unlink(tree_entry(cats, "a"));
	assert_int_equal(s->count, 4);
	assert_string_equal(s->names.data + s->rows[3].name, "a");
	snapshot_free(s);
	assert_rows(cats, ". .. b ");
	snapshot_free(NULL);
}

static void test_folder_of_hidden_names_is_empty(void **state)
{
	struct node *root = tree_root(*state), *node = make(*state, NODE_PICTURE);

	assert_int_equal(tree_link(root, "fox.png", node, false, NULL), 0);
	node_unpin(node);
	assert_true(tree_is_empty(root));
}

static void test_free_with_everything_referenced(void **state)
{
	struct tree *t = tree_new(sim_world_any(), on_freed, &gone);
	struct node *cats, *node;

	(void)state;
	cats = add(tree_root(t), "cats", NODE_FOLDER);
	node = add(cats, "tabby", NODE_REQUEST);
	assert_int_equal(tree_link(tree_root(t), "second", node, false, NULL), 0);
	node_lookup(node);
	node_lookup(cats);
	node_pin(cats);
	make(t, NODE_PICTURE);                         /* never named, pinned */
	tree_unlink(tree_entry(tree_root(t), "cats")); /* a name gone, a folder still there */
	gone.count = 0;
	tree_free(t);
	assert_int_equal(gone.count, 4); /* and the root */
	tree_free(NULL);
}

/* Make, link, walk and list with each allocation failing: nothing is half done. */
static int build(struct tree *t)
{
	struct node *root = tree_root(t), *node, *folder;
	struct snapshot *s;
	struct entry *entry;
	int r = tree_make(t, NODE_REQUEST, AREA_REQUESTS, 0644, &node);

	if (r < 0)
		return r;
	r = tree_link(root, "fox", node, true, &entry);
	node_unpin(node);
	if (r == 0)
		r = tree_walk(root, "a/b", true, 0755, &folder);
	if (r == 0) {
		r = tree_rename(&entry, folder, "bear");
		if (r < 0)
			assert_ptr_equal(tree_entry(root, "fox"), entry);
		else
			assert_null(tree_entry(root, "fox"));
	}
	if (r == 0)
		r = tree_snapshot(folder, &s);
	if (r == 0)
		snapshot_free(s);
	return r;
}

static void test_out_of_memory(void **state)
{
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		struct tree *t;
		int r = -ENOMEM;

		oom_fail_after(n);
		t = tree_new(sim_world_any(), on_freed, &gone);
		if (t)
			r = build(t);
		failed = oom_off();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		tree_free(t);
	}
}

/* What was told, as "+name", "~name", "-name". */
static void on_change(enum tree_change change, const struct entry *entry, void *data)
{
	static const char marks[] = {
		[TREE_APPEARED] = '+', [TREE_CHANGED] = '~', [TREE_GONE] = '-'
	};
	char *told = data, mark[2] = { marks[change] };

	strcat(strcat(told, mark), entry->name);
}

static void test_who_listens_hears_of_names(void **state)
{
	struct tree *t = *state;
	struct node *root = tree_root(t), *file;
	char told[100] = "", other[100] = "";
	struct entry *entry, *hidden;

	assert_int_equal(tree_listen(t, on_change, told), 0);
	assert_int_equal(tree_listen(t, on_change, other), 0);
	file = make(t, NODE_STATUS);
	assert_int_equal(tree_link(root, "a", file, true, &entry), 0);
	assert_string_equal(told, "+a");
	assert_int_equal(tree_link(root, "b", file, false, &hidden), 0); /* nobody sees that one */
	node_changed(file);
	assert_string_equal(told, "+a~a");
	tree_list(hidden, true);
	node_changed(file);
	assert_string_equal(told, "+a~a+b~a~b");
	tree_list(hidden, true); /* it is */
	tree_list(hidden, false);
	tree_unlink(hidden);
	assert_int_equal(tree_rename(&entry, root, "c"), 0);
	tree_unlink(entry);
	assert_string_equal(told, "+a~a+b~a~b-b+c-a-c");
	assert_string_equal(other, told);
	node_unpin(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_root, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_and_entry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_reference, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forget_of_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers_are_never_used_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removed_folder_outlives_its_entries, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_rename, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rename_of_a_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rename_of_a_second_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_listens_hears_of_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folder_of_hidden_names_is_empty, setup,
						teardown),
		cmocka_unit_test(test_free_with_everything_referenced),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
