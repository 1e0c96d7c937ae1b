/*
 * Pictures: open waits, everything after it is an ordinary file.
 *
 * Happy path: open of a ready picture opens the library's file beside the loop, once for all who
 * read it, and the kernel may keep its pages for ever; open of a pending one becomes a waiter, and
 * is answered when the job ends. A read is answered from memory where the page cache has it, else
 * beside the loop, and then its reader is a waiter too: both can be interrupted while the disk does
 * not answer.
 *
 * Failures: a job that ended without a picture answers the errno of its cause. With O_NONBLOCK open
 * says EAGAIN, so that Samba waits and tar reports what it did not get; or (images.nonblock = poll)
 * it succeeds at once, read says EAGAIN until the picture is there, and poll tells when. A kernel
 * page cache must never see the pending size 0 as the truth, so such handles bypass it.
 *
 * On close the shared descriptor goes with its last handle, beside the loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fs_internal.h"
#include "pimagefs/attributes.h"

#define READ_KEYS (UINT64_C(1) << 63) /* no job has such a number */

/* A picture's file, open once however many read it. */
struct picture_file {
	struct library_work work;
	struct fs *fs;
	uint64_t ino;
	uint64_t number; /* its job's */
	char *path;
	int fd; /* < 0: not yet, or not at all */
	bool opening;
	unsigned refs;
};

/* A read that the page cache could not answer. */
struct reading {
	struct library_work work;
	struct fs *fs;
	struct picture_file *file;
	uint64_t key; /* its reader's, among those who wait */
	char *bytes;
	size_t size;
	off_t off;
	ssize_t n;
};

static int64_t picture_size(const struct fs *fs, const struct node *node, double *timeout_s)
{
	const struct job *job = node->data;

	(void)fs;
	if (!job || job->state != JOB_READY)
		return 0;
	*timeout_s = FS_LONG_S;
	return job->picture_bytes;
}

/* What a reader gets who asks now: 0 ready, -EAGAIN pending, or the errno of the cause. */
static int job_answer(const struct job *job)
{
	if (!job)
		return -ENOENT;
	if (job_pending(job))
		return -EAGAIN;
	if (job->state == JOB_READY)
		return job_has_picture(job) ? 0 : job_comes_back(job) ? -EAGAIN : -ENOENT;
	return -error_errno(job->error ? job->error->class : ERROR_SERVICE);
}

/* --- the file --- */

static void file_free(struct picture_file *file)
{
	free(file->path);
	free(file);
}

static void close_it(struct library_work *w)
{
	library_read_end(w->library, list_entry(w, struct picture_file, work)->fd);
}

static void on_closed(struct library_work *w, int r)
{
	(void)r;
	file_free(list_entry(w, struct picture_file, work));
}

static void file_unref(struct picture_file *file)
{
	struct fs *fs = file->fs;

	if (--file->refs || file->opening)
		return;
	if (map_get_u64(fs->pictures, file->ino) == file)
		map_remove_u64(fs->pictures, file->ino);
	/* At the end the process closes it: the library is no longer there to do so. */
	if (file->fd < 0 || fs->closing) {
		file_free(file);
		return;
	}
	file->work.run = close_it;
	file->work.done = on_closed;
	library_work(fs->on.library, &file->work);
}

static void open_it(struct library_work *w)
{
	struct picture_file *file = list_entry(w, struct picture_file, work);

	file->fd = library_read(w->library, file->path);
}

static void on_opened(struct library_work *w, int r)
{
	struct picture_file *file = list_entry(w, struct picture_file, work);
	struct fs *fs = file->fs;
	struct job *job = fs->closing ? NULL : engine_find_number(fs->on.engine, file->number);

	if (r < 0)
		file->fd = r;
	r = file->fd < 0 ? file->fd : 0;
	file->opening = false;
	file->refs++; /* until all has been told */
	if (r < 0)
		map_remove_u64(fs->pictures, file->ino);
	if (r == -ENOENT && job && job_has_picture(job) &&
	    strcmp(job->picture_path, file->path) == 0)
		engine_picture_gone(fs->on.engine, job);
	waiters_wake(fs->waiters, file->number, r);
	file_unref(file);
}

static struct picture_file *file_new(struct fs *fs, const struct handle *h)
{
	const struct job *job = h->node->data;
	struct picture_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->fs = fs;
	file->ino = h->node->ino;
	file->number = job->number;
	file->fd = -1;
	file->path = strdup(job->picture_path);
	if (!file->path || map_set_u64(fs->pictures, file->ino, file) < 0) {
		file_free(file);
		return NULL;
	}
	file->opening = true;
	file->work.run = open_it;
	file->work.done = on_opened;
	library_work(fs->on.library, &file->work);
	return file;
}

/* 0, or -EINPROGRESS: who waits for the job hears when it is open, or an errno. */
static int attach_file(struct fs *fs, struct handle *h)
{
	if (!h->file) {
		struct picture_file *file = map_get_u64(fs->pictures, h->node->ino);

		if (!file && fs->closing)
			return -ECANCELED;
		if (!file)
			file = file_new(fs, h);
		if (!file)
			return -ENOMEM;
		file->refs++;
		h->file = file;
	}
	/* While it is being opened fd is another thread's. */
	return h->file->opening || h->file->fd < 0 ? -EINPROGRESS : 0;
}

static void picture_dropped(struct fs *fs, struct handle *h)
{
	(void)fs;
	if (h->file)
		file_unref(h->file);
}

/* --- open --- */

/* What one who waits needs when the time has come. */
struct waiting {
	struct handle *h;
	bool reads;
	struct reading *read; /* under way; NULL: an open, or a read that waits for the job */
	struct fuse_file_info fi;
	size_t size;
	off_t off;
};

static void wait_for(fuse_req_t req, struct fs *fs, uint64_t key, const struct waiting *what)
{
	/* A read that is under way ends by itself. */
	bool refuse = fs->closing && !what->read;
	struct waiting *w = refuse ? NULL : malloc(sizeof(*w));
	int r = refuse ? -ECANCELED : -ENOMEM;

	if (w) {
		*w = *what;
		r = waiters_add(fs->waiters, key, req, w);
		if (r == 0)
			return;
		free(w);
	}
	if (!what->reads)
		handle_free(fs, what->h);
	fs_reply(req, r);
}

static void reply_ready(fuse_req_t req, struct fs *fs, struct handle *h, struct fuse_file_info *fi)
{
	const struct job *job = h->node->data;
	int r = attach_file(fs, h);

	if (r == -EINPROGRESS) {
		wait_for(req, fs, job->number, &(struct waiting){ .h = h, .fi = *fi });
		return;
	}
	if (r < 0) {
		handle_free(fs, h);
		fs_reply(req, r);
		return;
	}
	fi->keep_cache = 1;
	fs_reply_open(req, h, fi);
}

static void picture_open(fuse_req_t req, struct node *node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	const struct job *job = node->data;
	int r = job_answer(job);
	struct handle *h;
	bool refuse = (fi->flags & O_NONBLOCK) &&
		      fs->on.settings->images.nonblock == CONFIG_NONBLOCK_AGAIN;

	/* By a name that the kernel kept: it looks again, and finds the one that has it now. */
	if (node->superseded && fs->courier)
		r = -ESTALE;
	if (r < 0 && (r != -EAGAIN || refuse)) {
		fs_reply(req, r);
		return;
	}
	h = handle_new(fs, node);
	if (!h) {
		fs_reply(req, -ENOMEM);
	} else if (r == 0) {
		reply_ready(req, fs, h, fi);
	} else if (fi->flags & O_NONBLOCK) {
		fi->direct_io = 1;
		fs_reply_open(req, h, fi);
	} else {
		wait_for(req, fs, job->number, &(struct waiting){ .h = h, .fi = *fi });
	}
}

/* --- read --- */

static void read_it(struct library_work *w)
{
	struct reading *rd = list_entry(w, struct reading, work);

	rd->n = library_read_at(w->library, rd->file->fd, rd->bytes, rd->size, rd->off);
}

static void read_free(struct reading *rd)
{
	file_unref(rd->file);
	free(rd->bytes);
	free(rd);
}

static void on_read(struct library_work *w, int r)
{
	struct reading *rd = list_entry(w, struct reading, work);

	if (r < 0)
		rd->n = r;
	waiters_wake(rd->fs->waiters, rd->key, 0);
	read_free(rd);
}

static void reply_read(fuse_req_t req, const struct reading *rd)
{
	if (rd->n < 0)
		fs_reply(req, (int)rd->n);
	else
		fuse_reply_buf(req, rd->bytes, (size_t)rd->n);
}

static struct reading *read_new(struct fs *fs, struct picture_file *file, size_t size, off_t off)
{
	struct reading *rd = calloc(1, sizeof(*rd));
	char *bytes = rd ? malloc(size ? size : 1) : NULL;

	if (!bytes) {
		free(rd);
		return NULL;
	}
	*rd = (struct reading){ .work = { .run = read_it, .done = on_read },
				.fs = fs,
				.file = file,
				.bytes = bytes,
				.size = size,
				.off = off };
	file->refs++;
	return rd;
}

/* Is it all, as far as the file goes? */
static bool is_whole(const struct reading *rd, const struct job *job)
{
	int64_t left = job->picture_bytes - rd->off;

	return rd->n >= 0 && (rd->n == (ssize_t)rd->size || rd->n >= left);
}

static void reply_bytes(fuse_req_t req, struct fs *fs, struct handle *h, size_t size, off_t off)
{
	const struct job *job = h->node->data;
	struct waiting what = { .h = h, .reads = true, .size = size, .off = off };
	int r = attach_file(fs, h);

	if (r == -EINPROGRESS) {
		wait_for(req, fs, job->number, &what);
		return;
	}
	if (r == 0 && !(what.read = read_new(fs, h->file, size, off)))
		r = -ENOMEM;
	if (r < 0) {
		fs_reply(req, r);
		return;
	}
	what.read->n = library_read_now(fs->on.library, h->file->fd, what.read->bytes, size, off);
	if (is_whole(what.read, job)) {
		reply_read(req, what.read);
		read_free(what.read);
		return;
	}
	what.read->key = READ_KEYS | ++fs->reads;
	wait_for(req, fs, what.read->key, &what);
	library_work(fs->on.library, &what.read->work);
}

static void picture_read(fuse_req_t req, struct handle *h, size_t size, off_t off,
			 struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	const struct job *job = h->node->data;
	int r = h->file ? 0 : job_answer(job);

	if (r == 0)
		reply_bytes(req, fs, h, size, off);
	else if (r == -EAGAIN && (fs->closing || !(fi->flags & O_NONBLOCK))) /* off by fcntl */
		wait_for(req, fs, job->number,
			 &(struct waiting){ .h = h, .reads = true, .size = size, .off = off });
	else
		fs_reply(req, r);
}

void pictures_finish(fuse_req_t req, void *payload, int r, void *data)
{
	struct waiting w = *(struct waiting *)payload;
	struct fs *fs = data;

	free(payload);
	if (r == 0 && w.read) {
		reply_read(req, w.read);
		return;
	}
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

static int picture_poll(const struct handle *h)
{
	return h->file ? 0 : job_answer(h->node->data);
}

static int picture_xattrs(const struct fs *fs, const struct node *node, struct xattrs *out)
{
	return node->data ? attributes_of(node->data, fs->on.settings->images.origin_url, out) : 0;
}

/* What the user may say of a picture; all else is the program's. */
static int picture_set_xattr(struct fs *fs, struct node *node, const char *name, const char *value,
			     size_t size, int flags)
{
	enum mark mark = attributes_mark(name);
	struct job *job = node->data;
	struct buf text = BUF_INIT;
	int r;

	if (!job)
		return -ENOENT;
	if (mark == MARKS)
		return -EPERM;
	r = mark_text(job, mark, &text);
	buf_release(&text);
	if (r == -ENOMEM)
		return r;
	if (r == 0 && (flags & XATTR_CREATE))
		return -EEXIST;
	if (r == -ENODATA && (!value || (flags & XATTR_REPLACE)))
		return r;
	return engine_mark(fs->on.engine, job, mark, value, size);
}

const struct kind kind_picture = {
	.size = picture_size,
	.open = picture_open,
	.read = picture_read,
	.dropped = picture_dropped,
	.poll = picture_poll,
	.xattrs = picture_xattrs,
	.set_xattr = picture_set_xattr,
};

/* --- the folders of images/ --- */

static struct node *lookup(struct fs *fs, struct node *folder, const char *name)
{
	return images_by_other_name(&fs->images, folder, name);
}

static int unlink_name(struct fs *fs, struct node *folder, const char *name)
{
	return images_unlink(&fs->images, folder, name);
}

static int rmdir_name(struct fs *fs, struct node *folder, const char *name)
{
	return images_rmdir(&fs->images, folder, name);
}

const struct kind kind_images_folder = {
	.lookup = lookup,
	.unlink = unlink_name,
	.rmdir = rmdir_name,
};
