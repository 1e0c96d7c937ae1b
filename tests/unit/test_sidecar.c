/* sidecar: a job to text and back, and texts that are none. */
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
#include "pimagefs/sidecar.h"

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct job *sample(void)
{
	struct job *job = job_new(7, "cats/tabby", 1795356903250);

	assert_non_null(job);
	job->state = JOB_READY;
	assert_int_equal(job_set_text(&job->model, "p-image-text-to-image"), 0);
	assert_int_equal(job_set_text(&job->input, "{\"prompt\":\"a tabby\",\"seed\":5,"
						   "\"hf_api_token\":\"hf_secret\"}"),
			 0);
	assert_int_equal(job_set_text(&job->prediction_id, "p-1"), 0);
	job->has_seed = true;
	job->seed = 5;
	job->completed_ms = 1795356909000;
	job->predict_time_s = 2.25;
	job->cost_usd = 0.005;
	job->picture = (struct picture){ PICTURE_JPEG, 48, 27 };
	job->picture_bytes = 4711;
	strcpy(job->sha256, SUM);
	return job;
}

static void test_there_and_back(void **state)
{
	struct job *job = sample(), *read = NULL;
	char *text = sidecar_text(job);

	(void)state;
	assert_non_null(text);
	assert_null(strstr(text, "hf_secret"));
	assert_non_null(strstr(text, "\"completed_at\": \"2026-11-22T"));
	assert_int_equal(sidecar_read(text, strlen(text), &read), 0);
	assert_int_equal(read->state, JOB_READY);
	assert_string_equal(read->id, "cats/tabby");
	assert_string_equal(read->model, "p-image-text-to-image");
	assert_string_equal(read->prompt, "a tabby");
	assert_string_equal(read->prediction_id, "p-1");
	assert_non_null(strstr(read->input, "\"hf_api_token\":\"***\""));
	assert_true(read->has_seed && read->seed == 5);
	assert_true(read->created_ms == job->created_ms);
	assert_true(read->completed_ms == job->completed_ms);
	assert_true(read->predict_time_s == 2.25 && read->cost_usd == 0.005);
	assert_int_equal(read->picture.kind, PICTURE_JPEG);
	assert_int_equal(read->picture.width, 48);
	assert_int_equal(read->picture.height, 27);
	assert_int_equal(read->picture_bytes, 4711);
	assert_string_equal(read->sha256, SUM);
	assert_null(read->reused_from);
	free(text);
	job_free(read);
	job_free(job);
}

static void test_unknown_is_absent(void **state)
{
	struct job *job = job_new(1, "fox", 1000), *read = NULL;
	char *text = sidecar_text(job);

	(void)state;
	assert_null(strstr(text, "cost"));
	assert_null(strstr(text, "\"image\""));
	assert_null(strstr(text, "completed_at"));
	assert_null(strstr(text, "null"));
	assert_int_equal(sidecar_read(text, strlen(text), &read), 0);
	assert_true(!read->prompt && !read->input && !read->prediction_id && !read->has_seed);
	assert_true(read->predict_time_s < 0 && read->cost_usd < 0 && !read->completed_ms);
	assert_int_equal(read->picture.kind, PICTURE_NONE);
	free(text);
	job_free(read);
	job_free(job);
}

static void test_which_of_several(void **state)
{
	static const struct {
		const char *text;
		unsigned part;
	} rows[] = {
		{ "{\"id\": \"cats/03\", \"part\": 3}", 3 },
		{ "{\"id\": \"a/cats/0120\", \"part\": 120}", 120 },
		{ "{\"id\": \"cats/03\"}", 0 }, /* of an earlier pimagefs */
		{ "{\"id\": \"cats/03\", \"part\": 2}", 0 },
		{ "{\"id\": \"cats/03\", \"part\": \"3\"}", 0 },
		{ "{\"id\": \"cats/-3\", \"part\": -3}", 0 },
		{ "{\"id\": \"cats/0\", \"part\": 0}", 0 },
		{ "{\"id\": \"cats/ 3\", \"part\": 3}", 0 },
		{ "{\"id\": \"03\", \"part\": 3}", 0 },
		{ "{\"id\": \"cats/4294967299\", \"part\": 4294967299}", 0 },
		{ "{\"id\": \"cats/18446744073709551619\", \"part\": 3}", 0 },
	};
	struct job *job = job_new(1, "cats/03", 1000), *read = NULL;
	char *text = sidecar_text(job);

	(void)state;
	assert_null(strstr(text, "part"));
	free(text);
	job->part = 3;
	text = sidecar_text(job);
	assert_int_equal(sidecar_read(text, strlen(text), &read), 0);
	assert_int_equal(read->part, 3);
	free(text);
	job_free(read);
	job_free(job);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(sidecar_read(rows[i].text, strlen(rows[i].text), &job), 0);
		if (job->part != rows[i].part)
			fail_msg("%s: %u", rows[i].text, job->part);
		job_free(job);
	}
}

static void test_none_of_ours(void **state)
{
	const char *const texts[] = {
		"",
		"{",
		"[]",
		"5",
		"{}",
		"{\"id\": 5}",
		"{\"id\": \"\"}",
		"{\"id\": \"..\"}",
		"{\"id\": \"/x\"}",
		"{\"id\": \"x/\"}",
		"{\"id\": \"a//b\"}",
		"{\"id\": \"../x\"}",
		"{\"id\": \"a/../x\"}",
		"{\"id\": \"a\\nb\"}",
		"{\"id\": \"a\\u0000b\"}",
		"{\"id\": \"a.png/b\"}",
		"{\"id\": \"a\", \"id\": \"b\"}",
		"{\"id\": \"a\", \"cost\": 1e999}",
		"{\"id\": \"\xff\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct job *job = NULL;

		if (sidecar_read(texts[i], strlen(texts[i]), &job) != -EINVAL || job)
			fail_msg("taken: %s", texts[i]);
	}
}

static void test_nonsense_is_unknown(void **state)
{
	static const char text[] =
		"{\"id\": \"a\", \"created_at\": \"yesterday\", \"completed_at\": 5, \"seed\": 1.5,"
		" \"cost\": \"much\", \"predict_time\": -2, \"prediction_id\": \"\", \"input\": 7,"
		" \"image\": {\"mime\": \"image/png\", \"width\": 99999999999, \"height\": 1,"
		" \"bytes\": 1, \"sha256\": \"" SUM "\"}}";
	struct job *job = NULL;

	(void)state;
	assert_int_equal(sidecar_read(text, sizeof(text) - 1, &job), 0);
	assert_true(!job->created_ms && !job->completed_ms && !job->has_seed && !job->input);
	assert_true(job->cost_usd < 0 && job->predict_time_s < 0 && !job->prediction_id);
	assert_int_equal(job->picture.kind, PICTURE_NONE);
	job_free(job);
}

static void test_no_memory(void **state)
{
	struct job *job = sample();
	char *text = sidecar_text(job);
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		struct job *read = NULL;
		int r;

		oom_fail_after(n);
		r = sidecar_read(text, strlen(text), &read);
		failed = oom_off();
		/* jansson calls a token for which it has no memory a wrong one. */
		if (failed)
			assert_true(r == -ENOMEM || r == -EINVAL);
		else
			assert_int_equal(r, 0);
		job_free(read);
	}
	free(text);
	job_free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),   cmocka_unit_test(test_unknown_is_absent),
		cmocka_unit_test(test_which_of_several), cmocka_unit_test(test_nonsense_is_unknown),
		cmocka_unit_test(test_none_of_ours),     cmocka_unit_test(test_nonsense_is_unknown),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
