/*
 * library_walk: going through all pictures of the library.
 *
 * Happy path: the folders named as days, in order; in each the files that end as pictures, in
 * order; beside each its sidecar.
 *
 * Failures: a folder or file that cannot be read is left out and logged, and one that is something
 * else (a link, a pipe) is no picture. Only want of memory, and what the caller's function returns,
 * end the walk; and, where nothing may be overlooked, what cannot be read now.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "library_internal.h"
#include "pimagefs/log.h"

#define MOST_NAMES 1000000 /* of one folder */

struct names {
	bool (*wanted)(const char *);
	char **at;
	size_t n, room;
};

struct walk {
	struct library *library;
	int (*fn)(const struct library_found *, void *);
	void *data;
	const char *stem; /* of the only names that are wanted; NULL: all are */
	bool strict;
	const char *day;
	int day_fd;
};

static void names_release(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->at[i]);
	free(names->at);
}

static int names_add(const char *name, void *data)
{
	struct names *names = data;

	if (names->n == MOST_NAMES || !names->wanted(name))
		return 0;
	if (names->n == names->room) {
		size_t room = names->room ? 2 * names->room : 64;
		char **at = reallocarray(names->at, room, sizeof(*at));

		if (!at)
			return -ENOMEM;
		names->at = at;
		names->room = room;
	}
	names->at[names->n] = strdup(name);
	return names->at[names->n] && ++names->n ? 0 : -ENOMEM;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder that are wanted, sorted. */
static int names_in(const struct disk *d, int folder, struct names *out)
{
	int r = d->list(d, folder, names_add, out);

	if (out->n)
		qsort(out->at, out->n, sizeof(*out->at), compare);
	return r;
}

static bool is_day(const char *name)
{
	static const char form[] = "0000-00-00";

	for (size_t i = 0; i < sizeof(form); i++)
		if (form[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != form[i])
			return false;
	return true;
}

static bool is_picture(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (int kind = PICTURE_NONE + 1; dot && dot > name && kind <= PICTURE_WEBP; kind++)
		if (strcmp(dot, picture_ending((enum picture_kind)kind)) == 0)
			return true;
	return false;
}

/* Does this failure end the walk? What is gone, or is for others, could not be ours. */
static int judge(const struct walk *w, int r)
{
	bool ours = r != -ENOENT && r != -ENOTDIR && r != -ELOOP && r != -EACCES && r != -EPERM;

	return r == -ENOMEM || (w->strict && ours) ? r : 0;
}

/* *out stays NULL where there is none. */
static int read_sidecar(const struct walk *w, const char *picture, char **out, size_t *out_size)
{
	const struct disk *d = w->library->disk;
	char name[NAME_MAX + sizeof(LIBRARY_SIDECAR)];
	const char *dot = strrchr(picture, '.');
	struct stat st;
	int fd, r;

	snprintf(name, sizeof(name), "%.*s" LIBRARY_SIDECAR, (int)(dot - picture), picture);
	fd = d->open(d, w->day_fd, name, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return judge(w, fd);
	r = d->stat(d, fd, &st);
	if (r == 0 && S_ISREG(st.st_mode) && st.st_size <= LIBRARY_SIDECAR_MAX)
		r = disk_read_all(d, fd, (size_t)st.st_size, out);
	d->close(d, fd);
	*out_size = *out ? strlen(*out) : 0;
	return judge(w, r);
}

static int visit(const struct walk *w, const char *name)
{
	const struct disk *d = w->library->disk;
	struct library_found found = { 0 };
	char *path, *sidecar = NULL;
	struct stat st;
	int r = d->stat_at(d, w->day_fd, name, &st);

	if (r < 0 || !S_ISREG(st.st_mode))
		return judge(w, r);
	if (asprintf(&path, "%s/%s", w->day, name) < 0)
		return -ENOMEM;
	r = read_sidecar(w, name, &sidecar, &found.sidecar_size);
	found.path = path;
	found.bytes = st.st_size;
	found.mtime_ms = st.st_mtim.tv_sec * INT64_C(1000) + st.st_mtim.tv_nsec / 1000000;
	found.sidecar = sidecar;
	if (!r)
		r = w->fn(&found, w->data);
	free(sidecar);
	free(path);
	return r;
}

static int visit_day(struct walk *w, const char *day)
{
	const struct disk *d = w->library->disk;
	struct names names = { .wanted = is_picture };
	int r;

	w->day = day;
	w->day_fd = d->open(d, w->library->root, day, O_RDONLY | O_DIRECTORY, 0);
	r = w->day_fd < 0 ? w->day_fd : names_in(d, w->day_fd, &names);
	if (r && !judge(w, r))
		log_warn("%s/%s cannot be read: %s", w->library->path, day, strerror(-r));
	r = judge(w, r);
	for (size_t i = 0; !r && i < names.n; i++)
		if (!w->stem ||
		    strncmp(names.at[i] + strcspn(names.at[i], "-"), w->stem, strlen(w->stem)) == 0)
			r = visit(w, names.at[i]);
	names_release(&names);
	if (w->day_fd >= 0)
		d->close(d, w->day_fd);
	return r;
}

static int walk_days(struct walk *w, const char *since)
{
	struct names days = { .wanted = is_day };
	int r = names_in(w->library->disk, w->library->root, &days);

	for (size_t i = 0; !r && i < days.n; i++)
		if (strcmp(days.at[i], since) >= 0)
			r = visit_day(w, days.at[i]);
	names_release(&days);
	return r;
}

int library_each(struct library *l, int (*fn)(const struct library_found *, void *), void *data)
{
	struct walk w = { .library = l, .fn = fn, .data = data };

	return walk_days(&w, "");
}

int library_each_of(struct library *l, const char *id, int64_t since_ms, bool strict,
		    int (*fn)(const struct library_found *, void *), void *data)
{
	struct walk w = { .library = l, .fn = fn, .data = data, .strict = strict };
	bool any = since_ms == LIBRARY_ANY_DAY;
	char stem[LIBRARY_STEM], since[LIBRARY_DAY] = "";

	library_name_stem(any ? 0 : since_ms, id, l->stem_room, stem);
	if (!any)
		library_name_day(since_ms, since);
	w.stem = strchr(stem, '-'); /* without the time of day */
	return walk_days(&w, since);
}

int library_one(struct library *l, const char *path,
		int (*fn)(const struct library_found *, void *), void *data)
{
	struct walk w = { .library = l, .fn = fn, .data = data, .strict = true };
	const char *slash = strrchr(path, '/');
	int64_t size = library_size(l, path); /* and it stays inside */
	char *day;
	int r;

	if (size < 0 || !slash)
		return size < 0 ? (int)size : -EINVAL;
	day = strndup(path, (size_t)(slash - path));
	if (!day)
		return -ENOMEM;
	w.day = day;
	r = w.day_fd = l->disk->open(l->disk, l->root, day, O_RDONLY | O_DIRECTORY, 0);
	if (r >= 0) {
		r = is_picture(slash + 1) ? visit(&w, slash + 1) : -EINVAL;
		l->disk->close(l->disk, w.day_fd);
	}
	free(day);
	return r;
}
