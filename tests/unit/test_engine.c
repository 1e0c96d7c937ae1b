/* engine: from a draft to a picture, the order of the queue and its limits, names, and the end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine_internal.h"
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
	core_assert_state(job, JOB_CREATING);
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
	fake_say(&c->api, FAKE_POLL, API_PENDING);
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

static void test_nothing_before_start(void **state)
{
	struct core *c = *state;
	struct job *job;

	core_close(c);
	core_open(c);
	job = core_submit(c, "fox");
	core_settle(c);
	core_assert_state(job, JOB_QUEUED);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	core_start(c);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, "p1");
}

/* --- order and limits --- */

static void assert_next(struct core *c, const char *prompt)
{
	core_wait_calls(c, FAKE_CREATE, 1);
	if (!strstr(fake_text(&c->api, FAKE_CREATE), prompt))
		fail_msg("not %s: %s", prompt, fake_text(&c->api, FAKE_CREATE));
}

static void test_order_of_the_queue(void **state)
{
	struct core *c = *state;
	struct job *a, *b, *d;

	c->settings->limits.concurrent = 1;
	core_restart(c);
	d = core_register(c, "d"); /* flushed first, released last */
	a = core_submit(c, "a");
	b = core_submit(c, "b");
	assert_int_equal(engine_queue_position(c->engine, a), 0); /* its turn has come */
	assert_int_equal(engine_queue_position(c->engine, b), 1);
	assert_int_equal(engine_queue_position(c->engine, d), 0);
	assert_int_equal(engine_submit(c->engine, d), 0);
	assert_int_equal(engine_queue_position(c->engine, d), 2);

	assert_next(c, "prompt of a");
	fake_say(&c->api, FAKE_CREATE, API_BUSY); /* back to its place, which is the first */
	assert_next(c, "prompt of a");
	fake_say(&c->api, FAKE_CREATE, API_REFUSED);
	assert_next(c, "prompt of b");
	fake_say(&c->api, FAKE_CREATE, API_REFUSED);
	assert_int_equal(engine_retry(c->engine, a), 0); /* asked again: behind the others */
	assert_next(c, "prompt of d");
	fake_say(&c->api, FAKE_CREATE, API_REFUSED);
	assert_next(c, "prompt of a");
	fake_say(&c->api, FAKE_CREATE, API_REFUSED);
	core_assert_idle(c);
}

static void test_concurrent(void **state)
{
	struct core *c = *state;

	c->settings->limits.concurrent = 2;
	core_restart(c);
	core_submit(c, "a");
	core_submit(c, "b");
	core_submit(c, "c");
	core_wait_calls(c, FAKE_CREATE, 2);
	core_settle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
	fake_accept(&c->api, "p1"); /* still the service's work */
	core_settle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/x.png"); /* a download is ours */
	core_wait_sent(c, FAKE_CREATE, 3);
}

static void test_creates_per_window(void **state)
{
	struct core *c = *state;
	struct job *late;

	c->settings->limits.creates_per_minute = 2;
	c->settings->limits.window_s = 3600;
	core_restart(c);
	core_submit(c, "a");
	core_submit(c, "b");
	late = core_submit(c, "c");
	core_wait_calls(c, FAKE_CREATE, 2);
	fake_say(&c->api, FAKE_CREATE, API_REFUSED);
	fake_say(&c->api, FAKE_CREATE, API_REFUSED);
	core_settle(c);
	core_assert_state(late, JOB_QUEUED);
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
	assert_true(uv_is_active((uv_handle_t *)&c->engine->tick));
	core_restart(c); /* the hour's creates are remembered */
	core_settle(c);
	core_find(c, "c", JOB_QUEUED);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
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

	first->filed = true; /* else nobody could ask for it any more */
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

/* --- numbers --- */

static double number_at(json_t *o, const char *key, const char *below)
{
	json_t *value = json_object_get(o, key);

	if (below)
		value = json_object_get(value, below);
	assert_true(json_is_number(value));
	return json_number_value(value);
}

static void test_stats(void **state)
{
	struct core *c = *state;
	struct api_answer busy = fake_verdict(API_BUSY);
	json_t *o = engine_stats(c->engine);

	assert_int_equal(number_at(o, "queue", NULL), 0);
	assert_int_equal(json_object_size(json_object_get(o, "latency_ms")), 0);
	json_decref(o);
	core_ready(c, "a", "p1");
	core_processing(c, "b", "p2");
	core_submit(c, "d");
	core_wait_calls(c, FAKE_CREATE, 1);
	busy.retry_after_ms = 3600000;
	fake_answer(&c->api, FAKE_CREATE, &busy);
	o = engine_stats(c->engine);
	assert_int_equal(number_at(o, "queue", NULL), 1);
	assert_int_equal(number_at(o, "states", "ready"), 1);
	assert_int_equal(number_at(o, "states", "processing"), 1);
	assert_int_equal(number_at(o, "states", "creating"), 0);
	assert_int_equal(number_at(o, "calls", "creates"), 3);
	assert_int_equal(number_at(o, "calls", "downloads"), 1);
	assert_int_equal(number_at(o, "calls", "busy"), 1);
	assert_int_equal(number_at(o, "rate", "running"), 1);
	assert_int_equal(number_at(o, "rate", "running_limit"), 5);
	assert_true(number_at(o, "rate", "busy_ms") > 3500000);
	assert_int_equal(number_at(o, "rate", "creates_left"), 997);
	assert_true(number_at(o, "latency_ms", "p50") >= 0);
	assert_true(number_at(o, "cost_usd", NULL) == 0.01);
	json_decref(o);
}

/* --- the end --- */

static unsigned drains;

static void on_drained(void *data)
{
	assert_ptr_equal(data, &drains);
	drains++;
}

static void test_drain(void **state)
{
	struct core *c = *state;
	struct job *job = core_submit(c, "fox"), *late;

	core_wait_calls(c, FAKE_CREATE, 1);
	drains = 0;
	engine_drain(c->engine, on_drained, &drains);
	late = core_submit(c, "late");
	core_settle(c);
	assert_int_equal(drains, 0);
	core_assert_state(late, JOB_QUEUED);
	fake_accept(&c->api, "p1");
	core_assert_state(job, JOB_PROCESSING);
	assert_int_equal(drains, 0); /* never from inside */
	core_settle(c);
	assert_int_equal(drains, 1);
	assert_int_equal(c->api.sent[FAKE_POLL], 0);
	core_restart(c);
	assert_string_equal(core_find(c, "fox", JOB_PROCESSING)->prediction_id, "p1");
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_non_null(strstr(fake_text(&c->api, FAKE_CREATE), "prompt of late"));
}

static void test_drain_has_an_end(void **state)
{
	struct core *c = *state;

	c->settings->api.grace_s = 0;
	core_submit(c, "fox");
	core_wait_calls(c, FAKE_CREATE, 1);
	drains = 0;
	engine_drain(c->engine, on_drained, &drains);
	core_settle(c);
	assert_int_equal(drains, 1);
	core_restart(c);
	core_assert_error(core_find(c, "fox", JOB_HELD), ERROR_UNCERTAIN);
	core_assert_idle(c);
}

static void test_drain_of_what_has_not_left(void **state)
{
	struct core *c = *state;

	core_submit(c, "fox");
	drains = 0;
	engine_drain(c->engine, on_drained, &drains);
	core_settle(c);
	assert_int_equal(drains, 1);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	core_find(c, "fox", JOB_QUEUED);
}

static void test_end_before_a_create_has_left(void **state)
{
	struct core *c = *state;

	core_submit(c, "fox"); /* the ledger has yet to commit it */
	core_restart(c);
	core_wait_calls(c, FAKE_CREATE, 1); /* it never left: no doubt about it */
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
	assert_int_equal(engine_find(c->engine, "fox")->attempts, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_draft_is_nobodys),
		TEST(test_shown_draft_takes_no_name_away),
		TEST(test_registered_draft_waits),
		TEST(test_refused),
		TEST(test_whole_life),
		TEST(test_nothing_before_start),
		TEST(test_order_of_the_queue),
		TEST(test_concurrent),
		TEST(test_creates_per_window),
		TEST(test_limit_of_the_queue),
		TEST(test_full_library),
		TEST(test_the_one_submitted_last_has_the_id),
		TEST(test_two_drafts_of_one_id),
		TEST(test_rename),
		TEST(test_stats),
		TEST(test_drain),
		TEST(test_drain_has_an_end),
		TEST(test_drain_of_what_has_not_left),
		TEST(test_end_before_a_create_has_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
