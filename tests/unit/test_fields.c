/* fields: what is unknown is absent, and what is known stands as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pimagefs/fields.h"
#include "pimagefs/job.h"

static void assert_text(json_t *o, const char *expected)
{
	char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6));

	assert_string_equal(text, expected);
	free(text);
	json_decref(o);
}

static void unknown_is_absent(void **state)
{
	json_t *o = json_object();
	struct job *job = job_new(1, "fox", 0);

	(void)state;
	field_put(o, "a", NULL);
	field_text(o, "b", NULL);
	field_text(o, "c", "");
	field_time(o, "d", 0);
	field_course(o, job);
	assert_text(o, "{}");
	job_free(job);
}

static void known_stands_there(void **state)
{
	json_t *o = json_object();
	struct job *job = job_new(1, "fox", 1795356903250);

	(void)state;
	field_put(o, "n", json_integer(0));
	field_text(o, "t", "x");
	assert_int_equal(job_set_text(&job->prediction_id, "p-1"), 0);
	assert_int_equal(job_set_text(&job->reused_from, "cats/tabby"), 0);
	job->completed_ms = 1795356909000;
	job->predict_time_s = 0;
	job->cost_usd = 0.005;
	field_course(o, job);
	assert_text(o, "{\"n\":0,\"t\":\"x\",\"prediction_id\":\"p-1\","
		       "\"reused_from\":\"cats/tabby\","
		       "\"created_at\":\"2026-11-22T14:15:03.250Z\","
		       "\"completed_at\":\"2026-11-22T14:15:09.000Z\","
		       "\"predict_time\":0.0,\"cost\":0.005}");
	job_free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_is_absent),
		cmocka_unit_test(known_stands_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
