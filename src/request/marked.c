/*
 * marked: a text whose bytes know where they came from.
 *
 * Beside the bytes stands a mark for each: its place in the source and how it came. So that what is
 * wrong with a text that the braces gave is told with the place where the user wrote it.
 *
 * Only memory can fail. marked_release frees.
 */
#include <errno.h>
#include <string.h>

#include "expand_internal.h"

int source_at(const struct source *src, size_t place, int r, struct error *err)
{
	size_t size = src->size;
	unsigned line = 1, column = 1;

	if (r != -EINVAL)
		return r;
	while (size && (src->text[size - 1] == '\n' || src->text[size - 1] == '\r'))
		size--;
	if (place > src->size)
		place = src->size;
	for (size_t i = 0; i < place; i++) {
		if (src->text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)src->text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	if (memchr(src->text, '\n', size))
		error_prefix(err, "line %u, column %u: ", line, column);
	else
		error_prefix(err, "column %u: ", column);
	return r;
}

int marked_put(struct marked *m, const char *bytes, size_t size, size_t place, size_t step,
	       uint32_t flags)
{
	size_t before = m->marks.size;
	int r = buf_resize(&m->marks, before + size * sizeof(uint32_t));

	if (r == 0)
		r = buf_append(&m->text, bytes, size);
	for (size_t i = 0; r == 0 && i < size; i++) {
		uint32_t mark = (uint32_t)(place + step * i) << MARK_BITS | flags;

		memcpy(m->marks.data + before + i * sizeof(mark), &mark, sizeof(mark));
	}
	return r;
}

int marked_clear(struct marked *m)
{
	int r = buf_resize(&m->text, 0);

	return r < 0 ? r : buf_resize(&m->marks, 0);
}

void marked_release(struct marked *m)
{
	buf_wipe(&m->text);
	buf_release(&m->marks);
}

static uint32_t mark_at(const struct marked *m, size_t i)
{
	uint32_t mark;

	memcpy(&mark, m->marks.data + i * sizeof(mark), sizeof(mark));
	return mark;
}

bool marked_is(const struct marked *m, size_t i, uint32_t flag)
{
	return mark_at(m, i) & flag;
}

size_t marked_place(const struct marked *m, size_t i)
{
	return mark_at(m, i) >> MARK_BITS;
}

bool marked_is_space(const struct marked *m, size_t i)
{
	char c = m->text.data[i];

	return (c == ' ' || c == '\t' || c == '\r' || c == '\n') && !marked_is(m, i, MARK_LITERAL);
}

void marked_cut(struct marked *m, size_t from, size_t to)
{
	size_t mark = sizeof(uint32_t), left = m->text.size - to;

	memmove(m->text.data + from, m->text.data + to, left);
	memmove(m->marks.data + from * mark, m->marks.data + to * mark, left * mark);
	m->text.size = from + left;
	m->text.data[m->text.size] = '\0';
	m->marks.size = m->text.size * mark;
}
