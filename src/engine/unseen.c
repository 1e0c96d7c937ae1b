/*
 * What may run at the service without our polling it.
 *
 * Happy path: each is counted until its deadline, or until its job is polled again or over.
 *
 * Failures: without memory one is not counted.
 *
 * On close: the next start counts anew what its jobs tell.
 */
#include "pimagefs/unseen.h"

#include <errno.h>
#include <stdlib.h>

struct one {
	struct list in;
	int64_t until_ms; /* monotonic */
	uint64_t number;
};

struct unseen {
	const struct world *world;
	int64_t deadline_ms;
	struct list all; /* by until_ms */
	unsigned count;
};

int unseen_new(struct unseen **out, const struct world *world, int64_t deadline_ms)
{
	struct unseen *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->world = world;
	u->deadline_ms = deadline_ms;
	list_init(&u->all);
	*out = u;
	return 0;
}

static void forget(struct unseen *u, struct list *link)
{
	list_remove(link);
	free(list_entry(link, struct one, in));
	u->count--;
}

void unseen_free(struct unseen *u)
{
	if (!u)
		return;
	list_each_safe (p, tmp, &u->all)
		forget(u, p);
	free(u);
}

static void add(struct unseen *u, int64_t left, uint64_t number)
{
	struct one *one = left > 0 ? calloc(1, sizeof(*one)) : NULL;
	struct list *pos = &u->all;

	if (!one)
		return;
	one->until_ms = world_mono_ms(u->world) + left;
	one->number = number;
	while (pos->prev != &u->all &&
	       list_entry(pos->prev, struct one, in)->until_ms > one->until_ms)
		pos = pos->prev;
	list_insert_before(pos, &one->in);
	u->count++;
}

void unseen_add(struct unseen *u, int64_t wall_ms, uint64_t number)
{
	int64_t age = world_wall_ms(u->world) - wall_ms;

	add(u, u->deadline_ms - (age > 0 ? age : 0), number);
}

/* It failed, or is held, and the service goes on with it. (What owes a cancel is counted there.) */
static bool runs_unseen(const struct job *job)
{
	return (job->state == JOB_FAILED || job->state == JOB_HELD) && job->prediction_id &&
	       !job->prediction_over && !job->cancel_owed && !job->link;
}

void unseen_watch(struct unseen *u, const struct job *job, bool gone)
{
	bool runs = !gone && runs_unseen(job);

	list_each_safe (p, tmp, &u->all) {
		if (list_entry(p, struct one, in)->number != job->number)
			continue;
		if (!runs)
			forget(u, p);
		return;
	}
	if (runs && job->since_ms) /* polled by this run: no clock that is set matters */
		add(u, job->since_ms + u->deadline_ms - world_mono_ms(u->world), job->number);
	else if (runs)
		unseen_add(u, job->submitted_ms, job->number);
}

static struct one *first(struct unseen *u)
{
	int64_t now = world_mono_ms(u->world);

	while (!list_empty(&u->all) && list_entry(u->all.next, struct one, in)->until_ms <= now)
		forget(u, u->all.next);
	return list_empty(&u->all) ? NULL : list_entry(u->all.next, struct one, in);
}

unsigned unseen_count(struct unseen *u)
{
	first(u);
	return u->count;
}

int64_t unseen_wait_ms(struct unseen *u)
{
	const struct one *one = first(u);

	return one ? one->until_ms - world_mono_ms(u->world) : -1;
}
