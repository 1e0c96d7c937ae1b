/* store: full and broken disks, rows that make no sense, and no memory. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing_writes.h"
#include "oom.h"
#include "pimagefs/log.h"
#include "store_place.h"

static int put_large_file(struct place *p, const char *text, size_t size)
{
	struct store_file file = { .number = 1, .path = "fox", .text = text, .size = size };
	int r = store_begin(p->s);

	if (!r)
		r = store_put_file(p->s, &file);
	if (!r)
		r = store_put_fact(p->s, "large", "yes");
	return r ? r : store_commit(p->s);
}

static int count_file(const struct store_file *file, void *data)
{
	assert_int_equal(file->size, 5000000);
	++*(int *)data;
	return 0;
}

/* So large that SQLite writes part of it before the commit: so the failure comes at different
 * places. */
static void failing_writes(void **state, int number, int expected)
{
	struct place *p = *state;
	const size_t size = 5000000;
	char *text = malloc(size);
	int failed = 0, files_there = 0, r;

	assert_non_null(text);
	memset(text, 'x', size);
	DO(p, store_put_fact(p->s, "a", "before"));
	writes_watch(number);
	for (int n = 0;; n += 1 + n / 3) {
		writes_left = n;
		r = put_large_file(p, text, size);
		writes_left = -1;
		if (!r)
			break;
		failed++;
		assert_int_equal(r, expected);
		/* Nothing sneaks in before the rollback. */
		assert_int_equal(store_put_fact(p->s, "a", "sneaked in"), expected);
		assert_int_equal(store_commit(p->s), expected);
		store_rollback(p->s);
		place_assert_fact(p, "a", "before");
		place_assert_fact(p, "large", NULL);
		DO(p, store_put_fact(p->s, "works", "again"));
	}
	assert_true(failed > 5);
	place_reopen(p);
	writes_unwatch();
	place_assert_fact(p, "large", "yes");
	assert_int_equal(store_each_file(p->s, count_file, &files_there), 0);
	assert_int_equal(files_there, 1);
	free(text);
}

static void full_disk(void **state)
{
	failing_writes(state, ENOSPC, -ENOSPC);
}

static void over_quota(void **state)
{
	failing_writes(state, EDQUOT, -ENOSPC);
}

static void broken_disk(void **state)
{
	failing_writes(state, EIO, -EIO);
}

static void opening_on_a_full_disk(void **state)
{
	struct place *p = *state;
	struct error err;

	place_close(p);
	writes_watch(ENOSPC);
	for (int n = 0; n < 3; n++) {
		writes_left = n;
		assert_int_equal(store_open(&p->s, scratch_path(p->folder, "new"), NULL, &err),
				 -ENOSPC);
		assert_null(p->s);
		assert_non_null(strstr(err.message, "No space left"));
	}
	writes_unwatch();
	assert_int_equal(store_open(&p->s, scratch_path(p->folder, "new"), NULL, &err), 0);
	DO(p, store_put_fact(p->s, "a", "1"));
}

/* The same tables without their constraints, as a damaged or mended database might have them. */
static const char loose_tables[] =
	"DROP TABLE job; DROP TABLE file; DROP TABLE folder; DROP TABLE create_sent;"
	"DROP TABLE fact;"
	"CREATE TABLE job (number INTEGER PRIMARY KEY, queue_order, id, state, current, dismissed,"
	" prediction_over, prompt, input, seed, prediction_id, link, created_ms, submitted_ms,"
	" completed_ms, attempts, polls, predict_time_s, cost_usd, picture_path, picture_mime,"
	" picture_width, picture_height, picture_bytes, sha256, error_class, error_http_status,"
	" error_message, error_details, error_request_id, error_hint, unanswered,"
	" unanswered_ms, reused_from, model, cancel_owed, spent, spent_ms, spent_cost,"
	" tags, comment, rating, sidecar_old, of_file, part, line, origins,"
	" own_seed, made_anew);"
	"CREATE TABLE file (number INTEGER PRIMARY KEY, path, mode, mtime_ns, text, xattrs, job,"
	" unsent, unconfirmed);"
	"CREATE TABLE folder (path, mode, mtime_ns);"
	"CREATE TABLE create_sent (wall_ms);"
	"CREATE TABLE fact (name, value);";

static void loosen(struct place *p, const char *rows)
{
	char path[SCRATCH_PATH + 8];

	snprintf(path, sizeof(path), "%s/log", p->folder);
	assert_int_equal(log_open(path, LOG_LEVEL_WARN), 0);
	place_close(p);
	place_sql(p, loose_tables);
	place_sql(p, rows);
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, NULL), 0);
}

static void assert_logged(struct place *p, const char *words)
{
	struct buf b = BUF_INIT;

	assert_int_equal(log_open("stderr", LOG_LEVEL_INFO), 0);
	assert_int_equal(scratch_read(p->folder, "log", &b), 0);
	assert_non_null(strstr(buf_text(&b), words));
	buf_release(&b);
}

static void job_rows_without_sense(void **state)
{
	struct place *p = *state;

	loosen(p, "INSERT INTO job (number) VALUES (1);"
		  "INSERT INTO job (number, id) VALUES (2, 'fox');"
		  "INSERT INTO job (number, id, state) VALUES (3, 'fox', 'sleeping');"
		  "INSERT INTO job (number, state) VALUES (4, 'ready');"
		  "INSERT INTO job (number, id, state) VALUES (5, '', 'ready');"
		  "INSERT INTO job (number, id, state) VALUES (6, CAST(X'66ff' AS TEXT), 'ready');"
		  "INSERT INTO job (number, id, state) VALUES (7, X'666f78', 'ready');"
		  "INSERT INTO job (number, id, state) VALUES (8, 'fox', 3);");
	assert_int_equal(place_count_jobs(p), 0);
	assert_logged(p, "job 8 ");
}

static void job_columns_of_nulls(void **state)
{
	struct place *p = *state;
	struct job *job;

	loosen(p, "INSERT INTO job (number, id, state) VALUES (1, 'fox', 'ready')");
	job = place_load_job(p);
	assert_int_equal(job->state, JOB_READY);
	assert_true(!job->current && !job->prompt && !job->picture_path && !job->error);
	assert_true(!job->has_seed && job->predict_time_s < 0 && job->cost_usd < 0);
	assert_int_equal(job->created_ms, 0);
	job_free(job);
	assert_int_equal(log_open("stderr", LOG_LEVEL_INFO), 0);
}

static void job_columns_without_sense(void **state)
{
	struct place *p = *state;
	struct job *job;

	loosen(p,
	       "INSERT INTO job VALUES (1, 'first', 'fox', 'failed', 'x', X'00', 2.5,"
	       " CAST(X'ff' AS TEXT), X'7b7d', 'seed', 12, 'a' || CHAR(0) || 'b', -5, 'x', 1e300,"
	       " -1, 99999999999, 'fast', -3, 5, 'text/html', -1, 99999999999, 'many', 'abc',"
	       " 'service', 'five', NULL, 7, CAST(X'80' AS TEXT), 'hint',"
	       " 1e99, -4, X'70', 7, 'x', -1, 'x', -7, X'41', CAST(X'ff' AS TEXT), 11, 'x',"
	       " -3, -1, X'41', CAST(X'ff' AS TEXT), 'x', -9);"
	       "INSERT INTO job (number, id, state, error_class) VALUES (2, 'b', 'held', 'odd')");
	DO(p, store_delete_job(p->s, 2));
	job = place_load_job(p);
	assert_true(!job->prompt && !job->input && !job->prediction_id && !job->link);
	assert_true(!job->has_seed && job->predict_time_s < 0 && job->cost_usd < 0);
	assert_string_equal(job->model, "p-image-lora-text-to-image");
	assert_true(job->created_ms == 0 && job->submitted_ms == 0 && job->completed_ms >= 0);
	assert_true(job->attempts == 0 && job->polls == UINT32_MAX);
	assert_true(!job->picture_path && job->picture.kind == PICTURE_NONE);
	assert_true(job->picture.width == 0 && job->picture.height == UINT32_MAX);
	assert_string_equal(job->sha256, "");
	assert_true(!job->set && !job->part && !job->line && !job->origins);
	assert_true(!job->tags && !job->comment && job->rating < 0 && !job->sidecar_old);
	assert_true(job->unanswered == 1000000 && job->unanswered_ms == 0 && !job->reused_from);
	assert_true(job->spent == 0 && job->spent_ms == 0 && job->spent_cost == 0);
	assert_int_equal(job->error->class, ERROR_SERVICE);
	assert_string_equal(job->error->message, "");
	assert_int_equal(job->error->advice, ADVICE_NONE);
	job_free(job);
	assert_int_equal(log_open("stderr", LOG_LEVEL_INFO), 0);
}

static int count_any_file(const struct store_file *file, void *data)
{
	assert_true(file->text && file->xattrs && *file->path);
	++*(int *)data;
	return 0;
}

static void other_rows_without_sense(void **state)
{
	struct place *p = *state;
	struct buf b = BUF_INIT;
	int n = 0;

	loosen(p, "INSERT INTO file (number) VALUES (1);"
		  "INSERT INTO file (number, path) VALUES (2, 'fox');"
		  "INSERT INTO file VALUES (3, '', 'x', 'x', 1, 2.5, 'x', X'ff', 'x');"
		  "INSERT INTO file VALUES (4, 'dog', 'x', 'x', 1, 2.5, 'x', X'ff', 'x');"
		  "INSERT INTO folder VALUES (NULL, NULL, NULL), ('cats', 'x', X'ff');"
		  "INSERT INTO create_sent VALUES (NULL), ('x');"
		  "INSERT INTO fact VALUES (NULL, 'x'), ('a', NULL), ('b', X'ff'), ('c', 'good')");
	assert_int_equal(store_each_file(p->s, count_any_file, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(store_each_folder(p->s, list_folder, &b), 0);
	assert_string_equal(buf_text(&b), "cats 0 0\n");
	assert_int_equal(store_each_create(p->s, list_create, &b), 0);
	buf_release(&b);
	place_assert_fact(p, "a", NULL);
	place_assert_fact(p, "b", NULL);
	place_assert_fact(p, "c", "good");
	assert_logged(p, "file 3 ");
}

static void no_memory(void **state)
{
	struct place *p = *state;
	struct job *job = full_job();
	struct store *s = NULL;
	unsigned failed = 1;

	DO(p, store_put_job(p->s, job));
	for (unsigned n = 0; failed; n++) {
		struct jobs jobs = { 0 };
		int r;

		oom_fail_after(n);
		r = store_each_job(p->s, jobs_collect, &jobs);
		failed = oom_off();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		assert_int_equal(jobs.n, failed ? 0 : 1);
		place_jobs_free(&jobs);
	}
	oom_fail_after(0);
	assert_int_equal(store_open(&s, scratch_path(p->folder, "other"), NULL, NULL), -ENOMEM);
	assert_true(oom_off() > 0);
	job_free(job);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_make, place_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(full_disk),
		TEST(over_quota),
		TEST(broken_disk),
		TEST(opening_on_a_full_disk),
		TEST(job_rows_without_sense),
		TEST(job_columns_of_nulls),
		TEST(job_columns_without_sense),
		TEST(other_rows_without_sense),
		TEST(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
