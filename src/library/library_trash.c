/*
 * library_trash: what was removed lies in .trash/, below the day of its removal, as long as
 * library.trash_days says; beside each picture its sidecar, for a person to find it too.
 *
 * Happy path: a picture and its sidecar move there under a name that keeps the day they came from,
 * and back again; once in a while what has lain there long enough is removed for good.
 *
 * Failures: the errno of the call; what cannot be moved stays where it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library_internal.h"

#define DAY_MS INT64_C(86400000)
#define DAY_SIZE (LIBRARY_DAY - 1)

bool library_in_trash(const char *path)
{
	return strncmp(path, LIBRARY_TRASH "/", sizeof(LIBRARY_TRASH "/") - 1) == 0;
}

/* folder, stem and ending of where it goes; its sidecar comes along if it has one. */
static int move(const struct library *l, const char *path, const char *folder, const char *stem,
		char **out)
{
	char *sidecar = library_sidecar_path(path);
	struct library_pair pair = {
		.picture = path, .folder = folder, .stem = stem, .ending = strrchr(path, '.')
	};
	struct stat st;
	char *now_at;
	int r;

	if (!sidecar)
		return -ENOMEM;
	if (l->disk->stat_at(l->disk, l->root, sidecar, &st) == 0)
		pair.sidecar = sidecar;
	r = library_place(l, &pair, &now_at);
	free(sidecar);
	if (r)
		free(now_at);
	else
		*out = now_at;
	return r;
}

/* "NAME" of ".../NAME.ending"; heap. NULL for a path that is none of ours, or without memory. */
static char *stem_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');

	return slash && dot > slash ? strndup(slash + 1, (size_t)(dot - slash - 1)) : NULL;
}

/* --- there --- */

struct search {
	const struct library *library;
	const char *name; /* of a file */
	char *found;
};

static int look_in_day(const char *day, void *data)
{
	struct search *s = data;
	struct stat st;
	char *path;

	if (asprintf(&path, LIBRARY_TRASH "/%s/%s", day, s->name) < 0)
		return -ENOMEM;
	if (s->library->disk->stat_at(s->library->disk, s->library->root, path, &st) < 0) {
		free(path);
		return 0;
	}
	s->found = path;
	return 1;
}

/* A crash may have come between the move and the commit that tells of it. */
static int find(const struct library *l, const char *stem, const char *ending, char **out)
{
	char name[LIBRARY_NAME];
	struct search s = { .library = l, .name = name };
	int folder = l->disk->open(l->disk, l->root, LIBRARY_TRASH, O_RDONLY | O_DIRECTORY, 0);

	if (folder < 0)
		return -ENOENT;
	library_name_file(stem, 1, ending, name);
	l->disk->list(l->disk, folder, look_in_day, &s);
	l->disk->close(l->disk, folder);
	*out = s.found;
	return s.found ? 0 : -ENOENT;
}

int library_trash(const struct library *l, const char *path, int64_t wall_ms, char **out)
{
	char folder[sizeof(LIBRARY_TRASH "/") + DAY_SIZE], day[LIBRARY_DAY];
	char name[LIBRARY_STEM + LIBRARY_DAY], *stem = stem_of(path);
	int r = -EINVAL;

	if (stem) {
		library_name_day(wall_ms, day);
		snprintf(folder, sizeof(folder), LIBRARY_TRASH "/%s", day);
		snprintf(name, sizeof(name), "%.*s-%s", DAY_SIZE, path, stem);
		r = move(l, path, folder, name, out);
	}
	if (r == -ENOENT)
		r = find(l, name, strrchr(path, '.'), out);
	else if (!r)
		library_remove_folder_of(l, path);
	free(stem);
	return r;
}

/* --- and back --- */

static int is_back(const struct library *l, const char *day, const char *stem, const char *ending,
		   char **out)
{
	struct stat st;
	char *path;

	if (asprintf(&path, "%s/%s%s", day, stem, ending) < 0)
		return -ENOMEM;
	if (l->disk->stat_at(l->disk, l->root, path, &st) < 0) {
		free(path);
		return -ENOENT;
	}
	*out = path;
	return 0;
}

int library_restore(const struct library *l, const char *path, char **out)
{
	char *stem = stem_of(path), day[LIBRARY_DAY];
	int r = -EINVAL;

	if (stem && strlen(stem) > LIBRARY_DAY) {
		snprintf(day, sizeof(day), "%s", stem);
		r = move(l, path, day, stem + LIBRARY_DAY, out);
		if (r == -ENOENT)
			r = is_back(l, day, stem + LIBRARY_DAY, strrchr(path, '.'), out);
	}
	if (!r)
		library_remove_folder_of(l, path);
	free(stem);
	return r;
}

/* --- the end of its days --- */

struct emptying {
	const struct disk *disk;
	int trash, folder;
	char before[LIBRARY_DAY]; /* days before this one go */
};

static int remove_file(const char *name, void *data)
{
	const struct emptying *e = data;

	e->disk->unlink(e->disk, e->folder, name, 0);
	return 0;
}

static int remove_day(const char *name, void *data)
{
	struct emptying *e = data;
	const struct disk *d = e->disk;

	if (strlen(name) != DAY_SIZE || strcmp(name, e->before) >= 0)
		return 0;
	e->folder = d->open(d, e->trash, name, O_RDONLY | O_DIRECTORY, 0);
	if (e->folder < 0)
		return 0;
	d->list(d, e->folder, remove_file, e);
	d->close(d, e->folder);
	d->unlink(d, e->trash, name, AT_REMOVEDIR);
	return 0;
}

int library_empty_trash(const struct library *l, int64_t wall_ms, int days)
{
	const struct disk *d = l->disk;
	struct emptying e = { .disk = d };
	int r;

	e.trash = d->open(d, l->root, LIBRARY_TRASH, O_RDONLY | O_DIRECTORY, 0);
	if (e.trash < 0)
		return e.trash == -ENOENT ? 0 : e.trash;
	library_name_day(wall_ms - (days - 1) * DAY_MS, e.before);
	r = d->list(d, e.trash, remove_day, &e);
	d->close(d, e.trash);
	return r;
}
