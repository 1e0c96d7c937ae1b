/*
 * What the demo service answers, with a clock of the test's own, what it forgets, and what it finds
 * again after a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/demo/routes.h"
#include "../lib/oom.h"
#include "../lib/scratch.h"

#define NOW 1795000000000LL
#define PORT 4711
#define BODY(input) "{\"model\":\"p-image-lora-text-to-image\",\"input\":{" input "}}"

struct place {
	char folder[SCRATCH_PATH];
	struct predictions predictions;
	struct answer answer;
	int64_t now_ms;
	bool keyless;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	scratch_make(p->folder);
	p->now_ms = NOW;
	*state = p;
	return predictions_init(&p->predictions, p->folder, NOW);
}

static int tear_down(void **state)
{
	struct place *p = *state;

	json_decref(p->answer.json);
	predictions_release(&p->predictions);
	scratch_remove(p->folder);
	free(p);
	return 0;
}

static unsigned ask(struct place *p, const char *method, const char *path, const char *body)
{
	struct call call = { method, path, !p->keyless, body, body ? strlen(body) : 0, p->now_ms };

	json_decref(p->answer.json);
	routes_answer(&p->predictions, PORT, &call, &p->answer);
	return p->answer.status;
}

static const char *said(const struct place *p, const char *key)
{
	const char *text = json_string_value(json_object_get(p->answer.json, key));

	return text ? text : "";
}

static unsigned create(struct place *p, const char *body)
{
	return ask(p, "POST", "/v1/prediction/", body);
}

/* The path of the prediction that the last answer was about. */
static void path_of(const struct place *p, char path[80], const char *tail)
{
	snprintf(path, 80, "/v1/prediction/%s%s", said(p, "predictionID"), tail);
}

static void assert_refused(struct place *p, const char *body, unsigned status, const char *details)
{
	assert_int_equal(create(p, body), status);
	assert_string_equal(said(p, "status"), "error");
	assert_true(*said(p, "message"));
	if (!strstr(said(p, "details"), details))
		fail_msg("\"%s\" does not name %s", said(p, "details"), details);
	assert_int_equal(p->predictions.count, 0);
}

static void test_life(void **state)
{
	struct place *p = *state;
	char path[80], url[120];
	double seconds;

	assert_int_equal(
		create(p, BODY("\"prompt\":\"a fox\",\"seed\":5,\"aspect_ratio\":\"1:1\"")), 200);
	assert_string_equal(said(p, "status"), "success");
	assert_string_equal(said(p, "message"), "Prediction created successfully");
	path_of(p, path, "");
	snprintf(url, sizeof(url), "http://127.0.0.1:4711/files/%s.png", said(p, "predictionID"));
	p->now_ms += 799;
	assert_int_equal(ask(p, "GET", path, NULL), 200);
	assert_string_equal(said(p, "status"), "processing");
	assert_true(json_is_null(json_object_get(p->answer.json, "output")));
	assert_int_equal(ask(p, "GET", url + strlen("http://127.0.0.1:4711"), NULL), 404);
	p->now_ms += 502;
	assert_int_equal(ask(p, "GET", path, NULL), 200);
	assert_string_equal(said(p, "status"), "success");
	assert_string_equal(said(p, "output"), url);
	seconds = json_real_value(
		json_object_get(json_object_get(p->answer.json, "metrics"), "predict_time"));
	assert_true(seconds >= 0.8 && seconds <= 1.3);
	p->keyless = true;
	assert_int_equal(ask(p, "GET", url + strlen("http://127.0.0.1:4711"), NULL), 200);
	assert_non_null(p->answer.picture);
	/* The head says 1024 by 1024. */
	assert_memory_equal(p->answer.picture->data + 12, "IHDR\0\0\4\0\0\0\4\0", 12);
}

static void test_refusals(void **state)
{
	struct place *p = *state;

	assert_refused(p, "", 400, "");
	assert_refused(p, "{", 400, "");
	assert_refused(p, "[]", 400, "object");
	assert_refused(p, "\"\xff\"", 400, "");
	assert_refused(p, "{}", 400, "model");
	assert_refused(p, "{\"model\":\"other\",\"input\":{\"prompt\":\"x\"}}", 404,
		       "p-image-lora");
	assert_refused(p, "{\"model\":\"p-image-lora-text-to-image\"}", 400, "prompt");
	assert_refused(p, "{\"model\":\"p-image-lora-text-to-image\",\"input\":\"x\"}", 400,
		       "prompt");
	assert_refused(p, BODY(""), 400, "prompt");
	assert_refused(p, BODY("\"prompt\":\"\""), 400, "prompt");
	assert_refused(p, BODY("\"prompt\":7"), 400, "prompt");
	assert_refused(p, BODY("\"prompt\":\"x\",\"seed\":\"7\""), 400, "seed");
	assert_refused(p, BODY("\"prompt\":\"x\",\"seed\":1.5"), 400, "seed");
	assert_refused(p, BODY("\"prompt\":\"x\",\"aspect_ratio\":\"5:4\""), 400, "aspect_ratio");
	assert_refused(p, BODY("\"prompt\":\"x\",\"aspect_ratio\":1"), 400, "aspect_ratio");
	assert_refused(p, BODY("\"prompt\":\"x\",\"aspect_ratio\":\"custom\",\"width\":512"), 400,
		       "height");
	assert_refused(
		p,
		BODY("\"prompt\":\"x\",\"aspect_ratio\":\"custom\",\"width\":510,\"height\":512"),
		400, "width");
	assert_refused(
		p,
		BODY("\"prompt\":\"x\",\"aspect_ratio\":\"custom\",\"width\":1456,\"height\":512"),
		400, "width");
	p->keyless = true;
	assert_refused(p, BODY("\"prompt\":\"x\""), 401, "X-API-Key");
}

static void test_sizes(void **state)
{
	static const struct {
		const char *body;
		int width, height;
	} sizes[] = {
		{ BODY("\"prompt\":\"x\""), 1344, 768 },
		{ BODY("\"prompt\":\"x\",\"aspect_ratio\":\"9:16\""), 768, 1344 },
		{ BODY("\"prompt\":\"x\",\"aspect_ratio\":\"3:2\""), 1248, 832 },
		{ BODY("\"prompt\":\"x\",\"aspect_ratio\":\"custom\","
		       "\"width\":256,\"height\":1440"),
		  256, 1440 },
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct prediction *one;

		assert_int_equal(create(p, sizes[i].body), 200);
		one = predictions_find(&p->predictions, said(p, "predictionID"));
		assert_int_equal(one->width, sizes[i].width);
		assert_int_equal(one->height, sizes[i].height);
	}
}

static void assert_ends(struct place *p, const char *body, const char *status, const char *message)
{
	char path[80];

	assert_int_equal(create(p, body), 200);
	path_of(p, path, "");
	assert_int_equal(ask(p, "GET", path, NULL), 200);
	assert_string_equal(said(p, "status"), "processing");
	p->now_ms += 2000;
	assert_int_equal(ask(p, "GET", path, NULL), 200);
	assert_string_equal(said(p, "status"), status);
	assert_non_null(strstr(said(p, "message"), message));
}

static void test_failures_to_look_at(void **state)
{
	struct place *p = *state;

	assert_ends(p, BODY("\"prompt\":\"a fox [fail]\""), "error", "failed");
	assert_ends(p, BODY("\"prompt\":\"[nsfw] a fox\""), "error", "NSFW");
	assert_ends(p, BODY("\"prompt\":\"[nsfw]\",\"disable_safety_checker\":false"), "error",
		    "NSFW");
	assert_ends(p, BODY("\"prompt\":\"[nsfw]\",\"disable_safety_checker\":true"), "success",
		    "");
}

static void test_cancel(void **state)
{
	struct place *p = *state;
	char path[80], cancel[80];

	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 200);
	path_of(p, path, "");
	path_of(p, cancel, "/cancel");
	assert_int_equal(ask(p, "GET", cancel, NULL), 405);
	assert_string_equal(p->answer.allow, "POST");
	assert_int_equal(ask(p, "POST", cancel, NULL), 200);
	assert_int_equal(ask(p, "POST", cancel, NULL), 200);
	assert_int_equal(predictions_running(&p->predictions, p->now_ms), 0);
	p->now_ms += 5000;
	assert_int_equal(ask(p, "GET", path, NULL), 200);
	assert_string_equal(said(p, "status"), "cancelled");

	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 200);
	path_of(p, cancel, "/cancel");
	p->now_ms += 5000;
	assert_int_equal(ask(p, "POST", cancel, NULL), 400);
}

static void test_unknown(void **state)
{
	static const char *const paths[] = {
		"/",
		"",
		"/v1",
		"/v1/predictions",
		"/v1/predictionx/",
		"/v1/prediction/x",
		"/v1/prediction/../../etc/passwd",
		"/files/x.png",
		"/v1/prediction/00000000-0000-4000-8000-000000000000",
		"/v1/prediction/00000000-0000-4000-8000-000000000000/cancel",
		"/files/00000000-0000-4000-8000-000000000000.png",
		"/files/"
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(ask(p, "GET", paths[i], NULL), 404);
		assert_string_equal(said(p, "status"), "error");
	}
	assert_int_equal(ask(p, "DELETE", "/v1/prediction/", NULL), 405);
	assert_int_equal(ask(p, "POST", "/files/x.png", NULL), 405);
	p->keyless = true;
	assert_int_equal(ask(p, "GET", "/v1/prediction/x", NULL), 401);
}

static void test_ten_at_once(void **state)
{
	struct place *p = *state;
	char path[80];

	for (int i = 0; i < 10; i++)
		assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 200);
	path_of(p, path, "/cancel");
	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 429);
	assert_int_equal(p->answer.retry_after_s, 1);
	assert_string_equal(said(p, "status"), "error");
	assert_int_equal(ask(p, "POST", path, NULL), 200);
	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 200);
	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 429);
	p->now_ms += 1301;
	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 200);
}

static void test_a_hundred_a_minute(void **state)
{
	struct place *p = *state;

	for (int i = 0; i < 100; i++) {
		assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 200);
		p->now_ms += 200;
	}
	p->now_ms = NOW + 30000;
	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 429);
	assert_int_equal(p->answer.retry_after_s, 31);
	p->now_ms = NOW + 59999;
	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 429);
	p->now_ms = NOW + 60000;
	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 200);
	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 429);
}

static void restart(struct place *p)
{
	predictions_release(&p->predictions);
	assert_int_equal(predictions_init(&p->predictions, p->folder, p->now_ms), 0);
}

static void test_restart(void **state)
{
	struct place *p = *state;
	char path[80], dead[80];

	assert_int_equal(create(p, BODY("\"prompt\":\"F\xc3\xbc"
					"chse\",\"seed\":-9007199254740993")),
			 200);
	path_of(p, path, "");
	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 200);
	path_of(p, dead, "");
	strcat(dead, "/cancel");
	assert_int_equal(ask(p, "POST", dead, NULL), 200);
	*strrchr(dead, '/') = '\0';
	restart(p);
	assert_int_equal(p->predictions.count, 2);
	assert_int_equal(ask(p, "GET", path, NULL), 200);
	assert_string_equal(said(p, "status"), "processing");
	assert_int_equal(ask(p, "GET", dead, NULL), 200);
	assert_string_equal(said(p, "status"), "cancelled");
	p->now_ms += 1301;
	restart(p);
	assert_int_equal(ask(p, "GET", path, NULL), 200);
	assert_string_equal(said(p, "status"), "success");
	assert_true(predictions_find(&p->predictions, said(p, "predictionID"))->seed ==
		    -9007199254740993);
}

static void test_file_that_makes_no_sense(void **state)
{
	static const char *const broken[] = {
		"", "{", "{}", "[{\"prompt\":1}, 7]",
		"[{\"id\":\"00000000-0000-4000-8000-000000000001\",\"prompt\":\"x\",\"seed\":1,"
		"\"width\":64,\"height\":64,\"outcome\":9,\"created_ms\":1,\"ready_ms\":0}]"
	};
	struct place *p = *state;
	struct buf names = BUF_INIT;

	scratch_write(p->folder, "notes.json", "keep", 4);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		scratch_write(p->folder, "predictions.json", broken[i], strlen(broken[i]));
		restart(p);
		assert_int_equal(p->predictions.count, 0);
		assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 200);
		p->now_ms += 60000;
		restart(p);
		assert_int_equal(p->predictions.count, 1);
	}
	scratch_list(p->folder, &names);
	assert_string_equal(buf_text(&names), "notes.json\npredictions.json\n");
	buf_release(&names);
}

static void test_a_day_later(void **state)
{
	struct place *p = *state;

	assert_int_equal(create(p, BODY("\"prompt\":\"old\"")), 200);
	p->now_ms += PREDICTIONS_MAX_AGE_MS + 1;
	assert_int_equal(create(p, BODY("\"prompt\":\"new\"")), 200);
	assert_int_equal(p->predictions.count, 1);
	p->now_ms += PREDICTIONS_MAX_AGE_MS + 1;
	restart(p);
	assert_int_equal(p->predictions.count, 0);
}

static void test_bounds(void **state)
{
	struct place *p = *state;
	struct prediction with = { .prompt = (char *)"x", .width = 64, .height = 64 }, *one,
			  *first = NULL;
	char id[PREDICTION_ID];

	for (int i = 0; i < PREDICTIONS_MAX + 3; i++) {
		assert_int_equal(predictions_add(&p->predictions, &with, NOW + i, &one), 0);
		if (!first) {
			first = one;
			memcpy(id, one->id, sizeof(id));
		}
	}
	assert_int_equal(p->predictions.count, PREDICTIONS_MAX);
	assert_null(predictions_find(&p->predictions, id));
}

static void test_pictures_give_way(void **state)
{
	struct place *p = *state;
	struct prediction with = { .prompt = (char *)"x", .width = 64, .height = 64 }, *a, *b;

	assert_int_equal(predictions_add(&p->predictions, &with, NOW, &a), 0);
	assert_int_equal(predictions_add(&p->predictions, &with, NOW + 1, &b), 0);
	assert_ptr_equal(predictions_undrawn(&p->predictions, NOW + 2), a);
	assert_int_equal(predictions_draw(&p->predictions, a), 0);
	assert_ptr_equal(predictions_undrawn(&p->predictions, NOW + 2), b);
	/* As if there were many more. */
	p->predictions.png_bytes += 48u << 20;
	assert_int_equal(predictions_draw(&p->predictions, b), 0);
	assert_int_equal(a->png.size, 0);
	assert_true(b->png.size > 0);
	assert_int_equal(predictions_draw(&p->predictions, a), 0);
	assert_int_equal(b->png.size, 0);
	p->predictions.png_bytes = a->png.size;
}

static void test_clock_set_back(void **state)
{
	struct place *p = *state;
	struct prediction with = { .prompt = (char *)"x", .width = 64, .height = 64 }, *one;
	int64_t oldest_ms;

	assert_int_equal(predictions_add(&p->predictions, &with, NOW, &one), 0);
	assert_true(prediction_running(one, NOW));
	assert_false(prediction_running(one, NOW - 3600000));
	assert_int_equal(predictions_recent(&p->predictions, NOW - 3600000, 60000, &oldest_ms), 0);
}

static void test_disk_that_refuses(void **state)
{
	struct place *p = *state;
	int folder = p->predictions.folder;
	struct prediction *one;
	char path[80];

	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 200);
	path_of(p, path, "/cancel");
	one = predictions_find(&p->predictions, said(p, "predictionID"));
	p->predictions.folder = -1;
	assert_int_equal(create(p, BODY("\"prompt\":\"x\"")), 500);
	assert_int_equal(ask(p, "POST", path, NULL), 500);
	assert_true(prediction_running(one, p->now_ms));
	p->predictions.folder = folder;
	assert_int_equal(p->predictions.count, 1);
}

static void test_without_memory(void **state)
{
	struct place *p = *state;
	unsigned n = 0, failed = 1;

	for (; failed; n++) {
		p->now_ms += PREDICTIONS_MAX_AGE_MS + 1; /* so that there is one at most */
		oom_fail_once(n);
		create(p, BODY("\"prompt\":\"a fox\",\"seed\":1"));
		failed = oom_off();
		if (p->answer.json && p->answer.status == 200)
			assert_int_equal(p->predictions.count, 1);
	}
	assert_int_equal(p->answer.status, 200);
	for (failed = 1, n = 0; failed; n++) {
		int r;

		predictions_release(&p->predictions);
		oom_fail_once(n);
		r = predictions_init(&p->predictions, p->folder, p->now_ms);
		failed = oom_off();
		assert_true(r == 0 || r == -ENOMEM);
		if (r < 0)
			assert_int_equal(predictions_init(&p->predictions, p->folder, p->now_ms),
					 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_life),
		TEST(test_refusals),
		TEST(test_sizes),
		TEST(test_failures_to_look_at),
		TEST(test_cancel),
		TEST(test_unknown),
		TEST(test_ten_at_once),
		TEST(test_a_hundred_a_minute),
		TEST(test_restart),
		TEST(test_file_that_makes_no_sense),
		TEST(test_a_day_later),
		TEST(test_bounds),
		TEST(test_pictures_give_way),
		TEST(test_clock_set_back),
		TEST(test_disk_that_refuses),
		TEST(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
