/*
 * requests/ as the store has it, at the start.
 *
 * Happy path: folders, then files with their text and the job that each had; an empty one shows in
 * status/ as a draft.
 *
 * Failures: a row that contradicts another one is left out, with a warning.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inbox_internal.h"
#include "pimagefs/log.h"
#include "pimagefs/map.h"

/* A row that contradicts another one does not keep the rest from being mounted. */
static int load_without(const char *path, int r)
{
	if (r == -ENOMEM)
		return r;
	log_warn("requests/%s of the state database is left out: %s", path, strerror(-r));
	return 0;
}

static int load_folder(const struct store_folder *row, void *data)
{
	struct inbox *in = data;
	struct node *node;
	int r = tree_walk(in->root, row->path, true, 0755, &node);

	if (r < 0)
		return load_without(row->path, r);
	node->mode = row->mode;
	node_touch(node, row->mtime_ns);
	return 0;
}

static int load_text(struct reqfile *file, const struct store_file *row)
{
	int r = buf_append(&file->text, row->text, row->size);

	tree_hold(file->node->tree, 0, file->text.size);
	if (r == 0 && row->xattrs_size &&
	    xattrs_load(&file->xattrs, row->xattrs, row->xattrs_size) < 0)
		log_warn("requests/%s has lost its attributes", row->path);
	if (r == 0)
		r = digest_sha256(buf_text(&file->text), file->text.size, file->sent);
	return r;
}

static void take_set(struct inbox *in, struct reqfile *file)
{
	file->batch = map_remove_u64(in->sets, file->number);
	for (size_t i = 0; i < batch_size(file->batch); i++) {
		struct job *job = batch_job(file->batch, i, in->engine, file->number);

		if (job)
			engine_filed(in->engine, job, file->node);
	}
}

static int load_file(const struct store_file *row, void *data)
{
	struct inbox *in = data;
	char *path = strdup(row->path), *name = path ? strrchr(path, '/') : NULL;
	struct node *folder = in->root;
	struct reqfile *file;
	int r = path ? 0 : -ENOMEM;

	if (name) {
		*name++ = '\0';
		r = tree_walk(in->root, path, true, 0755, &folder);
	}
	if (r == 0)
		r = inbox_make_file(in, folder, name ? name : path, row->mode, row->number, &file);
	if (r) {
		in->last_number = row->number > in->last_number ? row->number : in->last_number;
		r = load_without(row->path, r);
		goto out;
	}
	r = load_text(file, row);
	if (r < 0)
		goto out;
	take_set(in, file);
	file->job = row->job ? engine_find_number(in->engine, row->job) : NULL;
	if (file->job)
		engine_filed(in->engine, file->job, file->node);
	if (row->job && !file->job)
		ledger_dirty(in->ledger, &file->item); /* that number may be given anew */
	/* Drafts wait for their proper name; everything else was submitted, or is held by its job.
	 */
	file->unconfirmed = row->unconfirmed;
	/* Who wrote it died before any close confirmed it: only writing it again submits it. */
	file->changed = !file->job && !file->batch && !row->unconfirmed;
	if (!file->job && !file->batch)
		file->sent[0] = '\0';
	node_touch(file->node, row->mtime_ns);
out:
	free(path);
	return r;
}

static void show_if_jobless(struct inbox *in, struct node *node)
{
	struct reqfile *file = node->kind == NODE_REQUEST ? node->data : NULL;

	if (file && !file->job && !inbox_is_draft(in, file))
		inbox_show_draft(in, file);
}

/* Which jobs a file asks for. */
static int note_part(struct job *job, void *data)
{
	struct inbox *in = data;
	struct batch *batch = job->set ? map_get_u64(in->sets, job->set) : NULL;
	int r = 0;

	if (!job->set)
		return 0;
	if (!batch) {
		batch = batch_new();
		r = batch ? map_set_u64(in->sets, job->set, batch) : -ENOMEM;
		if (r < 0)
			batch_free(batch);
	}
	if (job->set > in->last_number)
		in->last_number = job->set;
	return r < 0 ? r : batch_add(batch, job->number, 0);
}

/* Its file is gone. */
static int drop_set(void *value, void *data)
{
	struct inbox *in = data;
	struct batch *batch = value;

	for (size_t i = 0; i < batch_size(batch); i++) {
		struct job *job = engine_find_number(in->engine, batch_number(batch, i));

		if (job)
			engine_set_of(in->engine, job, NULL, 0);
	}
	batch_free(batch);
	return 0;
}

int inbox_load(struct inbox *in, struct store *store)
{
	int r = store_each_folder(store, load_folder, in);

	in->sets = map_new();
	if (r == 0)
		r = in->sets ? engine_each(in->engine, note_part, in) : -ENOMEM;
	if (r == 0)
		r = store_each_file(store, load_file, in);
	if (in->sets)
		map_each(in->sets, drop_set, in);
	map_free(in->sets);
	in->sets = NULL;
	/* Only now: a new job must not get a number that a later row still names. */
	if (r == 0)
		inbox_each_below(in, in->root, show_if_jobless);
	return r;
}
