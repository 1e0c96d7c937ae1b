/* What a user or a program that runs wild can make grow in requests/ has an end, and says so. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "core_world.h"
#include "pimagefs/names.h"
#include "pimagefs/reqfile.h"

static int create(struct core *c, const char *name)
{
	struct node *node;

	return inbox_create(c->inbox, c->requests, name, 0644, &node);
}

static int mkdir_in(struct core *c, struct node *folder, const char *name, struct node **out)
{
	return inbox_mkdir(c->inbox, folder, name, 0755, out);
}

/* A chain of folders with `size` bytes of path; its top one is called `top`. */
static struct node *chain(struct core *c, const char *top, size_t size)
{
	char name[101];
	struct node *folder;
	size_t left = size - strlen(top);

	memset(name, 'x', 100);
	assert_int_equal(mkdir_in(c, c->requests, top, &folder), 0);
	while (left) {
		size_t n = left > 101 ? 100 : left - 1;

		/* No rest of one byte, which would be a '/' alone. */
		if (left - n - 1 == 1)
			n--;
		name[n] = '\0';
		assert_int_equal(mkdir_in(c, folder, name, &folder), 0);
		name[n] = 'x';
		left -= n + 1;
	}
	return folder;
}

static void test_files(void **state)
{
	struct core *c = *state;
	struct node *folder;

	c->settings->limits.files = 3;
	assert_int_equal(create(c, ".draft"), 0);
	assert_int_equal(mkdir_in(c, c->requests, "cats", &folder), 0);
	assert_int_equal(create(c, "fox"), 0);
	assert_int_equal(create(c, "owl"), -ENOSPC);
	assert_int_equal(create(c, ".another"), -ENOSPC);
	assert_int_equal(mkdir_in(c, c->requests, "dogs", &folder), -ENOSPC);
	assert_int_equal(create(c, "fox"), -ENOSPC);
	/* What is there can be changed, renamed and removed. */
	assert_int_equal(core_rename(c, ".draft", ".other"), 0);
	assert_int_equal(inbox_unlink(c->inbox, c->requests, ".other"), 0);
	assert_int_equal(create(c, "owl"), 0);
	assert_int_equal(inbox_rmdir(c->inbox, c->requests, "cats"), 0);
	assert_int_equal(create(c, "hare"), 0);
	assert_int_equal(create(c, "elk"), -ENOSPC);
}

/* A smaller setting takes no file away. */
static void test_files_after_a_restart(void **state)
{
	struct core *c = *state;

	assert_int_equal(create(c, ".a"), 0);
	assert_int_equal(create(c, ".b"), 0);
	c->settings->limits.files = 1;
	core_restart(c);
	assert_int_equal(core_name(c->requests, ".a"), 2);
	assert_int_equal(core_name(c->requests, ".b"), 2);
	assert_int_equal(create(c, ".c"), -ENOSPC);
}

static void test_path(void **state)
{
	struct core *c = *state;
	struct node *deepest = chain(c, "a", NAMES_PATH_MAX - 2), *node;

	assert_int_equal(inbox_create(c->inbox, deepest, "ab", 0644, &node), -ENAMETOOLONG);
	assert_int_equal(mkdir_in(c, deepest, "ab", &node), -ENAMETOOLONG);
	assert_int_equal(inbox_create(c->inbox, deepest, "b", 0644, &node), 0);
	assert_int_equal(inbox_rename(c->inbox, deepest, "b", deepest, "bc", 0), -ENAMETOOLONG);
	assert_int_equal(create(c, "long"), 0);
	assert_int_equal(inbox_rename(c->inbox, c->requests, "long", deepest, "long", 0),
			 -ENAMETOOLONG);
	assert_int_equal(core_name(c->requests, "long"), 2);
}

/* Two long ways are not put together to one that is longer than any. */
static void test_path_of_what_is_below(void **state)
{
	struct core *c = *state;
	struct node *half = chain(c, "a", NAMES_PATH_MAX / 2), *deepest, *node;

	deepest = chain(c, "b", NAMES_PATH_MAX / 2 - 1);
	assert_int_equal(inbox_create(c->inbox, deepest, "f", 0644, &node), 0);
	assert_int_equal(inbox_rename(c->inbox, c->requests, "b", half, "b", 0), -ENAMETOOLONG);
	assert_int_equal(core_name(c->requests, "b"), 2);
	assert_int_equal(inbox_unlink(c->inbox, deepest, "f"), 0);
	assert_int_equal(inbox_rename(c->inbox, c->requests, "b", half, "b", 0), 0);
	assert_int_equal(core_name(c->requests, "b"), 0);
	/* It is as long as can be now: nothing above it may get a longer name. */
	assert_int_equal(core_rename(c, "a", "ab"), -ENAMETOOLONG);
	assert_int_equal(core_rename(c, "a", "c"), 0);
	core_restart(c);
	assert_int_equal(core_name(c->requests, "c"), 2);
}

static void test_text(void **state)
{
	struct core *c = *state;
	int64_t most = c->settings->limits.max_request_bytes;
	struct node *node = core_create(c, ".draft");

	assert_int_equal(inbox_write(c->inbox, node, "x", 1, most - 1), 0);
	assert_int_equal(inbox_write(c->inbox, node, "x", 1, most), -EFBIG);
	assert_int_equal(inbox_write(c->inbox, node, "xy", 2, most - 1), -EFBIG);
	assert_int_equal(inbox_write(c->inbox, node, "x", 1, INT64_MAX), -EFBIG);
	assert_int_equal(inbox_truncate(c->inbox, node, most), 0);
	assert_int_equal(inbox_truncate(c->inbox, node, most + 1), -EFBIG);
	assert_int_equal(inbox_truncate(c->inbox, node, INT64_MAX), -EFBIG);
	assert_int_equal(((struct reqfile *)node->data)->text.size, most);
}

static void test_xattrs(void **state)
{
	struct core *c = *state;
	struct reqfile *file = core_create(c, ".draft")->data;
	char *value = calloc(1, XATTRS_MAX_BYTES), name[32];
	unsigned n = 0;
	int r;

	assert_int_equal(xattrs_set(&file->xattrs, "user.a", value, XATTRS_MAX_BYTES, 0), -ENOSPC);
	do {
		snprintf(name, sizeof(name), "user.%u", n++);
		r = xattrs_set(&file->xattrs, name, "", 0, XATTR_CREATE);
	} while (r == 0 && n < XATTRS_MAX_BYTES);
	assert_int_equal(r, -ENOSPC);
	assert_true(file->xattrs.blob.size <= XATTRS_MAX_BYTES);
	free(value);
}

/* jansson ends at 2048 levels; what is deeper is refused, not followed. */
static void test_depth(void **state)
{
	struct core *c = *state;
	size_t depth = 60000;
	char *text = malloc(depth + 32);
	int head = sprintf(text, "{\"prompt\": \"a\", \"seed\": ");

	memset(text + head, '[', depth);
	text[(size_t)head + depth] = '\0';
	assert_int_equal(core_echo(c, text, "deep.json"), -EINVAL);
	memset(text, '[', depth);
	text[depth] = '\0';
	assert_int_equal(core_echo(c, text, "deeper.json"), -EINVAL);
	core_settle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_files), TEST(test_files_after_a_restart),
		TEST(test_path),  TEST(test_path_of_what_is_below),
		TEST(test_text),  TEST(test_xattrs),
		TEST(test_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
