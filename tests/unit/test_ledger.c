/* ledger: one commit for all that a turn has changed; who waits for it; a disk that fails. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/ledger.h"
#include "pimagefs/log.h"
#include "store_place.h"

struct world {
	struct place *p;
	uv_loop_t loop;
	struct ledger *l;
	struct tree *tree;
	struct node *requests;
	struct job *job;
	unsigned answers;
	int answer;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w || place_make((void **)&w->p))
		return -1;
	uv_loop_init(&w->loop);
	assert_int_equal(ledger_new(&w->l, &w->loop, w->p->s), 0);
	w->tree = tree_new(NULL, NULL);
	assert_int_equal(tree_make(w->tree, NODE_FOLDER, AREA_REQUESTS, 0755, &w->requests), 0);
	assert_int_equal(tree_link(tree_root(w->tree), "requests", w->requests, true, NULL), 0);
	w->job = new_job(7, "fox");
	log_open("/dev/null", LOG_LEVEL_ERROR);
	*state = w;
	return 0;
}

static void close_ledger(struct world *w)
{
	ledger_free(w->l);
	w->l = NULL;
	uv_run(&w->loop, UV_RUN_DEFAULT);
}

static int teardown(void **state)
{
	struct world *w = *state;

	if (w->l)
		close_ledger(w);
	uv_loop_close(&w->loop);
	job_free(w->job);
	tree_free(w->tree);
	place_drop((void **)&w->p);
	free(w);
	return 0;
}

static struct reqfile *add_file(struct world *w, uint64_t number, const char *name,
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
	struct world *w = data;

	w->answers++;
	w->answer = r;
}

static void wait_commit(struct world *w)
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

static void assert_files(struct world *w, const char *expected)
{
	struct buf b = BUF_INIT;

	assert_int_equal(store_each_file(w->p->s, list_file, &b), 0);
	assert_string_equal(buf_text(&b), expected);
	buf_release(&b);
}

static void test_commit_before_the_loop_sleeps(void **state)
{
	struct world *w = *state;

	ledger_job(w->l, w->job);
	ledger_job(w->l, w->job); /* twice is once */
	wait_commit(w);
	assert_int_equal(w->answers, 0);
	assert_int_equal(place_count_jobs(w->p), 0);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->answers, 1);
	assert_int_equal(w->answer, 0);
	assert_int_equal(place_count_jobs(w->p), 1);
	assert_false(list_linked(&w->job->dirty_in));
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->answers, 1);
}

static void test_files(void **state)
{
	struct world *w = *state;
	struct reqfile *fox = add_file(w, 1, "fox", "a fox"), *bear = add_file(w, 2, "bear", "");
	struct entry *entry;
	struct node *deep;

	fox->job = w->job;
	ledger_file(w->l, fox);
	ledger_file(w->l, bear);
	ledger_sync(w->l);
	assert_files(w, "fox 640 a fox 7\nbear 640  0\n");
	assert_int_equal(tree_walk(w->requests, "a/b", true, 0755, &deep), 0);
	entry = tree_entry(w->requests, "fox");
	assert_int_equal(tree_rename(&entry, deep, "wolf"), 0);
	ledger_file(w->l, fox);
	assert_int_equal(ledger_forget_file(w->l, bear), 0);
	reqfile_free(bear);
	ledger_sync(w->l);
	assert_files(w, "a/b/wolf 640 a fox 7\n");
	ledger_file(w->l, fox);
	reqfile_free(fox); /* gone before the commit */
	ledger_sync(w->l);
	assert_int_equal(ledger_health(w->l), 0);
}

static void test_forgotten_and_changed_again(void **state)
{
	struct world *w = *state;

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
	struct world *w = *state;
	struct buf b = BUF_INIT;

	w->requests->mtime_ns = 42;
	assert_int_equal(ledger_folder(w->l, "a", w->requests), 0);
	assert_int_equal(ledger_folder(w->l, "b", w->requests), 0);
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
	struct world *w = data;

	assert_int_equal(r, 0);
	if (++w->answers < 3) {
		ledger_job(w->l, w->job);
		assert_int_equal(ledger_after(w->l, on_chain, w), 0);
	}
}

/* A create that may go out now changes its job: that is committed too before the loop sleeps. */
static void test_changes_of_who_waited(void **state)
{
	struct world *w = *state;

	assert_int_equal(ledger_after(w->l, on_chain, w), 0);
	ledger_sync(w->l);
	assert_int_equal(w->answers, 3);
	assert_false(list_linked(&w->job->dirty_in));
	assert_int_equal(place_count_jobs(w->p), 1);
}

static void on_chain_for_ever(int r, void *data)
{
	struct world *w = data;

	w->answers++;
	if (r != -ECANCELED)
		assert_int_equal(ledger_after(w->l, on_chain_for_ever, w), 0);
}

static void test_rounds_have_an_end(void **state)
{
	struct world *w = *state;
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
	struct world *w = *state;

	wait_commit(w);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->answers, 1);
	assert_int_equal(w->answer, 0);
}

static void test_close_commits(void **state)
{
	struct world *w = *state;

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
	struct world *w = *state;
	struct reqfile *file = add_file(w, 1, "fox", "a fox");

	close_ledger(w);
	place_close(w->p);
	place_sql(w->p, "CREATE TRIGGER full BEFORE INSERT ON job "
			"BEGIN SELECT RAISE(ABORT, 'no room'); END");
	assert_int_equal(store_open(&w->p->s, place_folder(w->p), NULL), 0);
	assert_int_equal(ledger_new(&w->l, &w->loop, w->p->s), 0);

	ledger_file(w->l, file);
	ledger_job(w->l, w->job);
	wait_commit(w);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->answers, 1); /* told, and not left waiting */
	assert_true(w->answer < 0);
	assert_int_equal(ledger_health(w->l), w->answer);
	assert_files(w, ""); /* all or nothing */
	assert_true(list_linked(&w->job->dirty_in));
	assert_true(list_linked(&file->dirty_in));

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
	struct world *w = *state;
	struct reqfile *file = add_file(w, 1, "fox", "a fox");
	unsigned failed = 1;
	struct node *deep;

	assert_int_equal(tree_walk(w->requests, "a", true, 0755, &deep), 0);
	for (unsigned n = 0; failed; n++) {
		int r;

		oom_fail_once(n);
		ledger_job(w->l, w->job);
		ledger_file(w->l, file);
		r = ledger_folder(w->l, "a", deep);
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

/* An empty file is no reason for a transaction of its own; but it does not wait for ever. */
static void test_later(void **state)
{
	struct world *w = *state;
	struct reqfile *file = add_file(w, 1, "fox", "");

	ledger_file_later(w->l, file);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(ledger_commits(w->l), 0);
	while (ledger_commits(w->l) == 0)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_files(w, "fox 640  0\n");
	reqfile_free(file);
}

static void test_later_goes_along(void **state)
{
	struct world *w = *state;
	struct reqfile *file = add_file(w, 1, "fox", "");

	ledger_file_later(w->l, file);
	ledger_job(w->l, w->job);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(ledger_commits(w->l), 1);
	assert_files(w, "fox 640  0\n");
	reqfile_free(file);
}

/* After a commit that several waited for, the next gathers; a single one never waits. */
static void test_gathers_in_a_crowd(void **state)
{
	struct world *w = *state;

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_commit_before_the_loop_sleeps),
		TEST(test_files),
		TEST(test_forgotten_and_changed_again),
		TEST(test_folders_creates_facts),
		TEST(test_changes_of_who_waited),
		TEST(test_rounds_have_an_end),
		TEST(test_waiting_without_a_change),
		TEST(test_close_commits),
		TEST(test_failure),
		TEST(test_later),
		TEST(test_later_goes_along),
		TEST(test_gathers_in_a_crowd),
		TEST(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
