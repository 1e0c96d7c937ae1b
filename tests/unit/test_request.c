/* request: texts as people and programs write them, what comes out of them, and when a fault is
 * seen. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/request.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SLUG "p-image-lora-text-to-image"

static char where[] = "x.ini:3";

/* Rules from "key=value" texts, NULL at the end. */
static int make_rules(struct request_rules **out, const char *const *lines, struct error *err)
{
	struct config_default defaults[8];
	struct settings settings = { .model.slug = (char *)SLUG, .defaults = defaults };
	int r;

	for (; lines && *lines; lines++) {
		struct config_default *d = &defaults[settings.n_defaults++];

		d->key = strdup(*lines);
		*strchr(d->key, '=') = '\0';
		d->value = d->key + strlen(d->key) + 1;
		d->where = where;
	}
	r = request_rules_new(out, &settings, err);
	for (size_t i = 0; i < settings.n_defaults; i++)
		free(defaults[i].key);
	return r;
}

static struct request_rules *rules_of(const char *const *lines)
{
	struct request_rules *rules = NULL;
	struct error err = { .message = "" };

	if (make_rules(&rules, lines, &err) < 0)
		fail_msg("%s", err.message);
	return rules;
}

static int setup(void **state)
{
	*state = rules_of(NULL);
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
	err->message[0] = '\0';
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

struct good {
	const char *name, *text, *input;
};

static void check_good(const struct request_rules *rules, const struct good *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct request request;
		struct error err;
		json_t *want, *got;

		if (parse(rules, rows[i].name, rows[i].text, &request, &err) < 0)
			fail_msg("%s: %s: %s", rows[i].name, rows[i].text, err.message);
		want = json_loads(rows[i].input, 0, NULL);
		got = json_loads(request.input, 0, NULL);
		if (!want || !json_equal(want, got))
			fail_msg("%s: %s: %s", rows[i].name, rows[i].text, request.input);
		assert_string_equal(request.prompt,
				    json_string_value(json_object_get(got, "prompt")));
		json_decref(want);
		json_decref(got);
		request_release(&request);
	}
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

static void plain_prompts(void **state)
{
	static const struct good rows[] = {
		{ "fox", "a red fox", "{\"prompt\":\"a red fox\"}" },
		{ "fox", "a red fox\n", "{\"prompt\":\"a red fox\"}" },
		{ "fox.txt", "a red fox\r\n\r\n\n", "{\"prompt\":\"a red fox\"}" },
		{ "fox", "  a\n b \n", "{\"prompt\":\"  a\\n b \"}" },
		{ "fox",
		  "\xef\xbb\xbf"
		  "fox\n",
		  "{\"prompt\":\"fox\"}" },
		{ "fox.txt", "{red, blue} fox\n", "{\"prompt\":\"{red, blue} fox\"}" },
		{ "fox", " \n{ [x", "{\"prompt\":\" \\n{ [x\"}" },
		{ "fox.md", "{x}", "{\"prompt\":\"{x}\"}" },
		{ "fox", "\xe7\x8b\x90\n", "{\"prompt\":\"\xe7\x8b\x90\"}" },
		{ "fox", "[1]", "{\"prompt\":\"[1]\"}" },
		{ "fox", "a\r", "{\"prompt\":\"a\\r\"}" },
	};

	check_good(*state, rows, COUNT(rows));
}

static void json_requests(void **state)
{
	static const struct good rows[] = {
		{ "fox.json", "{\"prompt\":\"x\"}", "{\"prompt\":\"x\"}" },
		{ "fox", " \n{\"prompt\":\"x\",\"seed\":5}\n", "{\"prompt\":\"x\",\"seed\":5}" },
		{ "fox", "\xef\xbb\xbf{\"prompt\":\"x\"}", "{\"prompt\":\"x\"}" },
		{ "fox.json", "{\"prompt\":\"x\",\"width\":512,\"height\":512}",
		  "{\"prompt\":\"x\",\"width\":512,\"height\":512,\"aspect_ratio\":\"custom\"}" },
		{ "fox.json", "{\"model\":\"" SLUG "\",\"input\":{\"prompt\":\"x\"}}",
		  "{\"prompt\":\"x\"}" },
		{ "fox.json", "{\"input\":{\"prompt\":\"x\"}}", "{\"prompt\":\"x\"}" },
		{ "fox.json",
		  "{\"prompt\":\"x\",\"lora_weights\":\"huggingface.co/a/b\",\"lora_scale\":0.7,"
		  "\"hf_api_token\":\"hf_x\",\"aspect_ratio\":\"custom\",\"width\":256,"
		  "\"height\":1440,\"seed\":1,"
		  "\"prompt_upsampling\":true,\"disable_safety_checker\":false}",
		  "{\"prompt\":\"x\",\"lora_weights\":\"huggingface.co/a/b\",\"lora_scale\":0.7,"
		  "\"hf_api_token\":\"hf_x\",\"aspect_ratio\":\"custom\",\"width\":256,"
		  "\"height\":1440,\"seed\":1,"
		  "\"prompt_upsampling\":true,\"disable_safety_checker\":false}" },
	};

	check_good(*state, rows, COUNT(rows));
}

static void what_is_wrong_is_said(void **state)
{
	static const struct bad rows[] = {
		{ "fox", "", "empty", -EINVAL },
		{ "fox", " \n", "empty", -EINVAL },
		{ "fox.json", "\n", "empty", -EINVAL },
		{ "fox", "a\xff", "not UTF-8: byte 0xff at line 1, column 2", -EILSEQ },
		{ "fox", "a\nb\xc3", "line 2, column 2", -EILSEQ },
		{ "fox.json", "{\"prompt\":\"\xff\"}", "not UTF-8", -EILSEQ },
		{ "fox",
		  "\xff\xfe"
		  "f",
		  "UTF-16", -EILSEQ },
		{ "fox", "a\tb\nc\x01", "control character (0x01) at line 2, column 2", -EINVAL },
		{ "fox.json", "a fox", "begins with {, not with \"a\"", -EINVAL },
		{ "fox.json", "[1]", "begins with {, not with \"[\"", -EINVAL },
		{ "fox.json", "{\"prompt\":\"x\"", "at line 1, column 13: it ends too early",
		  -EINVAL },
		{ "fox.json", "{\"prompt\":\"x", "ends too early", -EINVAL },
		{ "fox.json", "{\"prompt\":\"x\",}", "line 1, column 15", -EINVAL },
		{ "fox.json", "{\n 'prompt':\"x\"}", "line 2, column 2", -EINVAL },
		{ "fox.json", "{\"prompt\":\"x\"} y", "behind its last bracket", -EINVAL },
		{ "fox.json", "{\"prompt\":\"x\"}{}", "behind its last bracket", -EINVAL },
		{ "fox.json", "{\"prompt\":\"x\",\"prompt\":\"y\"}", "a key is given twice",
		  -EINVAL },
		{ "fox.json", "{\"prompt\":\"x\\u0000\"}", "\\u0000 is not allowed", -EINVAL },
		{ "fox.json", "{\"prompt\":\"\\u0001\"}", "U+0001", -EINVAL },
		{ "fox.json", "{\"prompt\":\"x\",\"seed\":99999999999999999999}", "too big",
		  -EINVAL },
		{ "fox.json", "{}", "prompt: is missing", -EINVAL },
		{ "fox.json", "{\"promt\":\"x\"}", "did you mean \"prompt\"?", -EINVAL },
		{ "fox.json", "{\"prompt\":\" \"}", "prompt: is empty", -EINVAL },
		{ "fox.json", "{\"prompt\":\"x\",\"aspect_ratio\":\"16x9\"}",
		  "Did you mean \"16:9\"?", -EINVAL },
		{ "fox.json",
		  "{\"prompt\":\"x\",\"aspect_ratio\":\"1:1\",\"width\":512,\"height\":512}",
		  "only allowed with aspect_ratio \"custom\"", -EINVAL },
		{ "fox.json", "{\"model\":\"flux\",\"input\":{\"prompt\":\"x\"}}",
		  "model: \"flux\" is not known; the models are " SLUG ", p-image-text-to-image",
		  -EINVAL },
		{ "fox.json", "{\"model\":7,\"input\":{\"prompt\":\"x\"}}", "model: is not text",
		  -EINVAL },
		{ "fox.json", "{\"model\":\"" SLUG "\"}", "input: is missing", -EINVAL },
		{ "fox.json", "{\"model\":\"" SLUG "\",\"input\":\"x\"}", "input: is not an object",
		  -EINVAL },
		{ "fox.json", "{\"model\":\"" SLUG "\",\"imput\":{}}", "did you mean \"input\"?",
		  -EINVAL },
		{ "fox.json", "{\"input\":{\"prompt\":\"x\"},\"webhook_url\":\"u\"}",
		  "does not belong", -EINVAL },
		{ "fox.json", "{\"input\":{\"input\":{\"prompt\":\"x\"}}}", "no such field",
		  -EINVAL },
	};

	check_bad(*state, rows, COUNT(rows));
}

static void a_nul_is_refused_when_the_text_is_whole(void **state)
{
	static const char text[] = "a\0b";
	struct request request;
	struct error err;

	assert_int_equal(request_parse(*state, "fox", text, 3, &request, &err), -EINVAL);
	assert_non_null(strstr(err.message, "0x00"));
	assert_int_equal(check_part(*state, "fox", text, 3, &err), 0);
	assert_int_equal(check_part(*state, "fox.json", "{\0}", 3, &err), 0);
	assert_int_equal(check_part(*state, "fox.json", "\0\0}", 3, &err), 0);
}

/* {"prompt":"x","seed":[[...]]} with this many brackets in all. */
static char *nested(unsigned depth)
{
	static const char head[] = "{\"prompt\":\"[[[[\\\"{\",\"seed\":";
	char *text = calloc(1, sizeof(head) + 2 * (size_t)depth + 2);
	size_t n = strlen(head);

	strcpy(text, head);
	memset(text + n, '[', depth - 1);
	memset(text + n + depth - 1, ']', depth - 1);
	text[n + 2 * (depth - 1)] = '}';
	return text;
}

static void depth_is_limited(void **state)
{
	struct request request;
	struct error err;
	char *text = nested(32);

	assert_int_equal(parse(*state, "a", text, &request, &err), -EINVAL);
	assert_non_null(strstr(err.message, "seed: "));
	free(text);
	text = nested(33);
	assert_int_equal(parse(*state, "a", text, &request, &err), -EINVAL);
	assert_non_null(strstr(err.message, "nested deeper than 32 at line 1, column 59"));
	free(text);
	text = nested(100000);
	assert_int_equal(parse(*state, "a", text, &request, &err), -EINVAL);
	free(text);
}

static void what_is_blank(void **state)
{
	(void)state;
	assert_true(request_is_blank("", 0));
	assert_true(request_is_blank(NULL, 0));
	assert_true(request_is_blank(" \t\r\n", 4));
	assert_true(request_is_blank("\xef\xbb\xbf\n", 4));
	assert_false(request_is_blank(" x", 2));
	assert_false(request_is_blank("\0", 1));
}

static void no_message_shows_a_secret(void **state)
{
	static const char *const texts[] = {
		"{\"prompt\":\"x\",\"hf_api_token\":\"hf_SECRET}",
		"{\"prompt\":\"x\",\"hf_api_token\":\"hf_SECRET\\x\"}",
		"{\"prompt\":\"x\",\"hf_api_token\":hf_SECRET}",
		"{\"prompt\":\"x\",\"hf_api_token\":[\"hf_SECRET\"]}",
		"{\"prompt\":\"x\",\"hf_api_token\":\"hf SECRET\"}",
		"{\"prompt\":\"x\",\"hf_api_token\":\"hf_SECRET\" 7}",
	};
	struct request request;
	struct error err;

	for (size_t i = 0; i < COUNT(texts); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(parse(*state, "a.json", texts[i], &request, &err), -EINVAL);
		assert_true(err.message[0]);
		assert_null(strstr(err.message, "SECRET"));
		assert_null(strstr(err.details, "SECRET"));
	}
}

static void a_text_with_a_token_is_known(void **state)
{
	static const char *const yes[] = { "{\"prompt\":\"a\",\"hf_api_token\":\"x\"}",
					   "hf_api_token", "{\"hf_api_tok\\u0065n\":\"x\"}",
					   "\\u00fc \\u00e4 \\u0068f_api_token" };
	static const char *const no[] = {
		"",      "a fox",  "{\"prompt\":\"f\\u00fcchse \\u72d0\"}", "hf_api_toke",
		"\\u00", "\\u000a"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		assert_true(request_may_hold_secret(yes[i], strlen(yes[i])));
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		assert_false(request_may_hold_secret(no[i], strlen(no[i])));
	assert_false(request_may_hold_secret(NULL, 0));
}

static void the_token_is_masked_for_show(void **state)
{
	json_t *shown =
		request_masked("{\"prompt\":\"x\",\"hf_api_token\":\"hf_SECRET\",\"seed\":1}");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(shown, "hf_api_token")), "***");
	assert_string_equal(json_string_value(json_object_get(shown, "prompt")), "x");
	assert_int_equal(json_integer_value(json_object_get(shown, "seed")), 1);
	json_decref(shown);
	shown = request_masked("{\"prompt\":\"x\"}");
	assert_null(json_object_get(shown, "hf_api_token"));
	json_decref(shown);
	assert_null(request_masked("no JSON"));
}

static void the_seed_is_asked_for_once(void **state)
{
	static const char *const service[] = { "seed=service", NULL };
	static const char *const fixed[] = { "seed=42", NULL };
	struct request_rules *rules;
	struct request request;
	struct error err;

	assert_int_equal(parse(*state, "a", "fox", &request, &err), 0);
	assert_true(request.wants_seed);
	assert_false(request.has_seed);
	assert_int_equal(request_set_seed(&request, INT64_C(2147483647)), 0);
	assert_string_equal(request.input, "{\"prompt\":\"fox\",\"seed\":2147483647}");
	assert_true(request.has_seed);
	assert_false(request.wants_seed);
	assert_int_equal(request.seed, 2147483647);
	assert_int_equal(request_set_seed(&request, 7), 0);
	assert_string_equal(request.input, "{\"prompt\":\"fox\",\"seed\":7}");
	request_release(&request);
	request_release(&request);

	assert_int_equal(parse(*state, "a", "{\"prompt\":\"x\",\"seed\":9}", &request, &err), 0);
	assert_true(request.has_seed && !request.wants_seed && request.seed == 9);
	request_release(&request);

	rules = rules_of(service);
	assert_int_equal(parse(rules, "a", "fox", &request, &err), 0);
	assert_true(!request.has_seed && !request.wants_seed);
	assert_string_equal(request.input, "{\"prompt\":\"fox\"}");
	request_release(&request);
	request_rules_free(rules);

	rules = rules_of(fixed);
	assert_int_equal(parse(rules, "a", "fox", &request, &err), 0);
	assert_true(request.has_seed && !request.wants_seed && request.seed == 42);
	request_release(&request);
	request_rules_free(rules);
}

static void defaults_are_merged(void **state)
{
	static const char *const lines[] = { "aspect_ratio=16:9",
					     "lora_weights=huggingface.co/a/b",
					     "lora_scale=0.7",
					     "hf_api_token=hf_x",
					     "prompt_upsampling=yes",
					     "seed=1",
					     NULL };
	static const struct good rows[] = {
		{ "a", "fox\n",
		  "{\"prompt\":\"fox\",\"aspect_ratio\":\"16:9\","
		  "\"lora_weights\":\"huggingface.co/a/b\","
		  "\"lora_scale\":0.7,\"hf_api_token\":\"hf_x\",\"prompt_upsampling\":true,"
		  "\"seed\":1}" },
		{ "a.json",
		  "{\"prompt\":\"fox\",\"width\":512,\"height\":512,\"lora_scale\":1,\"seed\":2,"
		  "\"prompt_upsampling\":false,\"hf_api_token\":\"hf_y\"}",
		  "{\"prompt\":\"fox\",\"width\":512,\"height\":512,\"lora_scale\":1,\"seed\":2,"
		  "\"prompt_upsampling\":false,\"hf_api_token\":\"hf_y\","
		  "\"aspect_ratio\":\"custom\","
		  "\"lora_weights\":\"huggingface.co/a/b\"}" },
		/* Once more: the first request's secrets were overwritten, the rules' must not be.
		 */
		{ "a", "fox\n",
		  "{\"prompt\":\"fox\",\"aspect_ratio\":\"16:9\","
		  "\"lora_weights\":\"huggingface.co/a/b\","
		  "\"lora_scale\":0.7,\"hf_api_token\":\"hf_x\",\"prompt_upsampling\":true,"
		  "\"seed\":1}" },
	};
	struct request_rules *rules = rules_of(lines);

	(void)state;
	check_good(rules, rows, COUNT(rows));
	request_rules_free(rules);
}

static void wrong_defaults_are_told_with_their_line(void **state)
{
	static const struct {
		const char *lines[4], *says;
	} rows[] = {
		{ { "prompt=fox" }, "x.ini:3: prompt: is not allowed in [defaults]" },
		{ { "aspect_ration=1:1" },
		  "x.ini:3: aspect_ration: there is no such field; did you mean "
		  "\"aspect_ratio\"?" },
		{ { "aspect_ratio=16x9" }, "Did you mean \"16:9\"?" },
		{ { "width=1000", "height=512" }, "992 and 1008" },
		{ { "width=512" }, "x.ini:3: height: is missing" },
		{ { "aspect_ratio=custom" }, "x.ini:3: aspect_ratio: \"custom\" needs both" },
		{ { "aspect_ratio=1:1", "width=512", "height=512" }, "x.ini:3: " },
		{ { "seed=rnadom" }, "Did you mean \"random\"?" },
		{ { "seed=-1" }, "use random, service or a whole number from 0" },
		{ { "seed=" }, "use random, service" },
		{ { "lora_scale=much" }, "use a number from -1 to 3" },
		{ { "prompt_upsampling=perhaps" }, "use true or false" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct request_rules *rules = NULL;
		struct error err = { .message = "" };

		assert_int_equal(make_rules(&rules, rows[i].lines, &err), -EINVAL);
		assert_null(rules);
		if (!strstr(err.message, rows[i].says))
			fail_msg("%s: %s", rows[i].lines[0], err.message);
		assert_int_equal(strncmp(err.message, "x.ini:3: ", 9), 0);
	}
}

static void an_unknown_model_is_told_with_the_nearest(void **state)
{
	struct settings settings = { .model.slug = (char *)"p-image-lora-text-to-imag" };
	struct request_rules *rules;
	struct error err;

	assert_int_equal(request_rules_new(&rules, &settings, &err), -EINVAL);
	assert_non_null(strstr(err.message, "did you mean \"" SLUG "\"?"));
	(void)state;
	request_rules_free(NULL);
}

/* No beginning of a right request is ever refused, wherever a write happens to end. */
static void a_right_text_may_come_byte_by_byte(void **state)
{
	static const struct good rows[] = {
		{ "a.json",
		  "{\"prompt\": \"x\", \"seed\": 12, \"lora_scale\": -0.5e+0, "
		  "\"prompt_upsampling\": true}",
		  "" },
		{ "a",
		  "\xef\xbb\xbf \n{\"prompt\": \"\\\"\\u00e4\\ud83e\\udd8a "
		  "\xc3\xa4\xe7\x8b\x90\xf0\x9f\xa6\x8a\"}\n",
		  "" },
		{ "a.json", "\xef\xbb\xbf{\"prompt\": \"\xf0\x9f\xa6\x8a\"}", "" },
		{ "a.json",
		  "{\"model\": \"" SLUG
		  "\", \"input\": {\"prompt\": \"{}[]\",\r\n\t\"width\": 512, \"height\": 512}}",
		  "" },
		{ "a", "\xe7\x8b\x90 fox\n\xf0\x9f\xa6\x8a", "" },
		{ "a.txt", "{\"broken\": ", "" },
		{ "a", "", "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t n = 0; n <= strlen(rows[i].text); n++) {
			struct error err = { .message = "" };
			/* A copy of just this size, so that a look past its end is seen. */
			char *part = malloc(n ? n : 1);
			int r;

			memcpy(part, rows[i].text, n);
			r = check_part(*state, rows[i].name, part, n, &err);
			free(part);
			if (r != 0)
				fail_msg("%.*s: %s", (int)n, rows[i].text, err.message);
		}
	}
}

static void a_fault_is_seen_while_the_file_is_written(void **state)
{
	static const struct bad rows[] = {
		{ "a.json", "a", "begins with {", -EINVAL },
		{ "a.json", "[", "begins with {", -EINVAL },
		{ "a", "fox \xff", "not UTF-8", -EILSEQ },
		{ "a", "fox \xc3(", "not UTF-8", -EILSEQ },
		{ "a", "fox\x07", "control character", -EINVAL },
		{ "a", "\xff\xfe", "UTF-16", -EILSEQ },
		{ "a.json", "{\"prompt\":\"x\",}", "line 1, column 15", -EINVAL },
		{ "a.json", "{\"prompt\":}", "line 1, column 11", -EINVAL },
		{ "a.json", "{prompt:", "line 1, column 7", -EINVAL },
		{ "a.json", "{\"prompt\" \"x\"", "':' expected", -EINVAL },
		{ "a.json", "{\"prompt\":\"x\",\"prompt\"", "given twice", -EINVAL },
		{ "a.json", "{\"prompt\":tru}", "line 1", -EINVAL },
		{ "a.json", "{\"prompt\":\"x\"}\n", "", 0 },
		{ "a.json", "{\"promt\":\"x\"}", "did you mean \"prompt\"?", -EINVAL },
		{ "a.json", "{\"prompt\":\"x\"} x", "behind its last bracket", -EINVAL },
		{ "a", "{\"prompt\":\"x\",\"width\":1000,\"height\":512}\n", "992 and 1008",
		  -EINVAL },
		{ "a.json", "{\"prompt\":\"x\",\"seed\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
		  "nested deeper", -EINVAL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { .message = "" };
		int r = check_part(*state, rows[i].name, rows[i].text, strlen(rows[i].text), &err);

		if (r != rows[i].r || !strstr(err.message, rows[i].says))
			fail_msg("%s: %d %s", rows[i].text, r, err.message);
	}
}

/* 64 KiB byte by byte: what is checked is the sum of all sizes, 2 GiB, if the check is naive. */
static void a_long_text_byte_by_byte_stays_cheap(void **state)
{
	enum { SIZE = 65536 };
	char *text = malloc(SIZE);
	struct error err;

	memset(text, 'a', SIZE);
	memcpy(text, "{\"prompt\":\"", 11);
	memcpy(text + SIZE - 2, "\"}", 2);
	for (size_t n = 0; n <= SIZE; n++)
		assert_int_equal(check_part(*state, "a.json", text, n, &err), 0);
	/* In one write the middle is looked at too: the text is complete. */
	text[SIZE / 2] = '\xff';
	assert_int_equal(check_part(*state, "a.json", text, SIZE, &err), -EILSEQ);
	/* And at the end at any time. */
	text[SIZE / 2 + 100] = '\xff';
	assert_int_equal(check_part(*state, "a", text, SIZE / 2 + 103, &err), -EILSEQ);
	free(text);
}

static void a_long_text_is_cut_at_no_character(void **state)
{
	char text[8200];
	struct error err;

	for (size_t i = 0; i + 4 <= sizeof(text); i += 4)
		memcpy(text + i, "\xf0\x9f\xa6\x8a", 4);
	for (size_t n = 4000; n < 4110; n++)
		assert_int_equal(check_part(*state, "a", text, n, &err), 0);
}

static int parse_without_memory(const struct request_rules *rules, const char *text)
{
	struct request request = { .input = NULL };
	struct error err;
	int r = request_parse(rules, "a", text, strlen(text), &request, &err);

	if (r == 0)
		r = request_set_seed(&request, 1);
	request_release(&request);
	return r;
}

static void memory_may_run_out_anywhere(void **state)
{
	static const char *const lines[] = { "aspect_ratio=16:9", "hf_api_token=hf_x", NULL };
	static const char *const texts[] = {
		"a red fox\n",
		"{\"model\":\"" SLUG
		"\",\"input\":{\"prompt\":\"x\",\"seed\":5,\"lora_scale\":0.7}}",
		"{\"prompt\":\"x\",\"width\":512,\"height\":512}",
	};
	void (*const fails[])(unsigned) = { oom_fail_after, oom_fail_once };
	struct request_rules *rules = rules_of(lines);

	(void)state;
	for (size_t i = 0; i < COUNT(texts) * COUNT(fails); i++) {
		unsigned failed = 1, n;
		int r = -1;

		for (n = 0; failed; n++) {
			fails[i % 2](n);
			r = parse_without_memory(rules, texts[i / 2]);
			failed = oom_off();
			if (r != -ENOMEM && r != 0)
				fail_msg("%s, allocation %u (way %zu): %d", texts[i / 2], n, i % 2,
					 r);
		}
		assert_int_equal(r, 0);
		assert_true(n > 5);
	}
	request_rules_free(rules);
}

static void a_wrong_text_is_wrong_or_memory_is_missing(void **state)
{
	static const char *const texts[] = { "{\"promt\":\"x\"}", "{\"prompt\":\"x\",}",
					     "{\"prompt\":7}", "a\xff",
					     "{\"prompt\":\"x\",\"seed\":\"7\"}" };

	for (size_t i = 0; i < COUNT(texts); i++) {
		unsigned failed = 1;

		for (unsigned n = 0; failed; n++) {
			struct request request;
			struct error err;
			int r;

			oom_fail_after(n);
			r = request_parse(*state, "a", texts[i], strlen(texts[i]), &request, &err);
			failed = oom_off();
			assert_true(r == -ENOMEM || r == -EINVAL || r == -EILSEQ);
			assert_true(failed || r != -ENOMEM);
		}
	}
}

static void rules_may_lack_memory(void **state)
{
	static const char *const lines[] = {
		"aspect_ratio=custom",  "width=512",      "height=512", "seed=3",
		"prompt_upsampling=on", "lora_scale=0.5", NULL
	};
	struct config_default defaults[6];
	struct settings settings = { .model.slug = (char *)SLUG,
				     .defaults = defaults,
				     .n_defaults = 6 };
	unsigned failed = 1;

	(void)state;
	for (size_t i = 0; lines[i]; i++) {
		defaults[i].key = strdup(lines[i]);
		*strchr(defaults[i].key, '=') = '\0';
		defaults[i].value = defaults[i].key + strlen(defaults[i].key) + 1;
		defaults[i].where = where;
	}
	for (unsigned n = 0; failed; n++) {
		struct request_rules *rules = NULL;
		struct error err;
		int r;

		oom_fail_after(n);
		r = request_rules_new(&rules, &settings, &err);
		failed = oom_off();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		request_rules_free(rules);
	}
	for (size_t i = 0; i < COUNT(defaults); i++)
		free(defaults[i].key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_prompts),
		cmocka_unit_test(json_requests),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(a_nul_is_refused_when_the_text_is_whole),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(what_is_blank),
		cmocka_unit_test(no_message_shows_a_secret),
		cmocka_unit_test(a_text_with_a_token_is_known),
		cmocka_unit_test(the_token_is_masked_for_show),
		cmocka_unit_test(the_seed_is_asked_for_once),
		cmocka_unit_test(defaults_are_merged),
		cmocka_unit_test(wrong_defaults_are_told_with_their_line),
		cmocka_unit_test(an_unknown_model_is_told_with_the_nearest),
		cmocka_unit_test(a_right_text_may_come_byte_by_byte),
		cmocka_unit_test(a_fault_is_seen_while_the_file_is_written),
		cmocka_unit_test(a_long_text_byte_by_byte_stays_cheap),
		cmocka_unit_test(a_long_text_is_cut_at_no_character),
		cmocka_unit_test(memory_may_run_out_anywhere),
		cmocka_unit_test(a_wrong_text_is_wrong_or_memory_is_missing),
		cmocka_unit_test(rules_may_lack_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
