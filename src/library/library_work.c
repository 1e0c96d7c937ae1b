/*
 * library_work: work on the library's disk beside the loop, and what is known of that disk.
 *
 * Happy path: works begin in their order, two at a time, so that the pool's other threads are never
 * all taken; each ends on the loop. How much room there is and whether names can be made is asked
 * by a work of its own, at most once a second, and remembered.
 *
 * Failures: a disk that does not answer holds the works that wait for it and nobody else; it counts
 * as not known to be well after LIBRARY_PATIENCE_MS. What cannot even begin is done with its errno.
 *
 * On close those that wait are done at once; those under way end when the disk lets them, or with
 * the process.
 */
#include <errno.h>
#include <stdlib.h>

#include "library_internal.h"
#include "pimagefs/world.h"

#define MOST_WORKS 2
#define KNOWN_FOR_MS 1000

static int64_t now_ms(const struct library *l)
{
	return world_mono_ms(l->world);
}

/* --- works --- */

static void begin_next(struct library *l);

static void let_go(struct library *l)
{
	if (l->closing && !l->under_way && !l->look.asking)
		library_free(l);
}

static void run(void *data)
{
	struct library_work *w = data;

	w->run(w);
}

static void finish(void *data)
{
	struct library_work *w = data;
	struct library *l = w->library;

	l->under_way--;
	w->done(w, 0);
	begin_next(l);
	let_go(l);
}

static struct library_work *take(struct library *l)
{
	struct library_work *w = list_entry(l->works.next, struct library_work, in);

	list_remove(&w->in);
	return w;
}

static void begin_next(struct library *l)
{
	while (l->under_way < MOST_WORKS && !list_empty(&l->works)) {
		struct library_work *w = take(l);
		int r;

		l->under_way++;
		r = l->world->work(l->world->self, run, finish, w);
		if (r == 0)
			continue;
		/* Not from inside library_work: its caller may not be ready. */
		l->under_way--;
		list_insert_before(l->works.next, &w->in);
		l->world->timer_start(l->again, 10);
		return;
	}
}

static void on_again(void *data)
{
	begin_next(data);
}

void library_work(struct library *l, struct library_work *w)
{
	w->library = l;
	list_append(&l->works, &w->in);
	begin_next(l);
}

bool library_works(const struct library *l)
{
	return l->under_way || l->look.asking || !list_empty(&l->works);
}

/* --- how the disk is --- */

static void look(struct library *l)
{
	const struct disk *d = l->disk;

	l->look.found = d->may_write(d, l->root);
	l->look.found_fs = d->statvfs(d, l->root, &l->look.fs_then);
}

static void look_beside(void *data)
{
	look(data);
}

static void take_look(struct library *l)
{
	l->look.may_write = l->look.found;
	l->look.has_fs = l->look.found_fs;
	l->look.fs = l->look.fs_then;
	l->look.at_ms = now_ms(l);
}

static void tell(struct library *l)
{
	for (unsigned i = 0; i < l->listeners; i++)
		l->listener[i].fn(l->listener[i].data);
}

static void on_looked(void *data)
{
	struct library *l = data;

	l->look.asking = false;
	if (l->closing) {
		let_go(l);
		return;
	}
	l->world->timer_stop(l->patience);
	take_look(l);
	tell(l);
}

/* That the time is over the timer says, not the clock: by that it may be early, and it comes once.
 */
static void on_patience(void *data)
{
	struct library *l = data;

	l->look.silent = true;
	tell(l);
}

static bool is_silent(const struct library *l)
{
	return l->look.asking && l->look.silent;
}

bool library_is_known(struct library *l)
{
	if (!l->patience || (!l->look.asking && now_ms(l) - l->look.at_ms < KNOWN_FOR_MS))
		return true;
	if (!l->look.asking) {
		if (l->world->work(l->world->self, look_beside, on_looked, l) < 0)
			return true; /* by what was known before */
		l->look.asking = true;
		l->look.silent = false;
		l->world->timer_start(l->patience, LIBRARY_PATIENCE_MS);
	}
	return is_silent(l);
}

int library_may_write(const struct library *l, int64_t min_free_bytes)
{
	const struct statvfs *fs = &l->look.fs;
	int r = l->look.may_write;

	if (is_silent(l))
		return -ETIMEDOUT;
	if (!r)
		r = l->look.has_fs;
	if (r)
		return r == -EACCES ? -EROFS : r;
	if (fs->f_flag & ST_RDONLY)
		return -EROFS;
	/* In blocks, because a large filesystem has more bytes than an integer holds. */
	if (min_free_bytes > 0 && fs->f_frsize &&
	    fs->f_bavail < ((uint64_t)min_free_bytes + fs->f_frsize - 1) / fs->f_frsize)
		return -ENOSPC;
	return 0;
}

int library_statvfs(struct library *l, struct statvfs *out)
{
	library_is_known(l); /* asks, where it is time to; the next one hears of it */
	if (!l->look.has_fs)
		*out = l->look.fs;
	return l->look.has_fs;
}

int library_listen(struct library *l, void (*fn)(void *data), void *data)
{
	if (l->listeners == LIBRARY_LISTENERS)
		return -ENOMEM;
	l->listener[l->listeners].fn = fn;
	l->listener[l->listeners].data = data;
	l->listeners++;
	return 0;
}

/* --- life --- */

void library_work_init(struct library *l)
{
	list_init(&l->works);
	look(l);
	l->look.may_write = l->look.found;
	l->look.has_fs = l->look.found_fs;
	l->look.fs = l->look.fs_then;
}

int library_start(struct library *l)
{
	const struct world *w = l->world;

	l->again = w->timer_new(w->self, on_again, l);
	l->patience = w->timer_new(w->self, on_patience, l);
	take_look(l);
	return l->again && l->patience ? 0 : -ENOMEM;
}

void library_work_release(struct library *l)
{
	l->closing = true;
	l->listeners = 0;
	l->world->timer_free(l->again);
	l->world->timer_free(l->patience);
	while (!list_empty(&l->works)) {
		struct library_work *w = take(l);

		w->done(w, -ECANCELED);
	}
	let_go(l);
}
