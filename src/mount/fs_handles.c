/*
 * Handles: what is open, from open to release, whoever's kind it is; and the texts that need
 * nothing more than that.
 *
 * Happy path: open asks the node's kind, keeps a handle with the node pinned, and release lets go
 * of both.
 *
 * Failures: an open whose reader was killed meanwhile gets no release from the kernel, so
 * its handle goes at once.
 *
 * On close fs_drop_handles frees those that the kernel will not release
 * any more.
 */
#include "fs_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct handle *handle_new(struct fs *fs, enum handle_kind kind, struct node *node)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->kind = kind;
	h->node = node;
	list_init(&h->in_polled);
	list_append(&fs->handles, &h->in_fs);
	node_pin(node);
	return h;
}

static void handle_drop(struct fs *fs, struct handle *h)
{
	if (h->kind == HANDLE_PICTURE)
		images_close(fs, h);
	list_remove(&h->in_fs);
	list_remove(&h->in_polled);
	if (h->poll)
		fuse_pollhandle_destroy(h->poll);
	snapshot_free(h->rows);
	buf_release(&h->text);
	node_unpin(h->node);
	free(h);
}

void handle_free(struct fs *fs, struct handle *h)
{
	if (!h)
		return;
	if (h->kind == HANDLE_REQUEST)
		requests_release(fs, h);
	handle_drop(fs, h);
}

void fs_reply_open(fuse_req_t req, struct fs *fs, struct handle *h, struct fuse_file_info *fi)
{
	fi->fh = (uintptr_t)h;
	if (fuse_reply_open(req, fi) < 0)
		handle_free(fs, h); /* the reader was killed: no release will come */
}

bool fs_wants_write(const struct fuse_file_info *fi)
{
	return (fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & O_TRUNC);
}

static void text_open(fuse_req_t req, struct node *node, struct fuse_file_info *fi)
{
	struct handle *h = handle_new(fs_of(req), HANDLE_TEXT, node);
	int r = h ? page_text(fs_of(req), node, &h->text) : -ENOMEM;

	if (r < 0) {
		handle_free(fs_of(req), h);
		fs_reply(req, r);
		return;
	}
	fi->direct_io = 1; /* the size may differ from what a stat said before */
	fs_reply_open(req, fs_of(req), h, fi);
}

void fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = fs_node(req, ino);
	struct handle *h;

	if (!node)
		return;
	if (node->kind == NODE_REQUEST) {
		requests_open(req, node, fi);
	} else if (node->kind == NODE_CTL) {
		h = handle_new(fs_of(req), HANDLE_CTL, node);
		fi->direct_io = 1;
		if (h)
			fs_reply_open(req, fs_of(req), h, fi);
		else
			fs_reply(req, -ENOMEM);
	} else if (fs_wants_write(fi)) {
		fs_reply(req, -EPERM);
	} else if (node->kind == NODE_PICTURE) {
		images_open(req, node, fi);
	} else {
		text_open(req, node, fi);
	}
}

void fs_reply_text(fuse_req_t req, const struct buf *text, size_t size, off_t off)
{
	if (off < 0 || (size_t)off >= text->size) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	if (size > text->size - (size_t)off)
		size = text->size - (size_t)off;
	fuse_reply_buf(req, text->data + off, size);
}

void fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	struct buf help = { (char *)ctl_help, strlen(ctl_help), 0 };

	(void)ino;
	if (h->kind == HANDLE_REQUEST)
		requests_read(req, h, size, off);
	else if (h->kind == HANDLE_PICTURE)
		images_read(req, h, size, off, fi);
	else
		fs_reply_text(req, h->kind == HANDLE_CTL ? &help : &h->text, size, off);
}

void fs_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t off,
	      struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	int r;

	(void)ino;
	if (h->kind == HANDLE_REQUEST) {
		requests_write(req, h, bytes, size, off);
		return;
	}
	r = h->kind == HANDLE_CTL ? ctl_run(fs_of(req), bytes, size) : -EPERM;
	if (r < 0)
		fs_reply(req, r);
	else
		fuse_reply_write(req, size);
}

void fs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	handle_free(fs_of(req), handle_of(fi));
	fs_reply(req, 0);
}

void fs_drop_handles(struct fs *fs)
{
	/* What was written and not released stays a draft, to be held by the next start. */
	list_each_safe (p, tmp, &fs->handles)
		handle_drop(fs, list_entry(p, struct handle, in_fs));
}
