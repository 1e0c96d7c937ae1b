/* facts: what of a job may stand in its picture, and what may not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/facts.h"
#include "pimagefs/job.h"

static struct job *sample(const char *input)
{
	struct job *job = job_new(7, "cats/tabby", 1795356903250);

	assert_non_null(job);
	assert_int_equal(job_set_text(&job->model, "p-image-text-to-image"), 0);
	assert_int_equal(job_set_text(&job->prompt, "a tabby"), 0);
	assert_int_equal(job_set_text(&job->input, input), 0);
	assert_int_equal(job_set_text(&job->link, "https://cdn.example/secret"), 0);
	job->has_seed = true;
	job->seed = 5;
	return job;
}

static struct embed_facts facts_of(const char *input, bool demo, enum config_embed what)
{
	struct settings s = { .images.embed = what, .demo = demo };
	struct job *job = sample(input);
	struct embed_facts f;

	assert_int_equal(facts_of_job(job, &s, &f), 0);
	job_free(job);
	return f;
}

static void all_that_is_known(void **state)
{
	struct embed_facts f =
		facts_of("{\"prompt\":\"a tabby\",\"lora_weights\":\"huggingface.co/o/r\","
			 "\"lora_scale\":1,\"hf_api_token\":\"hf_secret\"}",
			 false, CONFIG_EMBED_ALL);

	(void)state;
	assert_int_equal(f.what, CONFIG_EMBED_ALL);
	assert_string_equal(f.prompt, "a tabby");
	assert_string_equal(f.model, "p-image-text-to-image");
	assert_string_equal(f.system, "p-image-text-to-image at each::labs");
	assert_string_equal(f.lora, "huggingface.co/o/r");
	assert_true(f.has_seed && f.seed == 5 && !f.drawn);
	assert_true(f.has_lora_scale && f.lora_scale == 1);
	embed_facts_release(&f);
}

static void what_is_unknown(void **state)
{
	static const char *const inputs[] = { "{\"prompt\":\"a tabby\",\"lora_scale\":0.5}",
					      "{\"lora_weights\":5,\"lora_scale\":\"much\"}", "{",
					      "[]" };

	(void)state;
	for (size_t i = 0; i < sizeof(inputs) / sizeof(*inputs); i++) {
		struct embed_facts f = facts_of(inputs[i], false, CONFIG_EMBED_XMP);

		assert_null(f.lora);
		assert_false(f.has_lora_scale);
		assert_string_equal(f.prompt, "a tabby");
		embed_facts_release(&f);
	}
}

/* Its pictures are drawn here; no model was asked. */
static void a_demo_says_so(void **state)
{
	struct embed_facts f =
		facts_of("{\"lora_weights\":\"huggingface.co/o/r\"}", true, CONFIG_EMBED_ALL);

	(void)state;
	assert_true(f.drawn);
	assert_string_equal(f.model, "pimagefs demo");
	assert_null(f.system);
	assert_null(f.lora);
	embed_facts_release(&f);
}

static void off_is_empty(void **state)
{
	struct embed_facts f = facts_of("{}", false, CONFIG_EMBED_OFF);

	(void)state;
	assert_int_equal(f.what, CONFIG_EMBED_OFF);
	assert_true(!f.prompt && !f.model && !f.system && !f.lora);
}

static void without_memory(void **state)
{
	struct settings s = { .images.embed = CONFIG_EMBED_ALL };
	struct job *job = sample("{\"lora_weights\":\"huggingface.co/o/r\",\"lora_scale\":1}");
	struct embed_facts f;
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		int r;

		oom_fail_after(n);
		r = facts_of_job(job, &s, &f);
		failed = oom_off();
		assert_int_equal(r, failed ? -ENOMEM : 0);
	}
	assert_string_equal(f.lora, "huggingface.co/o/r");
	embed_facts_release(&f);
	job_free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_is_known), cmocka_unit_test(what_is_unknown),
		cmocka_unit_test(a_demo_says_so),    cmocka_unit_test(off_is_empty),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
