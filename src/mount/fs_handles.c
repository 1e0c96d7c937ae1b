/*
 * Handles: what is open, from open to release, whatever its kind.
 *
 * Happy path: open asks the node's kind, keeps a handle with the node pinned, and release lets go
 * of both; read, write, flush and poll go to the kind of the handle's node.
 *
 * Failures: an open whose reader was killed meanwhile gets no release from the kernel, so its
 * handle goes at once.
 *
 * On close handles_drop frees those that the kernel will not release any more.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs_internal.h"

struct handle *handle_new(struct fs *fs, struct node *node)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->node = node;
	list_init(&h->in_polled);
	list_append(&fs->handles, &h->in_fs);
	node_pin(node);
	return h;
}

static void handle_drop(struct fs *fs, struct handle *h)
{
	const struct kind *kind = kind_of(fs, h->node);

	if (kind->dropped)
		kind->dropped(fs, h);
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
	if (kind_of(fs, h->node)->released)
		kind_of(fs, h->node)->released(fs, h);
	handle_drop(fs, h);
}

void handles_drop(struct fs *fs)
{
	/* What was written and not released stays a draft, to be held by the next start. */
	list_each_safe (p, tmp, &fs->handles)
		handle_drop(fs, list_entry(p, struct handle, in_fs));
}

bool fs_wants_write(const struct fuse_file_info *fi)
{
	return (fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & O_TRUNC);
}

void fs_reply_open(fuse_req_t req, struct handle *h, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);

	if (!h) {
		fs_reply(req, -ENOMEM);
		return;
	}
	fi->fh = (uintptr_t)h;
	if (fuse_reply_open(req, fi) < 0)
		handle_free(fs, h); /* the reader was killed: no release will come */
}

void fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = fs_node(req, ino);
	const struct kind *kind;

	if (!node)
		return;
	kind = kind_of(fs_of(req), node);
	if (fs_wants_write(fi) && !kind->write)
		fs_reply(req, -EPERM);
	else
		kind->open(req, node, fi);
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

	(void)ino;
	kind_of(fs_of(req), h->node)->read(req, h, size, off, fi);
}

/* What a command has changed is told before it is answered. */
struct written {
	fuse_req_t req;
	size_t size;
};

static void reply_written(void *data)
{
	struct written *w = data;

	fuse_reply_write(w->req, w->size);
	free(w);
}

static bool reply_when_told(fuse_req_t req, size_t size)
{
	struct written *w = malloc(sizeof(*w));

	if (!w)
		return false;
	*w = (struct written){ req, size };
	if (courier_after(fs_of(req)->courier, reply_written, w))
		return true;
	free(w);
	return false;
}

void fs_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t off,
	      struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	const struct kind *kind = kind_of(fs_of(req), h->node);
	int r = kind->write ? kind->write(req, h, bytes, size, off) : -EPERM;

	(void)ino;
	if (r != -EINPROGRESS)
		fs_reply_written(req, h, size, r);
}

void fs_reply_written(fuse_req_t req, const struct handle *h, size_t size, int r)
{
	size = r > 0 ? (size_t)r : size;
	if (r < 0)
		fs_reply(req, r);
	else if (h->node->kind != NODE_CTL || !reply_when_told(req, size))
		fuse_reply_write(req, size);
}

/* A FLUSH that waits for the disk. */
struct flush {
	fuse_req_t req;
	struct node *node; /* pinned */
};

static void reply_flush(int r, void *data)
{
	struct flush *f = data;

	if (r < 0)
		inbox_flush_failed(fs_of(f->req)->on.inbox, f->node, r);
	fs_reply_told(f->req, r);
	node_unpin(f->node);
	free(f);
}

void fs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_of(fi);
	struct flush *f = NULL;
	int r = 0;

	(void)ino;
	if (h->node->kind != NODE_REQUEST || !h->writes) {
		fs_reply(req, 0);
		return;
	}
	r = inbox_flush(fs->on.inbox, h->node);
	if (r < 0) {
		fs_reply(req, r);
		return;
	}
	f = malloc(sizeof(*f));
	if (f)
		*f = (struct flush){ req, h->node };
	if (f && ledger_after(fs->on.ledger, reply_flush, f) == 0) {
		node_pin(f->node);
		return;
	}
	free(f);
	inbox_flush_failed(fs->on.inbox, h->node, -ENOMEM);
	fs_reply(req, -ENOMEM);
}

void fs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	handle_free(fs_of(req), handle_of(fi));
	fs_reply(req, 0);
}

void fs_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct node *node = handle_of(fi)->node;
	int r = 0;

	(void)ino;
	(void)datasync;
	if (node->kind == NODE_REQUEST)
		r = inbox_touched(fs_of(req)->on.inbox, node);
	fs_reply_when_durable(req, r);
}

/* --- poll --- */

void fs_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_of(fi);
	const struct kind *kind = kind_of(fs, h->node);
	int r = kind->poll ? kind->poll(h) : 0;
	unsigned events = POLLIN | POLLRDNORM;

	(void)ino;
	if (r == -EAGAIN && fs->closing)
		r = -ECANCELED;
	if (ph && h->poll)
		fuse_pollhandle_destroy(h->poll);
	if (ph) {
		h->poll = ph;
		list_remove(&h->in_polled);
		list_append(&fs->polled, &h->in_polled);
	}
	if (r == -EAGAIN)
		events = 0;
	else if (r < 0)
		events |= POLLERR;
	else if (h->writes)
		events |= POLLOUT | POLLWRNORM;
	fuse_reply_poll(req, events);
}

void handles_wake_poll(struct fs *fs, const void *data)
{
	list_each_safe (p, tmp, &fs->polled) {
		struct handle *h = list_entry(p, struct handle, in_polled);

		if (data && h->node->data != data)
			continue;
		list_remove(&h->in_polled);
		/* This only wakes who polls; it takes no lock that a request of ours could hold. */
		fuse_lowlevel_notify_poll(h->poll);
		fuse_pollhandle_destroy(h->poll);
		h->poll = NULL;
	}
}
