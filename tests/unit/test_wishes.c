/* wishes: whichever write of a command fails, its error means that nothing was done, now and after
 * a kill -9; when it is given once more, all of it is. */
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

static int command(struct core *c, const char *text)
{
	const struct ctl_ground ground = { .engine = c->engine,
					   .inbox = c->inbox,
					   .mountpoint = "/mnt" };
	struct ctl *ctl;
	int r;

	assert_int_equal(ctl_new(&ctl, &ground), 0);
	r = ctl_run(ctl, 1, text, strlen(text));
	ctl_free(ctl);
	return r;
}

/* --- how all stands --- */

static int write_job(struct job *job, void *data)
{
	if (job->state == JOB_DRAFT && !job->input)
		return 0; /* of several: a start gives it another number */
	buf_printf(data, "%d %s%s %s%s%s%s%s\n", (int)job->number, job->id, job->current ? "" : "*",
		   job_state_name(job->state), job->dismissed ? ", removed" : "",
		   job->cancel_owed ? ", owes a cancel" : "", job->file ? ", of a file" : "",
		   job->error ? job->error->message : "");
	return 0;
}

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every job that asks for something, in an order of its own; the caller's. */
static char *picture_of(struct core *c)
{
	struct buf all = BUF_INIT, sorted = BUF_INIT;
	char *lines[64], *rest;
	size_t n = 0;

	engine_each(c->engine, write_job, &all);
	rest = all.size ? all.data : NULL;
	while (rest && *rest)
		lines[n++] = strsep(&rest, "\n");
	qsort(lines, n, sizeof(*lines), by_line);
	for (size_t i = 0; i < n; i++)
		buf_printf(&sorted, "%s\n", lines[i]);
	buf_release(&all);
	rest = strdup(buf_text(&sorted));
	buf_release(&sorted);
	return rest;
}

static void assert_stands(struct core *c, const char *before)
{
	char *now = picture_of(c);

	assert_string_equal(now, before);
	free(now);
}

/* Returns how often it failed. */
static int each_failure(struct core *c, int (*run)(struct core *c), bool crash)
{
	int r = -EIO, n;

	for (n = 0; r < 0; n++) {
		char *before;

		core_settle(c);
		before = picture_of(c);
		writes_left = n;
		r = run(c);
		writes_left = -1;
		if (r < 0)
			assert_stands(c, before);
		if (r < 0 && crash) {
			core_settle(c);
			core_crash(c);
			assert_stands(c, before);
		}
		free(before);
	}
	assert_true(n > 1);
	return n - 1;
}

/* What answered success is there after a kill -9 at once. */
static void assert_durable(struct core *c)
{
	char *before = picture_of(c);

	core_crash(c);
	assert_stands(c, before);
	free(before);
}

/* --- cancel --- */

static int cancel_fox(struct core *c)
{
	return command(c, "cancel fox");
}

static void test_cancel_queued(void **state)
{
	struct core *c = *state;

	assert_int_equal(command(c, "pause"), 0);
	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	each_failure(c, cancel_fox, true);
	core_find(c, "fox", JOB_CANCELLED);
	assert_durable(c);
}

static void test_cancel_processing(void **state)
{
	struct core *c = *state;

	core_processing(c, "fox", "p1");
	each_failure(c, cancel_fox, false);
	core_find(c, "fox", JOB_CANCELLED);
	core_wait_sent(c, FAKE_CANCEL, 1);
}

static void test_a_failed_cancel_goes_on_polling(void **state)
{
	struct core *c = *state;

	core_processing(c, "fox", "p1");
	core_settle(c);
	writes_left = 0;
	assert_int_equal(cancel_fox(c), -EIO);
	writes_left = -1;
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/x.png");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_find(c, "fox", JOB_READY);
	assert_int_equal(c->api.sent[FAKE_CANCEL], 0);
}

/* Its create is out: its answer is still the job's. */
static void test_cancel_creating(void **state)
{
	struct core *c = *state;

	core_submit(c, "fox");
	core_wait_calls(c, FAKE_CREATE, 1);
	each_failure(c, cancel_fox, false);
	core_find(c, "fox", JOB_CANCELLED);
	core_crash(c); /* at once */
	assert_int_equal(core_find(c, "fox", JOB_CANCELLED)->unanswered, 1);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
}

static void test_a_failed_cancel_keeps_the_answer(void **state)
{
	struct core *c = *state;

	core_submit(c, "fox");
	core_wait_calls(c, FAKE_CREATE, 1);
	writes_left = 0;
	assert_int_equal(cancel_fox(c), -EIO);
	writes_left = -1;
	fake_accept(&c->api, "p1");
	assert_int_equal(core_find(c, "fox", JOB_PROCESSING)->unanswered, 0);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

/* It was to leave with the commit that failed. */
static void test_a_create_that_was_about_to_leave(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");

	ledger_sync(c->ledger);
	while (job->state != JOB_CREATING)
		core_step(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	writes_left = 0;
	assert_int_equal(cancel_fox(c), -EIO);
	writes_left = -1;
	core_assert_state(job, JOB_QUEUED);
	assert_int_equal(job->attempts, 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p1");
	core_find(c, "fox", JOB_PROCESSING);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static int cancel_all(struct core *c)
{
	return command(c, "cancel all");
}

static void test_cancel_all(void **state)
{
	struct core *c = *state;

	assert_int_equal(command(c, "pause"), 0);
	assert_int_equal(core_echo(c, "a {red, blue, green} fox", "fox"), 0);
	assert_int_equal(core_echo(c, "a bear", "bear"), 0);
	each_failure(c, cancel_all, true);
	core_find(c, "fox/02", JOB_CANCELLED);
	core_find(c, "bear", JOB_CANCELLED);
	assert_durable(c);
}

/* It stands for several, or is empty: there is nothing to cancel. */
static void test_cancel_all_leaves_what_asks_for_nothing(void **state)
{
	struct core *c = *state;

	assert_int_equal(command(c, "pause"), 0);
	assert_int_equal(core_echo(c, "a {red, blue} fox", "fox"), 0);
	core_create(c, "empty");
	assert_int_equal(command(c, "cancel empty"), -EINVAL);
	assert_int_equal(command(c, "cancel all"), 0);
	core_find(c, "fox/01", JOB_CANCELLED);
	core_find(c, "fox", JOB_DRAFT);
	core_find(c, "empty", JOB_DRAFT);
	assert_int_equal(command(c, "retry fox"), 0);
	core_find(c, "fox/01", JOB_QUEUED);
	core_find(c, "fox", JOB_DRAFT);
}

/* --- retry --- */

static int retry_failed(struct core *c)
{
	return command(c, "retry failed");
}

static void test_retry_failed(void **state)
{
	struct core *c = *state;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(core_echo(c, "a fox", i ? "fox" : "bear"), 0);
		core_wait_calls(c, FAKE_CREATE, 1);
		fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	}
	assert_int_equal(command(c, "pause"), 0);
	each_failure(c, retry_failed, true);
	core_find(c, "fox", JOB_QUEUED);
	core_find(c, "bear", JOB_QUEUED);
	assert_durable(c);
}

/* --- delete, rm, restore --- */

static int delete_fox(struct core *c)
{
	return command(c, "delete fox");
}

static void ready(struct core *c, const char *text, const char *name)
{
	assert_int_equal(core_echo(c, text, name), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, name);
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/x.png");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_find(c, name, JOB_READY);
}

static void test_delete_ready(void **state)
{
	struct core *c = *state;

	ready(c, "a fox", "fox");
	each_failure(c, delete_fox, true);
	assert_int_equal(core_name(c->requests, "fox"), 0);
	assert_int_equal(core_name(c->images, "fox.png"), 0);
	core_crash(c); /* at once */
	assert_int_equal(core_name(c->requests, "fox"), 0);
	assert_int_equal(core_name(c->images, "fox.png"), 0);
}

static void test_a_failed_delete_leaves_file_and_picture(void **state)
{
	struct core *c = *state;

	ready(c, "a fox", "fox");
	core_settle(c);
	for (int n = 0; n < 2; n++) {
		writes_left = 0;
		assert_int_equal(delete_fox(c), -EIO);
		writes_left = -1;
		if (n) {
			core_settle(c);
			core_crash(c);
		}
		assert_int_equal(core_name(c->requests, "fox"), 2);
		assert_int_equal(core_name(c->images, "fox.png"), 2);
	}
}

static void test_delete_several(void **state)
{
	struct core *c = *state;

	assert_int_equal(command(c, "pause"), 0);
	assert_int_equal(core_echo(c, "a {red, blue} fox", "fox"), 0);
	each_failure(c, delete_fox, true);
	assert_int_equal(core_name(c->requests, "fox"), 0);
	assert_int_equal(core_name(c->images, "fox"), 0);
	core_crash(c); /* at once */
	assert_int_equal(core_name(c->requests, "fox"), 0);
	assert_int_equal(core_count(c, JOB_QUEUED), 0);
}

/* They cost nothing and have no picture: they go with their file. */
static void test_delete_what_was_refused_or_is_empty(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "{\"prompt\": 5}", "fox.json"), -EINVAL);
	core_find(c, "fox", JOB_INVALID);
	each_failure(c, delete_fox, false);
	assert_int_equal(core_name(c->requests, "fox.json"), 0);
	core_create(c, "fox");
	each_failure(c, delete_fox, false);
	assert_int_equal(core_name(c->requests, "fox"), 0);
	assert_int_equal(core_jobs(c), 0);
}

/* Its writer goes after it, and was refused: it gets no row again. */
static void test_delete_while_it_is_refused(void **state)
{
	struct core *c = *state;
	struct node *node = core_create(c, "fox");
	const struct reqfile *file = node->data;

	inbox_open_writer(c->inbox, node);
	assert_int_equal(core_write(c, node, "a fox"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	assert_int_equal(core_write(c, node, "\xff"), -EILSEQ);
	node_pin(node);
	assert_int_equal(delete_fox(c), 0);
	inbox_release_writer(c->inbox, node);
	assert_false(list_linked(&file->item.in));
	node_unpin(node);
}

static int remove_fox(struct core *c)
{
	return inbox_unlink(c->inbox, c->requests, "fox");
}

static void test_rm_of_several(void **state)
{
	struct core *c = *state;

	assert_int_equal(command(c, "pause"), 0);
	assert_int_equal(core_echo(c, "a {red, blue} fox", "fox"), 0);
	each_failure(c, remove_fox, true);
	core_crash(c); /* at once */
	assert_int_equal(core_name(c->requests, "fox"), 0);
	assert_int_equal(core_count(c, JOB_CANCELLED), 2);
}

static int restore_fox(struct core *c)
{
	return command(c, "restore fox");
}

static void test_restore(void **state)
{
	struct core *c = *state;
	const struct images im = { c->engine, c->views, NULL };

	ready(c, "a fox", "fox");
	assert_int_equal(images_unlink(&im, c->images, "fox.png"), 0);
	core_settle(c);
	each_failure(c, restore_fox, true);
	core_settle(c);
	core_crash(c);
	assert_int_equal(core_name(c->images, "fox.png"), 2);
}

/* --- again --- */

static int again_fox(struct core *c)
{
	return command(c, "again fox");
}

static void test_again(void **state)
{
	struct core *c = *state;

	ready(c, "a fox", "fox");
	assert_int_equal(command(c, "pause"), 0);
	each_failure(c, again_fox, true);
	assert_durable(c);
	core_find(c, "fox", JOB_QUEUED);
	assert_int_equal(remove_fox(c), 0); /* it is the file's */
	assert_int_equal(core_count(c, JOB_QUEUED), 0);
}

static void test_again_of_several(void **state)
{
	struct core *c = *state;

	assert_int_equal(command(c, "pause"), 0);
	assert_int_equal(core_echo(c, "a {red, blue} fox", "fox"), 0);
	assert_int_equal(cancel_fox(c), 0);
	each_failure(c, again_fox, true);
	assert_int_equal(core_count(c, JOB_QUEUED), 2);
	assert_durable(c);
}

/* The name is another's by now, and stays it. */
/* Its first half was a request, and was registered by a FLUSH; the whole is none. */
static void test_again_of_what_was_refused(void **state)
{
	struct core *c = *state;
	struct node *node = core_create(c, "fox");

	inbox_open_writer(c->inbox, node);
	assert_int_equal(core_write(c, node, "a fox"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	assert_int_equal(core_write(c, node, "\xff"), -EILSEQ);
	inbox_release_writer(c->inbox, node);
	core_find(c, "fox", JOB_INVALID);
	assert_int_equal(command(c, "again fox"), -EINVAL);
	core_find(c, "fox", JOB_INVALID);
	assert_int_equal(core_jobs(c), 1);
}

static int again_first(struct core *c)
{
	return command(c, "again fox-1");
}

static void test_again_of_an_earlier_one(void **state)
{
	struct core *c = *state;
	struct job *first, *second;

	first = core_ready(c, "fox", "fox-1");
	second = core_ready(c, "fox", "fox-2");
	assert_int_equal(command(c, "pause"), 0);
	assert_ptr_equal(engine_find(c->engine, "fox"), second);
	each_failure(c, again_first, false);
	assert_true(engine_find(c->engine, "fox")->number > second->number);
	assert_false(first->current);
}

/* --- what there is nothing to do about --- */

/* What came before may be on disk, though it failed; so the answer waits for what undoes it. */
static void test_nothing_to_do_is_on_disk_too(void **state)
{
	struct core *c = *state;

	writes_left = 0;
	assert_int_equal(command(c, "pause"), -EIO);
	assert_int_equal(command(c, "resume"), -EIO);
	assert_int_equal(command(c, "cancel all"), -EIO);
	assert_int_equal(command(c, "retry failed"), -EIO);
	writes_left = -1;
	assert_int_equal(command(c, "resume"), 0);
	core_crash(c); /* at once */
	assert_false(core_stats(c).gate.paused);
}

/* --- marks --- */

static int tag_fox(struct core *c)
{
	return engine_mark(c->engine, engine_find(c->engine, "fox"), MARK_TAGS, "best", 4);
}

static void test_mark(void **state)
{
	struct core *c = *state;
	struct job *fox = core_ready(c, "fox", "p1");

	assert_int_equal(engine_mark(c->engine, fox, MARK_TAGS, "good", 4), 0);
	assert_int_equal(engine_mark(c->engine, fox, MARK_RATING, "7", 1), 0);
	core_settle(c);
	writes_left = 0;
	assert_int_equal(tag_fox(c), -EIO);
	writes_left = -1;
	assert_string_equal(fox->tags, "good");
	core_settle(c);
	core_crash(c);
	fox = engine_find(c->engine, "fox");
	assert_string_equal(fox->tags, "good");
	assert_int_equal(fox->rating, 7);
	assert_int_equal(tag_fox(c), 0);
	core_crash(c); /* at once */
	assert_string_equal(engine_find(c->engine, "fox")->tags, "best");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cancel_queued),
		TEST(test_cancel_processing),
		TEST(test_a_failed_cancel_goes_on_polling),
		TEST(test_cancel_creating),
		TEST(test_a_failed_cancel_keeps_the_answer),
		TEST(test_a_create_that_was_about_to_leave),
		TEST(test_cancel_all),
		TEST(test_cancel_all_leaves_what_asks_for_nothing),
		TEST(test_retry_failed),
		TEST(test_delete_ready),
		TEST(test_a_failed_delete_leaves_file_and_picture),
		TEST(test_delete_several),
		TEST(test_delete_what_was_refused_or_is_empty),
		TEST(test_delete_while_it_is_refused),
		TEST(test_rm_of_several),
		TEST(test_restore),
		TEST(test_again),
		TEST(test_again_of_several),
		TEST(test_again_of_what_was_refused),
		TEST(test_again_of_an_earlier_one),
		TEST(test_nothing_to_do_is_on_disk_too),
		TEST(test_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
