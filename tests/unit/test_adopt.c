/* engine: a picture is in the library once, whatever came between its name and the commit. */
#include <errno.h>
#include <fcntl.h>
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
#include "faulty_disk.h"
#include "pimagefs/engine.h"

#define DAY INT64_C(86400000)

/* The core again, on a disk that can fail. */
static void open_on(struct core *c, struct faulty_disk *disk)
{
	core_close(c);
	faulty_disk_init(disk);
	c->sim.world.disk = &disk->disk;
	core_open(c);
	core_start(c);
}

static void deliver(struct core *c)
{
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	fake_deliver(&c->api, c->png.data, c->png.size);
}

static void poll_done(struct core *c)
{
	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/again.png");
}

static unsigned count(struct core *c, const char *ending)
{
	struct buf names = BUF_INIT;
	unsigned n = 0;

	scratch_list(scratch_path(c->folder, "pictures"), &names);
	for (const char *p = buf_text(&names); (p = strstr(p, ending)); p++)
		n++;
	buf_release(&names);
	return n;
}

/* Of the library's file behind path. */
static void library_file(struct core *c, const char *path, const char *ending,
			 char out[2 * SCRATCH_PATH])
{
	snprintf(out, 2 * SCRATCH_PATH, "%s/pictures/%.*s%s", c->folder, (int)strlen(path) - 3,
		 path, ending);
}

static void assert_there(struct core *c, const struct job *job)
{
	char path[2 * SCRATCH_PATH];

	core_assert_state(job, JOB_READY);
	library_file(c, job->picture_path, "png", path);
	assert_int_equal(access(path, R_OK), 0);
	library_file(c, job->picture_path, "json", path);
	assert_int_equal(access(path, R_OK), 0);
}

/* Wherever the disk begins to fail, and goes on to fail when the picture is to leave its name. */
static void each_failure(struct core *c, void (*between)(struct core *c, struct job *job))
{
	struct faulty_disk disk;
	unsigned made = 0;
	int left = 0;

	for (open_on(c, &disk); left >= 0; made++) {
		char id[16], prediction[16];
		struct job *job;

		snprintf(id, sizeof(id), "fox%u", made);
		snprintf(prediction, sizeof(prediction), "p%u", made);
		job = core_downloading(c, id, prediction);
		core_settle(c);
		disk.left = (int)made;
		disk.stuck = true;
		deliver(c);
		left = job->state == JOB_READY ? -1 : disk.left;
		disk.left = -1;
		if (between)
			between(c, job);
		job = engine_find_prediction(c->engine, prediction);
		if (job->state == JOB_DOWNLOADING)
			deliver(c);
		assert_there(c, job);
		assert_int_equal(count(c, ".png"), made + 1);
	}
	assert_true(made > 10);
	core_close(c);
}

static void test_what_the_disk_did_not_let_go(void **state)
{
	each_failure(*state, NULL);
}

static void rename_it(struct core *c, struct job *job)
{
	char id[32];

	snprintf(id, sizeof(id), "bear-%s", job->id);
	assert_int_equal(engine_rename(c->engine, job, id), 0);
}

static void test_under_another_name(void **state)
{
	each_failure(*state, rename_it);
}

static void crash(struct core *c, struct job *job)
{
	(void)job;
	core_settle(c);
	core_crash(c);
}

static void test_after_a_crash(void **state)
{
	each_failure(*state, crash);
}

static void rename_and_crash(struct core *c, struct job *job)
{
	rename_it(c, job);
	crash(c, job);
}

static void test_under_another_name_after_a_crash(void **state)
{
	each_failure(*state, rename_and_crash);
}

/* The clock was a day behind while the picture was kept. */
static void test_a_clock_that_was_wrong(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	core_settle(c);
	c->sim.wall_ms -= DAY;
	deliver(c);
	core_assert_state(job, JOB_READY);
	c->sim.wall_ms += DAY;
	core_crash(c);
	job = engine_find_prediction(c->engine, "p1");
	if (job->state != JOB_READY)
		deliver(c);
	assert_there(c, job);
	assert_int_equal(count(c, ".png"), 1);
}

static void test_a_clock_that_is_behind(void **state)
{
	struct core *c = *state;

	core_downloading(c, "fox", "p1");
	core_settle(c);
	c->sim.wall_ms -= 3 * DAY;
	deliver(c);
	c->sim.wall_ms += DAY;
	core_crash(c);
	assert_there(c, engine_find_prediction(c->engine, "p1"));
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_DOWNLOAD], 0);
	assert_int_equal(count(c, ".png"), 1);
}

/* A power cut while a failed keeping was undone has left the picture, and not its sidecar. */
static void test_parted_from_its_sidecar(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");
	char path[2 * SCRATCH_PATH];

	core_settle(c);
	deliver(c);
	library_file(c, job->picture_path, "json", path);
	assert_int_equal(unlink(path), 0);
	core_crash(c);
	job = engine_find_prediction(c->engine, "p1");
	core_assert_state(job, JOB_DOWNLOADING);
	deliver(c);
	assert_there(c, job);
	assert_int_equal(count(c, ".png"), 1);
}

static ssize_t read_fails(const struct disk *d, int fd, void *bytes, size_t size, off_t at)
{
	(void)d;
	(void)fd;
	(void)bytes;
	(void)size;
	(void)at;
	return -EIO;
}

/* The disk does not say now what it is: that is waited for. */
static void test_parted_and_not_readable(void **state)
{
	struct core *c = *state;
	struct faulty_disk disk;
	struct job *job;
	char path[2 * SCRATCH_PATH];

	open_on(c, &disk);
	job = core_downloading(c, "fox", "p1");
	core_settle(c);
	deliver(c);
	library_file(c, job->picture_path, "json", path);
	assert_int_equal(unlink(path), 0);
	core_crash(c);
	job = engine_find_prediction(c->engine, "p1");
	disk.disk.pread = read_fails;
	deliver(c);
	core_assert_state(job, JOB_DOWNLOADING);
	assert_int_equal(count(c, ".png"), 1);
	faulty_disk_init(&disk);
	deliver(c);
	assert_there(c, job);
	assert_int_equal(count(c, ".png"), 1);
	core_close(c);
}

static void test_another_picture_without_a_sidecar(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");
	char path[2 * SCRATCH_PATH];
	FILE *f;

	core_settle(c);
	deliver(c);
	library_file(c, job->picture_path, "json", path);
	assert_int_equal(unlink(path), 0);
	library_file(c, job->picture_path, "png", path);
	f = fopen(path, "r+");
	assert_non_null(f);
	fputc('x', f);
	fclose(f);
	core_crash(c);
	deliver(c);
	assert_there(c, engine_find_prediction(c->engine, "p1"));
	assert_int_equal(count(c, ".png"), 2);
}

static struct core *renames;

/* While the picture gets its name. */
static int rename_meanwhile(const struct disk *d, int fd)
{
	struct core *c = renames;
	struct faulty_disk real;

	(void)d;
	faulty_disk_init(&real);
	renames = NULL;
	if (c) {
		assert_int_equal(engine_rename(c->engine, engine_find(c->engine, "fox"), "bear"),
				 0);
		assert_int_equal(ledger_sync(c->ledger), 0);
	}
	return real.disk.sync(&real.disk, fd);
}

static void test_renamed_while_it_is_kept(void **state)
{
	struct core *c = *state;
	struct faulty_disk disk;
	struct job *job;

	open_on(c, &disk);
	core_downloading(c, "fox", "p1");
	core_settle(c);
	renames = c;
	disk.disk.sync = rename_meanwhile;
	deliver(c);
	core_find(c, "bear", JOB_READY);
	core_crash(c); /* before that was committed */
	job = engine_find_prediction(c->engine, "p1");
	assert_string_equal(job->id, "bear");
	if (job->state == JOB_DOWNLOADING)
		deliver(c);
	assert_there(c, job);
	assert_int_equal(count(c, ".png"), 1);
	core_close(c);
}

static int open_day_fails(const struct disk *d, int dir, const char *path, int flags, mode_t mode)
{
	struct faulty_disk real;

	(void)d;
	faulty_disk_init(&real);
	return strncmp(path, "20", 2) == 0 && (flags & O_DIRECTORY)
		       ? -EIO
		       : real.disk.open(&real.disk, dir, path, flags, mode);
}

static int sync_fails(const struct disk *d, int fd)
{
	(void)d;
	(void)fd;
	return -ENOSPC;
}

/* It was found, but could not be made to last; then its request is renamed, and what it was called
 * by is known no longer. */
static void found_and_renamed(struct core *c, bool by_the_start)
{
	struct faulty_disk disk;
	struct job *job;

	open_on(c, &disk);
	core_downloading(c, "fox", "p1");
	core_settle(c);
	deliver(c);
	if (by_the_start)
		disk.disk.sync = sync_fails;
	else
		disk.disk.open = open_day_fails;
	core_crash(c);
	if (!by_the_start) {
		faulty_disk_init(&disk);
		disk.disk.sync = sync_fails;
		deliver(c);
	}
	job = engine_find_prediction(c->engine, "p1");
	core_assert_state(job, JOB_DOWNLOADING);
	rename_it(c, job);
	core_settle(c);
	faulty_disk_init(&disk);
	core_crash(c);
	job = engine_find_prediction(c->engine, "p1");
	if (job->state == JOB_DOWNLOADING)
		deliver(c);
	assert_there(c, job);
	assert_int_equal(count(c, ".png"), 1);
	core_close(c);
}

static void test_found_by_the_start_and_renamed(void **state)
{
	found_and_renamed(*state, true);
}

static void test_found_by_a_keep_and_renamed(void **state)
{
	found_and_renamed(*state, false);
}

/* What a cancel leaves on its way to the disk is gone before the retry keeps its own. */
static void test_cancelled_on_its_way(void **state)
{
	struct core *c = *state;
	struct job *job = core_downloading(c, "fox", "p1");

	c->sim.disk_hangs = true;
	deliver(c);
	assert_int_equal(engine_cancel(c->engine, job), 0);
	assert_int_equal(engine_retry(c->engine, job), 0);
	poll_done(c);
	deliver(c);
	core_assert_state(job, JOB_DOWNLOADING);
	core_assert_error(job, ERROR_DOWNLOAD);
	c->sim.disk_hangs = false;
	deliver(c);
	assert_there(c, job);
	assert_int_equal(count(c, ".png"), 1);
	assert_int_equal(count(c, ".json"), 1);
}

/* The library cannot remove it: the retry finds it. */
static void test_cancelled_and_not_removed(void **state)
{
	struct core *c = *state;
	struct faulty_disk disk;
	struct job *job;

	for (int n = 0; n < 40; n++) {
		open_on(c, &disk);
		job = core_downloading(c, "fox", "p1");
		c->sim.disk_hangs = true;
		deliver(c);
		assert_int_equal(engine_cancel(c->engine, job), 0);
		disk.left = n;
		disk.stuck = true;
		c->sim.disk_hangs = false;
		sim_world_work(&c->sim);
		disk.left = -1;
		assert_int_equal(engine_retry(c->engine, job), 0);
		poll_done(c);
		deliver(c);
		assert_there(c, job);
		assert_int_equal(count(c, ".png"), (unsigned)n + 1);
	}
	core_close(c);
}

/* On a disk that can fail: a start finds it downloading, and its picture is perhaps kept. */
static struct job *found_downloading(struct core *c, struct faulty_disk *disk)
{
	open_on(c, disk);
	core_downloading(c, "fox", "p1");
	core_settle(c);
	core_crash(c);
	return engine_find_prediction(c->engine, "p1");
}

/* A folder that cannot be read may hide it: that is waited for. */
static int list_fails(const struct disk *d, int dir, int (*fn)(const char *, void *), void *data)
{
	(void)d;
	(void)dir;
	(void)fn;
	(void)data;
	return -EIO;
}

static void test_what_cannot_be_read(void **state)
{
	struct core *c = *state;
	struct faulty_disk disk;
	struct job *job = found_downloading(c, &disk);
	int waits = 0;

	disk.disk.list = list_fails;
	/* But not for ever. */
	for (; job->state != JOB_READY; waits++) {
		assert_int_equal(count(c, ".png"), 0);
		deliver(c);
	}
	assert_int_equal(waits, 13);
	assert_int_equal(count(c, ".png"), 1);
	core_close(c);
}

static int no_room(const struct disk *d, int from_dir, const char *from, int to_dir, const char *to,
		   unsigned flags)
{
	(void)d;
	(void)from_dir;
	(void)from;
	(void)to_dir;
	(void)to;
	(void)flags;
	return -ENOSPC;
}

/* However long it waited for room: one look that could not read all is not enough. */
static void test_waiting_for_room_is_not_looking_in_vain(void **state)
{
	struct core *c = *state;
	struct faulty_disk disk;
	struct job *job = found_downloading(c, &disk);

	disk.disk.rename = no_room;
	for (int i = 0; i < 30; i++)
		deliver(c);
	faulty_disk_init(&disk);
	disk.disk.list = list_fails;
	deliver(c);
	core_assert_state(job, JOB_DOWNLOADING);
	assert_int_equal(count(c, ".png"), 0);
	faulty_disk_init(&disk);
	deliver(c);
	assert_there(c, job);
	core_close(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_the_disk_did_not_let_go),
		TEST(test_under_another_name),
		TEST(test_after_a_crash),
		TEST(test_under_another_name_after_a_crash),
		TEST(test_a_clock_that_was_wrong),
		TEST(test_a_clock_that_is_behind),
		TEST(test_parted_from_its_sidecar),
		TEST(test_parted_and_not_readable),
		TEST(test_another_picture_without_a_sidecar),
		TEST(test_renamed_while_it_is_kept),
		TEST(test_found_by_the_start_and_renamed),
		TEST(test_found_by_a_keep_and_renamed),
		TEST(test_cancelled_on_its_way),
		TEST(test_cancelled_and_not_removed),
		TEST(test_what_cannot_be_read),
		TEST(test_waiting_for_room_is_not_looking_in_vain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
