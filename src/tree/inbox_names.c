/*
 * requests/: mkdir and rename.
 *
 * Happy path: a rename moves a submitted request's id, so its picture and status follow; a draft
 * that gets a proper name is submitted.
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
#include "pimagefs/log.h"
#include "pimagefs/names.h"

int inbox_mkdir(struct inbox *in, struct node *folder, const char *name, unsigned mode,
		struct node **out)
{
	struct buf path = BUF_INIT;
	struct node *node;
	int r = names_check_folder(name);

	if (r == 0 && inbox_is_taken_by_set(folder, name))
		r = -EEXIST;
	if (r == 0)
		r = inbox_path(folder, name, &path);
	if (r == 0)
		r = inbox_has_room(in);
	if (r == 0)
		r = ledger_health(in->ledger);
	if (r == 0)
		r = tree_make(folder->tree, NODE_FOLDER, AREA_REQUESTS, mode, &node);
	if (r)
		goto out;
	r = tree_link(folder, name, node, true, NULL);
	if (r == 0)
		r = ledger_folder(in->ledger, path.data, node->mode, node->mtime_ns);
	if (r == 0 && (r = ledger_sync(in->ledger)) < 0)
		ledger_forget_folder(in->ledger, path.data); /* it may be written all the same */
	if (r == 0) {
		node_touch(folder, node->mtime_ns);
		*out = node;
	} else {
		tree_unlink(node->home);
	}
	node_unpin(node);
out:
	buf_release(&path);
	return r;
}

/* --- rename --- */

static void take_id_along(struct inbox *in, struct reqfile *file)
{
	char *id = inbox_id(file);
	struct job *job = file->job, *there = id ? engine_find(in->engine, id) : NULL;

	if (id && file->batch)
		inbox_take_set_along(in, file, id);
	if (job && there && there != job && !file->batch && job->state == JOB_DRAFT && !job->input)
		inbox_drop_job(in, file); /* an empty file takes nobody's name */
	else if (job && id && (strcmp(job->id, id) != 0 || !job->current) &&
		 engine_rename(in->engine, job, id) < 0)
		log_warn("out of memory: %s keeps its old name in images/", job->id);
	free(id);
}

/* status/ names the file, also where the id stays. */
static void show_file(const struct inbox *in, const struct reqfile *file)
{
	for (size_t i = 0; i < batch_size(file->batch); i++) {
		struct job *part = batch_job(file->batch, i, in->engine, file->number);

		if (part)
			engine_filed(in->engine, part, file->node);
	}
	if (file->job)
		engine_filed(in->engine, file->job, file->node);
}

/* Its id is another now. */
static void moved(struct inbox *in, struct reqfile *file)
{
	ledger_dirty(in->ledger, &file->item);
	if (!inbox_is_draft(in, file) && (file->job || file->batch) &&
	    (file->unsent || !inbox_is_news(file)))
		take_id_along(in, file);
	show_file(in, file);
}

void inbox_each_below(struct inbox *in, struct node *folder,
		      void (*fn)(struct inbox *, struct node *))
{
	list_each_safe (p, tmp, &folder->order) {
		struct node *node = list_entry(p, struct entry, in_folder)->node;

		if (node->kind == NODE_FOLDER)
			inbox_each_below(in, node, fn);
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

	if (inbox_is_ini(to_name)) {
		r = inbox_check_ini(in, file, to, &err);
		if (r == -EINVAL)
			inbox_refuse_name(in, to, to_name, &err);
		return r;
	}
	if (!inbox_is_draft(in, file) || inbox_is_draft_name(in, to, to_name) || file->writers ||
	    !inbox_is_news(file))
		return 0;
	r = inbox_may_write(in, to, to_name);
	if (r < 0)
		return r;
	r = inbox_understand(in, file, to, to_name, &err);
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

static int move_folder(struct inbox *in, struct node *node, struct node *to, const char *to_name)
{
	struct entry *entry = node->home;
	int r;

	forget_folder(in, node);
	inbox_each_below(in, node, forget_folder);
	r = tree_rename(&entry, to, to_name);
	moved_below(in, node);
	inbox_each_below(in, node, moved_below);
	return r;
}

static int rename_folder(struct inbox *in, struct node *node, struct node *to, const char *to_name)
{
	struct entry *target = tree_entry(to, to_name);
	struct node *from = node->home->folder, *replaced = target ? target->node : NULL;
	char *name = strdup(node->home->name);
	struct list drafts;
	int r = name ? 0 : -ENOMEM;

	list_init(&drafts);
	if (r == 0 && !inbox_is_draft_name(in, to, to_name))
		r = inbox_note_drafts(in, node, &drafts);
	if (r == 0 && !list_empty(&drafts))
		r = engine_may_accept(in->engine);
	if (replaced)
		node_pin(replaced);
	if (r == 0 && replaced)
		r = inbox_rmdir(in, to, to_name);
	if (r == 0)
		r = move_folder(in, node, to, to_name);
	if (r == 0) {
		inbox_send_drafts(in, &drafts);
		r = ledger_sync(in->ledger);
		if (r < 0) {
			inbox_undo_drafts(in, &drafts);
			move_folder(in, node, from, name);
		}
	}
	if (r < 0 && replaced && !replaced->home &&
	    tree_link(to, to_name, replaced, true, NULL) == 0)
		inbox_touched(in, replaced);
	node_unpin(replaced);
	inbox_forget_drafts(&drafts);
	free(name);
	return r;
}

/* What a rename of a file must put back when it cannot be committed. */
struct undo {
	struct node *folder;
	char *name;
	struct node *replaced; /* pinned; NULL: nothing was there */
	bool was_current;      /* the replaced file's job was its id's */
	struct inbox_undo file;
};

static int undo_prepare(struct undo *u, struct entry *entry)
{
	*u = (struct undo){ .folder = entry->folder, .name = strdup(entry->name) };
	return u->name ? inbox_undo_prepare(&u->file, entry->node->data) : -ENOMEM;
}

/* What was replaced gets its name again. */
static void put_back(struct inbox *in, const struct undo *u, struct node *to, const char *name)
{
	struct reqfile *there = u->replaced ? u->replaced->data : NULL;

	if (!there || tree_link(to, name, u->replaced, true, NULL) < 0)
		return;
	if (u->was_current)
		engine_rename(in->engine, there->job, there->job->id);
	ledger_dirty(in->ledger, &there->item);
}

static void undo_rename(struct inbox *in, struct reqfile *file, struct undo *u)
{
	struct entry *entry = file->node->home;
	struct node *to = entry->folder;
	char *to_name = strdup(entry->name);

	inbox_undo(in, file, &u->file);
	tree_rename(&entry, u->folder, u->name);
	ledger_dirty(in->ledger, &file->item);
	if (to_name)
		put_back(in, u, to, to_name);
	free(to_name);
}

/* What was sent as one prompt takes the place of a list: its lines are meant. */
static bool becomes_list(const struct reqfile *file, const char *name, const char *to_name)
{
	return names_is_list(to_name) && !names_is_list(name) && !file->batch && file->job &&
	       file->sent[0] && file->job->state != JOB_HELD;
}

/* The names, the id that goes along and the submission are one commit. */
static int rename_file(struct inbox *in, struct entry *entry, struct node *to, const char *to_name)
{
	struct reqfile *file = entry->node->data, *there = NULL;
	struct entry *target = tree_entry(to, to_name);
	struct undo undo;
	int r = undo_prepare(&undo, entry);

	if (r == 0 && target) {
		there = target->node->data;
		undo.replaced = target->node;
		undo.was_current = there->job && there->job->current;
		if (becomes_list(file, entry->name, to_name))
			file->changed = file->rewritten = true;
		node_pin(undo.replaced);
		tree_unlink(target);
	}
	if (r == 0 && (r = tree_rename(&entry, to, to_name)) < 0) {
		put_back(in, &undo, to, to_name);
	} else if (r == 0) {
		if (there)
			r = ledger_forget_file(in->ledger, &there->item, there->number);
		if (r == 0) {
			moved(in, file);
			if (!file->writers) /* inbox_submit leaves drafts alone */
				inbox_submit(in, file);
			r = ledger_sync(in->ledger);
		}
		if (r < 0)
			undo_rename(in, file, &undo);
		else if (there)
			inbox_drop_job(in, there);
	}
	node_unpin(undo.replaced);
	inbox_undo_release(&undo.file);
	free(undo.name);
	return r;
}

/* May a file that asks for several be called so, or a folder, beside those that do? */
static int check_set_name(struct inbox *in, const struct node *node, struct node *to,
			  const char *to_name)
{
	const struct reqfile *file = node->kind == NODE_REQUEST ? node->data : NULL;
	struct error err;

	if (!file)
		return inbox_is_taken_by_set(to, to_name) ? -EEXIST : 0;
	return file->batch && !inbox_is_draft_name(in, to, to_name)
		       ? inbox_check_names(file, to, to_name, &err)
		       : 0;
}

/* May it take the place of what is there? */
static int check_target(const struct node *node, struct node *to, const char *to_name,
			unsigned flags)
{
	const struct entry *target = tree_entry(to, to_name);
	bool folder = node->kind == NODE_FOLDER;

	if (!target)
		return 0;
	if (flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (folder != (target->node->kind == NODE_FOLDER))
		return folder ? -ENOTDIR : -EISDIR;
	return folder && !tree_is_empty(target->node) ? -ENOTEMPTY : 0;
}

static int check_name(const struct inbox *in, const struct node *node, struct node *to,
		      const char *to_name)
{
	bool folder = node->kind == NODE_FOLDER;
	struct buf path = BUF_INIT;
	int r = folder ? names_check_folder(to_name)
		       : names_check(to_name, inbox_is_draft_name(in, to, to_name));

	if (r == 0)
		r = inbox_path(to, to_name, &path);
	if (r == 0 && folder && tree_is_below(to, node))
		r = -EINVAL;
	if (r == 0 && folder && path.size + longest_below(node) > NAMES_PATH_MAX)
		r = -ENAMETOOLONG;
	buf_release(&path);
	return r;
}

int inbox_rename(struct inbox *in, struct node *folder, const char *name, struct node *to,
		 const char *to_name, unsigned flags)
{
	struct entry *entry = tree_entry(folder, name), *target = tree_entry(to, to_name);
	struct node *node;
	int r;

	if (!entry)
		return -ENOENT;
	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	if (target == entry)
		return 0;
	node = entry->node;
	if (node->kind == NODE_TEXT || (target && target->node->kind == NODE_TEXT))
		return -EPERM; /* the help is none of the user's */
	r = check_name(in, node, to, to_name);
	if (r == 0)
		r = ledger_health(in->ledger); /* nothing is replaced that cannot be kept */
	if (r == 0)
		r = check_target(node, to, to_name, flags);
	if (r == 0)
		r = check_set_name(in, node, to, to_name);
	if (r == 0 && node->kind == NODE_REQUEST) {
		struct reqfile *file = node->data;

		reqfile_forget_read(file); /* under the other name it may say otherwise */
		r = check_promotion(in, file, to, to_name);
		if (r == 0) {
			bool passing = file->passing;

			file->passing = false;
			r = rename_file(in, entry, to, to_name);
			file->passing = passing && r < 0;
			if (r == 0 && inbox_is_ini(to_name))
				inbox_forget_refusal(in, to, to_name);
		}
		reqfile_forget_read(file);
	} else if (r == 0) {
		r = rename_folder(in, node, to, to_name);
	}
	if (r == 0) {
		inbox_touch(in, folder);
		node_touch(to, folder->mtime_ns);
	}
	return r;
}
