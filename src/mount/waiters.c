/*
 * Readers that wait. The kernel holds one request for each of them; we hold one record.
 *
 * Happy path: waiters_add puts the record into the list of its job and into the list of all, which
 * is in order of deadline because everyone waits equally long; waiters_wake finishes a job's list.
 *
 * Failures: an interrupt (Ctrl-C, kill) finishes with -EINTR, and must, or the reader hangs in D
 * state and the mount cannot be unmounted; the one timer finishes those whose time is over.
 *
 * On close waiters_let_go finishes everyone before the session goes. A record leaves both lists
 * before it is finished.
 */
#include "pimagefs/waiters.h"

#include <errno.h>
#include <stdlib.h>

#include "pimagefs/list.h"
#include "pimagefs/map.h"

/* All who wait for one job. */
struct crowd {
	uint64_t key;
	struct list waiting;
};

struct waiter {
	struct list in_crowd, in_all;
	struct waiters *all;
	struct crowd *crowd;
	fuse_req_t req;
	void *payload;
	int64_t deadline_ms;
};

struct waiters {
	struct map *crowds;
	struct list waiting;
	unsigned count;
	int64_t timeout_ms;
	const struct world *world;
	struct timer *timer;
	waiters_finish_fn finish;
	void *data;
};

static void on_timer(void *data);

int waiters_new(struct waiters **out, const struct world *world, int64_t timeout_ms,
		waiters_finish_fn finish, void *data)
{
	struct waiters *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->world = world;
	w->crowds = map_new();
	w->timer = world->timer_new(world->self, on_timer, w);
	if (!w->crowds || !w->timer) {
		waiters_free(w);
		return -ENOMEM;
	}
	list_init(&w->waiting);
	w->timeout_ms = timeout_ms;
	w->finish = finish;
	w->data = data;
	*out = w;
	return 0;
}

void waiters_free(struct waiters *w)
{
	if (!w)
		return;
	w->world->timer_free(w->timer);
	map_free(w->crowds);
	free(w);
}

static void finish(struct waiter *one, int r)
{
	struct waiters *w = one->all;
	struct crowd *crowd = one->crowd;
	fuse_req_t req = one->req;
	void *payload = one->payload;

	list_remove(&one->in_crowd);
	list_remove(&one->in_all);
	w->count--;
	free(one);
	if (list_empty(&crowd->waiting)) {
		map_remove_u64(w->crowds, crowd->key);
		free(crowd);
	}
	w->finish(req, payload, r, w->data);
}

/* Called by libfuse while it reads the INTERRUPT, on this same thread. */
static void on_interrupt(fuse_req_t req, void *data)
{
	(void)req;
	finish(data, -EINTR);
}

static void set_timer(struct waiters *w);

static void on_timer(void *data)
{
	struct waiters *w = data;
	int64_t now = world_mono_ms(w->world);

	while (!list_empty(&w->waiting)) {
		struct waiter *one = list_entry(w->waiting.next, struct waiter, in_all);

		if (one->deadline_ms > now)
			break;
		finish(one, -ETIMEDOUT);
	}
	set_timer(w);
}

static void set_timer(struct waiters *w)
{
	int64_t left;

	if (!w->timeout_ms || list_empty(&w->waiting))
		return;
	left = list_entry(w->waiting.next, struct waiter, in_all)->deadline_ms -
	       world_mono_ms(w->world);
	w->world->timer_start(w->timer, left);
}

static struct crowd *crowd_of(struct waiters *w, uint64_t key)
{
	struct crowd *crowd = map_get_u64(w->crowds, key);

	if (crowd)
		return crowd;
	crowd = calloc(1, sizeof(*crowd));
	if (!crowd)
		return NULL;
	crowd->key = key;
	list_init(&crowd->waiting);
	if (map_set_u64(w->crowds, key, crowd) < 0) {
		free(crowd);
		return NULL;
	}
	return crowd;
}

int waiters_add(struct waiters *w, uint64_t key, fuse_req_t req, void *payload)
{
	struct waiter *one = calloc(1, sizeof(*one));
	struct crowd *crowd = one ? crowd_of(w, key) : NULL;

	if (!crowd) {
		free(one);
		return -ENOMEM;
	}
	one->all = w;
	one->crowd = crowd;
	one->req = req;
	one->payload = payload;
	one->deadline_ms = world_mono_ms(w->world) + w->timeout_ms;
	list_append(&crowd->waiting, &one->in_crowd);
	list_append(&w->waiting, &one->in_all);
	if (w->count++ == 0)
		set_timer(w);
	/* The last step: an interrupt that was faster finishes it right here. */
	fuse_req_interrupt_func(req, on_interrupt, one);
	return 0;
}

void waiters_wake(struct waiters *w, uint64_t key, int r)
{
	struct crowd *crowd = map_get_u64(w->crowds, key);
	unsigned left = 0;

	if (!crowd)
		return;
	list_each (p, &crowd->waiting)
		left++;
	/* The crowd goes with its last one, so it is asked for by count, not by its list. */
	while (left--)
		finish(list_entry(crowd->waiting.next, struct waiter, in_crowd), r);
}

void waiters_let_go(struct waiters *w, int r)
{
	unsigned left = w->count;

	while (left-- && !list_empty(&w->waiting))
		finish(list_entry(w->waiting.next, struct waiter, in_all), r);
}

unsigned waiters_count(const struct waiters *w)
{
	return w->count;
}
