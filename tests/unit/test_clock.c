/* clock: it never goes back; times as text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pimagefs/clock.h"

static void clock_never_goes_back(void **state)
{
	int64_t last = clock_mono_ms();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_mono_ms();

		assert_true(now >= last);
		last = now;
	}
	/* 2024-01-01: that the wall clock counts milliseconds since 1970. */
	assert_true(clock_wall_ms() > INT64_C(1704067200000));
}

static void clock_writes_rfc3339(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} times[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ INT64_C(951827696789), "2000-02-29T12:34:56.789Z" },
		{ INT64_C(1795356903123), "2026-11-22T14:15:03.123Z" },
		{ INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
		{ INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z" },
	};
	char text[CLOCK_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t ms = 42;

		clock_rfc3339(times[i].ms, text);
		assert_string_equal(text, times[i].text);
		assert_int_equal(clock_parse_rfc3339(text, &ms), 0);
		assert_true(ms == times[i].ms);
	}
	clock_rfc3339(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	clock_rfc3339(INT64_MIN, text);
	assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void clock_parses_only_its_own_form(void **state)
{
	static const char *const wrong[] = {
		"",
		"Z",
		"2026-11-22",
		"2026-11-22T14:15:03Z",
		"2026-11-22T14:15:03.12Z",
		"2026-11-22T14:15:03.1234Z",
		"2026-11-22T14:15:03.123",
		"2026-11-22T14:15:03.123z",
		"2026-11-22t14:15:03.123Z",
		"2026-11-22T14:15:03.123Z ",
		" 2026-11-22T14:15:03.123Z",
		"2026-11-22T14:15:03.123+00:00",
		"2026-1-22T14:15:03.123Z",
		"2026-11- 2T14:15:03.123Z",
		"2026-13-22T14:15:03.123Z",
		"2026-00-22T14:15:03.123Z",
		"2026-11-31T14:15:03.123Z",
		"2025-02-29T14:15:03.123Z",
		"2026-11-00T14:15:03.123Z",
		"2026-11-22T24:15:03.123Z",
		"2026-11-22T14:60:03.123Z",
		"2026-11-22T14:15:60.123Z",
		"2026-11-22T14:15:-3.123Z",
		"+026-11-22T14:15:03.123Z",
		"-001-11-22T14:15:03.123Z",
		"2026-11-22T14:15:03.-23Z",
	};
	int64_t ms = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (clock_parse_rfc3339(wrong[i], &ms) != -EINVAL)
			fail_msg("\"%s\" was taken for a time", wrong[i]);
		assert_true(ms == 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_never_goes_back),
		cmocka_unit_test(clock_writes_rfc3339),
		cmocka_unit_test(clock_parses_only_its_own_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
