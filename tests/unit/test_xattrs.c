/* xattrs: the four calls, their flags and limits, the stored form, and no memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/xattrs.h"

static int make(void **state)
{
	*state = calloc(1, sizeof(struct xattrs));
	return *state ? 0 : -1;
}

static int drop(void **state)
{
	xattrs_release(*state);
	free(*state);
	return 0;
}

static int set(struct xattrs *x, const char *name, const char *value)
{
	return xattrs_set(x, name, value, strlen(value), 0);
}

static void assert_value(const struct xattrs *x, const char *name, const char *value)
{
	const void *found;
	size_t size;

	assert_int_equal(xattrs_get(x, name, &found, &size), 0);
	assert_int_equal(size, strlen(value));
	assert_memory_equal(found, value, size);
}

static void assert_names(const struct xattrs *x, const char *names, size_t size)
{
	struct buf b = BUF_INIT;

	assert_int_equal(xattrs_names(x, &b), 0);
	assert_int_equal(b.size, size);
	if (size)
		assert_memory_equal(b.data, names, size);
	buf_release(&b);
}

static void set_get_remove(void **state)
{
	struct xattrs *x = *state;
	const void *value = x;
	size_t size = 7;

	assert_int_equal(xattrs_get(x, "user.a", &value, &size), -ENODATA);
	assert_ptr_equal(value, x);
	assert_int_equal(size, 7);
	assert_names(x, "", 0);
	assert_int_equal(set(x, "user.a", "one"), 0);
	assert_int_equal(set(x, "user.ab", ""), 0);
	assert_int_equal(set(x, "user.b", "three"), 0);
	assert_value(x, "user.a", "one");
	assert_value(x, "user.ab", "");
	assert_value(x, "user.b", "three");
	assert_names(x, "user.a\0user.ab\0user.b", 22);
	assert_int_equal(set(x, "user.a", "longer than before"), 0);
	assert_value(x, "user.a", "longer than before");
	assert_int_equal(xattrs_remove(x, "user.ab"), 0);
	assert_int_equal(xattrs_remove(x, "user.ab"), -ENODATA);
	assert_int_equal(xattrs_get(x, "user.ab", &value, &size), -ENODATA);
	assert_value(x, "user.b", "three");
	assert_int_equal(xattrs_remove(x, "user.a"), 0);
	assert_int_equal(xattrs_remove(x, "user.b"), 0);
	assert_names(x, "", 0);
	assert_int_equal(x->blob.size, 0);
}

static void any_bytes(void **state)
{
	struct xattrs *x = *state;
	static const char bytes[] = "\0user.b\0\xff\x01\0\0\0z";
	const void *value;
	size_t size;

	assert_int_equal(xattrs_set(x, "user.a", bytes, sizeof(bytes), 0), 0);
	assert_int_equal(set(x, "user.b", "behind"), 0);
	assert_int_equal(xattrs_get(x, "user.a", &value, &size), 0);
	assert_int_equal(size, sizeof(bytes));
	assert_memory_equal(value, bytes, size);
	assert_value(x, "user.b", "behind");
}

static void own_value(void **state)
{
	struct xattrs *x = *state;
	const void *value;
	size_t size;

	assert_int_equal(set(x, "user.a", "moved"), 0);
	assert_int_equal(xattrs_get(x, "user.a", &value, &size), 0);
	assert_int_equal(xattrs_set(x, "user.b", value, size, 0), 0);
	assert_value(x, "user.b", "moved");
}

static void flags(void **state)
{
	struct xattrs *x = *state;

	assert_int_equal(xattrs_set(x, "user.a", "1", 1, XATTR_REPLACE), -ENODATA);
	assert_int_equal(xattrs_set(x, "user.a", "1", 1, XATTR_CREATE), 0);
	assert_int_equal(xattrs_set(x, "user.a", "2", 1, XATTR_CREATE), -EEXIST);
	assert_value(x, "user.a", "1");
	assert_int_equal(xattrs_set(x, "user.a", "3", 1, XATTR_REPLACE), 0);
	assert_value(x, "user.a", "3");
	assert_int_equal(xattrs_set(x, "user.a", "4", 1, 64), -EINVAL);
	assert_value(x, "user.a", "3");
}

static void names(void **state)
{
	struct xattrs *x = *state;
	char name[300];

	assert_int_equal(set(x, "security.capability", "x"), -EOPNOTSUPP);
	assert_int_equal(set(x, "trusted.a", "x"), -EOPNOTSUPP);
	assert_int_equal(set(x, "USER.a", "x"), -EOPNOTSUPP);
	assert_int_equal(set(x, "use", "x"), -EOPNOTSUPP);
	assert_int_equal(set(x, "", "x"), -EOPNOTSUPP);
	assert_int_equal(set(x, "user.", "x"), -EINVAL);
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[256] = '\0';
	assert_int_equal(set(x, name, "x"), -EINVAL);
	name[255] = '\0';
	assert_int_equal(set(x, name, "x"), 0);
	assert_value(x, name, "x");
}

static void limit(void **state)
{
	struct xattrs *x = *state;
	static char big[XATTRS_MAX_BYTES + 1];
	const size_t head = sizeof("user.a") + 4;

	assert_int_equal(xattrs_set(x, "user.a", big, sizeof(big), 0), -ENOSPC);
	assert_int_equal(xattrs_set(x, "user.a", big, XATTRS_MAX_BYTES - head + 1, 0), -ENOSPC);
	assert_int_equal(x->blob.size, 0);
	assert_int_equal(xattrs_set(x, "user.a", big, XATTRS_MAX_BYTES - head, 0), 0);
	assert_int_equal(set(x, "user.b", ""), -ENOSPC);
	assert_names(x, "user.a", 7);
	assert_int_equal(xattrs_set(x, "user.a", "small", 5, 0), 0);
	assert_int_equal(set(x, "user.b", ""), 0);
}

static void stored_form(void **state)
{
	struct xattrs *x = *state, copy = XATTRS_INIT;

	assert_int_equal(set(x, "user.a", "12"), 0);
	assert_int_equal(set(x, "user.b", ""), 0);
	assert_int_equal(x->blob.size, 24);
	assert_memory_equal(x->blob.data,
			    "user.a\0\2\0\0\0"
			    "12"
			    "user.b\0\0\0\0\0",
			    24);
	assert_int_equal(xattrs_load(&copy, x->blob.data, x->blob.size), 0);
	assert_value(&copy, "user.a", "12");
	assert_value(&copy, "user.b", "");
	assert_int_equal(xattrs_load(&copy, NULL, 0), 0);
	assert_names(&copy, "", 0);
	xattrs_release(&copy);
	xattrs_release(NULL);
}

/* Every blob that was cut is refused, but where a whole record ends; and what was loaded before
 * stays. */
static void damaged(void **state)
{
	struct xattrs *x = *state, copy = XATTRS_INIT;
	static const struct {
		const char *blob;
		size_t size;
	} bad[] = {
		{ "user.a", 6 },
		{ "user.a\0", 7 },
		{ "user.\0\0\0\0\0", 10 },
		{ "other.a\0\0\0\0\0", 12 },
		{ "\0\0\0\0\0", 5 },
		{ "user.a\0\xff\xff\xff\xff", 11 },
		{ "user.a\0\1\0\0\0", 11 },
		{ "user.a\0\0\0\0\0\0", 12 },
	};

	assert_int_equal(set(x, "user.a", "12"), 0);
	assert_int_equal(set(x, "user.b", "34"), 0);
	assert_int_equal(set(&copy, "user.old", "stays"), 0);
	for (size_t cut = 1; cut < x->blob.size; cut++) {
		char *blob = malloc(cut);

		assert_non_null(blob);
		memcpy(blob, x->blob.data, cut);
		if (cut != x->blob.size / 2)
			assert_int_equal(xattrs_load(&copy, blob, cut), -EINVAL);
		free(blob);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(xattrs_load(&copy, bad[i].blob, bad[i].size), -EINVAL);
	assert_value(&copy, "user.old", "stays");
	xattrs_release(&copy);
}

static void no_memory(void **state)
{
	struct xattrs *x = *state;
	unsigned failed = 1;

	assert_int_equal(set(x, "user.a", "old"), 0);
	for (unsigned n = 0; failed; n++) {
		int r;

		oom_fail_after(n);
		r = set(x, "user.a", "new");
		failed = oom_off();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		assert_value(x, "user.a", failed ? "old" : "new");
	}
	assert_int_equal(set(x, "user.b", "other"), 0);
	oom_fail_after(0);
	assert_int_equal(xattrs_remove(x, "user.a"), -ENOMEM);
	assert_true(oom_off() > 0);
	assert_value(x, "user.a", "new");
	oom_fail_after(0);
	assert_int_equal(xattrs_load(x, "user.c\0\0\0\0\0", 11), -ENOMEM);
	assert_true(oom_off() > 0);
	assert_value(x, "user.a", "new");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(set_get_remove), TEST(any_bytes), TEST(own_value),
		TEST(flags),          TEST(names),     TEST(limit),
		TEST(stored_form),    TEST(damaged),   TEST(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
