/*
 * The mounted tree as a disk would keep it: nodes with numbers, and folders whose entries name
 * them.
 *
 * Happy path: tree_make a node, tree_link it under a name, the kernel looks it up (lookups) or we
 * hold it (pins); tree_unlink takes the name away, and the node is freed when names, lookups and
 * pins are all gone. Numbers only ever grow, so that a number that the kernel still remembers never
 * means something else.
 *
 * Who listens (views, and whoever has to wake watchers) hears of each listed name that appears,
 * changes or goes.
 *
 * Failures: only -ENOMEM and the collisions that the header names; nothing is half done.
 * On close tree_free lets everything go at once, for the kernel sends no forgets after an unmount.
 */
#include "pimagefs/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/map.h"
#include "pimagefs/world.h"

#define LISTENERS 8

struct tree {
	const struct world *world;
	struct map *nodes; /* by ino */
	struct node *root;
	uint64_t last_ino;
	unsigned requests; /* nodes of that area */
	size_t held;
	void (*freed)(struct node *node, void *data);
	void *freed_data;
	struct {
		tree_fn fn;
		void *data;
	} listener[LISTENERS];
	unsigned listeners;
};

static void tell(enum tree_change change, const struct entry *entry)
{
	const struct tree *t = entry->node->tree;

	for (unsigned i = 0; i < t->listeners && entry->listed; i++)
		t->listener[i].fn(change, entry, t->listener[i].data);
}

int tree_listen(struct tree *t, tree_fn fn, void *data)
{
	if (t->listeners == LISTENERS)
		return -ENOMEM;
	t->listener[t->listeners].fn = fn;
	t->listener[t->listeners].data = data;
	t->listeners++;
	return 0;
}

static void node_free(struct node *node)
{
	struct tree *t = node->tree;

	map_remove_u64(t->nodes, node->ino);
	t->requests -= node->area == AREA_REQUESTS;
	if (t->freed)
		t->freed(node, t->freed_data);
	map_free(node->names);
	free(node);
}

static void node_settle(struct node *node)
{
	if (!node->links && !node->lookups && !node->pins && node != node->tree->root)
		node_free(node);
}

struct tree *tree_new(const struct world *world, void (*freed)(struct node *node, void *data),
		      void *data)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->world = world;
	t->freed = freed;
	t->freed_data = data;
	t->nodes = map_new();
	if (!t->nodes || tree_make(t, NODE_FOLDER, AREA_ROOT, 0755, &t->root) < 0) {
		map_free(t->nodes);
		free(t);
		return NULL;
	}
	return t;
}

static int free_any(void *value, void *data)
{
	struct node *node = value;

	(void)data;
	if (node->names)
		list_each_safe (l, tmp, &node->order)
			free(list_entry(l, struct entry, in_folder));
	node_free(node);
	return 0;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	map_each(t->nodes, free_any, NULL);
	map_free(t->nodes);
	free(t);
}

struct node *tree_root(const struct tree *t)
{
	return t->root;
}

struct node *tree_node(const struct tree *t, uint64_t ino)
{
	return map_get_u64(t->nodes, ino);
}

void tree_hold(struct tree *t, size_t before, size_t now)
{
	t->held += now - before;
}

size_t tree_held(const struct tree *t)
{
	return t->held;
}

unsigned tree_requests(const struct tree *t)
{
	return t->requests;
}

int tree_make(struct tree *t, enum node_kind kind, enum node_area area, unsigned mode,
	      struct node **out)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return -ENOMEM;
	node->tree = t;
	node->ino = t->last_ino + 1;
	node->kind = kind;
	node->area = area;
	node->mode = mode;
	node->pins = 1;
	node_touch(node, world_wall_ms(t->world) * 1000000);
	list_init(&node->order);
	list_init(&node->entries);
	if (kind == NODE_FOLDER && !(node->names = map_new()))
		goto fail;
	if (map_set_u64(t->nodes, node->ino, node) < 0)
		goto fail;
	t->last_ino++;
	t->requests += area == AREA_REQUESTS;
	*out = node;
	return 0;
fail:
	map_free(node->names);
	free(node);
	return -ENOMEM;
}

int tree_link(struct node *folder, const char *name, struct node *node, bool listed,
	      struct entry **out)
{
	size_t size = strlen(name) + 1;
	struct entry *e;

	if (map_get(folder->names, name))
		return -EEXIST;
	e = malloc(sizeof(*e) + size);
	if (!e)
		return -ENOMEM;
	memcpy(e->name, name, size);
	e->folder = folder;
	e->node = node;
	e->listed = listed;
	if (map_set(folder->names, name, e) < 0) {
		free(e);
		return -ENOMEM;
	}
	list_append(&folder->order, &e->in_folder);
	list_append(&node->entries, &e->in_node);
	node->links++;
	if (!node->home)
		node->home = e;
	if (node->kind == NODE_FOLDER)
		folder->folders++;
	node_pin(folder); /* a folder outlives its entries */
	if (out)
		*out = e;
	tell(TREE_APPEARED, e);
	return 0;
}

void tree_list(struct entry *entry, bool listed)
{
	if (entry->listed == listed)
		return;
	if (!listed)
		tell(TREE_GONE, entry);
	entry->listed = listed;
	if (listed)
		tell(TREE_APPEARED, entry);
}

void tree_unlink(struct entry *entry)
{
	struct node *node, *folder;

	if (!entry)
		return;
	tell(TREE_GONE, entry);
	node = entry->node;
	folder = entry->folder;
	map_remove(folder->names, entry->name);
	list_remove(&entry->in_folder);
	list_remove(&entry->in_node);
	if (node->kind == NODE_FOLDER)
		folder->folders--;
	if (node->home == entry)
		node->home = NULL;
	free(entry);
	node->links--;
	node_settle(node);
	node_unpin(folder);
}

void tree_prune(struct node *folder)
{
	while (folder->home && folder->home->folder->area == folder->area &&
	       !map_count(folder->names)) {
		struct entry *entry = folder->home;

		folder = entry->folder;
		tree_unlink(entry);
	}
}

int tree_rename(struct entry **entry, struct node *folder, const char *name)
{
	struct entry *old = *entry, *new;
	struct node *node = old->node;
	int r = tree_link(folder, name, node, old->listed, &new);

	if (r < 0)
		return r;
	if (node->home == old)
		node->home = new;
	tree_unlink(old);
	*entry = new;
	return 0;
}

struct entry *tree_entry(const struct node *folder, const char *name)
{
	return folder->names ? map_get(folder->names, name) : NULL;
}

bool tree_is_empty(const struct node *folder)
{
	list_each (l, &folder->order)
		if (list_entry(l, struct entry, in_folder)->listed)
			return false;
	return true;
}

bool tree_is_below(const struct node *node, const struct node *folder)
{
	while (node != folder && node->home)
		node = node->home->folder;
	return node == folder;
}

static int step_down(struct node *from, const char *name, bool make, unsigned mode,
		     struct node **out)
{
	struct entry *e = tree_entry(from, name);
	struct node *node;
	int r;

	if (e) {
		*out = e->node;
		return e->node->kind == NODE_FOLDER ? 0 : -ENOTDIR;
	}
	if (!make)
		return -ENOENT;
	r = tree_make(from->tree, NODE_FOLDER, from->area, mode, &node);
	if (r < 0)
		return r;
	r = tree_link(from, name, node, true, NULL);
	*out = node;
	node_unpin(node);
	return r;
}

int tree_walk(struct node *from, const char *path, bool make, unsigned mode, struct node **out)
{
	char *copy = strdup(path), *rest = copy, *name;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (name = strsep(&rest, "/")))
		if (*name)
			r = step_down(from, name, make, mode, &from);
	free(copy);
	if (r == 0)
		*out = from;
	return r;
}

int node_path(const struct node *node, struct buf *out)
{
	int r;

	if (!node->home)
		return 0;
	if (node->home->folder->area != AREA_ROOT && node->home->folder->home &&
	    node->home->folder->home->folder->area != AREA_ROOT) {
		r = node_path(node->home->folder, out);
		if (r < 0 || (r = buf_puts(out, "/")) < 0)
			return r;
	}
	return node->home->folder->area == AREA_ROOT ? 0 : buf_puts(out, node->home->name);
}

void node_lookup(struct node *node)
{
	node->lookups++;
}

void node_forget(struct node *node, uint64_t n)
{
	node->lookups -= n < node->lookups ? n : node->lookups;
	node_settle(node);
}

void node_pin(struct node *node)
{
	node->pins++;
}

void node_unpin(struct node *node)
{
	if (!node)
		return;
	node->pins--;
	node_settle(node);
}

void node_touch(struct node *node, int64_t now_ns)
{
	node->mtime_ns = now_ns;
	node->ctime_ns = now_ns;
}

void node_changed(struct node *node)
{
	node->made = false;
	list_each (p, &node->entries)
		tell(TREE_CHANGED, list_entry(p, struct entry, in_node));
}

static int snapshot_row(struct snapshot *s, const struct node *node, const char *name)
{
	struct snapshot_row *row = &s->rows[s->count];

	row->ino = node->ino;
	row->kind = node->kind;
	row->name = s->names.size;
	s->count++;
	return buf_append(&s->names, name, strlen(name) + 1);
}

int tree_snapshot(const struct node *folder, struct snapshot **out)
{
	const struct node *up = folder->home ? folder->home->folder : folder;
	struct snapshot *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	if (!s)
		return r;
	s->rows = calloc(map_count(folder->names) + 2, sizeof(*s->rows));
	if (!s->rows)
		goto out;
	r = snapshot_row(s, folder, ".");
	if (r == 0)
		r = snapshot_row(s, up, "..");
	list_each (l, &folder->order) {
		struct entry *e = list_entry(l, struct entry, in_folder);

		if (r == 0 && e->listed)
			r = snapshot_row(s, e->node, e->name);
	}
out:
	if (r < 0)
		snapshot_free(s);
	else
		*out = s;
	return r;
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	buf_release(&s->names);
	free(s->rows);
	free(s);
}
