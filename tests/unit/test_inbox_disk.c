/* inbox: what answered an error is not done, and what answered success is on disk, while the
 * state's disk fails and recovers, and over a kill -9. */
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
#include "pimagefs/ctl.h"
#include "pimagefs/images.h"
#include "pimagefs/reqfile.h"

static int make(void **state)
{
	int r = core_make(state);

	writes_watch(EIO);
	writes_left = -1;
	return r;
}

static int drop(void **state)
{
	writes_unwatch();
	return core_drop(state);
}

static void disk_fails(void)
{
	writes_left = 0;
}

static void disk_works(void)
{
	writes_left = -1;
}

static void assert_creates(struct core *c, unsigned n)
{
	core_pass(c, 10000);
	core_settle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], n);
}

/* As the mount does it: FLUSH, its commit, and what that says. */
static int flush(struct core *c, struct node *node)
{
	int r = inbox_flush(c->inbox, node);

	if (r == 0 && (r = ledger_sync(c->ledger)) < 0)
		inbox_flush_failed(c->inbox, node, r);
	return r;
}

static struct node *written(struct core *c, const char *name, const char *text)
{
	struct node *node = core_create(c, name);

	node_pin(node);
	inbox_open_writer(c->inbox, node);
	assert_int_equal(core_write(c, node, text), 0);
	return node;
}

static void release(struct core *c, struct node *node)
{
	inbox_release_writer(c->inbox, node);
	node_unpin(node);
}

/* As written to control/ctl. */
static int command(struct core *c, const char *text)
{
	struct ctl *ctl;
	int r;

	assert_int_equal(ctl_new(&ctl, &(struct ctl_ground){ .engine = c->engine,
							     .inbox = c->inbox,
							     .mountpoint = "/mnt" }),
			 0);
	r = ctl_run(ctl, 1, text, strlen(text));
	ctl_free(ctl);
	return r;
}

/* --- FLUSH --- */

static void test_a_failed_flush_submits_nothing(void **state)
{
	struct core *c = *state;
	struct node *node = written(c, "fox", "a fox");

	disk_fails();
	assert_int_equal(flush(c, node), -EIO);
	release(c, node);
	disk_works();
	assert_creates(c, 0);
	core_find(c, "fox", JOB_INVALID); /* status/ says why */
	assert_int_equal(inbox_touched(c->inbox, core_file(c, "fox")), 0);
	assert_int_equal(core_rename(c, "fox", "bear"), 0);
	assert_creates(c, 0);
	core_restart(c);
	assert_creates(c, 0);
	assert_int_equal(core_echo(c, "a fox", "bear"), 0); /* but writing it does */
	assert_creates(c, 1);
}

static void test_a_later_flush_clears_it(void **state)
{
	struct core *c = *state;
	struct node *node = written(c, "fox", "a fox");

	disk_fails();
	assert_int_equal(flush(c, node), -EIO);
	disk_works();
	assert_int_equal(flush(c, node), 0);
	release(c, node);
	assert_creates(c, 1);
}

/* There is room in the queue by the release, but the close has been refused. */
static void test_a_refused_set_is_not_sent_by_the_release(void **state)
{
	struct core *c = *state;
	struct node *node;

	c->settings->limits.queue = 3;
	assert_int_equal(command(c, "pause"), 0);
	assert_int_equal(core_echo(c, "an owl", "owl"), 0);
	node = written(c, "fox", "a {red, blue, old} fox");
	assert_int_equal(flush(c, node), -ENOSPC);
	assert_int_equal(command(c, "cancel owl"), 0);
	release(c, node);
	assert_int_equal(command(c, "resume"), 0);
	assert_creates(c, 0);
	assert_non_null(strstr(core_find(c, "fox", JOB_INVALID)->error->message, "limits.queue"));
}

/* What an earlier FLUSH of the same file has registered takes no room from it. */
static void test_a_set_that_is_flushed_twice(void **state)
{
	struct core *c = *state;
	struct node *node;

	c->settings->limits.queue = 3;
	node = written(c, "fox.prompts", "a fox\nan owl\n");
	assert_int_equal(flush(c, node), 0);
	assert_int_equal(inbox_write(c->inbox, node, "a bear\n", 7, 13), 0);
	assert_int_equal(flush(c, node), 0);
	release(c, node);
	assert_creates(c, 3);
}

/* --- kill -9 before any FLUSH --- */

static void test_unconfirmed_text_is_a_draft(void **state)
{
	struct core *c = *state;
	struct node *node = written(c, "fox", "half a pro");

	(void)node;
	core_pass(c, 100); /* its row is written with the next commit */
	core_crash(c);
	assert_creates(c, 0);
	assert_int_equal(inbox_touched(c->inbox, core_file(c, "fox")), 0);
	assert_int_equal(core_rename(c, "fox", "bear"), 0);
	core_restart(c); /* it stays one */
	assert_int_equal(core_rename(c, "bear", "fox"), 0);
	assert_creates(c, 0);
	assert_int_equal(core_patch(c, "mpt", "fox", 10), 0);
	assert_creates(c, 1);
	assert_non_null(strstr(fake_text(&c->api, FAKE_CREATE), "half a prompt"));
}

static void test_a_closed_draft_is_submitted_by_its_name(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "a fox", ".fox.tmp"), 0);
	core_crash(c);
	assert_int_equal(core_rename(c, ".fox.tmp", "fox"), 0);
	assert_creates(c, 1);
}

static void test_a_cut_draft_stays_one(void **state)
{
	struct core *c = *state;
	struct node *node = written(c, ".fox.tmp", "half a pro");

	assert_int_equal(flush(c, node), 0); /* of a copy of the descriptor: cp goes on writing */
	assert_int_equal(inbox_write(c->inbox, node, "x", 1, c->settings->limits.max_request_bytes),
			 -EFBIG);
	assert_int_equal(flush(c, node), -EFBIG);
	release(c, node);
	core_restart(c);
	assert_int_equal(core_rename(c, ".fox.tmp", "fox"), 0);
	assert_creates(c, 0);
}

/* --- rename --- */

static void test_a_failed_rename_leaves_everything(void **state)
{
	struct core *c = *state;
	struct job *old;

	assert_int_equal(core_echo(c, "an old fox", "fox"), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p1");
	old = engine_find(c->engine, "fox");
	assert_int_equal(core_echo(c, "a new fox", ".fox.tmp"), 0);
	core_settle(c);
	disk_fails();
	assert_int_equal(core_rename(c, ".fox.tmp", "fox"), -EIO);
	disk_works();
	assert_creates(c, 1);
	assert_ptr_equal(engine_find(c->engine, "fox"), old);
	core_assert_state(old, JOB_PROCESSING);
	assert_string_equal(buf_text(&((struct reqfile *)core_file(c, "fox")->data)->text),
			    "an old fox");
	core_file(c, ".fox.tmp");
	core_restart(c);
	core_find(c, "fox", JOB_PROCESSING);
	assert_int_equal(core_rename(c, ".fox.tmp", "fox"), 0);
	assert_creates(c, 1);
	assert_non_null(strstr(fake_text(&c->api, FAKE_CREATE), "a new fox"));
}

static void test_a_failed_rename_takes_no_id_along(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p1");
	core_settle(c);
	disk_fails();
	assert_int_equal(core_rename(c, "fox", "bear"), -EIO);
	assert_null(engine_find(c->engine, "bear"));
	core_find(c, "fox", JOB_PROCESSING);
	assert_int_equal(core_name(c->images, "fox.png"), 2);
	assert_int_equal(core_name(c->images, "bear.png"), 0);
	disk_works();
	core_settle(c);
	core_crash(c);
	core_find(c, "fox", JOB_PROCESSING);
}

static void test_a_failed_rename_of_a_folder_leaves_both(void **state)
{
	struct core *c = *state;
	struct node *from, *to;

	assert_int_equal(inbox_mkdir(c->inbox, c->requests, "cats", 0755, &from), 0);
	assert_int_equal(inbox_mkdir(c->inbox, c->requests, "dogs", 0700, &to), 0);
	assert_int_equal(core_echo(c, "a cat", "cats/tom"), 0);
	core_settle(c);
	disk_fails();
	assert_int_equal(core_rename(c, "cats", "dogs"), -EIO);
	disk_works();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(core_file(c, "dogs")->mode, 0700);
		core_file(c, "cats/tom");
		assert_non_null(engine_find(c->engine, "cats/tom"));
		assert_null(engine_find(c->engine, "dogs/tom"));
		core_restart(c);
	}
}

/* Whichever write of it fails: the second time it has a picture of an earlier text. */
static void test_a_failed_rename_of_a_drafts_folder_sends_nothing(void **state)
{
	struct core *c = *state;
	struct node *folder;

	assert_int_equal(inbox_mkdir(c->inbox, c->requests, ".cats", 0755, &folder), 0);
	for (unsigned times = 1; times <= 2; times++) {
		int r = -EIO;

		assert_int_equal(core_echo(c, times == 1 ? "a cat" : "{a, the} cat", ".cats/tom"),
				 0);
		for (int n = 0; r < 0; n++) {
			struct job *before = engine_find(c->engine, "cats/tom");

			writes_left = n;
			r = core_rename(c, ".cats", "cats");
			disk_works();
			if (r == 0)
				break;
			assert_creates(c, times - 1);
			assert_ptr_equal(engine_find(c->engine, "cats/tom"), before);
			core_file(c, ".cats/tom");
		}
		core_crash(c);            /* at once */
		assert_creates(c, times); /* since the crash */
		assert_int_equal(core_rename(c, "cats", ".cats"), 0);
	}
}

static void test_what_was_renamed_survives(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "a fox", ".fox.tmp"), 0);
	assert_int_equal(core_rename(c, ".fox.tmp", "fox"), 0);
	core_crash(c); /* at once */
	assert_non_null(engine_find(c->engine, "fox"));
	assert_creates(c, 1);
}

static void test_a_failed_mkdir_makes_nothing(void **state)
{
	struct core *c = *state;
	struct node *node;

	disk_fails();
	assert_int_equal(inbox_mkdir(c->inbox, c->requests, "cats", 0755, &node), -EIO);
	assert_null(tree_entry(c->requests, "cats"));
	disk_works();
	core_restart(c);
	assert_null(tree_entry(c->requests, "cats"));
}

/* --- unlink --- */

static void test_a_failed_unlink_cancels_nothing(void **state)
{
	struct core *c = *state;

	assert_int_equal(engine_pause(c->engine, true), 0);
	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	core_settle(c);
	disk_fails();
	assert_int_equal(inbox_unlink(c->inbox, c->requests, "fox"), -EIO);
	core_find(c, "fox", JOB_QUEUED);
	core_file(c, "fox");
	disk_works();
	core_settle(c);
	core_crash(c);
	core_find(c, "fox", JOB_QUEUED);
	core_file(c, "fox");
}

static void test_what_was_cancelled_by_rm_stays_so(void **state)
{
	struct core *c = *state;

	assert_int_equal(engine_pause(c->engine, true), 0);
	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	core_settle(c);
	assert_int_equal(inbox_unlink(c->inbox, c->requests, "fox"), 0);
	core_crash(c); /* at once */
	assert_null(tree_entry(c->requests, "fox"));
	assert_int_equal(engine_pause(c->engine, false), 0);
	assert_creates(c, 0);
}

static void test_rm_of_finished_ones_costs_no_commits(void **state)
{
	struct core *c = *state;
	char name[16];
	uint64_t before;

	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "fox%d", i);
		assert_int_equal(core_echo(c, "a fox", name), 0);
		core_wait_calls(c, FAKE_CREATE, 1);
		fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	}
	core_settle(c);
	before = ledger_commits(c->ledger);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "fox%d", i);
		assert_int_equal(inbox_unlink(c->inbox, c->requests, name), 0);
		sim_world_idle(&c->sim); /* each is a turn of the loop */
	}
	core_settle(c);
	assert_true(ledger_commits(c->ledger) - before <= 2);
}

/* --- ctl, and removing from images/ --- */

static void test_ctl_is_stored_before_it_is_answered(void **state)
{
	struct core *c = *state;

	assert_int_equal(command(c, "pause"), 0);
	core_crash(c); /* at once */
	assert_true(core_stats(c).gate.paused);
	core_settle(c);
	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	core_settle(c);
	disk_fails();
	assert_int_equal(command(c, "cancel all"), -EIO);
	core_find(c, "fox", JOB_QUEUED);
	disk_works();
}

/* Whichever write of it fails. */
static void test_a_failed_retry_buys_nothing(void **state)
{
	struct core *c = *state;
	int r = -EIO;

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_int_equal(command(c, "cancel fox"), 0);
	for (int n = 0; r < 0; n++) {
		writes_left = n;
		r = command(c, "retry fox");
		disk_works();
		if (r < 0)
			assert_creates(c, 0);
	}
	assert_creates(c, 1);
}

static void test_a_failed_again_buys_nothing(void **state)
{
	struct core *c = *state;
	int r = -EIO;

	assert_int_equal(core_echo(c, "a {red, blue} fox", "fox"), 0);
	assert_int_equal(command(c, "cancel fox"), 0);
	for (int n = 0; r < 0; n++) {
		writes_left = n;
		r = command(c, "again fox");
		disk_works();
		if (r < 0)
			assert_creates(c, 0);
	}
	assert_creates(c, 2);
}

static void test_a_failed_lift_lifts_nothing(void **state)
{
	struct core *c = *state;
	int r = -EIO;

	c->settings->limits.daily_images = 1;
	core_restart(c);
	assert_int_equal(command(c, "pause"), 0);
	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_int_equal(core_echo(c, "a bear", "bear"), 0);
	assert_int_equal(command(c, "resume"), 0);
	assert_creates(c, 1);
	for (int n = 0; r < 0; n++) {
		writes_left = n;
		r = command(c, "resume");
		disk_works();
		core_settle(c);
		if (r < 0)
			core_crash(c);
		if (r < 0)
			assert_creates(c, 0);
	}
	assert_creates(c, 1);
}

static void test_a_failed_resume_stays_paused(void **state)
{
	struct core *c = *state;
	int r = -EIO;

	assert_int_equal(command(c, "pause"), 0);
	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	for (int n = 0; r < 0; n++) {
		writes_left = n;
		r = command(c, "resume");
		disk_works();
		if (r < 0)
			assert_creates(c, 0);
	}
	assert_creates(c, 1);
}

static void test_removing_a_pending_picture(void **state)
{
	struct core *c = *state;
	const struct images im = { c->engine, c->views, NULL };

	core_processing(c, "fox", "p1");
	core_settle(c);
	disk_fails();
	assert_int_equal(images_unlink(&im, c->images, "fox.png"), -EIO);
	core_find(c, "fox", JOB_PROCESSING);
	disk_works();
	assert_int_equal(images_unlink(&im, c->images, "fox.png"), 0);
	core_crash(c); /* at once */
	core_find(c, "fox", JOB_CANCELLED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_failed_flush_submits_nothing),
		TEST(test_a_later_flush_clears_it),
		TEST(test_a_refused_set_is_not_sent_by_the_release),
		TEST(test_a_set_that_is_flushed_twice),
		TEST(test_unconfirmed_text_is_a_draft),
		TEST(test_a_closed_draft_is_submitted_by_its_name),
		TEST(test_a_cut_draft_stays_one),
		TEST(test_a_failed_rename_leaves_everything),
		TEST(test_a_failed_rename_takes_no_id_along),
		TEST(test_a_failed_rename_of_a_folder_leaves_both),
		TEST(test_a_failed_rename_of_a_drafts_folder_sends_nothing),
		TEST(test_what_was_renamed_survives),
		TEST(test_a_failed_mkdir_makes_nothing),
		TEST(test_a_failed_unlink_cancels_nothing),
		TEST(test_what_was_cancelled_by_rm_stays_so),
		TEST(test_rm_of_finished_ones_costs_no_commits),
		TEST(test_ctl_is_stored_before_it_is_answered),
		TEST(test_a_failed_retry_buys_nothing),
		TEST(test_a_failed_again_buys_nothing),
		TEST(test_a_failed_lift_lifts_nothing),
		TEST(test_a_failed_resume_stays_paused),
		TEST(test_removing_a_pending_picture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
