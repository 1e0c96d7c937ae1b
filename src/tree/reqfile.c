/*
 * A file of requests/: its memory and its row. What its changes mean stands in inbox.c.
 */
#include "pimagefs/reqfile.h"

#include <stdlib.h>

#include "pimagefs/store.h"

static int write_row(struct store *store, struct ledger_item *item)
{
	const struct reqfile *file = list_entry(item, struct reqfile, item);
	struct buf path = BUF_INIT;
	int r = node_path(file->node, &path);
	struct store_file row = {
		.number = file->number,
		.path = buf_text(&path),
		.mode = file->node->mode,
		.mtime_ns = file->node->mtime_ns,
		.text = buf_text(&file->text),
		.size = file->text.size,
		.xattrs = file->xattrs.blob.data,
		.xattrs_size = file->xattrs.blob.size,
		.job = file->job ? file->job->number : 0,
		.unsent = file->unsent,
		.unconfirmed = file->unconfirmed || file->passing,
	};

	if (r == 0)
		r = store_put_file(store, &row);
	buf_release(&path);
	return r;
}

struct reqfile *reqfile_new(uint64_t number, struct node *node)
{
	struct reqfile *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->number = number;
	file->node = node;
	list_init(&file->item.in);
	file->item.write = write_row;
	return file;
}

void reqfile_forget_read(struct reqfile *file)
{
	expansion_release(&file->understood);
	file->is_understood = false;
}

void reqfile_free(struct reqfile *file)
{
	if (!file)
		return;
	list_remove(&file->item.in);
	if (file->text.size)
		tree_hold(file->node->tree, file->text.size, 0);
	buf_wipe(&file->text); /* may hold an hf_api_token */
	reqfile_forget_read(file);
	batch_free(file->batch);
	xattrs_release(&file->xattrs);
	free(file);
}
