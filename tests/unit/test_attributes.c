/* attributes: what a picture says of itself. */
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
#include "pimagefs/attributes.h"

static struct job *sample(void)
{
	struct job *job = job_new(7, "cats/tabby", 1795356903250);

	assert_non_null(job);
	job->state = JOB_READY;
	assert_int_equal(job_set_text(&job->model, "p-image"), 0);
	assert_int_equal(job_set_text(&job->prompt, "a tabby"), 0);
	assert_int_equal(job_set_text(&job->link, "http://cdn.test/x.png"), 0);
	assert_int_equal(job_set_text(&job->input,
				      "{\"prompt\":\"a tabby\",\"lora_scale\":0.5,"
				      "\"lora_weights\":\"huggingface.co/a/b\",\"seed\":5,"
				      "\"hf_api_token\":\"hf_secret\"}"),
			 0);
	assert_int_equal(job_set_text(&job->prediction_id, "p-1"), 0);
	job->has_seed = true;
	job->seed = 5;
	job->completed_ms = 1795356909000;
	job->predict_time_s = 2.25;
	job->cost_usd = 0.005;
	job->picture.kind = PICTURE_JPEG;
	return job;
}

/* NULL: it is not there. */
static void assert_value(const struct xattrs *x, const char *name, const char *wanted)
{
	const void *value;
	size_t size;
	int r = xattrs_get(x, name, &value, &size);

	if (!wanted) {
		assert_int_equal(r, -ENODATA);
		return;
	}
	if (r < 0 || size != strlen(wanted) || memcmp(value, wanted, size) != 0)
		fail_msg("%s: %d, %.*s", name, r, r < 0 ? 0 : (int)size, (const char *)value);
}

static void test_all(void **state)
{
	struct job *job = sample();
	struct xattrs x = XATTRS_INIT;

	(void)state;
	assert_int_equal(attributes_of(job, false, &x), 0);
	assert_value(&x, "user.mime_type", "image/jpeg");
	assert_value(&x, "user.xdg.comment", "a tabby");
	assert_value(&x, "user.xdg.tags", NULL);
	assert_value(&x, "user.baloo.rating", NULL);
	assert_value(&x, "user.dublincore.title", "cats/tabby");
	assert_value(&x, "user.dublincore.date", "2026-11-22T14:15:09.000Z");
	assert_value(&x, "user.dublincore.identifier", "p-1");
	assert_value(&x, "user.dublincore.source", "eachlabs.ai: p-image");
	assert_value(&x, "user.xdg.origin.url", NULL);
	assert_value(&x, "user.ai.eachlabs.model", "p-image");
	assert_value(&x, "user.ai.eachlabs.seed", "5");
	assert_value(&x, "user.ai.eachlabs.lora", "huggingface.co/a/b");
	assert_value(&x, "user.ai.eachlabs.lora_scale", "0.5");
	assert_value(&x, "user.ai.eachlabs.predict_time", "2.25");
	assert_value(&x, "user.ai.eachlabs.cost", "0.005");
	assert_value(
		&x, "user.ai.eachlabs.request",
		"{\"prompt\":\"a tabby\",\"lora_scale\":0.5,"
		"\"lora_weights\":\"huggingface.co/a/b\",\"seed\":5,\"hf_api_token\":\"***\"}");
	assert_null(memmem(x.blob.data, x.blob.size, "hf_secret", 9));
	xattrs_release(&x);
	assert_int_equal(attributes_of(job, true, &x), 0);
	assert_value(&x, "user.xdg.origin.url", "http://cdn.test/x.png");
	xattrs_release(&x);
	job_free(job);
}

static void test_unknown_is_absent(void **state)
{
	struct job *job = job_new(1, "fox", 1000);
	struct xattrs x = XATTRS_INIT;
	struct buf names = BUF_INIT;

	(void)state;
	assert_int_equal(attributes_of(job, true, &x), 0);
	assert_int_equal(xattrs_names(&x, &names), 0);
	assert_int_equal(names.size, sizeof("user.dublincore.title"));
	buf_release(&names);
	xattrs_release(&x);
	job_free(job);
}

/* The kernel takes 64 kB for one file. */
static void test_what_does_not_fit(void **state)
{
	struct job *job = sample();
	struct xattrs x = XATTRS_INIT;
	char *prompt = calloc(1, 70000);

	(void)state;
	memset(prompt, 'f', 69999);
	assert_int_equal(job_set_text(&job->prompt, prompt), 0);
	assert_int_equal(attributes_of(job, false, &x), 0);
	assert_value(&x, "user.xdg.comment", NULL);
	assert_value(&x, "user.ai.eachlabs.seed", "5");
	xattrs_release(&x);
	free(prompt);
	job_free(job);
}

static void test_marks(void **state)
{
	(void)state;
	assert_int_equal(attributes_mark("user.xdg.tags"), MARK_TAGS);
	assert_int_equal(attributes_mark("user.xdg.comment"), MARK_COMMENT);
	assert_int_equal(attributes_mark("user.baloo.rating"), MARK_RATING);
	assert_int_equal(attributes_mark("user.mime_type"), MARKS);
}

static void test_out_of_memory(void **state)
{
	struct job *job = sample();
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		struct xattrs x = XATTRS_INIT;
		int r;

		oom_fail_after(n);
		r = attributes_of(job, true, &x);
		failed = oom_off();
		assert_true(r == 0 || r == -ENOMEM);
		assert_true(failed || r == 0);
		xattrs_release(&x);
	}
	job_free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_unknown_is_absent),
		cmocka_unit_test(test_what_does_not_fit),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
