/* fuzz: what a fuzz target is. Each tests/fuzz/fuzz_NAME.c defines the one function; "make fuzz"
 * links it with libFuzzer, "make check-fuzz" with replay.c, over tests/fuzz/corpus/NAME/. */
#ifndef PIMAGEFS_TESTS_FUZZ_H
#define PIMAGEFS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Of replay.c only. */
int replay_path(const char *path);

/* A promise of a header that does not hold is a find, as a crash is. */
#define promise(holds) \
	do { \
		if (!(holds)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
			abort(); \
		} \
	} while (0)

#endif
