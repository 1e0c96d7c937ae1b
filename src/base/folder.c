/*
 * folder: "mkdir -p" that survives a power cut.
 *
 * Happy path: the folder is there already and is opened. Else the path is walked from its start,
 * one open folder at a time, and each that had to be made is synced into its parent.
 *
 * Failures: the errno of the first call that failed; what was made until then stays.
 *
 * On close: only the descriptor that was handed out is left.
 */
#include "pimagefs/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* The folder called name in parent, made if need be. */
static int step_into(int parent, const char *name, mode_t mode)
{
	if (!mkdirat(parent, name, mode)) {
		if (fsync(parent) < 0)
			return -errno;
	} else if (errno != EEXIST) {
		int r = -errno;

		/* A read-only or foreign parent does not matter where the folder is there. */
		if (faccessat(parent, name, F_OK, 0) < 0)
			return r;
	}
	parent = openat(parent, name, OPEN_FLAGS);
	return parent < 0 ? -errno : parent;
}

static int walk(char *path, mode_t mode)
{
	char *rest = path, *name;
	int fd = open(*path == '/' ? "/" : ".", OPEN_FLAGS);

	if (fd < 0)
		return -errno;
	while (fd >= 0 && (name = strsep(&rest, "/"))) {
		int next;

		if (!*name)
			continue;
		next = step_into(fd, name, mode);
		close(fd);
		fd = next;
	}
	return fd;
}

int folder_make(const char *path, mode_t mode)
{
	int fd = open(path, OPEN_FLAGS);
	char *copy;

	if (fd >= 0)
		return fd;
	if (errno != ENOENT || !*path)
		return -errno;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	fd = walk(copy, mode);
	free(copy);
	return fd;
}
