/* inbox: folders, rename, unlink, as people, editors and copy tools use them; and a restart. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"
#include "pimagefs/reqfile.h"

static void assert_creates(struct core *c, unsigned n)
{
	core_settle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], n);
}

static int unlink_file(struct core *c, const char *name)
{
	return inbox_unlink(c->inbox, c->requests, name);
}

static struct node *folder(struct core *c, const char *name)
{
	struct node *node;

	assert_int_equal(inbox_mkdir(c->inbox, c->requests, name, 0755, &node), 0);
	return node;
}

static const char *text_of(struct core *c, const char *path)
{
	const struct reqfile *file = core_file(c, path)->data;

	return buf_text(&file->text);
}

/* --- names --- */

static void test_names_too_long(void **state)
{
	struct core *c = *state;
	struct node *node;
	char name[300];

	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	assert_int_equal(inbox_create(c->inbox, c->requests, name, 0644, &node), -ENAMETOOLONG);
	name[250] = '\0'; /* no room for .error.txt */
	assert_int_equal(inbox_create(c->inbox, c->requests, name, 0644, &node), -ENAMETOOLONG);
	name[245] = '\0';
	assert_int_equal(inbox_create(c->inbox, c->requests, name, 0644, &node), 0);
	assert_int_equal(inbox_create(c->inbox, c->requests, "a\nb", 0644, &node), -EINVAL);
	assert_int_equal(inbox_create(c->inbox, c->requests, "\xff", 0644, &node), -EINVAL);
	assert_int_equal(inbox_mkdir(c->inbox, c->requests, "a.png", 0755, &node), -EINVAL);
	assert_int_equal(inbox_mkdir(c->inbox, c->requests, "a\nb", 0755, &node), -EINVAL);
	assert_int_equal(core_rename(c, name, "\xff"), -EINVAL);
	name[245] = 'x';
	name[246] = '\0';
	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_int_equal(core_rename(c, "fox", name), -ENAMETOOLONG);
	core_find(c, "fox", JOB_CREATING);
}

static void test_paths_too_long(void **state)
{
	struct core *c = *state;
	struct node *node = c->requests;
	char name[200];
	int r, depth = 0;

	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	while ((r = inbox_mkdir(c->inbox, node, name, 0755, &node)) == 0)
		depth++;
	assert_int_equal(r, -ENAMETOOLONG);
	assert_int_equal(depth, 20);
	assert_int_equal(inbox_create(c->inbox, node, name, 0644, &node), -ENAMETOOLONG);
}

static void test_create_exists(void **state)
{
	struct core *c = *state;
	struct node *node;

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_int_equal(inbox_create(c->inbox, c->requests, "fox", 0644, &node), -EEXIST);
	assert_string_equal(text_of(c, "fox"), "a fox");
	folder(c, "cats");
	assert_int_equal(inbox_create(c->inbox, c->requests, "cats", 0644, &node), -EEXIST);
	assert_int_equal(inbox_mkdir(c->inbox, c->requests, "fox", 0755, &node), -EEXIST);
	core_restart(c);
	assert_int_equal(core_file(c, "fox")->kind, NODE_REQUEST);
}

static void test_two_endings_one_id(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "a fox", "fox.txt"), 0);
	assert_int_equal(core_echo(c, "{\"prompt\": \"a vixen\"}", "fox.json"), 0);
	assert_creates(c, 2);
	assert_string_equal(engine_find(c->engine, "fox")->prompt, "a vixen");
	assert_int_equal(unlink_file(c, "fox.txt"), 0); /* the other one's picture stays */
	assert_string_equal(engine_find(c->engine, "fox")->prompt, "a vixen");
	assert_true(job_pending(engine_find(c->engine, "fox")));
}

/* --- unlink --- */

static void test_unlink_cancels(void **state)
{
	struct core *c = *state;
	struct job *job;

	assert_int_equal(unlink_file(c, "fox"), -ENOENT);
	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p1");
	core_wait_calls(c, FAKE_POLL, 1);
	assert_int_equal(unlink_file(c, "fox"), 0);
	core_find(c, "fox", JOB_CANCELLED);
	core_wait_calls(c, FAKE_CANCEL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_CANCEL), "p1");
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	core_restart(c);
	assert_int_equal(core_name(c->requests, "fox"), 0);
	core_assert_idle(c);

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p2");
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/x.png");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
	assert_int_equal(unlink_file(c, "fox"), 0); /* only the request's file */
	job = core_find(c, "fox", JOB_READY);
	assert_int_equal(core_name(c->images, "fox.png"), 2);
	assert_int_equal(library_size(c->library, job->picture_path), c->png.size);
}

static void test_unlink_of_drafts(void **state)
{
	struct core *c = *state;

	core_create(c, "empty");
	assert_int_equal(core_name(c->status, "empty.json"), 2);
	assert_int_equal(unlink_file(c, "empty"), 0);
	assert_null(engine_find(c->engine, "empty"));
	assert_int_equal(core_name(c->status, "empty.json"), 0);
	assert_int_equal(core_echo(c, "\xff", "bad"), -EILSEQ);
	assert_int_equal(unlink_file(c, "bad"), 0);
	assert_null(engine_find(c->engine, "bad"));
	assert_int_equal(core_name(c->images, "bad.error.txt"), 0);
	assert_int_equal(core_stored(c, -1), 0);
	core_restart(c);
	assert_int_equal(core_stored(c, -1), 0);
	assert_true(tree_is_empty(c->requests));
}

static void test_unlink_between_flush_and_release(void **state)
{
	struct core *c = *state;
	struct node *node = core_create(c, "fox");

	node_pin(node);
	inbox_open_writer(c->inbox, node);
	assert_int_equal(core_write(c, node, "a fox"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	ledger_sync(c->ledger);
	assert_int_equal(unlink_file(c, "fox"), 0);
	core_find(c, "fox", JOB_CANCELLED);
	inbox_release_writer(c->inbox, node);
	node_unpin(node);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	core_restart(c);
	core_find(c, "fox", JOB_CANCELLED);
	core_assert_idle(c);
}

/* --- folders --- */

static void test_folders(void **state)
{
	struct core *c = *state;
	struct node *cats = folder(c, "cats"), *node;

	assert_int_equal(inbox_mkdir(c->inbox, c->requests, "cats", 0755, &node), -EEXIST);
	assert_int_equal(core_echo(c, "a tabby", "cats/tabby.txt"), 0);
	core_find(c, "cats/tabby", JOB_CREATING);
	assert_int_equal(core_name(c->images, "cats/tabby.png"), 2);
	assert_int_equal(core_name(c->status, "cats/tabby.json"), 2);
	assert_int_equal(inbox_rmdir(c->inbox, c->requests, "cats"), -ENOTEMPTY);
	assert_int_equal(inbox_rmdir(c->inbox, cats, "tabby.txt"), -ENOTDIR);
	assert_int_equal(unlink_file(c, "cats"), -EISDIR);
	assert_int_equal(inbox_rmdir(c->inbox, c->requests, "dogs"), -ENOENT);
	cats->mode = 0700;
	cats->mtime_ns = 42;
	assert_int_equal(inbox_touched(c->inbox, cats), 0);
	core_restart(c);
	cats = core_file(c, "cats");
	assert_int_equal(cats->kind, NODE_FOLDER);
	assert_int_equal(cats->mode, 0700);
	assert_string_equal(text_of(c, "cats/tabby.txt"), "a tabby");
	assert_int_equal(inbox_unlink(c->inbox, cats, "tabby.txt"), 0);
	assert_int_equal(inbox_rmdir(c->inbox, c->requests, "cats"), 0);
	core_restart(c);
	assert_int_equal(core_name(c->requests, "cats"), 0);
}

static void test_rename_of_a_folder(void **state)
{
	struct core *c = *state;

	folder(c, "a");
	folder(c, "z");
	assert_int_equal(inbox_mkdir(c->inbox, core_file(c, "a"), "b", 0755, &(struct node *){ 0 }),
			 0);
	assert_int_equal(core_echo(c, "a fox", "a/b/fox"), 0);
	assert_int_equal(core_echo(c, "a bear", "a/bear"), 0);
	assert_creates(c, 2);
	assert_int_equal(core_rename(c, "a", "a/b/c"), -EINVAL);
	assert_int_equal(core_rename(c, "a", "z.png"), -EINVAL);
	assert_int_equal(core_rename(c, "a", "z/y"), 0);
	assert_null(engine_find(c->engine, "a/b/fox"));
	core_find(c, "z/y/b/fox", JOB_CREATING);
	core_find(c, "z/y/bear", JOB_CREATING);
	assert_int_equal(core_name(c->images, "z/y/b/fox.png"), 2);
	assert_int_equal(core_name(c->images, "a/bear.png"), 0);
	assert_creates(c, 2);
	fake_accept(&c->api, "p1");
	fake_accept(&c->api, "p2");
	core_restart(c);
	assert_int_equal(core_name(c->requests, "a"), 0);
	assert_string_equal(text_of(c, "z/y/b/fox"), "a fox");
	core_find(c, "z/y/b/fox", JOB_PROCESSING);
	core_find(c, "z/y/bear", JOB_PROCESSING);
	assert_creates(c, 0);
}

static void test_rename_over_a_folder(void **state)
{
	struct core *c = *state;

	folder(c, "a");
	folder(c, "empty");
	folder(c, "full");
	assert_int_equal(core_echo(c, "a fox", "full/fox"), 0);
	assert_int_equal(core_rename(c, "a", "full"), -ENOTEMPTY);
	assert_int_equal(core_rename(c, "full/fox", "empty"), -EISDIR);
	assert_int_equal(core_rename(c, "empty", "full/fox"), -ENOTDIR);
	assert_int_equal(core_rename(c, "full", "empty"), 0);
	core_find(c, "empty/fox", JOB_CREATING);
	assert_int_equal(core_name(c->requests, "full"), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p1");
	core_restart(c);
	assert_string_equal(text_of(c, "empty/fox"), "a fox");
	assert_int_equal(core_name(c->requests, "full"), 0);
}

/* --- rename of files --- */

static void test_rename_takes_the_id_along(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_rename(c, "fox", "bear"), -ENOENT);
	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_creates(c, 1);
	assert_int_equal(core_rename(c, "fox", "fox"), 0);
	assert_int_equal(core_rename(c, "fox", "bear.txt"), 0);
	assert_null(engine_find(c->engine, "fox"));
	core_find(c, "bear", JOB_CREATING);
	assert_int_equal(core_name(c->images, "bear.png"), 2);
	assert_int_equal(core_name(c->images, "fox.png"), 0);
	assert_creates(c, 1);
	fake_accept(&c->api, "p1");
	core_restart(c);
	assert_string_equal(core_find(c, "bear", JOB_PROCESSING)->prediction_id, "p1");
	assert_string_equal(text_of(c, "bear.txt"), "a fox");
}

static void test_flags(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_int_equal(core_echo(c, "a bear", "bear"), 0);
	assert_int_equal(inbox_rename(c->inbox, c->requests, "fox", c->requests, "bear",
				      RENAME_NOREPLACE),
			 -EEXIST);
	assert_int_equal(inbox_rename(c->inbox, c->requests, "fox", c->requests, "bear",
				      RENAME_EXCHANGE),
			 -EINVAL);
	assert_string_equal(text_of(c, "bear"), "a bear");
	assert_int_equal(inbox_rename(c->inbox, c->requests, "fox", c->requests, "wolf",
				      RENAME_NOREPLACE),
			 0);
	core_find(c, "wolf", JOB_CREATING);
}

static void test_rename_over_a_request(void **state)
{
	struct core *c = *state;
	struct job *bear;

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_int_equal(core_echo(c, "a bear", "bear"), 0);
	assert_creates(c, 2);
	bear = engine_find(c->engine, "bear");
	assert_int_equal(core_rename(c, "fox", "bear"), 0);
	assert_string_equal(text_of(c, "bear"), "a fox");
	assert_string_equal(engine_find(c->engine, "bear")->prompt, "a fox");
	assert_null(engine_find(c->engine, "fox"));
	assert_false(bear->current);
	core_assert_state(bear, JOB_CREATING); /* what was asked for goes on, by prediction id */
	assert_creates(c, 2);
}

static void test_draft_gets_its_name(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "a fox", ".goutputstream-ABC"), 0);
	assert_creates(c, 0);
	assert_int_equal(core_rename(c, ".goutputstream-ABC", "fox.txt"), 0);
	assert_creates(c, 1);
	core_find(c, "fox", JOB_CREATING);
	assert_int_equal(core_name(c->status, ".goutputstream-ABC.json"), 0);
	core_assert_state(engine_find(c->engine, "fox"), JOB_CREATING);
	assert_int_equal(core_rename(c, "fox.txt", "fox.txt~"), 0); /* a backup */
	assert_creates(c, 1);
	core_find(c, "fox", JOB_CREATING);
}

static void test_draft_that_is_no_request(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "{red, blue}", "new.part"), 0);
	assert_int_equal(core_rename(c, "new.part", "fox.json"), -EINVAL);
	assert_string_equal(text_of(c, "new.part"), "{red, blue}"); /* it keeps its name */
	assert_int_equal(core_name(c->requests, "fox.json"), 0);
	core_assert_error(core_find(c, "fox", JOB_INVALID), ERROR_INVALID);
	assert_int_equal(core_echo(c, "caf\xe9", ".x"), 0);
	assert_int_equal(core_rename(c, ".x", "cafe"), -EILSEQ);
	core_assert_idle(c);
	assert_int_equal(core_rename(c, "new.part", "fox.txt"),
			 0); /* as a plain prompt it is one of two */
	assert_creates(c, 2);
}

static void test_refused_renames_stay_few(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "{\"prompt\": 1}", "new.part"), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(core_rename(c, "new.part", "fox.json"), -EINVAL);
	core_restart(c);
	assert_int_equal(core_stored(c, JOB_INVALID), 1);
}

static void test_draft_over_a_full_queue(void **state)
{
	struct core *c = *state;

	c->settings->limits.queue = 1;
	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_int_equal(core_echo(c, "a bear", ".bear"), 0);
	assert_int_equal(core_rename(c, ".bear", "bear"), -ENOSPC);
	assert_string_equal(text_of(c, ".bear"), "a bear");
	assert_creates(c, 1);
}

/* vim: the old file becomes fox~, a new fox is written, fox~ is removed. */
static void test_vim(void **state)
{
	struct core *c = *state;
	struct job *old;

	assert_int_equal(core_echo(c, "a fox\n", "fox"), 0);
	assert_creates(c, 1);
	old = engine_find(c->engine, "fox");
	core_create(c, "4913");
	assert_int_equal(unlink_file(c, "4913"), 0);
	assert_int_equal(core_rename(c, "fox", "fox~"), 0);
	assert_int_equal(core_echo(c, "a red fox\n", "fox"), 0);
	assert_int_equal(unlink_file(c, "fox~"), 0);
	assert_creates(c, 2);
	assert_string_equal(engine_find(c->engine, "fox")->prompt, "a red fox");
	core_assert_state(old, JOB_CREATING);
	assert_true(tree_entry(c->requests, "fox") && !tree_entry(c->requests, "fox~"));
}

/* sed -i: a new file beside it, renamed over it. */
static void test_sed(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "a fox\n", "fox"), 0);
	assert_int_equal(core_echo(c, "a bear\n", ".sedAbC123"), 0);
	assert_int_equal(core_rename(c, ".sedAbC123", "fox"), 0);
	assert_creates(c, 2);
	assert_string_equal(engine_find(c->engine, "fox")->prompt, "a bear");
	assert_string_equal(text_of(c, "fox"), "a bear\n");
}

static void test_renamed_while_it_is_written(void **state)
{
	struct core *c = *state;
	struct node *node = core_create(c, "fox");

	node_pin(node);
	inbox_open_writer(c->inbox, node);
	assert_int_equal(core_write(c, node, "a fox"), 0);
	assert_int_equal(core_rename(c, "fox", "bear"), 0);
	assert_int_equal(core_write(c, node, " in snow"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	assert_null(engine_find(c->engine, "fox"));
	core_find(c, "bear", JOB_DRAFT);
	assert_creates(c, 0);
	assert_int_equal(core_rename(c, "bear", "wolf"), 0); /* registered, not yet released */
	core_find(c, "wolf", JOB_DRAFT);
	assert_null(engine_find(c->engine, "bear"));
	inbox_release_writer(c->inbox, node);
	node_unpin(node);
	assert_creates(c, 1);
	assert_string_equal(core_find(c, "wolf", JOB_CREATING)->prompt, "a fox in snow");
}

static void test_renamed_to_a_draft_name_while_it_is_written(void **state)
{
	struct core *c = *state;
	struct node *node = core_create(c, "fox");

	node_pin(node);
	inbox_open_writer(c->inbox, node);
	assert_int_equal(core_write(c, node, "a fox"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	assert_int_equal(core_rename(c, "fox", "fox.part"), 0);
	inbox_release_writer(c->inbox, node);
	node_unpin(node);
	assert_creates(c, 0); /* drafts never cost money */
	assert_int_equal(core_rename(c, "fox.part", "bear"), 0);
	assert_creates(c, 1);
	core_find(c, "bear", JOB_CREATING);
	assert_int_equal(core_stored(c, -1), 1);
}

/* --- a restart --- */

static void test_files_come_back(void **state)
{
	struct core *c = *state;
	struct node *node;

	assert_int_equal(core_echo(c, "a fox\n", "fox.txt"), 0);
	assert_creates(c, 1);
	fake_accept(&c->api, "p1");
	assert_int_equal(core_echo(c, "draft \xff", ".draft"), 0);
	node = core_create(c, "empty");
	node->mode = 0640;
	core_settle(c);
	core_crash(c);
	assert_string_equal(text_of(c, "fox.txt"), "a fox\n");
	assert_string_equal(text_of(c, ".draft"), "draft \xff");
	assert_int_equal(core_file(c, "empty")->mode, 0640);
	core_find(c, "empty", JOB_DRAFT);
	core_find(c, "fox", JOB_PROCESSING);
	assert_creates(c, 0);
	assert_int_equal(core_rename(c, "fox.txt", "bear.txt"), 0); /* still tied to its job */
	core_find(c, "bear", JOB_PROCESSING);
	assert_int_equal(core_echo(c, "ok", ".draft"), 0);
	assert_int_equal(core_rename(c, ".draft", "new"), 0);
	assert_creates(c, 1);
}

static void test_flushed_but_never_released(void **state)
{
	struct core *c = *state;
	struct node *node = core_create(c, "fox");
	struct job *job;

	inbox_open_writer(c->inbox, node);
	assert_int_equal(core_write(c, node, "a fox"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	ledger_sync(c->ledger);
	core_crash(c);
	job = core_find(c, "fox", JOB_HELD);
	core_assert_error(job, ERROR_INTERRUPTED);
	assert_string_equal(text_of(c, "fox"), "a fox");
	core_assert_idle(c);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p1");
	assert_int_equal(core_patch(c, "a fox", "fox", 0), 0); /* the same bytes: it was sent */
	assert_creates(c, 1);
}

/* Each file has a job of its own, also when numbers that were never stored are given again. */
static void test_no_two_files_share_a_job(void **state)
{
	struct core *c = *state;

	core_create(c, ".first");
	assert_int_equal(core_rename(c, ".first", "first"), 0);
	core_create(c, "second");
	core_create(c, "third");
	core_restart(c);
	assert_int_equal(core_echo(c, "a fox", "first"), 0);
	core_restart(c);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "first", "second", "third" };
		const struct reqfile *file = core_file(c, names[i])->data;

		assert_non_null(file->job);
		assert_string_equal(file->job->id, names[i]);
	}
	assert_int_equal(unlink_file(c, "second"), 0);
	assert_int_equal(unlink_file(c, "first"), 0);
	assert_int_equal(core_echo(c, "a bear", "third"), 0);
	core_settle(c);
	core_find(c, "third", JOB_CREATING);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names_too_long),
		TEST(test_paths_too_long),
		TEST(test_create_exists),
		TEST(test_two_endings_one_id),
		TEST(test_unlink_cancels),
		TEST(test_unlink_of_drafts),
		TEST(test_unlink_between_flush_and_release),
		TEST(test_folders),
		TEST(test_rename_of_a_folder),
		TEST(test_rename_over_a_folder),
		TEST(test_rename_takes_the_id_along),
		TEST(test_flags),
		TEST(test_rename_over_a_request),
		TEST(test_draft_gets_its_name),
		TEST(test_draft_that_is_no_request),
		TEST(test_refused_renames_stay_few),
		TEST(test_draft_over_a_full_queue),
		TEST(test_vim),
		TEST(test_sed),
		TEST(test_renamed_while_it_is_written),
		TEST(test_renamed_to_a_draft_name_while_it_is_written),
		TEST(test_files_come_back),
		TEST(test_flushed_but_never_released),
		TEST(test_no_two_files_share_a_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
