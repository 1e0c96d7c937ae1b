/* disk: all bytes or none, and names of a folder. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "faulty_disk.h"
#include "pimagefs/buf.h"
#include "scratch.h"

struct place {
	char folder[SCRATCH_PATH];
	struct faulty_disk disk;
	int fd;
};

static int make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	scratch_make(p->folder);
	faulty_disk_init(&p->disk);
	p->fd = disk_real.open(&disk_real, AT_FDCWD, scratch_path(p->folder, "fox"),
			       O_RDWR | O_CREAT, 0644);
	*state = p;
	return p->fd < 0 ? -1 : 0;
}

static int drop(void **state)
{
	struct place *p = *state;

	disk_real.close(&disk_real, p->fd);
	scratch_remove(p->folder);
	free(p);
	return 0;
}

static void test_short_writes(void **state)
{
	struct place *p = *state;
	char *text;

	p->disk.most = 2;
	assert_int_equal(disk_write_all(&p->disk.disk, p->fd, "a red fox", 9), 0);
	assert_int_equal(disk_read_all(&p->disk.disk, p->fd, 9, &text), 0);
	assert_string_equal(text, "a red fox");
	free(text);
	p->disk.left = 2;
	assert_int_equal(disk_write_all(&p->disk.disk, p->fd, "a red fox", 9), -EIO);
}

static void test_file_that_is_shorter(void **state)
{
	struct place *p = *state;
	char *text = NULL;

	assert_int_equal(disk_write_all(&disk_real, p->fd, "fox", 3), 0);
	assert_int_equal(disk_read_all(&disk_real, p->fd, 4, &text), -EIO);
	assert_null(text);
	assert_int_equal(disk_read_all(&disk_real, p->fd, 0, &text), 0);
	assert_string_equal(text, "");
	free(text);
}

static int stop_at_second(const char *name, void *data)
{
	assert_true(name[0] != '.');
	return ++*(int *)data == 2 ? -ECANCELED : 0;
}

static void test_names(void **state)
{
	struct place *p = *state;
	int dir = disk_real.make_folder(&disk_real, p->folder, 0755), n = 0;

	assert_true(dir >= 0);
	assert_int_equal(disk_real.list(&disk_real, dir, stop_at_second, &n), 0);
	assert_int_equal(n, 1);
	scratch_write(p->folder, "bear", "", 0);
	n = 0;
	assert_int_equal(disk_real.list(&disk_real, dir, stop_at_second, &n), -ECANCELED);
	assert_int_equal(disk_real.list(&disk_real, p->fd, stop_at_second, &n), -ENOTDIR);
	disk_real.close(&disk_real, dir);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_short_writes),
		TEST(test_file_that_is_shorter),
		TEST(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
