/*
 * braces: {a, b}, {a|b}, __animals__ and \ in a plain prompt.
 *
 * A text is read once into a tree: rows of parts, where a part is bytes, a list (each of its rows
 * in turn), a choice (one of its rows by chance) or a wildcard (one of its lines by chance). From
 * the tree it is known how many combinations there are, before any is written; each is then written
 * by its number, the last list being the fastest. A list within a choice counts with the choice's
 * largest row.
 *
 * Every byte that is written remembers its place in the source, so that whoever reads on can name
 * it, and whether it is literal (it was escaped, or stands in a wildcard's line): such a byte is no
 * sign of any grammar.
 *
 * What is wrong is -EINVAL with its place. Depth, parts and lengths are limited. On close the tree
 * and the wildcards go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "expand_internal.h"

enum part_kind { PART_BYTES, PART_ROW, PART_LIST, PART_CHOICE, PART_WILDCARD };

struct part {
	enum part_kind kind;
	size_t from, to; /* in the source */
	uint64_t count;
	struct part *inside; /* of a row its parts, of a list or a choice its rows */
	struct part *next;
	size_t n; /* of those inside */
	const struct wildcard *wildcard;
};

struct braces {
	const struct source *src;
	const struct expand_source *from;
	struct part *row;
	struct wildcard *wildcards;
	size_t parts;
	bool random;
};

struct reader {
	struct braces *b;
	size_t at;
	struct error *err;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

size_t braces_escape(const char *text, size_t size)
{
	if (size >= 2 && text[0] == '\\' && text[1] && strchr("\\{},|_<-", text[1]))
		return 2;
	if (size > strlen(EM_DASH) && text[0] == '\\' &&
	    memcmp(text + 1, EM_DASH, strlen(EM_DASH)) == 0)
		return 1 + strlen(EM_DASH);
	return 0;
}

/* --- reading */

/* Each has its other, and none lies too deep; so that the rest need not ask. The other of one that
 * was escaped, outside of braces, is text as well. */
static int check_pairs(const struct source *src, struct error *err)
{
	size_t open[EXPAND_DEEPEST], depth = 0, escaped, literal = 0;

	for (size_t i = 0; i < src->size; i++) {
		escaped = braces_escape(src->text + i, src->size - i);
		if (escaped && depth == 0 && src->text[i + 1] == '{')
			literal++;
		if (escaped)
			i += escaped - 1;
		else if (src->text[i] == '}' && depth == 0 && literal)
			literal--;
		else if (src->text[i] == '{' && depth == EXPAND_DEEPEST)
			return source_at(src, i,
					 error_invalid(err, "braces within braces, over %d deep",
						       EXPAND_DEEPEST),
					 err);
		else if (src->text[i] == '{')
			open[depth++] = i;
		else if (src->text[i] == '}' && depth-- == 0)
			return source_at(src, i,
					 error_invalid(err,
						       "there is no { to this }; write \\} for "
						       "the sign itself"),
					 err);
	}
	if (depth == 0)
		return 0;
	return source_at(src, open[depth - 1],
			 error_invalid(err, "the } to this { is missing; write \\{ for the sign "
					    "itself"),
			 err);
}

/* What parts the braces that open here: '|', ',' or 0, if they are only text. */
static char separator_of(const struct source *src, size_t at)
{
	char separator = 0;

	for (size_t i = at + 1, depth = 0, escaped; i < src->size; i++) {
		char c = src->text[i];

		escaped = braces_escape(src->text + i, src->size - i);
		if (escaped)
			i += escaped - 1;
		else if (c == '{')
			depth++;
		else if (c == '}' && depth-- == 0)
			break;
		else if (depth == 0 && (c == '|' || (c == ',' && !separator)))
			separator = c;
	}
	return separator;
}

/* A new part behind the last; *last is then where its successor belongs. */
static struct part *add_part(struct braces *b, struct part ***last, enum part_kind kind, size_t at)
{
	struct part *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct part){ .kind = kind, .from = at, .to = at, .count = 1 };
	**last = p;
	*last = &p->next;
	b->parts++;
	return p;
}

static int check_room(struct reader *rd)
{
	if (rd->b->parts < EXPAND_MOST_PARTS)
		return 0;
	return source_at(rd->b->src, rd->at,
			 error_invalid(rd->err,
				       "there are over %d alternatives and parts between "
				       "them in this text",
				       EXPAND_MOST_PARTS),
			 rd->err);
}

static uint64_t times(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static int read_row(struct reader *rd, struct part *row, unsigned depth, char separator);

/* From '{' to behind its '}'. */
static int read_group(struct reader *rd, struct part *group, unsigned depth, char separator)
{
	struct part **last = &group->inside;

	group->count = 0;
	do {
		struct part *row;
		int r = check_room(rd);

		rd->at++;
		row = r == 0 ? add_part(rd->b, &last, PART_ROW, rd->at) : NULL;
		if (!row)
			return r < 0 ? r : -ENOMEM;
		r = read_row(rd, row, depth + 1, separator);
		if (r < 0)
			return r;
		group->n++;
		if (separator == ',')
			group->count = plus(group->count, row->count);
		else if (row->count > group->count)
			group->count = row->count;
	} while (rd->b->src->text[rd->at] == separator);
	rd->at++;
	return 0;
}

/* A group or a wildcard that begins here, if one does: 1, 0 (text) or a negative errno. */
static int read_sign(struct reader *rd, struct part ***last, unsigned depth, struct part **out)
{
	const char *text = rd->b->src->text + rd->at;
	size_t name = wildcard_name(text, rd->b->src->size - rd->at);
	char separator = *text == '{' ? separator_of(rd->b->src, rd->at) : 0;
	const struct wildcard *w = NULL;
	struct part *p;
	int r;

	if (!name && !separator)
		return 0;
	r = check_room(rd);
	if (r == 0 && name)
		r = source_at(rd->b->src, rd->at,
			      wildcard_find(&rd->b->wildcards, rd->b->from, text + 2, name, &w,
					    rd->err),
			      rd->err);
	if (r < 0)
		return r;
	rd->b->random |= name || separator == '|';
	p = add_part(rd->b, last,
		     name               ? PART_WILDCARD
		     : separator == ',' ? PART_LIST
					: PART_CHOICE,
		     rd->at);
	if (!p)
		return -ENOMEM;
	*out = p;
	if (!name) {
		r = read_group(rd, p, depth, separator);
		return r < 0 ? r : 1;
	}
	p->wildcard = w;
	rd->at += name + 4;
	return 1;
}

/* Without the white space at both its ends. */
static void trim_row(const struct source *src, const struct part *row, struct part *tail)
{
	struct part *first = row->inside;

	if (first && first->kind == PART_BYTES)
		while (first->from < first->to && is_space(src->text[first->from]))
			first->from++;
	if (tail && tail->kind == PART_BYTES)
		while (tail->from < tail->to && is_space(src->text[tail->to - 1]))
			tail->to--;
}

/* To the end of the text, or to what ends a row within braces. */
static int read_row(struct reader *rd, struct part *row, unsigned depth, char separator)
{
	const struct source *src = rd->b->src;
	struct part **last = &row->inside, *tail = NULL, *sign;
	unsigned lone = 0;
	int r = 0;

	while (rd->at < src->size) {
		char c = src->text[rd->at];
		size_t escaped = braces_escape(src->text + rd->at, src->size - rd->at);

		if (!escaped && depth && !lone && (c == separator || c == '}'))
			break;
		r = escaped ? 0 : read_sign(rd, &last, depth, &sign);
		if (r < 0)
			return r;
		if (r == 1) {
			row->count = times(row->count, sign->count);
			tail = sign;
			continue;
		}
		if (!tail || tail->kind != PART_BYTES) {
			r = check_room(rd);
			if (r < 0)
				return r;
			tail = add_part(rd->b, &last, PART_BYTES, rd->at);
			if (!tail)
				return -ENOMEM;
		}
		if (!escaped && c == '{')
			lone++;
		else if (!escaped && c == '}' && lone)
			lone--;
		rd->at += escaped ? escaped : 1;
		tail->to = rd->at;
	}
	if (depth)
		trim_row(src, row, tail);
	return 0;
}

static void free_parts(struct part *p)
{
	while (p) {
		struct part *next = p->next;

		free_parts(p->inside);
		free(p);
		p = next;
	}
}

int braces_new(struct braces **out, const struct source *src, const struct expand_source *from,
	       struct error *err)
{
	struct braces *b = calloc(1, sizeof(*b));
	struct reader rd = { .b = b, .err = err };
	int r = b ? check_pairs(src, err) : -ENOMEM;

	if (r == 0) {
		struct part **first = &b->row;

		b->src = src;
		b->from = from;
		r = add_part(b, &first, PART_ROW, 0) ? read_row(&rd, b->row, 0, 0) : -ENOMEM;
	}
	if (r < 0)
		braces_free(b);
	else
		*out = b;
	return r;
}

void braces_free(struct braces *b)
{
	if (!b)
		return;
	wildcards_free(b->wildcards);
	free_parts(b->row);
	free(b);
}

uint64_t braces_count(const struct braces *b)
{
	return b->row->count;
}

bool braces_are_random(const struct braces *b)
{
	return b->random;
}

/* --- writing */

struct writer {
	const struct braces *b;
	size_t longest;
	struct marked *out;
	struct error *err;
};

static int put(struct writer *w, const char *bytes, size_t size, size_t place, size_t step,
	       uint32_t flags)
{
	if (size > w->longest - w->out->text.size)
		return error_invalid(w->err, "a prompt that comes out has over %zu bytes",
				     w->longest);
	return marked_put(w->out, bytes, size, place, step, flags);
}

static int put_bytes(struct writer *w, const struct part *p, uint32_t flags)
{
	const char *text = w->b->src->text;
	size_t at = p->from;
	int r = 0;

	while (r == 0 && at < p->to) {
		const char *slash = memchr(text + at, '\\', p->to - at);
		size_t stop = slash ? (size_t)(slash - text) : p->to, escaped;

		r = put(w, text + at, stop - at, at, 1, flags);
		if (r < 0 || stop == p->to)
			break;
		escaped = braces_escape(text + stop, p->to - stop);
		at = stop + (escaped ? escaped : 1);
		if (escaped)
			r = put(w, text + stop + 1, escaped - 1, stop, 0, flags | MARK_LITERAL);
		else
			r = put(w, text + stop, 1, stop, 0, flags);
	}
	return r;
}

static size_t pick(const struct braces *b, size_t n)
{
	return (size_t)(b->from->random(b->from->data) % n);
}

static int put_row(struct writer *w, const struct part *row, uint64_t i, uint32_t flags);

static int put_part(struct writer *w, const struct part *p, uint64_t i, uint32_t flags)
{
	const struct part *row = p->inside;
	const struct line *line;

	if (p->kind == PART_BYTES)
		return put_bytes(w, p, flags);
	flags |= MARK_CHOSEN;
	if (p->kind == PART_WILDCARD) {
		line = &p->wildcard->lines[pick(w->b, p->wildcard->n)];
		return put(w, line->text, line->size, p->from, 0, flags | MARK_LITERAL);
	}
	if (p->kind == PART_CHOICE) {
		for (size_t left = pick(w->b, p->n); left; left--)
			row = row->next;
		return put_row(w, row, i % row->count, flags);
	}
	for (; i >= row->count; row = row->next)
		i -= row->count;
	return put_row(w, row, i, flags);
}

/* Number i is written in the mixed base of the parts' counts. */
static int put_row(struct writer *w, const struct part *row, uint64_t i, uint32_t flags)
{
	uint64_t rest = row->count, mine;
	int r = 0;

	for (const struct part *p = row->inside; p && r == 0; p = p->next) {
		mine = 0;
		/* Where i is 0 the count may be one that no number can hold. */
		if (i) {
			rest /= p->count;
			mine = i / rest;
			i %= rest;
		}
		r = put_part(w, p, mine, flags);
	}
	return r;
}

int braces_write(const struct braces *b, uint64_t i, size_t longest, struct marked *out,
		 struct error *err)
{
	struct writer w = { .b = b, .longest = longest, .out = out, .err = err };

	int r = marked_clear(out);

	return r < 0 ? r : put_row(&w, b->row, i, 0);
}
