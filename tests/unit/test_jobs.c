/* jobs: the tables, the lists in their order, and who is told of what. */
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
#include "pimagefs/jobs.h"

struct fixture {
	struct jobs *jobs;
	unsigned told[JOBS_GONE + 1];
	struct job *last;
};

static void on_job(struct job *job, enum jobs_change change, void *data)
{
	struct fixture *f = data;

	f->told[change]++;
	f->last = job;
}

/* Beside the core's own: only the tables, on its ledger. */
static struct jobs *make(struct core *c, struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(jobs_new(&f->jobs, &c->sim.world, c->ledger), 0);
	assert_int_equal(jobs_listen(f->jobs, on_job, f), 0);
	return f->jobs;
}

static struct job *queued(struct jobs *js, const char *id, uint64_t order)
{
	struct job *job = jobs_add(js, id);

	assert_non_null(job);
	assert_int_equal(jobs_make_current(js, job), 0);
	job->order = order;
	assert_int_equal(jobs_move(js, job, JOB_SUBMIT), 0);
	return job;
}

static void test_moves_are_told(void **state)
{
	struct fixture f;
	struct jobs *js = make(*state, &f);
	struct job *job = queued(js, "fox", 1);

	assert_int_equal(f.told[JOBS_MOVED], 1);
	assert_ptr_equal(f.last, job);
	assert_int_equal(jobs_count(js, JOB_QUEUED), 1);
	assert_int_equal(jobs_count(js, JOB_DRAFT), 0);
	assert_int_equal(jobs_move(js, job, JOB_STORED), -EINVAL); /* there is no such move */
	assert_int_equal(f.told[JOBS_MOVED], 1);
	assert_int_equal(job->state, JOB_QUEUED);
	jobs_touch(js, job);
	assert_int_equal(f.told[JOBS_CHANGED], 1);
	jobs_discard(js, job);
	assert_int_equal(f.told[JOBS_GONE], 1);
	assert_null(jobs_find(js, "fox"));
	assert_int_equal(jobs_count(js, JOB_QUEUED), 0);
	jobs_free(js);
}

static void test_the_queue_is_in_order(void **state)
{
	struct fixture f;
	struct jobs *js = make(*state, &f);
	struct job *third = queued(js, "c", 30), *first = queued(js, "a", 10),
		   *second = queued(js, "b", 20);
	unsigned n = 0;

	assert_int_equal(jobs_position(js, first), 1);
	assert_int_equal(jobs_position(js, second), 2);
	assert_int_equal(jobs_position(js, third), 3);
	jobs_move(js, first, JOB_SEND);
	assert_int_equal(jobs_position(js, first), 0);
	assert_int_equal(jobs_position(js, third), 2);
	jobs_move(js, first, JOB_POSTPONE); /* back to its own place */
	assert_int_equal(jobs_position(js, first), 1);
	list_each (p, jobs_queue(js))
		assert_int_equal(list_entry(p, struct job, link_in)->order, 10 * ++n);
	assert_int_equal(n, 3);
	jobs_free(js);
	assert_int_equal(f.told[JOBS_GONE], 3);
}

static void test_the_last_has_the_id(void **state)
{
	struct fixture f;
	struct jobs *js = make(*state, &f);
	struct job *old = queued(js, "fox", 1), *new = queued(js, "fox", 2);

	assert_ptr_equal(jobs_find(js, "fox"), new);
	assert_false(old->current);
	assert_ptr_equal(jobs_find_number(js, old->number), old);
	assert_int_equal(jobs_rename(js, new, "bear"), 0);
	assert_null(jobs_find(js, "fox"));
	assert_ptr_equal(jobs_find(js, "bear"), new);
	assert_int_equal(jobs_rename(js, old, "bear"), 0); /* and takes it from the other */
	assert_ptr_equal(jobs_find(js, "bear"), old);
	assert_false(new->current);
	jobs_free(js);
}

static void test_a_worthless_one_goes(void **state)
{
	struct fixture f;
	struct jobs *js = make(*state, &f);
	struct job *draft = jobs_add(js, "fox");

	assert_int_equal(jobs_make_current(js, draft), 0);
	queued(js, "fox", 1); /* nobody holds the draft's text: it can never be asked for */
	assert_int_equal(f.told[JOBS_GONE], 1);
	assert_int_equal(jobs_count(js, JOB_DRAFT), 0);
	jobs_free(js);
}

static void test_empty_drafts_ask_for_nothing(void **state)
{
	struct fixture f;
	struct jobs *js = make(*state, &f);
	struct job *draft = jobs_add(js, "fox");

	jobs_add(js, "bear");
	assert_int_equal(jobs_unfinished(js), 0);
	assert_int_equal(job_set_text(&draft->input, "{}"), 0);
	assert_int_equal(jobs_unfinished(js), 1);
	jobs_free(js);
}

static int collect(struct job *job, void *data)
{
	char *ids = data;

	strcat(ids, job->id);
	return strlen(ids) == 4 ? 7 : 0;
}

static struct job *ready(struct jobs *js, const char *id, int64_t completed_ms)
{
	struct job *job = queued(js, id, 1);

	job->completed_ms = completed_ms;
	assert_int_equal(jobs_move(js, job, JOB_REUSE), 0);
	return job;
}

static void test_walks(void **state)
{
	struct fixture f;
	struct jobs *js = make(*state, &f);
	char ids[16] = "";

	ready(js, "b", 2000);
	ready(js, "c", 3000);
	ready(js, "a", 1000);
	queued(js, "q", 2);
	assert_int_equal(jobs_each_picture(js, collect, ids), 0);
	assert_string_equal(ids, "cba"); /* the newest first */
	ids[0] = '\0';
	assert_int_equal(jobs_each(js, collect, ids), 7); /* what fn returns ends it */
	assert_string_equal(ids, "bcaq");
	jobs_free(js);
}

static void test_who_owes_a_cancel(void **state)
{
	struct fixture f;
	struct jobs *js = make(*state, &f);
	struct job *job = queued(js, "fox", 1);

	jobs_move(js, job, JOB_CANCEL);
	jobs_owe_cancel(js, job, true); /* without a prediction there is nothing to cancel */
	assert_true(list_empty(jobs_owing(js)));
	assert_int_equal(jobs_set_prediction(js, job, "p1"), 0);
	jobs_owe_cancel(js, job, true);
	assert_false(list_empty(jobs_owing(js)));
	jobs_owe_cancel(js, job, false);
	assert_true(list_empty(jobs_owing(js)));
	assert_ptr_equal(jobs_find_prediction(js, "p1"), job);
	jobs_free(js);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_moves_are_told),
		TEST(test_the_queue_is_in_order),
		TEST(test_the_last_has_the_id),
		TEST(test_a_worthless_one_goes),
		TEST(test_empty_drafts_ask_for_nothing),
		TEST(test_walks),
		TEST(test_who_owes_a_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
