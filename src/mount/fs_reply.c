/*
 * A FUSE request, and the ways to answer it that all kinds share.
 *
 * Happy path: every path answers its request exactly once, here or in the reply helper that it
 * calls; negative errnos become FUSE errors only here and in waiters.
 *
 * Failures: a node that is gone is ESTALE. A name that is not there is not cached where it may be
 * there the next moment (fs_folders.c).
 */
#include <errno.h>
#include <string.h>

#include "fs_internal.h"

#define NANO INT64_C(1000000000)

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

const struct kind *kind_of(const struct fs *fs, const struct node *node)
{
	return node->kind == NODE_FOLDER ? fs->folders[node->area] : fs->kinds[node->kind];
}

void fs_reply(fuse_req_t req, int r)
{
	fuse_reply_err(req, r < 0 ? -r : 0);
}

static void reply_done(void *data)
{
	fs_reply(data, 0);
}

void fs_reply_told(fuse_req_t req, int r)
{
	if (r < 0 || !courier_after(fs_of(req)->courier, reply_done, req))
		fs_reply(req, r);
}

static void reply_committed(int r, void *data)
{
	fs_reply_told(data, r);
}

void fs_reply_when_durable(fuse_req_t req, int r)
{
	if (r == 0)
		r = ledger_after(fs_of(req)->on.ledger, reply_committed, req);
	if (r < 0)
		fs_reply(req, r);
}

static struct timespec timespec_of(int64_t ns)
{
	int64_t s = ns / NANO - (ns % NANO < 0); /* before 1970 too the fraction counts forward */

	return (struct timespec){ .tv_sec = s, .tv_nsec = ns - s * NANO };
}

/* Where others may come in, a request with a token in it is its owner's alone, whatever its mode.
 * Where they may not, nobody misses that bit of a picture that is not there yet: an empty file that
 * all may read is one that tar stores without opening it. */
static unsigned shown_mode(const struct fs *fs, const struct node *node)
{
	const struct reqfile *file = node->data;

	if (fs->on.shared && node->kind == NODE_REQUEST &&
	    request_may_hold_secret(buf_text(&file->text), file->text.size))
		return node->mode & ~077u;
	if (!fs->on.shared && node->kind == NODE_PICTURE && node->data && job_pending(node->data))
		return node->mode & ~04u;
	return node->mode;
}

/* What is pending is never kept, for it becomes another thing by itself. */
static bool is_settled(const struct node *node)
{
	const struct job *job = node->data;

	switch (node->kind) {
	case NODE_PICTURE:
		return job && job->current && job->state == JOB_READY;
	case NODE_STATUS:
	case NODE_REASON:
		return job && job->current && !job_pending(job);
	case NODE_LINK:
		return true; /* where it leads to is asked each time */
	default:
		return false;
	}
}

mode_t fs_type(enum node_kind kind)
{
	return kind == NODE_FOLDER ? S_IFDIR : kind == NODE_LINK ? S_IFLNK : S_IFREG;
}

void fs_stat(struct fs *fs, struct node *node, struct stat *st, double *timeout_s)
{
	const struct kind *kind = kind_of(fs, node);
	int64_t size;

	*timeout_s = 0;
	/* KIO reads a folder's .directory only if the folder has a size. */
	size = kind->size ? kind->size(fs, node, timeout_s) : node->kind == NODE_FOLDER ? 4096 : 0;
	/* Of a text that was not yet made the size is a bound. */
	if (node->made && is_settled(node) && courier_keeps(fs->courier, node))
		*timeout_s = FS_LONG_S;
	*st = (struct stat){
		.st_ino = node->ino,
		.st_mode = fs_type(node->kind) | shown_mode(fs, node),
		.st_nlink = node->kind == NODE_FOLDER ? 2 + node->folders
			    : node->links             ? node->links
						      : 1,
		.st_uid = fs->uid,
		.st_gid = fs->gid,
		.st_size = size,
		.st_blksize = 4096,
		.st_blocks = (size + 511) / 512,
		.st_atim = timespec_of(node->mtime_ns),
		.st_mtim = timespec_of(node->mtime_ns),
		.st_ctim = timespec_of(node->ctime_ns),
	};
}

bool fs_is_courier(fuse_req_t req)
{
	return courier_is(fs_of(req)->courier, fuse_req_ctx(req)->pid);
}

/* Names of requests/ change only through the kernel. Those of the views change under it, and it
 * may keep them only where the courier tells it. */
static double entry_timeout(const struct fs *fs, struct node *node, bool listed)
{
	if (node->area == AREA_REQUESTS)
		return FS_SHORT_S;
	if (node->kind == NODE_FOLDER && node->home && !node->home->folder->home)
		return FS_LONG_S; /* the top folders are always there */
	return listed && is_settled(node) && courier_keeps(fs->courier, node) ? FS_LONG_S : 0;
}

void fs_reply_entry(fuse_req_t req, struct node *node, bool listed)
{
	struct fuse_entry_param e = { .ino = node->ino };

	fs_stat(fs_of(req), node, &e.attr, &e.attr_timeout);
	e.entry_timeout = entry_timeout(fs_of(req), node, listed);
	node_lookup(node);
	if (fuse_reply_entry(req, &e) < 0)
		node_forget(node, 1);
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
