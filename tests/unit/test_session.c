/* session: where something may be mounted. What a mount then does stands in tests/mount. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pimagefs/session.h"
#include "scratch.h"

static char folder[SCRATCH_PATH];

static int make_folder(void **state)
{
	(void)state;
	scratch_make(folder);
	scratch_write(folder, "file", "x", 1);
	return mkdir(scratch_path(folder, "empty"), 0755);
}

static int remove_folder(void **state)
{
	(void)state;
	scratch_remove(folder);
	return 0;
}

static void assert_looks(const char *path, int expected)
{
	struct error err = { .message = "" };
	int r = session_look(path, &err);

	if (r != expected)
		fail_msg("%s: %d, %s", path, r, err.message);
	assert_int_equal(err.message[0] != '\0', r < 0);
	assert_int_equal(session_check(path, &err), expected);
	if (r < 0)
		assert_non_null(strstr(err.message, path));
}

static void where_it_may_be(void **state)
{
	(void)state;
	assert_looks(folder, 0);
	assert_looks(scratch_path(folder, "empty"), 0);
	assert_looks(scratch_path(folder, "none"), -ENOENT);
	assert_looks(scratch_path(folder, "file"), -ENOTDIR);
	assert_looks("/proc", -EBUSY);
}

static void nothing_that_is_noted_is_mounted(void **state)
{
	(void)state;
	assert_false(session_is_mounted(""));
	assert_false(session_is_mounted("0:53"));
	assert_false(session_is_mounted("0:53 /nowhere"));
	assert_false(session_is_mounted(" /proc"));
}

static void what_a_mount_would_hide(void **state)
{
	(void)state;
	assert_true(session_hides(folder));
	assert_false(session_hides(scratch_path(folder, "empty")));
	assert_false(session_hides(scratch_path(folder, "none")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_it_may_be),
		cmocka_unit_test(nothing_that_is_noted_is_mounted),
		cmocka_unit_test(what_a_mount_would_hide),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
