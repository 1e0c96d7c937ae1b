/*
 * The simulated world: time jumps from one event to the next, chance comes from the seed, and
 * faults come in storms.
 *
 * Happy path: the house's timers and hooks, its work beside the loop, and what the service and the
 * users do are events in one queue; a step calls the hooks, then lets the first event happen.
 *
 * Failures: the wall clock is set back or forward; work may stall for long; on a busy machine time
 * passes between two looks at the clock. When the house goes, its work goes with it, also between
 * its two halves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/rng.h"
#include "sim.h"

#define BEGIN_MONO_MS 1000000
#define BEGIN_WALL_MS INT64_C(1795341600000) /* 2026-11-22 in the morning, UTC */

struct timer {
	struct list in;
	struct sim *of;
	void (*fn)(void *data);
	void *data;
	struct event *event; /* NULL: it does not run */
};

struct hook {
	struct list in;
	void (*fn)(void *data);
	void *data;
};

/* --- chance --- */

uint64_t chance_below(uint64_t *chance, uint64_t below)
{
	return rng_next(chance) % below;
}

bool chance_of(uint64_t *chance, unsigned permille)
{
	return chance_below(chance, 1000) < permille;
}

int64_t chance_span(uint64_t *chance, int64_t low, int64_t high)
{
	int64_t top = low;
	uint64_t doublings = 0;

	while (top < high / 2) {
		top *= 2;
		doublings++;
	}
	for (doublings = chance_below(chance, doublings + 1), top = low; doublings; doublings--)
		top *= 2;
	top += (int64_t)chance_below(chance, (uint64_t)top + 1);
	return top < high ? top : high;
}

bool fault(struct sim *s, enum fault f)
{
	struct storm *storm = &s->storms[f];
	bool now;

	if (s->calm || s->dead || !options_has(&s->o, f))
		return false;
	if (s->mono_ms < storm->until_ms)
		now = chance_of(&storm->chance, 950);
	else if (chance_of(&storm->chance, storm->storms)) {
		storm->until_ms = s->mono_ms + chance_span(&storm->chance, SECOND, 2 * HOUR);
		tell(s, "-- from now on for %lld s: %s",
		     (long long)((storm->until_ms - s->mono_ms) / 1000), fault_names[f]);
		now = true;
	} else {
		now = chance_of(&storm->chance, storm->once);
	}
	storm->fired += now;
	return now;
}

/* --- events --- */

static void file_event(struct sim *s, struct event *e)
{
	struct list *pos = &s->events;

	while (pos->prev != &s->events &&
	       list_entry(pos->prev, struct event, in)->due_ms > e->due_ms)
		pos = pos->prev;
	list_insert_before(pos, &e->in);
}

struct event *event_at(struct sim *s, int64_t delay_ms, void (*fn)(void *), void *data)
{
	struct event *e = calloc(1, sizeof(*e));

	e->due_ms = s->mono_ms + (delay_ms > 0 ? delay_ms : 0);
	e->fn = fn;
	e->data = data;
	file_event(s, e);
	return e;
}

void event_drop(struct event *e)
{
	if (!e)
		return;
	list_remove(&e->in);
	free(e);
}

/* --- the table --- */

static int64_t mono_ms(void *self)
{
	struct sim *s = self;

	if (fault(s, FAULT_TICK)) {
		s->mono_ms++;
		s->wall_ms++;
	}
	return s->mono_ms;
}

static int64_t wall_ms(void *self)
{
	return ((struct sim *)self)->wall_ms;
}

static uint64_t chance(void *self)
{
	return rng_next(&((struct sim *)self)->chance);
}

static struct timer *timer_new(void *self, void (*fn)(void *data), void *data)
{
	struct sim *s = self;
	struct timer *t = calloc(1, sizeof(*t));

	t->of = s;
	t->fn = fn;
	t->data = data;
	list_append(&s->timers, &t->in);
	return t;
}

static void on_timer(void *data)
{
	struct timer *t = data;

	t->event = NULL;
	t->fn(t->data);
}

static void timer_stop(struct timer *t)
{
	event_drop(t->event);
	t->event = NULL;
}

static void timer_start(struct timer *t, int64_t delay_ms)
{
	timer_stop(t);
	t->event = event_at(t->of, delay_ms, on_timer, t);
}

static bool timer_runs(const struct timer *t)
{
	return t->event != NULL;
}

static void timer_free(struct timer *t)
{
	if (!t)
		return;
	timer_stop(t);
	list_remove(&t->in);
	free(t);
}

static struct hook *hook_new(void *self, void (*fn)(void *data), void *data)
{
	struct sim *s = self;
	struct hook *h = calloc(1, sizeof(*h));

	h->fn = fn;
	h->data = data;
	list_append(&s->hooks, &h->in);
	return h;
}

static void hook_free(struct hook *h)
{
	if (!h)
		return;
	list_remove(&h->in);
	free(h);
}

struct work {
	struct sim *of;
	void (*run)(void *data);
	void (*done)(void *data);
	void *data;
};

static void on_work_done(void *data)
{
	struct work w = *(struct work *)data;

	free(data);
	w.done(w.data);
}

static void on_work(void *data)
{
	struct work *w = data;
	struct sim *s = w->of;
	int64_t later = (int64_t)chance_below(&s->chance, 3);

	w->run(w->data);
	event_at(s, later, on_work_done, w)->house = true;
}

static int work(void *self, void (*run)(void *data), void (*done)(void *data), void *data)
{
	struct sim *s = self;
	int64_t delay = (int64_t)chance_below(&s->chance, 4);
	struct work *w;

	if (fault(s, FAULT_WORK))
		delay = chance_span(&s->storms[FAULT_WORK].chance, 10, 20 * MINUTE);
	w = calloc(1, sizeof(*w));
	*w = (struct work){ .of = s, .run = run, .done = done, .data = data };
	event_at(s, delay, on_work, w)->house = true;
	return 0;
}

/* --- life --- */

static void init_storms(struct sim *s)
{
	for (int f = 0; f < FAULTS; f++) {
		struct storm *storm = &s->storms[f];

		storm->chance = s->o.seed * 1000003 + (uint64_t)f * 7919 + 17;
		storm->once = (unsigned)chance_below(&storm->chance, 4) * 40;
		storm->storms = 5 + (unsigned)chance_below(&storm->chance, 40);
	}
	/* Asked at each write of a page: what is rare there is often enough. */
	for (int f = FAULT_LIBRARY_IO; f <= FAULT_STATE_RO; f++) {
		s->storms[f].once /= 8;
		s->storms[f].storms = 1 + s->storms[f].storms / 8;
	}
}

void world_init(struct sim *s)
{
	s->world = (struct world){
		.self = s,
		.mono_ms = mono_ms,
		.wall_ms = wall_ms,
		.random = chance,
		.timer_new = timer_new,
		.timer_start = timer_start,
		.timer_stop = timer_stop,
		.timer_runs = timer_runs,
		.timer_free = timer_free,
		.hook_new = hook_new,
		.hook_free = hook_free,
		.work = work,
		.disk = sim_disk_table(s->disk),
		.vfs = SIM_VFS,
	};
	s->mono_ms = s->begin_ms = BEGIN_MONO_MS;
	s->wall_ms = BEGIN_WALL_MS;
	s->chance = s->o.seed * 31 + 5;
	list_init(&s->events);
	list_init(&s->timers);
	list_init(&s->hooks);
	init_storms(s);
}

static void idle(struct sim *s)
{
	list_each_safe (p, tmp, &s->hooks) {
		struct hook *h = list_entry(p, struct hook, in);

		h->fn(h->data);
	}
}

bool world_step(struct sim *s)
{
	struct event *e;
	void (*fn)(void *);
	void *data;

	idle(s);
	house_note_commits(s);
	if (list_empty(&s->events))
		return false;
	e = list_entry(s->events.next, struct event, in);
	if (e->due_ms > s->mono_ms) {
		s->wall_ms += e->due_ms - s->mono_ms;
		s->mono_ms = e->due_ms;
	}
	fn = e->fn;
	data = e->data;
	event_drop(e);
	fn(data);
	s->counts->events++;
	return true;
}

void world_end_house(struct sim *s)
{
	list_each_safe (p, tmp, &s->events) {
		struct event *e = list_entry(p, struct event, in);

		if (e->house) {
			free(e->data);
			event_drop(e);
		}
	}
	if (!list_empty(&s->timers) || !list_empty(&s->hooks))
		violation(s, "the house is gone, and has left a timer or a hook behind");
}

unsigned world_timers_running(const struct sim *s)
{
	unsigned n = 0;

	list_each (p, &s->timers)
		n += list_entry(p, struct timer, in)->event != NULL;
	return n;
}

void world_release(struct sim *s)
{
	list_each_safe (p, tmp, &s->events)
		event_drop(list_entry(p, struct event, in));
}

/* --- the story --- */

void tell(struct sim *s, const char *fmt, ...)
{
	int64_t at = s->mono_ms - s->begin_ms;
	va_list args;

	if (!s->telling)
		return;
	printf("%4lld d %02d:%02d:%02d.%03d  ", (long long)(at / DAY), (int)(at / HOUR % 24),
	       (int)(at / MINUTE % 60), (int)(at / SECOND % 60), (int)(at % SECOND));
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

void violation(struct sim *s, const char *fmt, ...)
{
	va_list args;

	if (s->failed)
		return;
	s->failed = true;
	snprintf(s->kind, sizeof(s->kind), "%s", fmt);
	va_start(args, fmt);
	vsnprintf(s->violation, sizeof(s->violation), fmt, args);
	va_end(args);
	tell(s, "VIOLATION: %s", s->violation);
}
