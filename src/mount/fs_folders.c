/*
 * Folders: listed from a snapshot, so that offsets stay true while pictures come and go.
 *
 * Happy path: the first readdir takes the snapshot, the others walk it, rewinding takes a new one.
 * Failures: only -ENOMEM.
 */
#include "fs_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct node *node = fs_node(req, ino);
	struct handle *h;

	if (!node)
		return;
	h = handle_new(fs, HANDLE_FOLDER, node);
	if (h)
		fs_reply_open(req, fs, h, fi);
	else
		fs_reply(req, -ENOMEM);
}

/* The first read, and one after rewinddir, freezes what is there now. */
static int freeze(struct handle *h, off_t off)
{
	struct snapshot *now;
	int r = 0;

	if (off == 0 || !h->rows) {
		r = tree_snapshot(h->node, &now);
		if (r == 0) {
			snapshot_free(h->rows);
			h->rows = now;
		}
	}
	return r;
}

void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	char *out = malloc(size);
	struct snapshot *s;
	size_t used = 0;

	(void)ino;
	if (!out || freeze(h, off) < 0) {
		free(out);
		fs_reply(req, -ENOMEM);
		return;
	}
	s = h->rows;
	for (size_t i = (size_t)off; i < s->count; i++) {
		struct stat st = { .st_ino = s->rows[i].ino,
				   .st_mode = s->rows[i].kind == NODE_FOLDER ? S_IFDIR : S_IFREG };
		size_t room = fuse_add_direntry(req, out + used, size - used,
						s->names.data + s->rows[i].name, &st, (off_t)i + 1);

		if (room > size - used)
			break;
		used += room;
	}
	fuse_reply_buf(req, out, used);
	free(out);
}

void fs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fs_release(req, ino, fi);
}

void fs_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	fs_reply_durable(req);
}

void fs_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;
	int r = library_statvfs(fs_of(req)->on.library, &st);

	(void)ino;
	if (r < 0) {
		fs_reply(req, r);
		return;
	}
	st.f_namemax = 255;
	fuse_reply_statfs(req, &st);
}
