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
#include <string.h>

#include "pimagefs/names.h"
#include "pimagefs/utf8.h"

static const char *const request_endings[] = { ".txt", ".json", ".prompt", ".md" };
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

static bool is_bare_ending(const char *name)
{
	for (size_t i = 0; i < COUNT(request_endings); i++)
		if (strcmp(name, request_endings[i]) == 0)
			return true;
	return false;
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

size_t names_id_length(const char *path)
{
	size_t ending = ending_length(last_part(path), request_endings, COUNT(request_endings));

	return strlen(path) - ending;
}

bool names_is_draft(const char *path, char *const *patterns, size_t n)
{
	const char *name = last_part(path);

	if (!*name || is_bare_ending(name))
		return true;
	for (size_t i = 0; i < n; i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	return false;
}

static bool is_plain_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c && strchr("._-", c));
}

bool names_is_plain(const char *text, size_t max)
{
	size_t n = 0;

	if (text[0] == '.')
		return false;
	while (n <= max && is_plain_char(text[n]))
		n++;
	return n > 0 && n <= max && text[n] == '\0';
}
