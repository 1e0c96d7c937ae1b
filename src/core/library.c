/*
 * library: a folder of pictures, one subfolder a day. Everything is done relative to one open
 * descriptor of it, so that a folder that is moved or hidden by a mount stays the one that was
 * opened.
 *
 * Happy path: open makes the folder and sweeps what a crash left in .tmp/; reading, measuring and
 * removing name a picture by its path inside. How one comes in stands in library_draft.c.
 *
 * Failures: the errno of the call. A path that would lead outside is -EINVAL.
 *
 * On close: the descriptor is closed; drafts must have been kept or dropped before.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "library_internal.h"
#include "pimagefs/folder.h"

/* A draft is locked as long as it is being written, perhaps by another mount with this library. */
static void sweep_one(int tmp, const char *name)
{
	int fd = openat(tmp, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		unlinkat(tmp, name, 0);
	if (fd >= 0)
		close(fd);
}

static int sweep(int root)
{
	int tmp = openat(root, LIBRARY_TMP, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *entry;
	DIR *dir;

	if (tmp < 0)
		return errno == ENOENT ? 0 : -errno;
	dir = fdopendir(tmp);
	if (!dir) {
		int r = -errno;

		close(tmp);
		return r;
	}
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			sweep_one(tmp, entry->d_name);
	closedir(dir);
	return 0;
}

static size_t stem_room(int root)
{
	struct statvfs fs;
	size_t beside = LIBRARY_NAME - LIBRARY_STEM;

	if (!fstatvfs(root, &fs) && fs.f_namemax > beside &&
	    fs.f_namemax - beside < LIBRARY_STEM - 1)
		return fs.f_namemax - beside;
	return LIBRARY_STEM - 1;
}

int library_open(struct library **out, const char *folder, struct error *err)
{
	struct library *l = calloc(1, sizeof(*l));
	int r = -ENOMEM;

	if (!l)
		goto out;
	l->root = -1;
	l->path = strdup(folder);
	if (!l->path)
		goto out;
	r = l->root = folder_make(folder, 0755);
	if (r >= 0)
		r = sweep(l->root);
	if (!r)
		l->stem_room = stem_room(l->root);
out:
	if (r) {
		error_set(err, ERROR_INVALID, "cannot use the library folder %s: %s", folder,
			  strerror(-r));
		library_close(l);
		return r;
	}
	*out = l;
	return 0;
}

void library_close(struct library *l)
{
	if (!l)
		return;
	if (l->root >= 0)
		close(l->root);
	free(l->path);
	free(l);
}

const char *library_path(const struct library *l)
{
	return l->path;
}

int library_may_write(const struct library *l, int64_t min_free_bytes)
{
	struct statvfs fs;

	if (faccessat(l->root, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return errno == EACCES ? -EROFS : -errno;
	if (fstatvfs(l->root, &fs) < 0)
		return -errno;
	if (fs.f_flag & ST_RDONLY)
		return -EROFS;
	/* In blocks, because a large filesystem has more bytes than an integer holds. */
	if (min_free_bytes > 0 && fs.f_frsize &&
	    fs.f_bavail < ((uint64_t)min_free_bytes + fs.f_frsize - 1) / fs.f_frsize)
		return -ENOSPC;
	return 0;
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

static int64_t regular_size(const struct stat *st)
{
	return S_ISREG(st->st_mode) ? (int64_t)st->st_size : -EIO;
}

int library_read(const struct library *l, const char *path)
{
	struct stat st;
	int64_t r;
	int fd;

	if (!stays_inside(path))
		return -EINVAL;
	/* O_NONBLOCK: what was put there instead may be a pipe. */
	fd = openat(l->root, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : regular_size(&st);
	if (r >= 0)
		return fd;
	close(fd);
	return (int)r;
}

int64_t library_size(const struct library *l, const char *path)
{
	struct stat st;

	if (!stays_inside(path))
		return -EINVAL;
	return fstatat(l->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : regular_size(&st);
}

static int remove_if_there(const struct library *l, const char *path)
{
	return unlinkat(l->root, path, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int library_remove(struct library *l, const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
	size_t size = dot ? (size_t)(dot - path) : strlen(path);
	char *text;
	int r;

	if (!stays_inside(path))
		return -EINVAL;
	if (asprintf(&text, "%.*s" LIBRARY_NOTE, (int)size, path) < 0)
		return -ENOMEM;
	r = remove_if_there(l, path);
	if (!r)
		r = remove_if_there(l, text);
	if (!r && slash) {
		/* The day's folder goes with its last picture; if others are in it, this fails. */
		text[slash - path] = '\0';
		unlinkat(l->root, text, AT_REMOVEDIR);
	}
	free(text);
	return r;
}

int library_statvfs(const struct library *l, struct statvfs *out)
{
	return fstatvfs(l->root, out) < 0 ? -errno : 0;
}
