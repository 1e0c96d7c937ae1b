/* models: the real tables, tables of the test's own with and without rules, and requests for
 * several models side by side. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/models.h"
#include "pimagefs/request.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LORA "p-image-lora-text-to-image"
#define PLAIN "p-image-text-to-image"

/* --- the tables --- */

static void check_fields(const char *slug, const char *const *names, size_t n)
{
	const struct schema *s = models_find(slug);

	assert_non_null(s);
	assert_string_equal(s->slug, slug);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(s->fields[i].name, names[i]);
		assert_ptr_equal(schema_field(s, names[i]), &s->fields[i]);
		assert_int_equal(s->fields[i].secret, strcmp(names[i], "hf_api_token") == 0);
	}
	assert_null(s->fields[n].name);
	assert_true(n < SCHEMA_MOST_FIELDS);
}

static void the_fields_are_those_of_the_pages(void **state)
{
	static const char *const lora[] = { "prompt",
					    "lora_weights",
					    "lora_scale",
					    "hf_api_token",
					    "aspect_ratio",
					    "width",
					    "height",
					    "seed",
					    "prompt_upsampling",
					    "disable_safety_checker" };
	static const char *const plain[] = { "prompt",
					     "aspect_ratio",
					     "width",
					     "height",
					     "seed",
					     "prompt_upsampling",
					     "disable_safety_checker" };

	(void)state;
	check_fields(LORA, lora, COUNT(lora));
	check_fields(PLAIN, plain, COUNT(plain));
	assert_string_equal(MODELS_FIRST, LORA);
	assert_ptr_equal(models_at(0), models_find(LORA));
	assert_ptr_equal(models_at(1), models_find(PLAIN));
	assert_null(models_at(2));
	assert_null(models_find("p-image"));
	assert_null(models_find(""));
}

static void a_secret_of_any_model_is_one(void **state)
{
	(void)state;
	assert_true(models_secret("hf_api_token"));
	assert_false(models_secret("prompt"));
	assert_false(models_secret("nothing"));
}

static void an_unknown_model_gets_the_nearest_name(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(models_refuse("model", "p-image-text-to-imge", &err), -EINVAL);
	assert_string_equal(err.message, "model: \"p-image-text-to-imge\" is not known; did you "
					 "mean \"" PLAIN "\"?");
	assert_int_equal(models_refuse("x.ini:3: model.slug", "flux", &err), -EINVAL);
	assert_string_equal(err.message, "x.ini:3: model.slug: \"flux\" is not known; the models "
					 "are " LORA ", " PLAIN);
}

/* --- rules are optional, bounds are of the field's type --- */

static const struct field free_fields[] = {
	{ .name = "prompt", .kind = FIELD_PROMPT, .required = true },
	{ .name = "width", .kind = FIELD_INTEGER, .min = 1, .max = 8 },
	{ .name = "strength", .kind = FIELD_NUMBER, .least = 0.25, .most = 0.75 },
	{ .name = NULL },
};

static const struct schema free_model = { .slug = "free", .fields = free_fields };

static void a_model_needs_no_rule(void **state)
{
	json_t *input = json_pack("{s:s,s:i}", "prompt", "x", "width", 4);
	json_t *defaults = json_pack("{s:i,s:f,s:s}", "width", 2, "strength", 0.5, "other", "y");
	struct error err;

	(void)state;
	assert_int_equal(schema_check(&free_model, input, &err), 0);
	assert_int_equal(schema_check_together(&free_model, input, NULL, &err), 0);
	assert_int_equal(schema_merge(&free_model, input, defaults), 0);
	assert_int_equal(json_object_size(input), 3);
	assert_int_equal(json_integer_value(json_object_get(input, "width")), 4);
	json_decref(input);
	json_decref(defaults);
}

static void bounds_have_fractions(void **state)
{
	struct error err;
	json_t *value;

	(void)state;
	assert_int_equal(schema_value_of_text(&free_model, "strength", "0.25", &value, &err), 0);
	json_decref(value);
	assert_int_equal(schema_value_of_text(&free_model, "strength", "0.2", &value, &err),
			 -EINVAL);
	assert_string_equal(err.message,
			    "strength: 0.2 is out of range; use a number from 0.25 to 0.75");
	assert_int_equal(schema_value_of_text(&free_model, "aspect_ratio", "1:1", &value, &err),
			 -EINVAL);
	assert_non_null(strstr(err.message, "the fields are prompt, width, strength"));
}

/* --- requests for several models --- */

/* Rules for this model from "key=value" texts, NULL at the end. */
static int make_rules(struct request_rules **out, const char *slug, const char *const *lines,
		      struct error *err)
{
	struct config_default defaults[8];
	struct settings settings = { .model.slug = (char *)slug, .defaults = defaults };
	char where[] = "x.ini:3";
	int r;

	for (; *lines; lines++) {
		struct config_default *d = &defaults[settings.n_defaults++];

		*d = (struct config_default){ .key = strdup(*lines), .where = where };
		d->value = strchr(d->key, '=') + 1;
		d->value[-1] = '\0';
	}
	r = request_rules_new(out, &settings, err);
	for (size_t i = 0; i < settings.n_defaults; i++)
		free(defaults[i].key);
	return r;
}

static void assert_request(const struct request_rules *rules, const char *text, const char *model,
			   const char *input)
{
	struct request request;
	struct error err = { .message = "" };

	if (request_parse(rules, "a", text, strlen(text), &request, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	assert_string_equal(request.model, model);
	assert_string_equal(request.input, input);
	request_release(&request);
}

static void a_body_names_its_model(void **state)
{
	static const char *const lines[] = { "lora_scale=0.7", "prompt_upsampling=yes",
					     "hf_api_token=hf_x", NULL };
	static const char strange[] = "{\"model\":\"" PLAIN
				      "\",\"input\":{\"prompt\":\"x\",\"lora_scale\":1}}";
	struct request_rules *rules;
	struct request request;
	struct error err;

	(void)state;
	assert_int_equal(make_rules(&rules, LORA, lines, &err), 0);
	assert_request(rules, "fox", LORA,
		       "{\"prompt\":\"fox\",\"lora_scale\":0.7,\"hf_api_token\":\"hf_x\","
		       "\"prompt_upsampling\":true}");
	/* The other model takes the defaults that it knows. */
	assert_request(rules, "{\"model\":\"" PLAIN "\",\"input\":{\"prompt\":\"fox\"}}", PLAIN,
		       "{\"prompt\":\"fox\",\"prompt_upsampling\":true}");
	assert_int_equal(request_parse(rules, "a", strange, strlen(strange), &request, &err),
			 -EINVAL);
	assert_non_null(strstr(err.message, "lora_scale: there is no such field"));
	request_rules_free(rules);
}

static void a_default_of_another_model_waits_for_it(void **state)
{
	static const char *const lines[] = { "lora_weights=huggingface.co/a/b", "hf_api_token=hf_x",
					     "seed=3", NULL };
	static const char *const wrong[] = { "lora_scale=9", NULL };
	static const char *const unknown[] = { "lora_size=9", NULL };
	struct request_rules *rules;
	struct error err;

	(void)state;
	assert_int_equal(make_rules(&rules, PLAIN, lines, &err), 0);
	assert_request(rules, "fox", PLAIN, "{\"prompt\":\"fox\",\"seed\":3}");
	assert_request(rules, "{\"model\":\"" LORA "\",\"input\":{\"prompt\":\"fox\"}}", LORA,
		       "{\"prompt\":\"fox\",\"lora_weights\":\"huggingface.co/a/b\","
		       "\"hf_api_token\":\"hf_x\",\"seed\":3}");
	request_rules_free(rules);
	assert_int_equal(make_rules(&rules, PLAIN, wrong, &err), -EINVAL);
	assert_non_null(strstr(err.message, "x.ini:3: lora_scale: 9 is out of range"));
	assert_int_equal(make_rules(&rules, PLAIN, unknown, &err), -EINVAL);
	assert_non_null(strstr(err.message, "lora_size: there is no such field"));
}

/* Whatever a request is for, a token in it is one. */
static void secrets_are_masked_for_each_model(void **state)
{
	static const char text[] = "{\"prompt\":\"x\",\"hf_api_token\":\"hf_SECRET\"}";
	char lora[DIGEST_HEX], plain[DIGEST_HEX];
	json_t *shown = request_masked(text);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(shown, "hf_api_token")), "***");
	json_decref(shown);
	assert_true(request_may_hold_secret(text, strlen(text)));
	assert_int_equal(request_digest(LORA, text, lora), 0);
	assert_int_equal(request_digest(PLAIN, text, plain), 0);
	assert_string_not_equal(lora, plain);
}

static void numbers_keep_their_form(void **state)
{
	static const char *const forms[] = { "0.8", "0.1",   "-0.25", "3",
					     "3.0", "1e-09", "2.675", "0.30000000000000004" };
	static const char *const lines[] = { NULL };
	struct request_rules *rules;
	struct error err;

	(void)state;
	assert_int_equal(make_rules(&rules, LORA, lines, &err), 0);
	for (size_t i = 0; i < COUNT(forms); i++) {
		char text[100] = "{\"prompt\":\"x\",\"lora_scale\":";

		strcat(strcat(text, forms[i]), "}");
		assert_request(rules, text, LORA, text);
	}
	request_rules_free(rules);
}

static void memory_may_run_out_anywhere(void **state)
{
	static const char *const lines[] = { "hf_api_token=hf_x", "aspect_ratio=1:1", NULL };
	static const char text[] = "{\"model\":\"" LORA "\",\"input\":{\"prompt\":\"x\"}}";
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		struct request request = { .input = NULL };
		struct request_rules *rules = NULL;
		struct error err;
		int r;

		oom_pause();
		assert_int_equal(make_rules(&rules, PLAIN, lines, &err), 0);
		oom_resume();
		oom_fail_once(n);
		r = request_parse(rules, "a", text, strlen(text), &request, &err);
		failed = oom_off();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		request_release(&request);
		request_rules_free(rules);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fields_are_those_of_the_pages),
		cmocka_unit_test(a_secret_of_any_model_is_one),
		cmocka_unit_test(an_unknown_model_gets_the_nearest_name),
		cmocka_unit_test(a_model_needs_no_rule),
		cmocka_unit_test(bounds_have_fractions),
		cmocka_unit_test(a_body_names_its_model),
		cmocka_unit_test(a_default_of_another_model_waits_for_it),
		cmocka_unit_test(secrets_are_masked_for_each_model),
		cmocka_unit_test(numbers_keep_their_form),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
