/*
 * The FUSE operations as libfuse wants them, and the life of what answers them. A request names a
 * node by number; the node's kind says who answers (struct kind). Everything but open, read and
 * poll of a picture is answered from memory before the next request is read, for the kernel holds a
 * folder's lock meanwhile.
 *
 * The files: fs_reply answers; fs_handles, fs_folders and fs_attr decode what is asked of open
 * nodes, names and attributes; fs_requests, fs_pictures, fs_texts, fs_gallery, fs_live and fs_links
 * are the kinds.
 *
 * On close fs_let_go answers all who wait; handles that are still open go with fs_free.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs_internal.h"
#include "pimagefs/names.h"

static void fs_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct node *node = tree_node(fs_of(req)->on.tree, ino);

	if (node)
		node_forget(node, nlookup);
	fuse_reply_none(req);
}

static void fs_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++) {
		struct node *node = tree_node(fs_of(req)->on.tree, forgets[i].ino);

		if (node)
			node_forget(node, forgets[i].nlookup);
	}
	fuse_reply_none(req);
}

static void fs_init(void *data, struct fuse_conn_info *conn)
{
	(void)data;
	/* Requests are small and pictures come from the page cache: splicing through pipes costs
	 * more than it saves. */
	conn->want &=
		~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
}

static void fs_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;
	int r = library_statvfs(fs_of(req)->on.library, &st);

	(void)ino;
	if (r < 0) {
		fs_reply(req, r);
		return;
	}
	st.f_namemax = NAMES_MAX;
	fuse_reply_statfs(req, &st);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = fs_init,
	.lookup = fs_lookup,
	.forget = fs_forget,
	.forget_multi = fs_forget_multi,
	.getattr = fs_getattr,
	.setattr = fs_setattr,
	.access = fs_access,
	.readlink = fs_readlink,
	.mknod = fs_mknod,
	.symlink = fs_symlink,
	.link = fs_link,
	.mkdir = fs_mkdir,
	.unlink = fs_unlink,
	.rmdir = fs_rmdir,
	.rename = fs_rename,
	.create = fs_create,
	.open = fs_open,
	.read = fs_read,
	.write = fs_write,
	.flush = fs_flush,
	.release = fs_release,
	.fsync = fs_fsync,
	.opendir = fs_opendir,
	.readdir = fs_readdir,
	.releasedir = fs_releasedir,
	.fsyncdir = fs_fsyncdir,
	.statfs = fs_statfs,
	.setxattr = fs_setxattr,
	.getxattr = fs_getxattr,
	.listxattr = fs_listxattr,
	.removexattr = fs_removexattr,
	.poll = fs_poll,
};

/* --- life --- */

static int plant(struct tree *tree, const char *name, enum node_area area, struct node **out)
{
	int r = tree_make(tree, NODE_FOLDER, area, 0755, out);

	if (r < 0)
		return r;
	r = tree_link(tree_root(tree), name, *out, true, NULL);
	node_unpin(*out);
	return r;
}

int fs_plant(struct tree *tree, struct fs_folders *out)
{
	int r = plant(tree, "requests", AREA_REQUESTS, &out->requests);

	if (r == 0)
		r = plant(tree, "images", AREA_IMAGES, &out->images);
	if (r == 0)
		r = plant(tree, "status", AREA_STATUS, &out->status);
	if (r == 0)
		r = plant(tree, "by-date", AREA_BY_DATE, &out->by_date);
	if (r == 0)
		r = plant(tree, "by-id", AREA_BY_ID, &out->by_id);
	if (r == 0)
		r = plant(tree, "control", AREA_CONTROL, &out->control);
	if (r == 0)
		r = texts_plant(tree_root(tree), out->control);
	if (r == 0)
		r = texts_plant_help(out->requests, out->control);
	if (r == 0)
		out->events = tree_entry(out->control, "events")->node;
	return r;
}

/* Linux 6.15 and later may abort a mount whose answer is late: /proc/sys/fs/fuse says after how
 * many seconds. */
static int64_t kernel_limit_s(const char *path)
{
	FILE *f = fopen(path, "re");
	long long s = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%lld", &s) != 1)
		s = 0;
	fclose(f);
	return s;
}

static int64_t kernel_wait_ms(void)
{
	int64_t own = kernel_limit_s("/proc/sys/fs/fuse/default_request_timeout");
	int64_t most = kernel_limit_s("/proc/sys/fs/fuse/max_request_timeout"), limit;

	limit = most && (!own || own > most) ? most : own;
	return limit * 1000 - (limit > 20 ? 2000 : limit * 100);
}

static int64_t wait_ms(const struct settings *settings)
{
	int64_t wait = settings->images.wait_timeout_s * 1000LL, limit = kernel_wait_ms();

	return limit && (!wait || wait > limit) ? limit : wait;
}

static void set_kinds(struct fs *fs)
{
	static const struct kind *const kinds[NODE_KINDS] = {
		[NODE_REQUEST] = &kind_request,   [NODE_PICTURE] = &kind_picture,
		[NODE_REASON] = &kind_text,       [NODE_STATUS] = &kind_text,
		[NODE_TEXT] = &kind_text,         [NODE_CTL] = &kind_ctl,
		[NODE_LINK] = &kind_link,         [NODE_EVENTS] = &kind_events,
		[NODE_PROGRESS] = &kind_progress, [NODE_GALLERY] = &kind_gallery,
	};
	static const struct kind *const folders[AREAS] = {
		[AREA_ROOT] = &kind_folder,          [AREA_REQUESTS] = &kind_requests_folder,
		[AREA_IMAGES] = &kind_images_folder, [AREA_STATUS] = &kind_folder,
		[AREA_BY_DATE] = &kind_links_folder, [AREA_BY_ID] = &kind_links_folder,
		[AREA_CONTROL] = &kind_folder,
	};

	memcpy(fs->kinds, kinds, sizeof(kinds));
	memcpy(fs->folders, folders, sizeof(folders));
}

/* The disk was looked at, or does not answer. */
static void on_library(void *data)
{
	fs_undefer(data);
}

int fs_new(struct fs **out, const struct fs_ground *ground)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	int r = -ENOMEM;

	if (!fs)
		return r;
	fs->on = *ground;
	fs->images = (struct images){ ground->engine, ground->views, ground->links };
	set_kinds(fs);
	fs->uid = getuid();
	fs->gid = getgid();
	list_init(&fs->handles);
	list_init(&fs->polled);
	fs->pictures = map_new();
	list_init(&fs->deferred);
	if (fs->pictures)
		r = library_listen(ground->library, on_library, fs);
	fs->wait_ms = wait_ms(ground->settings);
	if (r == 0)
		r = waiters_new(&fs->waiters, ground->world, fs->wait_ms, pictures_finish, fs);
	if (r == 0)
		r = waiters_new(&fs->watchers, ground->world, PROGRESS_MS, progress_finish, fs);
	if (r == 0)
		r = waiters_new(&fs->commands, ground->world, kernel_wait_ms(), command_finish, fs);
	if (r < 0) {
		waiters_free(fs->waiters);
		waiters_free(fs->watchers);
		map_free(fs->pictures);
		free(fs);
		return r;
	}
	*out = fs;
	return 0;
}

void fs_set_courier(struct fs *fs, struct courier *courier)
{
	fs->courier = courier;
}

int fs_version(const struct node *node)
{
	const struct job *job = node->data;
	bool pending = job && job_pending(job);

	switch (node->kind) {
	case NODE_PICTURE:
		return pending ? 1 : 2;
	case NODE_STATUS:
		return pending ? (int)job->state : -1;
	case NODE_REASON:
		return -1;
	default:
		return 0;
	}
}

void fs_job_changed(struct fs *fs, struct job *job, bool gone)
{
	bool over = gone || (!job_pending(job) && !job_comes_back(job));

	if (over)
		waiters_wake(fs->waiters, job->number, gone ? -ECANCELED : 0);
	if (over)
		handles_wake_poll(fs, job);
}

void fs_command_ready(struct fs *fs)
{
	waiters_wake(fs->commands, 0, 0);
}

void fs_let_go(struct fs *fs)
{
	fs->closing = true;
	fs->courier = NULL;
	fs_undefer(fs);
	waiters_let_go(fs->waiters, -ECANCELED);
	waiters_let_go(fs->watchers, -ECANCELED);
	waiters_let_go(fs->commands, -ECANCELED);
	handles_wake_poll(fs, NULL);
}

void fs_release_all(struct fs *fs)
{
	list_each_safe (p, tmp, &fs->handles)
		handle_free(fs, list_entry(p, struct handle, in_fs));
}

bool fs_is_idle(const struct fs *fs)
{
	return list_empty(&fs->handles);
}

void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	handles_drop(fs);
	waiters_free(fs->waiters);
	waiters_free(fs->watchers);
	waiters_free(fs->commands);
	map_free(fs->pictures);
	free(fs);
}
