/* folder: made with all above it, found again, and what stands in the way. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pimagefs/folder.h"
#include "scratch.h"

static int make(void **state)
{
	*state = malloc(SCRATCH_PATH);
	if (!*state)
		return -1;
	scratch_make(*state);
	umask(022);
	return 0;
}

static int drop(void **state)
{
	scratch_remove(*state);
	free(*state);
	return 0;
}

static void assert_folder(int fd, const char *path, mode_t mode)
{
	struct stat here, there;

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(fd, &here), 0);
	assert_int_equal(stat(path, &there), 0);
	assert_int_equal(here.st_ino, there.st_ino);
	assert_int_equal(here.st_mode, S_IFDIR | mode);
	close(fd);
}

static void makes_all(void **state)
{
	const char *path = scratch_path(*state, "a/b//c/");

	assert_folder(folder_make(path, 0700), path, 0700);
	assert_folder(folder_make(path, 0755), path, 0700);
	path = scratch_path(*state, "a");
	assert_folder(folder_make(path, 0755), path, 0700);
	path = scratch_path(*state, "a/other");
	assert_folder(folder_make(path, 0777), path, 0755);
}

static void relative(void **state)
{
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(here >= 0);
	assert_int_equal(chdir(*state), 0);
	assert_folder(folder_make("x/y", 0700), "x/y", 0700);
	assert_int_equal(fchdir(here), 0);
	close(here);
}

static void through_a_link(void **state)
{
	const char *path = scratch_path(*state, "link/below");

	assert_int_equal(mkdir(scratch_path(*state, "real"), 0755), 0);
	assert_int_equal(symlink("real", scratch_path(*state, "link")), 0);
	assert_folder(folder_make(path, 0700), scratch_path(*state, "real/below"), 0700);
}

static void in_the_way(void **state)
{
	scratch_write(*state, "file", "x", 1);
	assert_int_equal(folder_make(scratch_path(*state, "file"), 0700), -ENOTDIR);
	assert_int_equal(folder_make(scratch_path(*state, "file/below"), 0700), -ENOTDIR);
	assert_int_equal(symlink("nowhere", scratch_path(*state, "dangling")), 0);
	assert_int_equal(folder_make(scratch_path(*state, "dangling/x"), 0700), -ENOENT);
	assert_int_equal(folder_make("", 0700), -ENOENT);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(makes_all),
		TEST(relative),
		TEST(through_a_link),
		TEST(in_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
