/* digest: SHA-256 as hex; the only module that knows libcrypto. Floor 0. */
#ifndef PIMAGEFS_DIGEST_H
#define PIMAGEFS_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_HEX 65 /* 64 digits and a NUL */

/* 0 or -ENOMEM. */
int digest_sha256(const void *bytes, size_t size, char hex[DIGEST_HEX]);
/* Could the text have come from there? */
bool digest_is_hex(const char *text);

#endif
