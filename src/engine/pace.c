/*
 * pace: how fast: rate window, backoff, the number running at once, when to poll.
 *
 * Pure functions: clock and chance are parameters. The only failure is -ENOMEM of
 * pace_window_init; only the window holds memory, which pace_window_release frees.
 *
 * The window keeps the times of the last `limit` events, in order. When the wall clock was set
 * back, times lie in the future. They are moved to the present as soon as they are seen, so that a
 * limit costs at most one window of waiting, and not as many hours as the clock went back.
 *
 * The poll schedule weighs polls that find nothing against the time in which a picture is ready
 * and nobody asked:
 *
 * 1. Nothing is done before the quickest known predictions are. So the first poll waits for
 * the 10 %-quantile of what the service itself told about the last predictions (not of when we
 * noticed, or the schedule would learn its own delays). With few samples it is the setting
 * `first`.
 *
 * 2. From there to the 90 %-quantile (three times `first` without samples) a prediction can end at
 * any moment, and is asked for each `min`. Where the quantiles lie far apart, `min` would mean
 * hundreds of polls: then the range is walked in 32 equal steps.
 *
 * 3. Past it, what is still running is of an unknown kind, and its age is the best guess at what
 * remains. Each delay is a tenth of that age, up to `max`: the delay costs 5 % of the whole time
 * on average, and each doubling of the time only seven polls more.
 *
 * With first 1000 and min 250, and nothing learnt, a prediction of 1 s needs one poll, one of 2.5
 * s seven, one of 7 s nineteen.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/pace.h"

#define SAMPLES_NEEDED 4
#define STEPS_WHEN_LIKELY 32
#define PART_OF_AGE 10

int pace_window_init(struct pace_window *w, size_t limit, int64_t window_ms)
{
	int64_t *times = calloc(limit, sizeof(*times));

	if (!times)
		return -ENOMEM;
	*w = (struct pace_window){ .times = times, .limit = limit, .window_ms = window_ms };
	return 0;
}

void pace_window_release(struct pace_window *w)
{
	free(w->times);
	*w = (struct pace_window){ 0 };
}

static int64_t *window_at(const struct pace_window *w, size_t i)
{
	size_t at = w->head + i;

	return &w->times[at < w->limit ? at : at - w->limit];
}

/* Only the newest can lie in the future, for the times are in order. */
static void settle(struct pace_window *w, int64_t now)
{
	for (size_t i = w->count; i > 0 && *window_at(w, i - 1) > now; i--)
		*window_at(w, i - 1) = now;
}

int64_t pace_window_wait_more(struct pace_window *w, int64_t now, int64_t more_ms)
{
	int64_t age;

	settle(w, now);
	if (w->count < w->limit)
		return 0;
	age = now - *window_at(w, 0);
	return age < w->window_ms + more_ms ? w->window_ms + more_ms - age : 0;
}

int64_t pace_window_wait(struct pace_window *w, int64_t now)
{
	return pace_window_wait_more(w, now, 0);
}

void pace_window_add(struct pace_window *w, int64_t now)
{
	settle(w, now);
	if (w->count == w->limit) {
		w->head = w->head + 1 < w->limit ? w->head + 1 : 0;
		w->count--;
	}
	*window_at(w, w->count) = now;
	w->count++;
}

int pace_window_resize(struct pace_window *w, size_t limit, int64_t window_ms)
{
	struct pace_window new;
	int r = pace_window_init(&new, limit, window_ms);

	if (r < 0)
		return r;
	new.count = w->count < limit ? w->count : limit;
	for (size_t i = 0; i < new.count; i++)
		new.times[i] = *window_at(w, w->count - new.count + i);
	pace_window_release(w);
	*w = new;
	return 0;
}

void pace_window_move(struct pace_window *w, int64_t from, int64_t to)
{
	size_t i = w->count;

	while (i > 0 && *window_at(w, i - 1) != from)
		i--;
	if (i == 0 || to <= from)
		return;
	for (; i < w->count && *window_at(w, i) < to; i++)
		*window_at(w, i - 1) = *window_at(w, i);
	*window_at(w, i - 1) = to;
}

size_t pace_window_left(const struct pace_window *w, int64_t now)
{
	size_t gone = 0;

	while (gone < w->count && now - *window_at(w, gone) >= w->window_ms)
		gone++;
	return w->limit - (w->count - gone);
}

int64_t pace_backoff(unsigned tries, int64_t base_ms, int64_t cap_ms, uint64_t random)
{
	int64_t top = base_ms;

	if (base_ms >= cap_ms)
		return cap_ms;
	if (base_ms < 1)
		top = base_ms = 0;
	for (unsigned i = 0; i < tries && top < cap_ms && top > 0; i++)
		top = top > cap_ms / 2 ? cap_ms : top * 2;
	return base_ms + (int64_t)(random % ((uint64_t)(top - base_ms) + 1));
}

void pace_width_init(struct pace_width *w, unsigned limit)
{
	w->limit = limit ? limit : 1;
	w->now = w->limit;
	w->successes = 0;
}

void pace_width_limit(struct pace_width *w, unsigned limit)
{
	bool narrowed = w->now < w->limit;

	w->limit = limit ? limit : 1;
	if (!narrowed || w->now > w->limit)
		w->now = w->limit;
}

void pace_width_busy(struct pace_width *w)
{
	w->now = w->now > 1 ? w->now / 2 : 1;
	w->successes = 0;
}

void pace_width_success(struct pace_width *w)
{
	if (w->now >= w->limit || ++w->successes < w->now)
		return;
	w->now++;
	w->successes = 0;
}

static int64_t within(int64_t value, int64_t low, int64_t high)
{
	if (value < low)
		return low;
	return value > high ? high : value;
}

void pace_poll_init(struct pace_poll *p, int first_ms, int min_ms, int max_ms)
{
	memset(p, 0, sizeof(*p));
	pace_poll_set(p, first_ms, min_ms, max_ms);
}

void pace_poll_set(struct pace_poll *p, int first_ms, int min_ms, int max_ms)
{
	p->min_ms = min_ms > 1 ? min_ms : 1;
	p->max_ms = max_ms > p->min_ms ? max_ms : p->min_ms;
	p->first_ms = first_ms > p->min_ms ? first_ms : p->min_ms;
}

void pace_poll_learn(struct pace_poll *p, int64_t duration_ms)
{
	if (duration_ms < 0)
		return;
	p->samples[p->next] = duration_ms;
	p->next = (p->next + 1) % PACE_SAMPLES;
	if (p->count < PACE_SAMPLES)
		p->count++;
}

static int earlier(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t pace_poll_quantile(const struct pace_poll *p, double q)
{
	int64_t sorted[PACE_SAMPLES];
	unsigned rank = 0;

	if (!p->count)
		return -1;
	memcpy(sorted, p->samples, p->count * sizeof(*sorted));
	qsort(sorted, p->count, sizeof(*sorted), earlier);
	/* The nearest rank: the smallest sample that at least q of all do not exceed. */
	while (rank + 1 < p->count && (double)(rank + 1) < q * p->count)
		rank++;
	return sorted[rank];
}

int64_t pace_poll_delay(const struct pace_poll *p, int64_t elapsed_ms)
{
	int learnt = p->count >= SAMPLES_NEEDED;
	int64_t first = learnt ? pace_poll_quantile(p, 0.1) : p->first_ms;
	int64_t likely_until = learnt ? pace_poll_quantile(p, 0.9) : (int64_t)p->first_ms * 3;
	int64_t delay;

	if (elapsed_ms < 0)
		elapsed_ms = 0;
	if (elapsed_ms < first)
		delay = first - elapsed_ms;
	else if (elapsed_ms <= likely_until)
		delay = (likely_until - first) / STEPS_WHEN_LIKELY;
	else
		delay = elapsed_ms / PART_OF_AGE;
	return within(delay, p->min_ms, p->max_ms);
}
