/* rng: random numbers from the kernel, and a small reproducible generator for pictures and tests.
 * Floor 0. */
#ifndef PIMAGEFS_RNG_H
#define PIMAGEFS_RNG_H

#include <stdint.h>

/* Any 64 bits, from getrandom(2). */
uint64_t rng_u64(void);

/* splitmix64: the same state gives the same row on every machine. */
uint64_t rng_next(uint64_t *state);

#endif
