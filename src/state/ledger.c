/*
 * Dirty things and the group commit, as redis writes its log before it replies.
 *
 * Happy path: handlers of this turn mark jobs and files dirty and record small changes; the hook
 * before the loop sleeps writes them in one transaction and then calls those who waited. They may
 * dirty more (a create that may go out now changes its job), so it goes round until nothing is
 * left. While several wait at once, the next commit gathers for a moment.
 *
 * Failures: the transaction is rolled back, everything stays dirty, those who waited get the errno,
 * and a timer tries again; so a full disk loses nothing that memory still holds. Repeats of the
 * same failure are logged once.
 *
 * On close: one last commit; whoever waits is answered with its result.
 */
#include "pimagefs/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/job.h"
#include "pimagefs/log.h"
#include "pimagefs/store.h"
#include "pimagefs/world.h"

#define RETRY_MS 1000
#define LATER_MS 20
#define GATHER_MS 2
#define ROUNDS 16

enum change_kind {
	CHANGE_FORGET_JOB,
	CHANGE_FORGET_FILE,
	CHANGE_FOLDER,
	CHANGE_FORGET_FOLDER,
	CHANGE_CREATE,
	CHANGE_FACT
};

struct change {
	struct list in;
	enum change_kind kind;
	uint64_t number;
	int64_t time, before;
	unsigned mode;
	const char *value; /* points into text; NULL: none */
	char text[];
};

struct waiter {
	struct list in;
	void (*fn)(int r, void *data);
	void *data;
};

struct ledger {
	const struct world *world;
	struct hook *hook;
	struct timer *timer;
	struct store *store;
	struct list items, changes, waiters;
	bool stopped;
	bool pressing; /* something dirty is not to wait for others */
	bool crowded;  /* the last who waited were several: more are to be expected */
	int64_t committed_ms;
	int health;
	uint64_t commits;
};

static int change_write(struct store *s, const struct change *c)
{
	struct store_folder folder = { .path = c->text, .mode = c->mode, .mtime_ns = c->time };
	int r;

	switch (c->kind) {
	case CHANGE_FORGET_JOB:
		return store_delete_job(s, c->number);
	case CHANGE_FORGET_FILE:
		return store_delete_file(s, c->number);
	case CHANGE_FOLDER:
		return store_put_folder(s, &folder);
	case CHANGE_FORGET_FOLDER:
		return store_delete_folder(s, c->text);
	case CHANGE_CREATE:
		r = store_add_create(s, c->time);
		return r < 0 ? r : store_prune_creates(s, c->before);
	case CHANGE_FACT:
		return store_put_fact(s, c->text, c->value);
	}
	return -EINVAL;
}

static int write_all(struct ledger *l)
{
	int r = store_begin(l->store);

	list_each (p, &l->changes)
		if (r == 0)
			r = change_write(l->store, list_entry(p, struct change, in));
	list_each (p, &l->items) {
		struct ledger_item *item = list_entry(p, struct ledger_item, in);

		if (r == 0)
			r = item->write(l->store, item);
	}
	if (r == 0)
		r = store_commit(l->store);
	if (r < 0)
		store_rollback(l->store);
	/* A database that breaks while it is in use is a disk that fails. */
	return r == -EUCLEAN ? -EIO : r;
}

static bool is_clean(const struct ledger *l)
{
	return list_empty(&l->items) && list_empty(&l->changes);
}

static void forget_written(struct ledger *l)
{
	list_each_safe (p, tmp, &l->changes) {
		list_remove(p);
		free(list_entry(p, struct change, in));
	}
	list_each_safe (p, tmp, &l->items)
		list_remove(p);
}

static void answer_waiters(struct ledger *l, int r)
{
	struct list now;

	if (list_empty(&l->waiters))
		return;
	l->crowded = l->waiters.next != l->waiters.prev;
	now = l->waiters; /* those who come while we answer wait for the next commit */
	now.next->prev = &now;
	now.prev->next = &now;
	list_init(&l->waiters);
	list_each_safe (p, tmp, &now) {
		struct waiter *w = list_entry(p, struct waiter, in);

		list_remove(p);
		w->fn(r, w->data);
		free(w);
	}
}

static void set_health(struct ledger *l, int r)
{
	if (r < 0 && r != l->health)
		log_error("the state folder cannot be written: %s; trying again", strerror(-r));
	if (r == 0 && l->health < 0)
		log_info("the state folder can be written again");
	l->health = r;
}

/* What became of all that was dirty before it; who waited may add more, which may fail alone. */
static int commit(struct ledger *l)
{
	int r = l->stopped ? -ECANCELED : 0, first = r;

	if (r)
		answer_waiters(l, r);
	for (int round = 0; round < ROUNDS && r == 0; round++) {
		if (is_clean(l) && l->health < 0)
			set_health(l, 0); /* what could not be written is no longer wanted */
		if (is_clean(l) && list_empty(&l->waiters))
			return first;
		if (!is_clean(l)) {
			r = write_all(l);
			set_health(l, r);
			if (r == 0) {
				l->pressing = false;
				l->committed_ms = world_mono_ms(l->world);
				l->commits++;
				forget_written(l);
			}
		}
		if (round == 0)
			first = r;
		answer_waiters(l, r);
	}
	if (!is_clean(l) && !l->stopped)
		l->world->timer_start(l->timer, RETRY_MS);
	return first;
}

static void on_timer(void *data)
{
	commit(data);
}

/* While many write at once, a moment's wait makes one transaction of many; a single writer never
 * waits. */
static bool is_due(struct ledger *l)
{
	if (!l->pressing && list_empty(&l->waiters))
		return false;
	if (!l->crowded || world_mono_ms(l->world) - l->committed_ms >= GATHER_MS)
		return true;
	l->world->timer_start(l->timer, GATHER_MS);
	return false;
}

static void before_sleep(void *data)
{
	struct ledger *l = data;

	/* After a failure dirty things wait for the timer, or for someone new who must be told. */
	if (l->health < 0 && !is_clean(l) && list_empty(&l->waiters))
		return;
	if (l->health == 0 && !is_due(l))
		return;
	commit(l);
}

int ledger_new(struct ledger **out, const struct world *world, struct store *store)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->world = world;
	l->store = store;
	list_init(&l->items);
	list_init(&l->changes);
	list_init(&l->waiters);
	l->timer = world->timer_new(world->self, on_timer, l);
	l->hook = world->hook_new(world->self, before_sleep, l);
	if (!l->timer || !l->hook) {
		ledger_free(l);
		return -ENOMEM;
	}
	*out = l;
	return 0;
}

void ledger_stop(struct ledger *l)
{
	if (!l || l->stopped)
		return;
	commit(l);
	if (!is_clean(l))
		log_error(
			"the state folder could not be written to the end (%s): what changed since "
			"is lost",
			strerror(-l->health));
	l->stopped = true;
	answer_waiters(l, -ECANCELED);
	forget_written(l);
}

void ledger_free(struct ledger *l)
{
	if (!l)
		return;
	ledger_stop(l);
	answer_waiters(l, -ECANCELED);
	forget_written(l);
	l->world->hook_free(l->hook);
	l->world->timer_free(l->timer);
	free(l);
}

static void add(struct ledger *l, struct ledger_item *item)
{
	if (!list_linked(&item->in))
		list_append(&l->items, &item->in);
}

void ledger_dirty(struct ledger *l, struct ledger_item *item)
{
	l->pressing = true;
	add(l, item);
}

void ledger_job(struct ledger *l, struct job *job)
{
	ledger_dirty(l, &job->item);
}

static void commit_later(struct ledger *l)
{
	if (!l->world->timer_runs(l->timer))
		l->world->timer_start(l->timer, LATER_MS);
}

void ledger_dirty_later(struct ledger *l, struct ledger_item *item)
{
	add(l, item);
	commit_later(l);
}

/* Record a copy of what is given; 0 or -ENOMEM. */
static int record(struct ledger *l, const struct change *given, const char *text, const char *value)
{
	size_t text_size = strlen(text) + 1, value_size = value ? strlen(value) + 1 : 0;
	struct change *c = malloc(sizeof(*c) + text_size + value_size);

	if (!c)
		return -ENOMEM;
	*c = *given;
	memcpy(c->text, text, text_size);
	c->value = value ? memcpy(c->text + text_size, value, value_size) : NULL;
	list_append(&l->changes, &c->in);
	/* rm -r of a thousand is not to be a thousand commits; who cancels by it syncs. */
	if (c->kind == CHANGE_FORGET_JOB || c->kind == CHANGE_FORGET_FILE ||
	    c->kind == CHANGE_FORGET_FOLDER)
		commit_later(l);
	else
		l->pressing = true;
	return 0;
}

int ledger_forget_job(struct ledger *l, struct job *job)
{
	const struct change c = { .kind = CHANGE_FORGET_JOB, .number = job->number };

	list_remove(&job->item.in);
	return record(l, &c, "", NULL);
}

int ledger_forget_file(struct ledger *l, struct ledger_item *item, uint64_t number)
{
	const struct change c = { .kind = CHANGE_FORGET_FILE, .number = number };

	list_remove(&item->in);
	return record(l, &c, "", NULL);
}

int ledger_folder(struct ledger *l, const char *path, unsigned mode, int64_t mtime_ns)
{
	const struct change c = { .kind = CHANGE_FOLDER, .mode = mode, .time = mtime_ns };

	return record(l, &c, path, NULL);
}

int ledger_forget_folder(struct ledger *l, const char *path)
{
	const struct change c = { .kind = CHANGE_FORGET_FOLDER };

	return record(l, &c, path, NULL);
}

int ledger_create_sent(struct ledger *l, int64_t wall_ms, int64_t forget_before_ms)
{
	const struct change c = { .kind = CHANGE_CREATE,
				  .time = wall_ms,
				  .before = forget_before_ms };

	return record(l, &c, "", NULL);
}

int ledger_fact(struct ledger *l, const char *name, const char *value)
{
	const struct change c = { .kind = CHANGE_FACT };

	return record(l, &c, name, value);
}

int ledger_after(struct ledger *l, void (*fn)(int r, void *data), void *data)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->fn = fn;
	w->data = data;
	list_append(&l->waiters, &w->in);
	return 0;
}

int ledger_sync(struct ledger *l)
{
	return commit(l);
}

int ledger_health(const struct ledger *l)
{
	return l->health;
}

uint64_t ledger_commits(const struct ledger *l)
{
	return l->commits;
}
