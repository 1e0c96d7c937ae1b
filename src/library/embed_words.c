/*
 * The text that AUTOMATIC1111's tools read: the prompt, and below it one line of pairs.
 *
 * Those tools take the last line for pairs only if there are at least three: size and program are
 * always known, the model or the seed nearly always. None is made up: there are no steps and no
 * sampler, because nobody told them.
 *
 * In EXIF the same text is the UserComment, in UTF-16 with the highest byte first, as they write
 * it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "embed_internal.h"
#include "pimagefs/utf8.h"
#include "pimagefs/value.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* --- any bytes to text --- */

/* Whole already, but nothing to show, or not allowed in XML: U+FFFE and U+FFFF. */
static bool is_unfit(const char *c, size_t size)
{
	if (size == 1 && (*c == '\t' || *c == '\n'))
		return false;
	return utf8_has_control(c, size) || (size == 3 && memcmp(c, "\xef\xbf\xbe", 3) >= 0 &&
					     memcmp(c, "\xef\xbf\xbf", 3) <= 0);
}

int embed_clean(struct buf *out, const char *text)
{
	size_t left = strlen(text), n;
	int r = 0;

	for (; r == 0 && left; text += n, left -= n) {
		n = utf8_char(text, left);
		if (*text == '\r') {
			n = left > 1 && text[1] == '\n' ? 2 : 1;
			r = buf_append(out, "\n", 1);
		} else if (!n || is_unfit(text, n)) {
			n = n ? n : 1;
			r = buf_puts(out, REPLACEMENT);
		} else {
			r = buf_append(out, text, n);
		}
	}
	return r;
}

int embed_prompt(const struct embed_words *w, size_t keep, struct buf *out)
{
	int r = keep ? buf_append(out, w->prompt.data, keep) : 0;

	if (r == 0 && keep < w->prompt.size)
		r = buf_puts(out, " [...]");
	return r;
}

/* --- parameters --- */

/* A value that could be taken for more than one is quoted, as JSON quotes it. */
static int put_quoted(struct buf *out, const char *value)
{
	int r = buf_append(out, "\"", 1);

	for (; r == 0 && *value; value++) {
		if (*value == '\n')
			r = buf_puts(out, "\\n");
		else if (*value == '"' || *value == '\\')
			r = buf_printf(out, "\\%c", *value);
		else
			r = buf_append(out, value, 1);
	}
	return r < 0 ? r : buf_append(out, "\"", 1);
}

static int put_pair(struct buf *out, const char *key, const char *value)
{
	struct buf clean = BUF_INIT;
	int r;

	if (!value)
		return 0;
	r = embed_clean(&clean, value);
	if (r == 0)
		r = buf_printf(out, "%s: ", key);
	if (r == 0)
		r = strpbrk(buf_text(&clean), ",:\n\"") ? put_quoted(out, buf_text(&clean))
							: buf_puts(out, buf_text(&clean));
	buf_release(&clean);
	return r < 0 ? r : buf_puts(out, ", ");
}

int embed_parameters(const struct embed_words *w, size_t keep, struct buf *out)
{
	const struct embed_facts *f = w->facts;
	char scale[VALUE_REAL];
	int r = embed_prompt(w, keep, out);

	if (r == 0 && w->prompt.size)
		r = buf_append(out, "\n", 1);
	if (r == 0 && f->has_seed)
		r = buf_printf(out, "Seed: %" PRId64 ", ", f->seed);
	if (r == 0)
		r = buf_printf(out, "Size: %" PRIu32 "x%" PRIu32 ", ", w->picture->width,
			       w->picture->height);
	if (r == 0)
		r = put_pair(out, "Model", f->model);
	if (r == 0)
		r = put_pair(out, "Lora", f->lora);
	if (r == 0 && f->has_lora_scale) {
		value_real_text(f->lora_scale, scale);
		r = put_pair(out, "Lora scale", scale);
	}
	return r < 0 ? r : buf_puts(out, "Software: pimagefs");
}

/* --- EXIF --- */

static const unsigned char exif_head[] = {
	'M',  'M',  0,   42,  0,   0,   0,   8, /* big endian; the first directory at 8: */
	0,    1,                                /* one entry: */
	0x87, 0x69, 0,   4,   0,   0,   0,   1,
	0,    0,    0,   26, /* EXIF's directory at 26 */
	0,    0,    0,   0,  /* and no other directory */
	0,    2,             /* two entries: */
	0x90, 0,    0,   7,   0,   0,   0,   4,
	'0',  '2',  '3', '2', /* ExifVersion */
	0x92, 0x86, 0,   7,   0,   0,   0,   0,
	0,    0,    0,   56, /* UserComment, its size to be filled in, at 56 */
	0,    0,    0,   0,   'U', 'N', 'I', 'C',
	'O',  'D',  'E', 0,
};
#define EXIF_COMMENT 56      /* offset of the UserComment */
#define EXIF_COMMENT_SIZE 44 /* and of its size */

static void put_be32(unsigned char *at, size_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (24 - 8 * i) & 255);
}

static uint32_t code_of(const char *text, size_t size)
{
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = (unsigned char)*text & first[size];

	for (size_t i = 1; i < size; i++)
		code = code << 6 | ((unsigned char)text[i] & 0x3f);
	return code;
}

static int put_utf16(struct buf *out, uint32_t code)
{
	uint32_t high = 0xd800 + ((code - 0x10000) >> 10), low = 0xdc00 + (code & 0x3ff);
	unsigned char b[4];

	if (code < 0x10000) {
		b[0] = (unsigned char)(code >> 8);
		b[1] = (unsigned char)(code & 255);
		return buf_append(out, b, 2);
	}
	b[0] = (unsigned char)(high >> 8);
	b[1] = (unsigned char)(high & 255);
	b[2] = (unsigned char)(low >> 8);
	b[3] = (unsigned char)(low & 255);
	return buf_append(out, b, 4);
}

int embed_exif(const struct embed_words *w, size_t keep, struct buf *out)
{
	struct buf text = BUF_INIT;
	size_t start = out->size, n;
	int r = embed_parameters(w, keep, &text);

	if (r == 0)
		r = buf_append(out, exif_head, sizeof(exif_head));
	/* It is clean, so each of its characters is whole. */
	for (size_t at = 0; r == 0 && at < text.size; at += n) {
		n = utf8_char(text.data + at, text.size - at);
		r = put_utf16(out, code_of(text.data + at, n));
	}
	if (r == 0)
		put_be32((unsigned char *)out->data + start + EXIF_COMMENT_SIZE,
			 out->size - start - EXIF_COMMENT);
	buf_release(&text);
	return r;
}
