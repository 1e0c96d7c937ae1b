/*
 * Extended attributes: files of requests/ keep what they are given (user.* only), like any file.
 *
 * Failures: an unknown one is ENODATA; other namespaces are EOPNOTSUPP, so that tools stop asking
 * for ACLs.
 */
#include <errno.h>
#include <string.h>

#include "fs_internal.h"

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

static struct reqfile *file_of(const struct node *node)
{
	return node->kind == NODE_REQUEST ? node->data : NULL;
}

static bool is_user(const char *name)
{
	return strncmp(name, "user.", 5) == 0;
}

void fs_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		 int flags)
{
	struct node *node = fs_node(req, ino);
	struct reqfile *file;
	int r;

	(void)value;
	if (!node)
		return;
	file = file_of(node);
	name = true_name(name, size, flags);
	if (!is_user(name))
		r = -EOPNOTSUPP;
	else if (!file)
		r = -EPERM;
	else
		r = xattrs_set(&file->xattrs, name, name + strlen(name) + 1, size, flags);
	if (r == 0)
		r = inbox_touched(fs_of(req)->on.inbox, node);
	fs_reply(req, r);
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

void fs_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct node *node = fs_node(req, ino);
	struct reqfile *file;
	const void *value;
	size_t found;
	int r = -ENODATA;

	if (!node)
		return;
	file = file_of(node);
	if (!is_user(name) && strncmp(name, "security.", 9) != 0)
		r = -EOPNOTSUPP;
	else if (file && is_user(name))
		r = xattrs_get(&file->xattrs, name, &value, &found);
	if (r < 0)
		fs_reply(req, r);
	else
		reply_sized(req, value, found, size);
}

void fs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct node *node = fs_node(req, ino);
	struct buf names = BUF_INIT;
	struct reqfile *file;
	int r = 0;

	if (!node)
		return;
	file = file_of(node);
	if (file)
		r = xattrs_names(&file->xattrs, &names);
	if (r < 0)
		fs_reply(req, r);
	else
		reply_sized(req, names.data, names.size, size);
	buf_release(&names);
}

void fs_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct node *node = fs_node(req, ino);
	struct reqfile *file;
	int r = -ENODATA;

	if (!node)
		return;
	file = file_of(node);
	if (!is_user(name))
		r = -EOPNOTSUPP;
	else if (file)
		r = xattrs_remove(&file->xattrs, name);
	if (r == 0)
		r = inbox_touched(fs_of(req)->on.inbox, node);
	fs_reply(req, r);
}
