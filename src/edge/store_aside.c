/*
 * store_aside: a damaged database leaves its name, and is kept for who can read more of it.
 *
 * Happy path: pimagefs.db, its log and its shared memory become pimagefs.db.damaged-TIME and the
 * same with -wal and -shm, so that SQLite still knows them for one database. The newest is found by
 * its name.
 *
 * Failures: the errno of the call. The database goes first: without it nobody opens the log alone.
 *
 * On close: nothing is held.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store_aside.h"
#include "store_internal.h"

#define ASIDE STORE_DATABASE ".damaged-"
#define STAMP 16  /* "20261122T141503Z" */
#define MOST 1000 /* in one second */

const char *const store_endings[STORE_ENDINGS] = { "", "-wal", "-shm" };

static bool is_taken(int folder_fd, const char *name)
{
	return faccessat(folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

static int free_name(int folder_fd, char **out)
{
	char stamp[STAMP + 1], *name;
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	for (int n = 1; n <= MOST; n++) {
		int size = n == 1 ? asprintf(&name, ASIDE "%s", stamp)
				  : asprintf(&name, ASIDE "%s-%03d", stamp, n);

		if (size < 0)
			return -ENOMEM;
		if (!is_taken(folder_fd, name)) {
			*out = name;
			return 0;
		}
		free(name);
	}
	return -EEXIST;
}

static int rename_one(int folder_fd, const char *name, const char *ending)
{
	char *from = NULL, *to = NULL;
	int r = -ENOMEM;

	if (asprintf(&from, STORE_DATABASE "%s", ending) < 0)
		return r;
	if (asprintf(&to, "%s%s", name, ending) >= 0) {
		r = renameat(folder_fd, from, folder_fd, to) < 0 ? -errno : 0;
		free(to);
	}
	free(from);
	return r == -ENOENT && *ending ? 0 : r;
}

int store_set_aside(int folder_fd, char **aside)
{
	char *name;
	int r = free_name(folder_fd, &name);

	if (r)
		return r;
	for (int i = 0; !r && i < STORE_ENDINGS; i++)
		r = rename_one(folder_fd, name, store_endings[i]);
	if (!r && fsync(folder_fd) < 0)
		r = -errno;
	if (r)
		free(name);
	else
		*aside = name;
	return r;
}

static bool is_aside(const char *name)
{
	size_t size = strlen(name);

	return strncmp(name, ASIDE, strlen(ASIDE)) == 0 && size >= strlen(ASIDE) + STAMP &&
	       name[size - 1] != 'l' && name[size - 1] != 'm'; /* -wal, -shm */
}

int store_find_aside(int folder_fd, char **aside)
{
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char *newest = NULL;
	struct dirent *entry;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (entry = readdir(dir))) {
		if (!is_aside(entry->d_name) || (newest && strcmp(entry->d_name, newest) <= 0))
			continue;
		free(newest);
		newest = strdup(entry->d_name);
		r = newest ? 0 : -ENOMEM;
	}
	closedir(dir);
	if (!newest)
		return r ? r : -ENOENT;
	*aside = newest;
	return 0;
}
