/*
 * requests/: folders, rename, unlink, and what the store remembers of them.
 *
 * Happy path: a rename moves a submitted request's id, so its picture and status follow; a draft
 * that gets a proper name is submitted; unlink of an unfinished request cancels it.
 *
 * Failures: a draft whose text is no request keeps its draft name (-EINVAL), so an editor that
 * saves by renaming sees it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inbox_internal.h"
#include "pimagefs/clock.h"
#include "pimagefs/log.h"
#include "pimagefs/names.h"

int inbox_mkdir(struct inbox *in, struct node *folder, const char *name, unsigned mode,
		struct node **out)
{
	struct buf path = BUF_INIT;
	struct node *node;
	int r = names_check_folder(name);

	if (r == 0)
		r = inbox_path(folder, name, &path);
	if (r == 0)
		r = inbox_has_room(in);
	if (r == 0)
		r = ledger_health(in->ledger);
	if (r == 0)
		r = tree_make(folder->tree, NODE_FOLDER, AREA_REQUESTS, mode, &node);
	if (r < 0)
		goto out;
	r = tree_link(folder, name, node, true, NULL);
	if (r == 0)
		r = ledger_folder(in->ledger, path.data, node);
	node_touch(folder, node->mtime_ns);
	if (r == 0)
		*out = node;
	else
		tree_unlink(node->home);
	node_unpin(node);
out:
	buf_release(&path);
	return r;
}

int inbox_rmdir(struct inbox *in, struct node *folder, const char *name)
{
	struct entry *entry = tree_entry(folder, name);
	struct buf path = BUF_INIT;
	int r;

	if (!entry)
		return -ENOENT;
	if (entry->node->kind != NODE_FOLDER)
		return -ENOTDIR;
	if (!tree_is_empty(entry->node))
		return -ENOTEMPTY;
	r = inbox_path(folder, name, &path);
	if (r == 0)
		r = ledger_forget_folder(in->ledger, path.data);
	buf_release(&path);
	if (r < 0)
		return r;
	tree_unlink(entry);
	node_touch(folder, clock_wall_ms() * 1000000);
	return 0;
}

void inbox_part(struct inbox *in, struct reqfile *file, bool cancel)
{
	struct job *job = file->job;

	file->job = NULL;
	file->unsent = false;
	if (!job)
		return;
	job->filed = false;
	if (job->state == JOB_INVALID || (job->state == JOB_DRAFT && !job->input))
		engine_discard(in->engine, job);
	else if (cancel ? job_pending(job) : job->state == JOB_DRAFT)
		engine_cancel(in->engine, job);
	else
		engine_filed(in->engine, job, false);
}

static int drop_file(struct inbox *in, struct entry *entry, bool cancel)
{
	struct reqfile *file = entry->node->data;
	int r = ledger_forget_file(in->ledger, file);

	if (r < 0)
		return r;
	inbox_part(in, file, cancel);
	node_touch(entry->folder, clock_wall_ms() * 1000000);
	tree_unlink(entry);
	return 0;
}

int inbox_unlink(struct inbox *in, struct node *folder, const char *name)
{
	struct entry *entry = tree_entry(folder, name);

	if (!entry)
		return -ENOENT;
	if (entry->node->kind != NODE_REQUEST)
		return -EISDIR;
	/* Editors remove their backup files; that cancels nothing. */
	return drop_file(in, entry, !inbox_is_draft_name(in, name));
}

/* --- rename --- */

static void take_id_along(struct inbox *in, struct reqfile *file)
{
	char *id = inbox_id(file);
	struct job *job = file->job, *there = id ? engine_find(in->engine, id) : NULL;

	if (there && there != job && job->state == JOB_DRAFT && !job->input)
		inbox_part(in, file, false); /* an empty file takes nobody's name */
	else if (id && (strcmp(job->id, id) != 0 || !job->current) &&
		 engine_rename(in->engine, job, id) < 0)
		log_warn("out of memory: %s keeps its old name in images/", job->id);
	free(id);
}

static void moved(struct inbox *in, struct reqfile *file)
{
	ledger_file(in->ledger, file);
	if (inbox_is_draft(in, file))
		return;
	if (file->job && (file->unsent || !inbox_is_news(file)))
		take_id_along(in, file);
	if (!file->writers)
		inbox_submit(in, file);
}

static void each_below(struct inbox *in, struct node *folder,
		       void (*fn)(struct inbox *, struct node *))
{
	list_each_safe (p, tmp, &folder->order) {
		struct node *node = list_entry(p, struct entry, in_folder)->node;

		if (node->kind == NODE_FOLDER)
			each_below(in, node, fn);
		fn(in, node);
	}
}

static void forget_folder(struct inbox *in, struct node *node)
{
	struct buf path = BUF_INIT;

	if (node->kind == NODE_FOLDER && node_path(node, &path) == 0)
		ledger_forget_folder(in->ledger, buf_text(&path));
	buf_release(&path);
}

static void moved_below(struct inbox *in, struct node *node)
{
	if (node->kind == NODE_FOLDER)
		inbox_touched(in, node);
	else
		moved(in, node->data);
}

static int replace_target(struct inbox *in, const struct node *node, struct node *to,
			  const char *to_name, unsigned flags)
{
	struct entry *target = tree_entry(to, to_name);

	if (!target)
		return 0;
	if (flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (node->kind == NODE_FOLDER)
		return target->node->kind == NODE_FOLDER ? inbox_rmdir(in, to, to_name) : -ENOTDIR;
	if (target->node->kind == NODE_FOLDER)
		return -EISDIR;
	return drop_file(in, target, false);
}

void inbox_refuse_name(struct inbox *in, const struct node *folder, const char *name,
		       const struct error *err)
{
	struct buf path = BUF_INIT;
	struct job *job = NULL;

	if (inbox_path(folder, name, &path) == 0) {
		path.data[names_id_length(path.data)] = '\0';
		job = engine_draft(in->engine, path.data);
	}
	if (!job || engine_refuse(in->engine, job, err) < 0)
		log_warn("out of memory: a refusal is not shown");
	buf_release(&path);
}

/* A draft that is about to get a proper name must be a request; else it keeps its name. */
static int check_promotion(struct inbox *in, struct reqfile *file, struct node *to,
			   const char *to_name)
{
	struct error err;
	int r;

	if (!inbox_is_draft(in, file) || inbox_is_draft_name(in, to_name) || file->writers ||
	    !inbox_is_news(file))
		return 0;
	r = inbox_may_write(in, to, to_name);
	if (r < 0)
		return r;
	r = inbox_check(in, file, to_name, &err);
	if (r < 0 && r != -ENOMEM)
		inbox_refuse_name(in, to, to_name, &err);
	return r;
}

/* The bytes that the longest path below a folder adds to its own. */
static size_t longest_below(const struct node *folder)
{
	size_t longest = 0;

	list_each (p, &folder->order) {
		const struct entry *e = list_entry(p, struct entry, in_folder);
		size_t size = 1 + strlen(e->name);

		if (e->node->kind == NODE_FOLDER)
			size += longest_below(e->node);
		if (size > longest)
			longest = size;
	}
	return longest;
}

static int rename_folder(struct inbox *in, struct entry *entry, struct node *to,
			 const char *to_name)
{
	struct node *node = entry->node;
	int r;

	forget_folder(in, node);
	each_below(in, node, forget_folder);
	r = tree_rename(&entry, to, to_name);
	moved_below(in, node);
	each_below(in, node, moved_below);
	return r;
}

int inbox_rename(struct inbox *in, struct node *folder, const char *name, struct node *to,
		 const char *to_name, unsigned flags)
{
	struct entry *entry = tree_entry(folder, name);
	struct buf path = BUF_INIT;
	struct node *node;
	int r;

	if (!entry)
		return -ENOENT;
	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	if (tree_entry(to, to_name) == entry)
		return 0;
	node = entry->node;
	r = node->kind == NODE_FOLDER ? names_check_folder(to_name)
				      : names_check(to_name, inbox_is_draft_name(in, to_name));
	if (r == 0)
		r = inbox_path(to, to_name, &path);
	if (r == 0 && node->kind == NODE_FOLDER && tree_is_below(to, node))
		r = -EINVAL;
	if (r == 0 && node->kind == NODE_FOLDER && path.size + longest_below(node) > NAMES_PATH_MAX)
		r = -ENAMETOOLONG;
	buf_release(&path);
	if (r == 0)
		r = ledger_health(in->ledger); /* nothing is replaced that cannot be kept */
	if (r == 0 && node->kind == NODE_REQUEST)
		r = check_promotion(in, node->data, to, to_name);
	if (r == 0)
		r = replace_target(in, node, to, to_name, flags);
	if (r < 0)
		return r;
	node_touch(folder, clock_wall_ms() * 1000000);
	node_touch(to, folder->mtime_ns);
	if (node->kind == NODE_FOLDER)
		return rename_folder(in, entry, to, to_name);
	r = tree_rename(&entry, to, to_name);
	if (r == 0)
		moved(in, node->data);
	return r;
}

/* --- what the store remembers --- */

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

	if (r == 0 && row->xattrs_size &&
	    xattrs_load(&file->xattrs, row->xattrs, row->xattrs_size) < 0)
		log_warn("requests/%s has lost its attributes", row->path);
	if (r == 0)
		r = digest_sha256(buf_text(&file->text), file->text.size, file->sent);
	return r;
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
	if (r < 0) {
		in->last_number = row->number > in->last_number ? row->number : in->last_number;
		r = load_without(row->path, r);
		goto out;
	}
	r = load_text(file, row);
	if (r < 0)
		goto out;
	file->job = row->job ? engine_find_number(in->engine, row->job) : NULL;
	if (file->job)
		engine_filed(in->engine, file->job, true);
	if (row->job && !file->job)
		ledger_file(in->ledger, file); /* that number may be given anew */
	/* Drafts wait for their proper name; everything else was submitted, or is held by its job.
	 */
	file->changed = !file->job;
	if (file->changed)
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

int inbox_load(struct inbox *in, struct store *store)
{
	int r = store_each_folder(store, load_folder, in);

	if (r == 0)
		r = store_each_file(store, load_file, in);
	/* Only now: a new job must not get a number that a later row still names. */
	if (r == 0)
		each_below(in, in->root, show_if_jobless);
	return r;
}
