/* buf: grows, formats, writes at places; without memory it is as before. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_grows_and_stays_a_text),
		cmocka_unit_test(buf_printf_appends),
		cmocka_unit_test(buf_write_at_is_like_pwrite),
		cmocka_unit_test(buf_resize_shows_only_zeros_as_new),
		cmocka_unit_test(buf_without_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
