/*
 * buf: bytes that grow.
 *
 * A buffer begins empty (BUF_INIT) and doubles its room as it is filled; one byte past its size is
 * always a NUL, so that its bytes can be handed on as a text. What is appended must not lie in the
 * buffer itself.
 *
 * The only failure is -ENOMEM (a size that no memory could hold is one too), and then nothing has
 * changed. How large a buffer may grow is its caller's limit. buf_release frees; buf_wipe
 * overwrites first.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/buf.h"

#define SMALLEST_ROOM 64

void buf_release(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

void buf_wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->room);
	buf_release(b);
}

void text_wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

/* Not realloc: it would leave copies behind that buf_wipe cannot reach. */
static int reserve(struct buf *b, size_t size)
{
	size_t room = b->room > SIZE_MAX / 4 ? b->room : b->room * 2;
	char *data;

	if (size < b->room)
		return 0;
	if (size >= PTRDIFF_MAX)
		return -ENOMEM;
	if (room < SMALLEST_ROOM)
		room = SMALLEST_ROOM;
	if (room <= size)
		room = size + 1;
	data = malloc(room);
	if (!data)
		return -ENOMEM;
	if (b->data) {
		memcpy(data, b->data, b->size + 1);
		explicit_bzero(b->data, b->room);
		free(b->data);
	}
	b->data = data;
	b->room = room;
	b->data[b->size] = '\0';
	return 0;
}

int buf_append(struct buf *b, const void *bytes, size_t size)
{
	return buf_write_at(b, bytes, size, b->size);
}

int buf_puts(struct buf *b, const char *text)
{
	return buf_append(b, text, strlen(text));
}

static int append_formatted(struct buf *b, const char *fmt, va_list args, va_list again)
	__attribute__((format(printf, 2, 0)));

static int append_formatted(struct buf *b, const char *fmt, va_list args, va_list again)
{
	int length = vsnprintf(NULL, 0, fmt, args);

	if (length < 0 || (size_t)length > PTRDIFF_MAX - b->size)
		return -ENOMEM;
	if (reserve(b, b->size + (size_t)length) < 0)
		return -ENOMEM;
	vsnprintf(b->data + b->size, (size_t)length + 1, fmt, again);
	b->size += (size_t)length;
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args, again;
	int r;

	va_start(args, fmt);
	va_copy(again, args);
	r = append_formatted(b, fmt, args, again);
	va_end(again);
	va_end(args);
	return r;
}

int buf_write_at(struct buf *b, const void *bytes, size_t size, size_t offset)
{
	int r;

	if (!size)
		return 0;
	if (offset > SIZE_MAX - size)
		return -ENOMEM;
	if (offset + size > b->size) {
		r = buf_resize(b, offset + size);
		if (r < 0)
			return r;
	}
	memcpy(b->data + offset, bytes, size);
	return 0;
}

int buf_resize(struct buf *b, size_t size)
{
	int r = reserve(b, size);

	if (r < 0)
		return r;
	if (size > b->size)
		memset(b->data + b->size, 0, size - b->size);
	b->size = size;
	b->data[size] = '\0';
	return 0;
}

const char *buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}
