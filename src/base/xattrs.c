/*
 * xattrs: the extended attributes of one file as one blob, which is small and read seldom: every
 * look-up walks it.
 *
 * Happy path: a change builds the new blob beside the old one and swaps them.
 *
 * Failures: what would not fit, and no memory: the old blob is untouched then. A stored blob is
 * checked once, when it is loaded; after that the walk may trust it.
 *
 * On close: the blob is freed.
 */
#include "pimagefs/xattrs.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/xattr.h>

#define LENGTH_BYTES 4
#define PREFIX "user."
#define PREFIX_SIZE (sizeof(PREFIX) - 1)

struct record {
	const char *name;
	size_t name_size; /* with its NUL */
	const void *value;
	size_t value_size;
	size_t size; /* of the whole record */
};

static size_t get_length(const char *at)
{
	const unsigned char *b = (const unsigned char *)at;

	return (size_t)b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16 | (size_t)b[3] << 24;
}

static int put_length(struct buf *out, size_t length)
{
	const unsigned char b[LENGTH_BYTES] = {
		length & 255,
		length >> 8 & 255,
		length >> 16 & 255,
		length >> 24 & 255,
	};

	return buf_append(out, b, sizeof(b));
}

/* False at the end of the blob, and where the rest is no whole record. */
static bool record_at(const char *blob, size_t size, size_t at, struct record *out)
{
	size_t left = size - at, head;
	const char *end;

	if (!left)
		return false;
	end = memchr(blob + at, '\0', left);
	if (!end)
		return false;
	out->name = blob + at;
	out->name_size = (size_t)(end - out->name) + 1;
	head = out->name_size + LENGTH_BYTES;
	if (left < head)
		return false;
	out->value = blob + at + head;
	out->value_size = get_length(end + 1);
	out->size = head + out->value_size;
	return out->value_size <= left - head;
}

static bool find(const struct xattrs *x, const char *name, struct record *out)
{
	for (size_t at = 0; record_at(x->blob.data, x->blob.size, at, out); at += out->size)
		if (!strcmp(out->name, name))
			return true;
	return false;
}

static int check_name(const char *name)
{
	size_t size = strlen(name);

	if (strncmp(name, PREFIX, PREFIX_SIZE) != 0)
		return -EOPNOTSUPP;
	return size == PREFIX_SIZE || size > XATTR_NAME_MAX ? -EINVAL : 0;
}

/* A copy of the blob without that name. */
static int copy_without(const struct xattrs *x, const char *name, struct buf *out)
{
	struct record rec;
	int r = 0;

	for (size_t at = 0; !r && record_at(x->blob.data, x->blob.size, at, &rec); at += rec.size)
		if (strcmp(rec.name, name) != 0)
			r = buf_append(out, rec.name, rec.size);
	return r;
}

static int append_record(struct buf *out, const char *name, const void *value, size_t size)
{
	int r = buf_append(out, name, strlen(name) + 1);

	if (!r)
		r = put_length(out, size);
	if (!r && size)
		r = buf_append(out, value, size);
	return r;
}

static void replace_blob(struct xattrs *x, struct buf *blob)
{
	buf_release(&x->blob);
	x->blob = *blob;
	*blob = (struct buf)BUF_INIT;
}

void xattrs_release(struct xattrs *x)
{
	if (x)
		buf_release(&x->blob);
}

int xattrs_set(struct xattrs *x, const char *name, const void *value, size_t size, int flags)
{
	struct buf blob = BUF_INIT;
	struct record rec;
	bool known;
	int r = check_name(name);

	if (r)
		return r;
	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	known = find(x, name, &rec);
	if (known && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!known && (flags & XATTR_REPLACE))
		return -ENODATA;
	if (size > XATTRS_MAX_BYTES)
		return -ENOSPC;
	r = copy_without(x, name, &blob);
	if (!r)
		r = append_record(&blob, name, value, size);
	if (!r && blob.size > XATTRS_MAX_BYTES)
		r = -ENOSPC;
	if (!r)
		replace_blob(x, &blob);
	buf_release(&blob);
	return r;
}

int xattrs_get(const struct xattrs *x, const char *name, const void **value, size_t *size)
{
	struct record rec;

	if (!find(x, name, &rec))
		return -ENODATA;
	*value = rec.value;
	*size = rec.value_size;
	return 0;
}

int xattrs_remove(struct xattrs *x, const char *name)
{
	struct buf blob = BUF_INIT;
	struct record rec;
	int r;

	if (!find(x, name, &rec))
		return -ENODATA;
	r = copy_without(x, name, &blob);
	if (!r)
		replace_blob(x, &blob);
	buf_release(&blob);
	return r;
}

int xattrs_names(const struct xattrs *x, struct buf *out)
{
	struct record rec;
	int r = 0;

	for (size_t at = 0; !r && record_at(x->blob.data, x->blob.size, at, &rec); at += rec.size)
		r = buf_append(out, rec.name, rec.name_size);
	return r;
}

static int check_blob(const char *blob, size_t size)
{
	struct record rec;
	size_t at = 0;

	if (size > XATTRS_MAX_BYTES)
		return -EINVAL;
	for (; record_at(blob, size, at, &rec); at += rec.size)
		if (check_name(rec.name))
			return -EINVAL;
	return at == size ? 0 : -EINVAL;
}

int xattrs_load(struct xattrs *x, const void *blob, size_t size)
{
	struct buf copy = BUF_INIT;
	int r = check_blob(blob, size);

	if (!r && size)
		r = buf_append(&copy, blob, size);
	if (!r)
		replace_blob(x, &copy);
	buf_release(&copy);
	return r;
}
