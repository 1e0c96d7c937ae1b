/*
 * embed in PNG: text chunks right behind the header, so that a reader has them before the pixels.
 *
 * A text of its own under the same keyword stays, and ours is left out; caBX is C2PA's chunk.
 */
#include <errno.h>
#include <string.h>

#include "embed_internal.h"
#include "picture_internal.h"
#include "pimagefs/utf8.h"

#define PARAMETERS "parameters"
#define XMP "XML:com.adobe.xmp"
#define XMP_OF_MAGICK "Raw profile type xmp"
#define HEADER (PNG_MAGIC + PNG_AROUND + 13) /* IHDR is first, and of one size */

static bool has_keyword(const unsigned char *data, size_t size, const char *keyword)
{
	size_t length = strlen(keyword) + 1;

	return size >= length && !memcmp(data, keyword, length);
}

static void look_at_text(const unsigned char *data, size_t size, struct embed_found *out)
{
	if (has_keyword(data, size, PARAMETERS))
		out->parameters = true;
	if (has_keyword(data, size, XMP) || has_keyword(data, size, XMP_OF_MAGICK))
		embed_found_xmp(out, data, size);
}

static bool is_text(const unsigned char *type)
{
	return !memcmp(type, "tEXt", 4) || !memcmp(type, "zTXt", 4) || !memcmp(type, "iTXt", 4);
}

static void look(const unsigned char *bytes, size_t size, const struct picture *picture,
		 struct embed_found *out)
{
	struct cursor c = { bytes, size };

	(void)picture;
	out->at = HEADER;
	skip(&c, PNG_MAGIC);
	while (c.left >= PNG_AROUND && be32(c.at) <= c.left - PNG_AROUND) {
		const unsigned char *type = c.at + 4;
		size_t n = be32(c.at);

		if (!memcmp(type, "IEND", 4))
			return;
		if (!memcmp(type, "caBX", 4))
			out->sealed = true;
		if (is_text(type))
			look_at_text(type + 4, n, out);
		skip(&c, n + PNG_AROUND);
	}
	out->sealed = true;
}

static int put_be32(struct buf *out, size_t value)
{
	const unsigned char b[] = { value >> 24 & 255, value >> 16 & 255, value >> 8 & 255,
				    value & 255 };

	return buf_append(out, b, sizeof(b));
}

/* head: keyword, its NUL, and for iTXt what stands before the text. */
static int put_chunk(struct buf *out, const char *type, const char *head, size_t head_size,
		     const struct buf *text)
{
	uint32_t table[256];
	size_t start = out->size + 4;
	int r = put_be32(out, head_size + text->size);

	if (r == 0)
		r = buf_append(out, type, 4);
	if (r == 0)
		r = buf_append(out, head, head_size);
	if (r == 0)
		r = buf_append(out, text->data, text->size);
	if (r < 0)
		return r;
	picture_crc_table(table);
	return put_be32(out, picture_crc(table, (const unsigned char *)out->data + start,
					 out->size - start));
}

static bool is_ascii(const struct buf *text)
{
	for (size_t i = 0; i < text->size; i++)
		if ((unsigned char)text->data[i] >= 0x80)
			return false;
	return true;
}

/* iTXt: not compressed, no language, no translated keyword. */
static int put_texts(const struct buf *parameters, const struct buf *xmp, struct buf *out)
{
	static const char plain[] = PARAMETERS, utf8[] = PARAMETERS "\0\0\0\0",
			  packet[] = XMP "\0\0\0\0";
	int r = 0;

	if (parameters->size)
		r = is_ascii(parameters) ? put_chunk(out, "tEXt", plain, sizeof(plain), parameters)
					 : put_chunk(out, "iTXt", utf8, sizeof(utf8), parameters);
	if (r == 0 && xmp->size)
		r = put_chunk(out, "iTXt", packet, sizeof(packet), xmp);
	return r;
}

static int put(const unsigned char *bytes, size_t size, const struct embed_found *found,
	       const struct picture *picture, const struct buf *parameters, const struct buf *xmp,
	       struct buf *out)
{
	int r = buf_append(out, bytes, found->at);

	(void)picture;
	if (r == 0)
		r = put_texts(parameters, xmp, out);
	return r < 0 ? r : buf_append(out, bytes + found->at, size - found->at);
}

const struct embed_format embed_png = {
	.look = look,
	.put = put,
	.parameters = embed_parameters,
	.room = EMBED_ROOM,
};
