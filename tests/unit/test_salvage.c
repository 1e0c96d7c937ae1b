/* salvage: what can be read of a database in which any one page is spoilt. */
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

#include "pimagefs/log.h"
#include "pimagefs/salvage.h"
#include "store_place.h"

#define ROWS 200
#define PAGE 4096
#define ASIDE "state/pimagefs.db.damaged-20261122T141503Z"

struct seen {
	unsigned jobs, files, folders, creates;
	unsigned char job[ROWS + 1], file[ROWS + 1];
};

static int see_job(struct job *job, void *data)
{
	struct seen *seen = data;

	assert_in_range(job->number, 1, ROWS);
	assert_int_equal(seen->job[job->number]++, 0); /* none comes twice */
	seen->jobs++;
	job_free(job);
	return 0;
}

static int see_file(const struct store_file *file, void *data)
{
	struct seen *seen = data;

	assert_in_range(file->number, 1, ROWS);
	assert_int_equal(seen->file[file->number]++, 0);
	seen->files++;
	return 0;
}

static int see_folder(const struct store_folder *folder, void *data)
{
	(void)folder;
	((struct seen *)data)->folders++;
	return 0;
}

static int see_create(int64_t wall_ms, void *data)
{
	(void)wall_ms;
	((struct seen *)data)->creates++;
	return 0;
}

static void read_all(struct place *p, struct seen *seen)
{
	struct salvage *s;
	struct error err;

	memset(seen, 0, sizeof(*seen));
	assert_int_equal(salvage_open(&s, place_folder(p), &err), 0);
	assert_int_equal(salvage_each_job(s, see_job, seen), 0);
	assert_int_equal(salvage_each_file(s, see_file, seen), 0);
	assert_int_equal(salvage_each_folder(s, see_folder, seen), 0);
	assert_int_equal(salvage_each_create(s, see_create, seen), 0);
	salvage_close(s);
	assert_int_equal(access(scratch_path(p->folder, "state/pimagefs.db.salvage"), F_OK), -1);
}

static void fill(struct place *p)
{
	struct store_folder folder = { .path = "cats", .mode = 0755 };
	char text[300];

	memset(text, 'x', sizeof(text));
	assert_int_equal(store_begin(p->s), 0);
	for (uint64_t n = 1; n <= ROWS; n++) {
		struct store_file file = { .number = n, .path = "fox", .text = text, .size = 300 };
		struct job *job = new_job(n, "fox");

		assert_int_equal(job_set_text(&job->input, "{\"prompt\":\"a rather long prompt\"}"),
				 0);
		assert_int_equal(store_put_job(p->s, job), 0);
		assert_int_equal(store_put_file(p->s, &file), 0);
		job_free(job);
	}
	assert_int_equal(store_put_folder(p->s, &folder), 0);
	assert_int_equal(store_add_create(p->s, 5), 0);
	assert_int_equal(store_put_fact(p->s, "paused", "yes"), 0);
	assert_int_equal(store_commit(p->s), 0);
}

static void put_aside(struct place *p)
{
	assert_int_equal(rename(scratch_path(p->folder, DATABASE), scratch_path(p->folder, ASIDE)),
			 0);
}

static void whole(void **state)
{
	struct place *p = *state;
	struct salvage *s;
	struct seen seen;
	struct error err;
	char *value;

	fill(p);
	place_close(p);
	assert_int_equal(salvage_open(&s, place_folder(p), &err), -ENOENT);
	put_aside(p);
	read_all(p, &seen);
	assert_int_equal(seen.jobs, ROWS);
	assert_int_equal(seen.files, ROWS);
	assert_int_equal(seen.folders, 1);
	assert_int_equal(seen.creates, 1);
	assert_int_equal(salvage_open(&s, place_folder(p), &err), 0);
	assert_string_equal(salvage_name(s), strchr(ASIDE, '/') + 1);
	assert_int_equal(salvage_get_fact(s, "paused", &value), 0);
	assert_string_equal(value, "yes");
	free(value);
	assert_int_equal(salvage_get_fact(s, "other", &value), -ENOENT);
	salvage_close(s);
	salvage_close(NULL);
}

static void spoil(struct place *p, const struct buf *good, off_t at)
{
	char noise[PAGE];
	int fd;

	memset(noise, 0xa5, sizeof(noise));
	scratch_write(p->folder, ASIDE, good->data, good->size);
	fd = open(scratch_path(p->folder, ASIDE), O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, noise, sizeof(noise), at), PAGE);
	close(fd);
}

static void any_page(void **state)
{
	struct place *p = *state;
	struct buf good = BUF_INIT, after = BUF_INIT;
	unsigned pages = 0, much = 0, damaged = 0;

	fill(p);
	place_close(p);
	assert_int_equal(scratch_read(p->folder, DATABASE, &good), 0);
	put_aside(p);
	log_open(scratch_path(p->folder, "log"), LOG_LEVEL_ERROR);
	for (off_t at = 0; at < (off_t)good.size; at += PAGE) {
		struct seen seen;

		spoil(p, &good, at);
		read_all(p, &seen);
		pages++;
		damaged += seen.jobs + seen.files < 2 * ROWS;
		much += seen.jobs + seen.files < 2 * ROWS - 50;
		/* One table's pages are no other's. */
		assert_true(at == 0 || seen.jobs == ROWS || seen.files == ROWS);
	}
	log_open("stderr", LOG_LEVEL_INFO);
	assert_true(pages > 25);
	assert_true(damaged > 20);
	/* The first page, and the root of either table. */
	assert_in_range(much, 1, 3);
	/* What was put aside stays as it is. */
	assert_int_equal(scratch_read(p->folder, ASIDE, &after), 0);
	assert_int_equal(after.size, good.size);
	buf_release(&good);
	buf_release(&after);
}

static int stop_at_three(struct job *job, void *data)
{
	int r = job->number == 3 ? -EINTR : 0;

	++*(int *)data;
	job_free(job);
	return r;
}

static void ended_by_the_caller(void **state)
{
	struct place *p = *state;
	struct salvage *s;
	struct error err;
	int n = 0;

	fill(p);
	place_close(p);
	put_aside(p);
	assert_int_equal(salvage_open(&s, place_folder(p), &err), 0);
	assert_int_equal(salvage_each_job(s, stop_at_three, &n), -EINTR);
	assert_int_equal(n, 3);
	salvage_close(s);
}

/* --- putting aside --- */

static void set_aside(struct place *p, char **aside)
{
	struct error err;

	scratch_write(p->folder, DATABASE, "no database at all, but long enough", 35);
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, &err), -EUCLEAN);
	assert_int_equal(store_open_mended(&p->s, place_folder(p), NULL, aside, &err), 0);
	assert_non_null(*aside);
	DO(p, store_put_fact(p->s, "a", "1"));
	place_close(p);
}

static void never_overwritten(void **state)
{
	struct place *p = *state;
	struct buf b = BUF_INIT;
	struct salvage *s;
	struct error err;
	char *first, *second, path[SCRATCH_PATH];

	place_close(p);
	set_aside(p, &first);
	set_aside(p, &second);
	assert_string_not_equal(first, second);
	assert_true(strcmp(first, second) < 0);
	snprintf(path, sizeof(path), "state/%s", first);
	assert_int_equal(scratch_read(p->folder, path, &b), 0);
	assert_int_equal(b.size, 35);
	assert_int_equal(salvage_open(&s, place_folder(p), &err), 0);
	assert_string_equal(salvage_name(s), second);
	salvage_close(s);
	buf_release(&b);
	free(first);
	free(second);
}

static void sound_ones_stay(void **state)
{
	struct place *p = *state;
	struct error err;
	char *aside;

	DO(p, store_put_fact(p->s, "a", "1"));
	place_close(p);
	assert_int_equal(store_open_mended(&p->s, place_folder(p), NULL, &aside, &err), 0);
	assert_null(aside);
	place_assert_fact(p, "a", "1");
	place_close(p);
	place_sql(p, "PRAGMA user_version = 99");
	assert_int_equal(store_open_mended(&p->s, place_folder(p), NULL, &aside, &err), -EPROTO);
	assert_null(aside);
	place_sql(p, "PRAGMA user_version = 2");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_make, place_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole),
		TEST(any_page),
		TEST(ended_by_the_caller),
		TEST(never_overwritten),
		TEST(sound_ones_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
