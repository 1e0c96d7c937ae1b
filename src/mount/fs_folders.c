/*
 * Folders: names are looked up, made, moved and removed as the folder's kind allows, and listed
 * from a snapshot, so that offsets stay true while pictures come and go.
 *
 * Happy path: the first readdir takes the snapshot, the others walk it, rewinding takes a new one.
 *
 * Failures: what a kind has no operation for is EPERM; from one part of the tree to another a
 * rename is EXDEV, so that mv copies and removes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs_internal.h"
#include "pimagefs/names.h"

/* --- lists --- */

void fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = fs_node(req, ino);

	if (!node)
		return;
	courier_listed(fs_of(req)->courier, node, fuse_req_ctx(req)->pid);
	fs_reply_open(req, handle_new(fs_of(req), node), fi);
}

/* The first read, and one after rewinddir, freezes what is there now. */
static int freeze(struct handle *h, off_t off)
{
	struct snapshot *now;
	int r;

	if (off && h->rows)
		return 0;
	r = tree_snapshot(h->node, &now);
	if (r == 0) {
		snapshot_free(h->rows);
		h->rows = now;
	}
	return r;
}

void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	char *out = malloc(size);
	struct snapshot *s;
	size_t used = 0;

	(void)ino;
	if (!out || freeze(h, off) < 0) {
		free(out);
		fs_reply(req, -ENOMEM);
		return;
	}
	s = h->rows;
	for (size_t i = (size_t)off; i < s->count; i++) {
		struct stat st = { .st_ino = s->rows[i].ino, .st_mode = fs_type(s->rows[i].kind) };
		size_t room = fuse_add_direntry(req, out + used, size - used,
						s->names.data + s->rows[i].name, &st, (off_t)i + 1);

		if (room > size - used)
			break;
		used += room;
	}
	fuse_reply_buf(req, out, used);
	free(out);
}

void fs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fs_release(req, ino, fi);
}

void fs_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	fs_reply_when_durable(req, 0);
}

/* --- names --- */

/* False: what it asks is answered as to anyone. */
static bool answer_courier(fuse_req_t req, const struct node *folder, const char *name)
{
	struct node *node;
	int r = courier_lookup(fs_of(req)->courier, folder, name, &node);

	if (r == -EAGAIN)
		return false;
	if (r == 0)
		fs_reply_entry(req, node, true);
	else
		fs_reply(req, r);
	return true;
}

/* May the kernel remember that there is no such name? Not if one could come that it hears nothing
 * of: nothing new comes into the root and control/, and elsewhere nothing that is a draft's name.
 */
static bool never_comes(const struct fs *fs, const struct node *folder, const char *name)
{
	const struct settings *s = fs->on.settings;

	return folder->area == AREA_ROOT || folder->area == AREA_CONTROL ||
	       (names_is_probed(name) &&
		names_is_draft(name, s->requests.ignore, s->requests.n_ignore));
}

static void reply_absent(fuse_req_t req, const struct node *folder, const char *name)
{
	const struct fuse_entry_param none = { .entry_timeout = FS_LONG_S };

	if (strlen(name) > NAMES_MAX)
		fs_reply(req, -ENAMETOOLONG);
	else if (never_comes(fs_of(req), folder, name))
		fuse_reply_entry(req, &none);
	else
		fs_reply(req, -ENOENT);
}

void fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *folder = fs_node(req, parent), *node = NULL;
	const struct kind *kind;
	struct entry *entry;

	if (!folder || (fs_is_courier(req) && answer_courier(req, folder, name)))
		return;
	kind = kind_of(fs_of(req), folder);
	entry = tree_entry(folder, name);
	if (entry)
		node = entry->node;
	else if (kind->lookup && (node = kind->lookup(fs_of(req), folder, name)))
		node->superseded = false; /* it is meant */
	if (node)
		fs_reply_entry(req, node, entry && entry->listed);
	else
		reply_absent(req, folder, name);
}

/* 0 if this caller may change the folder's names by an operation that its kind has. */
static int may_change(fuse_req_t req, const struct node *folder, bool has_operation)
{
	if (!has_operation)
		return -EPERM;
	return fs_may(req, folder, W_OK | X_OK) ? 0 : -EACCES;
}

static int make_file(fuse_req_t req, struct node *folder, const char *name, mode_t mode,
		     struct node **out)
{
	const struct kind *kind = kind_of(fs_of(req), folder);
	int r = may_change(req, folder, kind->make_file != NULL);

	return r < 0 ? r : kind->make_file(fs_of(req), folder, name, mode & 07777, out);
}

void fs_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req); /* first: what follows may answer, and then req is gone */
	struct node *folder = fs_node(req, parent), *node;
	struct fuse_entry_param e = { .entry_timeout = FS_SHORT_S };
	struct handle *h = NULL;
	int r;

	if (!folder || fs_defer(req, parent, name, mode, fi, fs_create))
		return;
	r = make_file(req, folder, name, mode, &node);
	if (r == 0 && !(h = requests_handle(req, node, fi)))
		r = -ENOMEM;
	if (r < 0) {
		fs_reply(req, r);
		return;
	}
	e.ino = node->ino;
	fs_stat(fs, node, &e.attr, &e.attr_timeout);
	fi->fh = (uintptr_t)h;
	node_lookup(node);
	if (fuse_reply_create(req, &e, fi) < 0) {
		node_forget(node, 1);
		handle_free(fs, h);
	}
}

void fs_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct node *folder = fs_node(req, parent), *node;
	int r;

	(void)rdev;
	if (!folder)
		return;
	r = S_ISREG(mode) ? make_file(req, folder, name, mode, &node) : -EPERM;
	if (r < 0)
		fs_reply(req, r);
	else
		fs_reply_entry(req, node, true);
}

void fs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct node *folder = fs_node(req, parent), *node;
	const struct kind *kind;
	int r;

	if (!folder)
		return;
	kind = kind_of(fs_of(req), folder);
	if (fs_is_courier(req)) {
		r = courier_commits(fs_of(req)->courier, folder, name, &node);
	} else {
		r = may_change(req, folder, kind->make_folder != NULL);
		if (r == 0)
			r = kind->make_folder(fs_of(req), folder, name, mode & 07777, &node);
	}
	if (r < 0)
		fs_reply(req, r);
	else
		fs_reply_entry(req, node, true);
}

/* A link would be a second name for one request, or a way out of the folder. */
void fs_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	(void)link;
	(void)parent;
	(void)name;
	fs_reply(req, -EPERM);
}

void fs_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	(void)ino;
	(void)parent;
	(void)name;
	fs_reply(req, -EPERM);
}

/* One of the two ways to take a name away; the kernel tells of it. */
static int take_away(fuse_req_t req, struct node *folder, const char *name,
		     int (*fn)(struct fs *fs, struct node *folder, const char *name))
{
	struct fs *fs = fs_of(req);
	int r;

	if (fs_is_courier(req))
		return courier_commits(fs->courier, folder, name, NULL);
	r = may_change(req, folder, fn != NULL);
	if (r < 0)
		return r;
	courier_hush(fs->courier, folder, name);
	r = fn(fs, folder, name);
	courier_hush(fs->courier, NULL, NULL);
	return r;
}

/* The helper needs the lock of a view's folder that the kernel holds meanwhile. */
static void reply_change(fuse_req_t req, const struct node *folder, int r)
{
	if (folder->area == AREA_REQUESTS)
		fs_reply_told(req, r);
	else
		fs_reply(req, r);
}

void fs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *folder = fs_node(req, parent);

	if (folder)
		reply_change(req, folder,
			     take_away(req, folder, name, kind_of(fs_of(req), folder)->unlink));
}

void fs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *folder = fs_node(req, parent);

	if (folder)
		reply_change(req, folder,
			     take_away(req, folder, name, kind_of(fs_of(req), folder)->rmdir));
}

void fs_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	       const char *newname, unsigned int flags)
{
	struct node *folder = fs_node(req, parent), *to = folder ? fs_node(req, newparent) : NULL;
	const struct kind *kind;
	int r = -EXDEV;

	if (!to)
		return;
	if (fs_is_courier(req)) {
		fs_reply(req, courier_commits(fs_of(req)->courier, to, newname, NULL));
		return;
	}
	kind = kind_of(fs_of(req), folder);
	if (folder->area == to->area)
		r = may_change(req, folder, kind->rename != NULL);
	if (r == 0)
		r = may_change(req, to, true);
	if (r == 0)
		r = kind->rename(fs_of(req), folder, name, to, newname, flags);
	reply_change(req, folder, r);
}

/* Of the root, status/ and control/: nothing is made or removed there. */
const struct kind kind_folder = { .size = NULL };
