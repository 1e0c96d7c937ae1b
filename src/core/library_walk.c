/*
 * library_walk: going through all pictures of the library.
 *
 * Happy path: the folders named as days, in order; in each the files that end as pictures, in
 * order; beside each its note.
 *
 * Failures: a folder or file that cannot be read is left out and logged, and one that is something
 * else (a link, a pipe) is no picture. Only want of memory, and what the caller's function returns,
 * end the walk.
 *
 * On close: nothing is held.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "library_internal.h"
#include "pimagefs/log.h"

#define MOST_NAMES 1000000 /* of one folder */

struct names {
	char **at;
	size_t n, room;
};

struct walk {
	struct library *library;
	int (*fn)(const struct library_found *, void *);
	void *data;
	const char *day;
	int day_fd;
};

static void names_release(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->at[i]);
	free(names->at);
}

static int names_add(struct names *names, const char *name)
{
	if (names->n == MOST_NAMES)
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
	if (!names->at[names->n])
		return -ENOMEM;
	names->n++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder that `wanted` likes, sorted. */
static int names_in(int folder, bool (*wanted)(const char *), struct names *out)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (errno = 0, entry = readdir(dir)))
		if (wanted(entry->d_name))
			r = names_add(out, entry->d_name);
	if (!r && errno)
		r = -errno;
	closedir(dir);
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

static int read_whole(int fd, size_t size, char **out)
{
	char *text = malloc(size + 1);
	size_t at = 0;
	ssize_t n = 1;

	if (!text)
		return -ENOMEM;
	while (at < size && n) {
		n = read(fd, text + at, size - at);
		if (n < 0 && errno != EINTR) {
			free(text);
			return -EIO;
		}
		at += n > 0 ? (size_t)n : 0;
	}
	text[at] = '\0';
	*out = text;
	return 0;
}

/* *out stays NULL where there is none. -ENOMEM is the only failure. */
static int read_note(int day_fd, const char *picture, char **out, size_t *out_size)
{
	char name[NAME_MAX + sizeof(LIBRARY_NOTE)];
	const char *dot = strrchr(picture, '.');
	struct stat st;
	int fd, r = 0;

	snprintf(name, sizeof(name), "%.*s" LIBRARY_NOTE, (int)(dot - picture), picture);
	fd = openat(day_fd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= LIBRARY_NOTE_MAX)
		r = read_whole(fd, (size_t)st.st_size, out);
	close(fd);
	*out_size = *out ? strlen(*out) : 0;
	return r == -ENOMEM ? r : 0;
}

static int visit(const struct walk *w, const char *name)
{
	struct library_found found = { 0 };
	char *path, *note = NULL;
	struct stat st;
	int r;

	if (fstatat(w->day_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (asprintf(&path, "%s/%s", w->day, name) < 0)
		return -ENOMEM;
	r = read_note(w->day_fd, name, &note, &found.note_size);
	found.path = path;
	found.bytes = st.st_size;
	found.mtime_ms = st.st_mtim.tv_sec * INT64_C(1000) + st.st_mtim.tv_nsec / 1000000;
	found.note = note;
	if (!r)
		r = w->fn(&found, w->data);
	free(note);
	free(path);
	return r;
}

static int visit_day(struct walk *w, const char *day)
{
	struct names names = { 0 };
	int r;

	w->day = day;
	w->day_fd = openat(w->library->root, day, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = w->day_fd < 0 ? -errno : names_in(w->day_fd, is_picture, &names);
	if (r && r != -ENOMEM) {
		log_warn("%s/%s cannot be read: %s", w->library->path, day, strerror(-r));
		r = 0;
	}
	for (size_t i = 0; !r && i < names.n; i++)
		r = visit(w, names.at[i]);
	names_release(&names);
	if (w->day_fd >= 0)
		close(w->day_fd);
	return r;
}

int library_each(struct library *l, int (*fn)(const struct library_found *, void *), void *data)
{
	struct walk w = { .library = l, .fn = fn, .data = data };
	struct names days = { 0 };
	int r = names_in(l->root, is_day, &days);

	for (size_t i = 0; !r && i < days.n; i++)
		r = visit_day(&w, days.at[i]);
	names_release(&days);
	return r;
}

int library_measure(const struct library *l, const char *path, struct library_entry *out)
{
	struct library_entry entry = { 0 };
	int fd = library_read(l, path), r = fd < 0 ? fd : 0;
	struct stat st;

	if (r)
		return r;
	r = fstat(fd, &st) < 0 ? -errno : library_look(fd, st.st_size, &entry);
	close(fd);
	if (!r)
		*out = entry;
	return r;
}
