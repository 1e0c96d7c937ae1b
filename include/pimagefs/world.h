/* world: what the program takes from outside as a table of functions: clocks, timers, chance, work
 * beside the loop, and the disk. The program gives its parts the real one (app/world); a test or a
 * simulation gives another, and then nothing in engine, ledger, library or inbox knows the
 * difference. Floor 0. */
#ifndef PIMAGEFS_WORLD_H
#define PIMAGEFS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

struct timer;
struct hook;
struct disk;

struct world {
	void *self;
	/* Milliseconds since some fixed moment; never goes back. */
	int64_t (*mono_ms)(void *self);
	/* Milliseconds since 1970 UTC; may jump. */
	int64_t (*wall_ms)(void *self);
	/* Any 64 bits. */
	uint64_t (*random)(void *self);

	/* A timer that does not run; NULL when out of memory. fn is called once for each start,
	 * from the loop, never from inside a call of ours. */
	struct timer *(*timer_new)(void *self, void (*fn)(void *data), void *data);
	/* Also when it runs: then anew. A negative delay is 0. */
	void (*timer_start)(struct timer *t, int64_t delay_ms);
	void (*timer_stop)(struct timer *t);
	bool (*timer_runs)(const struct timer *t);
	/* Its fn is not called again. Takes NULL. */
	void (*timer_free)(struct timer *t);

	/* fn is called each time just before the loop sleeps. NULL when out of memory. */
	struct hook *(*hook_new)(void *self, void (*fn)(void *data), void *data);
	/* Takes NULL. */
	void (*hook_free)(struct hook *h);

	/* Work that may wait for a disk: run(data) somewhere beside the loop, where it touches
	 * nothing but data, then done(data) on the loop, never from inside a call of ours. Once
	 * begun it cannot be taken back. 0 or a negative errno, and then neither is called. */
	int (*work)(void *self, void (*run)(void *data), void (*done)(void *data), void *data);

	const struct disk *disk; /* of the library (disk.h) */
	const char *vfs;         /* the name of SQLite's VFS for the state; NULL: its own */
};

static inline int64_t world_mono_ms(const struct world *w)
{
	return w->mono_ms(w->self);
}

static inline int64_t world_wall_ms(const struct world *w)
{
	return w->wall_ms(w->self);
}

/* Even in [0, below); below > 0. */
uint64_t world_below(const struct world *w, uint64_t below);

#endif
