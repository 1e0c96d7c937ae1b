/* schema: every field with values that are right, at the edge and wrong, and what the refusal says.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/models.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SLUG "p-image-lora-text-to-image"

static const struct schema *schema(void)
{
	return models_find(SLUG);
}

static json_t *value_of(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	if (!value)
		fail_msg("the test's own JSON is wrong: %s", text);
	return value;
}

struct row {
	const char *field, *json;
	const char *says; /* NULL: right; else a part of the message */
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_t *value = value_of(rows[i].json);
		struct error err = { .message = "" };
		int r = schema_check_field(schema(), rows[i].field, value, &err);

		json_decref(value);
		if (r != (rows[i].says ? -EINVAL : 0))
			fail_msg("%s = %s: %d %s", rows[i].field, rows[i].json, r, err.message);
		if (!rows[i].says)
			continue;
		if (!strstr(err.message, rows[i].says))
			fail_msg("%s = %s: \"%s\" does not say \"%s\"", rows[i].field, rows[i].json,
				 err.message, rows[i].says);
		assert_int_equal(err.class, ERROR_INVALID);
		assert_int_equal(strncmp(err.message, rows[i].field, strlen(rows[i].field)), 0);
	}
}

static void prompts(void **state)
{
	static const struct row rows[] = {
		{ "prompt", "\"a red fox\"", NULL },
		{ "prompt", "\"two\\nlines\\tand a tab\"", NULL },
		{ "prompt", "\"\"", "is empty" },
		{ "prompt", "\" \\n\\t\"", "is empty" },
		{ "prompt", "\"a\\u0007b\"", "U+0007" },
		{ "prompt", "7", "7 is not text; write \"7\"" },
		{ "prompt", "true", "write \"true\"" },
		{ "prompt", "null", "leave the field out" },
		{ "prompt", "[\"a\"]", "is an array" },
		{ "prompt", "{}", "is an object" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void whole_numbers(void **state)
{
	static const struct row rows[] = {
		{ "width", "256", NULL },
		{ "width", "1440", NULL },
		{ "height", "1024", NULL },
		{ "width", "240",
		  "width: 240 is out of range; use a multiple of 16 from 256 to 1440" },
		{ "width", "1456", "out of range" },
		{ "width", "-256", "out of range" },
		{ "width", "1000",
		  "width: 1000 is not a multiple of 16; 992 and 1008 are the nearest" },
		{ "height", "257", "256 and 272 are the nearest" },
		{ "height", "1439", "1424 and 1440 are the nearest" },
		{ "width", "1024.0", "write 1024" },
		{ "width", "1024.5", "1024.5 is not a whole number" },
		{ "width", "1e300", "is not a whole number" },
		{ "width", "\"1024\"", "width: \"1024\" is text; write 1024" },
		{ "width", "\"wide\"", "\"wide\" is text; use a multiple of 16" },
		{ "width", "true", "is a boolean" },
		{ "seed", "0", NULL },
		{ "seed", "9223372036854775807", NULL },
		{ "seed", "-1", "seed: -1 is out of range; use a whole number from 0 to" },
		{ "seed", "\"7\"", "seed: \"7\" is text; write 7" },
		{ "seed", "7.0", "write 7" },
		{ "seed", "null", "leave the field out" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void numbers_and_booleans(void **state)
{
	static const struct row rows[] = {
		{ "lora_scale", "0.5", NULL },
		{ "lora_scale", "-1", NULL },
		{ "lora_scale", "3", NULL },
		{ "lora_scale", "3.0", NULL },
		{ "lora_scale", "3.01",
		  "lora_scale: 3.01 is out of range; use a number from -1 to 3" },
		{ "lora_scale", "-1.5", "out of range" },
		{ "lora_scale", "\"0.7\"", "lora_scale: \"0.7\" is text; write 0.7" },
		{ "lora_scale", "\"1\"", "write 1" },
		{ "lora_scale", "\"much\"", "is text; use a number" },
		{ "prompt_upsampling", "true", NULL },
		{ "prompt_upsampling", "false", NULL },
		{ "prompt_upsampling", "1", "1 is a number; write true" },
		{ "prompt_upsampling", "0", "write false" },
		{ "prompt_upsampling", "2", "use true or false" },
		{ "disable_safety_checker", "\"true\"", "\"true\" is text; write true" },
		{ "disable_safety_checker", "\"off\"", "write false" },
		{ "disable_safety_checker", "\"maybe\"", "use true or false" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void aspect_ratios(void **state)
{
	static const struct row rows[] = {
		{ "aspect_ratio", "\"1:1\"", NULL },
		{ "aspect_ratio", "\"16:9\"", NULL },
		{ "aspect_ratio", "\"9:16\"", NULL },
		{ "aspect_ratio", "\"4:3\"", NULL },
		{ "aspect_ratio", "\"3:4\"", NULL },
		{ "aspect_ratio", "\"3:2\"", NULL },
		{ "aspect_ratio", "\"2:3\"", NULL },
		{ "aspect_ratio", "\"custom\"", NULL },
		{ "aspect_ratio", "\"16x9\"",
		  "aspect_ratio: \"16x9\" is not allowed; use one of 1:1, 16:9, 9:16, 4:3, 3:4,"
		  " 3:2, 2:3, custom. "
		  "Did you mean \"16:9\"?" },
		{ "aspect_ratio", "\"Custom\"", "Did you mean \"custom\"?" },
		{ "aspect_ratio", "\"panorama\"", "use one of" },
		{ "aspect_ratio", "16", "16 is a number; use one of" },
		{ "aspect_ratio", "\"\"", "is not allowed" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void addresses_of_weights(void **state)
{
	static const struct row rows[] = {
		{ "lora_weights", "\"huggingface.co/me/fox-lora\"", NULL },
		{ "lora_weights", "\"https://huggingface.co/me/fox-lora\"", NULL },
		{ "lora_weights", "\"huggingface.co/me/fox/weights.safetensors\"", NULL },
		{ "lora_weights", "\"HTTPS://HuggingFace.co/me/fox/resolve/main/w.safetensors\"",
		  NULL },
		{ "lora_weights", "\"http://huggingface.co/me/fox\"",
		  "write https://huggingface.co/me/fox" },
		{ "lora_weights", "\"me/fox-lora\"", "write huggingface.co/me/fox-lora" },
		{ "lora_weights", "\"huggingface.co/me\"", "huggingface.co/OWNER/REPO" },
		{ "lora_weights", "\"huggingface.co/\"", "not allowed" },
		{ "lora_weights", "\"huggingface.co/me/\"", "not allowed" },
		{ "lora_weights", "\"huggingface.co//fox\"", "not allowed" },
		{ "lora_weights", "\"huggingface.co/me/../fox\"", "not allowed" },
		{ "lora_weights", "\"huggingface.co/me/fox lora\"", "not allowed" },
		{ "lora_weights", "\"data:text/plain,x\"", "not allowed" },
		{ "lora_weights", "\"https://localhost/me/fox\"", "not allowed" },
		{ "lora_weights", "\"https://127.0.0.1/me/fox\"", "not allowed" },
		{ "lora_weights", "\"https://huggingface.co.evil.example/me/fox\"", "not allowed" },
		{ "lora_weights", "\"https://evil.example/huggingface.co/me/fox\"", "not allowed" },
		{ "lora_weights", "\"ftp://huggingface.co/me/fox\"", "not allowed" },
		{ "lora_weights", "\"\"", "not allowed" },
		{ "lora_weights", "7", "is not text" },
		{ "lora_weights", "{\"url\":\"x\"}", "is an object" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void no_message_holds_a_secret(void **state)
{
	static const struct row rows[] = {
		{ "hf_api_token", "\"hf_SECRET and more\"", "printable ASCII" },
		{ "hf_api_token", "[\"hf_SECRET\"]", "not shown" },
		{ "hf_api_token", "{\"a\":\"hf_SECRET\"}", "not shown" },
		{ "lora_weights", "\"https://me:SECRET@huggingface.co/me/fox\"", "not shown" },
		{ "lora_weights", "\"https://huggingface.co/me/fox?token=SECRET\"",
		  "without a query" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		json_t *value = value_of(rows[i].json);
		struct error err;

		assert_int_equal(schema_check_field(schema(), rows[i].field, value, &err), -EINVAL);
		assert_null(strstr(err.message, "SECRET"));
		json_decref(value);
	}
}

static void a_long_value_is_shown_cut(void **state)
{
	json_t *value = json_array();
	struct error err;

	(void)state;
	for (int i = 0; i < 500; i++)
		json_array_append_new(value, json_string("\xc3\xa4\xc3\xb6\xc3\xbc"));
	assert_int_equal(schema_check_field(schema(), "width", value, &err), -EINVAL);
	assert_non_null(strstr(err.message, "... is an array; use a multiple"));
	assert_true(strlen(err.message) < 200);
	json_decref(value);
}

static void a_misspelt_field_gets_the_nearest_name(void **state)
{
	static const char *const rows[][2] = {
		{ "promt", "did you mean \"prompt\"?" },
		{ "Prompt", "did you mean \"prompt\"?" },
		{ "aspect-ratio", "\"aspect_ratio\"?" },
		{ "heigth", "\"height\"?" },
		{ "lora_weight", "\"lora_weights\"?" },
		{ "hf_token", "did you mean \"hf_api_token\"?" },
		{ "output_format", "disable_safety_checker" },
		{ "", "there is no such field" },
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(schema_check_field(schema(), rows[i][0], json_true(), &err),
				 -EINVAL);
		if (!strstr(err.message, rows[i][1]))
			fail_msg("%s: %s", rows[i][0], err.message);
	}
}

static void whole_inputs(void **state)
{
	static const char *const rows[][2] = {
		{ "{\"prompt\":\"x\"}", NULL },
		{ "{\"prompt\":\"x\",\"width\":512,\"height\":512}", NULL },
		{ "{\"prompt\":\"x\",\"aspect_ratio\":\"custom\",\"width\":512,\"height\":512}",
		  NULL },
		{ "{\"prompt\":\"x\",\"aspect_ratio\":\"1:1\",\"seed\":1,\"lora_scale\":1}", NULL },
		{ "{\"seed\":1}", "prompt: is missing" },
		{ "{}", "prompt: is missing" },
		{ "[]", "not a JSON object" },
		{ "{\"prompt\":\"x\",\"sed\":1}", "did you mean \"seed\"?" },
		{ "{\"prompt\":\"x\",\"width\":512}", "height: is missing; width needs it" },
		{ "{\"prompt\":\"x\",\"height\":512}", "width: is missing; height needs it" },
		{ "{\"prompt\":\"x\",\"aspect_ratio\":\"custom\"}", "needs both width and height" },
		{ "{\"prompt\":\"x\",\"aspect_ratio\":\"custom\",\"width\":512}",
		  "height: is missing" },
		{ "{\"prompt\":\"x\",\"aspect_ratio\":\"16:9\",\"width\":512,\"height\":512}",
		  "only allowed with aspect_ratio \"custom\"" },
		{ "{\"prompt\":\"x\",\"aspect_ratio\":\"16:9\",\"width\":512}",
		  "only allowed with" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		json_t *input = value_of(rows[i][0]);
		struct error err = { .message = "" };
		int r = schema_check(schema(), input, &err);

		json_decref(input);
		if (r != (rows[i][1] ? -EINVAL : 0) ||
		    (rows[i][1] && !strstr(err.message, rows[i][1])))
			fail_msg("%s: %d %s", rows[i][0], r, err.message);
	}
}

static void defaults_fill_in_what_is_not_said(void **state)
{
	static const char *const rows[][3] = {
		/* input, defaults, what comes out */
		{ "{\"prompt\":\"x\"}", "{}", "{\"prompt\":\"x\"}" },
		{ "{\"prompt\":\"x\"}", "{\"aspect_ratio\":\"1:1\",\"lora_scale\":1}",
		  "{\"prompt\":\"x\",\"aspect_ratio\":\"1:1\",\"lora_scale\":1}" },
		{ "{\"prompt\":\"x\",\"lora_scale\":2}", "{\"lora_scale\":1}",
		  "{\"prompt\":\"x\",\"lora_scale\":2}" },
		{ "{\"width\":512,\"height\":512}", "{}",
		  "{\"width\":512,\"height\":512,\"aspect_ratio\":\"custom\"}" },
		{ "{\"width\":512,\"height\":512}", "{\"aspect_ratio\":\"16:9\"}",
		  "{\"width\":512,\"height\":512,\"aspect_ratio\":\"custom\"}" },
		{ "{\"aspect_ratio\":\"1:1\"}", "{\"width\":512,\"height\":512}",
		  "{\"aspect_ratio\":\"1:1\"}" },
		{ "{\"aspect_ratio\":\"1:1\"}",
		  "{\"aspect_ratio\":\"custom\",\"width\":512,\"height\":512}",
		  "{\"aspect_ratio\":\"1:1\"}" },
		{ "{}", "{\"width\":512,\"height\":640}",
		  "{\"width\":512,\"height\":640,\"aspect_ratio\":\"custom\"}" },
		{ "{\"aspect_ratio\":\"custom\"}", "{\"width\":512,\"height\":640}",
		  "{\"aspect_ratio\":\"custom\",\"width\":512,\"height\":640}" },
		{ "{\"width\":1024}", "{\"aspect_ratio\":\"custom\",\"width\":512,\"height\":640}",
		  "{\"width\":1024,\"aspect_ratio\":\"custom\",\"height\":640}" },
		{ "{\"width\":1024}", "{\"aspect_ratio\":\"16:9\"}", "{\"width\":1024}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		json_t *input = value_of(rows[i][0]), *defaults = value_of(rows[i][1]),
		       *want = value_of(rows[i][2]);

		assert_int_equal(schema_merge(schema(), input, defaults), 0);
		if (!json_equal(input, want))
			fail_msg("%s with %s: %s", rows[i][0], rows[i][1],
				 json_dumps(input, JSON_COMPACT));
		json_decref(input);
		json_decref(defaults);
		json_decref(want);
	}
}

static void texts_become_values(void **state)
{
	static const char *const rows[][3] = {
		/* field, text, JSON or NULL */
		{ "aspect_ratio", "1:1", "\"1:1\"" },
		{ "width", "512", "512" },
		{ "seed", "42", "42" },
		{ "lora_scale", "0.7", "0.7" },
		{ "lora_scale", "2", "2" },
		{ "lora_scale", "-1", "-1" },
		{ "prompt_upsampling", "yes", "true" },
		{ "prompt_upsampling", "False", "false" },
		{ "prompt_upsampling", "on", "true" },
		{ "lora_weights", "huggingface.co/a/b", "\"huggingface.co/a/b\"" },
		{ "hf_api_token", "hf_x", "\"hf_x\"" },
		{ "width", "500", NULL },
		{ "width", "0x200", NULL },
		{ "width", "512 ", NULL },
		{ "width", "", NULL },
		{ "seed", "99999999999999999999", NULL },
		{ "seed", "7.0", NULL },
		{ "lora_scale", "nan", NULL },
		{ "lora_scale", "1e999", NULL },
		{ "lora_scale", "0x1", NULL },
		{ "prompt_upsampling", "maybe", NULL },
		{ "aspect_ratio", "\xff", NULL },
		{ "sed", "1", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { .message = "" };
		json_t *value = NULL;
		int r = schema_value_of_text(schema(), rows[i][0], rows[i][1], &value, &err);
		json_t *want = rows[i][2] ? value_of(rows[i][2]) : NULL;

		if (!want != !value || (want && !json_equal(value, want)))
			fail_msg("%s = %s: %s", rows[i][0], rows[i][1], err.message);
		assert_int_equal(r, want ? 0 : -EINVAL);
		if (!want)
			assert_int_equal(err.class, ERROR_INVALID);
		json_decref(value);
		json_decref(want);
	}
}

static void memory_may_run_out_anywhere(void **state)
{
	json_t *defaults = value_of("{\"width\":512,\"height\":512,\"hf_api_token\":\"hf_x\"}");
	json_t *wrong = value_of("\"1024\"");
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		struct error err;
		json_t *input = json_object(), *value = NULL;
		int merged, checked, read;

		oom_fail_after(n);
		merged = schema_merge(schema(), input, defaults);
		checked = schema_check_field(schema(), "width", wrong, &err);
		read = schema_value_of_text(schema(), "seed", "7", &value, &err);
		failed = oom_off();
		assert_true(merged == 0 || merged == -ENOMEM);
		assert_true(checked == -EINVAL || checked == -ENOMEM);
		assert_int_equal(read, value ? 0 : -ENOMEM);
		assert_true(failed || (merged == 0 && checked == -EINVAL && value));
		json_decref(input);
		json_decref(value);
	}
	json_decref(defaults);
	json_decref(wrong);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prompts),
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(numbers_and_booleans),
		cmocka_unit_test(aspect_ratios),
		cmocka_unit_test(addresses_of_weights),
		cmocka_unit_test(no_message_holds_a_secret),
		cmocka_unit_test(a_long_value_is_shown_cut),
		cmocka_unit_test(a_misspelt_field_gets_the_nearest_name),
		cmocka_unit_test(whole_inputs),
		cmocka_unit_test(defaults_fill_in_what_is_not_said),
		cmocka_unit_test(texts_become_values),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
