/* request: when a text is JSON and when a prompt, and documents of status/ as requests. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pimagefs/request.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SLUG "p-image-lora-text-to-image"

static int setup(void **state)
{
	struct settings settings = { .model.slug = (char *)SLUG };
	struct request_rules *rules;
	struct error err;

	if (request_rules_new(&rules, &settings, &err) < 0)
		return -1;
	*state = rules;
	return 0;
}

static int teardown(void **state)
{
	request_rules_free(*state);
	return 0;
}

static int parse(const struct request_rules *rules, const char *name, const char *text,
		 struct request *out, struct error *err)
{
	memset(err, 0, sizeof(*err));
	return request_parse(rules, name, text, strlen(text), out, err);
}

/* What a write of this text means: 0 or the refusal. */
static int check_part(const struct request_rules *rules, const char *name, const char *text,
		      size_t size, struct error *err)
{
	struct request request = { .input = NULL };
	int r = request_check_part(rules, name, text, size, &request, err);

	assert_true((r == 1) == (request.input != NULL));
	request_release(&request);
	return r < 0 ? r : 0;
}

struct bad {
	const char *name, *text, *says;
	int r;
};

static void check_bad(const struct request_rules *rules, const struct bad *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct request request = { .seed = 77 };
		struct error err;
		int r = parse(rules, rows[i].name, rows[i].text, &request, &err);

		if (r != rows[i].r || !strstr(err.message, rows[i].says))
			fail_msg("%s: %s: %d \"%s\"", rows[i].name, rows[i].text, r, err.message);
		assert_int_equal(request.seed, 77);
		assert_null(request.input);
	}
}

/* What a brace at the beginning means, whatever the name but .json. */
static void two_marks_tell_json(void **state)
{
	static const char *const names[] = { "a", "a.txt", "a.prompt", "a.md", "a.x" };
	static const struct {
		const char *text, *prompt; /* NULL: it is JSON */
	} rows[] = {
		{ "{\"prompt\":\"x\"}", NULL },
		{ " \r\n\t{ \r\n\t\"prompt\":\"x\"}", NULL },
		{ "\xef\xbb\xbf{\n\"prompt\":\"x\"}\n", NULL },
		{ "{prompt:x}", "{prompt:x}" },
		{ "{{\"x\"}}", "{{\"x\"}}" },
		{ "{\\\"x\"}", "{\\\"x\"}" },
		{ "\\{\"prompt\":\"x\"}\n", "{\"prompt\":\"x\"}" },
		{ "\\{}", "{}" },
		{ "\\{red, blue}", "{red, blue}" },
		{ " \n\\{x", " \n{x" },
		{ "\xef\xbb\xbf\\{x", "{x" },
		{ "\\\\{x", "\\\\{x" },
		{ "\\ {x", "\\ {x" },
		{ "x {\"prompt\":\"y\"}", "x {\"prompt\":\"y\"}" },
	};

	for (size_t i = 0; i < COUNT(rows) * COUNT(names); i++) {
		const char *name = names[i % COUNT(names)], *text = rows[i / COUNT(names)].text,
			   *prompt = rows[i / COUNT(names)].prompt;
		struct request request;
		struct error err;

		if (parse(*state, name, text, &request, &err) < 0)
			fail_msg("%s: %s: %s", name, text, err.message);
		assert_string_equal(request.prompt, prompt ? prompt : "x");
		request_release(&request);
	}
}

static void a_name_in_json_is_always_json(void **state)
{
	static const struct bad rows[] = {
		{ "a.json", "{red, blue}", "the JSON is wrong at line 1, column 4", -EINVAL },
		{ "a.json", "\\{}", "begins with {, not with \"\\\"", -EINVAL },
		{ "a.json", "{", "ends too early", -EINVAL },
	};

	check_bad(*state, rows, COUNT(rows));
}

static void what_was_broken_as_json_may_be_a_prompt(void **state)
{
	static const char *const texts[] = { "{\"red\" fox}", "{}{}", "{", " {\n", "{\"red" };
	struct request request;
	struct error err;

	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(parse(*state, "a.txt", texts[i], &request, &err), -EINVAL);
		assert_int_equal(err.advice, ADVICE_LITERAL);
		assert_int_equal(parse(*state, "a.json", texts[i], &request, &err), -EINVAL);
		assert_int_equal(err.advice, ADVICE_NONE);
	}
	assert_int_equal(parse(*state, "a", "{", &request, &err), -EINVAL);
	assert_non_null(strstr(err.message, "only a {"));
}

static void only_the_brace_is_not_judged_while_it_is_written(void **state)
{
	static const char *const begin[] = { "{", "{ \n\t", "\\", "\\{", "\xef\xbb\xbf{" };
	struct error err;

	for (size_t i = 0; i < COUNT(begin); i++)
		assert_int_equal(check_part(*state, "a.txt", begin[i], strlen(begin[i]), &err), 0);
	assert_int_equal(check_part(*state, "a.txt", "{\0\"", 3, &err), 0);
	assert_int_equal(check_part(*state, "a.txt", "{red", 4, &err), 0);
	assert_int_equal(check_part(*state, "a.txt", "\\{\"a\":1}", 9, &err), 0);
	assert_int_equal(check_part(*state, "a.txt", "{\"promt\":1}", 11, &err), -EINVAL);
	assert_int_equal(check_part(*state, "a.txt", "{}", 2, &err), -EINVAL);
}

/* As status/ shows a request. */
#define STATUS(rest) "{\"id\":\"a\",\"state\":\"ready\",\"attempts\":1" rest "}"

static void a_document_of_status_asks_for_the_same(void **state)
{
	static const char *const asks[] = {
		STATUS(",\"model\":\"" SLUG "\",\"prompt\":\"x\",\"seed\":5,\"request\":"
		       "{\"prompt\":\"x\",\"seed\":5},\"error\":{\"class\":\"network\"}"),
		STATUS(",\"seed\":5,\"request\":{\"prompt\":\"x\"}"),
		STATUS(",\"request\":{\"prompt\":\"x\",\"seed\":5}"),
	};
	static const char other[] = STATUS(",\"model\":\"p-image-text-to-image\",\"request\":"
					   "{\"prompt\":\"x\"}");
	struct request request;
	struct error err;

	for (size_t i = 0; i < COUNT(asks); i++) {
		if (parse(*state, "a.json", asks[i], &request, &err) < 0)
			fail_msg("%s: %s", asks[i], err.message);
		assert_string_equal(request.input, "{\"prompt\":\"x\",\"seed\":5}");
		assert_string_equal(request.model, SLUG);
		assert_int_equal(request.seed, 5);
		assert_true(request.has_seed);
		request_release(&request);
	}
	assert_int_equal(parse(*state, "a", other, &request, &err), 0);
	assert_string_equal(request.model, "p-image-text-to-image");
	assert_true(request.wants_seed);
	request_release(&request);
}

static void a_document_of_status_that_asks_for_nothing(void **state)
{
	static const struct bad rows[] = {
		{ "a.json", STATUS(""), "request: is missing; this document of status/", -EINVAL },
		{ "a.json", STATUS(",\"request\":7"), "request: is not an object", -EINVAL },
		{ "a.json", STATUS(",\"model\":\"flux\",\"request\":{\"prompt\":\"x\"}"),
		  "model: \"flux\" is not known", -EINVAL },
		{ "a.json", STATUS(",\"prompt\":\"y\",\"request\":{\"prompt\":\"x\"}"),
		  "prompt: is not the same as in \"request\"", -EINVAL },
		{ "a.json", STATUS(",\"seed\":6,\"request\":{\"prompt\":\"x\",\"seed\":5}"),
		  "seed: is not the same", -EINVAL },
		{ "a.json", STATUS(",\"request\":{\"promt\":\"x\"}"), "did you mean \"prompt\"?",
		  -EINVAL },
	};

	check_bad(*state, rows, COUNT(rows));
}

static void a_masked_token_is_refused_by_name(void **state)
{
	static const char input[] = "{\"prompt\":\"x\",\"hf_api_token\":\"***\"}";
	static const struct bad rows[] = {
		{ "a.json", STATUS(",\"request\":{\"prompt\":\"x\",\"hf_api_token\":\"***\"}"),
		  "hf_api_token: is masked (***)", -EINVAL },
		{ "a.json", input, "hf_api_token: is masked (***)", -EINVAL },
	};
	struct error err;

	check_bad(*state, rows, COUNT(rows));
	assert_int_equal(check_part(*state, "a.json", input, strlen(input), &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_marks_tell_json),
		cmocka_unit_test(a_name_in_json_is_always_json),
		cmocka_unit_test(what_was_broken_as_json_may_be_a_prompt),
		cmocka_unit_test(only_the_brace_is_not_judged_while_it_is_written),
		cmocka_unit_test(a_document_of_status_asks_for_the_same),
		cmocka_unit_test(a_document_of_status_that_asks_for_nothing),
		cmocka_unit_test(a_masked_token_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
