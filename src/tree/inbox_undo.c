/*
 * requests/: what a rename puts back when it cannot be committed, and the drafts that the rename of
 * their folder submits.
 *
 * Happy path: how a file stands is noted before it gets another name; drafts in a folder that loses
 * its draft's name are noted, and submitted in the same commit. A text of them that is no request
 * is refused in status/, as by a close.
 *
 * Failures: what was registered meanwhile was not yet sent, or stored: it is taken back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inbox_internal.h"

struct noted {
	struct list in;
	struct reqfile *file;
	struct inbox_undo undo;
};

int inbox_undo_prepare(struct inbox_undo *u, const struct reqfile *file)
{
	*u = (struct inbox_undo){ .job = file->job ? file->job->number : 0,
				  .id = file->job ? strdup(file->job->id) : NULL,
				  .was_current = file->job && file->job->current,
				  .changed = file->changed,
				  .rewritten = file->rewritten,
				  .unsent = file->unsent,
				  .stale = file->stale,
				  .batch = file->batch ? batch_copy(file->batch) : NULL };
	memcpy(u->sent, file->sent, sizeof(u->sent));
	return (u->id || !u->job) && (u->batch || !file->batch) ? 0 : -ENOMEM;
}

void inbox_undo_release(struct inbox_undo *u)
{
	batch_free(u->batch);
	free(u->id);
}

void inbox_undo(struct inbox *in, struct reqfile *file, struct inbox_undo *u)
{
	struct job *job = u->job ? engine_find_number(in->engine, u->job) : NULL;

	inbox_undo_set(in, file, &u->batch, u->id);
	if (file->job && file->job != job)
		engine_discard(in->engine, file->job); /* it was not yet sent, or stored */
	if (job && (strcmp(job->id, u->id) != 0 || (u->was_current && !job->current)))
		engine_rename(in->engine, job, u->id);
	file->job = job;
	if (file->job)
		engine_filed(in->engine, file->job, file->node);
	file->changed = u->changed;
	file->rewritten = u->rewritten;
	file->unsent = u->unsent;
	file->stale = u->stale;
	memcpy(file->sent, u->sent, sizeof(u->sent));
}

static int note(struct reqfile *file, struct list *out)
{
	struct noted *n = calloc(1, sizeof(*n));
	int r = n ? inbox_undo_prepare(&n->undo, file) : -ENOMEM;

	if (n) {
		n->file = file;
		list_append(out, &n->in);
	}
	return r;
}

int inbox_note_drafts(struct inbox *in, const struct node *folder, struct list *out)
{
	int r = 0;

	list_each (p, &folder->order) {
		struct node *node = list_entry(p, struct entry, in_folder)->node;
		struct reqfile *file = node->kind == NODE_REQUEST ? node->data : NULL;

		if (r == 0 && node->kind == NODE_FOLDER)
			r = inbox_note_drafts(in, node, out);
		if (r == 0 && file && !file->writers && inbox_is_draft(in, file) &&
		    inbox_is_news(file))
			r = note(file, out);
	}
	return r;
}

void inbox_send_drafts(struct inbox *in, struct list *drafts)
{
	list_each (p, drafts)
		inbox_submit(in, list_entry(p, struct noted, in)->file); /* if it is none now */
}

void inbox_undo_drafts(struct inbox *in, struct list *drafts)
{
	list_each (p, drafts) {
		struct noted *n = list_entry(p, struct noted, in);

		inbox_undo(in, n->file, &n->undo);
	}
}

void inbox_forget_drafts(struct list *drafts)
{
	list_each_safe (p, tmp, drafts) {
		struct noted *n = list_entry(p, struct noted, in);

		list_remove(p);
		inbox_undo_release(&n->undo);
		free(n);
	}
}
