/* stats: control/stats.json as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core_world.h"
#include "pimagefs/stats.h"

static json_t *stats(struct core *c)
{
	struct engine_stats numbers = core_stats(c);
	struct buf text = BUF_INIT;
	json_t *o;

	assert_int_equal(stats_text(&numbers, false, &text), 0);
	assert_int_equal(text.data[text.size - 1], '\n');
	o = json_loads(text.data, 0, NULL);
	assert_non_null(o);
	buf_release(&text);
	return o;
}

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
	struct service_answer busy = fake_verdict(SERVICE_BUSY);
	json_t *o = stats(c);

	assert_int_equal(number_at(o, "queue", NULL), 0);
	assert_int_equal(json_object_size(json_object_get(o, "latency_ms")), 0);
	json_decref(o);
	core_ready(c, "a", "p1");
	core_processing(c, "b", "p2");
	core_submit(c, "d");
	core_wait_calls(c, FAKE_CREATE, 1);
	busy.retry_after_ms = 3600000;
	fake_answer(&c->api, FAKE_CREATE, &busy);
	o = stats(c);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
