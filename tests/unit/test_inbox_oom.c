/* inbox and engine without memory: each allocation fails in its turn. What a flush has accepted is
 * stored and sent once; what was not accepted was answered with an errno. */
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
#include "oom.h"
#include "pimagefs/reqfile.h"

typedef void (*oom_fn)(unsigned n);

static void on_durable(int r, void *data)
{
	*(int *)data = r;
}

/* FLUSH as the mount answers it: not before it is on disk. */
static int flush(struct core *c, struct node *node)
{
	int durable = -EINPROGRESS, r = inbox_flush(c->inbox, node);

	if (r < 0)
		return r;
	r = ledger_after(c->ledger, on_durable, &durable);
	if (r == 0) {
		ledger_sync(c->ledger);
		r = durable;
	}
	if (r < 0)
		inbox_flush_failed(c->inbox, node, r);
	return r;
}

/* echo TEXT > NAME: the first errno that the writer sees. */
static int write_request(struct core *c, const char *name, const char *text)
{
	struct entry *entry = tree_entry(c->requests, name);
	struct node *node = entry ? entry->node : NULL;
	int r = 0, w;

	if (!node)
		r = inbox_create(c->inbox, c->requests, name, 0644, &node);
	if (r < 0)
		return r;
	node_pin(node);
	inbox_open_writer(c->inbox, node);
	w = entry ? inbox_truncate(c->inbox, node, 0) : 0;
	if (w == 0)
		w = inbox_write(c->inbox, node, text, strlen(text), 0);
	r = flush(c, node);
	inbox_release_writer(c->inbox, node);
	node_unpin(node);
	ledger_sync(c->ledger);
	return w < 0 ? w : r;
}

struct wanted {
	const char *text;
	unsigned found;
};

static int count_stored(struct job *job, void *data)
{
	struct wanted *w = data;

	w->found += job->prompt && strcmp(job->prompt, w->text) == 0;
	job_free(job);
	return 0;
}

static unsigned stored(struct core *c, const char *prompt)
{
	struct wanted w = { .text = prompt };

	assert_int_equal(store_each_job(c->store, count_stored, &w), 0);
	return w.found;
}

#define MOST 500

/* How often each "prompt N" was sent. */
static void count_sent(struct core *c, unsigned sent[MOST])
{
	while (fake_in_flight(&c->api, FAKE_CREATE)) {
		const char *prompt = strstr(fake_text(&c->api, FAKE_CREATE), ":\"prompt ");
		long n = prompt ? strtol(prompt + 9, NULL, 10) : MOST;

		assert_in_range(n, 0, MOST - 1);
		sent[n]++;
		fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	}
}

/* What could not be sent for want of memory is tried again: now. */
static void send_all(struct core *c, unsigned sent[MOST])
{
	core_settle(c); /* the disk is well again */
	while (core_count(c, JOB_QUEUED) + core_count(c, JOB_CREATING)) {
		core_pass(c, 1000);
		count_sent(c, sent);
	}
}

static void each_allocation(struct core *c, oom_fn arm, const char *name)
{
	unsigned sent[MOST] = { 0 }, failed = 1, n;

	for (n = 0; failed; n++) {
		char text[32];
		int r;

		assert_true(n < MOST);
		snprintf(text, sizeof(text), "prompt %u", n);
		arm(n);
		r = write_request(c, name, text);
		failed = oom_off();
		assert_true(r == 0 || (failed && r == -ENOMEM));
		if (r == 0)
			assert_int_equal(stored(c, text), 1);
		send_all(c, sent);
		assert_int_equal(sent[n], r == 0); /* what answered an error is not done */
		if (tree_entry(c->requests, name) && n % 3 == 0)
			assert_int_equal(inbox_unlink(c->inbox, c->requests, name), 0);
	}
	assert_true(n > 20); /* or nothing was tested */
	for (unsigned i = 0; i < n; i++)
		assert_true(sent[i] <= 1);
	core_assert_idle(c);
}

static void test_one_allocation_fails(void **state)
{
	each_allocation(*state, oom_fail_once, "fox");
}

static void test_all_later_ones_fail(void **state)
{
	each_allocation(*state, oom_fail_after, "fox.txt");
}

/* How often each of the three of "fox N" was sent. */
static void count_parts(struct core *c, unsigned sent[MOST])
{
	core_settle(c);
	while (core_count(c, JOB_QUEUED) + core_count(c, JOB_CREATING)) {
		core_pass(c, 1000);
		while (fake_in_flight(&c->api, FAKE_CREATE)) {
			const char *prompt = strstr(fake_text(&c->api, FAKE_CREATE), "fox ");
			long n = prompt ? strtol(prompt + 4, NULL, 10) : MOST;

			assert_in_range(n, 0, MOST - 1);
			sent[n]++;
			fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
		}
	}
}

/* Several of one text: all of them or none, and none twice; alone in between. */
static void all_or_none(struct core *c, const char *name, const char *between)
{
	unsigned sent[MOST] = { 0 }, failed = 1;

	for (unsigned n = 0; failed; n++) {
		char text[64];
		int r;

		assert_true(n < MOST);
		snprintf(text, sizeof(text), "%sa fox %u%sthe fox %u%sone fox %u%s",
			 *between == ',' ? "{" : "", n, between, n, between, n,
			 *between == ',' ? "}" : "");
		oom_fail_once(n);
		r = write_request(c, name, text);
		failed = oom_off();
		assert_true(r == 0 || (failed && r == -ENOMEM));
		count_parts(c, sent);
		assert_int_equal(sent[n], r == 0 ? 3 : 0);
		if (n % 4 == 3)
			assert_int_equal(write_request(c, name, ""), 0);
		if (tree_entry(c->requests, name) && n % 3 == 0)
			assert_int_equal(inbox_unlink(c->inbox, c->requests, name), 0);
	}
	core_assert_idle(c);
}

static void test_several_are_all_or_none(void **state)
{
	all_or_none(*state, "fox", ", ");
}

static void test_lines_are_all_or_none(void **state)
{
	all_or_none(*state, "foxes.prompts", "\n");
}

static void test_one_after_several(void **state)
{
	struct core *c = *state;
	unsigned sent[MOST] = { 0 }, failed = 1;

	for (unsigned n = 0; failed; n++) {
		int r;

		assert_int_equal(write_request(c, "fox", "{a, the} fox 1"), 0);
		oom_fail_once(n);
		r = write_request(c, "fox", "fox 2");
		failed = oom_off();
		assert_true(r == 0 || (failed && r == -ENOMEM));
		count_parts(c, sent);
	}
	assert_ptr_equal(batch_first(c->engine, "fox"), NULL);
}

static void test_what_was_answered_survives(void **state)
{
	struct core *c = *state;
	unsigned failed = 1, accepted = 0, n;
	char name[32], text[32];

	assert_int_equal(engine_pause(c->engine, true), 0);
	for (n = 0; failed; n++) {
		snprintf(name, sizeof(name), "fox%u", n);
		snprintf(text, sizeof(text), "prompt %u", n);
		oom_fail_once(n);
		accepted += write_request(c, name, text) == 0;
		failed = oom_off();
	}
	core_crash(c);
	assert_true(accepted >= 1);
	assert_true(core_stored(c, JOB_QUEUED) + core_stored(c, JOB_HELD) >= accepted);
}

/* One part arrives, the next one does not: as a write, and as ftruncate. */
static void test_a_part_is_not_sent(void **state)
{
	struct core *c = *state;
	static char more[100000];

	memset(more, 'x', sizeof(more));
	for (int truncates = 0; truncates < 2; truncates++) {
		struct node *node;
		int r;

		assert_int_equal(
			inbox_create(c->inbox, c->requests, truncates ? "b" : "a", 0644, &node), 0);
		inbox_open_writer(c->inbox, node);
		assert_int_equal(inbox_write(c->inbox, node, "a fox", 5, 0), 0);
		oom_fail_after(0);
		r = truncates ? inbox_truncate(c->inbox, node, 60000)
			      : inbox_write(c->inbox, node, more, 60000, 5);
		oom_off();
		assert_int_equal(r, -ENOMEM);
		assert_int_equal(flush(c, node), -ENOMEM);
		inbox_release_writer(c->inbox, node);
		core_settle(c);
		assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	}
	assert_int_equal(core_echo(c, "a fox", "a"), 0); /* whole, it is */
	core_wait_calls(c, FAKE_CREATE, 1);
}

/* --- names --- */

static int move_about(struct core *c)
{
	int r = core_rename(c, "fox", "d/bear");

	if (r == 0)
		r = core_rename(c, "d", "e");
	if (r == 0)
		r = core_rename(c, "e/bear", "fox");
	if (r == 0)
		r = core_rename(c, "e", "d");
	return r;
}

static unsigned files_below(struct core *c, struct node *folder)
{
	unsigned n = 0;

	list_each (p, &folder->order) {
		struct node *node = list_entry(p, struct entry, in_folder)->node;

		n += node->kind == NODE_FOLDER ? files_below(c, node) : 1;
	}
	return n;
}

static void test_rename(void **state)
{
	struct core *c = *state;
	unsigned failed = 1;

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	core_settle(c);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	for (unsigned n = 0; failed; n++) {
		struct node *node;

		if (!tree_entry(c->requests, "d") && !tree_entry(c->requests, "e"))
			assert_int_equal(inbox_mkdir(c->inbox, c->requests, "d", 0755, &node), 0);
		oom_pause(); /* put it where it begins */
		if (tree_entry(c->requests, "e"))
			assert_int_equal(core_rename(c, "e", "d"), 0);
		if (!tree_entry(c->requests, "fox"))
			assert_int_equal(core_rename(c, "d/bear", "fox"), 0);
		oom_resume();
		oom_fail_once(n);
		move_about(c);
		failed = oom_off();
		assert_int_equal(files_below(c, c->requests), 1);
	}
	core_restart(c);
	assert_int_equal(files_below(c, c->requests), 1);
	assert_non_null(tree_entry(c->requests, "fox"));
	core_find(c, "fox", JOB_FAILED);
	core_assert_idle(c);
}

static void test_rename_over_another(void **state)
{
	struct core *c = *state;
	int r = -ENOMEM;

	assert_int_equal(core_echo(c, "an old fox", "fox"), 0);
	assert_int_equal(core_echo(c, "a new fox", ".fox.tmp"), 0);
	core_settle(c);
	for (unsigned n = 0; r < 0; n++) {
		assert_int_equal(files_below(c, c->requests), 2);
		oom_fail_once(n);
		r = core_rename(c, ".fox.tmp", "fox");
		oom_off();
		assert_true(r == 0 || r == -ENOMEM);
		core_settle(c);
		if (r < 0)
			assert_int_equal(core_stored(c, -1), 1);
	}
	assert_int_equal(files_below(c, c->requests), 1);
	core_restart(c);
	assert_int_equal(files_below(c, c->requests), 1);
}

static void test_unlink(void **state)
{
	struct core *c = *state;
	int r = -ENOMEM;

	for (unsigned n = 0; r < 0; n++) {
		if (!tree_entry(c->requests, "fox")) {
			assert_int_equal(core_echo(c, "a fox", "fox"), 0);
			core_settle(c);
		}
		oom_fail_once(n);
		r = inbox_unlink(c->inbox, c->requests, "fox");
		oom_off();
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(core_name(c->requests, "fox"), r == 0 ? 0 : 2);
	}
	core_find(c, "fox", JOB_CANCELLED);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	core_assert_idle(c);
}

/* --- the service's answers --- */

static void test_accepted(void **state)
{
	struct core *c = *state;
	unsigned failed = 1;

	for (unsigned n = 0; failed; n++) {
		struct job *job = core_submit(c, "fox");
		unsigned sent;

		core_wait_calls(c, FAKE_CREATE, 1);
		sent = c->api.sent[FAKE_CREATE];
		oom_fail_once(n);
		fake_accept(&c->api, "p1");
		failed = oom_off();
		core_settle(c);
		assert_int_equal(c->api.sent[FAKE_CREATE], sent); /* never a second one */
		assert_true(job->state == JOB_PROCESSING || job->state == JOB_HELD);
		engine_cancel(c->engine, job);
		while (fake_in_flight(&c->api, FAKE_CANCEL))
			fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	}
}

static void finish(struct core *c, struct job *job, unsigned n)
{
	while (job_pending(job)) {
		oom_fail_once(n);
		core_pass(c, 500);
		if (fake_in_flight(&c->api, FAKE_POLL))
			fake_done(&c->api, "https://cdn.test/x.png");
		oom_off();
		oom_fail_once(n);
		core_pass(c, 500);
		if (fake_in_flight(&c->api, FAKE_DOWNLOAD))
			fake_deliver(&c->api, c->png.data, c->png.size);
		n = oom_off() ? n + 1 : n;
		core_settle(c);
	}
}

static void test_poll_and_download(void **state)
{
	struct core *c = *state;
	char id[16];

	for (unsigned n = 0; n < 40; n += 3) {
		struct job *job;

		snprintf(id, sizeof(id), "p%u", n);
		job = core_processing(c, id, id);
		finish(c, job, n);
		core_assert_state(job, JOB_READY); /* late, but paid for once */
		assert_int_equal(job->attempts, 1);
	}
	core_assert_idle(c);
}

/* --- the start --- */

static int load(struct core *c)
{
	int r = engine_load(c->engine, c->store);

	return r < 0 ? r : inbox_load(c->inbox, c->store);
}

static void test_a_start_that_fails_loses_nothing(void **state)
{
	struct core *c = *state;
	struct node *node;
	unsigned failed = 1;

	assert_int_equal(engine_pause(c->engine, true), 0);
	assert_int_equal(inbox_mkdir(c->inbox, c->requests, "cats", 0755, &node), 0);
	assert_int_equal(core_echo(c, "a tabby", "cats/tabby"), 0);
	assert_int_equal(core_echo(c, "a draft", ".draft"), 0);
	core_create(c, "empty");
	core_close(c);
	for (unsigned n = 0; failed; n++) {
		int r;

		core_build(c);
		oom_fail_once(n);
		r = load(c);
		failed = oom_off();
		assert_true(r == -ENOMEM || r == 0);
		if (!failed)
			assert_int_equal(r, 0);
		core_close(c);
	}
	core_open(c);
	core_start(c);
	assert_int_equal(files_below(c, c->requests), 3);
	core_find(c, "cats/tabby", JOB_QUEUED);
	core_find(c, "empty", JOB_DRAFT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_allocation_fails),
		TEST(test_all_later_ones_fail),
		TEST(test_several_are_all_or_none),
		TEST(test_lines_are_all_or_none),
		TEST(test_one_after_several),
		TEST(test_what_was_answered_survives),
		TEST(test_a_part_is_not_sent),
		TEST(test_rename),
		TEST(test_rename_over_another),
		TEST(test_unlink),
		TEST(test_accepted),
		TEST(test_poll_and_download),
		TEST(test_a_start_that_fails_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
