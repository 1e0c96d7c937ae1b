/* gallery: what the page tells of each job, that nothing on it ends its data, and when a page is
 * made anew. */
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

#include "core_world.h"
#include "oom.h"
#include "pimagefs/gallery.h"

#define BEGIN "<script type=\"application/json\" id=\"data\">\n"

static struct gallery *make(struct core *c)
{
	const struct gallery_ground ground = { .world = &c->sim.world,
					       .engine = c->engine,
					       .root = tree_root(c->tree),
					       .mountpoint = "/mnt/my pictures" };
	struct gallery *g;

	assert_int_equal(gallery_new(&g, &ground), 0);
	return g;
}

/* As the program ends. */
static void drop(struct core *c, struct gallery *g)
{
	gallery_stop(g);
	core_close(c);
	gallery_free(g);
	core_open(c);
	core_start(c);
}

static struct buf read_all(const struct gallery_page *page, size_t step)
{
	struct buf all = BUF_INIT;
	size_t before;

	do {
		before = all.size;
		assert_int_equal(gallery_read(page, all.size, step, &all), 0);
		assert_true(all.size - before <= step);
	} while (all.size > before);
	return all;
}

static json_t *data_of(const struct gallery_page *page)
{
	struct buf all = read_all(page, 1000000);
	char *from = strstr(buf_text(&all), BEGIN), *to;
	json_error_t fault;
	json_t *data;

	assert_non_null(from);
	from += strlen(BEGIN);
	to = strchr(from, '<');
	assert_non_null(to);
	/* What ends the element is the page's own end of it, and nothing before. */
	assert_memory_equal(to, "</script>\n<script>\n'use strict';", 32);
	data = json_loadb(from, (size_t)(to - from), JSON_REJECT_DUPLICATES, &fault);
	if (!data)
		fail_msg("%s at %d of %.300s", fault.text, fault.position, from);
	buf_release(&all);
	return data;
}

static json_t *data_now(struct gallery *g)
{
	struct gallery_page *page;
	json_t *data;

	assert_int_equal(gallery_open(g, &page), 0);
	data = data_of(page);
	gallery_close(g, page);
	return data;
}

static size_t shown(const json_t *data)
{
	return json_array_size(json_object_get(data, "jobs"));
}

/* The record of a job, borrowed, or NULL. */
static json_t *record(const json_t *data, const char *id)
{
	size_t i;
	json_t *o;

	json_array_foreach (json_object_get(data, "jobs"), i, o)
		if (strcmp(json_string_value(json_object_get(o, "id")), id) == 0)
			return o;
	return NULL;
}

static const char *text(const json_t *o, const char *key)
{
	const char *found = json_string_value(json_object_get(o, key));

	return found ? found : "";
}

static void test_what_is_told(void **state)
{
	struct core *c = *state;
	struct gallery *g = make(c);
	json_t *data, *fox;

	core_ready(c, "cats/fox", "pred-1");
	core_submit(c, "lost");
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	core_processing(c, "slow", "pred-2");
	engine_draft(c->engine, "empty");
	data = data_now(g);
	assert_string_equal(text(data, "mount"), "/mnt/my pictures");
	assert_true(json_is_true(json_object_get(data, "complete")));
	assert_int_equal(shown(data), 3);
	fox = record(data, "cats/fox");
	assert_string_equal(text(fox, "state"), "ready");
	assert_string_equal(text(fox, "path"), "images/cats/fox.png");
	assert_string_equal(text(fox, "prompt"), "prompt of cats/fox");
	assert_string_equal(text(fox, "seed"), "4711");
	assert_non_null(strstr(text(fox, "input"), "\"seed\":4711"));
	assert_string_equal(text(fox, "prediction_id"), "pred-1");
	assert_int_equal(json_integer_value(json_object_get(fox, "bytes")), c->png.size);
	assert_true(json_integer_value(json_object_get(fox, "width")) > 0);
	assert_true(json_real_value(json_object_get(fox, "cost")) > 0);
	assert_string_equal(text(record(data, "slow"), "path"), "images/slow.png");
	assert_string_equal(text(record(data, "slow"), "state"), "processing");
	assert_string_equal(text(record(data, "lost"), "path"), "images/lost.error.txt");
	assert_true(*text(json_object_get(record(data, "lost"), "error"), "message"));
	assert_ptr_equal(json_array_get(json_object_get(data, "jobs"), 0), record(data, "slow"));
	json_decref(data);
	drop(c, g);
}

static void test_what_the_user_said(void **state)
{
	struct core *c = *state;
	struct gallery *g = make(c);
	struct job *job = core_ready(c, "fox", "pred-1");
	json_t *data = data_now(g), *fox = record(data, "fox");

	assert_null(json_object_get(fox, "tags"));
	assert_null(json_object_get(fox, "rating"));
	assert_null(json_object_get(fox, "comment"));
	json_decref(data);
	assert_int_equal(engine_mark(c->engine, job, MARK_TAGS, "snow, red <b>", 13), 0);
	assert_int_equal(engine_mark(c->engine, job, MARK_RATING, "7", 1), 0);
	assert_int_equal(engine_mark(c->engine, job, MARK_COMMENT, "the best", 8), 0);
	data = data_now(g);
	fox = record(data, "fox");
	assert_int_equal(json_array_size(json_object_get(fox, "tags")), 2);
	assert_string_equal(json_string_value(json_array_get(json_object_get(fox, "tags"), 1)),
			    "red <b>");
	assert_int_equal(json_integer_value(json_object_get(fox, "rating")), 7);
	assert_string_equal(text(fox, "comment"), "the best");
	json_decref(data);
	drop(c, g);
}

static void test_names_that_were_lost(void **state)
{
	struct core *c = *state;
	struct gallery *g = make(c);
	json_t *data;

	core_ready(c, "fox", "pred-1");
	core_ready(c, "fox", "pred-2");
	core_ready(c, "gone", "pred-3");
	assert_int_equal(engine_dismiss(c->engine, engine_find(c->engine, "gone")), 0);
	core_settle(c);
	data = data_now(g);
	assert_int_equal(shown(data), 2);
	assert_null(record(data, "gone"));
	assert_string_equal(text(json_array_get(json_object_get(data, "jobs"), 0), "path"),
			    "images/fox.png");
	assert_string_equal(text(json_array_get(json_object_get(data, "jobs"), 1), "path"),
			    "images/pred-1.png");
	json_decref(data);
	drop(c, g);
}

static void test_text_is_text(void **state)
{
	static const char prompt[] = "</script><script>alert(1)</script><!-- \"'\\ \xe2\x80\xa8 "
				     "\xd7\xa9\xd7\x9c \xf0\x9f\xa6\x8a";
	struct core *c = *state;
	struct gallery *g = make(c);
	struct job *job = core_submit(c, "fox");
	json_t *data, *input, *told;

	input = json_pack("{s:s, s:s, s:I}", "prompt", prompt, "hf_api_token", "hf_secretsecret",
			  "seed", (json_int_t)INT64_MAX);
	free(job->input);
	job->input = json_dumps(input, JSON_COMPACT);
	job->seed = INT64_MAX;
	assert_int_equal(job_set_text(&job->prompt, prompt), 0);
	data = data_now(g);
	assert_string_equal(text(record(data, "fox"), "prompt"), prompt);
	assert_string_equal(text(record(data, "fox"), "seed"), "9223372036854775807");
	assert_int_equal(json_object_del(input, "hf_api_token"), 0);
	told = json_loads(text(record(data, "fox"), "input"), 0, NULL);
	assert_true(json_equal(told, input));
	json_decref(told);
	json_decref(input);
	json_decref(data);
	drop(c, g);
}

/* Who was told a size gets so many bytes; and a page that is open stays as it is. */
static void test_stat_and_open_share_a_page(void **state)
{
	struct core *c = *state;
	struct gallery *g = make(c);
	struct gallery_page *page, *later;
	struct buf before, after;
	int64_t size = gallery_size(g);

	core_register(c, "fox");
	assert_int_equal(gallery_size(g), size);
	assert_int_equal(gallery_open(g, &page), 0);
	before = read_all(page, 4096);
	assert_int_equal(before.size, size);
	assert_null(strstr(before.data, "prompt of fox"));
	core_pass(c, GALLERY_SHOWN_MS);
	assert_int_equal(gallery_open(g, &later), 0);
	assert_true(gallery_size(g) > size);
	after = read_all(page, 333);
	assert_int_equal(before.size, after.size);
	assert_memory_equal(before.data, after.data, before.size);
	buf_release(&after);
	after = read_all(later, 4096);
	assert_non_null(strstr(after.data, "prompt of fox"));
	assert_int_equal(gallery_size(g), after.size);
	buf_release(&after);
	buf_release(&before);
	gallery_close(g, page);
	gallery_close(g, later);
	drop(c, g);
}

static void test_a_look_now_and_then_does_not_keep_an_old_page(void **state)
{
	struct core *c = *state;
	struct gallery *g = make(c);
	int64_t size = gallery_size(g);
	int looks = 0;

	core_register(c, "fox");
	for (; gallery_size(g) == size && looks < 100; looks++)
		core_pass(c, 100);
	assert_true(looks < 30);
	drop(c, g);
}

/* However long it was looked at before: whose size was told is the page that is opened. */
static void test_each_size_that_was_told_holds_for_its_open(void **state)
{
	struct core *c = *state;
	struct gallery *g = make(c);
	struct gallery_page *page;
	struct buf text;
	char id[16];

	for (int looks = 0; looks < 40; looks++) {
		int64_t size = gallery_size(g);

		snprintf(id, sizeof(id), "fox%d", looks);
		core_register(c, id);
		core_pass(c, 100);
		assert_int_equal(gallery_open(g, &page), 0);
		text = read_all(page, 4096);
		assert_int_equal(text.size, size);
		buf_release(&text);
		gallery_close(g, page);
	}
	drop(c, g);
}

static void test_no_change_no_new_page(void **state)
{
	struct core *c = *state;
	struct gallery *g = make(c);
	struct gallery_page *one, *two;

	core_register(c, "fox");
	assert_int_equal(gallery_open(g, &one), 0);
	core_pass(c, 10000);
	assert_int_equal(gallery_open(g, &two), 0);
	assert_ptr_equal(one, two);
	gallery_close(g, one);
	gallery_close(g, two);
	drop(c, g);
}

static void test_a_turn_is_bounded(void **state)
{
	struct core *c = *state;
	struct gallery *g = make(c);
	unsigned all = 3 * GALLERY_TURN;
	json_t *data;
	char id[16];

	for (unsigned i = 0; i < all; i++) {
		snprintf(id, sizeof(id), "fox%u", i);
		core_register(c, id);
	}
	/* Twice: what nobody asked for lately is let go. */
	for (int again = 0; again < 2; again++) {
		data = data_now(g);
		assert_true(shown(data) > 0 && shown(data) <= GALLERY_TURN);
		assert_false(json_is_true(json_object_get(data, "complete")));
		assert_non_null(record(data, id)); /* the newest are there */
		json_decref(data);
		core_pass(c, GALLERY_SHOWN_MS);
		data = data_now(g);
		assert_int_equal(shown(data), all);
		assert_true(json_is_true(json_object_get(data, "complete")));
		json_decref(data);
		core_pass(c, INT64_C(600000));
	}
	drop(c, g);
}

static void test_open_pages_are_bounded(void **state)
{
	struct core *c = *state;
	struct gallery *g = make(c);
	struct gallery_page *page[GALLERY_PAGES + 2];
	json_t *data;
	char id[16];

	for (int i = 0; i < GALLERY_PAGES + 2; i++) {
		snprintf(id, sizeof(id), "fox%d", i);
		core_register(c, id);
		core_pass(c, 5000);
		assert_int_equal(gallery_open(g, &page[i]), 0);
		assert_true(i == 0 || (page[i] == page[i - 1]) == (i >= GALLERY_PAGES));
	}
	for (int i = 0; i < GALLERY_PAGES + 2; i++)
		gallery_close(g, page[i]);
	core_pass(c, 5000);
	data = data_now(g);
	assert_non_null(record(data, id));
	json_decref(data);
	drop(c, g);
}

static void test_without_memory(void **state)
{
	struct core *c = *state;
	struct gallery *g = make(c);
	struct gallery_page *page;
	struct buf out = BUF_INIT;
	unsigned failed = 1;
	int64_t size;

	core_ready(c, "fox", "pred-1");
	for (unsigned n = 0; failed; n++) {
		int r;

		core_pass(c, INT64_C(600000)); /* nothing is left of the last time */
		oom_fail_after(n);
		size = gallery_size(g);
		r = gallery_open(g, &page);
		if (r == 0) {
			r = gallery_read(page, 0, 100, &out);
			assert_true(size > 0);
			gallery_close(g, page);
		}
		failed = oom_off();
		assert_true(r == 0 || r == -ENOMEM);
		buf_release(&out);
		core_pass(c, 5000);
		json_decref(data_now(g)); /* whatever it tells, it can be read */
	}
	drop(c, g);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_told),
		TEST(test_what_the_user_said),
		TEST(test_names_that_were_lost),
		TEST(test_text_is_text),
		TEST(test_stat_and_open_share_a_page),
		TEST(test_a_look_now_and_then_does_not_keep_an_old_page),
		TEST(test_each_size_that_was_told_holds_for_its_open),
		TEST(test_no_change_no_new_page),
		TEST(test_a_turn_is_bounded),
		TEST(test_open_pages_are_bounded),
		TEST(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
