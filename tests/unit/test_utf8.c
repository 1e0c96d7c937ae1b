/* utf8, against an independent reading of RFC 3629: decode a number, then judge the number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pimagefs/utf8.h"

static size_t encode(uint32_t point, char out[4])
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (char)(0xc0 | point >> 6);
		out[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (char)(0xe0 | point >> 12);
		out[1] = (char)(0x80 | (point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | point >> 18);
	out[1] = (char)(0x80 | (point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

static void every_code_point(void **state)
{
	char text[4];

	(void)state;
	for (uint32_t point = 0; point <= 0x1fffff; point++) {
		size_t length = encode(point, text);
		int valid = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);

		if (utf8_valid(text, length) != valid ||
		    utf8_char(text, length) != (valid ? length : 0))
			fail_msg("U+%04X is judged wrongly", point);
		for (size_t cut = 1; valid && cut < length; cut++)
			if (utf8_valid(text, cut) || !utf8_cut_short(text, cut))
				fail_msg("U+%04X cut to %zu bytes is judged wrongly", point, cut);
	}
}

static void all_pairs_of_bytes(void **state)
{
	(void)state;
	for (unsigned a = 0x80; a < 0x100; a++) {
		for (unsigned b = 0; b < 0x100; b++) {
			char text[2] = { (char)a, (char)b };
			int valid = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;

			assert_int_equal(utf8_valid(text, 2), valid);
		}
	}
}

static void prefix_ends_where_damage_begins(void **state)
{
	static const struct {
		const char *text;
		size_t prefix;
		bool cut_short;
	} cases[] = {
		{ "", 0, false },
		{ "fox", 3, false },
		{ "f\xc3\xb6x", 4, false },
		{ "\x80", 0, false },
		{ "a\xbf", 1, false },
		{ "a\xc0\xaf", 1, false }, /* overlong '/' */
		{ "a\xc1\xbf", 1, false },
		{ "a\xe0\x80\xaf", 1, false },     /* overlong in three */
		{ "a\xf0\x80\x80\xaf", 1, false }, /* overlong in four */
		{ "a\xed\xa0\x80", 1, false },     /* a surrogate */
		{ "a\xf4\x90\x80\x80", 1, false }, /* past U+10FFFF */
		{ "a\xf5\x80\x80\x80", 1, false },
		{ "a\xff", 1, false },
		{ "a\xc3", 1, true },
		{ "a\xe2", 1, true },
		{ "a\xe2\x82", 1, true },
		{ "a\xf0\x9f\xa6", 1, true },
		{ "a\xe0\x80", 1, false }, /* can no longer become valid */
		{ "a\xed\xa0", 1, false },
		{ "a\xf4\x90", 1, false },
		{ "a\xe2\x82z", 1, false },
		{ "a\xe2z", 1, false },
		{ "a\xc3\xc3", 1, false },
		{ "\xe2\x82\xac\xe2\x82", 3, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = strlen(cases[i].text);

		if (utf8_valid_prefix(cases[i].text, size) != cases[i].prefix ||
		    utf8_valid(cases[i].text, size) != (cases[i].prefix == size) ||
		    utf8_cut_short(cases[i].text, size) != cases[i].cut_short)
			fail_msg("case %zu is judged wrongly", i);
	}
	assert_int_equal(utf8_valid_prefix("a\0b", 3), 3);
	assert_int_equal(utf8_char("", 0), 0);
	assert_true(utf8_valid(NULL, 0));
}

static void cut_never_splits(void **state)
{
	static const char text[] = "a\xc3\xb6\xe2\x82\xac\xf0\x9f\xa6\x8az";
	static const size_t best[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11 };
	size_t size = sizeof(text) - 1;

	(void)state;
	for (size_t limit = 0; limit < sizeof(best) / sizeof(best[0]); limit++)
		assert_int_equal(utf8_cut(text, size, limit), best[limit]);
	assert_int_equal(utf8_cut(text, size, SIZE_MAX), size);
	assert_int_equal(utf8_cut("", 0, 0), 0);
	assert_int_equal(utf8_cut("", 0, 5), 0);
	assert_int_equal(utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 4), 4);
	assert_int_equal(utf8_cut("\xf0z\x80\x80", 4, 2), 2);
}

static void control_characters_are_found(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 0x80; c++) {
		char text[3] = { 'a', (char)c, 'b' };

		assert_int_equal(utf8_has_control(text, 3), c < 0x20 || c == 0x7f);
	}
	assert_true(utf8_has_control("a\xc2\x80", 3));
	assert_true(utf8_has_control("a\xc2\x9f", 3));
	assert_false(utf8_has_control("a\xc2\xa0", 3));
	assert_false(utf8_has_control("a\xc3\x80", 3));
	assert_false(utf8_has_control("a\xe2\x82\xac", 4));
	assert_false(utf8_has_control("a\xc2\x80", 2));
	assert_false(utf8_has_control("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point),
		cmocka_unit_test(all_pairs_of_bytes),
		cmocka_unit_test(prefix_ends_where_damage_begins),
		cmocka_unit_test(cut_never_splits),
		cmocka_unit_test(control_characters_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
