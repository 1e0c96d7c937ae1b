/* buf: bytes that grow. Floor 0. data is NULL or ends with a NUL that size does not count. */
#ifndef PIMAGEFS_BUF_H
#define PIMAGEFS_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t size; /* bytes */
	size_t room;
};

#define BUF_INIT \
	{ \
		NULL, 0, 0 \
	}

void buf_release(struct buf *b);
/* Overwrite, then release: for secrets. */
void buf_wipe(struct buf *b);
/* Overwrite and free a text on the heap, and make it NULL. */
void text_wipe(char **text);
/* Each returns 0 or -ENOMEM, and then has changed nothing. */
int buf_append(struct buf *b, const void *bytes, size_t size);
int buf_puts(struct buf *b, const char *text);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Write at an offset as pwrite does: a gap becomes zeros. */
int buf_write_at(struct buf *b, const void *bytes, size_t size, size_t offset);
/* Set the size; what is new is zero. */
int buf_resize(struct buf *b, size_t size);
/* The text, never NULL. */
const char *buf_text(const struct buf *b);

#endif
