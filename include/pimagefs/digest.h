/* digest: SHA-256 as hex; the only module that knows libcrypto. Layer 1. */
#ifndef PIMAGEFS_DIGEST_H
#define PIMAGEFS_DIGEST_H

#include <stddef.h>

#define DIGEST_HEX 65 /* 64 digits and a NUL */

/* 0 or -ENOMEM. */
int digest_sha256(const void *bytes, size_t size, char hex[DIGEST_HEX]);

#endif
