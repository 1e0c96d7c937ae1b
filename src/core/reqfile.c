/*
 * A file of requests/: only its memory. What its changes mean stands in inbox.c.
 */
#include "pimagefs/reqfile.h"

#include <stdlib.h>

struct reqfile *reqfile_new(uint64_t number, struct node *node)
{
	struct reqfile *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->number = number;
	file->node = node;
	list_init(&file->dirty_in);
	return file;
}

void reqfile_free(struct reqfile *file)
{
	if (!file)
		return;
	list_remove(&file->dirty_in);
	buf_wipe(&file->text); /* may hold an hf_api_token */
	xattrs_release(&file->xattrs);
	free(file);
}
