/*
 * rng: random numbers from the kernel, and a small reproducible generator for pictures and tests.
 *
 * rng_u64 asks getrandom(2) each time: seeds and jitter need few numbers, and nothing is kept that
 * a fork would copy. rng_next is splitmix64, whose only state is the caller's.
 *
 * getrandom fails only where it is forbidden (a seccomp filter). Then a number is mixed from the
 * clock and the process; that is enough for what is asked of it here, for nothing here is a key.
 */
#include <errno.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "pimagefs/rng.h"

static uint64_t without_kernel(void)
{
	struct timespec now = { 0, 0 };
	uint64_t state;

	clock_gettime(CLOCK_MONOTONIC, &now);
	state = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	state ^= (uint64_t)getpid() << 40;
	return rng_next(&state);
}

uint64_t rng_u64(void)
{
	uint64_t value;
	ssize_t got;

	do {
		got = getrandom(&value, sizeof(value), 0);
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(value) ? value : without_kernel();
}

uint64_t rng_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}
