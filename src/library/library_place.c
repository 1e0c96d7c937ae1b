/*
 * library_place: how a picture and its sidecar get their names together.
 *
 * Happy path: the sidecar is renamed into its folder, then the picture, then the folder is synced.
 * A picture with its name is always whole. A new one is never without its sidecar, also after a
 * crash, for only the sidecar tells whose it is: the folder is synced before the picture comes.
 *
 * Failures: the errno of the call. Nothing is ever replaced: a name that is taken gets a number. If
 * the picture or a sync fails, both leave their names again, so that the caller can try once more;
 * a picture that the disk does not let go of stays, and the caller hears where. A folder that goes
 * meanwhile, for it was empty, is made again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library_internal.h"

#define MOST_NAMES 10000 /* tried for one picture */
#define MOST_FOLDERS 100

/* Where they go. */
struct names {
	int folder;
	char picture[LIBRARY_NAME], sidecar[LIBRARY_NAME];
};

/* A folder and those above it, each known to the disk. */
static int open_folder(const struct library *l, const char *path)
{
	const struct disk *d = l->disk;
	const char *slash = strchr(path, '/');
	int above = l->root, r;
	char first[LIBRARY_DAY];

	if (slash) {
		snprintf(first, sizeof(first), "%.*s", (int)(slash - path), path);
		above = open_folder(l, first);
		if (above < 0)
			return above;
	}
	r = d->mkdir(d, l->root, path, 0755);
	/* Also where it is there: the sync of who made it may have failed. */
	if (!r || r == -EEXIST)
		r = d->sync(d, above);
	if (!r)
		r = d->open(d, l->root, path, O_RDONLY | O_DIRECTORY, 0);
	if (slash)
		d->close(d, above);
	return r;
}

static int rename_new(const struct disk *d, int from_dir, const char *from, int to_dir,
		      const char *to)
{
	int r = d->rename(d, from_dir, from, to_dir, to, RENAME_NOREPLACE);

	if (r != -EINVAL && r != -ENOSYS)
		return r;
	/* NFS, for one, has no such rename; a link never replaces anything either. */
	r = d->link(d, from_dir, from, to_dir, to);
	if (r)
		return r;
	r = d->unlink(d, from_dir, from, 0);
	if (r) /* a rename between two names of one file does nothing: it could not go back */
		d->unlink(d, to_dir, to, 0);
	return r;
}

static int take_back_sidecar(const struct library *l, const struct library_pair *p,
			     const struct names *n)
{
	return p->sidecar ? l->disk->rename(l->disk, n->folder, n->sidecar, l->root, p->sidecar, 0)
			  : 0;
}

static int place(const struct library *l, const struct library_pair *p, const struct names *n)
{
	int r = p->sidecar ? rename_new(l->disk, l->root, p->sidecar, n->folder, n->sidecar) : 0;
	int back;

	if (r)
		return r;
	if (p->sidecar && p->is_new)
		r = l->disk->sync(l->disk, n->folder);
	if (!r)
		r = rename_new(l->disk, l->root, p->picture, n->folder, n->picture);
	if (!r)
		return 0;
	back = take_back_sidecar(l, p, n);
	return back ? back : r;
}

/* *stays: the picture has its name all the same. */
static int place_somewhere(const struct library *l, const struct library_pair *p, struct names *n,
			   bool *stays)
{
	int r = -EEXIST;

	for (unsigned i = 1; r == -EEXIST && i <= MOST_NAMES; i++) {
		library_name_file(p->stem, i, p->ending, n->picture);
		library_name_file(p->stem, i, LIBRARY_SIDECAR, n->sidecar);
		r = place(l, p, n);
	}
	if (r)
		return r;
	r = l->disk->sync(l->disk, n->folder);
	if (r) {
		*stays = l->disk->rename(l->disk, n->folder, n->picture, l->root, p->picture, 0);
		if (!*stays)
			take_back_sidecar(l, p, n);
	}
	return r;
}

static int place_in_folder(const struct library *l, const struct library_pair *p,
			   struct names *names, bool *stays)
{
	int r = names->folder = open_folder(l, p->folder);

	if (r >= 0) {
		r = place_somewhere(l, p, names, stays);
		l->disk->close(l->disk, names->folder);
	}
	return r;
}

/* While we came in, another thread has moved the last picture out of the folder, and the folder
 * went with it: then what we bring is still where it was. */
static bool has_lost_folder(const struct library *l, const struct library_pair *p, int r)
{
	struct stat st;

	return r == -ENOENT && l->disk->stat_at(l->disk, l->root, p->picture, &st) == 0;
}

int library_place(const struct library *l, const struct library_pair *pair, char **path)
{
	size_t room = strlen(pair->folder) + 1 + LIBRARY_NAME;
	struct names names;
	char *name = malloc(room); /* first: once the picture has its name nothing may fail */
	bool stays = false;
	int r;

	*path = NULL;
	if (!name)
		return -ENOMEM;
	for (int i = 0; i < MOST_FOLDERS; i++) {
		r = place_in_folder(l, pair, &names, &stays);
		if (stays || !has_lost_folder(l, pair, r))
			break;
	}
	if (r < 0 && !stays) {
		free(name);
		return r;
	}
	snprintf(name, room, "%s/%s", pair->folder, names.picture);
	*path = name;
	return r;
}
