/* sim_world: see sim_world.h. */
#include "sim_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pimagefs/disk.h"
#include "pimagefs/rng.h"

#define BEGIN_MONO_MS 1000000
#define BEGIN_WALL_MS INT64_C(1795341600000) /* 2026-11-22 in the morning, UTC */

struct timer {
	struct list in;
	struct sim_world *of;
	void (*fn)(void *data);
	void *data;
	bool runs;
	int64_t due_ms;
	uint64_t start;
};

struct hook {
	struct list in;
	void (*fn)(void *data);
	void *data;
};

static int64_t mono_ms(void *self)
{
	return ((struct sim_world *)self)->mono_ms;
}

static int64_t wall_ms(void *self)
{
	return ((struct sim_world *)self)->wall_ms;
}

static uint64_t chance(void *self)
{
	return rng_next(&((struct sim_world *)self)->chance);
}

static struct timer *timer_new(void *self, void (*fn)(void *data), void *data)
{
	struct sim_world *s = self;
	struct timer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->of = s;
	t->fn = fn;
	t->data = data;
	list_append(&s->timers, &t->in);
	return t;
}

static void timer_start(struct timer *t, int64_t delay_ms)
{
	t->runs = true;
	t->due_ms = t->of->mono_ms + (delay_ms > 0 ? delay_ms : 0);
	t->start = ++t->of->starts;
}

static void timer_stop(struct timer *t)
{
	t->runs = false;
}

static bool timer_runs(const struct timer *t)
{
	return t->runs;
}

static void timer_free(struct timer *t)
{
	if (!t)
		return;
	list_remove(&t->in);
	free(t);
}

static struct hook *hook_new(void *self, void (*fn)(void *data), void *data)
{
	struct sim_world *s = self;
	struct hook *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
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
	struct list in;
	void (*run)(void *data);
	void (*done)(void *data);
	void *data;
};

static int work(void *self, void (*run)(void *data), void (*done)(void *data), void *data)
{
	struct work *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	*w = (struct work){ .run = run, .done = done, .data = data };
	list_append(&((struct sim_world *)self)->works, &w->in);
	return 0;
}

void sim_world_work(struct sim_world *s)
{
	while (!s->disk_hangs && !list_empty(&s->works)) {
		struct work *w = list_entry(s->works.next, struct work, in);
		struct work copy = *w;

		list_remove(&w->in);
		free(w);
		copy.run(copy.data);
		copy.done(copy.data);
	}
}

void sim_world_init(struct sim_world *s, uint64_t seed)
{
	*s = (struct sim_world){
		.world = {
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
			.disk = &disk_real,
		},
		.mono_ms = BEGIN_MONO_MS,
		.wall_ms = BEGIN_WALL_MS,
		.chance = seed,
	};
	list_init(&s->timers);
	list_init(&s->hooks);
	list_init(&s->works);
}

const struct world *sim_world_any(void)
{
	static struct sim_world any;

	if (!any.world.self)
		sim_world_init(&any, 1);
	return &any.world;
}

void sim_world_check_free(const struct sim_world *s)
{
	assert_true(list_empty(&s->timers));
	assert_true(list_empty(&s->hooks));
	assert_true(list_empty(&s->works));
}

void sim_world_idle(struct sim_world *s)
{
	sim_world_work(s);
	list_each_safe (p, tmp, &s->hooks) {
		struct hook *h = list_entry(p, struct hook, in);

		h->fn(h->data);
	}
}

static struct timer *next_timer(const struct sim_world *s)
{
	struct timer *next = NULL;

	list_each (p, &s->timers) {
		struct timer *t = list_entry(p, struct timer, in);

		if (t->runs && (!next || t->due_ms < next->due_ms ||
				(t->due_ms == next->due_ms && t->start < next->start)))
			next = t;
	}
	return next;
}

static void fire(struct sim_world *s, struct timer *t)
{
	if (t->due_ms > s->mono_ms) {
		s->wall_ms += t->due_ms - s->mono_ms;
		s->mono_ms = t->due_ms;
	}
	t->runs = false;
	t->fn(t->data);
}

bool sim_world_step(struct sim_world *s)
{
	struct timer *t;

	sim_world_idle(s);
	t = next_timer(s);
	if (t)
		fire(s, t);
	return t != NULL;
}

bool sim_world_step_now(struct sim_world *s)
{
	struct timer *t;

	sim_world_idle(s);
	t = next_timer(s);
	if (!t || t->due_ms > s->mono_ms)
		return false;
	fire(s, t);
	return true;
}

int64_t sim_world_next_ms(const struct sim_world *s)
{
	const struct timer *t = next_timer(s);

	return t ? t->due_ms : -1;
}

void sim_world_pass(struct sim_world *s, int64_t ms)
{
	int64_t until = s->mono_ms + ms;

	for (;;) {
		sim_world_idle(s);
		if (sim_world_next_ms(s) < 0 || sim_world_next_ms(s) > until)
			break;
		sim_world_step(s);
	}
	s->wall_ms += until - s->mono_ms;
	s->mono_ms = until;
}
