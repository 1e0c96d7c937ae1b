/* request: the rules of a folder, by its .pimagefs.ini. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grammar.h"
#include "oom.h"

static struct request_rules *below(const struct request_rules *above, const char *text)
{
	struct request_rules *rules;
	struct error err;

	if (request_rules_below(&rules, above, "p/.ini", text, strlen(text), &err) < 0)
		fail_msg("%s", err.message);
	return rules;
}

/* Whatever the order of the members. */
static void assert_same(const char *got, const char *want)
{
	json_t *a = json_loads(got, 0, NULL), *b = json_loads(want, 0, NULL);

	if (!json_equal(a, b))
		fail_msg("%s is not %s", got, want);
	json_decref(a);
	json_decref(b);
}

static void assert_input(const struct request_rules *rules, const char *text, const char *input,
			 const char *origins)
{
	struct chance chance = { .state = 1 };
	struct expansion got;
	struct error err;

	if (grammar_expand(rules, text, &chance, &got, &err) < 0)
		fail_msg("%s", err.message);
	assert_same(got.items[0].input, input);
	if (origins)
		assert_same(got.items[0].origins, origins);
	else
		assert_null(got.items[0].origins);
	expansion_release(&got);
}

static void values_and_their_origins(void **state)
{
	struct request_rules *a = below(*state, "# a\naspect_ratio = 1:1\nprefix = a\n");
	struct request_rules *b = below(a, "[defaults]\nseed = 3\nsuffix = , by night\n");

	assert_input(*state, "fox", "{\"prompt\":\"fox\"}", NULL);
	assert_input(a, "fox --ar 3:2", "{\"prompt\":\"a fox\",\"aspect_ratio\":\"3:2\"}",
		     "{\"prefix\":\"p/.ini:3\"}");
	assert_input(b, "fox",
		     "{\"prompt\":\"a fox, by night\",\"aspect_ratio\":\"1:1\",\"seed\":3}",
		     "{\"aspect_ratio\":\"p/.ini:2\",\"seed\":\"p/.ini:2\",\"prefix\":\"p/.ini:3\","
		     "\"suffix\":\"p/.ini:3\"}");
	request_rules_free(b);
	b = below(a, "prefix =\nsuffix = at noon\nwidth = 512\nheight = 512\n");
	assert_input(b, "fox",
		     "{\"prompt\":\"fox at noon\",\"width\":512,\"height\":512,"
		     "\"aspect_ratio\":\"custom\"}",
		     "{\"aspect_ratio\":\"p/.ini\",\"width\":\"p/.ini:3\",\"height\":\"p/.ini:4\","
		     "\"prefix\":\"p/.ini:1\","
		     "\"suffix\":\"p/.ini:2\"}");
	request_rules_free(b);
	request_rules_free(a);
}

static void loras_models_and_seeds(void **state)
{
	struct request_rules *a = below(*state, "lora = ink\nseed = 3");
	struct request_rules *b = below(a, "seed = random\nmodel = p-image-text-to-image");

	assert_input(a, "fox",
		     "{\"prompt\":\"fox\",\"lora_weights\":\"huggingface.co/me/ink\","
		     "\"lora_scale\":0.7,\"seed\":3}",
		     "{\"seed\":\"p/.ini:2\",\"lora_weights\":\"p/.ini:1\","
		     "\"lora_scale\":\"p/.ini:1\"}");
	assert_input(b, "fox", "{\"prompt\":\"fox\"}", "{\"model\":\"p/.ini:2\"}");
	request_rules_free(b);
	b = below(a, "lora = pixel-art\nlora_scale = 2");
	assert_input(b, "fox --seed 1",
		     "{\"prompt\":\"fox\",\"seed\":1,\"lora_scale\":2,"
		     "\"lora_weights\":\"huggingface.co/me/pixels\"}",
		     "{\"lora_weights\":\"p/.ini:1\","
		     "\"lora_scale\":\"p/.ini:2\"}");
	request_rules_free(b);
	request_rules_free(a);
}

static void refusals(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "seed = 1\nprefix = \xff\n", "p/.ini:2: there is a byte that is no UTF-8 text" },
		{ "seed = 1\nsede = 2",
		  "p/.ini:2: sede: there is no such key; did you mean seed?" },
		{ "perfix = a", "p/.ini:1: perfix: there is no such key; did you mean prefix?" },
		{ "aspect_ratio = 7:1", "p/.ini:1: aspect_ratio:" },
		{ "prompt = a fox", "p/.ini:1: prompt: is not allowed" },
		{ "lora = imk", "p/.ini:1: lora: there is no [lora.imk]" },
		{ "lora = ink\nlora_weights = huggingface.co/a/b",
		  "p/.ini:1: lora: says the same" },
		{ "model = gpt", "p/.ini:1: model: \"gpt\" is not known" },
		{ "[limits]\n", "[limits]: there are no sections here" },
		{ "seed = 1\nseed = 2", "p/.ini:2: seed: is given twice" },
		{ "prefix = 1\nprefix = 2", "p/.ini:2: prefix: is given twice" },
		{ "width = 512", "p/.ini: height: is missing" },
		{ "fox", "p/.ini:1: " },
	};
	struct request_rules *rules;
	struct error err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(request_rules_below(&rules, *state, "p/.ini", rows[i].text,
						     strlen(rows[i].text), &err),
				 -EINVAL);
		if (!strstr(err.message, rows[i].says))
			fail_msg("%s", err.message);
	}
}

static void without_memory(void **state)
{
	static const char text[] = "lora = ink\nseed = 3\nprefix = a\nmodel = " SLUG;
	struct request_rules *rules;
	struct error err;
	unsigned failed = 1;

	for (unsigned n = 0; failed; n++) {
		int r;

		oom_fail_once(n);
		r = request_rules_below(&rules, *state, "p/.ini", text, strlen(text), &err);
		failed = oom_off();
		assert_true(r == 0 || (failed && r == -ENOMEM));
		if (r == 0)
			request_rules_free(rules);
	}
}

static void another_seed(void **state)
{
	char *out;

	(void)state;
	assert_int_equal(request_reseed(SLUG, "{\"seed\":1,\"prompt\":\"a\"}", 7, &out), 1);
	assert_string_equal(out, "{\"seed\":7,\"prompt\":\"a\"}");
	free(out);
	assert_int_equal(request_reseed(SLUG, "no JSON", 7, &out), -EINVAL);
	assert_int_equal(request_reseed("nobody", "{}", 7, &out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_their_origins),
		cmocka_unit_test(loras_models_and_seeds),
		cmocka_unit_test(refusals),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(another_seed),
	};

	return cmocka_run_group_tests(tests, grammar_setup, grammar_teardown);
}
