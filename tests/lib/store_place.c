/* store_place: see store_place.h. */
#include "store_place.h"

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
#include <sys/stat.h>

#include <cmocka.h>
#include <sqlite3.h>

const char *place_folder(struct place *p)
{
	return scratch_path(p->folder, "state");
}

int place_make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	umask(0);
	scratch_make(p->folder);
	*state = p;
	return store_open(&p->s, place_folder(p), NULL, NULL);
}

int place_drop(void **state)
{
	struct place *p = *state;

	store_close(p->s);
	scratch_remove(p->folder);
	free(p);
	return 0;
}

void place_close(struct place *p)
{
	store_close(p->s);
	p->s = NULL;
}

void place_reopen(struct place *p)
{
	place_close(p);
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, NULL), 0);
}

void place_sql(struct place *p, const char *text)
{
	sqlite3 *db;

	assert_null(p->s);
	assert_int_equal(sqlite3_open(scratch_path(p->folder, DATABASE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

struct job *new_job(uint64_t number, const char *id)
{
	struct job *job = job_new(number, id, 1000 + (int64_t)number);

	assert_non_null(job);
	return job;
}

int jobs_collect(struct job *job, void *data)
{
	struct jobs *jobs = data;

	assert_true(jobs->n < MOST_JOBS);
	jobs->at[jobs->n++] = job;
	return 0;
}

void place_jobs_free(struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->n; i++)
		job_free(jobs->at[i]);
	jobs->n = 0;
}

struct job *place_load_job(struct place *p)
{
	struct jobs jobs = { 0 };

	assert_int_equal(store_each_job(p->s, jobs_collect, &jobs), 0);
	assert_int_equal(jobs.n, 1);
	return jobs.at[0];
}

size_t place_count_jobs(struct place *p)
{
	struct jobs jobs = { 0 };
	size_t n;

	assert_int_equal(store_each_job(p->s, jobs_collect, &jobs), 0);
	n = jobs.n;
	place_jobs_free(&jobs);
	return n;
}

struct job *full_job(void)
{
	struct job *job = new_job(7, "cats/tabby");
	struct error error;

	job->order = 12;
	job->state = JOB_FAILED;
	job->current = job->dismissed = job->prediction_over = job->has_seed = true;
	job->seed = -42;
	assert_int_equal(job_set_text(&job->model, "p-image-text-to-image"), 0);
	assert_int_equal(job_set_text(&job->prompt, "a cat\nin Köln"), 0);
	assert_int_equal(job_set_text(&job->input, "{\"prompt\":\"a cat\"}"), 0);
	assert_int_equal(job_set_text(&job->prediction_id, "pred-1"), 0);
	assert_int_equal(job_set_text(&job->link, "https://cdn.example/x.jpg"), 0);
	assert_int_equal(job_set_text(&job->picture_path, "2026-11-22/141503-cats-tabby.jpg"), 0);
	job->submitted_ms = 2000;
	job->completed_ms = INT64_C(1795356903250);
	job->attempts = 3;
	job->polls = 4000000000u;
	job->predict_time_s = 2.125;
	job->cost_usd = 0;
	job->unanswered = 2;
	job->unanswered_ms = 1500;
	job->spent = 4;
	job->spent_ms = 1600;
	job->spent_cost = 40000000;
	assert_int_equal(job_set_text(&job->reused_from, "pred-0"), 0);
	assert_int_equal(job_set_text(&job->tags, "best,cat"), 0);
	assert_int_equal(job_set_text(&job->comment, "mine"), 0);
	job->rating = 0;
	job->sidecar_old = true;
	job->picture = (struct picture){ PICTURE_JPEG, 1440, 256 };
	job->picture_bytes = INT64_C(5000000000);
	memset(job->sha256, 'a', DIGEST_HEX - 1);
	error_set(&error, ERROR_MODERATION, "refused: %s", "why");
	error.http_status = 422;
	error.advice = ADVICE_CHANGE;
	error_text(error.details, sizeof(error.details), "details");
	error_text(error.request_id, sizeof(error.request_id), "req-1");
	assert_int_equal(job_set_error(job, &error), 0);
	return job;
}

void place_put_file(struct place *p, uint64_t number, const char *path, const char *text,
		    size_t size)
{
	const struct store_file file = {
		.number = number,
		.path = path,
		.mode = 0640,
		.mtime_ns = INT64_C(1795356903250123456),
		.text = text,
		.size = size,
		.xattrs = number == 1 ? "user.a\0\0\0\0\0" : NULL,
		.xattrs_size = number == 1 ? 11 : 0,
		.job = number * 10,
		.unsent = number == 1,
	};

	DO(p, store_put_file(p->s, &file));
}

void place_assert_fact(struct place *p, const char *name, const char *value)
{
	char *found = NULL;

	assert_int_equal(store_get_fact(p->s, name, &found), value ? 0 : -ENOENT);
	if (value)
		assert_string_equal(found, value);
	else
		assert_null(found);
	free(found);
}

int list_folder(const struct store_folder *folder, void *data)
{
	return buf_printf(data, "%s %o %lld\n", folder->path, folder->mode,
			  (long long)folder->mtime_ns);
}

int list_create(int64_t wall_ms, void *data)
{
	return buf_printf(data, "%lld ", (long long)wall_ms);
}
