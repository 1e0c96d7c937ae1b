/* expand: what holds for every plain prompt, and what JSON and the settings have to do with it. The
 * examples are test_grammar's. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grammar.h"
#include "oom.h"
#include "pimagefs/rng.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct expansion expanded(const struct request_rules *rules, const char *text)
{
	struct chance chance = { .state = 1 };
	struct expansion out;
	struct error err;

	if (grammar_expand(rules, text, &chance, &out, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return out;
}

static void check_same(const struct request_rules *rules, const char *name, const char *text)
{
	struct chance chance = { .state = 1 };
	struct expand_source source = grammar_source(&chance);
	struct request plain = { .prompt = NULL };
	struct expansion got = { .n = 0 };
	struct error first, second;
	int r, before = request_parse(rules, name, text, strlen(text), &plain, &first);

	r = request_expand(rules, name, text, strlen(text), &source, &got, &second);
	assert_int_equal(r, before);
	assert_int_equal(chance.drawn, 0);
	if (r < 0) {
		assert_string_equal(first.message, second.message);
		return;
	}
	assert_int_equal(got.n, 1);
	assert_string_equal(got.items[0].input, plain.input);
	assert_string_equal(got.items[0].prompt, plain.prompt);
	assert_string_equal(got.items[0].model, plain.model);
	assert_int_equal(got.items[0].wants_seed, plain.wants_seed);
	request_release(&plain);
	expansion_release(&got);
}

static void a_text_without_signs_is_as_ever(void **state)
{
	static const char *const texts[] = {
		"a red fox",
		"  a\n b \n",
		"a fox, in the snow\r\n\r\n\n",
		"\xef\xbb\xbf"
		"fox\n",
		"\xe7\x8b\x90\n",
		"",
		" \n\t ",
		"a \x01 fox",
		"a \xff fox",
		"a semi-realistic well-rounded black-haired fox -- \n  ",
		"  a fox -x, --- --1 \xe2\x80\x94 a | b, <c> \\o/ ",
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		check_same(*state, "fox.txt", texts[i]);
}

static void json_is_never_expanded(void **state)
{
	static const char *const texts[] = {
		"{\"prompt\": \"a {red, blue} fox --ar 1:1 \\\\ __animals__\"}",
		"{\"model\": \"p-image-text-to-image\", \"input\": {\"prompt\": \"x --ar 1:1\"}}",
		"{\"prompt\": 7}",
		"{\"prompt\": \"a\", \"lora\": \"ink\"}",
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		check_same(*state, "fox.json", texts[i]);
}

static void the_setting_turns_it_off(void **state)
{
	struct config_lora loras[2];
	struct settings settings = grammar_settings(loras);
	struct request_rules *rules;

	(void)state;
	settings.requests.options = false;
	rules = grammar_rules(&settings);
	check_same(rules, "fox.txt", "a {red, blue} fox \\{ __animals__ <lora:ink> --ar 1:1");
	check_same(rules, "fox.txt", "a {red, blue fox --sede");
	request_rules_free(rules);
}

static void a_lora_has_its_name_in_json_too(void **state)
{
	static const struct {
		const char *text, *says; /* of the input, or the refusal */
		int r;
	} rows[] = {
		{ "{\"prompt\": \"a\", \"lora\": \"ink\"}",
		  "\"lora_weights\":\"huggingface.co/me/ink\",\"lora_scale\":0.7", 0 },
		{ "{\"prompt\": \"a\", \"lora\": \"ink\", \"lora_scale\": 1}", "\"lora_scale\":1,",
		  0 },
		{ "{\"prompt\": \"a\", \"lora\": \"huggingface.co/me/x\"}",
		  "\"lora_weights\":\"huggingface.co/me/x\"", 0 },
		{ "{\"prompt\": \"a\", \"lora\": \"inc\"}", "did you mean \"ink\"?", -EINVAL },
		{ "{\"prompt\": \"a\", \"lora\": \"a/b\"}", "write huggingface.co/a/b", -EINVAL },
		{ "{\"prompt\": \"a\", \"lora\": 1}", "lora: is not text", -EINVAL },
		{ "{\"prompt\": \"a\", \"lora\": \"ink\", \"lora_weights\": \"ink\"}",
		  "lora: says the same as lora_weights", -EINVAL },
		{ "{\"model\": \"p-image-text-to-image\", \"input\": {\"prompt\": \"a\", \"lora\": "
		  "\"ink\"}}",
		  "the model p-image-text-to-image takes none", -EINVAL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct request got = { .input = NULL };
		struct error err;
		int r = request_parse(*state, "a.json", rows[i].text, strlen(rows[i].text), &got,
				      &err);

		if (r != rows[i].r || !strstr(r < 0 ? err.message : got.input, rows[i].says))
			fail_msg("%s: %s", rows[i].text, r < 0 ? err.message : got.input);
		if (r == 0)
			assert_null(strstr(got.input, "\"lora\""));
		request_release(&got);
	}
}

static void wrong_loras_are_told_with_their_line(void **state)
{
	static char bad[] = "here/there", wild[] = "9", line[] = "x.ini:3";
	struct config_lora loras[2];
	struct settings settings = grammar_settings(loras);
	struct request_rules *rules = NULL;
	struct error err;

	(void)state;
	loras[1].weights.value = bad;
	assert_int_equal(request_rules_new(&rules, &settings, &err), -EINVAL);
	assert_non_null(strstr(err.message, "x.ini:3: lora_weights: \"here/there\""));
	settings = grammar_settings(loras);
	loras[0].scale.value = wild;
	assert_int_equal(request_rules_new(&rules, &settings, &err), -EINVAL);
	assert_non_null(strstr(err.message, "x.ini:3: lora_scale: 9 is out of range"));
	settings = grammar_settings(loras);
	loras[1].weights.value = NULL;
	loras[1].scale = (struct config_default){ .value = wild + 1, .where = line };
	assert_int_equal(request_rules_new(&rules, &settings, &err), -EINVAL);
	settings = grammar_settings(loras);
	loras[0].weights.value = NULL;
	assert_int_equal(request_rules_new(&rules, &settings, &err), -EINVAL);
	assert_non_null(strstr(err.message, "x.ini:3: [lora.ink] has no weights"));
	assert_null(rules);
}

/* --- beside the defaults */

static void an_option_counts_more_than_a_default(void **state)
{
	static char seed[] = "seed", five[] = "5", scale[] = "lora_scale", two[] = "2";
	static char line[] = "x.ini:1";
	struct config_default defaults[] = { { seed, five, line, false },
					     { scale, two, line, false } };
	struct config_lora loras[2];
	struct settings settings = grammar_settings(loras);
	struct request_rules *rules;
	struct expansion got;

	(void)state;
	settings.defaults = defaults;
	settings.n_defaults = 2;
	rules = grammar_rules(&settings);
	got = expanded(rules, "a fox --seed random");
	assert_true(got.items[0].wants_seed && !got.items[0].has_seed);
	assert_null(strstr(got.items[0].input, "seed"));
	expansion_release(&got);
	/* The default's seed goes up as a given one does. */
	got = expanded(rules, "a fox --repeat 2");
	assert_int_equal(got.items[0].seed, 5);
	assert_int_equal(got.items[1].seed, 6);
	assert_non_null(strstr(got.items[1].input, "\"seed\":6"));
	expansion_release(&got);
	got = expanded(rules, "a fox <lora:ink>");
	assert_non_null(strstr(got.items[0].input, "\"lora_scale\":0.7"));
	expansion_release(&got);
	got = expanded(rules, "a fox <lora:pixel-art>");
	assert_non_null(strstr(got.items[0].input, "\"lora_scale\":2"));
	expansion_release(&got);
	request_rules_free(rules);
}

static void each_picture_has_its_own_choice(void **state)
{
	struct expansion got = expanded(*state, "a {1|2|3|4|5|6|7|8|9} fox --repeat 30");
	unsigned kinds = 0;
	bool seen[10] = { false };

	assert_int_equal(got.n, 30);
	for (size_t i = 0; i < got.n; i++) {
		int digit = got.items[i].prompt[2] - '0';

		kinds += !seen[digit];
		seen[digit] = true;
	}
	assert_true(kinds > 4);
	expansion_release(&got);
}

/* --- bounds */

static void check_refused(const struct request_rules *rules, const char *text,
			  struct chance *chance, const char *says)
{
	struct expansion got;
	struct error err;
	int r = grammar_expand(rules, text, chance, &got, &err);

	if (r != -EINVAL || !strstr(err.message, says))
		fail_msg("%.60s: %d %s", text, r, err.message);
	assert_null(got.items);
}

static void numbers_never_wrap_around(void **state)
{
	struct chance chance = { .state = 1 };
	struct buf text = BUF_INIT;

	for (int i = 0; i < 100; i++)
		buf_puts(&text, "{1,2,3,4} ");
	check_refused(*state, text.data, &chance, "over 18446744073709551615 pictures");
	buf_puts(&text, "--repeat 9223372036854775807");
	check_refused(*state, text.data, &chance, "over 18446744073709551615 pictures");
	check_refused(*state, "{a, b, c, d} --repeat 9223372036854775807", &chance,
		      "over 18446744073709551615 pictures");
	check_refused(*state, "a --repeat 9223372036854775808", &chance, "is not allowed");
	buf_release(&text);
}

static void what_comes_out_is_not_too_long(void **state)
{
	struct chance chance = { .state = 1 };
	struct buf text = BUF_INIT, word = BUF_INIT;

	for (int i = 0; i < 3000; i++)
		buf_puts(&word, "x");
	buf_printf(&text, "%s --repeat 22", word.data);
	check_refused(*state, text.data, &chance, "have over 65536 bytes");
	chance.file = word.data;
	chance.file_size = word.size;
	check_refused(*state, "__a__ __a__", &chance, "has over 4096 bytes");
	buf_release(&text);
	buf_release(&word);
}

static void parts_are_counted(void **state)
{
	struct chance chance = { .state = 1 };
	struct buf text = BUF_INIT;

	buf_puts(&text, "{");
	for (int i = 0; i < 20000; i++)
		buf_puts(&text, "|");
	buf_puts(&text, "}");
	check_refused(*state, text.data, &chance, "over 16384 alternatives");
	buf_release(&text);
}

static void wildcard_files_are_checked(void **state)
{
	static const struct {
		const char *file;
		size_t size;
		const char *says;
	} rows[] = {
		{ "", 0, "column 3: __a__: there is no line in the file" },
		{ "# only\n \n", 9, "there is no line" },
		{ "a\xff", 2, "is not UTF-8" },
		{ "a\x01", 2, "a control character (0x01)" },
		{ "a\0b", 3, "a control character (0x00)" },
	};
	struct chance chance = { .state = 1, .fault = -EIO };
	struct buf large = BUF_INIT, text = BUF_INIT;
	struct expansion got;
	struct error err;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct chance one = { .file = rows[i].file, .file_size = rows[i].size };

		check_refused(*state, "a __a__", &one, rows[i].says);
	}
	assert_int_equal(grammar_expand(*state, "a __a__", &chance, &got, &err), -EIO);
	assert_int_equal(buf_resize(&large, EXPAND_WILDCARD_BYTES + 1), 0);
	chance = (struct chance){ .file = large.data, .file_size = large.size };
	check_refused(*state, "a __a__", &chance, "262145 bytes; at most 262144 are allowed");
	for (int i = 0; i < 33; i++)
		buf_printf(&text, "__a%d__ __a%d__", i, i);
	chance = (struct chance){ .file = "x", .file_size = 1 };
	check_refused(*state, text.data, &chance, "over 32 different wildcards");
	buf_release(&large);
	buf_release(&text);
}

static void only_safe_names_are_asked_for(void **state)
{
	static const char *const texts[] = { "__../x__", "__/x__", "__x/__", "__a//b__",
					     "__a.b__",  "____",   "__-a__", "__a b__" };
	struct chance chance = { .fault = -EIO };
	struct expansion got;
	struct error err;

	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(grammar_expand(*state, texts[i], &chance, &got, &err), 0);
		assert_string_equal(got.items[0].prompt, texts[i]);
		expansion_release(&got);
	}
	assert_int_equal(grammar_expand(*state, "__a/b_c-1__", &chance, &got, &err), -EIO);
}

/* --- properties */

static const char *const pieces[] = {
	"a",
	" ",
	"{",
	"}",
	",",
	"|",
	"\\",
	"__",
	"_",
	"--ar",
	"--",
	"-",
	"-w",
	"\n",
	"1:1",
	"<lora:ink>",
	"<lora:",
	">",
	"\t",
	"animals",
	"--seed",
	"\r",
	"\xe2\x80\x94",
	"\xe2\x80\x94"
	"ar",
	"\xc3\xa9",
	"7",
	"x",
};

static void random_text(uint64_t *state, struct buf *out)
{
	for (size_t n = 1 + rng_next(state) % 12; n; n--)
		buf_puts(out, pieces[rng_next(state) % COUNT(pieces)]);
}

static void an_escaped_text_is_expanded_to_itself(void **state)
{
	uint64_t seed = 1;

	for (unsigned i = 0; i < 20000; i++) {
		struct buf text = BUF_INIT, escaped = BUF_INIT;
		struct expansion got;
		size_t size;

		buf_puts(&text, "x");
		random_text(&seed, &text);
		size = text.size;
		while (text.data[size - 1] == '\n' || text.data[size - 1] == '\r')
			size--;
		text.data[size] = '\0';
		assert_int_equal(request_escape(text.data, size, &escaped), 0);
		got = expanded(*state, escaped.data);
		assert_int_equal(got.n, 1);
		assert_string_equal(got.items[0].prompt, text.data);
		expansion_release(&got);
		buf_release(&text);
		buf_release(&escaped);
	}
}

/* A text of lists, choices and words, and how many pictures it must give. */
static uint64_t random_tree(uint64_t *state, unsigned depth, struct buf *out)
{
	uint64_t all = 1;

	for (size_t n = 1 + rng_next(state) % 3; n; n--) {
		size_t rows = 2 + rng_next(state) % 2;
		bool choice = rng_next(state) % 3 == 0;
		uint64_t sum = 0, largest = 0;

		if (!depth || rng_next(state) % 2) {
			buf_puts(out, rng_next(state) % 4 ? "word " : "{word} ");
			continue;
		}
		for (size_t i = 0; i < rows; i++) {
			uint64_t one;

			buf_puts(out, i == 0 ? "{" : choice ? "|" : ",");
			one = random_tree(state, depth - 1, out);
			sum += one;
			largest = one > largest ? one : largest;
		}
		buf_puts(out, "} ");
		all *= choice ? largest : sum;
	}
	return all;
}

static void check_tree(const struct request_rules *rules, const char *text, uint64_t count)
{
	struct chance chance = { .state = 3 }, again = { .state = 3 };
	struct expansion first, second;
	struct error err;
	char number[64];
	int r = grammar_expand(rules, text, &chance, &first, &err);

	snprintf(number, sizeof(number), "asks for %" PRIu64 " pictures", count);
	if (count > 40 ? r != -EINVAL || !strstr(err.message, number) : r < 0)
		fail_msg("%s: %d %s, not %" PRIu64, text, r, err.message, count);
	if (r < 0)
		return;
	if (first.n != count)
		fail_msg("%s: %zu, not %" PRIu64, text, first.n, count);
	assert_int_equal(grammar_expand(rules, text, &again, &second, &err), 0);
	assert_int_equal(second.n, first.n);
	for (size_t i = 0; i < first.n; i++)
		assert_string_equal(first.items[i].input, second.items[i].input);
	expansion_release(&first);
	expansion_release(&second);
}

static void the_number_is_the_product_and_chance_repeats(void **state)
{
	uint64_t seed = 2;

	for (unsigned i = 0; i < 3000; i++) {
		struct buf text = BUF_INIT;
		uint64_t count = random_tree(&seed, 3, &text), repeat = 1 + rng_next(&seed) % 3;

		if (repeat > 1)
			buf_printf(&text, "--repeat %" PRIu64, repeat);
		check_tree(*state, text.data, count * repeat);
		buf_release(&text);
	}
}

static void any_text_is_expanded_or_refused(void **state)
{
	uint64_t seed = 4;
	unsigned good = 0;

	for (unsigned i = 0; i < 50000; i++) {
		struct chance chance = { .state = i };
		struct buf text = BUF_INIT;
		struct expansion got;
		struct error err;
		int r;

		random_text(&seed, &text);
		r = grammar_expand(*state, text.data, &chance, &got, &err);
		if (r != 0 && (r != -EINVAL || !err.message[0]))
			fail_msg("%s: %d", text.data, r);
		if (r == 0 && (got.n < 1 || got.n > 40))
			fail_msg("%s: %zu", text.data, got.n);
		for (size_t k = 0; k < got.n; k++)
			assert_true(strlen(got.items[k].prompt) <= MOST_BYTES);
		good += r == 0;
		expansion_release(&got);
		buf_release(&text);
	}
	assert_true(good > 5000 && good < 45000);
}

/* --- memory */

static void memory_may_run_out_anywhere(void **state)
{
	static const char text[] =
		"a {red, {blue|green}} __animals__ \\{ <lora:ink:1> fox --ar "
		"21:9 --seed {1, 2} --repeat 2 --model p-image-lora-text-to-image";
	unsigned failed = 1;

	for (unsigned n = 0; failed; n++) {
		struct chance chance = { .state = 1 };
		struct expansion got;
		struct error err;
		int r;

		oom_fail_after(n);
		r = grammar_expand(*state, text, &chance, &got, &err);
		failed = oom_off();
		if (r != (failed ? -ENOMEM : 0))
			fail_msg("allocation %u: %d %s", n, r, err.message);
		assert_int_equal(got.n, failed ? 0 : 8);
		expansion_release(&got);
	}
}

static void rules_may_lack_memory(void **state)
{
	struct config_lora loras[2];
	struct settings settings = grammar_settings(loras);
	unsigned failed = 1;

	(void)state;
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
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_without_signs_is_as_ever),
		cmocka_unit_test(json_is_never_expanded),
		cmocka_unit_test(the_setting_turns_it_off),
		cmocka_unit_test(a_lora_has_its_name_in_json_too),
		cmocka_unit_test(wrong_loras_are_told_with_their_line),
		cmocka_unit_test(an_option_counts_more_than_a_default),
		cmocka_unit_test(each_picture_has_its_own_choice),
		cmocka_unit_test(numbers_never_wrap_around),
		cmocka_unit_test(what_comes_out_is_not_too_long),
		cmocka_unit_test(parts_are_counted),
		cmocka_unit_test(wildcard_files_are_checked),
		cmocka_unit_test(only_safe_names_are_asked_for),
		cmocka_unit_test(an_escaped_text_is_expanded_to_itself),
		cmocka_unit_test(the_number_is_the_product_and_chance_repeats),
		cmocka_unit_test(any_text_is_expanded_or_refused),
		cmocka_unit_test(memory_may_run_out_anywhere),
		cmocka_unit_test(rules_may_lack_memory),
	};

	return cmocka_run_group_tests(tests, grammar_setup, grammar_teardown);
}
