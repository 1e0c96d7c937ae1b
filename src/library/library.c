/*
 * library: a folder of pictures, one subfolder a day. Everything is done relative to one open
 * descriptor of it, so that a folder that is moved or hidden by a mount stays the one that was
 * opened.
 *
 * Happy path: open makes the folder and sweeps what a crash left in .tmp/; reading, measuring and
 * removing name a picture by its path inside. How one comes in stands in library_keep.c.
 *
 * Failures: the errno of the call. A path that would lead outside is -EINVAL.
 *
 * On close: the descriptor is closed; part files must have been kept or dropped before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "library_internal.h"
#include "pimagefs/world.h"

struct sweep {
	const struct disk *disk;
	int folder;
};

/* A part file is locked as long as it is being written, perhaps by another mount with this library.
 */
static int sweep_one(const char *name, void *data)
{
	const struct sweep *s = data;
	const struct disk *d = s->disk;
	int fd = d->open(d, s->folder, name, O_RDONLY | O_NONBLOCK, 0);

	if (fd < 0 || d->lock(d, fd, LOCK_EX) != -EWOULDBLOCK)
		d->unlink(d, s->folder, name, 0);
	if (fd >= 0)
		d->close(d, fd);
	return 0;
}

static int sweep(const struct library *l)
{
	int r = l->disk->open(l->disk, l->root, LIBRARY_TMP, O_RDONLY | O_DIRECTORY, 0);
	struct sweep s = { .disk = l->disk, .folder = r };

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = l->disk->list(l->disk, s.folder, sweep_one, &s);
	l->disk->close(l->disk, s.folder);
	return r;
}

static size_t stem_room(const struct library *l)
{
	struct statvfs fs;
	size_t beside = LIBRARY_NAME - LIBRARY_STEM;

	if (!l->disk->statvfs(l->disk, l->root, &fs) && fs.f_namemax > beside &&
	    fs.f_namemax - beside < LIBRARY_STEM - 1)
		return fs.f_namemax - beside;
	return LIBRARY_STEM - 1;
}

int library_open(struct library **out, const struct world *world, const char *folder,
		 struct error *err)
{
	struct library *l = calloc(1, sizeof(*l));
	int r = -ENOMEM;

	if (!l)
		goto out;
	l->world = world;
	l->disk = world->disk;
	l->root = -1;
	l->path = strdup(folder);
	if (!l->path)
		goto out;
	r = l->root = l->disk->make_folder(l->disk, folder, 0700);
	if (r >= 0)
		r = sweep(l);
	if (!r) {
		l->stem_room = stem_room(l);
		library_work_init(l);
	}
out:
	if (r) {
		error_set(err, ERROR_INVALID, "cannot use the library folder %s: %s", folder,
			  strerror(-r));
		library_free(l);
		return r;
	}
	*out = l;
	return 0;
}

void library_close(struct library *l)
{
	if (l)
		library_work_release(l);
}

void library_free(struct library *l)
{
	if (!l)
		return;
	if (l->root >= 0)
		l->disk->close(l->disk, l->root);
	free(l->path);
	free(l);
}

const char *library_path(const struct library *l)
{
	return l->path;
}

/* True for a relative path without "", "." and ".." among its parts. */
static bool stays_inside(const char *path)
{
	for (;;) {
		size_t size = strcspn(path, "/");

		if (!size || (size == 1 && path[0] == '.') ||
		    (size == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (!path[size])
			return true;
		path += size + 1;
	}
}

ssize_t library_read_at(const struct library *l, int fd, void *bytes, size_t size, off_t at)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = l->disk->pread(l->disk, fd, (char *)bytes + done, size - done,
					   at + (off_t)done);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t library_read_now(const struct library *l, int fd, void *bytes, size_t size, off_t at)
{
	return l->disk->pread_now(l->disk, fd, bytes, size, at);
}

void library_read_end(const struct library *l, int fd)
{
	l->disk->close(l->disk, fd);
}

static int64_t regular_size(const struct stat *st)
{
	return S_ISREG(st->st_mode) ? (int64_t)st->st_size : -EIO;
}

int library_read(const struct library *l, const char *path)
{
	const struct disk *d = l->disk;
	struct stat st;
	int64_t r;
	int fd;

	if (!stays_inside(path))
		return -EINVAL;
	/* O_NONBLOCK: what was put there instead may be a pipe. */
	fd = d->open(d, l->root, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	r = d->stat(d, fd, &st);
	if (r == 0)
		r = regular_size(&st);
	if (r >= 0)
		return fd;
	d->close(d, fd);
	return (int)r;
}

int64_t library_size(const struct library *l, const char *path)
{
	struct stat st;
	int r = stays_inside(path) ? l->disk->stat_at(l->disk, l->root, path, &st) : -EINVAL;

	return r < 0 ? r : regular_size(&st);
}

static int remove_if_there(const struct library *l, const char *path)
{
	int r = l->disk->unlink(l->disk, l->root, path, 0);

	return r == -ENOENT ? 0 : r;
}

char *library_sidecar_path(const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
	size_t size = dot ? (size_t)(dot - path) : strlen(path);
	char *text;

	return asprintf(&text, "%.*s" LIBRARY_SIDECAR, (int)size, path) < 0 ? NULL : text;
}

void library_remove_folder_of(const struct library *l, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, (size_t)(slash - path)) : NULL;

	if (folder)
		l->disk->unlink(l->disk, l->root, folder, AT_REMOVEDIR);
	free(folder);
}

int library_remove(const struct library *l, const char *path)
{
	char *sidecar;
	int r;

	if (!stays_inside(path))
		return -EINVAL;
	sidecar = library_sidecar_path(path);
	if (!sidecar)
		return -ENOMEM;
	r = remove_if_there(l, path);
	if (!r)
		r = remove_if_there(l, sidecar);
	if (!r)
		library_remove_folder_of(l, path);
	free(sidecar);
	return r;
}
