/* digest: the examples of FIPS 180-2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pimagefs/digest.h"

static void known_sums(void **state)
{
	static const struct {
		const char *text, *sum;
	} known[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	char hex[DIGEST_HEX];

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		memset(hex, 'x', sizeof(hex));
		assert_int_equal(digest_sha256(known[i].text, strlen(known[i].text), hex), 0);
		assert_string_equal(hex, known[i].sum);
	}
	assert_int_equal(digest_sha256(NULL, 0, hex), 0);
	assert_string_equal(hex, known[0].sum);
}

static void large(void **state)
{
	char *bytes = malloc(1000000), hex[DIGEST_HEX];

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'a', 1000000);
	assert_int_equal(digest_sha256(bytes, 1000000, hex), 0);
	assert_string_equal(hex,
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_sums),
		cmocka_unit_test(large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
