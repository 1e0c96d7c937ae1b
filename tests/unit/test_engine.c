/* engine: from a draft to a picture, the order of the queue and its limits, names, and the end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"

/* --- drafts --- */

static void test_draft_is_nobodys(void **state)
{
	struct core *c = *state;
	struct job *job = engine_draft(c->engine, "fox");
	uint64_t number = job->number;

	core_assert_state(job, JOB_DRAFT);
	assert_false(job->current);
	assert_null(engine_find(c->engine, "fox"));
	assert_ptr_equal(engine_find_number(c->engine, number), job);
	core_assert_idle(c);
	engine_discard(c->engine, job);
	assert_null(engine_find_number(c->engine, number));
	job = engine_draft(c->engine, "fox");
	assert_true(job->number > number);
}

static void test_shown_draft_takes_no_name_away(void **state)
{
	struct core *c = *state;
	struct job *first = engine_draft(c->engine, "fox"),
		   *second = engine_draft(c->engine, "fox");

	assert_int_equal(engine_show_draft(c->engine, first), 0);
	assert_int_equal(core_name(c->status, "fox.json"), 2);
	assert_int_equal(core_name(c->images, "fox.png"), 0);
	assert_int_equal(engine_show_draft(c->engine, second), 0);
	assert_ptr_equal(engine_find(c->engine, "fox"), first);
	assert_false(second->current);
	engine_discard(c->engine, first);
	assert_null(engine_find(c->engine, "fox"));
	assert_int_equal(core_name(c->status, "fox.json"), 0);
}

static void test_registered_draft_waits(void **state)
{
	struct core *c = *state;
	struct job *job = core_register(c, "fox");

	core_assert_idle(c);
	assert_ptr_equal(core_find(c, "fox", JOB_DRAFT), job);
	assert_string_equal(job->prompt, "prompt of fox");
	assert_true(job->has_seed);
	assert_int_equal(job->seed, 4711);
	assert_int_equal(core_name(c->images, "fox.png"), 2); /* its picture already resolves */
}

static void test_refused(void **state)
{
	struct core *c = *state;
	struct job *job = engine_draft(c->engine, "fox");
	struct error err;

	error_set(&err, ERROR_INVALID, "no");
	assert_int_equal(engine_refuse(c->engine, job, &err), 0);
	core_assert_state(job, JOB_INVALID);
	core_assert_error(job, ERROR_INVALID);
	error_set(&err, ERROR_INVALID, "still no");
	assert_int_equal(engine_refuse(c->engine, job, &err), 0);
	assert_string_equal(job->error->message, "still no");
	assert_int_equal(engine_submit(c->engine, job), -EINVAL);
	assert_int_equal(engine_cancel(c->engine, job), -EINVAL);
	assert_int_equal(engine_retry(c->engine, job), -EINVAL);
	core_assert_idle(c);
}

/* --- the happy path --- */

static void test_whole_life(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");
	const char *body;

	assert_int_equal(fake_in_flight(&c->api, FAKE_CREATE), 0); /* not before it is on disk */
	core_wait_state(c, job, JOB_CREATING);
	ledger_sync(c->ledger);
	assert_int_equal(fake_in_flight(&c->api, FAKE_CREATE), 1);
	body = fake_text(&c->api, FAKE_CREATE);
	assert_non_null(strstr(body, "\"model\":\"p-image-lora-text-to-image\""));
	assert_non_null(strstr(body, "\"prompt\":\"prompt of fox\""));
	assert_non_null(strstr(body, "\"seed\":4711"));

	fake_accept(&c->api, "p1");
	core_assert_state(job, JOB_PROCESSING);
	assert_ptr_equal(engine_find_prediction(c->engine, "p1"), job);
	core_wait_calls(c, FAKE_POLL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_POLL), "p1");
	fake_say(&c->api, FAKE_POLL, SERVICE_PENDING);
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/x.png");
	core_assert_state(job, JOB_DOWNLOADING);
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	assert_string_equal(fake_text(&c->api, FAKE_DOWNLOAD), "https://cdn.test/x.png");
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_assert_state(job, JOB_READY);
	core_assert_idle(c);

	assert_int_equal(job->attempts, 1);
	assert_int_equal(job->polls, 2);
	assert_true(job->predict_time_s == 2);
	assert_true(job->cost_usd == 0.01);
	assert_int_equal(job->picture.kind, PICTURE_PNG);
	assert_int_equal(job->picture.width, 20);
	assert_int_equal(job->picture_bytes, c->png.size);
	assert_int_equal(strlen(job->sha256), 64);
	assert_null(job->error);
	assert_true(job->created_ms <= job->submitted_ms && job->submitted_ms <= job->completed_ms);
	assert_int_equal(library_size(c->library, job->picture_path), c->png.size);
	assert_int_equal(core_name(c->images, "fox.png"), 2);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static void test_limit_of_the_queue(void **state)
{
	struct core *c = *state;
	struct job *job;

	c->settings->limits.queue = 2;
	assert_int_equal(engine_may_accept(c->engine), 0);
	job = core_submit(c, "a");
	assert_int_equal(engine_may_accept(c->engine), 0);
	core_submit(c, "b");
	assert_int_equal(engine_may_accept(c->engine), -ENOSPC);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	assert_int_equal(engine_may_accept(c->engine), 0);
}

static void test_full_library(void **state)
{
	struct core *c = *state;

	c->settings->limits.min_free_bytes = INT64_MAX;
	assert_int_equal(engine_may_accept(c->engine), -ENOSPC);
}

/* --- names --- */

static void test_the_one_submitted_last_has_the_id(void **state)
{
	struct core *c = *state;
	struct job *first = core_submit(c, "fox"), *second;

	core_wait_calls(c, FAKE_CREATE, 1);
	second = core_submit(c, "fox");
	assert_false(first->current);
	assert_ptr_equal(engine_find(c->engine, "fox"), second);
	core_wait_calls(c, FAKE_CREATE, 2);
	fake_accept(&c->api, "p1");
	core_assert_state(first, JOB_PROCESSING); /* paid for: it goes on under its prediction id */
	assert_ptr_equal(engine_find_prediction(c->engine, "p1"), first);
	fake_accept(&c->api, "p2");
	core_assert_state(second, JOB_PROCESSING);
}

static void test_two_drafts_of_one_id(void **state)
{
	struct core *c = *state;
	struct job *first = core_register(c, "fox"), *second;

	first->file = c->requests; /* else nobody could ask for it any more */
	second = core_register(c, "fox");
	assert_ptr_equal(engine_find(c->engine, "fox"), second);
	assert_int_equal(engine_submit(c->engine, second), 0);
	assert_int_equal(engine_submit(c->engine, first), 0);
	assert_ptr_equal(engine_find(c->engine, "fox"), first);
	core_wait_calls(c, FAKE_CREATE, 2);
}

static void test_rename(void **state)
{
	struct core *c = *state;
	struct job *fox = core_ready(c, "fox", "p1"), *bear = core_ready(c, "bear", "p2");

	assert_int_equal(engine_rename(c->engine, fox, "bear"), 0);
	assert_null(engine_find(c->engine, "fox"));
	assert_ptr_equal(engine_find(c->engine, "bear"), fox);
	assert_false(bear->current);
	assert_int_equal(core_name(c->images, "fox.png"), 0);
	assert_int_equal(core_name(c->images, "bear.png"), 2);
	assert_int_equal(engine_rename(c->engine, bear, "bear"), 0); /* its own name again */
	assert_ptr_equal(engine_find(c->engine, "bear"), bear);
	assert_false(fox->current);
	core_restart(c);
	assert_string_equal(core_find(c, "bear", JOB_READY)->prediction_id, "p2");
	assert_null(engine_find(c->engine, "fox"));
}

static void test_cancel_in_each_state(void **state)
{
	struct core *c = *state;
	struct job *job = core_register(c, "draft");

	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	core_assert_error(job, ERROR_CANCELLED);
	assert_int_equal(engine_cancel(c->engine, job), -EINVAL);

	assert_int_equal(engine_pause(c->engine, true), 0);
	job = core_submit(c, "queued");
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(engine_pause(c->engine, false), 0);
	core_assert_idle(c);

	job = core_processing(c, "processing", "p1");
	core_wait_calls(c, FAKE_POLL, 1);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(c->api.stopped[FAKE_POLL], 1);
	core_wait_calls(c, FAKE_CANCEL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_CANCEL), "p1");
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	core_assert_state(job, JOB_CANCELLED);

	job = core_downloading(c, "downloading", "p2");
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(c->api.stopped[FAKE_DOWNLOAD], 1);

	job = core_ready(c, "ready", "p3");
	assert_int_equal(engine_cancel(c->engine, job), -EINVAL);
	core_assert_state(job, JOB_READY);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CANCEL], 1); /* what is finished cannot be cancelled */
}

static void test_cancel_before_it_left(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");

	core_wait_state(c, job, JOB_CREATING);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_idle(c);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	assert_int_equal(job->attempts, 0);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
}

static void test_cancel_while_it_is_created(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox");

	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(c->api.stopped[FAKE_CREATE], 0);        /* its answer is needed */
	assert_int_equal(engine_retry(c->engine, job), -EINVAL); /* not beside it */
	fake_accept(&c->api, "p1");
	core_assert_state(job, JOB_CANCELLED);
	core_wait_calls(c, FAKE_CANCEL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_CANCEL), "p1");
	assert_ptr_equal(engine_find_prediction(c->engine, "p1"), job);
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	core_assert_idle(c);

	assert_int_equal(engine_retry(c->engine, job), 0); /* that one is over: a new create */
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p2");
	core_assert_state(job, JOB_PROCESSING);
	assert_string_equal(job->prediction_id, "p2");
}

static void test_cancelled_create_that_fails(void **state)
{
	static const enum service_verdict verdicts[] = { SERVICE_REFUSED,   SERVICE_BUSY,
							 SERVICE_TROUBLE,   SERVICE_OFFLINE,
							 SERVICE_UNCERTAIN, SERVICE_AUTH };
	struct core *c = *state;

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++) {
		struct job *job = core_submit(c, "fox");

		core_wait_calls(c, FAKE_CREATE, 1);
		assert_int_equal(engine_cancel(c->engine, job), 0);
		fake_say(&c->api, FAKE_CREATE, verdicts[i]);
		core_assert_state(job, JOB_CANCELLED);
		core_assert_idle(c);
	}
	assert_int_equal(c->api.sent[FAKE_CANCEL], 0);
}

static void test_cancel_all(void **state)
{
	struct core *c = *state;
	struct job *ready = core_ready(c, "ready", "p1"), *running = core_processing(c, "a", "p2"),
		   *sent = core_submit(c, "b"), *draft = core_register(c, "d");

	engine_cancel_all(c->engine);
	core_assert_state(ready, JOB_READY);
	core_assert_state(running, JOB_CANCELLED);
	core_assert_state(sent, JOB_CANCELLED);
	core_assert_state(draft, JOB_CANCELLED);
	core_wait_calls(c, FAKE_CANCEL, 1);
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
}

static void test_retry_of_what_cannot(void **state)
{
	struct core *c = *state;

	assert_int_equal(engine_retry(c->engine, core_ready(c, "a", "p1")), -EINVAL);
	assert_int_equal(engine_retry(c->engine, core_register(c, "b")), -EINVAL);
	assert_int_equal(engine_retry(c->engine, core_processing(c, "d", "p2")), -EINVAL);
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
}

static void test_pause(void **state)
{
	struct core *c = *state;
	struct job *job = core_processing(c, "a", "p1");

	assert_int_equal(engine_pause(c->engine, true), 0);
	core_submit(c, "b");
	core_settle(c);
	core_find(c, "b", JOB_QUEUED);
	core_wait_calls(c, FAKE_POLL, 1); /* what is paid for goes on */
	fake_done(&c->api, "https://cdn.test/x.png");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
	core_assert_state(job, JOB_READY);
	core_assert_idle(c);

	core_restart(c);
	core_assert_idle(c);
	core_find(c, "b", JOB_QUEUED);
	assert_int_equal(engine_pause(c->engine, false), 0);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p2");
	core_restart(c);
	assert_false(core_stats(c).gate.paused);
}

static void test_dismiss(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "a", "p1");

	engine_filed(c->engine, job, c->requests); /* its request is still there */
	assert_int_equal(engine_dismiss(c->engine, job), 0);
	core_assert_state(job, JOB_READY);
	assert_int_equal(core_name(c->images, "a.png"), 0);
	assert_int_equal(core_name(c->status, "a.json"), 2);
	core_settle(c);
	assert_true(library_in_trash(job->picture_path));

	job = core_processing(c, "b", "p2");
	assert_int_equal(engine_dismiss(c->engine, job), 0);
	core_assert_state(job, JOB_CANCELLED);
	assert_int_equal(core_name(c->images, "b.png"), 0);
	core_wait_calls(c, FAKE_CANCEL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_CANCEL), "p2");
	core_restart(c);
	assert_int_equal(core_name(c->images, "a.png"), 0);
	assert_int_equal(core_name(c->images, "b.png"), 0);
	assert_int_equal(engine_retry(c->engine, core_find(c, "b", JOB_CANCELLED)), 0);
	assert_int_equal(core_name(c->images, "b.png"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cancel_in_each_state),
		TEST(test_cancel_before_it_left),
		TEST(test_cancel_while_it_is_created),
		TEST(test_cancelled_create_that_fails),
		TEST(test_cancel_all),
		TEST(test_retry_of_what_cannot),
		TEST(test_pause),
		TEST(test_dismiss),
		TEST(test_draft_is_nobodys),
		TEST(test_shown_draft_takes_no_name_away),
		TEST(test_registered_draft_waits),
		TEST(test_refused),
		TEST(test_whole_life),
		TEST(test_limit_of_the_queue),
		TEST(test_full_library),
		TEST(test_the_one_submitted_last_has_the_id),
		TEST(test_two_drafts_of_one_id),
		TEST(test_rename),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
