/*
 * images/ and status/ mirror the jobs: each job has up to three nodes (picture, reason, status),
 * each with the names that its state gives it.
 *
 * Happy path: views_update works out which names a job should have now, drops those it should not
 * have, adds the missing ones. A pending picture keeps its node when it becomes ready, so a reader
 * that waits gets what it opened; a new request under the same id is another job and so another
 * node: a picture once served never changes.
 *
 * Failures: a name that cannot be made (out of memory, or taken by a folder) is logged; everything
 * else goes on.
 *
 * On close views_forget takes every name of the job away.
 */
#include "pimagefs/views.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/buf.h"
#include "pimagefs/library.h"
#include "pimagefs/log.h"

struct views {
	struct node *images, *status;
	bool list_pending;
};

/* The names that one job may have at once. */
enum name { NAME_PNG, NAME_TRUE, NAME_REASON, NAME_STATUS, NAMES };

struct view {
	struct node *picture, *reason, *status;
	struct entry *entry[NAMES];
	char *id; /* the id that the entries were made for */
};

/* What a name should be: its ending, and whether readdir shows it. NULL: not there. */
struct wish {
	const char *ending;
	bool listed;
};

static void prune(struct node *area, const char *path)
{
	struct node *folder;

	if (tree_walk(area, path, false, 0, &folder) == 0)
		tree_prune(folder);
}

/* Only while a folder in requests/ is there an editor may bring back at once what it has taken out
 * of it. */
static void on_tree(enum tree_change change, const struct entry *entry, void *data)
{
	struct views *v = data;
	struct buf path = BUF_INIT;

	if (change != TREE_GONE || entry->node->kind != NODE_FOLDER ||
	    entry->folder->area != AREA_REQUESTS)
		return;
	if (node_path(entry->folder, &path) == 0 &&
	    buf_printf(&path, "%s%s", path.size ? "/" : "", entry->name) == 0) {
		prune(v->images, path.data);
		prune(v->status, path.data);
	}
	buf_release(&path);
}

int views_new(struct views **out, struct node *images, struct node *status, struct node *requests,
	      bool list_pending)
{
	struct views *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	v->images = images;
	v->status = status;
	v->list_pending = list_pending;
	r = tree_listen(requests->tree, on_tree, v);
	if (r == 0)
		*out = v;
	else
		free(v);
	return r;
}

void views_free(struct views *v)
{
	free(v);
}

static struct view *view_of(struct job *job)
{
	if (!job->view)
		job->view = calloc(1, sizeof(struct view));
	return job->view;
}

bool views_awaits_picture(const struct job *job)
{
	return job_pending(job) && job->input;
}

static void wish_for(const struct views *v, const struct job *job, struct wish w[NAMES])
{
	const char *ending = picture_ending(job->picture.kind);

	memset(w, 0, NAMES * sizeof(*w));
	/* Who removed both the request and its picture wants to see nothing of it. */
	if (!job->current || job_is_removed(job))
		return;
	w[NAME_STATUS] = (struct wish){ ".json", true };
	if (job->dismissed)
		return;
	if (views_awaits_picture(job)) {
		w[NAME_PNG] = (struct wish){ ".png", v->list_pending };
	} else if (job->state == JOB_READY) {
		w[NAME_PNG] = (struct wish){ ".png", strcmp(ending, ".png") == 0 };
		if (!w[NAME_PNG].listed)
			w[NAME_TRUE] = (struct wish){ ending, true };
	} else if (job->state == JOB_CANCELLED) {
		w[NAME_PNG] = (struct wish){ ".png", false };
	} else if (job->state != JOB_DRAFT) {
		w[NAME_PNG] = (struct wish){ ".png", false };
		w[NAME_REASON] = (struct wish){ ".error.txt", true };
	}
}

static void drop(struct view *view, enum name name)
{
	tree_unlink(view->entry[name]);
	view->entry[name] = NULL;
}

static void drop_last(struct view *view, enum name name)
{
	struct node *folder = view->entry[name] ? view->entry[name]->folder : NULL;

	drop(view, name);
	if (folder)
		tree_prune(folder);
}

static bool has_picture_name(const struct view *view)
{
	return view->entry[NAME_PNG] || view->entry[NAME_TRUE] || view->entry[NAME_REASON];
}

/* Its picture was removed before its request: the folder in images/ has nothing more to wait for.
 * (The other way round it is who removes the pictures that removes their folder.) */
static void prune_pictures(struct views *v, const char *id)
{
	const char *slash = strrchr(id, '/');
	char *path = slash ? strndup(id, (size_t)(slash - id)) : NULL;

	if (path)
		prune(v->images, path);
	free(path);
}

static int make_node(struct node *area, struct node **slot, enum node_kind kind, struct job *job)
{
	int r;

	if (*slot)
		return 0;
	r = tree_make(area->tree, kind, area->area, 0644, slot);
	if (r == 0)
		(*slot)->data = job;
	return r;
}

static int add_name(struct node *area, const char *id, struct node *node, const struct wish *w,
		    struct entry **out)
{
	struct buf path = BUF_INIT;
	struct node *folder = area;
	const char *name;
	char *slash;
	int r = buf_printf(&path, "%s%s", id, w->ending);

	if (r < 0)
		return r;
	name = path.data;
	slash = strrchr(path.data, '/');
	if (slash) {
		*slash = '\0';
		name = slash + 1;
		r = tree_walk(area, path.data, true, 0755, &folder);
	}
	if (r == 0)
		r = tree_link(folder, name, node, w->listed, out);
	if (r == 0 && w->listed)
		node_touch(folder, node->mtime_ns);
	buf_release(&path);
	return r;
}

static int set_name(struct views *v, struct job *job, enum name name, const struct wish *w)
{
	struct view *view = job->view;
	struct node *area = name == NAME_STATUS ? v->status : v->images;
	struct node **slot = name == NAME_STATUS   ? &view->status
			     : name == NAME_REASON ? &view->reason
						   : &view->picture;
	enum node_kind kind = name == NAME_STATUS   ? NODE_STATUS
			      : name == NAME_REASON ? NODE_REASON
						    : NODE_PICTURE;
	int r;

	if (view->entry[name]) {
		tree_list(view->entry[name], w->listed);
		return 0;
	}
	r = make_node(area, slot, kind, job);
	return r < 0 ? r : add_name(area, job->id, *slot, w, &view->entry[name]);
}

/* Who watches hears of it, for each change of a job shows in its status. */
static void stamp(struct view *view, const struct job *job)
{
	int64_t ms = job->completed_ms ? job->completed_ms : job->created_ms;
	struct node *nodes[3] = { view->picture, view->reason, view->status };

	for (size_t i = 0; i < 3; i++) {
		bool awaits = nodes[i] == view->picture && job_pending(job);

		if (!nodes[i])
			continue;
		/* A thumbnailer remembers by the second what it could not read: the picture comes
		 * in another one. */
		node_touch(nodes[i], (awaits ? job->created_ms - 1000 : ms) * 1000000);
		node_changed(nodes[i]);
	}
}

static bool id_changed(struct view *view, const struct job *job)
{
	char *copy;

	if (view->id && strcmp(view->id, job->id) == 0)
		return false;
	copy = strdup(job->id);
	if (copy) {
		free(view->id);
		view->id = copy;
	}
	return true;
}

/* Its names are another's in a moment: the folder that they lie in stays for who watches it. One of
 * several may also just have lost its name. */
static bool is_replaced(const struct job *job)
{
	return !job->current && !job->part;
}

/* Who removes pictures removes their folder. */
static bool loses_folder(const struct job *job, enum name name)
{
	return name == NAME_STATUS ? !is_replaced(job) : !job->current && job->part;
}

void views_update(struct views *v, struct job *job)
{
	struct wish w[NAMES];
	struct view *view;
	bool renamed, last;
	int r = 0;

	wish_for(v, job, w);
	if (!job->view && !job->current)
		return;
	view = view_of(job);
	if (!view) {
		log_warn("out of memory: %s is not shown", job->id);
		return;
	}
	renamed = id_changed(view, job);
	last = job_is_removed(job) && view->entry[NAME_STATUS] && !has_picture_name(view);
	if (view->picture && (job->current || view->entry[NAME_PNG]))
		view->picture->superseded = !job->current; /* it may get its name back */
	for (int n = 0; n < NAMES; n++)
		if (renamed || (!w[n].ending && loses_folder(job, n)))
			drop_last(view, n);
		else if (!w[n].ending)
			drop(view, n);
	if (last)
		prune_pictures(v, job->id);
	for (int n = 0; n < NAMES && r == 0; n++)
		if (w[n].ending)
			r = set_name(v, job, n, &w[n]);
	if (r < 0)
		log_warn("%s is not shown in full: %s", job->id, strerror(-r));
	stamp(view, job);
}

static void release_node(struct node *node)
{
	if (!node)
		return;
	node->data = NULL;
	node_unpin(node);
}

void views_forget(struct views *v, struct job *job)
{
	struct view *view = job->view;

	(void)v;
	if (!view)
		return;
	for (int n = 0; n < NAMES; n++)
		if (job->part)
			drop_last(view, n);
		else
			drop(view, n);
	release_node(view->picture);
	release_node(view->reason);
	release_node(view->status);
	free(view->id);
	free(view);
	job->view = NULL;
}

struct node *views_picture(struct views *v, struct job *job)
{
	struct view *view = view_of(job);

	if (!view || make_node(v->images, &view->picture, NODE_PICTURE, job) < 0)
		return NULL;
	stamp(view, job);
	return view->picture;
}
