/*
 * prompt_list: one prompt a line.
 *
 * Happy path: each line that says something gets a name of its text and its occurrence; those that
 * nobody knows yet are expanded as a plain prompt of their own.
 *
 * Failures: what is wrong in one line is wrong with the whole, and names the line. When there are
 * too many pictures, the rest of the lines is only counted.
 */
#include "pimagefs/prompt_list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/digest.h"
#include "pimagefs/map.h"
#include "request_internal.h"

struct reading {
	const struct request_rules *rules;
	const struct expand_source *source;
	bool (*is_known)(const char *line, void *data);
	void *data;
	struct map *seen; /* by digest: how often, as a pointer's number */
	struct expansion made;
	uint64_t all;
	unsigned line; /* in the file, from 1 */
	struct error *err;
};

/* Without white space at its ends; 0: it says nothing. */
static size_t trim(const char **line, size_t size)
{
	while (size && strchr(" \t\r", **line)) {
		(*line)++;
		size--;
	}
	while (size && strchr(" \t\r", (*line)[size - 1]))
		size--;
	return size && **line != '#' ? size : 0;
}

/* "DIGEST-2": the second line with this text. The caller's; NULL when out of memory. */
static char *name_line(struct reading *rd, const char *line, size_t size)
{
	char hex[DIGEST_HEX];
	struct buf name = BUF_INIT;
	uintptr_t times;

	if (digest_sha256(line, size, hex) < 0)
		return NULL;
	times = (uintptr_t)map_get(rd->seen, hex) + 1;
	if (map_set(rd->seen, hex, (void *)times) < 0 ||
	    buf_printf(&name, "%s-%ju", hex, (uintmax_t)times) < 0) {
		buf_release(&name);
		return NULL;
	}
	return name.data;
}

static int add(struct reading *rd, const char *name, struct expansion *from)
{
	size_t n = rd->made.n + from->n;
	struct request *items = realloc(rd->made.items, n * sizeof(*items));

	if (!items)
		return -ENOMEM;
	rd->made.items = items;
	for (size_t i = 0; i < from->n; i++) {
		from->items[i].line = strdup(name);
		if (!from->items[i].line)
			return -ENOMEM;
	}
	memcpy(items + rd->made.n, from->items, from->n * sizeof(*items));
	rd->made.n = n;
	from->n = 0; /* they are ours */
	return 0;
}

static int refuse_line(const struct reading *rd, int r)
{
	if (r == -EINVAL && strncmp(rd->err->message, "column ", 7) == 0)
		error_prefix(rd->err, "line %u, ", rd->line);
	else if (r == -EINVAL)
		error_prefix(rd->err, "line %u: ", rd->line);
	return r;
}

static int read_line(struct reading *rd, const char *line, size_t size)
{
	char *name = name_line(rd, line, size);
	struct expansion one = { .n = 0 };
	int r = name ? 0 : -ENOMEM;

	if (r < 0 || rd->is_known(name, rd->data))
		goto out;
	if (rd->all <= rd->rules->most)
		r = refuse_line(rd, request_expand(rd->rules, ".prompts.prompts", line, size,
						   rd->source, &one, rd->err));
	rd->all += one.n ? one.n : 1;
	if (r == 0 && rd->all <= rd->rules->most)
		r = add(rd, name, &one);
out:
	expansion_release(&one);
	free(name);
	return r;
}

static int read_lines(struct reading *rd, const char *text, size_t size)
{
	const char *end = text + size, *stop;
	int r = 0;

	for (; r == 0 && text < end; text = stop + 1) {
		const char *line = text;

		stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			stop = end;
		rd->line++;
		size = trim(&line, (size_t)(stop - text));
		if (size)
			r = read_line(rd, line, size);
	}
	if (r == 0 && rd->all > rd->rules->most)
		r = error_invalid(rd->err,
				  "the new lines ask for %" PRIu64 " pictures or more; at most "
				  "%" PRIu64 " may come of one request (limits.expand)",
				  rd->all, rd->rules->most);
	return r;
}

int prompt_list_expand(const struct request_rules *rules, const char *text, size_t size,
		       const struct expand_source *source,
		       bool (*is_known)(const char *line, void *data), void *data,
		       struct expansion *out, struct error *err)
{
	struct reading rd = {
		.rules = rules, .source = source, .is_known = is_known, .data = data, .err = err
	};
	int r = request_check_text(text, size, err);

	if (r < 0)
		return r;
	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		size -= 3;
	}
	rd.seen = map_new();
	r = rd.seen ? read_lines(&rd, text, size) : -ENOMEM;
	map_free(rd.seen);
	if (r < 0)
		expansion_release(&rd.made);
	else
		*out = rd.made;
	return r;
}
