/* engine: what the answers to downloads mean; what is paid for is never asked for twice. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core_world.h"
#include "pimagefs/clock.h"
#include "pimagefs/engine.h"

static void say(struct core *c, enum service_verdict verdict)
{
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_say(&c->api, FAKE_DOWNLOAD, verdict);
}

static void deliver(struct core *c)
{
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
}

/* Nothing half done lies about. */
static void assert_no_drafts(struct core *c)
{
	struct buf b = BUF_INIT;

	if (access(scratch_path(c->folder, "pictures/.tmp"), F_OK) < 0)
		return;
	scratch_list(scratch_path(c->folder, "pictures/.tmp"), &b);
	assert_string_equal(buf_text(&b), "");
	buf_release(&b);
}

/* A retry polls the prediction that exists and downloads again; no second create. */
static void assert_resumes(struct core *c, struct job *job)
{
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_DOWNLOAD);
	assert_int_equal(job->error->advice, ADVICE_DOWNLOAD_AGAIN);
	assert_no_drafts(c);
	core_assert_idle(c);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_assert_state(job, JOB_PROCESSING);
	assert_null(job->error);
	core_wait_calls(c, FAKE_POLL, 1);
	assert_string_equal(fake_text(&c->api, FAKE_POLL), job->prediction_id);
	fake_done(&c->api, "https://cdn.test/again.png");
	deliver(c);
	core_assert_state(job, JOB_READY);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static void test_kept_with_a_note(void **state)
{
	struct core *c = *state;
	struct job *job = core_ready(c, "cats/fox", "p1");
	struct buf b = BUF_INIT;
	char sidecar[256];
	json_t *o;

	snprintf(sidecar, sizeof(sidecar), "pictures/%.*s.json", (int)strlen(job->picture_path) - 4,
		 job->picture_path);
	assert_int_equal(scratch_read(c->folder, sidecar, &b), 0);
	o = json_loads(b.data, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(o, "id")), "cats/fox");
	assert_string_equal(json_string_value(json_object_get(o, "prediction_id")), "p1");
	assert_int_equal(json_integer_value(json_object_get(o, "seed")), 4711);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(o, "input"), "prompt")),
		"prompt of cats/fox");
	json_decref(o);
	buf_release(&b);
	assert_no_drafts(c);
}

/* What was written into the picture is what is described: its size and sum, and it is on disk. */
static void test_kept_with_words_in_it(void **state)
{
	struct core *c = *state;
	struct buf b = BUF_INIT;
	char path[256], sum[DIGEST_HEX];
	struct job *job;

	c->settings->images.embed = CONFIG_EMBED_ALL;
	job = core_ready(c, "fox", "p1");
	snprintf(path, sizeof(path), "pictures/%s", job->picture_path);
	assert_int_equal(scratch_read(c->folder, path, &b), 0);
	assert_int_equal(job->picture_bytes, b.size);
	assert_true(b.size > c->png.size);
	assert_non_null(memmem(b.data, b.size, "prompt of fox\nSeed: 4711, Size: ", 32));
	assert_non_null(memmem(b.data, b.size, ">prompt of fox</", 16));
	assert_int_equal(digest_sha256(b.data, b.size, sum), 0);
	assert_string_equal(job->sha256, sum);
	buf_release(&b);
	assert_no_drafts(c);
}

static void test_no_picture(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	for (int i = 0; i < 3; i++) {
		core_assert_state(job, JOB_DOWNLOADING);
		core_wait_calls(c, FAKE_DOWNLOAD, 1);
		fake_deliver(&c->api, "<html>Sign in</html>", 20);
	}
	assert_resumes(c, job);
}

static void test_cut_short(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	fake_deliver(&c->api, c->png.data, c->png.size - 20);
	core_assert_state(job, JOB_DOWNLOADING);
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, "", 0);
	deliver(c);
	core_assert_state(job, JOB_READY);
	assert_null(job->error);
	assert_no_drafts(c);
}

static void test_bad_body(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	for (int i = 0; i < 3; i++)
		say(c, SERVICE_BAD_BODY);
	assert_resumes(c, job);
}

static void test_trouble(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	for (int i = 0; i < 3; i++)
		say(c, SERVICE_TROUBLE);
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_SERVICE);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_assert_state(job, JOB_PROCESSING);
}

static void test_refused(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	say(c, SERVICE_REFUSED);
	core_assert_state(job, JOB_PROCESSING); /* one fresh link */
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "file:///etc/passwd");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	say(c, SERVICE_REFUSED);
	core_assert_state(job, JOB_FAILED);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_assert_state(job, JOB_PROCESSING);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static void test_offline_costs_no_try(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	for (int i = 0; i < 10; i++)
		say(c, SERVICE_OFFLINE);
	core_assert_state(job, JOB_DOWNLOADING);
	core_assert_error(job, ERROR_NETWORK);
	say(c, SERVICE_BAD_BODY); /* the first that counts */
	core_assert_state(job, JOB_DOWNLOADING);
	deliver(c);
	core_assert_state(job, JOB_READY);
}

static void test_offline_may_fail(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	c->settings->api.offline = CONFIG_OFFLINE_FAIL;
	for (int i = 0; i < 3; i++)
		say(c, SERVICE_OFFLINE);
	core_assert_state(job, JOB_FAILED);
	core_assert_error(job, ERROR_NETWORK);
}

static void test_full_disk_costs_no_try(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	for (int i = 0; i < 10; i++)
		say(c, SERVICE_SINK);
	core_assert_state(job, JOB_DOWNLOADING);
	core_assert_error(job, ERROR_DOWNLOAD);
	say(c, SERVICE_TROUBLE);
	core_assert_state(job, JOB_DOWNLOADING);
	deliver(c);
	core_assert_state(job, JOB_READY);
	assert_null(job->error);
	assert_no_drafts(c);
}

static void test_library_without_room(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");
	char temporary[SCRATCH_PATH + 32];

	snprintf(temporary, sizeof(temporary), "%s/pictures/.tmp", c->folder);
	scratch_write(c->folder, "pictures/.tmp", "", 0); /* no folder: nothing can be kept */
	c->settings->api.retry_max_s = 60;
	deliver(c);
	core_assert_state(job, JOB_DOWNLOADING);
	assert_int_equal(fake_in_flight(&c->api, FAKE_DOWNLOAD), 0);
	core_assert_error(job, ERROR_DOWNLOAD);
	assert_int_equal(unlink(temporary), 0);
	deliver(c);
	core_assert_state(job, JOB_READY);
}

static void test_dead_link_is_asked_for_anew(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	say(c, SERVICE_UNKNOWN);
	core_assert_state(job, JOB_PROCESSING);
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/fresh.png");
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	assert_string_equal(fake_text(&c->api, FAKE_DOWNLOAD), "https://cdn.test/fresh.png");
	deliver(c);
	core_assert_state(job, JOB_READY);
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static void test_links_that_are_always_dead(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	for (int i = 0; i < 2; i++) {
		say(c, SERVICE_UNKNOWN);
		core_wait_calls(c, FAKE_POLL, 1);
		fake_done(&c->api, "https://cdn.test/dead.png");
	}
	say(c, SERVICE_UNKNOWN);
	job->error->class = ERROR_DOWNLOAD; /* here a 404 of the link's host */
	assert_resumes(c, job);
}

static void test_cancel_drops_what_came(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	assert_int_equal(engine_cancel(c->engine, job), 0);
	assert_no_drafts(c);
	assert_int_equal(engine_retry(c->engine, job), 0);
	core_assert_state(job, JOB_PROCESSING); /* it is paid for */
	core_wait_calls(c, FAKE_POLL, 1);
}

static void test_latencies(void **state)
{
	struct core *c = *state;
	struct job *job;

	core_ready(c, "a", "p1");
	job = core_downloading(c, "fox", "p2");
	job->created_ms -= 60000; /* written a minute ago */
	deliver(c);
	assert_int_equal(core_stats(c).latencies, 2);
	assert_true(core_stats(c).latency_max_ms >= 60000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kept_with_a_note),
		TEST(test_kept_with_words_in_it),
		TEST(test_no_picture),
		TEST(test_cut_short),
		TEST(test_bad_body),
		TEST(test_trouble),
		TEST(test_refused),
		TEST(test_offline_costs_no_try),
		TEST(test_offline_may_fail),
		TEST(test_full_disk_costs_no_try),
		TEST(test_library_without_room),
		TEST(test_dead_link_is_asked_for_anew),
		TEST(test_links_that_are_always_dead),
		TEST(test_cancel_drops_what_came),
		TEST(test_latencies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
