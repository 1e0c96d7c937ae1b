/*
 * The real world: what the engine and all below it are given when this is no simulation.
 *
 * Happy path: timers and hooks are libuv's, on the one loop; each is a record of ours around a
 * handle of libuv's.
 *
 * Work beside the loop goes to libuv's pool of threads, the only ones in this process.
 *
 * Failures: only want of memory, and only when one is made.
 *
 * On close: a record goes when libuv has let go of its handle, one turn of the loop later.
 */
#include "pimagefs/real_world.h"

#include <errno.h>
#include <stdlib.h>

#include "pimagefs/clock.h"
#include "pimagefs/disk.h"
#include "pimagefs/rng.h"

struct timer {
	uv_timer_t handle;
	void (*fn)(void *data);
	void *data;
};

struct hook {
	uv_prepare_t handle;
	void (*fn)(void *data);
	void *data;
};

static int64_t mono_ms(void *self)
{
	(void)self;
	return clock_mono_ms();
}

static int64_t wall_ms(void *self)
{
	(void)self;
	return clock_wall_ms();
}

static uint64_t random_number(void *self)
{
	(void)self;
	return rng_u64();
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static struct timer *timer_new(void *self, void (*fn)(void *data), void *data)
{
	struct timer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	uv_timer_init(self, &t->handle);
	t->handle.data = t;
	t->fn = fn;
	t->data = data;
	return t;
}

static void on_timer(uv_timer_t *handle)
{
	struct timer *t = handle->data;

	t->fn(t->data);
}

static void timer_start(struct timer *t, int64_t delay_ms)
{
	uv_timer_start(&t->handle, on_timer, delay_ms > 0 ? (uint64_t)delay_ms : 0, 0);
}

static void timer_stop(struct timer *t)
{
	uv_timer_stop(&t->handle);
}

static bool timer_runs(const struct timer *t)
{
	return uv_is_active((const uv_handle_t *)&t->handle);
}

static void timer_free(struct timer *t)
{
	if (t)
		uv_close((uv_handle_t *)&t->handle, on_closed);
}

static void on_prepare(uv_prepare_t *handle)
{
	struct hook *h = handle->data;

	h->fn(h->data);
}

static struct hook *hook_new(void *self, void (*fn)(void *data), void *data)
{
	struct hook *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	uv_prepare_init(self, &h->handle);
	h->handle.data = h;
	h->fn = fn;
	h->data = data;
	uv_prepare_start(&h->handle, on_prepare);
	return h;
}

static void hook_free(struct hook *h)
{
	if (h)
		uv_close((uv_handle_t *)&h->handle, on_closed);
}

struct work {
	uv_work_t request;
	void (*run)(void *data);
	void (*done)(void *data);
	void *data;
};

static void on_work(uv_work_t *request)
{
	struct work *w = request->data;

	w->run(w->data);
}

static void on_worked(uv_work_t *request, int status)
{
	struct work *w = request->data;

	(void)status; /* none is ever cancelled */
	w->done(w->data);
	free(w);
}

static int work(void *self, void (*run)(void *data), void (*done)(void *data), void *data)
{
	struct work *w = malloc(sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct work){ .request.data = w, .run = run, .done = done, .data = data };
	r = uv_queue_work(self, &w->request, on_work, on_worked);
	if (r < 0)
		free(w);
	return r;
}

void real_world_init(struct world *out, uv_loop_t *loop)
{
	*out = (struct world){
		.self = loop,
		.mono_ms = mono_ms,
		.wall_ms = wall_ms,
		.random = random_number,
		.timer_new = timer_new,
		.timer_start = timer_start,
		.timer_stop = timer_stop,
		.timer_runs = timer_runs,
		.timer_free = timer_free,
		.hook_new = hook_new,
		.hook_free = hook_free,
		.work = work,
		.disk = &disk_real,
	};
}
