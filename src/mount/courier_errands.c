/*
 * What open windows are still to be told of, a name once, in the order in which it came up; and the
 * calls that tell it.
 *
 * Happy path: a change becomes an errand, or part of the one that its name has already; the first
 * is taken when the helper is free, and says then whether it still makes sense. It is one call. A
 * picture that becomes ready is three where PCManFM looks (courier_libfm.c says why): its name goes
 * (DELETE), is touched (ATTRIB), and comes (MOVED_TO). The touch is for libfm: a name that it hears
 * of as gone and as come before it has looked is to it a file that has changed, and so the same
 * one; one that is gone and has changed is gone, and looked for anew.
 *
 * Failures: without memory a change is not told, and the caller says so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "courier_internal.h"
#include "pimagefs/map.h"

void errand_free(struct errand *a)
{
	if (!a)
		return;
	node_unpin(a->folder);
	free(a->path);
	free(a);
}

static int path_of(const struct node *folder, struct buf *out)
{
	int r;

	if (!folder->home)
		return 0;
	r = path_of(folder->home->folder, out);
	return r < 0 ? r : buf_printf(out, "%s/", folder->home->name);
}

static struct errand *errand_new(const struct entry *entry, enum courier_op op, bool anew)
{
	struct errand *a = calloc(1, sizeof(*a));
	struct buf path = BUF_INIT;
	size_t folder;

	if (!a || path_of(entry->folder, &path) < 0)
		goto fail;
	folder = path.size;
	if (buf_puts(&path, entry->name) < 0)
		goto fail;
	a->op = op;
	a->anew = anew;
	a->path = path.data;
	a->name = a->path + folder;
	a->folder = entry->folder;
	a->above = entry->folder->home ? entry->folder->home->folder : NULL;
	node_pin(a->folder);
	return a;
fail:
	buf_release(&path);
	free(a);
	return NULL;
}

/* Of a name of which something was to be told already; its folder may be another one by now. */
static void merge(struct errand *before, struct errand *a)
{
	struct node *folder = before->folder;

	before->op = a->op == COURIER_TOUCH ? before->op : a->op;
	before->anew = before->anew || a->anew;
	before->folder = a->folder;
	before->above = a->above;
	a->folder = folder;
	errand_free(a);
}

struct errand *errands_add(struct errands *e, const struct entry *entry, enum courier_op op,
			   bool anew)
{
	struct errand *a = errand_new(entry, op, anew);
	struct errand *before = a ? map_get(e->by_path, a->path) : NULL;

	if (before) {
		merge(before, a);
		return before;
	}
	if (!a)
		return NULL;
	if (map_set(e->by_path, a->path, a) < 0) {
		errand_free(a);
		return NULL;
	}
	list_append(&e->all, &a->in);
	a->turn = ++e->given;
	return a;
}

int errands_put_back(struct errands *e, struct errand *a)
{
	struct errand *later = map_get(e->by_path, a->path);
	int r = later ? -EEXIST : map_set(e->by_path, a->path, a);

	if (a->anew)
		a->op = COURIER_MOVE; /* from the beginning */
	if (r == 0)
		list_insert_before(e->all.next, &a->in);
	if (later && later->op == COURIER_TOUCH)
		later->op = a->op; /* a touch does not take the name to another node */
	if (later)
		later->anew = later->anew || a->anew;
	return r;
}

bool errands_are_none(const struct errands *e)
{
	return list_empty(&e->all);
}

struct errand *errands_take(struct errands *e)
{
	struct errand *a = list_entry(e->all.next, struct errand, in);

	list_remove(&a->in);
	map_remove(e->by_path, a->path);
	return a;
}

struct entry *errand_entry(const struct errand *a)
{
	struct entry *entry = tree_entry(a->folder, a->name);

	return entry && entry->listed ? entry : NULL;
}

bool errand_begins(struct errand *a, bool anew)
{
	const struct entry *entry = errand_entry(a);
	bool goes = a->op == COURIER_UNLINK || a->op == COURIER_RMDIR;

	a->anew = anew && a->anew && a->op == COURIER_MOVE;
	if (goes || !entry)
		return goes && !entry;
	if (entry->node->kind == NODE_FOLDER)
		a->op = entry->node->lookups ? COURIER_TOUCH : COURIER_FOLDER;
	else if (a->anew)
		a->op = COURIER_UNLINK;
	return true;
}

bool errand_goes_on(struct errand *a)
{
	if (!a->anew)
		return false;
	a->op = a->op == COURIER_UNLINK ? COURIER_TOUCH : COURIER_MOVE;
	a->anew = a->op != COURIER_MOVE;
	return true;
}

int errands_init(struct errands *e)
{
	list_init(&e->all);
	e->given = 0;
	e->by_path = map_new();
	return e->by_path ? 0 : -ENOMEM;
}

void errands_release(struct errands *e)
{
	while (!list_empty(&e->all))
		errand_free(errands_take(e));
	map_free(e->by_path);
}
