/* library_keep_again: one picture under two names. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "oom.h"
#include "shelf.h"

#define LATER (WHEN + 86400000)

struct fixture {
	struct shelf *shelf;
	struct library_entry fox;
};

static int make(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	void *shelf = NULL;

	if (!f || shelf_make(&shelf) < 0)
		return -1;
	f->shelf = shelf;
	*state = f;
	return shelf_keep(f->shelf, &f->shelf->png, "fox", SIDECAR, &f->fox, NULL);
}

static int drop(void **state)
{
	struct fixture *f = *state;
	void *shelf = f->shelf;

	free(f->fox.path);
	free(f);
	return shelf_drop(&shelf);
}

static int again(struct fixture *f, const char *id, char **path)
{
	struct library_name name = {
		.id = id, .wall_ms = LATER, .sidecar = "{\"id\": 2}\n", .chance = 1
	};

	return library_keep_again(f->shelf->l, &f->fox, &name, path);
}

static ino_t inode(struct fixture *f, const char *path, time_t *mtime)
{
	struct stat st;

	assert_int_equal(stat(scratch_path(library_path(f->shelf->l), path), &st), 0);
	if (mtime)
		*mtime = st.st_mtim.tv_sec;
	return st.st_ino;
}

static void assert_both(struct fixture *f, const char *path)
{
	assert_string_equal(path, "2026-11-23/141503-owl.png");
	shelf_assert_files(f->shelf, "2026-11-22/141503-fox.json\n2026-11-22/141503-fox.png\n"
				     "2026-11-23/141503-owl.json\n2026-11-23/141503-owl.png\n");
	shelf_assert_content(f->shelf, path, f->shelf->png.data, f->shelf->png.size);
	shelf_assert_content(f->shelf, "2026-11-23/141503-owl.json", "{\"id\": 2}\n", 10);
}

static void one_file_two_names(void **state)
{
	struct fixture *f = *state;
	char *path = NULL;

	assert_int_equal(again(f, "owl", &path), 0);
	assert_both(f, path);
	assert_int_equal(inode(f, path, NULL), inode(f, f->fox.path, NULL));
	assert_int_equal(library_remove(f->shelf->l, f->fox.path), 0);
	shelf_assert_files(f->shelf, "2026-11-23/141503-owl.json\n2026-11-23/141503-owl.png\n");
	shelf_assert_content(f->shelf, path, f->shelf->png.data, f->shelf->png.size);
	free(path);
}

static void a_copy_where_there_are_no_links(void **state)
{
	static const int reasons[] = { EXDEV, EPERM, EMLINK, EOPNOTSUPP };
	struct fixture *f = *state;
	time_t mtime;

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		char *path = NULL;

		f->shelf->disk.no_links = reasons[i];
		assert_int_equal(again(f, "owl", &path), 0);
		assert_both(f, path);
		assert_true(inode(f, path, &mtime) != inode(f, f->fox.path, NULL));
		assert_int_equal(mtime, LATER / 1000);
		assert_int_equal(library_remove(f->shelf->l, path), 0);
		free(path);
	}
}

static void the_same_id_twice(void **state)
{
	struct fixture *f = *state;
	char *first = NULL, *second = NULL;

	assert_int_equal(again(f, "owl", &first), 0);
	assert_int_equal(again(f, "owl", &second), 0);
	assert_string_equal(second, "2026-11-23/141503-owl-2.png");
	free(first);
	free(second);
}

static void what_is_no_longer_the_same(void **state)
{
	struct fixture *f = *state;
	char *path = NULL;

	f->fox.bytes++;
	assert_int_equal(again(f, "owl", &path), -ENOENT);
	f->fox.bytes--;
	assert_int_equal(library_remove(f->shelf->l, f->fox.path), 0);
	assert_int_equal(again(f, "owl", &path), -ENOENT);
	strcpy(f->fox.path, "../outside");
	assert_int_equal(again(f, "owl", &path), -EINVAL);
	assert_null(path);
	shelf_assert_files(f->shelf, "");
}

static void a_failure_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	char *path = NULL;
	int failed = 0;

	for (int how = 0; how < 2; how++) {
		f->shelf->disk.no_links = how ? EXDEV : 0;
		for (int n = 0; !path; n++, failed++) {
			f->shelf->disk.syncs_left = n;
			if (again(f, "owl", &path) == 0)
				break;
			assert_null(path);
			shelf_assert_files(f->shelf, "2026-11-22/141503-fox.json\n"
						     "2026-11-22/141503-fox.png\n");
		}
		f->shelf->disk.syncs_left = -1;
		assert_int_equal(library_remove(f->shelf->l, path), 0);
		free(path);
		path = NULL;
	}
	assert_true(failed >= 5); /* of the sidecar, of both folders, and of the copy */
}

static void without_memory(void **state)
{
	struct fixture *f = *state;
	char *path = NULL;

	oom_fail_after(0);
	assert_int_equal(again(f, "owl", &path), -ENOMEM);
	assert_int_equal(oom_off(), 1);
	assert_null(path);
	shelf_assert_files(f->shelf, "2026-11-22/141503-fox.json\n2026-11-22/141503-fox.png\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_file_two_names),       TEST(a_copy_where_there_are_no_links),
		TEST(the_same_id_twice),        TEST(what_is_no_longer_the_same),
		TEST(a_failure_leaves_nothing), TEST(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
