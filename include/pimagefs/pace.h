/* pace: how fast: rate window, backoff, the number running at once, when to poll. Floor 3, pure
 * functions of clock and random. Times are milliseconds. */
#ifndef PIMAGEFS_PACE_H
#define PIMAGEFS_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sliding window: at most `limit` events in any `window_ms`. Times are wall clock, so that they
 * survive a restart. */
struct pace_window {
	int64_t *times; /* ring, oldest at head */
	size_t limit, count, head;
	int64_t window_ms;
};

/* 0 or -ENOMEM. limit >= 1. */
int pace_window_init(struct pace_window *w, size_t limit, int64_t window_ms);
void pace_window_release(struct pace_window *w);
/* Another limit and length; the newest events stay. 0, or -ENOMEM and nothing has changed. */
int pace_window_resize(struct pace_window *w, size_t limit, int64_t window_ms);
/* How long until another event is allowed; 0: now. A time in the future (the clock was set back)
 * becomes now, for good. */
int64_t pace_window_wait(struct pace_window *w, int64_t now);
/* The same for a window that is longer by so much. */
int64_t pace_window_wait_more(struct pace_window *w, int64_t now, int64_t more_ms);
void pace_window_add(struct pace_window *w, int64_t now);
/* The event that was added at `from` counts from `to`, which is later: when the service saw a
 * create is only known to be before its answer came. Nothing happens if there is none. */
void pace_window_move(struct pace_window *w, int64_t from, int64_t to);
/* How many more are allowed right now. */
size_t pace_window_left(const struct pace_window *w, int64_t now);

/* Exponential with full jitter: even in [base, min(cap, base * 2^tries)] by `random` (any 64 bits).
 */
int64_t pace_backoff(unsigned tries, int64_t base_ms, int64_t cap_ms, uint64_t random);

/* How many may run at once: halves on a 429 (never below 1), grows by one after as many successes
 * as it is wide. */
struct pace_width {
	unsigned limit, now, successes;
};
void pace_width_init(struct pace_width *w, unsigned limit);
/* Another limit; what it is narrowed to stays so, below it. */
void pace_width_limit(struct pace_width *w, unsigned limit);
void pace_width_busy(struct pace_width *w);
void pace_width_success(struct pace_width *w);

/* What is known of how long predictions take: the last few durations. */
#define PACE_SAMPLES 32
struct pace_poll {
	int first_ms, min_ms, max_ms; /* settings */
	int64_t samples[PACE_SAMPLES];
	unsigned count, next;
};
void pace_poll_init(struct pace_poll *p, int first_ms, int min_ms, int max_ms);
/* Other settings; what was learnt stays. */
void pace_poll_set(struct pace_poll *p, int first_ms, int min_ms, int max_ms);
/* A prediction took so long, as the service tells it. */
void pace_poll_learn(struct pace_poll *p, int64_t duration_ms);
/* When, after `elapsed_ms` since the create's answer, to ask (next): a delay in [min_ms, max_ms],
 * the first one from what was learnt (or first_ms until four are known). Often around the expected
 * time, then ever more seldom. */
int64_t pace_poll_delay(const struct pace_poll *p, int64_t elapsed_ms);
/* The q-quantile (0..1) of the samples; -1 without any. */
int64_t pace_poll_quantile(const struct pace_poll *p, double q);

#endif
