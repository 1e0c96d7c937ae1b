/* suggest: which misspelt names are understood, and which are left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pimagefs/suggest.h"

static const char *const fields[] = {
	"prompt", "lora_weights", "lora_scale", "hf_api_token",      "aspect_ratio",
	"width",  "height",       "seed",       "prompt_upsampling", "disable_safety_checker",
};

static const char *field(const char *given)
{
	return suggest(given, fields, sizeof(fields) / sizeof(fields[0]));
}

static void small_slips_are_understood(void **state)
{
	(void)state;
	assert_string_equal(field("promt"), "prompt");
	assert_string_equal(field("propmt"), "prompt");
	assert_string_equal(field("prompts"), "prompt");
	assert_string_equal(field("xprompt"), "prompt");
	assert_string_equal(field("promqt"), "prompt");
	assert_string_equal(field("widht"), "width");
	assert_string_equal(field("heigth"), "height");
	assert_string_equal(field("sed"), "seed");
	assert_string_equal(field("deed"), "seed");
	assert_string_equal(field("lora_weight"), "lora_weights");
	assert_string_equal(field("loraweights"), "lora_weights");
	assert_string_equal(field("disable_safty_cheker"), "disable_safety_checker");
}

static void case_and_dashes_do_not_count(void **state)
{
	(void)state;
	assert_string_equal(field("PROMPT"), "prompt");
	assert_string_equal(field("Lora-Scale"), "lora_scale");
	assert_string_equal(field("Aspect-Ratoi"), "aspect_ratio");
	assert_string_equal(field("HF-API-TOKEN"), "hf_api_token");
}

static void beginnings_are_understood(void **state)
{
	(void)state;
	assert_string_equal(field("aspect"), "aspect_ratio");
	assert_string_equal(field("Disable-S"), "disable_safety_checker");
	assert_string_equal(field("seed_number"), "seed");
	assert_string_equal(field("s"), "seed");
	/* The nearer of two that begin so. */
	assert_string_equal(field("pro"), "prompt");
	assert_string_equal(field("prompt_upsam"), "prompt_upsampling");
}

static void nothing_alike_is_no_guess(void **state)
{
	(void)state;
	assert_null(field(""));
	assert_null(field("guidance"));
	assert_null(field("steps"));
	assert_null(field("x"));
	assert_null(field("q\xc3\xa4"));
	assert_null(suggest("prompt", fields, 0));
}

static void short_names_need_a_letter_in_common(void **state)
{
	static const char *const names[] = { "id", "on" };

	(void)state;
	assert_null(suggest("xy", names, 2));
	assert_string_equal(suggest("ix", names, 2), "id");
	assert_string_equal(suggest("di", names, 2), "id");
	assert_string_equal(suggest("no", names, 2), "on");
}

static void the_first_of_equals_wins(void **state)
{
	static const char *const names[] = { "cat", "bat", "rat" };

	(void)state;
	assert_ptr_equal(suggest("hat", names, 3), names[0]);
	assert_ptr_equal(suggest("rat", names, 3), names[2]);
}

static void a_third_of_a_long_name_may_be_wrong(void **state)
{
	static const char *const names[] = { "abcdefghijkl" };

	(void)state;
	assert_ptr_equal(suggest("abcdefgh____", names, 1), names[0]);
	assert_null(suggest("abcdefg_____", names, 1));
}

static void endless_names_do_no_harm(void **state)
{
	char given[5000], name[5000];
	const char *const names[] = { "seed", name };

	(void)state;
	memset(given, 'x', sizeof(given));
	given[sizeof(given) - 1] = '\0';
	memset(name, 'y', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_null(suggest(given, names, 2));
	memcpy(given, "seed", 4);
	assert_ptr_equal(suggest(given, names, 2), names[0]);
	for (size_t size = 60; size < 70; size++) {
		memset(given, 'z', size);
		given[size] = '\0';
		memset(name, 'z', size);
		name[size / 2] = 'a';
		name[size] = '\0';
		if (size <= 64)
			assert_ptr_equal(suggest(given, names, 2), name);
		else
			assert_null(suggest(given, names, 2));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_slips_are_understood),
		cmocka_unit_test(case_and_dashes_do_not_count),
		cmocka_unit_test(beginnings_are_understood),
		cmocka_unit_test(nothing_alike_is_no_guess),
		cmocka_unit_test(short_names_need_a_letter_in_common),
		cmocka_unit_test(the_first_of_equals_wins),
		cmocka_unit_test(a_third_of_a_long_name_may_be_wrong),
		cmocka_unit_test(endless_names_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
