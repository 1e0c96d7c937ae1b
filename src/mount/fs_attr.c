/*
 * Attributes: plain ones of every node, and extended ones of those kinds that have them (user.*
 * only).
 *
 * Happy path: what is set on a request is stored like its text, and never submits anything. fstat
 * of a text that is open says its true size.
 *
 * Failures: outside of requests/ nothing can be set (EPERM), but what the user says of a picture;
 * an unknown extended attribute is ENODATA; other namespaces are EOPNOTSUPP, so that tools stop
 * asking for ACLs.
 */
#include <errno.h>
#include <string.h>

#include "fs_internal.h"

static void reply_attr(fuse_req_t req, struct node *node)
{
	struct stat st;
	double timeout_s;

	fs_stat(fs_of(req), node, &st, &timeout_s);
	fuse_reply_attr(req, &st, timeout_s);
}

void fs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = fs_node(req, ino);

	(void)fi;
	if (node)
		reply_attr(req, node);
}

void fs_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct node *node = fs_node(req, ino);

	if (node)
		fs_reply(req, fs_may(req, node, mask) ? 0 : -EACCES);
}

void fs_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct node *node = fs_node(req, ino);
	struct buf target = BUF_INIT;
	const struct kind *kind;
	int r;

	if (!node)
		return;
	kind = kind_of(fs_of(req), node);
	r = kind->readlink ? kind->readlink(node, &target) : -EINVAL;
	if (r < 0)
		fs_reply(req, r);
	else
		fuse_reply_readlink(req, buf_text(&target));
	buf_release(&target);
}

/* Kept are the years 1678 to 2262; what lies beyond becomes the nearest of them. */
static int64_t ns_of(const struct timespec *t)
{
	int64_t most = INT64_MAX / 1000000000 - 1;

	if (t->tv_sec > most || t->tv_sec < -most)
		return (t->tv_sec > 0 ? most : -most) * 1000000000;
	return t->tv_sec * INT64_C(1000000000) + t->tv_nsec;
}

static void set_times(const struct fs *fs, struct node *node, const struct stat *attr, int to_set)
{
	int64_t now = world_wall_ms(fs->on.world) * 1000000;

	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		node->mtime_ns = now;
	else if (to_set & FUSE_SET_ATTR_MTIME)
		node->mtime_ns = ns_of(&attr->st_mtim);
	node->ctime_ns = now;
}

static int set_attr(fuse_req_t req, struct node *node, const struct stat *attr, int to_set,
		    bool is_open)
{
	struct fs *fs = fs_of(req);
	const struct kind *kind = kind_of(fs, node);
	int r = 0;

	if (to_set & FUSE_SET_ATTR_SIZE)
		r = kind->truncate ? kind->truncate(req, node, attr->st_size, is_open) : -EPERM;
	if (r < 0 || node->kind == NODE_CTL || !(to_set & ~FUSE_SET_ATTR_SIZE))
		return r;
	if (node->area != AREA_REQUESTS)
		return -EPERM;
	if (!node->home)
		return 0;
	if (((to_set & FUSE_SET_ATTR_UID) && attr->st_uid != fs->uid) ||
	    ((to_set & FUSE_SET_ATTR_GID) && attr->st_gid != fs->gid))
		return -EPERM;
	if (to_set & FUSE_SET_ATTR_MODE)
		node->mode = attr->st_mode & 07777;
	set_times(fs, node, attr, to_set);
	return inbox_touched(fs->on.inbox, node);
}

void fs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi)
{
	struct node *node = fs_node(req, ino);
	int r;

	if (!node)
		return;
	r = fs_is_courier(req) ? courier_touches(fs_of(req)->courier, node)
			       : set_attr(req, node, attr, to_set, fi != NULL);
	if (r < 0)
		fs_reply(req, r);
	else
		reply_attr(req, node);
}

/* --- extended --- */

/*
 * libfuse 3.14.0 as released takes the name of a SETXATTR eight bytes too late: its struct has
 * grown, the kernel's message has not. Debian has mended it under the same version number, so the
 * message itself must tell: before the true name stand the value's size and the flags, four bytes
 * each.
 */
static const char *true_name(const char *name, size_t size, int flags)
{
	uint32_t before[2];

	memcpy(before, name - sizeof(before), sizeof(before));
	return before[0] == size && before[1] == (uint32_t)flags ? name : name - sizeof(before);
}

static bool is_user(const char *name)
{
	return strncmp(name, "user.", 5) == 0;
}

/* value NULL: remove it. */
static int set(fuse_req_t req, struct node *node, const char *name, const char *value, size_t size,
	       int flags)
{
	struct fs *fs = fs_of(req);
	const struct kind *kind = kind_of(fs, node);

	if (!is_user(name))
		return -EOPNOTSUPP;
	return kind->set_xattr ? kind->set_xattr(fs, node, name, value, size, flags)
	       : value         ? -EPERM
			       : -ENODATA;
}

void fs_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		 int flags)
{
	struct node *node = fs_node(req, ino);

	(void)value;
	if (!node)
		return;
	name = true_name(name, size, flags);
	fs_reply(req, set(req, node, name, name + strlen(name) + 1, size, flags));
}

static void reply_sized(fuse_req_t req, const void *value, size_t found, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, found);
	else if (found > size)
		fs_reply(req, -ERANGE);
	else
		fuse_reply_buf(req, value, found);
}

static int all_of(fuse_req_t req, const struct node *node, struct xattrs *out)
{
	const struct kind *kind = kind_of(fs_of(req), node);

	return kind->xattrs ? kind->xattrs(fs_of(req), node, out) : 0;
}

void fs_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct node *node = fs_node(req, ino);
	struct xattrs xattrs = XATTRS_INIT;
	const void *value;
	size_t found;
	int r = -ENODATA;

	if (!node)
		return;
	if (!is_user(name) && strncmp(name, "security.", 9) != 0)
		r = -EOPNOTSUPP;
	else if (is_user(name) && (r = all_of(req, node, &xattrs)) == 0)
		r = xattrs_get(&xattrs, name, &value, &found);
	if (r)
		fs_reply(req, r);
	else
		reply_sized(req, value, found, size);
	xattrs_release(&xattrs);
}

void fs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct node *node = fs_node(req, ino);
	struct xattrs xattrs = XATTRS_INIT;
	struct buf names = BUF_INIT;
	int r;

	if (!node)
		return;
	r = all_of(req, node, &xattrs);
	if (r == 0)
		r = xattrs_names(&xattrs, &names);
	if (r < 0)
		fs_reply(req, r);
	else
		reply_sized(req, names.data, names.size, size);
	buf_release(&names);
	xattrs_release(&xattrs);
}

void fs_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct node *node = fs_node(req, ino);

	if (node)
		fs_reply(req, set(req, node, name, NULL, 0, 0));
}
