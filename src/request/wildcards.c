/*
 * wildcards: the files that __animals__ picks a line of.
 *
 * Who calls hands in how a file is read; here it is checked and parted into its lines, once for
 * each name of a text. Empty lines and those that begin with # are no lines. A line stands as it
 * is: nothing in it is a sign.
 *
 * A file that is not there is -EINVAL with the nearest name; so is one that is too large, is not
 * UTF-8, has control characters or no line. Other faults are the reader's. The lines point into
 * what the reader gave; wildcards_free frees the rest, and takes NULL.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "expand_internal.h"
#include "pimagefs/suggest.h"

size_t wildcard_name(const char *text, size_t size)
{
	size_t n = 2;

	if (size < 5 || memcmp(text, "__", 2) != 0)
		return 0;
	for (; n < size && n - 2 <= EXPAND_LONGEST_NAME; n++) {
		unsigned char c = (unsigned char)text[n];
		bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			      (c >= 'A' && c <= 'Z') || c >= 0x80;

		if (c == '_' && n + 1 < size && text[n + 1] == '_')
			break;
		if (!letter && (n == 2 || (c != '_' && c != '-' && c != '/') ||
				(c == '/' && text[n - 1] == '/')))
			return 0;
	}
	if (n >= size || text[n - 1] == '/' || n - 2 > EXPAND_LONGEST_NAME)
		return 0;
	return n - 2;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Lines that say something; `out` may be NULL, to count. Returns how many. */
static size_t part_lines(const char *text, size_t size, struct line *out)
{
	const char *end = text + size, *stop, *line;
	size_t n = 0;

	for (; text < end; text = stop + 1) {
		stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			stop = end;
		line = text;
		size = (size_t)(stop - text);
		for (; size && is_space(*line); size--)
			line++;
		for (; size && is_space(line[size - 1]);)
			size--;
		if (!size || *line == '#')
			continue;
		if (out)
			out[n] = (struct line){ line, size };
		n++;
	}
	return n;
}

static int check_file(const char *name, const char *text, size_t size, struct error *err)
{
	if (size > EXPAND_WILDCARD_BYTES)
		return error_invalid(err, "__%s__: the file has %zu bytes; at most %d are allowed",
				     name, size, EXPAND_WILDCARD_BYTES);
	if (!utf8_valid(text, size))
		return error_invalid(err, "__%s__: the file is not UTF-8", name);
	for (size_t i = 0; i < size; i++)
		if (((unsigned char)text[i] < ' ' && !is_space(text[i])) || text[i] == 0x7f)
			return error_invalid(err,
					     "__%s__: there is a control character (0x%02x) in the "
					     "file",
					     name, (unsigned char)text[i]);
	return 0;
}

static int refuse_wildcard(const struct expand_source *from, const char *name, struct error *err)
{
	const char *nearest = suggest(name, from->wildcards, from->n_wildcards);

	if (nearest)
		return error_invalid(err,
				     "there is no wildcard file %s.txt; did you mean __%s__? "
				     "\\__ is the sign itself",
				     name, nearest);
	return error_invalid(err, "there is no wildcard file %s.txt; \\__ is the sign itself",
			     name);
}

/* The file's lines into w, which has its name. */
static int load_wildcard(struct wildcard *w, const struct expand_source *from, struct error *err)
{
	const char *text = "";
	size_t size = 0;
	int r = from->wildcard ? from->wildcard(w->name, &text, &size, from->data) : -ENOENT;

	if (r == -ENOENT)
		return refuse_wildcard(from, w->name, err);
	if (r == 0)
		r = check_file(w->name, text, size, err);
	if (r < 0)
		return r;
	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		size -= 3;
	}
	w->n = part_lines(text, size, NULL);
	if (!w->n)
		return error_invalid(err, "__%s__: there is no line in the file", w->name);
	w->lines = calloc(w->n, sizeof(*w->lines));
	if (!w->lines)
		return -ENOMEM;
	part_lines(text, size, w->lines);
	return 0;
}

void wildcards_free(struct wildcard *all)
{
	while (all) {
		struct wildcard *next = all->next;

		free(all->name);
		free(all->lines);
		free(all);
		all = next;
	}
}

/* Read when it is first named. */
int wildcard_find(struct wildcard **all, const struct expand_source *from, const char *name,
		  size_t size, const struct wildcard **out, struct error *err)
{
	struct wildcard *w = *all;
	size_t n = 0;
	int r;

	for (; w && (strlen(w->name) != size || memcmp(w->name, name, size) != 0); w = w->next)
		n++;
	if (!w && n == EXPAND_MOST_WILDCARDS)
		return error_invalid(err, "there are over %d different wildcards in this text",
				     EXPAND_MOST_WILDCARDS);
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (w)
			w->name = calloc(1, size + 1);
		if (w && w->name)
			memcpy(w->name, name, size);
		r = !w || !w->name ? -ENOMEM : load_wildcard(w, from, err);
		if (r < 0) {
			wildcards_free(w);
			return r;
		}
		w->next = *all;
		*all = w;
	}
	*out = w;
	return 0;
}
