/*
 * requests/ as the kernel asks for it: its files and folders.
 *
 * Happy path: each operation is the inbox's.
 *
 * On close the release of a handle tells the inbox that a writer has gone.
 */
#include <errno.h>
#include <unistd.h>

#include "fs_internal.h"

static int64_t request_size(const struct fs *fs, const struct node *node, double *timeout_s)
{
	const struct reqfile *file = node->data;

	(void)fs;
	*timeout_s = FS_SHORT_S;
	return (int64_t)file->text.size;
}

static bool holds_secret(const struct node *node)
{
	const struct reqfile *file = node->data;

	return request_may_hold_secret(buf_text(&file->text), file->text.size);
}

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

static struct handle *open_handle(fuse_req_t req, struct node *node, bool writes,
				  struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_new(fs, node);

	if (!h)
		return NULL;
	h->writes = writes;
	h->strange = fs_is_stranger(req);
	/* Each read is asked for, and a stranger's old mapping finds no page of the owner's. */
	fi->direct_io = fs->on.shared;
	if (writes)
		inbox_open_writer(fs->on.inbox, node);
	return h;
}

struct handle *requests_handle(fuse_req_t req, struct node *node, struct fuse_file_info *fi)
{
	if (fi->flags & O_EXCL)
		inbox_made_new(fs_of(req)->on.inbox, node);
	return open_handle(req, node, true, fi);
}

static void request_open(fuse_req_t req, struct node *node, struct fuse_file_info *fi);

static void open_again(fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode,
		       struct fuse_file_info *fi)
{
	struct node *node = fs_node(req, ino);

	(void)name;
	(void)mode;
	if (node)
		request_open(req, node, fi);
}

static void request_open(fuse_req_t req, struct node *node, struct fuse_file_info *fi)
{
	struct handle *h;
	int r;

	if (fs_wants_write(fi) && fs_defer(req, node->ino, "", 0, fi, open_again))
		return;
	/* By a name that the kernel kept: it looks again, and what is written is not lost. */
	r = node->superseded ? -ESTALE : may_open(req, node, fi);
	if (r < 0) {
		fs_reply(req, r);
		return;
	}
	h = open_handle(req, node, fs_wants_write(fi), fi);
	if (h && (fi->flags & O_TRUNC))
		inbox_truncate(fs_of(req)->on.inbox, node, 0);
	fs_reply_open(req, h, fi);
}

static void request_read(fuse_req_t req, struct handle *h, size_t size, off_t off,
			 struct fuse_file_info *fi)
{
	const struct reqfile *file = h->node->data;

	(void)fi;
	/* It may have been opened before there was a token in it. */
	if (h->strange && holds_secret(h->node))
		fs_reply(req, -EACCES);
	else
		fs_reply_text(req, &file->text, size, off);
}

static int request_write(fuse_req_t req, struct handle *h, const char *bytes, size_t size,
			 off_t off)
{
	return inbox_write(fs_of(req)->on.inbox, h->node, bytes, size, off);
}

static void request_released(struct fs *fs, struct handle *h)
{
	if (h->writes)
		inbox_release_writer(fs->on.inbox, h->node);
}

static int request_truncate(fuse_req_t req, struct node *node, off_t size, bool is_open)
{
	struct inbox *in = fs_of(req)->on.inbox;
	int r = 0;

	if (!is_open && !fs_may(req, node, W_OK))
		return -EACCES;
	if (!is_open && node->home)
		r = inbox_may_write(in, node->home->folder, node->home->name);
	return r < 0 ? r : inbox_truncate(in, node, size);
}

static int request_xattrs(const struct fs *fs, const struct node *node, struct xattrs *out)
{
	const struct reqfile *file = node->data;

	(void)fs;
	return xattrs_load(out, file->xattrs.blob.data, file->xattrs.blob.size);
}

static int request_set_xattr(struct fs *fs, struct node *node, const char *name, const char *value,
			     size_t size, int flags)
{
	struct reqfile *file = node->data;
	int r = value ? xattrs_set(&file->xattrs, name, value, size, flags)
		      : xattrs_remove(&file->xattrs, name);

	return r < 0 ? r : inbox_touched(fs->on.inbox, node);
}

const struct kind kind_request = {
	.size = request_size,
	.open = request_open,
	.read = request_read,
	.write = request_write,
	.released = request_released,
	.truncate = request_truncate,
	.xattrs = request_xattrs,
	.set_xattr = request_set_xattr,
};

/* --- its folders --- */

static int make_file(struct fs *fs, struct node *folder, const char *name, mode_t mode,
		     struct node **out)
{
	return inbox_create(fs->on.inbox, folder, name, mode, out);
}

static int make_folder(struct fs *fs, struct node *folder, const char *name, mode_t mode,
		       struct node **out)
{
	return inbox_mkdir(fs->on.inbox, folder, name, mode, out);
}

static int unlink_name(struct fs *fs, struct node *folder, const char *name)
{
	return inbox_unlink(fs->on.inbox, folder, name);
}

static int rmdir_name(struct fs *fs, struct node *folder, const char *name)
{
	return inbox_rmdir(fs->on.inbox, folder, name);
}

static int rename_name(struct fs *fs, struct node *folder, const char *name, struct node *to,
		       const char *to_name, unsigned flags)
{
	return inbox_rename(fs->on.inbox, folder, name, to, to_name, flags);
}

const struct kind kind_requests_folder = {
	.make_file = make_file,
	.make_folder = make_folder,
	.unlink = unlink_name,
	.rmdir = rmdir_name,
	.rename = rename_name,
};
