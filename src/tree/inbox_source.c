/*
 * requests/.wildcards/: the files that prompts refer to, and where chance comes from.
 *
 * Happy path: __animals__ is requests/.wildcards/animals.txt, __sea/fish__ the one in a folder.
 *
 * Failures: what is not there is -ENOENT; the names that are there serve as hints.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inbox_internal.h"

#define ENDING ".txt"
#define HINTS 64

static uint64_t chance(void *data)
{
	const struct inbox *in = data;

	return in->world->random(in->world->self);
}

static struct node *folder_of(const struct inbox *in)
{
	const struct entry *e = tree_entry(in->root, INBOX_WILDCARDS);

	return e && e->node->kind == NODE_FOLDER ? e->node : NULL;
}

static int wildcard(const char *name, const char **text, size_t *size, void *data)
{
	const struct inbox *in = data;
	struct node *folder = folder_of(in);
	const char *last = strrchr(name, '/');
	char *path = strndup(name, last ? (size_t)(last - name) : 0);
	struct buf file = BUF_INIT;
	const struct entry *e = NULL;
	const struct reqfile *found;
	int r = path ? buf_printf(&file, "%s" ENDING, last ? last + 1 : name) : -ENOMEM;

	if (r == 0)
		r = folder ? tree_walk(folder, path, false, 0, &folder) : -ENOENT;
	if (r == 0)
		e = tree_entry(folder, buf_text(&file));
	if (r == 0 && (!e || e->node->kind != NODE_REQUEST))
		r = -ENOENT;
	if (r == 0) {
		found = e->node->data;
		*text = buf_text(&found->text);
		*size = found->text.size;
	}
	buf_release(&file);
	free(path);
	return r == -ENOTDIR ? -ENOENT : r;
}

/* The names at the top. */
static void add_hints(const struct node *folder, struct expand_source *out)
{
	const char **names = calloc(HINTS, sizeof(*names));

	out->wildcards = names;
	list_each (p, &folder->order) {
		const char *name = list_entry(p, struct entry, in_folder)->name;
		size_t size = strlen(name), ending = strlen(ENDING);

		if (!names || out->n_wildcards == HINTS)
			return;
		if (size <= ending || strcmp(name + size - ending, ENDING) != 0)
			continue;
		names[out->n_wildcards] = strndup(name, size - ending);
		if (names[out->n_wildcards])
			out->n_wildcards++;
	}
}

void inbox_source(struct inbox *in, struct expand_source *out)
{
	const struct node *folder = folder_of(in);

	*out = (struct expand_source){ .wildcard = wildcard, .random = chance, .data = in };
	if (folder)
		add_hints(folder, out);
}

void inbox_source_release(struct expand_source *s)
{
	for (size_t i = 0; i < s->n_wildcards; i++)
		free((char *)s->wildcards[i]);
	free((void *)s->wildcards);
}
