/* list: links that are put in, taken out, and walked while they go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pimagefs/list.h"

struct item {
	int number;
	struct list in;
};

static struct list head;
static struct item items[4];

static int set_up(void **state)
{
	(void)state;
	list_init(&head);
	for (int i = 0; i < 4; i++) {
		items[i].number = i + 1;
		list_init(&items[i].in);
	}
	return 0;
}

/* The numbers in their order as one: 1, 2, 3 is 123. */
static int order(void)
{
	int all = 0;

	list_each (p, &head)
		all = all * 10 + list_entry(p, struct item, in)->number;
	return all;
}

static void in_their_order(void **state)
{
	(void)state;
	assert_true(list_empty(&head));
	list_append(&head, &items[0].in);
	list_append(&head, &items[1].in);
	list_insert_before(&items[1].in, &items[2].in);
	list_insert_before(head.next, &items[3].in);
	assert_int_equal(order(), 4132);
	assert_false(list_empty(&head));
}

static void taken_out_twice(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		list_append(&head, &items[i].in);
	assert_true(list_linked(&items[1].in));
	list_remove(&items[1].in);
	list_remove(&items[1].in);
	assert_false(list_linked(&items[1].in));
	assert_int_equal(order(), 13);
}

static void removed_while_walked(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		list_append(&head, &items[i].in);
	list_each_safe (p, tmp, &head) {
		struct item *item = list_entry(p, struct item, in);

		if (item->number % 2) {
			list_remove(p);
			item->in.next = item->in.prev = NULL; /* as if it were freed */
		}
	}
	assert_int_equal(order(), 24);
	list_each_safe (p, tmp, &head)
		list_remove(p);
	assert_true(list_empty(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(in_their_order, set_up),
		cmocka_unit_test_setup(taken_out_twice, set_up),
		cmocka_unit_test_setup(removed_while_walked, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
