/* xattrs: a file's own extended attributes, as data. Floor 0, pure. */
#ifndef PIMAGEFS_XATTRS_H
#define PIMAGEFS_XATTRS_H

#include <stddef.h>

#include "pimagefs/buf.h"

#define XATTRS_MAX_BYTES 65536 /* of all names and values of one file */

/* The attributes in one blob, which is also how they are stored: per attribute the name and its
 * NUL, the value's length as four bytes (little endian), the value. */
struct xattrs {
	struct buf blob;
};

#define XATTRS_INIT \
	{ \
		BUF_INIT \
	}

void xattrs_release(struct xattrs *x);
/* flags as setxattr(2). 0, -EEXIST, -ENODATA, -ENOSPC (over XATTRS_MAX_BYTES), -EOPNOTSUPP (not
 * user.*), -EINVAL, -ENOMEM. */
int xattrs_set(struct xattrs *x, const char *name, const void *value, size_t size, int flags);
/* 0 and a pointer into x, or -ENODATA. */
int xattrs_get(const struct xattrs *x, const char *name, const void **value, size_t *size);
int xattrs_remove(struct xattrs *x, const char *name);
/* All names, each with its NUL. 0 or -ENOMEM. */
int xattrs_names(const struct xattrs *x, struct buf *out);
/* Take a stored blob after checking it. 0, -EINVAL or -ENOMEM. */
int xattrs_load(struct xattrs *x, const void *blob, size_t size);

#endif
