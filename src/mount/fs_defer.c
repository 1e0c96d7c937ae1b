/*
 * Opening a request for writing says at once whether pictures can be kept (EROFS, ENOSPC), and what
 * is remembered of the library's disk is of this second. Where it is older the operation waits for
 * a look at the disk, which happens beside the loop.
 *
 * Happy path: the look takes a fraction of a millisecond; then the operation is called again.
 *
 * Failures: a disk that does not answer is not waited for longer than LIBRARY_PATIENCE_MS; the
 * request is taken then, and waits in the queue. Without memory nothing waits.
 *
 * On close all of them are called, and answered as at any other time.
 */
#include <stdlib.h>
#include <string.h>

#include "fs_internal.h"

struct deferred {
	struct list in;
	fuse_req_t req;
	fuse_ino_t ino;
	char *name;
	mode_t mode;
	struct fuse_file_info fi;
	fs_again_fn again;
};

bool fs_defer(fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode,
	      const struct fuse_file_info *fi, fs_again_fn again)
{
	struct fs *fs = fs_of(req);
	struct deferred *d;

	if (fs->closing || library_is_known(fs->on.library))
		return false;
	d = calloc(1, sizeof(*d));
	if (!d)
		return false;
	d->name = strdup(name);
	if (!d->name) {
		free(d);
		return false;
	}
	d->req = req;
	d->ino = ino;
	d->mode = mode;
	d->fi = *fi;
	d->again = again;
	list_append(&fs->deferred, &d->in);
	return true;
}

void fs_undefer(struct fs *fs)
{
	struct list all;

	/* Should one be deferred anew it is not called in this turn. */
	list_init(&all);
	while (!list_empty(&fs->deferred)) {
		struct list *p = fs->deferred.next;

		list_remove(p);
		list_append(&all, p);
	}
	list_each_safe (p, tmp, &all) {
		struct deferred *d = list_entry(p, struct deferred, in);

		d->again(d->req, d->ino, d->name, d->mode, &d->fi);
		free(d->name);
		free(d);
	}
}
