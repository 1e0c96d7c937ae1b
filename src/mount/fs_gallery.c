/*
 * gallery.html, as the kernel asks for it.
 *
 * Happy path: a stat says the size of the page that an open soon after gets; the handle keeps its
 * page whatever is made meanwhile. Its bytes are not cached, for two readers may have two pages.
 *
 * Failures: only -ENOMEM.
 */
#include <errno.h>

#include "fs_internal.h"
#include "pimagefs/gallery.h"

static int64_t page_size(const struct fs *fs, const struct node *node, double *timeout_s)
{
	(void)fs;
	(void)timeout_s;
	return gallery_size(node->data);
}

static void page_open(fuse_req_t req, struct node *node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_new(fs, node);
	int r = h ? gallery_open(node->data, &h->page) : -ENOMEM;

	if (r < 0) {
		handle_free(fs, h);
		fs_reply(req, r);
		return;
	}
	fi->direct_io = 1;
	fs_reply_open(req, h, fi);
}

static void page_read(fuse_req_t req, struct handle *h, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	struct buf out = BUF_INIT;
	int r = off < 0 ? -EINVAL : gallery_read(h->page, (size_t)off, size, &out);

	(void)fi;
	if (r < 0)
		fs_reply(req, r);
	else
		fuse_reply_buf(req, out.data, out.size);
	buf_release(&out);
}

static void page_dropped(struct fs *fs, struct handle *h)
{
	(void)fs;
	gallery_close(h->node->data, h->page);
}

const struct kind kind_gallery = {
	.size = page_size,
	.open = page_open,
	.read = page_read,
	.dropped = page_dropped,
};
