/*
 * names: from a path below requests/ to an id, and which names are drafts.
 *
 * The user picks a name; the tree makes names of its own from it ("fox.txt" gives fox.png,
 * fox.json, fox.error.txt). A name is taken only if the longest of them fits a directory entry, so
 * that nothing that was accepted turns out to be unlistable later. A draft gets no such names and
 * needs no room.
 *
 * Refusals are -ENAMETOOLONG and -EINVAL. Everything is pure: no state, no memory, nothing to
 * close.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "pimagefs/names.h"
#include "pimagefs/utf8.h"

static const char *const request_endings[] = { ".txt", ".json", ".prompt", ".prompts", ".md" };
static const char *const made_endings[] = { ".png", ".jpg", ".webp", ".json", ".error.txt" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The length of the ending that text has with something before it; 0: none. */
static size_t ending_length(const char *text, const char *const *endings, size_t n)
{
	size_t size = strlen(text);

	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(endings[i]);

		if (size > length && strcmp(text + size - length, endings[i]) == 0)
			return length;
	}
	return 0;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int names_check(const char *name, bool draft)
{
	size_t size = strlen(name);

	if (size > NAMES_MAX)
		return -ENAMETOOLONG;
	if (!size || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	if (!utf8_valid(name, size) || utf8_has_control(name, size))
		return -EINVAL;
	if (!draft && names_id_length(name) + strlen(NAMES_LONGEST_ENDING) > NAMES_MAX)
		return -ENAMETOOLONG;
	return 0;
}

int names_check_folder(const char *name)
{
	int r = names_check(name, true);

	if (r == 0 && ending_length(name, made_endings, COUNT(made_endings)))
		return -EINVAL;
	return r;
}

int names_check_path(const char *path, enum names_last last)
{
	char part[NAMES_MAX + 2]; /* one byte more than fits is too long as well */

	if (strlen(path) > NAMES_PATH_MAX)
		return -ENAMETOOLONG;
	for (;;) {
		size_t size = strcspn(path, "/");
		bool end = !path[size];
		int r;

		snprintf(part, sizeof(part), "%.*s", (int)size, path);
		r = end && last != NAMES_FOLDER ? names_check(part, last == NAMES_DRAFT)
						: names_check_folder(part);
		if (r < 0 || end)
			return r;
		path += size + 1;
	}
}

size_t names_id_length(const char *path)
{
	size_t ending = ending_length(last_part(path), request_endings, COUNT(request_endings));

	return strlen(path) - ending;
}

size_t names_made_length(const char *path)
{
	return strlen(path) - ending_length(last_part(path), made_endings, COUNT(made_endings));
}

static bool matches(const char *name, char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	return false;
}

bool names_is_draft(const char *path, char *const *patterns, size_t n)
{
	const char *name = last_part(path);
	char folder[NAMES_MAX + 1];

	if (!*name)
		return true;
	for (size_t i = 0; i < COUNT(request_endings); i++)
		if (strcmp(name, request_endings[i]) == 0)
			return true;
	for (const char *p = path; p < name; p += strlen(folder) + 1) {
		snprintf(folder, sizeof(folder), "%.*s", (int)strcspn(p, "/"), p);
		if (matches(folder, patterns, n))
			return true;
	}
	return matches(name, patterns, n);
}

bool names_is_list(const char *path)
{
	static const char ending[] = ".prompts";
	size_t size = strlen(path), length = strlen(ending);

	return size > length && strcmp(path + size - length, ending) == 0;
}

bool names_is_probed(const char *name)
{
	static const char *const probed[] = {
		".hidden",        ".directory",
		".trackerignore", ".xdg-volume-info",
		".Trash",         ".nomedia",
		".git",           ".DS_Store",
		".localized",     ".metadata_never_index",
		"autorun.inf",    "desktop.ini",
		"Thumbs.db",
	};

	for (size_t i = 0; i < COUNT(probed); i++)
		if (strcmp(name, probed[i]) == 0)
			return true;
	return strncmp(name, ".Trash-", 7) == 0 && name[7] &&
	       name[7 + strspn(name + 7, "0123456789")] == '\0';
}

bool names_is_plain(const char *text, size_t max)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strspn(text, plain);

	return n > 0 && n <= max && !text[n] && text[0] != '.';
}
