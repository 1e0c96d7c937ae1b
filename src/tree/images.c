/*
 * images/: what its names mean beyond those that views gives them: a picture by its prediction's
 * id, and removing.
 *
 * Happy path: <predictionID>.png at the top resolves to the job's picture, though it is not listed;
 * so does NAME.png where NAME asked for several: the first of them. Removing a name deletes the
 * picture, or cancels a pending one.
 *
 * Failures: -ENOENT for what is not there; folders come with their pictures and go when nothing
 * that still comes is in them.
 */
#include "pimagefs/images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/batch.h"

static struct job *by_png(const struct engine *e, const char *name)
{
	size_t size = strlen(name);
	struct job *job = NULL;
	char *id;

	if (size <= 4 || strcmp(name + size - 4, ".png") != 0)
		return NULL;
	id = strndup(name, size - 4);
	if (id)
		job = engine_find_prediction(e, id);
	free(id);
	return job;
}

/* NAME.png, where NAME asked for several: the first of them. */
static struct job *first_of(const struct engine *e, const struct node *folder, const char *name)
{
	size_t size = strlen(name);
	struct buf id = BUF_INIT;
	struct job *job = NULL;
	int r = size > 4 && strcmp(name + size - 4, ".png") == 0 ? node_path(folder, &id) : -ENOENT;

	if (r == 0 && buf_printf(&id, "%s%.*s", id.size ? "/" : "", (int)size - 4, name) == 0)
		job = batch_first(e, id.data);
	buf_release(&id);
	return job;
}

struct node *images_by_other_name(const struct images *im, const struct node *folder,
				  const char *name)
{
	struct job *job = NULL;

	if (folder->area != AREA_IMAGES || !folder->home)
		return NULL;
	if (folder->home->folder->area == AREA_ROOT)
		job = links_find(im->links, name);
	if (!job && folder->home->folder->area == AREA_ROOT)
		job = by_png(im->engine, name);
	if (!job)
		job = first_of(im->engine, folder, name);
	return job && !job->dismissed && (job->state != JOB_READY || job_has_picture(job))
		       ? views_picture(im->views, job)
		       : NULL;
}

int images_dismiss(struct engine *e, struct job *job)
{
	return job_pending(job) ? engine_wish(e, WISH_DISMISS, &job->number, 1)
				: engine_dismiss(e, job);
}

int images_unlink(const struct images *im, struct node *folder, const char *name)
{
	struct entry *entry = tree_entry(folder, name);
	struct node *node = entry ? entry->node : images_by_other_name(im, folder, name);

	if (!node)
		return -ENOENT;
	if (node->kind == NODE_FOLDER)
		return -EISDIR;
	return node->data ? images_dismiss(im->engine, node->data) : -ENOENT;
}

/* Names that readdir does not show must not keep rm -r from its end; what still comes does. */
static int dismiss_unlisted(const struct images *im, struct node *folder)
{
	int r = 0;

	list_each (p, &folder->order) {
		const struct entry *entry = list_entry(p, struct entry, in_folder);

		if (entry->listed || !entry->node->data || job_pending(entry->node->data))
			return -ENOTEMPTY;
	}
	list_each_safe (p, tmp, &folder->order)
		if (r == 0)
			r = engine_dismiss(im->engine,
					   list_entry(p, struct entry, in_folder)->node->data);
	return r < 0 || list_empty(&folder->order) ? r : -ENOTEMPTY;
}

int images_rmdir(const struct images *im, struct node *folder, const char *name)
{
	struct entry *entry = tree_entry(folder, name);
	int r;

	if (!entry)
		return -ENOENT;
	if (entry->node->kind != NODE_FOLDER)
		return -ENOTDIR;
	r = dismiss_unlisted(im, entry->node);
	if (r == 0)
		tree_unlink(entry);
	return r;
}
