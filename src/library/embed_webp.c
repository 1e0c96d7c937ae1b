/*
 * embed in WebP: EXIF and XMP as the last chunks of the RIFF file. They need the extended form: a
 * chunk VP8X in front with the canvas and a flag for each, which is made where there is none.
 *
 * EXIF or XMP of its own stays, and ours is left out. What is put together in another way than the
 * format's three (VP8, VP8L, VP8X and what belongs to it) is not touched. Bytes behind the RIFF
 * file's end stay there.
 */
#include <errno.h>
#include <string.h>

#include "embed_internal.h"
#include "picture_internal.h"

#define FLAG_XMP 0x04
#define FLAG_EXIF 0x08
#define FLAG_ALPHA 0x10

static bool is_frame(const unsigned char *chunk)
{
	return !memcmp(chunk, "VP8 ", 4) || !memcmp(chunk, "VP8L", 4) ||
	       !memcmp(chunk, "ALPH", 4) || !memcmp(chunk, "ANMF", 4);
}

static void look_at_first(const unsigned char *chunk, size_t size, struct embed_found *out)
{
	if (!memcmp(chunk, "VP8X", 4))
		out->extended = true;
	else if (!memcmp(chunk, "VP8L", 4) && size >= 5)
		out->alpha = le32(chunk + CHUNK_HEAD + 1) >> 28 & 1;
	else if (memcmp(chunk, "VP8 ", 4) != 0)
		out->sealed = true;
}

static void look_at(const unsigned char *chunk, size_t size, struct embed_found *out)
{
	if (!memcmp(chunk, "C2PA", 4) || !memcmp(chunk, "VP8X", 4) ||
	    (!out->extended && is_frame(chunk)))
		out->sealed = true;
	if (!memcmp(chunk, "EXIF", 4))
		out->parameters = true;
	if (!memcmp(chunk, "XMP ", 4))
		embed_found_xmp(out, chunk + CHUNK_HEAD, size);
}

static void look(const unsigned char *bytes, size_t size, const struct picture *picture,
		 struct embed_found *out)
{
	struct cursor c = { bytes, (size_t)le32(bytes + 4) + 8 };

	(void)picture;
	out->at = c.left;
	skip(&c, WEBP_HEAD);
	if (out->at > size)
		c.left = 1; /* to be told from a whole one */
	for (size_t n = 0; c.left >= CHUNK_HEAD; n++) {
		const unsigned char *chunk = c.at;

		size = le32(chunk + 4);
		if (!skip(&c, CHUNK_HEAD) || !skip(&c, size))
			break;
		if (n)
			look_at(chunk, size, out);
		else
			look_at_first(chunk, size, out);
		skip(&c, size & 1);
	}
	if (c.left)
		out->sealed = true;
}

static void le_bytes(unsigned char *at, size_t value, int n)
{
	for (int i = 0; i < n; i++)
		at[i] = (unsigned char)(value >> 8 * i & 255);
}

static int put_chunk(struct buf *out, const char *type, const void *data, size_t size)
{
	unsigned char head[CHUNK_HEAD];
	int r;

	memcpy(head, type, 4);
	le_bytes(head + 4, size, 4);
	r = buf_append(out, head, sizeof(head));
	if (r == 0)
		r = buf_append(out, data, size);
	return r < 0 || size % 2 == 0 ? r : buf_append(out, "", 1);
}

/* The head, and VP8X if there is none, with the new flags. */
static int put_head(const unsigned char *bytes, const struct embed_found *found,
		    const struct picture *picture, unsigned char flags, struct buf *out)
{
	unsigned char canvas[10] = { found->alpha ? FLAG_ALPHA : 0 };
	int r = buf_append(out, bytes, WEBP_HEAD);

	le_bytes(canvas + 4, picture->width - 1, 3);
	le_bytes(canvas + 7, picture->height - 1, 3);
	if (r == 0 && !found->extended)
		r = put_chunk(out, "VP8X", canvas, sizeof(canvas));
	if (r == 0)
		r = buf_append(out, bytes + WEBP_HEAD, found->at - WEBP_HEAD);
	/* What is new begins at an even place, also where the last chunk's even byte is missing. */
	if (r == 0 && out->size % 2)
		r = buf_append(out, "", 1);
	if (r == 0)
		out->data[WEBP_HEAD + CHUNK_HEAD] |= (char)flags;
	return r;
}

static int put(const unsigned char *bytes, size_t size, const struct embed_found *found,
	       const struct picture *picture, const struct buf *parameters, const struct buf *xmp,
	       struct buf *out)
{
	unsigned char flags = (parameters->size ? FLAG_EXIF : 0) | (xmp->size ? FLAG_XMP : 0);
	int r;

	/* A RIFF file has no more than 4 GiB; the last numbers are kept free, as libwebp does. */
	if (found->at > UINT32_MAX - 4 * EMBED_ROOM)
		return 0;
	r = put_head(bytes, found, picture, flags, out);
	if (r == 0 && parameters->size)
		r = put_chunk(out, "EXIF", parameters->data, parameters->size);
	if (r == 0 && xmp->size)
		r = put_chunk(out, "XMP ", xmp->data, xmp->size);
	if (r == 0)
		le_bytes((unsigned char *)out->data + 4, out->size - 8, 4);
	return r < 0 || size == found->at ? r
					  : buf_append(out, bytes + found->at, size - found->at);
}

const struct embed_format embed_webp = {
	.look = look,
	.put = put,
	.parameters = embed_exif,
	.room = EMBED_ROOM,
};
