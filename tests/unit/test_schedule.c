/* schedule: what begins when, and what is left when it ends. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"

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
	core_step(c);
	assert_int_equal(engine_queue_position(c->engine, a), 0); /* its turn has come */
	assert_int_equal(engine_queue_position(c->engine, b), 1);
	assert_int_equal(engine_queue_position(c->engine, d), 0);
	assert_int_equal(engine_submit(c->engine, d), 0);
	assert_int_equal(engine_queue_position(c->engine, d), 2);

	assert_next(c, "prompt of a");
	fake_say(&c->api, FAKE_CREATE, SERVICE_BUSY); /* back to its place, which is the first */
	assert_next(c, "prompt of a");
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	assert_next(c, "prompt of b");
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	assert_int_equal(engine_retry(c->engine, a), 0); /* asked again: behind the others */
	assert_next(c, "prompt of d");
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	assert_next(c, "prompt of a");
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
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
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	core_settle(c);
	core_assert_state(late, JOB_QUEUED);
	assert_int_equal(c->api.sent[FAKE_CREATE], 2);
	assert_true(sim_world_next_ms(&c->sim) >= 0);
	core_restart(c); /* the hour's creates are remembered */
	core_settle(c);
	core_find(c, "c", JOB_QUEUED);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
}

/* The service may have counted one as late as when it was answered. */
static void test_what_was_answered_late_is_remembered_as_long(void **state)
{
	struct core *c = *state;

	c->settings->limits.creates_per_minute = 2;
	c->settings->limits.window_s = 10;
	core_restart(c);
	core_submit(c, "a");
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	core_pass(c, 100);
	core_submit(c, "b");
	core_wait_calls(c, FAKE_CREATE, 1);
	core_pass(c, 300);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED); /* counts for ten seconds from now */
	core_pass(c, 9800);
	core_submit(c, "c");
	core_wait_calls(c, FAKE_CREATE, 1); /* the first has left the window */
	core_crash(c);
	core_submit(c, "d");
	core_settle(c);
	core_find(c, "d", JOB_QUEUED);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	core_wait_calls(c, FAKE_CREATE, 1);
}

/* As a clock does that is looked at twice. */
static int64_t ticking_ms(void *self)
{
	return ++((struct sim_world *)self)->mono_ms;
}

/* The service counts from the answer, however busy the machine was between our looks at the clock.
 */
static void test_the_window_counts_from_the_answer(void **state)
{
	struct core *c = *state;
	int64_t answered;

	c->settings->limits.creates_per_minute = 1;
	c->settings->limits.window_s = 10;
	c->sim.world.mono_ms = ticking_ms;
	core_restart(c);
	core_submit(c, "a");
	core_submit(c, "b");
	core_wait_calls(c, FAKE_CREATE, 1);
	core_pass(c, 9000);
	answered = c->sim.mono_ms;
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_true(c->sim.mono_ms >= answered + 10000);
}

static void test_no_timer_without_work(void **state)
{
	struct core *c = *state;

	core_assert_idle(c);
	core_ready(c, "fox", "p1");
	core_assert_idle(c);
	assert_int_equal(engine_cancel(c->engine, core_processing(c, "bear", "p2")), 0);
	core_wait_calls(c, FAKE_CANCEL, 1);
	fake_say(&c->api, FAKE_CANCEL, SERVICE_DONE);
	core_assert_idle(c);
}

static void test_what_is_not_due_waits(void **state)
{
	struct core *c = *state;
	int64_t before;

	c->settings->poll.first_ms = 5000;
	c->settings->poll.max_ms = 10000;
	core_restart(c);
	core_processing(c, "fox", "p1");
	before = c->sim.mono_ms;
	core_pass(c, 4999);
	assert_int_equal(c->api.sent[FAKE_POLL], 0);
	core_pass(c, 1);
	assert_int_equal(c->api.sent[FAKE_POLL], 1);
	assert_int_equal(c->sim.mono_ms - before, 5000);
}

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
		TEST(test_nothing_before_start),
		TEST(test_order_of_the_queue),
		TEST(test_concurrent),
		TEST(test_creates_per_window),
		TEST(test_what_was_answered_late_is_remembered_as_long),
		TEST(test_the_window_counts_from_the_answer),
		TEST(test_no_timer_without_work),
		TEST(test_what_is_not_due_waits),
		TEST(test_drain),
		TEST(test_drain_has_an_end),
		TEST(test_drain_of_what_has_not_left),
		TEST(test_end_before_a_create_has_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
