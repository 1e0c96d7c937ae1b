/* report: status/<id>.json for a program, <id>.error.txt for a person. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "oom.h"
#include "pimagefs/report.h"
#include "store_place.h"

static json_t *status_of(const struct job *job, unsigned position)
{
	struct buf b = BUF_INIT;
	json_t *o;

	struct report_more more = {
		.position = position,
		.library = "/pictures",
		.request_file = position ? "requests/cats/tabby.txt" : "",
		.earlier_pictures = 2,
	};

	assert_int_equal(report_status(job, &more, &b), 0);
	assert_int_equal(b.data[b.size - 1], '\n');
	o = json_loads(b.data, 0, NULL);
	assert_non_null(o);
	buf_release(&b);
	return o;
}

static const char *text_at(json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	assert_non_null(text);
	return text;
}

static void test_all_that_is_known(void **state)
{
	struct job *job = full_job();
	json_t *o = status_of(job, 3), *e;

	(void)state;
	assert_string_equal(text_at(o, "id"), "cats/tabby");
	assert_string_equal(text_at(o, "state"), "failed");
	assert_string_equal(text_at(o, "request_file"), "requests/cats/tabby.txt");
	assert_int_equal(json_integer_value(json_object_get(o, "earlier_pictures")), 2);
	assert_string_equal(text_at(o, "prompt"), "a cat\nin Köln");
	assert_string_equal(text_at(json_object_get(o, "request"), "prompt"), "a cat");
	assert_int_equal(json_integer_value(json_object_get(o, "seed")), -42);
	assert_string_equal(text_at(o, "prediction_id"), "pred-1");
	assert_string_equal(text_at(o, "created_at"), "1970-01-01T00:00:01.007Z");
	assert_string_equal(text_at(o, "submitted_at"), "1970-01-01T00:00:02.000Z");
	assert_string_equal(text_at(o, "completed_at"), "2026-11-22T14:15:03.250Z");
	assert_int_equal(json_integer_value(json_object_get(o, "queue_position")), 3);
	assert_int_equal(json_integer_value(json_object_get(o, "attempts")), 3);
	assert_int_equal(json_integer_value(json_object_get(o, "polls")), 4000000000);
	assert_true(json_real_value(json_object_get(o, "predict_time")) == 2.125);
	assert_true(json_is_real(json_object_get(o, "cost"))); /* 0 is known */
	assert_null(json_object_get(o, "image"));              /* not ready */
	e = json_object_get(o, "error");
	assert_string_equal(text_at(e, "class"), "moderation");
	assert_string_equal(text_at(e, "message"), "refused: why");
	assert_string_equal(text_at(e, "details"), "details");
	assert_int_equal(json_integer_value(json_object_get(e, "http_status")), 422);
	assert_string_equal(text_at(e, "request_id"), "req-1");
	assert_string_equal(text_at(e, "hint"), "change the prompt and write it again");
	json_decref(o);
	job_free(job);
}

static void test_absent_means_unknown(void **state)
{
	static const char *const absent[] = {
		"prompt",       "request",      "seed",         "prediction_id",
		"submitted_at", "completed_at", "predict_time", "queue_position",
		"cost",         "image",        "error",        "request_file",
	};
	struct job *job = new_job(1, "fox");
	json_t *o = status_of(job, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		assert_null(json_object_get(o, absent[i]));
	assert_string_equal(text_at(o, "state"), "draft");
	assert_int_equal(json_integer_value(json_object_get(o, "attempts")), 0);
	json_decref(o);
	job_free(job);
}

static void test_picture(void **state)
{
	struct job *job = full_job();
	json_t *o, *image;

	(void)state;
	job->state = JOB_READY;
	job->dismissed = false;
	o = status_of(job, 0);
	image = json_object_get(o, "image");
	assert_string_equal(text_at(image, "path"), "/pictures/2026-11-22/141503-cats-tabby.jpg");
	assert_string_equal(text_at(image, "mime"), "image/jpeg");
	assert_int_equal(json_integer_value(json_object_get(image, "bytes")), 5000000000);
	assert_int_equal(json_integer_value(json_object_get(image, "width")), 1440);
	assert_int_equal(json_integer_value(json_object_get(image, "height")), 256);
	assert_string_equal(text_at(image, "sha256"), job->sha256);
	json_decref(o);

	job->dismissed = true; /* the file is gone */
	o = status_of(job, 0);
	assert_null(json_object_get(o, "image"));
	json_decref(o);
	job_free(job);
}

static void test_no_secrets(void **state)
{
	struct job *job = full_job();
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(
		job_set_text(&job->input, "{\"prompt\":\"x\",\"hf_api_token\":\"hf_S3cret\"}"), 0);
	assert_int_equal(report_status(job, &(struct report_more){ .library = "/pictures" }, &b),
			 0);
	assert_non_null(strstr(b.data, "***"));
	assert_null(strstr(b.data, "hf_S3cret"));
	assert_null(strstr(b.data, "cdn.example")); /* the link is public to who knows it */
	assert_int_equal(report_reason(job, &b), 0);
	assert_null(strstr(b.data, "hf_S3cret"));
	buf_release(&b);
	job_free(job);
}

static void test_texts_of_the_network(void **state)
{
	struct job *job = full_job();
	json_t *o;

	(void)state;
	assert_int_equal(job_set_text(&job->prediction_id, "\xff\xfe\x01\"\\"), 0);
	o = status_of(job, 0);
	assert_null(json_object_get(o, "prediction_id")); /* no text: unknown */
	json_decref(o);
	assert_int_equal(job_set_text(&job->prediction_id, "\"\n\\ü"), 0);
	o = status_of(job, 0);
	assert_string_equal(text_at(o, "prediction_id"), "\"\n\\ü");
	json_decref(o);
	job_free(job);
}

static void test_reason(void **state)
{
	struct job *job = full_job();
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(report_reason(job, &b), 0);
	assert_string_equal(b.data, "There is no picture for \"cats/tabby\".\n\n"
				    "refused: why\n"
				    "details\n"
				    "\nHint: change the prompt and write it again\n"
				    "\nPrompt: a cat\nin Köln\n"
				    "Prediction: pred-1\n"
				    "Request id at the service: req-1\n"
				    "When: 2026-11-22T14:15:03.250Z\n");
	buf_release(&b);
	job_free(job);
	job = new_job(1, "fox");
	assert_int_equal(report_reason(job, &b), 0);
	assert_string_equal(b.data, "There is no picture for \"fox\".\n\n");
	buf_release(&b);
	job_free(job);
}

static void test_out_of_memory(void **state)
{
	struct job *job = full_job();
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		struct buf b = BUF_INIT;
		int r, q;

		oom_fail_after(n);
		r = report_status(job, &(struct report_more){ .library = "/pictures" }, &b);
		q = report_reason(job, &b);
		failed = oom_off();
		assert_int_equal(q, failed ? -ENOMEM : 0);
		assert_true(r == 0 || r == -ENOMEM);
		buf_release(&b);
	}
	job_free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_that_is_known),
		cmocka_unit_test(test_absent_means_unknown),
		cmocka_unit_test(test_picture),
		cmocka_unit_test(test_no_secrets),
		cmocka_unit_test(test_texts_of_the_network),
		cmocka_unit_test(test_reason),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
