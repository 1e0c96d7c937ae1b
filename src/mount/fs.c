/*
 * The FUSE operations that all areas of the tree share: lookup, attributes, replies. The others
 * are in fs_handles.c, fs_folders.c, fs_requests.c, fs_images.c and fs_xattr.c; the texts in
 * pages.c and ctl.c.
 *
 * Happy path: a request names a node by number; the node's kind says who answers. Everything but
 * open, read and poll of a picture is answered from memory before the next request is read, for the
 * kernel holds a folder's lock meanwhile.
 *
 * Failures: every path answers its request exactly once, here or in the reply helper that it calls;
 * negative errnos become FUSE errors only in this folder. A name that is not there is never cached,
 * for it may be there the next moment.
 *
 * On close fs_let_go answers all who wait; handles that are still open go with fs_free.
 */
#include "fs_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pimagefs/log.h"

struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

struct node *fs_node(fuse_req_t req, fuse_ino_t ino)
{
	struct node *node = tree_node(fs_of(req)->on.tree, ino);

	if (!node)
		fuse_reply_err(req, ESTALE);
	return node;
}

void fs_reply(fuse_req_t req, int r)
{
	fuse_reply_err(req, r < 0 ? -r : 0);
}

static void reply_committed(int r, void *data)
{
	fs_reply(data, r);
}

void fs_reply_durable(fuse_req_t req)
{
	int r = ledger_after(fs_of(req)->on.ledger, reply_committed, req);

	if (r < 0)
		fs_reply(req, r);
}

/* --- attributes --- */

static int64_t text_size(struct fs *fs, const struct node *node)
{
	struct buf text = BUF_INIT;
	int64_t size = page_text(fs, node, &text) < 0 ? 0 : (int64_t)text.size;

	buf_release(&text);
	return size;
}

static int64_t node_size(struct fs *fs, const struct node *node, double *timeout_s)
{
	const struct job *job = node->data;
	const struct reqfile *file = node->data;

	switch (node->kind) {
	case NODE_FOLDER:
		return 0;
	case NODE_REQUEST:
		*timeout_s = FS_SHORT_S;
		return (int64_t)file->text.size;
	case NODE_PICTURE:
		if (!job || job->state != JOB_READY)
			return 0;
		*timeout_s = FS_LONG_S;
		return job->picture_bytes;
	default:
		return text_size(fs, node);
	}
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

/* Where others may come in, a request with a token in it is its owner's alone, whatever its mode.
 */
static unsigned shown_mode(const struct fs *fs, const struct node *node)
{
	const struct reqfile *file = node->data;

	if (node->kind == NODE_REQUEST &&
	    request_may_hold_secret(fs->on.rules, buf_text(&file->text), file->text.size))
		return node->mode & ~077u;
	return node->mode;
}

void fs_stat(struct fs *fs, struct node *node, struct stat *st, double *timeout_s)
{
	bool folder = node->kind == NODE_FOLDER;

	*timeout_s = 0;
	memset(st, 0, sizeof(*st));
	st->st_ino = node->ino;
	st->st_mode = (folder ? S_IFDIR : S_IFREG) | shown_mode(fs, node);
	st->st_nlink = folder ? 2 + node->folders : node->links;
	st->st_uid = fs->uid;
	st->st_gid = fs->gid;
	st->st_size = node_size(fs, node, timeout_s);
	st->st_blksize = 4096;
	st->st_blocks = (st->st_size + 511) / 512;
	st->st_mtim = st->st_atim = timespec_of(node->mtime_ns);
	st->st_ctim = timespec_of(node->ctime_ns);
}

void fs_reply_entry(fuse_req_t req, struct node *node)
{
	struct fuse_entry_param e = { .ino = node->ino };

	fs_stat(fs_of(req), node, &e.attr, &e.attr_timeout);
	/* Names of images/ and status/ change under the kernel; those of requests/ only through it.
	 */
	e.entry_timeout = node->area == AREA_REQUESTS ? FS_SHORT_S : 0;
	node_lookup(node);
	if (fuse_reply_entry(req, &e) < 0)
		node_forget(node, 1);
}

void fs_reply_attr(fuse_req_t req, struct node *node)
{
	struct stat st;
	double timeout_s;

	fs_stat(fs_of(req), node, &st, &timeout_s);
	fuse_reply_attr(req, &st, timeout_s);
}

static void fs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = fs_node(req, ino);

	(void)fi;
	if (node)
		fs_reply_attr(req, node);
}

bool fs_is_stranger(fuse_req_t req)
{
	uid_t uid = fuse_req_ctx(req)->uid;

	return uid != 0 && uid != fs_of(req)->uid;
}

bool fs_may(fuse_req_t req, const struct node *node, int mask)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	const struct reqfile *file = node->data;
	unsigned bits = shown_mode(fs_of(req), node) >> (ctx->uid == fs_of(req)->uid   ? 6
							 : ctx->gid == fs_of(req)->gid ? 3
										       : 0);

	/* A token may be what is written next. */
	if (node->kind == NODE_REQUEST && file->writers && fs_is_stranger(req))
		return false;
	if (ctx->uid == 0)
		return !(mask & X_OK) || node->kind == NODE_FOLDER || (node->mode & 0111);
	return (bits & mask & 7) == (unsigned)mask;
}

static void fs_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct node *node = fs_node(req, ino);

	if (node)
		fs_reply(req, fs_may(req, node, mask) ? 0 : -EACCES);
}

static void fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *folder = fs_node(req, parent), *node;
	struct entry *entry;

	if (!folder)
		return;
	entry = tree_entry(folder, name);
	node = entry ? entry->node : images_by_prediction(fs_of(req), folder, name);
	if (node)
		fs_reply_entry(req, node);
	else
		fuse_reply_err(req, strlen(name) > 255 ? ENAMETOOLONG : ENOENT);
}

static void fs_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct node *node = tree_node(fs_of(req)->on.tree, ino);

	if (node)
		node_forget(node, nlookup);
	fuse_reply_none(req);
}

static void fs_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++) {
		struct node *node = tree_node(fs_of(req)->on.tree, forgets[i].ino);

		if (node)
			node_forget(node, forgets[i].nlookup);
	}
	fuse_reply_none(req);
}

static void fs_init(void *data, struct fuse_conn_info *conn)
{
	(void)data;
	/* Requests are small and pictures come from the page cache: splicing through pipes costs
	 * more than it saves. */
	conn->want &=
		~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = fs_init,
	.lookup = fs_lookup,
	.forget = fs_forget,
	.forget_multi = fs_forget_multi,
	.getattr = fs_getattr,
	.setattr = fs_setattr,
	.access = fs_access,
	.mknod = fs_mknod,
	.symlink = fs_symlink,
	.link = fs_link,
	.mkdir = fs_mkdir,
	.unlink = fs_unlink,
	.rmdir = fs_rmdir,
	.rename = fs_rename,
	.create = fs_create,
	.open = fs_open,
	.read = fs_read,
	.write = fs_write,
	.flush = fs_flush,
	.release = fs_release,
	.fsync = fs_fsync,
	.opendir = fs_opendir,
	.readdir = fs_readdir,
	.releasedir = fs_releasedir,
	.fsyncdir = fs_fsyncdir,
	.statfs = fs_statfs,
	.setxattr = fs_setxattr,
	.getxattr = fs_getxattr,
	.listxattr = fs_listxattr,
	.removexattr = fs_removexattr,
	.poll = fs_poll,
};

/* --- life --- */

static int plant(struct tree *tree, const char *name, enum node_area area, struct node **out)
{
	int r = tree_make(tree, NODE_FOLDER, area, 0755, out);

	if (r < 0)
		return r;
	r = tree_link(tree_root(tree), name, *out, true, NULL);
	node_unpin(*out);
	return r;
}

int fs_plant(struct tree *tree, struct fs_folders *out)
{
	int r = plant(tree, "requests", AREA_REQUESTS, &out->requests);

	if (r == 0)
		r = plant(tree, "images", AREA_IMAGES, &out->images);
	if (r == 0)
		r = plant(tree, "status", AREA_STATUS, &out->status);
	if (r == 0)
		r = plant(tree, "control", AREA_CONTROL, &out->control);
	return r < 0 ? r : pages_plant(tree, out);
}

/* Linux 6.15 and later may abort a mount whose answer is late: /proc/sys/fs/fuse says after how
 * many seconds. */
static int64_t kernel_limit_s(const char *path)
{
	FILE *f = fopen(path, "re");
	long long s = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%lld", &s) != 1)
		s = 0;
	fclose(f);
	return s;
}

static int64_t wait_ms(const struct settings *settings)
{
	int64_t wait = settings->images.wait_timeout_s * 1000LL;
	int64_t own = kernel_limit_s("/proc/sys/fs/fuse/default_request_timeout");
	int64_t most = kernel_limit_s("/proc/sys/fs/fuse/max_request_timeout"), limit;

	limit = most && (!own || own > most) ? most : own;
	if (!limit)
		return wait;
	limit = limit * 1000 - (limit > 20 ? 2000 : limit * 100);
	return !wait || wait > limit ? limit : wait;
}

int fs_new(struct fs **out, const struct fs_ground *ground)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	int r = -ENOMEM;

	if (!fs)
		return r;
	fs->on = *ground;
	fs->uid = getuid();
	fs->gid = getgid();
	list_init(&fs->handles);
	list_init(&fs->polled);
	fs->pictures = map_new();
	if (fs->pictures)
		r = waiters_new(&fs->waiters, ground->loop, wait_ms(ground->settings),
				images_finish, fs);
	if (r < 0) {
		map_free(fs->pictures);
		free(fs);
		return r;
	}
	*out = fs;
	return 0;
}

void fs_job_changed(struct fs *fs, struct job *job, bool gone)
{
	bool over = gone || !job_pending(job);

	if (over)
		waiters_wake(fs->waiters, job->number, gone ? -ECANCELED : 0);
	if (over)
		images_poll_changed(fs, job);
}

void fs_let_go(struct fs *fs)
{
	fs->closing = true;
	waiters_let_go(fs->waiters, -ECANCELED);
	images_poll_let_go(fs);
}

void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	fs_drop_handles(fs);
	waiters_free(fs->waiters);
	map_free(fs->pictures);
	free(fs);
}
