/*
 * The disk under the library, in memory, in two states: as it is seen now, and as a power cut would
 * leave it.
 *
 * Happy path: a change of names is seen at once, and waits until a sync of its folder makes it last
 * (with those that it builds on).
 *
 * Failures: at a power cut each file loses what was not synced, or part of it, or nothing; of the
 * changes of names that were not synced those of each file survive up to some moment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"

/* --- names --- */

struct name *name_find(const struct names *l, int folder, const char *text)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].folder == folder && strcmp(l->at[i].text, text) == 0)
			return &l->at[i];
	return NULL;
}

static void name_drop(struct names *l, int folder, const char *text)
{
	struct name *n = name_find(l, folder, text);

	if (!n)
		return;
	free(n->text);
	memmove(n, n + 1, (size_t)(l->at + --l->n - n) * sizeof(*n));
}

static void name_set(struct names *l, int folder, const char *text, int inode)
{
	struct name *n = name_find(l, folder, text);

	if (n) {
		n->inode = inode;
		return;
	}
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 32;
		l->at = reallocarray(l->at, l->room, sizeof(*l->at));
	}
	l->at[l->n++] = (struct name){ folder, inode, strdup(text) };
}

static void names_clear(struct names *l)
{
	while (l->n)
		free(l->at[--l->n].text);
}

/* --- what is not yet on the disk --- */

static void apply(struct names *l, const struct change *c)
{
	if (c->folder[0] >= 0)
		name_drop(l, c->folder[0], c->text[0]);
	if (c->folder[1] >= 0)
		name_set(l, c->folder[1], c->text[1], c->inode);
}

static void forget_change(struct sim_disk *d, size_t i)
{
	free(d->changes[i].text[0]);
	free(d->changes[i].text[1]);
	memmove(&d->changes[i], &d->changes[i + 1], (--d->n_changes - i) * sizeof(*d->changes));
}

void disk_change(struct sim_disk *d, int inode, int from, const char *from_text, int to,
		 const char *to_text)
{
	struct change c = { .inode = inode, .folder = { from, to } };

	c.text[0] = from >= 0 ? strdup(from_text) : NULL;
	c.text[1] = to >= 0 ? strdup(to_text) : NULL;
	apply(&d->seen, &c);
	if (d->n_changes == d->changes_room) {
		d->changes_room = d->changes_room ? d->changes_room * 2 : 32;
		d->changes = reallocarray(d->changes, d->changes_room, sizeof(c));
	}
	d->changes[d->n_changes++] = c;
}

static bool touches(const struct change *c, int folder)
{
	return c->folder[0] == folder || c->folder[1] == folder;
}

void disk_keep_folder(struct sim_disk *d, int folder)
{
	for (size_t i = 0; i < d->n_changes;) {
		int inode = d->changes[i].inode;
		size_t left = i + 1;

		if (!touches(&d->changes[i], folder)) {
			i++;
			continue;
		}
		for (size_t j = 0; left--;) {
			if (d->changes[j].inode != inode) {
				j++;
				continue;
			}
			apply(&d->kept, &d->changes[j]);
			forget_change(d, j);
			i -= left > 0; /* the last of them is i itself */
		}
	}
}

int inode_new(struct sim_disk *d, bool folder, mode_t mode)
{
	if (d->n_inodes == d->room) {
		d->room = d->room ? d->room * 2 : 32;
		d->inodes = reallocarray(d->inodes, (size_t)d->room, sizeof(*d->inodes));
	}
	d->inodes[d->n_inodes] = (struct inode){ .folder = folder, .mode = mode, .locker = -1 };
	d->inodes[d->n_inodes].mtime.tv_sec = d->sim->wall_ms / 1000;
	return d->n_inodes++;
}

/* --- the power cut --- */

static void crash_file(struct sim_disk *d, struct inode *i)
{
	size_t cut;

	if (!i->dirty)
		goto out;
	switch (chance_below(&d->chance, 4)) {
	case 0: /* nothing of it */
		break;
	case 1: /* all of it */
		buf_release(&i->kept);
		buf_append(&i->kept, i->data.data, i->data.size);
		break;
	case 2: /* its beginning */
		cut = chance_below(&d->chance, i->data.size + 1);
		buf_release(&i->kept);
		buf_append(&i->kept, i->data.data, cut);
		break;
	default: /* its length, and zeros */
		cut = chance_below(&d->chance, i->data.size + 1);
		buf_release(&i->kept);
		buf_append(&i->kept, i->data.data, cut);
		buf_resize(&i->kept, (int64_t)i->data.size);
	}
out:
	buf_release(&i->data);
	buf_append(&i->data, i->kept.data, i->kept.size);
	i->dirty = false;
	i->locker = -1;
}

void sim_disk_crash(struct sim_disk *d)
{
	unsigned survive = (unsigned)chance_below(&d->chance, 3) * 500;
	int *lost = calloc((size_t)d->n_inodes, sizeof(*lost));

	for (size_t i = 0; i < d->n_changes; i++) {
		const struct change *c = &d->changes[i];

		if (!lost[c->inode] && chance_of(&d->chance, survive))
			apply(&d->kept, c);
		else
			lost[c->inode] = 1;
	}
	free(lost);
	while (d->n_changes)
		forget_change(d, d->n_changes - 1);
	names_clear(&d->seen);
	for (size_t i = 0; i < d->kept.n; i++)
		name_set(&d->seen, d->kept.at[i].folder, d->kept.at[i].text, d->kept.at[i].inode);
	for (int i = 0; i < d->n_inodes; i++)
		crash_file(d, &d->inodes[i]);
	memset(d->handles, 0, sizeof(d->handles));
}

/* --- for the auditor --- */

static bool same(const struct buf *a, const struct buf *b)
{
	return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

bool sim_disk_holds(const struct sim_disk *d, const char *path, const struct buf *bytes)
{
	const char *last = path;
	const struct name *n = NULL;
	int folder = ROOT;
	char part[300];

	for (const char *slash; (slash = strchr(last, '/')); last = slash + 1) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - last), last);
		n = name_find(&d->seen, folder, part);
		if (!n)
			return false;
		folder = n->inode;
	}
	n = name_find(&d->seen, folder, last);
	return n && same(&d->inodes[n->inode].data, bytes);
}

static bool is_there(const struct sim_disk *d, int folder)
{
	for (size_t i = 0; i < d->seen.n; i++)
		if (d->seen.at[i].inode == folder)
			return true;
	return folder == ROOT;
}

int sim_disk_count(const struct sim_disk *d, const struct buf *bytes)
{
	int n = 0;

	for (size_t i = 0; i < d->seen.n; i++) {
		const struct name *name = &d->seen.at[i];

		if (!d->inodes[name->inode].folder && strchr(name->text, '.') &&
		    is_there(d, name->folder) && same(&d->inodes[name->inode].data, bytes))
			n++;
	}
	return n;
}

/* --- life --- */

void sim_disk_save(const struct sim_disk *d, struct buf *marker)
{
	const struct name *n = name_find(&d->seen, ROOT, LIBRARY_MARKER);

	if (n)
		buf_append(marker, d->inodes[n->inode].data.data, d->inodes[n->inode].data.size);
}

void sim_disk_load(struct sim_disk *d, const struct buf *marker)
{
	int inode = inode_new(d, false, 0644);

	buf_append(&d->inodes[inode].data, marker->data, marker->size);
	buf_append(&d->inodes[inode].kept, marker->data, marker->size);
	name_set(&d->seen, ROOT, LIBRARY_MARKER, inode);
	name_set(&d->kept, ROOT, LIBRARY_MARKER, inode);
}

struct sim_disk *sim_disk_new(struct sim *s)
{
	struct sim_disk *d = calloc(1, sizeof(*d));

	d->sim = s;
	d->chance = s->o.seed * 77 + 3;
	sim_disk_fill(&d->table);

	inode_new(d, true, 0700);
	return d;
}

const struct disk *sim_disk_table(struct sim_disk *d)
{
	return &d->table;
}

void sim_disk_free(struct sim_disk *d)
{
	for (int i = 0; i < d->n_inodes; i++) {
		buf_release(&d->inodes[i].data);
		buf_release(&d->inodes[i].kept);
	}
	while (d->n_changes)
		forget_change(d, d->n_changes - 1);
	names_clear(&d->seen);
	names_clear(&d->kept);
	free(d->seen.at);
	free(d->kept.at);
	free(d->changes);
	free(d->inodes);
	free(d);
}
