/*
 * store_aside: a damaged database leaves its name, and is kept for who can read more of it.
 *
 * Happy path: pimagefs.db, its log and its shared memory become pimagefs.db.damaged-TIME and the
 * same with -wal and -shm, so that SQLite still knows them for one database. The newest is found by
 * its name.
 *
 * Failures: the errno of the call. The database goes first: without it nobody opens the log alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pimagefs/disk.h"
#include "store_aside.h"
#include "store_internal.h"

#define ASIDE STORE_DATABASE ".damaged-"
#define STAMP 16  /* "20261122T141503Z" */
#define MOST 1000 /* in one second */
#define NAME_SIZE 64

/* A name that nothing has. */
static int free_name(int folder_fd, char name[NAME_SIZE])
{
	time_t now = time(NULL);
	struct tm tm;
	size_t size;

	gmtime_r(&now, &tm);
	size = strftime(name, NAME_SIZE, ASIDE "%Y%m%dT%H%M%SZ", &tm);
	for (int n = 2; n <= MOST; n++) {
		if (faccessat(folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			return 0;
		snprintf(name + size, NAME_SIZE - size, "-%03d", n);
	}
	return -EEXIST;
}

static int rename_one(int folder_fd, const char *name, const char *ending)
{
	char from[NAME_SIZE], to[NAME_SIZE];

	snprintf(from, sizeof(from), STORE_DATABASE "%s", ending);
	snprintf(to, sizeof(to), "%s%s", name, ending);
	if (renameat(folder_fd, from, folder_fd, to) == 0)
		return 0;
	return errno == ENOENT && *ending ? 0 : -errno;
}

int store_set_aside(int folder_fd, char **aside)
{
	static const char *const endings[] = { "", "-wal", "-shm" }; /* the database's own first */
	char name[NAME_SIZE], *copy;
	int r = free_name(folder_fd, name);

	if (r)
		return r;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; !r && i < sizeof(endings) / sizeof(*endings); i++)
		r = rename_one(folder_fd, name, endings[i]);
	if (!r)
		r = disk_real.sync(&disk_real, folder_fd);
	if (r)
		free(copy);
	else
		*aside = copy;
	return r;
}

static bool is_aside(const char *name)
{
	size_t size = strlen(name);

	return strncmp(name, ASIDE, strlen(ASIDE)) == 0 && size >= strlen(ASIDE) + STAMP &&
	       name[size - 1] != 'l' && name[size - 1] != 'm'; /* -wal, -shm */
}

static int look_at(const char *name, void *data)
{
	char **newest = data, *copy;

	if (!is_aside(name) || (*newest && strcmp(name, *newest) <= 0))
		return 0;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	free(*newest);
	*newest = copy;
	return 0;
}

int store_find_aside(int folder_fd, char **aside)
{
	char *newest = NULL;
	int r = disk_real.list(&disk_real, folder_fd, look_at, &newest);

	if (!r && !newest)
		r = -ENOENT;
	if (r)
		free(newest);
	else
		*aside = newest;
	return r;
}
