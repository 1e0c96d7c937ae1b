/*
 * The files of control/ that go on while they are read: events and progress.
 *
 * Happy path: a read of events gives the lines that are there and never waits; one of progress
 * gives a frame, and the next one waits for the next frame, until nothing is left to wait for. A
 * reader that waits is a record, and can be interrupted.
 *
 * Failures: who reads events in order and comes too late goes on with the oldest lines that are
 * kept, whatever their offset. A reader of progress waits no longer than one of a picture would.
 *
 * What a frame looks like: on a terminal it is drawn over the one before. Whether the reader writes
 * to one is looked up in /proc by its process: that waits for nobody. Everyone else gets a new
 * frame when something has changed but the time. With O_NONBLOCK there is one frame.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs_internal.h"
#include "pimagefs/progress.h"

struct watch {
	off_t base;  /* of progress: where its frame begins; of events: where the last read ended */
	uint64_t at; /* of events: what stands there */
	struct progress progress;
	int64_t until_ms; /* monotonic; 0: for ever */
	bool terminal, over;
};

static struct handle *live_handle(struct fs *fs, struct node *node)
{
	struct handle *h = handle_new(fs, node);

	if (h && !(h->watch = calloc(1, sizeof(*h->watch)))) {
		handle_free(fs, h);
		return NULL;
	}
	return h;
}

static void live_dropped(struct fs *fs, struct handle *h)
{
	(void)fs;
	free(h->watch);
}

/* --- events --- */

static int64_t events_size(const struct fs *fs, const struct node *node, double *timeout_s)
{
	(void)node;
	(void)timeout_s;
	return (int64_t)events_end(fs->on.events);
}

static void events_open(fuse_req_t req, struct node *node, struct fuse_file_info *fi)
{
	fi->direct_io = 1; /* it grows under the kernel */
	fs_reply_open(req, live_handle(fs_of(req), node), fi);
}

static void events_give(fuse_req_t req, struct handle *h, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	struct watch *w = h->watch;
	uint64_t at = off == w->base ? w->at : (uint64_t)off;
	const char *bytes = NULL;
	size_t n = off < 0 ? 0 : events_read(fs_of(req)->on.events, &at, size, &bytes);

	(void)fi;
	w->base = off + (off_t)n;
	w->at = at + n;
	fuse_reply_buf(req, bytes, n);
}

const struct kind kind_events = {
	.size = events_size,
	.open = events_open,
	.read = events_give,
	.dropped = live_dropped,
};

/* --- progress --- */

static bool writes_to_terminal(pid_t pid)
{
	char path[32], name[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/1", (int)pid);
	n = pid > 0 ? readlink(path, name, sizeof(name) - 1) : -1;
	if (n < 0)
		return false;
	name[n] = '\0';
	return strncmp(name, "/dev/pts/", 9) == 0 || strncmp(name, "/dev/tty", 8) == 0;
}

/* The next frame, in place of the one that was read. */
static int draw(struct fs *fs, struct handle *h)
{
	struct watch *w = h->watch;
	unsigned lines = w->progress.lines;
	struct buf text = BUF_INIT;
	int r = 0;

	if (w->terminal && lines)
		r = buf_printf(&text, "\033[%uA\033[J", lines);
	if (r == 0)
		r = progress_frame(&w->progress, &text);
	if (r < 0) {
		buf_release(&text);
		return r;
	}
	w->base += (off_t)h->text.size;
	buf_release(&h->text);
	h->text = text;
	w->over = w->over || w->progress.over || fs->closing ||
		  (w->until_ms && world_mono_ms(fs->on.world) >= w->until_ms);
	return 0;
}

static int64_t progress_size(const struct fs *fs, const struct node *node, double *timeout_s)
{
	(void)fs;
	(void)timeout_s;
	/* rsync and tar read as much as fstat says: the first frame. Others read to the end. */
	return node->made_bytes ? node->made_bytes : 4096;
}

static void progress_open(fuse_req_t req, struct node *node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h = live_handle(fs, node);
	int r = h ? 0 : -ENOMEM;

	if (r == 0) {
		progress_init(&h->watch->progress, fs->on.engine);
		h->watch->terminal = writes_to_terminal(fuse_req_ctx(req)->pid);
		h->watch->over = fi->flags & O_NONBLOCK;
		h->watch->until_ms = fs->wait_ms ? world_mono_ms(fs->on.world) + fs->wait_ms : 0;
		r = draw(fs, h);
	}
	if (r < 0) {
		handle_free(fs, h);
		fs_reply(req, r);
		return;
	}
	node->made_bytes = (int64_t)h->text.size;
	fi->direct_io = 1;
	fs_reply_open(req, h, fi);
}

/* A read that waits for the next frame. */
struct look {
	struct handle *h;
	size_t size;
	off_t off;
};

static void wait_for_frame(fuse_req_t req, struct fs *fs, const struct look *what)
{
	struct look *look = malloc(sizeof(*look));
	int r = -ENOMEM;

	if (look) {
		*look = *what;
		r = waiters_add(fs->watchers, 0, req, look);
	}
	if (r < 0) {
		free(look);
		fs_reply(req, r);
	}
}

static void progress_read(fuse_req_t req, struct handle *h, size_t size, off_t off,
			  struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct watch *w = h->watch;

	(void)fi;
	if (off < w->base) /* from the beginning again: this frame */
		w->base = off;
	if (off - w->base < (off_t)h->text.size || w->over || fs->closing)
		fs_reply_text(req, &h->text, size, off - w->base);
	else
		wait_for_frame(req, fs, &(struct look){ h, size, off });
}

void progress_finish(fuse_req_t req, void *payload, int r, void *data)
{
	struct look look = *(struct look *)payload;
	struct handle *h = look.h;
	struct fs *fs = data;

	free(payload);
	if (r == 0 || r == -ETIMEDOUT)
		r = draw(fs, h);
	if (r < 0 && r != -ECANCELED) {
		fs_reply(req, r);
		return;
	}
	/* The same again is not said twice. */
	if (r < 0 || (!h->watch->terminal && !h->watch->progress.changed))
		buf_release(&h->text);
	if (r == 0 && !h->text.size && !h->watch->over)
		wait_for_frame(req, fs, &look);
	else
		fs_reply_text(req, &h->text, look.size, look.off - h->watch->base);
}

const struct kind kind_progress = {
	.size = progress_size,
	.open = progress_open,
	.read = progress_read,
	.dropped = live_dropped,
};
