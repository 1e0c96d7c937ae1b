/* world: what every world can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pimagefs/rng.h"
#include "pimagefs/world.h"

static uint64_t any(void *self)
{
	(void)self;
	return rng_u64();
}

static void world_below_is_even(void **state)
{
	const struct world world = { .random = any };
	unsigned hits[6] = { 0 };

	(void)state;
	assert_int_equal(world_below(&world, 1), 0);
	for (int i = 0; i < 6000; i++) {
		uint64_t value = world_below(&world, 6);

		assert_true(value < 6);
		hits[value]++;
	}
	/* Ten standard deviations of 29 on either side of 1000. */
	for (int i = 0; i < 6; i++)
		assert_in_range(hits[i], 710, 1290);
	for (int i = 0; i < 100; i++)
		assert_true(world_below(&world, UINT64_MAX) < UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(world_below_is_even),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
