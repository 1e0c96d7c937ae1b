/* map: replace, remove, order, removal while walking, and no memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/map.h"

#define MANY 5000

static int make_map(void **state)
{
	*state = map_new();
	return *state ? 0 : -1;
}

static int free_map(void **state)
{
	map_free(*state);
	return 0;
}

static void texts(void **state)
{
	struct map *m = *state;
	int a, b;

	assert_null(map_get(m, "fox"));
	assert_null(map_remove(m, "fox"));
	assert_int_equal(map_count(m), 0);
	assert_int_equal(map_set(m, "fox", &a), 0);
	assert_int_equal(map_set(m, "", &b), 0);
	assert_ptr_equal(map_get(m, "fox"), &a);
	assert_ptr_equal(map_get(m, ""), &b);
	assert_null(map_get(m, "fo"));
	assert_null(map_get(m, "foxy"));
	assert_null(map_get(m, "Fox"));
	assert_int_equal(map_set(m, "fox", &b), 0);
	assert_ptr_equal(map_get(m, "fox"), &b);
	assert_int_equal(map_count(m), 2);
	assert_ptr_equal(map_remove(m, "fox"), &b);
	assert_null(map_remove(m, "fox"));
	assert_null(map_get(m, "fox"));
	assert_int_equal(map_count(m), 1);
	assert_ptr_equal(map_remove(m, ""), &b);
	assert_int_equal(map_count(m), 0);
}

static void keys_are_copied(void **state)
{
	struct map *m = *state;
	char key[] = "cat";
	int value;

	assert_int_equal(map_set(m, key, &value), 0);
	key[0] = 'r';
	assert_ptr_equal(map_get(m, "cat"), &value);
	assert_null(map_get(m, "rat"));
}

static void numbers(void **state)
{
	static const uint64_t keys[] = { 0, 1, 255, 256, UINT64_C(1) << 32, UINT64_MAX };
	struct map *m = *state;
	int values[6];

	for (size_t i = 0; i < 6; i++)
		assert_int_equal(map_set_u64(m, keys[i], &values[i]), 0);
	assert_int_equal(map_count(m), 6);
	for (size_t i = 0; i < 6; i++)
		assert_ptr_equal(map_get_u64(m, keys[i]), &values[i]);
	assert_null(map_get_u64(m, 2));
	assert_int_equal(map_set_u64(m, 0, &values[5]), 0);
	assert_ptr_equal(map_get_u64(m, 0), &values[5]);
	assert_ptr_equal(map_remove_u64(m, 0), &values[5]);
	assert_null(map_remove_u64(m, 0));
	assert_int_equal(map_count(m), 5);
}

static void many(void **state)
{
	static int values[MANY];
	struct map *m = *state;
	char key[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(key, sizeof(key), "cats/%d", i);
		assert_int_equal(map_set(m, key, &values[i]), 0);
	}
	assert_int_equal(map_count(m), MANY);
	for (int i = 0; i < MANY; i += 2) {
		snprintf(key, sizeof(key), "cats/%d", i);
		assert_ptr_equal(map_remove(m, key), &values[i]);
	}
	assert_int_equal(map_count(m), MANY / 2);
	for (int i = 0; i < MANY; i++) {
		snprintf(key, sizeof(key), "cats/%d", i);
		assert_ptr_equal(map_get(m, key), i % 2 ? &values[i] : NULL);
	}
}

struct walk {
	struct map *m;
	char seen[64];
	const char *stop_at;
	int remove;
};

static int step(void *value, void *data)
{
	struct walk *walk = data;

	strcat(walk->seen, value);
	if (walk->stop_at && strcmp(value, walk->stop_at) == 0)
		return -ECANCELED;
	if (walk->remove)
		assert_ptr_equal(map_remove(walk->m, value), value);
	return 0;
}

static void each_keeps_the_order_of_insertion(void **state)
{
	static char values[][2] = { "z", "a", "m", "b" };
	struct walk walk = { .m = *state };

	assert_int_equal(map_each(walk.m, step, &walk), 0);
	assert_string_equal(walk.seen, "");
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(map_set(walk.m, values[i], values[i]), 0);
	assert_int_equal(map_set(walk.m, "z", values[0]), 0);
	assert_int_equal(map_each(walk.m, step, &walk), 0);
	assert_string_equal(walk.seen, "zamb");
	map_remove(walk.m, "a");
	assert_int_equal(map_set(walk.m, "a", values[1]), 0);
	walk.seen[0] = '\0';
	walk.stop_at = "b";
	assert_int_equal(map_each(walk.m, step, &walk), -ECANCELED);
	assert_string_equal(walk.seen, "zmb");
}

static void each_lets_the_current_one_go(void **state)
{
	static char values[26][2];
	struct walk walk = { .m = *state, .remove = 1 };

	for (int i = 0; i < 26; i++) {
		values[i][0] = (char)('a' + i);
		assert_int_equal(map_set(walk.m, values[i], values[i]), 0);
	}
	assert_int_equal(map_each(walk.m, step, &walk), 0);
	assert_string_equal(walk.seen, "abcdefghijklmnopqrstuvwxyz");
	assert_int_equal(map_count(walk.m), 0);
	assert_int_equal(map_set(walk.m, "again", values[0]), 0);
	assert_ptr_equal(map_get(walk.m, "again"), values[0]);
}

static void no_memory_for_a_map(void **state)
{
	struct map *m;

	(void)state;
	oom_fail_after(0);
	m = map_new();
	assert_int_equal(oom_off(), 1);
	assert_null(m);
	map_free(NULL);
}

/* Each insertion is first tried with its n-th allocation failing, so that the table's own (the
 * first, and those where it grows) fail too; whatever fails must leave everything as it was. */
static void no_memory_for_an_entry(void **state)
{
	static int values[600];
	struct map *m = *state;
	unsigned deepest = 0;

	for (unsigned i = 0; i < 600; i++) {
		unsigned n = 0;

		for (;;) {
			int r;

			oom_fail_after(n);
			r = map_set_u64(m, i, &values[i]);
			if (!oom_off()) {
				assert_int_equal(r, 0);
				break;
			}
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(map_count(m), i);
			assert_null(map_get_u64(m, i));
			n++;
		}
		deepest = n > deepest ? n : deepest;
	}
	assert_int_equal(deepest, 3);
	for (unsigned i = 0; i < 600; i++)
		assert_ptr_equal(map_get_u64(m, i), &values[i]);
	oom_fail_after(0);
	assert_int_equal(map_set_u64(m, 7, &values[8]), 0);
	assert_int_equal(oom_off(), 0);
	assert_ptr_equal(map_get_u64(m, 7), &values[8]);
}

#define map_test(name) cmocka_unit_test_setup_teardown(name, make_map, free_map)

int main(void)
{
	const struct CMUnitTest tests[] = {
		map_test(texts),
		map_test(keys_are_copied),
		map_test(numbers),
		map_test(many),
		map_test(each_keeps_the_order_of_insertion),
		map_test(each_lets_the_current_one_go),
		cmocka_unit_test(no_memory_for_a_map),
		map_test(no_memory_for_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
