/*
 * requests/: what its names and paths are, for the other files of the inbox.
 *
 * Happy path: a file's id is its path without a known ending; a draft is one by its own name or a
 * folder's.
 *
 * Failures: -ENAMETOOLONG, -ENOSPC and -ENOMEM.
 */
#include <errno.h>
#include <string.h>

#include "inbox_internal.h"
#include "pimagefs/names.h"

#define DEFAULTS ".pimagefs.ini"

bool inbox_is_ini(const char *name)
{
	return strcmp(name, DEFAULTS) == 0;
}

bool inbox_is_wildcards(const struct node *folder)
{
	const struct entry *home = folder->home;

	return home && strcmp(home->name, INBOX_WILDCARDS) == 0 && home->folder->home &&
	       home->folder->home->folder->area == AREA_ROOT;
}

/* By its own name, or that of a folder that it lies in. What the requests refer to is none,
 * whatever the setting says. */
bool inbox_is_draft_name(const struct inbox *in, const struct node *folder, const char *name)
{
	char *const *patterns = in->settings->requests.ignore;
	size_t n = in->settings->requests.n_ignore;

	for (; folder != in->root && folder->home; folder = folder->home->folder)
		if (names_is_draft(folder->home->name, patterns, n) || inbox_is_wildcards(folder))
			return true;
	return names_is_draft(name, patterns, n) || inbox_is_ini(name);
}

bool inbox_is_draft(const struct inbox *in, const struct reqfile *file)
{
	const struct entry *home = file->node->home;

	return !home || file->passing || inbox_is_draft_name(in, home->folder, home->name);
}

int inbox_path(const struct node *folder, const char *name, struct buf *out)
{
	int r = node_path(folder, out);

	if (r == 0 && out->size)
		r = buf_puts(out, "/");
	if (r == 0)
		r = buf_puts(out, name);
	return r == 0 && out->size > NAMES_PATH_MAX ? -ENAMETOOLONG : r;
}

char *inbox_id(const struct reqfile *file)
{
	struct buf path = BUF_INIT;
	char *id = NULL;

	if (node_path(file->node, &path) == 0)
		id = strndup(buf_text(&path), names_id_length(buf_text(&path)));
	buf_release(&path);
	return id;
}

int inbox_has_room(const struct inbox *in)
{
	/* The top folder is none of the user's. */
	return tree_requests(in->root->tree) > (unsigned)in->settings->limits.files ? -ENOSPC : 0;
}

int inbox_may_write(const struct inbox *in, const struct node *folder, const char *name)
{
	return inbox_is_draft_name(in, folder, name) ? 0 : engine_may_accept(in->engine);
}

void inbox_touch(const struct inbox *in, struct node *node)
{
	node_touch(node, world_wall_ms(in->world) * 1000000);
}
