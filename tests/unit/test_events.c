/* events: lines that come, offsets that only grow, and readers that come too late. */
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
#include "pimagefs/events.h"

static struct events *make(void)
{
	struct events *e;

	assert_int_equal(events_new(&e, sim_world_any(), NULL), 0);
	return e;
}

static void say(struct events *e, const char *id, enum job_state state)
{
	struct job *job = job_new(1, id, 1000);

	assert_non_null(job);
	job->state = state;
	events_on_job(job, JOBS_MOVED, e);
	job_free(job);
}

/* What a reader gets who reads on and on in pieces of so many bytes; the caller's. */
static char *read_all(const struct events *e, uint64_t *at, size_t size)
{
	struct buf all = BUF_INIT;
	const char *bytes;
	size_t n;

	while ((n = events_read(e, at, size, &bytes))) {
		assert_true(n <= size);
		assert_int_equal(buf_append(&all, bytes, n), 0);
		*at += n;
	}
	return all.data ? all.data : strdup("");
}

/* "a ready,b failed" */
static void assert_lines(const char *text, const char *wanted)
{
	struct buf all = BUF_INIT;
	char *copy = strdup(text), *rest = copy, *line;

	while ((line = strsep(&rest, "\n")) && *line) {
		json_t *o = json_loads(line, 0, NULL);

		assert_non_null(o);
		assert_true(json_is_string(json_object_get(o, "ts")));
		assert_string_equal(json_string_value(json_object_get(o, "event")), "state");
		buf_printf(&all, "%s%s %s", all.size ? "," : "",
			   json_string_value(json_object_get(o, "id")),
			   json_string_value(json_object_get(o, "state")));
		json_decref(o);
	}
	assert_string_equal(buf_text(&all), wanted);
	buf_release(&all);
	free(copy);
}

static void a_line_for_each_move(void **state)
{
	struct events *e = make();
	struct job *job = job_new(1, "quiet", 1000);
	uint64_t at = 0;
	char *text;

	(void)state;
	assert_int_equal(events_end(e), 0);
	say(e, "fox", JOB_QUEUED);
	events_on_job(job, JOBS_CHANGED, e);
	events_on_job(job, JOBS_GONE, e);
	job_free(job);
	say(e, "\xe7\x8b\x90 \"x\"", JOB_READY);
	text = read_all(e, &at, 4096);
	assert_lines(text, "fox queued,\xe7\x8b\x90 \"x\" ready");
	assert_true(at == events_end(e) && at == strlen(text));
	free(text);
	say(e, "fox", JOB_FAILED);
	text = read_all(e, &at, 4096);
	assert_lines(text, "fox failed");
	free(text);
	events_free(e);
}

static void whole_lines_for_who_has_room(void **state)
{
	struct events *e = make();
	const char *bytes;
	uint64_t at = 0;
	size_t n;
	char *text;

	(void)state;
	for (int i = 0; i < 9; i++)
		say(e, "fox", JOB_QUEUED);
	n = events_read(e, &at, (size_t)events_end(e) - 1, &bytes);
	assert_int_equal(n, events_end(e) / 9 * 8);
	/* And byte by byte for who has none. */
	text = read_all(e, &at, 1);
	assert_int_equal(strlen(text), events_end(e));
	free(text);
	events_free(e);
}

static unsigned number_of(const char *line)
{
	const char *id = strstr(line, "\"id\":\"");

	assert_non_null(id);
	return (unsigned)strtoul(id + 6, NULL, 10);
}

/* Every line once, in order, and to the end, however late the reader comes. */
static void what_is_full_forgets_the_oldest(void **state)
{
	struct events *e = make();
	uint64_t slow = 0, fresh = 0, end = 0;
	unsigned said = 0, last = 0, got = 0;

	(void)state;
	while (events_end(e) < 5 * EVENTS_ROOM) {
		char id[32], *text, *rest, *line;

		for (int i = 0; i < 700; i++) {
			snprintf(id, sizeof(id), "%u", ++said);
			say(e, id, JOB_QUEUED);
			assert_true(events_end(e) > end);
			end = events_end(e);
		}
		if (said % 4900)
			continue;
		rest = text = read_all(e, &slow, 65536);
		while ((line = strsep(&rest, "\n")) && *line) {
			assert_true(number_of(line) > last);
			last = number_of(line);
			got++;
		}
		assert_int_equal(last, said);
		free(text);
	}
	assert_true(got < said);
	free(read_all(e, &fresh, 65536));
	assert_true(fresh == events_end(e));
	events_free(e);
}

static void a_line_may_be_missing_for_want_of_memory(void **state)
{
	struct events *e = make();
	unsigned failed = 1;
	uint64_t at = 0;
	struct job *job = job_new(1, "fox", 1000);
	char *text;

	(void)state;
	job->state = JOB_READY;
	for (unsigned n = 0; failed; n++) {
		oom_fail_after(n);
		events_on_job(job, JOBS_MOVED, e);
		failed = oom_off();
	}
	text = read_all(e, &at, 4096);
	assert_non_null(strstr(text, "fox"));
	free(text);
	job_free(job);
	events_free(e);
}

static void as_the_engine_moves(void **state)
{
	struct core *c = *state;
	struct events *e;
	uint64_t at = 0;
	char *text;

	assert_int_equal(events_new(&e, &c->sim.world, c->status), 0);
	assert_int_equal(engine_listen(c->engine, events_on_job, e), 0);
	core_ready(c, "fox", "p1");
	text = read_all(e, &at, 4096);
	assert_lines(text, "fox queued,fox creating,fox processing,fox downloading,fox ready");
	free(text);
	core_close(c);
	events_free(e);
	core_open(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_for_each_move),
		cmocka_unit_test(whole_lines_for_who_has_room),
		cmocka_unit_test(what_is_full_forgets_the_oldest),
		cmocka_unit_test(a_line_may_be_missing_for_want_of_memory),
		cmocka_unit_test_setup_teardown(as_the_engine_moves, core_make, core_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
