/*
 * Text nodes and ctl, as the kernel asks for them.
 *
 * Happy path: opening one makes its text, which the handle keeps. A stat before that makes nothing
 * and says a bound; fstat, and stat until the text changes, say the true size. Writing to ctl does
 * what the lines say; where they read the settings anew and the key is a command's to tell, it
 * waits for that command, as a record.
 *
 * Failures: -ENOMEM, -ESTALE where the name is no longer the text's, and what ctl refuses. A write
 * that is interrupted while it waits has done nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs_internal.h"

static int64_t text_size(const struct fs *fs, const struct node *node, double *timeout_s)
{
	(void)timeout_s;
	return node->made || node->readers ? node->made_bytes
					   : (int64_t)texts_bound(fs->on.texts, node);
}

static void text_open(fuse_req_t req, struct node *node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h;
	int r;

	/* By a name that the kernel kept: it looks again, and finds the one that has it now. */
	if (!node->home) {
		fs_reply(req, -ESTALE);
		return;
	}
	h = handle_new(fs, node);
	r = h ? texts_make(fs->on.texts, node, &h->text) : -ENOMEM;
	if (h)
		node->readers++;
	if (r < 0) {
		handle_free(fs, h);
		fs_reply(req, r);
		return;
	}
	/* fstat does not tell which handle it is about: from now on the node says this one's size.
	 */
	node->made_bytes = (int64_t)h->text.size;
	node->made = true;
	fi->direct_io = 1; /* what a stat said before is only a bound */
	fs_reply_open(req, h, fi);
}

static void text_read(fuse_req_t req, struct handle *h, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	(void)fi;
	fs_reply_text(req, &h->text, size, off);
}

static void text_dropped(struct fs *fs, struct handle *h)
{
	(void)fs;
	h->node->readers--;
}

static int run_command(struct fs *fs, struct handle *h, const char *bytes, size_t size)
{
	int r = texts_command(fs->on.texts, bytes, size);

	node_changed(h->node); /* its answer */
	return r;
}

/* One that waits for what it needs. */
struct command {
	struct handle *h;
	size_t size;
	char bytes[];
};

static int wait_to_run(fuse_req_t req, struct handle *h, const char *bytes, size_t size)
{
	struct fs *fs = fs_of(req);
	struct command *c = fs->closing ? NULL : malloc(sizeof(*c) + size);
	int r = fs->closing ? -ECANCELED : -ENOMEM;

	if (c) {
		c->h = h;
		c->size = size;
		memcpy(c->bytes, bytes, size);
		r = waiters_add(fs->commands, 0, req, c);
	}
	if (r < 0) {
		free(c);
		texts_command_end(fs->on.texts);
	}
	return r < 0 ? r : -EINPROGRESS;
}

static int ctl_write(fuse_req_t req, struct handle *h, const char *bytes, size_t size, off_t off)
{
	struct fs *fs = fs_of(req);
	int r = texts_command_begin(fs->on.texts, bytes, size);

	(void)off;
	if (r == -EINPROGRESS)
		return wait_to_run(req, h, bytes, size);
	if (r == 0)
		return run_command(fs, h, bytes, size);
	node_changed(h->node);
	return r;
}

void command_finish(fuse_req_t req, void *payload, int r, void *data)
{
	struct command *c = payload;
	struct handle *h = c->h;
	struct fs *fs = data;
	size_t size = c->size;

	if (r == 0)
		r = run_command(fs, h, c->bytes, size);
	texts_command_end(fs->on.texts);
	free(c);
	fs_reply_written(req, h, size, r);
}

static int ctl_truncate(fuse_req_t req, struct node *node, off_t size, bool is_open)
{
	(void)req;
	(void)node;
	(void)size;
	(void)is_open;
	return 0;
}

const struct kind kind_text = {
	.size = text_size,
	.open = text_open,
	.read = text_read,
	.dropped = text_dropped,
};

const struct kind kind_ctl = {
	.size = text_size,
	.open = text_open,
	.read = text_read,
	.write = ctl_write,
	.dropped = text_dropped,
	.truncate = ctl_truncate,
};
