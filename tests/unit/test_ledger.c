/* ledger: one commit for all that a turn has changed; who waits for it; a disk that fails. */
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
#include "oom.h"
#include "pimagefs/ledger.h"
#include "pimagefs/log.h"
#include "pimagefs/real_world.h"
#include "pimagefs/reqfile.h"
#include "pimagefs/tree.h"
#include "store_place.h"

struct fixture {
	struct place *p;
	uv_loop_t loop;
	struct world world;
	struct ledger *l;
	struct tree *tree;
	struct node *requests;
	struct job *job;
	unsigned answers;
	int answer;
};

static int setup(void **state)
{
	struct fixture *w = calloc(1, sizeof(*w));

	if (!w || place_make((void **)&w->p))
		return -1;
	uv_loop_init(&w->loop);
	real_world_init(&w->world, &w->loop);
	assert_int_equal(ledger_new(&w->l, &w->world, w->p->s), 0);
	w->tree = tree_new(sim_world_any(), NULL, NULL);
	assert_int_equal(tree_make(w->tree, NODE_FOLDER, AREA_REQUESTS, 0755, &w->requests), 0);
	assert_int_equal(tree_link(tree_root(w->tree), "requests", w->requests, true, NULL), 0);
	w->job = new_job(7, "fox");
	log_open("/dev/null", LOG_LEVEL_ERROR);
	*state = w;
	return 0;
}

static void close_ledger(struct fixture *w)
{
	ledger_free(w->l);
	w->l = NULL;
	uv_run(&w->loop, UV_RUN_DEFAULT);
}

static int teardown(void **state)
{
	struct fixture *w = *state;

	if (w->l)
		close_ledger(w);
	uv_loop_close(&w->loop);
	job_free(w->job);
	tree_free(w->tree);
	place_drop((void **)&w->p);
	free(w);
	return 0;
}

static struct reqfile *add_file(struct fixture *w, uint64_t number, const char *name,
				const char *text)
{
	struct node *node;
	struct reqfile *file;

	assert_int_equal(tree_make(w->tree, NODE_REQUEST, AREA_REQUESTS, 0640, &node), 0);
	assert_int_equal(tree_link(w->requests, name, node, true, NULL), 0);
	node_unpin(node);
	file = reqfile_new(number, node);
	assert_non_null(file);
	assert_int_equal(buf_puts(&file->text, text), 0);
	return file;
}

static void on_commit(int r, void *data)
{
	struct fixture *w = data;

	w->answers++;
	w->answer = r;
}

static void wait_commit(struct fixture *w)
{
	w->answers = 0;
	w->answer = 1;
	assert_int_equal(ledger_after(w->l, on_commit, w), 0);
}

static int list_file(const struct store_file *file, void *data)
{
	return buf_printf(data, "%s %o %.*s %d\n", file->path, file->mode, (int)file->size,
			  file->text, (int)file->job);
}

static void assert_files(struct fixture *w, const char *expected)
{
	struct buf b = BUF_INIT;

	assert_int_equal(store_each_file(w->p->s, list_file, &b), 0);
	assert_string_equal(buf_text(&b), expected);
	buf_release(&b);
}

static void test_commit_before_the_loop_sleeps(void **state)
{
	struct fixture *w = *state;

	ledger_job(w->l, w->job);
	ledger_job(w->l, w->job); /* twice is once */
	wait_commit(w);
	assert_int_equal(w->answers, 0);
	assert_int_equal(place_count_jobs(w->p), 0);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->answers, 1);
	assert_int_equal(w->answer, 0);
	assert_int_equal(place_count_jobs(w->p), 1);
	assert_false(list_linked(&w->job->item.in));
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->answers, 1);
}

static void test_files(void **state)
{
	struct fixture *w = *state;
	struct reqfile *fox = add_file(w, 1, "fox", "a fox"), *bear = add_file(w, 2, "bear", "");
	struct entry *entry;
	struct node *deep;

	fox->job = w->job;
	ledger_dirty(w->l, &fox->item);
	ledger_dirty(w->l, &bear->item);
	ledger_sync(w->l);
	assert_files(w, "fox 640 a fox 7\nbear 640  0\n");
	assert_int_equal(tree_walk(w->requests, "a/b", true, 0755, &deep), 0);
	entry = tree_entry(w->requests, "fox");
	assert_int_equal(tree_rename(&entry, deep, "wolf"), 0);
	ledger_dirty(w->l, &fox->item);
	assert_int_equal(ledger_forget_file(w->l, &bear->item, bear->number), 0);
	reqfile_free(bear);
	ledger_sync(w->l);
	assert_files(w, "a/b/wolf 640 a fox 7\n");
	ledger_dirty(w->l, &fox->item);
	reqfile_free(fox); /* gone before the commit */
	ledger_sync(w->l);
	assert_int_equal(ledger_health(w->l), 0);
}

static void test_forgotten_and_changed_again(void **state)
{
	struct fixture *w = *state;

	ledger_job(w->l, w->job);
	assert_int_equal(ledger_forget_job(w->l, w->job), 0);
	ledger_sync(w->l);
	assert_int_equal(place_count_jobs(w->p), 0);
	assert_int_equal(ledger_forget_job(w->l, w->job), 0);
	ledger_job(w->l, w->job); /* in one turn: the later holds */
	ledger_sync(w->l);
	assert_int_equal(place_count_jobs(w->p), 1);
}

static void test_folders_creates_facts(void **state)
{
	struct fixture *w = *state;
	struct buf b = BUF_INIT;

	w->requests->mtime_ns = 42;
	assert_int_equal(ledger_folder(w->l, "a", w->requests->mode, w->requests->mtime_ns), 0);
	assert_int_equal(ledger_folder(w->l, "b", w->requests->mode, w->requests->mtime_ns), 0);
	assert_int_equal(ledger_forget_folder(w->l, "a"), 0);
	assert_int_equal(ledger_create_sent(w->l, 1000, 0), 0);
	assert_int_equal(ledger_create_sent(w->l, 5000, 2000), 0); /* the first is too old */
	assert_int_equal(ledger_fact(w->l, "paused", "yes"), 0);
	ledger_sync(w->l);
	assert_int_equal(store_each_folder(w->p->s, list_folder, &b), 0);
	assert_int_equal(store_each_create(w->p->s, list_create, &b), 0);
	assert_string_equal(buf_text(&b), "b 755 42\n5000 ");
	place_assert_fact(w->p, "paused", "yes");
	assert_int_equal(ledger_fact(w->l, "paused", NULL), 0);
	ledger_sync(w->l);
	place_assert_fact(w->p, "paused", NULL);
	buf_release(&b);
}

static void on_chain(int r, void *data)
{
	struct fixture *w = data;

	assert_int_equal(r, 0);
	if (++w->answers < 3) {
		ledger_job(w->l, w->job);
		assert_int_equal(ledger_after(w->l, on_chain, w), 0);
	}
}

/* A create that may go out now changes its job: that is committed too before the loop sleeps. */
static void test_changes_of_who_waited(void **state)
{
	struct fixture *w = *state;

	assert_int_equal(ledger_after(w->l, on_chain, w), 0);
	ledger_sync(w->l);
	assert_int_equal(w->answers, 3);
	assert_false(list_linked(&w->job->item.in));
	assert_int_equal(place_count_jobs(w->p), 1);
}

static void on_commit_break(int r, void *data)
{
	struct fixture *w = data;

	assert_int_equal(r, 0);
	writes_left = 0;
	ledger_job(w->l, w->job);
}

/* It is on disk, so whoever asked must not hear that it is not. */
static void test_what_follows_may_fail_alone(void **state)
{
	struct fixture *w = *state;

	writes_watch(EIO);
	assert_int_equal(ledger_fact(w->l, "paused", "1"), 0);
	assert_int_equal(ledger_after(w->l, on_commit_break, w), 0);
	assert_int_equal(ledger_sync(w->l), 0);
	assert_int_equal(ledger_health(w->l), -EIO);
	assert_int_equal(ledger_sync(w->l), -EIO);
	place_assert_fact(w->p, "paused", "1");
	writes_unwatch();
	assert_int_equal(ledger_sync(w->l), 0);
	assert_int_equal(place_count_jobs(w->p), 1);
}

static void on_chain_for_ever(int r, void *data)
{
	struct fixture *w = data;

	w->answers++;
	if (r != -ECANCELED)
		assert_int_equal(ledger_after(w->l, on_chain_for_ever, w), 0);
}

static void test_rounds_have_an_end(void **state)
{
	struct fixture *w = *state;
	unsigned before;

	assert_int_equal(ledger_after(w->l, on_chain_for_ever, w), 0);
	ledger_sync(w->l); /* comes back */
	before = w->answers;
	assert_true(before > 1);
	uv_run(&w->loop, UV_RUN_NOWAIT); /* and they are not forgotten */
	assert_true(w->answers > before);
}

static void test_waiting_without_a_change(void **state)
{
	struct fixture *w = *state;

	wait_commit(w);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->answers, 1);
	assert_int_equal(w->answer, 0);
}

static void test_close_commits(void **state)
{
	struct fixture *w = *state;

	ledger_job(w->l, w->job);
	wait_commit(w);
	close_ledger(w);
	assert_int_equal(w->answers, 1);
	assert_int_equal(w->answer, 0);
	assert_int_equal(place_count_jobs(w->p), 1);
	ledger_free(NULL);
}

static void test_failure(void **state)
{
	struct fixture *w = *state;
	struct reqfile *file = add_file(w, 1, "fox", "a fox");

	close_ledger(w);
	place_close(w->p);
	place_sql(w->p, "CREATE TRIGGER full BEFORE INSERT ON job "
			"BEGIN SELECT RAISE(ABORT, 'no room'); END");
	assert_int_equal(store_open(&w->p->s, place_folder(w->p), NULL, NULL), 0);
	assert_int_equal(ledger_new(&w->l, &w->world, w->p->s), 0);

	ledger_dirty(w->l, &file->item);
	ledger_job(w->l, w->job);
	wait_commit(w);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->answers, 1); /* told, and not left waiting */
	assert_true(w->answer < 0);
	assert_int_equal(ledger_health(w->l), w->answer);
	assert_files(w, ""); /* all or nothing */
	assert_true(list_linked(&w->job->item.in));
	assert_true(list_linked(&file->item.in));

	/* Without the job the rest can be written: nothing that memory still holds is lost. */
	assert_int_equal(ledger_forget_job(w->l, w->job), 0);
	wait_commit(w);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->answer, 0);
	assert_int_equal(ledger_health(w->l), 0);
	assert_files(w, "fox 640 a fox 0\n");
	reqfile_free(file);
}

static void test_out_of_memory(void **state)
{
	struct fixture *w = *state;
	struct reqfile *file = add_file(w, 1, "fox", "a fox");
	unsigned failed = 1;
	struct node *deep;

	assert_int_equal(tree_walk(w->requests, "a", true, 0755, &deep), 0);
	for (unsigned n = 0; failed; n++) {
		int r;

		oom_fail_once(n);
		ledger_job(w->l, w->job);
		ledger_dirty(w->l, &file->item);
		r = ledger_folder(w->l, "a", deep->mode, deep->mtime_ns);
		if (r == 0)
			r = ledger_fact(w->l, "paused", "yes");
		if (r == 0)
			r = ledger_create_sent(w->l, 1, 0);
		if (r == 0)
			r = ledger_after(w->l, on_commit, w);
		ledger_sync(w->l);
		failed = oom_off();
		assert_true(r == 0 || r == -ENOMEM);
		ledger_sync(w->l); /* what could not be written stayed dirty */
		assert_int_equal(ledger_health(w->l), 0);
		assert_int_equal(place_count_jobs(w->p), 1);
		assert_files(w, "fox 640 a fox 0\n");
	}
	reqfile_free(file);
}

#define LATER_NS 20000000ULL /* that it waits for company */

/* An empty file is no reason for a transaction of its own; but it does not wait for ever. */
static void test_later(void **state)
{
	struct fixture *w = *state;
	struct reqfile *file = add_file(w, 1, "fox", "");
	uint64_t began;

	uv_update_time(&w->loop); /* from when on it counts */
	began = uv_hrtime();
	ledger_dirty_later(w->l, &file->item);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	if (uv_hrtime() - began < LATER_NS) /* else a slow machine has let it come */
		assert_int_equal(ledger_commits(w->l), 0);
	while (ledger_commits(w->l) == 0)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_files(w, "fox 640  0\n");
	reqfile_free(file);
}

static void test_later_goes_along(void **state)
{
	struct fixture *w = *state;
	struct reqfile *file = add_file(w, 1, "fox", "");

	ledger_dirty_later(w->l, &file->item);
	ledger_job(w->l, w->job);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(ledger_commits(w->l), 1);
	assert_files(w, "fox 640  0\n");
	reqfile_free(file);
}

/* After a commit that several waited for, the next gathers; a single one never waits. */
static void test_gathers_in_a_crowd(void **state)
{
	struct fixture *w = *state;

	ledger_job(w->l, w->job);
	wait_commit(w);
	wait_commit(w);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->answers, 2);
	for (unsigned i = 1; i <= 3; i++) {
		ledger_job(w->l, w->job);
		wait_commit(w);
		while (w->answers == 0)
			uv_run(&w->loop, UV_RUN_NOWAIT); /* a commit leaves nothing to sleep for */
		assert_int_equal(w->answer, 0);
		assert_int_equal(ledger_commits(w->l), 1 + i);
	}
}

/* --- writes that fail --- */

static void a_request(struct core *c, const char *id, int n)
{
	unsigned before = c->api.sent[FAKE_CREATE];
	char prompt[32];
	int health;

	writes_left = n;
	snprintf(prompt, sizeof(prompt), "prompt %s\n", id);
	assert_int_equal(core_echo(c, prompt, id), 0);
	core_settle(c);
	health = ledger_health(c->ledger);
	assert_int_equal(health, writes_left == 0 ? -ENOSPC : 0);
	if (health < 0) {
		struct node *node;

		/* Nothing leaves before it is on the disk, and now it is known. */
		assert_int_equal(c->api.sent[FAKE_CREATE], before);
		assert_int_equal(inbox_create(c->inbox, c->requests, "other", 0644, &node),
				 -ENOSPC);
		assert_int_equal(inbox_mkdir(c->inbox, c->requests, "cats", 0755, &node), -ENOSPC);
		assert_int_equal(core_rename(c, id, "other"), -ENOSPC);
	}
	writes_left = -1;
	core_wait_sent(c, FAKE_CREATE, before + 1);
	assert_int_equal(ledger_health(c->ledger), 0);
	core_find(c, id, JOB_CREATING);
}

static void test_each_write_fails_in_turn(void **state)
{
	struct core *c = *state;
	char id[16];

	writes_watch(ENOSPC);
	for (int n = 0; n < 9; n++) {
		snprintf(id, sizeof(id), "fox%d", n);
		a_request(c, id, n);
		fake_accept(&c->api, id);
		core_settle(c);
	}
	writes_unwatch();
	core_restart(c);
	for (int n = 0; n < 9; n++) {
		snprintf(id, sizeof(id), "fox%d", n);
		core_find(c, id, JOB_PROCESSING);
		assert_non_null(core_file(c, id));
	}
}

/* What could not be written for a long time is logged once, not for each try. */
static void test_failing_is_quiet(void **state)
{
	struct core *c = *state;
	struct job *job;

	writes_watch(EIO);
	writes_left = 0;
	job = core_submit(c, "fox");
	for (int i = 0; i < 5; i++)
		core_settle(c);
	assert_int_equal(ledger_health(c->ledger), -EIO);
	assert_int_equal(job->attempts, 0);
	core_assert_state(job, JOB_QUEUED);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	writes_unwatch();
	core_wait_sent(c, FAKE_CREATE, 1);
	assert_int_equal(job->attempts, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define WHOLE(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_commit_before_the_loop_sleeps),
		TEST(test_files),
		TEST(test_forgotten_and_changed_again),
		TEST(test_folders_creates_facts),
		TEST(test_changes_of_who_waited),
		TEST(test_what_follows_may_fail_alone),
		TEST(test_rounds_have_an_end),
		TEST(test_waiting_without_a_change),
		TEST(test_close_commits),
		TEST(test_failure),
		TEST(test_later),
		TEST(test_later_goes_along),
		TEST(test_gathers_in_a_crowd),
		TEST(test_out_of_memory),
		WHOLE(test_each_write_fails_in_turn),
		WHOLE(test_failing_is_quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
