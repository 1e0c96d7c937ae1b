/* store: what comes back after closing and opening, and transactions. */
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

#include <cmocka.h>

#include "store_place.h"

static void assert_same_request(const struct job *a, const struct job *b)
{
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->order, b->order);
	assert_string_equal(a->id, b->id);
	assert_int_equal(a->state, b->state);
	assert_true(a->current == b->current && a->dismissed == b->dismissed);
	assert_int_equal(a->prediction_over, b->prediction_over);
	assert_string_equal(a->model, b->model);
	assert_string_equal(a->prompt, b->prompt);
	assert_string_equal(a->input, b->input);
	assert_int_equal(a->has_seed, b->has_seed);
	assert_int_equal(a->seed, b->seed);
	assert_int_equal(a->created_ms, b->created_ms);
	assert_int_equal(a->submitted_ms, b->submitted_ms);
	assert_int_equal(a->completed_ms, b->completed_ms);
}

static void assert_same_course(const struct job *a, const struct job *b)
{
	assert_string_equal(a->prediction_id, b->prediction_id);
	assert_string_equal(a->link, b->link);
	assert_int_equal(a->attempts, b->attempts);
	assert_int_equal(a->polls, b->polls);
	assert_true(a->predict_time_s == b->predict_time_s && a->cost_usd == b->cost_usd);
	assert_int_equal(a->unanswered, b->unanswered);
	assert_int_equal(a->unanswered_ms, b->unanswered_ms);
	assert_int_equal(a->spent, b->spent);
	assert_int_equal(a->spent_ms, b->spent_ms);
	assert_int_equal(a->spent_cost, b->spent_cost);
	assert_string_equal(a->reused_from, b->reused_from);
	assert_string_equal(a->tags, b->tags);
	assert_string_equal(a->comment, b->comment);
	assert_true(a->rating == b->rating && a->sidecar_old == b->sidecar_old);
	assert_string_equal(a->picture_path, b->picture_path);
	assert_memory_equal(&a->picture, &b->picture, sizeof(a->picture));
	assert_int_equal(a->picture_bytes, b->picture_bytes);
	assert_string_equal(a->sha256, b->sha256);
	assert_int_equal(a->error->class, b->error->class);
	assert_int_equal(a->error->http_status, b->error->http_status);
	assert_string_equal(a->error->message, b->error->message);
	assert_string_equal(a->error->details, b->error->details);
	assert_string_equal(a->error->request_id, b->error->request_id);
	assert_int_equal(a->error->advice, b->error->advice);
}

static void whole_job(void **state)
{
	struct place *p = *state;
	struct job *job = full_job(), *back;

	DO(p, store_put_job(p->s, job));
	place_reopen(p);
	back = place_load_job(p);
	assert_same_request(job, back);
	assert_same_course(job, back);
	assert_false(list_linked(&back->link_in));
	assert_false(list_linked(&back->item.in));
	assert_true(!back->call && !back->view && !back->due_ms && !back->tries);
	job_free(back);
	job_free(job);
}

static void bare_job(void **state)
{
	struct place *p = *state;
	struct job *job = new_job(1, "fox"), *back;

	DO(p, store_put_job(p->s, job));
	back = place_load_job(p);
	assert_int_equal(back->state, JOB_DRAFT);
	assert_int_equal(back->created_ms, 1001);
	assert_true(!back->prompt && !back->input && !back->prediction_id && !back->link);
	assert_true(!back->picture_path && !back->error && !back->has_seed);
	assert_true(back->predict_time_s < 0 && back->cost_usd < 0);
	assert_int_equal(back->picture.kind, PICTURE_NONE);
	assert_string_equal(back->sha256, "");
	job_free(back);
	job_free(job);
}

static void each_state(void **state)
{
	struct place *p = *state;
	struct jobs jobs = { 0 };
	struct job *job = new_job(1, "fox");

	for (int i = 0; i < JOB_STATES; i++) {
		job->number = (uint64_t)(JOB_STATES - i);
		job->state = (enum job_state)i;
		DO(p, store_put_job(p->s, job));
	}
	assert_int_equal(store_each_job(p->s, jobs_collect, &jobs), 0);
	assert_int_equal(jobs.n, JOB_STATES);
	for (int i = 0; i < JOB_STATES; i++) {
		assert_int_equal(jobs.at[i]->number, i + 1);
		assert_int_equal(jobs.at[i]->state, JOB_STATES - 1 - i);
	}
	place_jobs_free(&jobs);
	job_free(job);
}

static void changed_and_deleted(void **state)
{
	struct place *p = *state;
	struct job *job = full_job(), *back;

	DO(p, store_put_job(p->s, job));
	assert_int_equal(job_set_error(job, NULL), 0);
	assert_int_equal(job_set_text(&job->prompt, "a dog"), 0);
	job->has_seed = false;
	DO(p, store_put_job(p->s, job));
	back = place_load_job(p);
	assert_string_equal(back->prompt, "a dog");
	assert_true(!back->error && !back->has_seed);
	job_free(back);
	DO(p, store_delete_job(p->s, 8));
	assert_int_equal(place_count_jobs(p), 1);
	DO(p, store_delete_job(p->s, 7));
	assert_int_equal(place_count_jobs(p), 0);
	job_free(job);
}

static int stop_at_second(struct job *job, void *data)
{
	job_free(job);
	return ++*(int *)data == 2 ? -ECANCELED : 0;
}

static void reading_ends_early(void **state)
{
	struct place *p = *state;
	int seen = 0;

	for (uint64_t i = 1; i <= 3; i++) {
		struct job *job = new_job(i, "fox");

		DO(p, store_put_job(p->s, job));
		job_free(job);
	}
	assert_int_equal(store_each_job(p->s, stop_at_second, &seen), -ECANCELED);
	assert_int_equal(seen, 2);
	/* The statement did not stay open. */
	assert_int_equal(place_count_jobs(p), 3);
	DO(p, store_delete_job(p->s, 1));
}

static int check_file(const struct store_file *file, void *data)
{
	int *n = data;

	assert_int_equal(file->number, ++*n);
	assert_int_equal(file->mode, 0640);
	assert_int_equal(file->mtime_ns, INT64_C(1795356903250123456));
	assert_int_equal(file->job, *n * 10);
	assert_non_null(file->text);
	if (*n == 1) {
		assert_string_equal(file->path, "cats/größe.txt");
		assert_int_equal(file->size, 4);
		assert_memory_equal(file->text, "a\0b\xff", 4);
		assert_int_equal(file->xattrs_size, 11);
		assert_memory_equal(file->xattrs, "user.a\0\0\0\0\0", 11);
		assert_true(file->unsent);
	} else {
		assert_string_equal(file->path, "fox");
		assert_int_equal(file->size, 0);
		assert_int_equal(file->xattrs_size, 0);
		assert_false(file->unsent);
	}
	return 0;
}

static void files(void **state)
{
	struct place *p = *state;
	int n = 0;

	place_put_file(p, 2, "wolf", "howl", 4);
	place_put_file(p, 1, "cats/größe.txt", "a\0b\xff", 4);
	place_put_file(p, 2, "fox", NULL, 0);
	place_reopen(p);
	assert_int_equal(store_each_file(p->s, check_file, &n), 0);
	assert_int_equal(n, 2);
	DO(p, store_delete_file(p->s, 1));
	DO(p, store_delete_file(p->s, 2));
	DO(p, store_delete_file(p->s, 3));
	assert_int_equal(store_each_file(p->s, check_file, &n), 0);
	assert_int_equal(n, 2);
}

/* Paths are no keys: two files may change names within one transaction. */
static void files_swap_names(void **state)
{
	struct place *p = *state;
	struct store_file a = { .number = 1, .path = "a" }, b = { .number = 2, .path = "b" };

	place_put_file(p, 1, "a", "1", 1);
	place_put_file(p, 2, "b", "2", 1);
	a.path = "b";
	b.path = "a";
	assert_int_equal(store_begin(p->s), 0);
	assert_int_equal(store_put_file(p->s, &a), 0);
	assert_int_equal(store_put_file(p->s, &b), 0);
	assert_int_equal(store_commit(p->s), 0);
	place_reopen(p);
}

static void folders(void **state)
{
	struct place *p = *state;
	struct buf b = BUF_INIT;

	DO(p, store_put_folder(p->s, &(struct store_folder){ "cats/big", 0700, 3 }));
	DO(p, store_put_folder(p->s, &(struct store_folder){ "cats", 0755, 1 }));
	DO(p, store_put_folder(p->s, &(struct store_folder){ "dogs", 0755, 2 }));
	DO(p, store_put_folder(p->s, &(struct store_folder){ "cats", 0750, 9 }));
	DO(p, store_delete_folder(p->s, "dogs"));
	DO(p, store_delete_folder(p->s, "birds"));
	place_reopen(p);
	assert_int_equal(store_each_folder(p->s, list_folder, &b), 0);
	assert_string_equal(buf_text(&b), "cats 750 9\ncats/big 700 3\n");
	buf_release(&b);
}

static void creates(void **state)
{
	struct place *p = *state;
	struct buf b = BUF_INIT;

	DO(p, store_add_create(p->s, 300));
	DO(p, store_add_create(p->s, 100));
	DO(p, store_add_create(p->s, 200));
	DO(p, store_add_create(p->s, 200));
	DO(p, store_prune_creates(p->s, 200));
	place_reopen(p);
	assert_int_equal(store_each_create(p->s, list_create, &b), 0);
	assert_string_equal(buf_text(&b), "200 200 300 ");
	buf_release(&b);
}

static void facts(void **state)
{
	struct place *p = *state;

	place_assert_fact(p, "paused", NULL);
	DO(p, store_put_fact(p->s, "paused", "1"));
	DO(p, store_put_fact(p->s, "other", ""));
	DO(p, store_put_fact(p->s, "paused", "2"));
	place_reopen(p);
	place_assert_fact(p, "paused", "2");
	place_assert_fact(p, "other", "");
	place_assert_fact(p, "Paused", NULL);
	DO(p, store_put_fact(p->s, "paused", NULL));
	DO(p, store_put_fact(p->s, "never", NULL));
	place_assert_fact(p, "paused", NULL);
}

static void rollback(void **state)
{
	struct place *p = *state;

	DO(p, store_put_fact(p->s, "a", "kept"));
	assert_int_equal(store_begin(p->s), 0);
	assert_int_equal(store_put_fact(p->s, "a", "lost"), 0);
	assert_int_equal(store_put_fact(p->s, "b", "lost"), 0);
	store_rollback(p->s);
	place_assert_fact(p, "a", "kept");
	place_assert_fact(p, "b", NULL);
	/* Harmless where there is none. */
	store_rollback(p->s);
	assert_int_equal(store_begin(p->s), 0);
	assert_int_equal(store_put_fact(p->s, "a", "lost on close"), 0);
	place_reopen(p);
	place_assert_fact(p, "a", "kept");
}

static void only_within_a_transaction(void **state)
{
	struct place *p = *state;

	assert_int_equal(store_put_fact(p->s, "a", "1"), -EINVAL);
	assert_int_equal(store_commit(p->s), -EINVAL);
	assert_int_equal(store_begin(p->s), 0);
	assert_int_equal(store_begin(p->s), -EINVAL);
	assert_int_equal(store_put_fact(p->s, "a", "1"), 0);
	assert_int_equal(store_commit(p->s), 0);
	place_assert_fact(p, "a", "1");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_make, place_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole_job),
		TEST(bare_job),
		TEST(each_state),
		TEST(changed_and_deleted),
		TEST(reading_ends_early),
		TEST(files),
		TEST(files_swap_names),
		TEST(folders),
		TEST(creates),
		TEST(facts),
		TEST(rollback),
		TEST(only_within_a_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
