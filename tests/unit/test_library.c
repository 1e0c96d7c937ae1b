/* library: reading and removing, what a crash leaves, what leads outside, and where none can be. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "oom.h"
#include "shelf.h"

static void sweeps(void **state)
{
	struct shelf *p = *state;
	const char *root = library_path(p->l);
	struct library *other;
	int fd;

	assert_int_equal(mkdir(scratch_path(root, ".tmp"), 0700), 0);
	scratch_write(root, ".tmp/fedcba9876543210", "still being written", 19);
	fd = open(scratch_path(root, ".tmp/fedcba9876543210"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	scratch_write(root, ".tmp/0123456789abcdef", "left by a crash", 15);
	assert_int_equal(symlink("/nowhere", scratch_path(root, ".tmp/link")), 0);
	assert_int_equal(library_open(&other, &p->sim.world, root, NULL), 0);
	library_close(other);
	/* What is still being written, by whomever, stays. */
	shelf_assert_files(p, ".tmp/fedcba9876543210\n");
	assert_int_equal(access(scratch_path(root, ".tmp/link"), F_OK), -1);
	close(fd);
	assert_int_equal(unlink(scratch_path(root, ".tmp/fedcba9876543210")), 0);
}

static void reads(void **state)
{
	struct shelf *p = *state;
	const char *path = "2026-11-22/141503-fox.png";
	char first[8];
	int fd;

	shelf_assert_kept_as(p, "fox", path);
	fd = library_read(p->l, path);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(read(fd, first, 8), 8);
	assert_memory_equal(first, p->png.data, 8);
	close(fd);
	assert_int_equal(library_size(p->l, path), p->png.size);
	assert_int_equal(library_read(p->l, "2026-11-22/none.png"), -ENOENT);
	assert_int_equal(library_size(p->l, "2026-11-22/none.png"), -ENOENT);
}

static void stays_inside(void **state)
{
	struct shelf *p = *state;
	static const char *const outside[] = {
		"../outside.png",
		"/etc/passwd",
		"a/../../outside.png",
		"..",
		".",
		"",
		"a//b",
		"a/",
		"./a",
	};

	scratch_write(p->folder, "Pictures/outside.png", "x", 1);
	for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		assert_int_equal(library_read(p->l, outside[i]), -EINVAL);
		assert_int_equal(library_size(p->l, outside[i]), -EINVAL);
		assert_int_equal(library_remove(p->l, outside[i]), -EINVAL);
	}
	assert_int_equal(access(scratch_path(p->folder, "Pictures/outside.png"), F_OK), 0);
}

static void no_regular_file(void **state)
{
	struct shelf *p = *state;
	const char *root = library_path(p->l);

	scratch_write(root, "real.png", "x", 1);
	assert_int_equal(symlink("real.png", scratch_path(root, "link.png")), 0);
	assert_int_equal(mkfifo(scratch_path(root, "fifo.png"), 0600), 0);
	assert_int_equal(mkdir(scratch_path(root, "dir.png"), 0700), 0);
	assert_int_equal(library_read(p->l, "link.png"), -ELOOP);
	assert_int_equal(library_size(p->l, "link.png"), -EIO);
	assert_int_equal(library_read(p->l, "fifo.png"), -EIO);
	assert_int_equal(library_read(p->l, "dir.png"), -EIO);
	assert_int_equal(library_size(p->l, "dir.png"), -EIO);
}

static void removes(void **state)
{
	struct shelf *p = *state;

	shelf_assert_kept_as(p, "a", "2026-11-22/141503-a.png");
	shelf_assert_kept_as(p, "b", "2026-11-22/141503-b.png");
	assert_int_equal(library_remove(p->l, "2026-11-22/141503-a.png"), 0);
	shelf_assert_files(p, "2026-11-22/141503-b.json\n2026-11-22/141503-b.png\n");
	assert_int_equal(library_remove(p->l, "2026-11-22/141503-a.png"), 0);
	assert_int_equal(unlink(scratch_path(library_path(p->l), "2026-11-22/141503-b.json")), 0);
	assert_int_equal(library_remove(p->l, "2026-11-22/141503-b.png"), 0);
	shelf_assert_files(p, "");
	assert_int_equal(access(scratch_path(library_path(p->l), "2026-11-22"), F_OK), -1);
	shelf_assert_kept_as(p, "c", "2026-11-22/141503-c.png");
}

static void removes_with_foreign_files(void **state)
{
	struct shelf *p = *state;

	shelf_assert_kept_as(p, "a", "2026-11-22/141503-a.png");
	scratch_write(library_path(p->l), "2026-11-22/notes.txt", "x", 1);
	assert_int_equal(library_remove(p->l, "2026-11-22/141503-a.png"), 0);
	shelf_assert_files(p, "2026-11-22/notes.txt\n");
	assert_int_equal(mkdir(scratch_path(library_path(p->l), "dir.png"), 0700), 0);
	assert_int_equal(library_remove(p->l, "dir.png"), -EISDIR);
}

static void may_write(void **state)
{
	struct shelf *p = *state;
	struct statvfs fs;

	assert_int_equal(library_may_write(p->l, 0), 0);
	assert_int_equal(library_may_write(p->l, 1), 0);
	assert_int_equal(library_may_write(p->l, INT64_MAX), -ENOSPC);
	assert_int_equal(library_statvfs(p->l, &fs), 0);
	assert_true(fs.f_blocks > 0);
}

static void may_not_write(void **state)
{
	struct shelf *p = *state;
	uid_t was = geteuid();
	int r;

	assert_int_equal(chmod(library_path(p->l), 0555), 0);
	/* Modes do not bind root. */
	assert_int_equal(was ? 0 : seteuid(65534), 0);
	r = library_start(p->l); /* what was known at the opening is remembered */
	assert_int_equal(r == 0 ? library_may_write(p->l, 0) : r, 0);
	sim_world_pass(&p->sim, 1000);
	assert_false(library_is_known(p->l));
	sim_world_pass(&p->sim, 0);
	assert_true(library_is_known(p->l));
	r = library_may_write(p->l, 0);
	assert_int_equal(seteuid(was), 0);
	assert_int_equal(r, -EROFS);
	assert_int_equal(chmod(library_path(p->l), 0755), 0);
}

static void cannot_open(void **state)
{
	struct shelf *p = *state;
	struct library *l = NULL;
	struct error err;
	const char *path = scratch_path(p->folder, "file/library");

	scratch_write(p->folder, "file", "x", 1);
	assert_int_equal(library_open(&l, &p->sim.world, path, &err), -ENOTDIR);
	assert_null(l);
	assert_non_null(strstr(err.message, path));
	library_close(NULL);
}

static void open_without_memory(void **state)
{
	struct shelf *p = *state;
	struct library *l = NULL;
	unsigned failed = 1;

	for (unsigned n = 0; failed; n++) {
		int r;

		oom_fail_after(n);
		r = library_open(&l, &p->sim.world, scratch_path(p->folder, "other"), NULL);
		failed = oom_off();
		assert_int_equal(r, failed ? -ENOMEM : 0);
	}
	library_close(l);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, shelf_make, shelf_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sweeps),       TEST(reads),
		TEST(stays_inside), TEST(no_regular_file),
		TEST(removes),      TEST(removes_with_foreign_files),
		TEST(may_write),    TEST(may_not_write),
		TEST(cannot_open),  TEST(open_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
