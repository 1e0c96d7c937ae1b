/*
 * requests/: rm and rmdir.
 *
 * Happy path: a file's row goes in the same commit in which the rows of its jobs say that they are
 * cancelled, or whatever is wished of them; then the file goes. What cancels nothing need not wait
 * for the disk: `rm -r` of a thousand is not to be a thousand commits.
 *
 * Failures: what could not be stored is still there.
 */
#include <errno.h>
#include <stdlib.h>

#include "inbox_internal.h"

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
	inbox_touch(in, folder);
	return 0;
}

static void remove_file(struct inbox *in, struct entry *entry)
{
	struct node *folder = entry->folder;

	inbox_drop_job(in, entry->node->data);
	inbox_touch(in, folder);
	tree_unlink(entry);
}

int inbox_forget(struct inbox *in, struct entry *entry, enum wish wish, const uint64_t *numbers,
		 size_t n)
{
	struct reqfile *file = entry->node->data;
	int r = ledger_forget_file(in->ledger, &file->item, file->number);

	if (r == 0)
		r = n ? engine_wish(in->engine, wish, numbers, n) : ledger_sync(in->ledger);
	if (r == 0)
		remove_file(in, entry);
	else
		ledger_dirty(in->ledger, &file->item); /* its row stays, or comes back */
	return r;
}

/* The jobs that are under way for it. NULL when out of memory. */
static uint64_t *pending_of(const struct inbox *in, const struct reqfile *file, size_t *n)
{
	uint64_t *numbers = calloc(batch_size(file->batch) + 1, sizeof(*numbers));

	*n = 0;
	if (numbers && file->job && job_pending(file->job) && file->job->input)
		numbers[(*n)++] = file->job->number;
	for (size_t i = 0; numbers && i < batch_size(file->batch); i++) {
		const struct job *part = batch_job(file->batch, i, in->engine, file->number);

		if (part && job_pending(part) && part->input)
			numbers[(*n)++] = part->number;
	}
	return numbers;
}

int inbox_unlink(struct inbox *in, struct node *folder, const char *name)
{
	struct entry *entry = tree_entry(folder, name);
	struct reqfile *file;
	uint64_t *numbers;
	size_t n;
	int r;

	if (!entry)
		return -ENOENT;
	if (entry->node->kind != NODE_REQUEST)
		return entry->node->kind == NODE_FOLDER ? -EISDIR : -EPERM;
	file = entry->node->data;
	numbers = pending_of(in, file, &n);
	if (!numbers)
		return -ENOMEM;
	/* Editors remove their backup files; that cancels nothing, and what cancels nothing need
	 * not wait for the disk. */
	if (n && !inbox_is_draft_name(in, folder, name)) {
		r = inbox_forget(in, entry, WISH_CANCEL, numbers, n);
	} else {
		r = ledger_forget_file(in->ledger, &file->item, file->number);
		if (r == 0)
			remove_file(in, entry);
	}
	free(numbers);
	return r;
}
