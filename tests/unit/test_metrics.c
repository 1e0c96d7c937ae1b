/* metrics: the numbers of stats.json as Prometheus reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"
#include "pimagefs/metrics.h"

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

static void metrics_tell_the_numbers(void **state)
{
	struct core *c = *state;
	struct engine_stats stats;
	struct buf out = BUF_INIT;

	core_ready(c, "fox", "p1");
	stats = core_stats(c);
	assert_int_equal(metrics_text(&stats, &out), 0);
	assert_has(buf_text(&out), "\npimagefs_jobs{state=\"ready\"} 1\n");
	assert_has(buf_text(&out), "\npimagefs_creates_total 1\n");
	assert_has(buf_text(&out), "\npimagefs_latency_seconds_count 1\n");
	assert_has(buf_text(&out), "\npimagefs_latency_seconds{quantile=\"0.5\"} ");
	buf_release(&out);
}

static void nothing_sent_is_told(void **state)
{
	struct engine_stats stats = { 0 };
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(metrics_text(&stats, &out), 0);
	assert_non_null(strstr(buf_text(&out), "\npimagefs_stopped 0\n"));
	buf_release(&out);
	error_set(&stats.stopped, ERROR_NONE, "paused");
	assert_int_equal(metrics_text(&stats, &out), 0);
	assert_non_null(strstr(buf_text(&out), "\npimagefs_stopped 1\n"));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(metrics_tell_the_numbers, core_make, core_drop),
		cmocka_unit_test(nothing_sent_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
