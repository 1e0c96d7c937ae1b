/* The small modules of layer 0: error, buf, clock, rng. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/buf.h"
#include "pimagefs/clock.h"
#include "pimagefs/error.h"
#include "pimagefs/rng.h"
#include "pimagefs/utf8.h"

static void error_classes_have_the_contracts_errno(void **state)
{
	(void)state;
	assert_int_equal(error_errno(ERROR_INVALID), EINVAL);
	assert_int_equal(error_errno(ERROR_AUTH), EACCES);
	assert_int_equal(error_errno(ERROR_PAYMENT), EDQUOT);
	assert_int_equal(error_errno(ERROR_MODEL), ENXIO);
	assert_int_equal(error_errno(ERROR_MODERATION), EPERM);
	assert_int_equal(error_errno(ERROR_SERVICE), EIO);
	assert_int_equal(error_errno(ERROR_NETWORK), EIO);
	assert_int_equal(error_errno(ERROR_TIMEOUT), ETIMEDOUT);
	assert_int_equal(error_errno(ERROR_UNCERTAIN), EIO);
	assert_int_equal(error_errno(ERROR_CANCELLED), ECANCELED);
	assert_int_equal(error_errno(ERROR_DOWNLOAD), EIO);
	assert_int_equal(error_errno(ERROR_INTERRUPTED), EIO);
	assert_int_equal(error_errno(ERROR_CLASSES), EIO);
	assert_int_equal(error_errno((enum error_class)99), EIO);
}

static void error_class_names_lead_back(void **state)
{
	(void)state;
	for (int i = ERROR_NONE + 1; i < ERROR_CLASSES; i++) {
		const char *name = error_class_name((enum error_class)i);

		assert_true(name[0] != '\0');
		assert_int_equal(error_class_of(name), i);
	}
	assert_string_equal(error_class_name(ERROR_PAYMENT), "payment");
	assert_string_equal(error_class_name(ERROR_UNCERTAIN), "uncertain");
	assert_string_equal(error_class_name(ERROR_NONE), "");
	assert_string_equal(error_class_name(ERROR_CLASSES), "");
	assert_int_equal(error_class_of(""), ERROR_NONE);
	assert_int_equal(error_class_of("Invalid"), ERROR_NONE);
	assert_int_equal(error_class_of("invalid "), ERROR_NONE);
}

static void error_set_empties_the_rest(void **state)
{
	struct error e;

	(void)state;
	memset(&e, 'x', sizeof(e));
	error_set(&e, ERROR_MODEL, "no model %s, %d", "fox", 7);
	assert_int_equal(e.class, ERROR_MODEL);
	assert_int_equal(e.http_status, 0);
	assert_string_equal(e.message, "no model fox, 7");
	assert_string_equal(e.details, "");
	assert_string_equal(e.request_id, "");
	assert_string_equal(e.hint, "");
	error_hint(&e, "try %s", "p-image");
	assert_string_equal(e.hint, "try p-image");
	assert_string_equal(e.message, "no model fox, 7");
	error_set(&e, ERROR_SERVICE, "again: %s", e.message);
	assert_string_equal(e.message, "again: no model fox, 7");
	assert_string_equal(e.hint, "");
	error_set(NULL, ERROR_MODEL, "nowhere %d", 1);
	error_hint(NULL, "nowhere %d", 1);
}

static void error_message_is_cut_between_characters(void **state)
{
	char text[1200];
	struct error e;

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		memset(text, 'a', shift);
		for (size_t i = shift; i + 4 < sizeof(text); i += 4)
			memcpy(text + i, "\xf0\x9f\xa6\x8a", 5);
		error_set(&e, ERROR_INVALID, "%s", text);
		assert_true(strlen(e.message) > sizeof(e.message) - 5);
		assert_true(utf8_valid(e.message, strlen(e.message)));
		assert_null(strchr(e.message, '?'));
		error_hint(&e, "%s", text);
		assert_true(strlen(e.hint) > sizeof(e.hint) - 5);
		assert_true(utf8_valid(e.hint, strlen(e.hint)));
		assert_null(strchr(e.hint, '?'));
	}
}

static void error_text_makes_any_bytes_harmless(void **state)
{
	char field[16], one[1] = { 'x' };

	(void)state;
	error_text(field, sizeof(field), "a\nb\tc\x1b[0m\x7f");
	assert_string_equal(field, "a b c [0m ");
	error_text(field, sizeof(field), "a\xc2\x85z");
	assert_string_equal(field, "a z");
	error_text(field, sizeof(field), "a\xff\xc3z");
	assert_string_equal(field, "a??z");
	error_text(field, sizeof(field), "");
	assert_string_equal(field, "");
	error_text(field, 4, "\xc3\xa4\xc3\xb6");
	assert_string_equal(field, "\xc3\xa4");
	error_text(field, 5, "\xc3\xa4\xc3\xb6");
	assert_string_equal(field, "\xc3\xa4\xc3\xb6");
	error_text(one, 1, "abc");
	assert_int_equal(one[0], '\0');
	one[0] = 'x';
	error_text(one, 0, "abc");
	assert_int_equal(one[0], 'x');
}

static void buf_grows_and_stays_a_text(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_string_equal(buf_text(&b), "");
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_string_equal(buf_text(&b), "");
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(buf_puts(&b, "ab"), 0);
		assert_int_equal(b.size, 3 * i + 2);
		assert_int_equal(buf_append(&b, "\0", 1), 0);
		assert_int_equal(b.data[b.size], '\0');
		assert_true(b.room > b.size);
	}
	for (unsigned i = 0; i < 1000; i++)
		assert_memory_equal(b.data + 3 * i, "ab", 3);
	buf_release(&b);
	assert_null(b.data);
	assert_int_equal(b.size + b.room, 0);
	buf_release(&b);
	buf_wipe(&b);
}

static void buf_printf_appends(void **state)
{
	struct buf b = BUF_INIT;
	char wide[300];

	(void)state;
	assert_int_equal(buf_printf(&b, "%s", ""), 0);
	assert_int_equal(b.size, 0);
	assert_int_equal(buf_printf(&b, "%d-%s", 12, "x"), 0);
	assert_int_equal(buf_printf(&b, "%*d", (int)sizeof(wide), 7), 0);
	assert_int_equal(b.size, 4 + sizeof(wide));
	assert_true(b.room > b.size);
	memset(wide, ' ', sizeof(wide));
	wide[sizeof(wide) - 1] = '7';
	assert_memory_equal(b.data, "12-x", 4);
	assert_memory_equal(b.data + 4, wide, sizeof(wide));
	assert_int_equal(strlen(b.data), b.size);
	buf_wipe(&b);
	assert_null(b.data);
}

static void buf_write_at_is_like_pwrite(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_write_at(&b, "x", 0, 100), 0);
	assert_int_equal(b.size, 0);
	assert_int_equal(buf_write_at(&b, "end", 3, 5), 0);
	assert_int_equal(b.size, 8);
	assert_memory_equal(b.data, "\0\0\0\0\0end", 9);
	assert_int_equal(buf_write_at(&b, "begin", 5, 0), 0);
	assert_string_equal(b.data, "beginend");
	assert_int_equal(buf_write_at(&b, "XY", 2, 7), 0);
	assert_string_equal(b.data, "beginenXY");
	assert_int_equal(buf_write_at(&b, "z", 1, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf_write_at(&b, "z", 1, SIZE_MAX - 1), -ENOMEM);
	assert_int_equal(buf_resize(&b, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf_resize(&b, (size_t)PTRDIFF_MAX), -ENOMEM);
	assert_string_equal(b.data, "beginenXY");
	assert_int_equal(b.size, 9);
	buf_release(&b);
}

static void buf_resize_shows_only_zeros_as_new(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_puts(&b, "secret"), 0);
	assert_int_equal(buf_resize(&b, 2), 0);
	assert_string_equal(b.data, "se");
	assert_int_equal(buf_resize(&b, 6), 0);
	assert_memory_equal(b.data, "se\0\0\0\0", 7);
	assert_int_equal(buf_resize(&b, 1), 0);
	assert_int_equal(buf_write_at(&b, "t", 1, 3), 0);
	assert_memory_equal(b.data, "s\0\0t", 5);
	assert_int_equal(buf_resize(&b, 0), 0);
	assert_string_equal(buf_text(&b), "");
	buf_release(&b);
}

static void buf_without_memory_changes_nothing(void **state)
{
	static const char long_text[200] = { 'x' };
	struct buf b = BUF_INIT;

	(void)state;
	oom_fail_after(0);
	assert_int_equal(buf_puts(&b, "abc"), -ENOMEM);
	assert_int_equal(oom_off(), 1);
	assert_null(b.data);
	assert_int_equal(buf_puts(&b, "abc"), 0);
	oom_fail_after(0);
	assert_int_equal(buf_append(&b, long_text, sizeof(long_text)), -ENOMEM);
	assert_int_equal(buf_write_at(&b, "x", 1, 500), -ENOMEM);
	assert_int_equal(buf_resize(&b, 500), -ENOMEM);
	assert_int_equal(buf_printf(&b, "%500d", 1), -ENOMEM);
	assert_true(oom_off() >= 4);
	assert_int_equal(b.size, 3);
	assert_string_equal(b.data, "abc");
	buf_release(&b);
}

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

static void rng_numbers_differ_and_stay_below(void **state)
{
	unsigned hits[6] = { 0 };

	(void)state;
	assert_true(rng_u64() != rng_u64());
	assert_int_equal(rng_below(1), 0);
	for (int i = 0; i < 6000; i++) {
		uint64_t value = rng_below(6);

		assert_true(value < 6);
		hits[value]++;
	}
	/* Ten standard deviations of 29 on either side of 1000. */
	for (int i = 0; i < 6; i++)
		assert_in_range(hits[i], 710, 1290);
	for (int i = 0; i < 100; i++)
		assert_true(rng_below(UINT64_MAX) < UINT64_MAX);
}

/* The first numbers of the published splitmix64 from seed 1234567. */
static void rng_next_is_splitmix64(void **state)
{
	static const uint64_t known[] = {
		UINT64_C(6457827717110365317),  UINT64_C(3203168211198807973),
		UINT64_C(9817491932198370423),  UINT64_C(4593380528125082431),
		UINT64_C(16408922859458223821),
	};
	uint64_t seed = 1234567;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(rng_next(&seed) == known[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_classes_have_the_contracts_errno),
		cmocka_unit_test(error_class_names_lead_back),
		cmocka_unit_test(error_set_empties_the_rest),
		cmocka_unit_test(error_message_is_cut_between_characters),
		cmocka_unit_test(error_text_makes_any_bytes_harmless),
		cmocka_unit_test(buf_grows_and_stays_a_text),
		cmocka_unit_test(buf_printf_appends),
		cmocka_unit_test(buf_write_at_is_like_pwrite),
		cmocka_unit_test(buf_resize_shows_only_zeros_as_new),
		cmocka_unit_test(buf_without_memory_changes_nothing),
		cmocka_unit_test(clock_never_goes_back),
		cmocka_unit_test(clock_writes_rfc3339),
		cmocka_unit_test(clock_parses_only_its_own_form),
		cmocka_unit_test(rng_numbers_differ_and_stay_below),
		cmocka_unit_test(rng_next_is_splitmix64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
