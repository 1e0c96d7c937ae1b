/* Stored extended attributes: a blob that is taken can be listed, read, changed and emptied. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "pimagefs/xattrs.h"

static void walk(struct xattrs *x)
{
	struct buf names = BUF_INIT;
	const void *value;
	size_t size;

	if (xattrs_names(x, &names) < 0)
		return;
	for (const char *name = buf_text(&names); name < buf_text(&names) + names.size;
	     name += strlen(name) + 1) {
		int r = xattrs_get(x, name, &value, &size);

		/* A name that the blob holds twice goes with the first removal. */
		promise(r == 0 || r == -ENODATA);
		if (r < 0)
			continue;
		promise(size == 0 || value != NULL);
		r = xattrs_set(x, name, "v", 1, 0);
		promise(r == 0 || r == -ENOSPC || r == -ENOMEM);
		promise(xattrs_remove(x, name) == 0);
	}
	promise(x->blob.size == 0);
	buf_release(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct xattrs x = XATTRS_INIT;
	int r = xattrs_load(&x, bytes, size);

	promise(r == 0 || r == -EINVAL || r == -ENOMEM);
	if (r == 0)
		walk(&x);
	xattrs_release(&x);
	return 0;
}
