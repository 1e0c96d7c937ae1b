/* error: classes, messages that are cut, texts that are made harmless. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pimagefs/error.h"
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
	assert_int_equal(e.advice, ADVICE_NONE);
	e.advice = ADVICE_MODEL;
	error_set(&e, ERROR_SERVICE, "again: %s", e.message);
	assert_string_equal(e.message, "again: no model fox, 7");
	assert_int_equal(e.advice, ADVICE_NONE);
	error_set(NULL, ERROR_MODEL, "nowhere %d", 1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_classes_have_the_contracts_errno),
		cmocka_unit_test(error_class_names_lead_back),
		cmocka_unit_test(error_set_empties_the_rest),
		cmocka_unit_test(error_message_is_cut_between_characters),
		cmocka_unit_test(error_text_makes_any_bytes_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
