/* Advice: every value has a sentence and a name, and the command that asks again can be pasted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pimagefs/advice.h"
#include "pimagefs/buf.h"

static void assert_sentence(enum advice advice, const char *id, const char *expected)
{
	struct buf out = BUF_INIT;

	assert_int_equal(advice_text(advice, id, &out), 0);
	assert_string_equal(buf_text(&out), expected);
	buf_release(&out);
}

static void test_every_value_has_name_and_words(void **state)
{
	(void)state;
	for (int i = ADVICE_NONE + 1; i < ADVICES; i++) {
		struct buf out = BUF_INIT;

		assert_true(advice_name((enum advice)i)[0] != '\0');
		assert_int_equal(advice_of_name(advice_name((enum advice)i)), i);
		assert_int_equal(advice_text((enum advice)i, "fox", &out), 0);
		assert_true(out.size > 10);
		assert_null(strstr(buf_text(&out), "retry ID"));
		buf_release(&out);
	}
}

static void test_what_is_no_advice(void **state)
{
	(void)state;
	assert_sentence(ADVICE_NONE, "fox", "");
	assert_sentence(ADVICES, "fox", "");
	assert_string_equal(advice_name(ADVICE_NONE), "");
	assert_string_equal(advice_name(ADVICES), "");
	assert_int_equal(advice_of_name(""), ADVICE_NONE);
	assert_int_equal(advice_of_name("to ask again: echo 'retry ID' > control/ctl"),
			 ADVICE_NONE);
}

static void test_the_id_is_in_the_command(void **state)
{
	(void)state;
	assert_sentence(ADVICE_RETRY, "cats/a b",
			"to ask again: echo 'retry cats/a b' > control/ctl");
	assert_sentence(ADVICE_RETRY, "it's", "to ask again: echo 'retry ID' > control/ctl");
	assert_sentence(ADVICE_RETRY, NULL, "to ask again: echo 'retry ID' > control/ctl");
	assert_sentence(ADVICE_CHANGE, "fox", "change the prompt and write it again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_value_has_name_and_words),
		cmocka_unit_test(test_what_is_no_advice),
		cmocka_unit_test(test_the_id_is_in_the_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
