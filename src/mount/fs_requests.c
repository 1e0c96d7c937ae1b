/*
 * requests/ as the kernel asks for it, and what creating, renaming and removing mean in the other
 * areas.
 *
 * Happy path: decode, call the inbox, reply. FLUSH, fsync, mkdir and rename are answered when what
 * they did is on disk.
 *
 * Failures: outside of requests/ nothing can be created (EPERM); removing there has its own meaning
 * (fs_images.c).
 *
 * On close the release of a handle tells the inbox that a writer has gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs_internal.h"
#include "pimagefs/clock.h"
#include "pimagefs/log.h"

static int may_open(fuse_req_t req, struct node *node, const struct fuse_file_info *fi)
{
	int access = fi->flags & O_ACCMODE;
	int mask = (access != O_WRONLY ? R_OK : 0) | (fs_wants_write(fi) ? W_OK : 0);

	if (!fs_may(req, node, mask))
		return -EACCES;
	if (!fs_wants_write(fi) || !node->home)
		return 0;
	return inbox_may_write(fs_of(req)->on.inbox, node->home->folder, node->home->name);
}

void requests_open(fuse_req_t req, struct node *node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h;
	int r = may_open(req, node, fi);

	h = r == 0 ? handle_new(fs, HANDLE_REQUEST, node) : NULL;
	if (r == 0 && !h)
		r = -ENOMEM;
	if (r < 0) {
		fs_reply(req, r);
		return;
	}
	h->writes = fs_wants_write(fi);
	h->strange = fs_is_stranger(req);
	/* Each read is asked for, and a stranger's old mapping finds no page of the owner's. */
	fi->direct_io = fs->on.shared;
	if (h->writes)
		inbox_open_writer(fs->on.inbox, node);
	if (fi->flags & O_TRUNC)
		inbox_truncate(fs->on.inbox, node, 0);
	fs_reply_open(req, fs, h, fi);
}

void requests_read(fuse_req_t req, struct handle *h, size_t size, off_t off)
{
	const struct reqfile *file = h->node->data;

	/* Opened before there was a token in it. */
	if (h->strange &&
	    request_may_hold_secret(fs_of(req)->on.rules, buf_text(&file->text), file->text.size))
		fs_reply(req, -EACCES);
	else
		fs_reply_text(req, &file->text, size, off);
}

void requests_write(fuse_req_t req, struct handle *h, const char *bytes, size_t size, off_t off)
{
	int r = inbox_write(fs_of(req)->on.inbox, h->node, bytes, size, off);

	if (r < 0)
		fs_reply(req, r);
	else
		fuse_reply_write(req, size);
}

void requests_release(struct fs *fs, struct handle *h)
{
	if (h->writes)
		inbox_release_writer(fs->on.inbox, h->node);
}

/* The folder, if things may be made in it; otherwise the errno was answered. */
static struct node *requests_folder(fuse_req_t req, fuse_ino_t ino)
{
	struct node *folder = fs_node(req, ino);

	if (!folder)
		return NULL;
	if (folder->area != AREA_REQUESTS)
		fs_reply(req, -EPERM);
	else if (!fs_may(req, folder, W_OK | X_OK))
		fs_reply(req, -EACCES);
	else
		return folder;
	return NULL;
}

void fs_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req); /* first: what follows may answer, and then req is gone */
	struct node *folder = requests_folder(req, parent), *node;
	struct fuse_entry_param e = { 0 };
	struct handle *h;
	int r;

	if (!folder)
		return;
	r = inbox_create(fs->on.inbox, folder, name, mode & 07777, &node);
	h = r == 0 ? handle_new(fs, HANDLE_REQUEST, node) : NULL;
	if (!h) {
		fs_reply(req, r < 0 ? r : -ENOMEM);
		return;
	}
	h->writes = true;
	h->strange = fs_is_stranger(req);
	fi->direct_io = fs->on.shared; /* as in requests_open */
	inbox_open_writer(fs->on.inbox, node);
	e.ino = node->ino;
	fs_stat(fs, node, &e.attr, &e.attr_timeout);
	e.entry_timeout = FS_SHORT_S;
	fi->fh = (uintptr_t)h;
	node_lookup(node);
	if (fuse_reply_create(req, &e, fi) < 0) {
		node_forget(node, 1);
		handle_free(fs, h);
	}
}

void fs_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct node *folder = requests_folder(req, parent), *node;
	int r;

	(void)rdev;
	if (!folder)
		return;
	r = S_ISREG(mode) ? inbox_create(fs_of(req)->on.inbox, folder, name, mode & 07777, &node)
			  : -EPERM;
	if (r < 0)
		fs_reply(req, r);
	else
		fs_reply_entry(req, node);
}

/* A folder that waits for the disk. */
struct made {
	fuse_req_t req;
	struct node *node;
};

static void reply_made(int r, void *data)
{
	struct made *made = data;
	struct entry *home = made->node->home;

	if (r == 0) {
		fs_reply_entry(made->req, made->node);
	} else {
		if (home)
			inbox_rmdir(fs_of(made->req)->on.inbox, home->folder, home->name);
		fs_reply(made->req, r);
	}
	node_unpin(made->node);
	free(made);
}

void fs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fs *fs = fs_of(req); /* first, as in fs_create */
	struct node *folder = requests_folder(req, parent), *node;
	struct made *made;
	int r;

	if (!folder)
		return;
	r = inbox_mkdir(fs->on.inbox, folder, name, mode & 07777, &node);
	made = r == 0 ? malloc(sizeof(*made)) : NULL;
	if (made)
		*made = (struct made){ req, node };
	if (r == 0)
		r = made ? ledger_after(fs->on.ledger, reply_made, made) : -ENOMEM;
	if (r < 0) {
		free(made);
		fs_reply(req, r);
		return;
	}
	node_pin(node);
}

void fs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	int r;

	(void)ino;
	if (h->kind != HANDLE_REQUEST || !h->writes) {
		fs_reply(req, 0);
		return;
	}
	r = inbox_flush(fs_of(req)->on.inbox, h->node);
	if (r < 0)
		fs_reply(req, r);
	else
		fs_reply_durable(req);
}

void fs_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	int r = 0;

	(void)ino;
	(void)datasync;
	if (h->kind == HANDLE_REQUEST)
		r = inbox_touched(fs_of(req)->on.inbox, h->node);
	if (r < 0)
		fs_reply(req, r);
	else
		fs_reply_durable(req);
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

void fs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct node *folder = fs_node(req, parent);
	int r = -EPERM;

	if (!folder)
		return;
	if (folder->area == AREA_REQUESTS)
		r = fs_may(req, folder, W_OK | X_OK) ? inbox_unlink(fs->on.inbox, folder, name)
						     : -EACCES;
	else if (folder->area == AREA_IMAGES)
		r = images_unlink(fs, folder, name);
	fs_reply(req, r);
}

void fs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *folder = fs_node(req, parent);
	int r = -EPERM;

	if (!folder)
		return;
	if (folder->area == AREA_REQUESTS)
		r = fs_may(req, folder, W_OK | X_OK)
			    ? inbox_rmdir(fs_of(req)->on.inbox, folder, name)
			    : -EACCES;
	else if (folder->area == AREA_IMAGES)
		r = images_rmdir(fs_of(req), folder, name);
	fs_reply(req, r);
}

void fs_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	       const char *newname, unsigned int flags)
{
	struct node *folder = fs_node(req, parent), *to;
	int r = -EPERM;

	if (!folder)
		return;
	to = fs_node(req, newparent);
	if (!to)
		return;
	/* From one area to another mv copies and removes, if it is told that they are two file
	 * systems. */
	if (folder->area != to->area)
		r = -EXDEV;
	else if (folder->area == AREA_REQUESTS)
		r = fs_may(req, folder, W_OK | X_OK) && fs_may(req, to, W_OK | X_OK)
			    ? inbox_rename(fs_of(req)->on.inbox, folder, name, to, newname, flags)
			    : -EACCES;
	if (r < 0)
		fs_reply(req, r);
	else
		fs_reply_durable(req);
}

static int set_size(fuse_req_t req, struct node *node, off_t size, bool is_open)
{
	struct inbox *in = fs_of(req)->on.inbox;
	int r = 0;

	if (node->kind == NODE_CTL)
		return 0;
	if (node->kind != NODE_REQUEST)
		return -EPERM;
	if (!is_open && !fs_may(req, node, W_OK))
		return -EACCES;
	if (!is_open && node->home)
		r = inbox_may_write(in, node->home->folder, node->home->name);
	return r < 0 ? r : inbox_truncate(in, node, size);
}

static void set_times(struct node *node, const struct stat *attr, int to_set)
{
	int64_t now = clock_wall_ms() * 1000000;

	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		node->mtime_ns = now;
	else if (to_set & FUSE_SET_ATTR_MTIME)
		node->mtime_ns = attr->st_mtim.tv_sec * 1000000000LL + attr->st_mtim.tv_nsec;
	node->ctime_ns = now;
}

static int set_attr(fuse_req_t req, struct node *node, const struct stat *attr, int to_set,
		    bool is_open)
{
	struct fs *fs = fs_of(req);
	int r = 0;

	if (to_set & FUSE_SET_ATTR_SIZE)
		r = set_size(req, node, attr->st_size, is_open);
	if (r < 0 || node->kind == NODE_CTL || !(to_set & ~FUSE_SET_ATTR_SIZE))
		return r;
	if (node->area != AREA_REQUESTS || !node->home)
		return node->area == AREA_REQUESTS ? 0 : -EPERM;
	if (((to_set & FUSE_SET_ATTR_UID) && attr->st_uid != fs->uid) ||
	    ((to_set & FUSE_SET_ATTR_GID) && attr->st_gid != fs->gid))
		return -EPERM;
	if (to_set & FUSE_SET_ATTR_MODE)
		node->mode = attr->st_mode & 07777;
	set_times(node, attr, to_set);
	return inbox_touched(fs->on.inbox, node);
}

void fs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi)
{
	struct node *node = fs_node(req, ino);
	int r;

	if (!node)
		return;
	r = set_attr(req, node, attr, to_set, fi != NULL);
	if (r < 0)
		fs_reply(req, r);
	else
		fs_reply_attr(req, node);
}
