/*
 * library_mark: which library this is: a small file with an id, beside the days' folders.
 *
 * Happy path: a look reads the id where it lies, and neither makes nor changes anything: the folder
 * may be the empty place of a disk that is not mounted. A new id is written once, under another
 * name first, so that the marker is whole or not there.
 *
 * Failures: the errno of the call. A marker that holds no id is -EINVAL.
 *
 * On close: nothing stays open.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library_internal.h"
#include "pimagefs/world.h"

#define MARKER_NEW LIBRARY_MARKER ".new"
#define MARKER_MOST 4096 /* bytes */

/* The first line of a marker. */
static int read_id(const char *text, char id[LIBRARY_ID])
{
	size_t size = strspn(text, "0123456789abcdef");

	if (size != LIBRARY_ID - 1 || (text[size] && text[size] != '\n'))
		return -EINVAL;
	memcpy(id, text, size);
	id[size] = '\0';
	return 0;
}

static int read_marker(const struct disk *d, int fd, char id[LIBRARY_ID])
{
	char *text = NULL;
	struct stat st;
	int r = d->stat(d, fd, &st);

	if (!r && (!S_ISREG(st.st_mode) || st.st_size > MARKER_MOST))
		r = -EINVAL;
	if (!r)
		r = disk_read_all(d, fd, (size_t)st.st_size, &text);
	if (!r)
		r = read_id(text, id);
	free(text);
	return r;
}

int library_look_for(const struct world *world, const char *folder, char id[LIBRARY_ID])
{
	const struct disk *d = world->disk;
	char *path;
	int root, fd, r;

	/* The dot, because the folder itself may be a link. */
	if (asprintf(&path, "%s/.", folder) < 0)
		return -ENOMEM;
	root = d->open(d, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	free(path);
	if (root < 0)
		return root;
	r = fd = d->open(d, root, LIBRARY_MARKER, O_RDONLY | O_NONBLOCK, 0);
	if (fd >= 0) {
		r = read_marker(d, fd, id);
		d->close(d, fd);
	}
	d->close(d, root);
	return r;
}

bool library_lies_in(const struct world *world, const char *folder, const char *picture)
{
	struct stat st;
	char *path;
	bool there;

	if (asprintf(&path, "%s/%s", folder, picture) < 0)
		return false;
	there = world->disk->stat_at(world->disk, AT_FDCWD, path, &st) == 0 && S_ISREG(st.st_mode);
	free(path);
	return there;
}

int library_mark(struct library *l, const char *id)
{
	const struct disk *d = l->disk;
	char text[256];
	int size = snprintf(text, sizeof(text),
			    "%s\n"
			    "pimagefs knows its library by this file: "
			    "it stays with the pictures, and moves with them.\n",
			    id);
	int fd = d->open(d, l->root, MARKER_NEW, O_WRONLY | O_CREAT | O_TRUNC, 0644), r;

	if (fd < 0)
		return fd;
	r = disk_write_all(d, fd, text, (size_t)size);
	if (!r)
		r = d->sync(d, fd);
	d->close(d, fd);
	if (!r)
		r = d->rename(d, l->root, MARKER_NEW, l->root, LIBRARY_MARKER, 0);
	if (!r)
		return d->sync(d, l->root);
	d->unlink(d, l->root, MARKER_NEW, 0);
	return r;
}

void library_make_id(const struct world *w, char id[LIBRARY_ID])
{
	snprintf(id, LIBRARY_ID, "%016" PRIx64 "%016" PRIx64, w->random(w->self),
		 w->random(w->self));
}
