/* value: words and numbers as people write them, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pimagefs/value.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_booleans(void **state)
{
	static const char *const words[] = { "no", "yes", "False", "TRUE", "off", "on", "0", "1" };
	static const char *const none[] = { "", "y", "2", " yes", "yes " };
	bool b = true;

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		assert_true(value_bool(words[i], &b));
		assert_int_equal(b, i % 2);
	}
	for (size_t i = 0; i < COUNT(none); i++)
		assert_false(value_bool(none[i], &b));
	assert_true(b);
}

static void test_whole_numbers(void **state)
{
	static const char *const none[] = { "",    "-",   "+1",  " 1",  "1 ",
					    "1.0", "0x1", "1e3", "1-2", "9223372036854775808" };
	int64_t n = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(none); i++)
		assert_false(value_integer(none[i], &n));
	assert_int_equal(n, 7);
	assert_true(value_integer("-9223372036854775808", &n));
	assert_true(n == INT64_MIN);
	assert_true(value_integer("007", &n));
	assert_int_equal(n, 7);
}

static void test_real_numbers(void **state)
{
	static const char *const none[] = { "",    "nan",  "inf",  "0x1", "1e999",
					    "1,5", "1..2", "1.5 ", "e",   "--1" };
	double d = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(none); i++)
		assert_false(value_real(none[i], &d));
	assert_true(d == 7);
	assert_true(value_real("-0.5e+1", &d));
	assert_true(d == -5);
}

static void test_choices(void **state)
{
	static const char *const choices[] = { "wait", "fail", NULL };
	char text[64], tiny[8];

	(void)state;
	assert_int_equal(value_choice("fail", choices), 1);
	assert_int_equal(value_choice("Fail", choices), -1);
	value_choices(choices, "fali", text, sizeof(text));
	assert_string_equal(text, "use one of wait, fail. Did you mean \"fail\"?");
	value_choices(choices, NULL, text, sizeof(text));
	assert_string_equal(text, "use one of wait, fail");
	value_choices(choices, "fali", tiny, sizeof(tiny));
	assert_string_equal(tiny, "use one");
}

static void test_the_shortest_digits(void **state)
{
	static const char *const forms[] = { "0.8", "-1", "1e-09", "0.1", "0.30000000000000004",
					     "3",   "2.5" };

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		char text[VALUE_REAL];

		value_real_text(strtod(forms[i], NULL), text);
		assert_string_equal(text, forms[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_whole_numbers),
		cmocka_unit_test(test_real_numbers),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_the_shortest_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
