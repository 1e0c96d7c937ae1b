/* rng: numbers differ; splitmix64 is the published one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pimagefs/rng.h"

static void rng_numbers_differ(void **state)
{
	(void)state;
	assert_true(rng_u64() != rng_u64());
}

/* The first numbers of the published splitmix64 from seed 1234567. */
static void rng_next_is_splitmix64(void **state)
{
	static const uint64_t known[] = {
		UINT64_C(6457827717110365317),  UINT64_C(3203168211198807973),
		UINT64_C(9817491932198370423),  UINT64_C(4593380528125082431),
		UINT64_C(16408922859458223821),
	};
	uint64_t seed = 1234567;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(rng_next(&seed) == known[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rng_numbers_differ),
		cmocka_unit_test(rng_next_is_splitmix64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
