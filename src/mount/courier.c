/*
 * Open windows refresh by themselves: what changes in the views is told to the kernel, and so to
 * whoever watches, by system calls through the mount that a helper process makes.
 *
 * Happy path: the tree says that a name has appeared, changed or gone; that becomes an errand, and
 * errands run one after the other, each a call of the helper, or a few (courier_errands.c). A name
 * that comes, and a picture that becomes ready, is renamed into place from a hidden name: watchers
 * see MOVED_TO, and the kernel takes the inode that we give it. What changes behind a name is
 * touched (ATTRIB). A name that goes is removed (DELETE). We know the helper's own requests by its
 * process id, and only agree to what the present errand is about: to the helper a name that it was
 * sent to make is not yet there, and one that it was sent to remove is still there.
 *
 * Failures: what cannot be told is logged and left. A node whose change was not yet told may not be
 * kept by the kernel (courier_keeps). When the helper dies, or gets stuck, the errands wait for the
 * next one, which tells them all; while there is none nothing may be kept. An errand on which
 * several of them ended is left.
 *
 * On close the helper is killed; nothing is told any more.
 */
#include "pimagefs/courier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "courier_internal.h"
#include "pimagefs/log.h"

#define MOST_DEATHS 3
#define HIDDEN ".pimagefs."
#define PATIENCE_MS 100 /* of an answer that would rather not come before the news */
#define PAUSE_MS 10     /* in which nothing changes: who writes a thousand requests goes first */
#define LATE_MS 1000    /* so late the news comes at most, where there is no pause */

struct courier {
	struct courier_ground on;
	struct courier_process *process;
	bool up, stopped;
	struct errands errands;
	struct errand *now; /* the helper runs it; it is not in there */
	char hidden[32];
	unsigned told;
	struct node *file, *empty; /* what is "still there" */
	const struct node *hushed;
	const char *hushed_name;
	struct timer *soon;     /* the tree tells while it is changing */
	int64_t late_ms;        /* monotonic: of what is queued since the last start of one */
	struct timer *patience; /* of those who wait */
	struct list waiting;
	uint64_t done;    /* errands */
	uint64_t awaited; /* the last one of what the kernel may still have as it was */
	pid_t libfm;      /* 0: none has looked */
};

/* --- what is to be told --- */

/* What the kernel may have as it was is told at once, all else in the next pause. */
static void start_soon(struct courier *c)
{
	const struct world *world = c->on.world;
	int64_t now = world_mono_ms(world), pause = PAUSE_MS;

	if (!world->timer_runs(c->soon))
		c->late_ms = now + LATE_MS;
	if (c->awaited > c->done)
		pause = 0;
	else if (now + pause > c->late_ms)
		pause = c->late_ms - now;
	world->timer_start(c->soon, pause);
}

/* Nobody waits for the news of what the kernel would ask us for anyway. */
static void await(struct courier *c, struct node *node, const struct errand *a)
{
	if (node->kept && a->turn > c->awaited)
		c->awaited = a->turn;
	node->kept = false;
}

static void queue(struct courier *c, const struct entry *entry, enum courier_op op, bool anew)
{
	struct errand *a = errands_add(&c->errands, entry, op, anew);

	if (!a) {
		log_warn("out of memory: open windows may not show %s", entry->name);
		return;
	}
	await(c, entry->node, a);
	entry->node->untold = op != COURIER_UNLINK && op != COURIER_RMDIR;
	start_soon(c);
}

/* --- who waits until all is told --- */

struct waiter {
	struct list in;
	void (*fn)(void *data);
	void *data;
	uint64_t until; /* so many errands are done */
};

static void wake(struct courier *c, uint64_t done)
{
	while (!list_empty(&c->waiting)) {
		struct waiter *w = list_entry(c->waiting.next, struct waiter, in);
		struct waiter copy = *w;

		if (copy.until > done)
			return;
		list_remove(&w->in);
		free(w);
		copy.fn(copy.data);
	}
	c->on.world->timer_stop(c->patience);
}

static void on_patience(void *data)
{
	wake(data, UINT64_MAX);
}

bool courier_after(struct courier *c, void (*fn)(void *data), void *data)
{
	struct waiter *w;

	if (!c || !c->up || c->stopped || c->done >= c->awaited)
		return false;
	w = malloc(sizeof(*w));
	if (!w)
		return false;
	*w = (struct waiter){ .fn = fn, .data = data, .until = c->awaited };
	if (list_empty(&c->waiting))
		c->on.world->timer_start(c->patience, PATIENCE_MS);
	list_append(&c->waiting, &w->in);
	return true;
}

/* --- running them --- */

static void finish(struct courier *c)
{
	errand_free(c->now);
	c->now = NULL;
	c->done++;
	wake(c, c->done);
}

static int hide(struct courier *c, const struct errand *a, struct buf *out)
{
	snprintf(c->hidden, sizeof(c->hidden), HIDDEN "%u", ++c->told);
	return buf_printf(out, "%.*s%s", (int)(a->name - a->path), a->path, c->hidden);
}

static int call(struct courier *c, const struct errand *a)
{
	struct buf hidden = BUF_INIT;
	int r = a->op == COURIER_MOVE ? hide(c, a, &hidden) : 0;

	if (r == 0)
		r = courier_process_send(c->process, a->op, a->path, buf_text(&hidden));
	buf_release(&hidden);
	return r;
}

static void run_next(struct courier *c)
{
	while (c->up && !c->now && !c->stopped && !errands_are_none(&c->errands)) {
		struct errand *a = c->now = errands_take(&c->errands);

		if (!errand_begins(a, courier_libfm_runs(c->libfm)) || call(c, a) < 0)
			finish(c);
	}
}

static void on_soon(void *data)
{
	run_next(data);
}

/* --- what the tree says --- */

static bool is_view(const struct node *folder)
{
	return folder->area != AREA_ROOT && folder->area != AREA_REQUESTS &&
	       folder->area != AREA_CONTROL;
}

static void on_change(struct courier *c, const struct entry *entry)
{
	struct node *node = entry->node;
	bool picture = node->kind == NODE_PICTURE;
	int version = c->on.version(node);

	if (version >= 0 && version == node->version)
		return;
	node->version = version;
	queue(c, entry, picture ? COURIER_MOVE : COURIER_TOUCH, picture);
}

static void on_tree(enum tree_change change, const struct entry *entry, void *data)
{
	struct courier *c = data;
	bool folder = entry->node->kind == NODE_FOLDER;

	/* Before the first helper is up nothing is kept, so nothing need be told. */
	if (c->stopped || !c->process || !is_view(entry->folder))
		return;
	switch (change) {
	case TREE_APPEARED:
		entry->node->version = c->on.version(entry->node);
		queue(c, entry, COURIER_MOVE, false);
		break;
	case TREE_CHANGED:
		on_change(c, entry);
		break;
	case TREE_GONE:
		if (entry->folder != c->hushed || strcmp(entry->name, c->hushed_name) != 0)
			queue(c, entry, folder ? COURIER_RMDIR : COURIER_UNLINK, false);
	}
}

void courier_listed(struct courier *c, const struct node *folder, pid_t pid)
{
	pid_t libfm = c && is_view(folder) ? courier_libfm_of(pid) : 0;

	if (libfm)
		c->libfm = libfm;
}

void courier_hush(struct courier *c, const struct node *folder, const char *name)
{
	if (!c)
		return;
	c->hushed = name ? folder : NULL;
	c->hushed_name = name;
}

bool courier_keeps(const struct courier *c, struct node *node)
{
	bool keeps = c && c->up && !c->stopped && !node->untold;

	node->kept = node->kept || keeps;
	return keeps;
}

/* --- what the helper is answered --- */

bool courier_is(const struct courier *c, pid_t pid)
{
	return c && !c->stopped && courier_process_is(c->process, pid);
}

static bool is_about(const struct courier *c, const struct node *folder, const char *name)
{
	return c->now && c->now->folder == folder && strcmp(c->now->name, name) == 0;
}

static bool is_hidden(const struct courier *c, const struct node *folder, const char *name)
{
	return c->now && c->now->op == COURIER_MOVE && c->now->folder == folder &&
	       strcmp(c->hidden, name) == 0;
}

/* The folder of a name that goes may itself have gone. */
static bool is_folder_of(const struct courier *c, const struct node *above, const char *name)
{
	size_t size = strlen(name);
	const char *end;

	if (!c->now || !c->now->above || c->now->above != above)
		return false;
	end = c->now->name - 1; /* the slash before the name */
	return (size_t)(end - c->now->path) >= size && strncmp(end - size, name, size) == 0 &&
	       (end - size == c->now->path || end[-(ptrdiff_t)size - 1] == '/');
}

int courier_lookup(struct courier *c, const struct node *folder, const char *name,
		   struct node **out)
{
	struct entry *entry = c->now ? errand_entry(c->now) : NULL;

	if (is_hidden(c, folder, name)) {
		if (!entry)
			return -ENOENT;
		/* From now on the kernel has it as it is. */
		entry->node->untold = false;
		*out = entry->node;
		return 0;
	}
	if (is_about(c, folder, name)) {
		if (c->now->op == COURIER_MOVE || c->now->op == COURIER_FOLDER)
			return -ENOENT;
		if (c->now->op == COURIER_TOUCH)
			return -EAGAIN;
		*out = c->now->op == COURIER_RMDIR ? c->empty : c->file;
		return 0;
	}
	if (is_folder_of(c, folder, name) && !tree_entry(folder, name)) {
		*out = c->now->folder;
		return 0;
	}
	return -EAGAIN;
}

int courier_commits(struct courier *c, const struct node *folder, const char *name,
		    struct node **out)
{
	struct entry *entry = c->now ? errand_entry(c->now) : NULL;

	if (!is_about(c, folder, name))
		return -EPERM;
	if (out && !entry)
		return -ENOENT;
	if (out) {
		entry->node->untold = false;
		*out = entry->node;
	}
	return 0;
}

int courier_touches(struct courier *c, struct node *node)
{
	struct entry *entry = c->now ? errand_entry(c->now) : NULL;

	if (!entry || entry->node != node || c->now->op != COURIER_TOUCH)
		return -EPERM;
	node->untold = c->now->anew; /* then more is to come */
	return 0;
}

/* --- the helper --- */

static void on_up(void *data)
{
	struct courier *c = data;

	c->up = true;
	log_debug("open windows are refreshed by process %d", (int)courier_process_pid(c->process));
	run_next(c);
}

static void on_answered(int r, void *data)
{
	struct courier *c = data;

	if (!c->now)
		return;
	if (r < 0)
		log_debug("open windows were not told of %s: %s", c->now->path, strerror(-r));
	if (errand_goes_on(c->now) && call(c, c->now) == 0)
		return;
	finish(c);
	run_next(c);
}

static void on_down(void *data)
{
	struct courier *c = data;
	struct errand *a = c->now;

	c->up = false;
	c->now = NULL;
	wake(c, UINT64_MAX);
	if (!a)
		return;
	/* The next one tells it: else the kernel would keep for a day what is no longer so. */
	if (++a->deaths >= MOST_DEATHS || errands_put_back(&c->errands, a) < 0) {
		errand_free(a);
		c->done++;
	}
}

/* --- life --- */

int courier_new(struct courier **out, const struct courier_ground *ground)
{
	static const struct courier_events events = { on_up, on_answered, on_down };
	struct courier *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (!c)
		return r;
	c->on = *ground;
	list_init(&c->waiting);
	c->soon = ground->world->timer_new(ground->world->self, on_soon, c);
	c->patience = ground->world->timer_new(ground->world->self, on_patience, c);
	if (errands_init(&c->errands) == 0 && c->soon && c->patience)
		r = tree_make(ground->tree, NODE_TEXT, AREA_IMAGES, 0644, &c->file);
	if (r == 0)
		r = tree_make(ground->tree, NODE_FOLDER, AREA_IMAGES, 0755, &c->empty);
	if (r == 0)
		r = tree_listen(ground->tree, on_tree, c);
	if (r == 0)
		r = courier_process_new(&c->process, &c->on, &events, c);
	if (r < 0) {
		c->stopped = true; /* the tree may know it already: it stays, and does nothing */
		log_warn("open windows are not refreshed: %s", strerror(-r));
	}
	*out = c;
	return 0;
}

static void stop_timers(struct courier *c)
{
	c->on.world->timer_free(c->soon);
	c->on.world->timer_free(c->patience);
	c->soon = c->patience = NULL;
}

void courier_stop(struct courier *c)
{
	if (!c || c->stopped)
		return;
	wake(c, UINT64_MAX);
	c->stopped = true;
	courier_process_stop(c->process);
	stop_timers(c);
}

void courier_free(struct courier *c)
{
	if (!c)
		return;
	courier_stop(c);
	stop_timers(c);
	errands_release(&c->errands);
	errand_free(c->now);
	node_unpin(c->file);
	node_unpin(c->empty);
	courier_process_free(c->process);
	free(c);
}
