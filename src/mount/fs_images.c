/*
 * images/: open waits, everything after it is an ordinary file.
 *
 * Happy path: open of a ready picture answers at once with a descriptor of the library's file,
 * shared by all who read it, and the kernel may keep its pages for ever; open of a pending one
 * becomes a waiter, and is answered when the job ends.
 *
 * Failures: a job that ended without a picture answers the errno of its cause. With O_NONBLOCK open
 * succeeds at once, read says EAGAIN until the picture is there, and poll tells when. A kernel page
 * cache must never see the pending size 0 as the truth, so such handles bypass it.
 *
 * On close the shared descriptor goes with its last handle.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs_internal.h"
#include "pimagefs/log.h"

/* What a reader gets who asks now: 0 ready, -EAGAIN pending, or the errno of the cause. */
static int job_answer(const struct job *job)
{
	if (!job)
		return -ENOENT;
	if (job_pending(job))
		return -EAGAIN;
	if (job->state == JOB_READY)
		return job->dismissed || !job->picture_path ? -ENOENT : 0;
	return -error_errno(job->error ? job->error->class : ERROR_SERVICE);
}

static int attach_file(struct fs *fs, struct handle *h)
{
	const struct job *job = h->node->data;
	struct picture_file *file = map_get_u64(fs->pictures, h->node->ino);

	if (h->file)
		return 0;
	if (!file) {
		file = calloc(1, sizeof(*file));
		if (!file)
			return -ENOMEM;
		file->ino = h->node->ino;
		file->fd = library_read(fs->on.library, job->picture_path);
		if (file->fd < 0 || map_set_u64(fs->pictures, file->ino, file) < 0) {
			int r = file->fd < 0 ? file->fd : -ENOMEM;

			if (file->fd >= 0)
				close(file->fd);
			free(file);
			return r;
		}
	}
	file->refs++;
	h->file = file;
	return 0;
}

void images_close(struct fs *fs, struct handle *h)
{
	struct picture_file *file = h->file;

	if (!file || --file->refs)
		return;
	map_remove_u64(fs->pictures, file->ino);
	close(file->fd);
	free(file);
}

/* What a waiting open needs when its time has come. */
struct waiting {
	struct handle *h;
	bool reads;
	struct fuse_file_info fi;
	size_t size;
	off_t off;
};

static void reply_ready(fuse_req_t req, struct fs *fs, struct handle *h, struct fuse_file_info *fi)
{
	int r = attach_file(fs, h);

	if (r < 0) {
		handle_free(fs, h);
		fs_reply(req, r);
		return;
	}
	fi->keep_cache = 1;
	fs_reply_open(req, fs, h, fi);
}

static void wait_for(fuse_req_t req, struct fs *fs, const struct waiting *what)
{
	const struct job *job = what->h->node->data;
	struct waiting *w = fs->closing ? NULL : malloc(sizeof(*w));
	int r = fs->closing ? -ECANCELED : -ENOMEM;

	if (w) {
		*w = *what;
		r = waiters_add(fs->waiters, job->number, req, w);
		if (r == 0)
			return;
		free(w);
	}
	if (!what->reads)
		handle_free(fs, what->h);
	fs_reply(req, r);
}

void images_open(fuse_req_t req, struct node *node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	int r = job_answer(node->data);
	struct handle *h;

	if (r < 0 && r != -EAGAIN) {
		fs_reply(req, r);
		return;
	}
	h = handle_new(fs, HANDLE_PICTURE, node);
	if (!h) {
		fs_reply(req, -ENOMEM);
	} else if (r == 0) {
		reply_ready(req, fs, h, fi);
	} else if (fi->flags & O_NONBLOCK) {
		fi->direct_io = 1;
		fs_reply_open(req, fs, h, fi);
	} else {
		wait_for(req, fs, &(struct waiting){ .h = h, .fi = *fi });
	}
}

static void reply_bytes(fuse_req_t req, struct fs *fs, struct handle *h, size_t size, off_t off)
{
	struct fuse_bufvec bytes = FUSE_BUFVEC_INIT(size);
	int r = attach_file(fs, h);

	if (r < 0) {
		fs_reply(req, r);
		return;
	}
	bytes.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	bytes.buf[0].fd = h->file->fd;
	bytes.buf[0].pos = off;
	fuse_reply_data(req, &bytes, 0);
}

void images_read(fuse_req_t req, struct handle *h, size_t size, off_t off,
		 const struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	int r = h->file ? 0 : job_answer(h->node->data);

	if (r == 0)
		reply_bytes(req, fs, h, size, off);
	else if (r == -EAGAIN && !(fi->flags & O_NONBLOCK)) /* it was taken off by fcntl */
		wait_for(req, fs,
			 &(struct waiting){ .h = h, .reads = true, .size = size, .off = off });
	else
		fs_reply(req, r);
}

void images_finish(fuse_req_t req, void *payload, int r, void *data)
{
	struct waiting w = *(struct waiting *)payload;
	struct fs *fs = data;

	free(payload);
	if (r == 0)
		r = job_answer(w.h->node->data);
	if (r == 0 && w.reads) {
		reply_bytes(req, fs, w.h, w.size, w.off);
	} else if (r == 0) {
		reply_ready(req, fs, w.h, &w.fi);
	} else {
		if (!w.reads)
			handle_free(fs, w.h);
		fs_reply(req, r);
	}
}

/* --- poll --- */

static unsigned poll_events(const struct handle *h)
{
	int r = h->kind == HANDLE_PICTURE && !h->file ? job_answer(h->node->data) : 0;

	if (r == -EAGAIN)
		return 0;
	if (r < 0)
		return POLLIN | POLLRDNORM | POLLERR;
	return POLLIN | POLLRDNORM | (h->writes ? POLLOUT | POLLWRNORM : 0);
}

void fs_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_of(fi);

	(void)ino;
	if (ph && h->poll)
		fuse_pollhandle_destroy(h->poll);
	if (ph) {
		h->poll = ph;
		list_remove(&h->in_polled);
		list_append(&fs->polled, &h->in_polled);
	}
	fuse_reply_poll(req, poll_events(h));
}

static void poll_wake(struct handle *h)
{
	list_remove(&h->in_polled);
	/* This only wakes who polls; it takes no lock that a request of ours could hold. */
	fuse_lowlevel_notify_poll(h->poll);
	fuse_pollhandle_destroy(h->poll);
	h->poll = NULL;
}

void images_poll_changed(struct fs *fs, const struct job *job)
{
	list_each_safe (p, tmp, &fs->polled) {
		struct handle *h = list_entry(p, struct handle, in_polled);

		if (h->node->data == job)
			poll_wake(h);
	}
}

void images_poll_let_go(struct fs *fs)
{
	list_each_safe (p, tmp, &fs->polled)
		poll_wake(list_entry(p, struct handle, in_polled));
}

/* --- names --- */

struct node *images_by_prediction(struct fs *fs, const struct node *folder, const char *name)
{
	size_t size = strlen(name);
	struct job *job = NULL;
	char *id;

	if (folder->area != AREA_IMAGES || !folder->home ||
	    folder->home->folder->area != AREA_ROOT || size <= 4 ||
	    strcmp(name + size - 4, ".png") != 0)
		return NULL;
	id = strndup(name, size - 4);
	if (id)
		job = engine_find_prediction(fs->on.engine, id);
	free(id);
	return job && !job->dismissed ? views_picture(fs->on.views, job) : NULL;
}

int images_unlink(struct fs *fs, struct node *folder, const char *name)
{
	struct entry *entry = tree_entry(folder, name);
	struct node *node = entry ? entry->node : images_by_prediction(fs, folder, name);

	if (!node)
		return -ENOENT;
	if (node->kind == NODE_FOLDER)
		return -EISDIR;
	return node->data ? engine_dismiss(fs->on.engine, node->data) : -ENOENT;
}

/* Folders of images/ come with their pictures; what is empty may go. */
/* Names that readdir does not show must not keep rm -r from its end; what still comes does. */
static int dismiss_unlisted(struct fs *fs, struct node *folder)
{
	int r = 0;

	list_each (p, &folder->order) {
		const struct entry *entry = list_entry(p, struct entry, in_folder);

		if (entry->listed || !entry->node->data || job_pending(entry->node->data))
			return -ENOTEMPTY;
	}
	list_each_safe (p, tmp, &folder->order)
		if (r == 0)
			r = engine_dismiss(fs->on.engine,
					   list_entry(p, struct entry, in_folder)->node->data);
	return r < 0 || list_empty(&folder->order) ? r : -ENOTEMPTY;
}

int images_rmdir(struct fs *fs, struct node *folder, const char *name)
{
	struct entry *entry = tree_entry(folder, name);
	int r;

	if (!entry)
		return -ENOENT;
	if (entry->node->kind != NODE_FOLDER)
		return -ENOTDIR;
	r = dismiss_unlisted(fs, entry->node);
	if (r == 0)
		tree_unlink(entry);
	return r;
}
