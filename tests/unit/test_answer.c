/*
 * answer: golden answers of the service (tests/data/answers, one file each), and what must hold for
 * any answer at all: cut anywhere, without memory, with rubbish in it.
 *
 * A file's body is the text as it came, or JSON that is sent as text; {"latin1": text} stands for
 * bytes that are no UTF-8. `expect` names what must be; `absent` what must stand nowhere.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "oom.h"
#include "pimagefs/service.h"
#include "pimagefs/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define FEWEST_FILES 150

static const char *const verdicts[] = {
	[SERVICE_ACCEPTED] = "accepted",   [SERVICE_PENDING] = "pending",
	[SERVICE_DONE] = "done",           [SERVICE_FAILED] = "failed",
	[SERVICE_ENDED] = "ended",         [SERVICE_REFUSED] = "refused",
	[SERVICE_AUTH] = "auth",           [SERVICE_BUSY] = "busy",
	[SERVICE_TROUBLE] = "trouble",     [SERVICE_OFFLINE] = "offline",
	[SERVICE_UNCERTAIN] = "uncertain", [SERVICE_UNKNOWN] = "unknown",
};

struct golden {
	char name[300];
	json_t *file;
	const char *call, *content_type;
	int status;
	char *body;
	size_t size;
	const json_t *expect;
	bool loopback; /* plain http */
};

static void body_of(struct golden *g, const json_t *body)
{
	const json_t *latin1 = json_object_get(body, "latin1");
	const char *text = json_string_value(latin1 ? latin1 : body);

	g->body = text ? strdup(text) : json_dumps(body, JSON_COMPACT);
	assert_non_null(g->body);
	if (latin1) {
		unsigned char *to = (unsigned char *)g->body;

		for (const unsigned char *c = to; *c; c++) {
			unsigned byte = *c;

			if (byte >= 0x80)
				byte = (byte & 3) << 6 | (*++c & 0x3f);
			*to++ = (unsigned char)byte;
		}
		*to = '\0';
	}
	g->size = strlen(g->body);
}

static void golden_open(struct golden *g, const char *folder, const char *name)
{
	char path[1024];
	json_error_t error;

	memset(g, 0, sizeof(*g));
	snprintf(g->name, sizeof(g->name), "%s", name);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	g->file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!g->file)
		fail_msg("%s: %s", path, error.text);
	g->call = json_string_value(json_object_get(g->file, "call"));
	g->status = (int)json_integer_value(json_object_get(g->file, "status"));
	g->content_type = json_string_value(json_object_get(g->file, "content_type"));
	g->expect = json_object_get(g->file, "expect");
	g->loopback = json_is_true(json_object_get(g->file, "loopback"));
	assert_non_null(g->call);
	assert_non_null(g->expect);
	body_of(g, json_object_get(g->file, "body"));
}

static void golden_close(struct golden *g)
{
	json_decref(g->file);
	free(g->body);
}

static int read_part(const struct golden *g, size_t size, struct service_answer *out)
{
	/* A copy of its own size, so that a byte read past the end is found. */
	char *copy;
	int r;

	oom_pause();
	copy = malloc(size ? size : 1);
	oom_resume();
	memcpy(copy, g->body, size);
	if (strcmp(g->call, "create") == 0)
		r = answer_read_create(g->status, copy, size, g->content_type, !g->loopback, out);
	else if (strcmp(g->call, "poll") == 0)
		r = answer_read_poll(g->status, copy, size, g->content_type, out);
	else
		r = answer_read_cancel(g->status, copy, size, g->content_type, out);
	free(copy);
	return r;
}

static void each_golden(void (*fn)(const struct golden *))
{
	const char *source = getenv("PIMAGEFS_SOURCE");
	char folder[512];
	struct dirent **names;
	int n;

	snprintf(folder, sizeof(folder), "%s/tests/data/answers", source ? source : ".");
	n = scandir(folder, &names, NULL, alphasort);
	assert_true(n > FEWEST_FILES);
	for (int i = 0; i < n; i++) {
		struct golden g;

		if (strstr(names[i]->d_name, ".json")) {
			golden_open(&g, folder, names[i]->d_name);
			fn(&g);
			golden_close(&g);
		}
		free(names[i]);
	}
	free(names);
}

static void same_text(const struct golden *g, const char *field, const char *is)
{
	const json_t *want = json_object_get(g->expect, field);

	if (want && strcmp(json_string_value(want), is ? is : "(none)") != 0)
		fail_msg("%s: %s is '%s'", g->name, field, is ? is : "(none)");
}

static void same_number(const struct golden *g, const char *field, double is)
{
	const json_t *want = json_object_get(g->expect, field);

	if (want && (json_number_value(want) < is - 1e-9 || json_number_value(want) > is + 1e-9))
		fail_msg("%s: %s is %f", g->name, field, is);
}

static void check_absent(const struct golden *g, const struct service_answer *a)
{
	size_t i;
	json_t *text;

	json_array_foreach (json_object_get(g->expect, "absent"), i, text)
		if (strstr(a->error.message, json_string_value(text)) ||
		    strstr(a->error.details, json_string_value(text)))
			fail_msg("%s: '%s' in: %s | %s", g->name, json_string_value(text),
				 a->error.message, a->error.details);
}

/* What holds for every answer. */
static void check_whole(const struct golden *g, const struct service_answer *a)
{
	const struct error *e = &a->error;
	bool good = a->verdict == SERVICE_ACCEPTED || a->verdict == SERVICE_PENDING ||
		    a->verdict == SERVICE_DONE;

	assert_true((unsigned)a->verdict < COUNT(verdicts));
	if (good != (e->class == ERROR_NONE) || good != !e->message[0] || good != !e->advice)
		fail_msg("%s: verdict %s, class %d, message '%s', advice '%s'", g->name,
			 verdicts[a->verdict], e->class, e->message, advice_name(e->advice));
	assert_true(a->verdict != SERVICE_ACCEPTED || a->prediction_id);
	assert_true(a->verdict != SERVICE_DONE || strcmp(g->call, "poll") != 0 || a->link);
	assert_true(utf8_valid(e->message, strlen(e->message)));
	assert_true(utf8_valid(e->details, strlen(e->details)));
	assert_false(utf8_has_control(e->message, strlen(e->message)));
	assert_int_equal(a->retry_after_ms, -1);
}

static void check_golden(const struct golden *g)
{
	const char *hint = json_string_value(json_object_get(g->expect, "hint"));
	struct buf sentence = BUF_INIT;
	struct service_answer a;

	assert_int_equal(read_part(g, g->size, &a), 0);
	check_whole(g, &a);
	same_text(g, "verdict", verdicts[a.verdict]);
	same_text(g, "prediction_id", a.prediction_id);
	same_text(g, "link", a.link);
	same_text(g, "class", error_class_name(a.error.class));
	same_text(g, "message", a.error.message);
	same_text(g, "details", a.error.details);
	same_number(g, "predict_time", a.predict_time_s);
	same_number(g, "cost", a.cost_usd);
	assert_int_equal(advice_text(a.error.advice, NULL, &sentence), 0);
	if (hint && !strstr(buf_text(&sentence), hint))
		fail_msg("%s: hint is '%s'", g->name, buf_text(&sentence));
	buf_release(&sentence);
	check_absent(g, &a);
	answer_release(&a);
	assert_null(a.prediction_id);
	assert_null(a.link);
}

static void test_golden(void **state)
{
	(void)state;
	each_golden(check_golden);
}

static void check_expectation(const struct golden *g)
{
	static const char *const known[] = { "verdict", "prediction_id", "link",    "predict_time",
					     "cost",    "class",         "message", "details",
					     "hint",    "absent" };
	const char *key;
	json_t *value;

	assert_non_null(json_object_get(g->expect, "verdict"));
	json_object_foreach ((json_t *)(uintptr_t)g->expect, key, value) {
		bool is = false;

		for (size_t i = 0; i < COUNT(known); i++)
			is = is || strcmp(key, known[i]) == 0;
		if (!is)
			fail_msg("%s: expects '%s', which nobody checks", g->name, key);
	}
}

static void test_files_expect_what_is_checked(void **state)
{
	(void)state;
	each_golden(check_expectation);
}

/* A body that breaks off anywhere never counts as taken or done. */
static void check_cut(const struct golden *g)
{
	if (g->size > 2000)
		return;
	for (size_t size = 0; size < g->size; size++) {
		struct service_answer a;

		assert_int_equal(read_part(g, size, &a), 0);
		check_whole(g, &a);
		if (a.verdict == SERVICE_ACCEPTED || a.link)
			fail_msg("%s: the first %zu bytes are enough", g->name, size);
		answer_release(&a);
	}
}

static void test_cut_anywhere(void **state)
{
	(void)state;
	each_golden(check_cut);
}

static enum service_verdict verdict_of_part(const struct golden *g, size_t size)
{
	struct service_answer a;

	assert_int_equal(read_part(g, size, &a), 0);
	answer_release(&a);
	return a.verdict;
}

/* Without memory there is -ENOMEM, or at worst what a body that breaks off would mean. */
static void check_no_memory(const struct golden *g)
{
	enum service_verdict want = verdict_of_part(g, g->size);
	enum service_verdict at_worst = verdict_of_part(g, g->size ? g->size - 1 : 0);
	unsigned failures = 1;

	for (unsigned n = 0; failures; n++) {
		struct service_answer a;
		int r;

		oom_fail_once(n);
		r = read_part(g, g->size, &a);
		failures = oom_off();
		if (r == 0 && a.verdict != want && a.verdict != at_worst)
			fail_msg("%s: %s when allocation %u fails", g->name, verdicts[a.verdict],
				 n);
		assert_true(r == 0 || (r == -ENOMEM && failures));
		if (r == 0)
			answer_release(&a);
		assert_true(!a.prediction_id && !a.link);
	}
}

static void test_no_memory(void **state)
{
	(void)state;
	each_golden(check_no_memory);
}

static void read_text(int status, const char *text, struct service_answer *out)
{
	assert_int_equal(answer_read_create(status, text, strlen(text), NULL, true, out), 0);
}

static void test_long_words_are_cut(void **state)
{
	char *body = malloc(20000);
	struct service_answer a;
	size_t n = (size_t)sprintf(body, "{\"message\":\"");

	(void)state;
	for (int i = 0; i < 5000; i++)
		n += (size_t)sprintf(body + n, "\xc3\xbc");
	sprintf(body + n, "\",\"details\":\"hf_abcdefghijklmnop\"}");
	read_text(400, body, &a);
	assert_true(strlen(a.error.message) >= sizeof(a.error.message) - 3);
	assert_true(utf8_valid(a.error.message, strlen(a.error.message)));
	assert_string_equal(a.error.details, "hf_***");
	answer_release(&a);
	free(body);
}

/* A token at the place where a field is cut is masked before the cut. */
static void test_no_part_of_a_token(void **state)
{
	char body[800];

	(void)state;
	for (int pad = 380; pad < 520; pad++) {
		struct service_answer a;

		snprintf(body, sizeof(body), "{\"message\":\"%0*d hf_SECRETSECRETSECRET\"}", pad,
			 0);
		read_text(400, body, &a);
		assert_null(strstr(a.error.message, "SEC"));
		answer_release(&a);
	}
}

static void test_control_characters(void **state)
{
	struct service_answer a;

	(void)state;
	read_text(400, "{\"message\":\"a\\u001b[31mb\\nc\\u009bd\"}", &a);
	assert_false(utf8_has_control(a.error.message, strlen(a.error.message)));
	answer_release(&a);
	read_text(400, "a\x1b[2J\xff", &a);
	assert_false(utf8_has_control(a.error.message, strlen(a.error.message)));
	assert_true(utf8_valid(a.error.message, strlen(a.error.message)));
	answer_release(&a);
}

static void test_deep_nesting(void **state)
{
	char *body = malloc(60000);
	struct service_answer a;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 1500; i++)
		n += (size_t)sprintf(body + n, "{\"error\":");
	n += (size_t)sprintf(body + n, "1");
	for (int i = 0; i < 1500; i++)
		n += (size_t)sprintf(body + n, "}");
	read_text(400, body, &a);
	assert_int_equal(a.verdict, SERVICE_REFUSED);
	answer_release(&a);
	memset(body, '[', 50000);
	body[50000] = '\0';
	read_text(200, body, &a);
	assert_int_equal(a.verdict, SERVICE_UNCERTAIN);
	answer_release(&a);
	free(body);
}

static void test_every_status_has_a_verdict(void **state)
{
	(void)state;
	for (int status = 100; status < 1000; status++) {
		struct service_answer a;

		read_text(status, "", &a);
		assert_true(a.verdict != SERVICE_ACCEPTED && a.verdict != SERVICE_DONE &&
			    a.verdict != SERVICE_PENDING);
		assert_true(a.error.class != ERROR_NONE && a.error.message[0] && a.error.advice);
		assert_int_equal(a.error.http_status, status);
		answer_release(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_files_expect_what_is_checked),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_long_words_are_cut),
		cmocka_unit_test(test_no_part_of_a_token),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_deep_nesting),
		cmocka_unit_test(test_every_status_has_a_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
