/*
 * digest: SHA-256 in one call over bytes that are in memory already.
 *
 * Happy path: hash, write 64 lower-case digits.
 *
 * Failures: libcrypto reports one only when it cannot get memory.
 */
#include "pimagefs/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

int digest_sha256(const void *bytes, size_t size, char hex[DIGEST_HEX])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_Digest(bytes ? bytes : "", size, sum, &n, EVP_sha256(), NULL) != 1 ||
	    n != (DIGEST_HEX - 1) / 2)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		*hex++ = digits[sum[i] >> 4];
		*hex++ = digits[sum[i] & 15];
	}
	*hex = '\0';
	return 0;
}

bool digest_is_hex(const char *text)
{
	return strlen(text) == DIGEST_HEX - 1 && strspn(text, digits) == DIGEST_HEX - 1;
}
