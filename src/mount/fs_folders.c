/*
 * Folders: listed from a snapshot, so that offsets stay true while pictures come and go.
 *
 * Happy path: opendir takes the snapshot, readdir walks it, rewinding takes a new one.
 * Failures: only -ENOMEM.
 */
#include "fs_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = fs_node(req, ino);
	struct handle *h;
	int r;

	if (!node)
		return;
	h = handle_new(fs_of(req), HANDLE_FOLDER, node);
	r = h ? tree_snapshot(node, &h->rows) : -ENOMEM;
	if (r < 0) {
		handle_free(fs_of(req), h);
		fs_reply(req, r);
		return;
	}
	fs_reply_open(req, fs_of(req), h, fi);
}

void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct snapshot *s = handle_of(fi)->rows;
	char *out = malloc(size);
	size_t used = 0;
	struct node *node;

	if (!out) {
		fs_reply(req, -ENOMEM);
		return;
	}
	if (off == 0 && (node = tree_node(fs_of(req)->on.tree, ino))) {
		struct snapshot *now; /* rewinddir shows what is there now */

		if (tree_snapshot(node, &now) == 0) {
			snapshot_free(s);
			s = handle_of(fi)->rows = now;
		}
	}
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
