/*
 * picture: reads the skeleton of PNG, JPEG and WebP, enough to know the size in pixels and that
 * the file is whole; it decodes no pixel.
 *
 * Happy path: the signature picks a format, one pass over its chunks or segments finds the
 * dimensions, the picture's data and its end. Bytes after the end are allowed, as every viewer
 * allows them.
 *
 * Failures: -EILSEQ without a signature; -ENODATA for whatever is missing, reaches past the end,
 * or contradicts itself. PNG's critical chunks must have the right checksum; JPEG and WebP carry
 * none, so that damage inside their data goes unseen here. A JPEG that gives its height only after
 * the first scan (DNL) is refused: nothing that serves pictures writes one.
 */
#include "pimagefs/picture.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "picture_internal.h"

static const char png_magic[PNG_MAGIC] = { '\x89', 'P', 'N', 'G', '\r', '\n', '\x1a', '\n' };

#define PNG_MOST 0x7fffffffu

void picture_crc_table(uint32_t table[256])
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
		table[i] = c;
	}
}

uint32_t picture_crc(const uint32_t table[256], const unsigned char *bytes, size_t size)
{
	uint32_t c = 0xffffffffu;

	while (size--)
		c = table[(c ^ *bytes++) & 255] ^ c >> 8;
	return ~c;
}

static int png_header(const unsigned char *data, size_t size, struct picture *out)
{
	if (size != 13)
		return -ENODATA;
	out->width = be32(data);
	out->height = be32(data + 4);
	if (!out->width || !out->height || out->width > PNG_MOST || out->height > PNG_MOST)
		return -ENODATA;
	return 0;
}

static int png_check(struct cursor c, struct picture *out)
{
	bool header = false, data = false;
	uint32_t table[256];

	picture_crc_table(table);
	skip(&c, sizeof(png_magic));
	while (c.left >= PNG_AROUND) {
		const unsigned char *type = c.at + 4;
		size_t size = be32(c.at);
		bool critical = !(type[0] & 0x20), first = !memcmp(type, "IHDR", 4);

		if (size > c.left - PNG_AROUND)
			return -ENODATA;
		if (critical && picture_crc(table, type, size + 4) != be32(type + 4 + size))
			return -ENODATA;
		if (first == header || (first && png_header(type + 4, size, out)))
			return -ENODATA;
		header = true;
		if (!memcmp(type, "IDAT", 4) && size)
			data = true;
		if (!memcmp(type, "IEND", 4))
			return data && !size ? 0 : -ENODATA;
		skip(&c, size + PNG_AROUND);
	}
	return -ENODATA;
}

static bool jpeg_is_frame(int marker)
{
	return marker >= JPEG_SOF0 && marker <= JPEG_SOF15 && marker != JPEG_DHT &&
	       marker != JPEG_JPG && marker != JPEG_DAC;
}

bool picture_jpeg_is_bare(int marker)
{
	return marker == JPEG_TEM || (marker >= JPEG_RST0 && marker <= JPEG_RST7);
}

int picture_jpeg_marker(struct cursor *c)
{
	int marker = 0xff;

	if (!c->left || *c->at != 0xff)
		return -1;
	while (marker == 0xff) {
		if (!c->left)
			return -1;
		marker = *c->at;
		skip(c, 1);
	}
	return marker ? marker : -1;
}

static int jpeg_frame(const unsigned char *data, size_t size, struct picture *out)
{
	if (size < 6 || !data[5] || size != 6 + 3 * (size_t)data[5])
		return -ENODATA;
	out->height = be16(data + 1);
	out->width = be16(data + 3);
	return out->width && out->height ? 0 : -ENODATA;
}

bool picture_jpeg_skip_scan(struct cursor *c)
{
	const unsigned char *start = c->at;

	for (;;) {
		const unsigned char *mark = c->left ? memchr(c->at, 0xff, c->left) : NULL;

		if (!mark)
			return false;
		skip(c, (size_t)(mark - c->at));
		if (c->left < 2)
			return false;
		if (c->at[1] && c->at[1] != 0xff && !picture_jpeg_is_bare(c->at[1]))
			return c->at > start;
		skip(c, c->at[1] == 0xff ? 1 : 2);
	}
}

/* A marker with its segment, and the compressed data after a scan's header. */
static int jpeg_segment(struct cursor *c, int marker, bool *frame, bool *scan, struct picture *out)
{
	const unsigned char *data;
	size_t size;

	if (c->left < 2)
		return -ENODATA;
	data = c->at + 2;
	size = be16(c->at);
	if (size < 2 || !skip(c, size))
		return -ENODATA;
	if (jpeg_is_frame(marker)) {
		if (jpeg_frame(data, size - 2, out))
			return -ENODATA;
		*frame = true;
	}
	if (marker != JPEG_SOS)
		return 0;
	if (!*frame || !picture_jpeg_skip_scan(c))
		return -ENODATA;
	*scan = true;
	return 0;
}

static int jpeg_check(struct cursor c, struct picture *out)
{
	bool frame = false, scan = false;

	skip(&c, 2);
	for (;;) {
		int marker = picture_jpeg_marker(&c);

		if (marker < 0 || marker == JPEG_SOI)
			return -ENODATA;
		if (marker == JPEG_EOI)
			return scan ? 0 : -ENODATA;
		if (picture_jpeg_is_bare(marker))
			continue;
		if (jpeg_segment(&c, marker, &frame, &scan, out))
			return -ENODATA;
	}
}

static int webp_lossy(const unsigned char *data, size_t size, struct picture *out)
{
	static const unsigned char start_code[] = { 0x9d, 0x01, 0x2a };

	/* The lowest bit is set in frames that need an earlier one; bits 5 to 23 are the first
	 * partition's size. */
	if (size < 10 || data[0] & 1 || memcmp(data + 3, start_code, sizeof(start_code)) != 0 ||
	    le24(data) >> 5 > size - 10)
		return -ENODATA;
	out->width = le16(data + 6) & 0x3fff;
	out->height = le16(data + 8) & 0x3fff;
	return out->width && out->height ? 0 : -ENODATA;
}

static int webp_lossless(const unsigned char *data, size_t size, struct picture *out)
{
	uint32_t bits;

	if (size < 6 || data[0] != 0x2f)
		return -ENODATA;
	bits = le32(data + 1);
	out->width = (bits & 0x3fff) + 1;
	out->height = (bits >> 14 & 0x3fff) + 1;
	return 0;
}

static int webp_canvas(const unsigned char *data, size_t size, struct picture *out)
{
	if (size < 10)
		return -ENODATA;
	out->width = le24(data + 4) + 1;
	out->height = le24(data + 7) + 1;
	return 0;
}

/* 1: a frame; 0: some other chunk. The canvas of an extended file is what counts, so a frame does
 * not replace it. */
static int webp_chunk(const unsigned char *chunk, size_t size, bool extended, struct picture *out)
{
	const unsigned char *data = chunk + CHUNK_HEAD;
	struct picture frame = *out;
	int r;

	if (!memcmp(chunk, "VP8 ", 4))
		r = webp_lossy(data, size, &frame);
	else if (!memcmp(chunk, "VP8L", 4))
		r = webp_lossless(data, size, &frame);
	else
		return extended && !memcmp(chunk, "ANMF", 4) && size > 16;
	if (r)
		return r;
	if (!extended)
		*out = frame;
	return 1;
}

static int webp_check(struct cursor c, struct picture *out)
{
	bool extended = false, frame = false;
	size_t size = le32(c.at + 4);

	if (size < 4 || size > c.left - 8)
		return -ENODATA;
	c.left = size + 8;
	skip(&c, WEBP_HEAD);
	for (size_t n = 0; c.left >= CHUNK_HEAD; n++) {
		const unsigned char *chunk = c.at;
		int r;

		size = le32(chunk + 4);
		if (size > c.left - CHUNK_HEAD)
			return -ENODATA;
		if (!n && !memcmp(chunk, "VP8X", 4)) {
			extended = true;
			r = webp_canvas(chunk + CHUNK_HEAD, size, out);
		} else {
			r = webp_chunk(chunk, size, extended, out);
		}
		if (r < 0)
			return r;
		frame = frame || r;
		/* Some writers leave out the byte that makes the last chunk even. */
		skip(&c, CHUNK_HEAD + size);
		skip(&c, size & 1);
	}
	return frame ? 0 : -ENODATA;
}

int picture_check(const void *bytes, size_t size, struct picture *out)
{
	struct cursor c = { bytes, size };
	struct picture found = { PICTURE_NONE, 0, 0 };
	int r;

	if (starts_with(&c, png_magic, sizeof(png_magic))) {
		found.kind = PICTURE_PNG;
		r = png_check(c, &found);
	} else if (starts_with(&c, "\xff\xd8\xff", 3)) {
		found.kind = PICTURE_JPEG;
		r = jpeg_check(c, &found);
	} else if (size >= WEBP_HEAD && starts_with(&c, "RIFF", 4) &&
		   !memcmp(c.at + 8, "WEBP", 4)) {
		found.kind = PICTURE_WEBP;
		r = webp_check(c, &found);
	} else {
		r = -EILSEQ;
	}
	if (!r)
		*out = found;
	return r;
}

const char *picture_mime(enum picture_kind kind)
{
	switch (kind) {
	case PICTURE_PNG:
		return "image/png";
	case PICTURE_JPEG:
		return "image/jpeg";
	case PICTURE_WEBP:
		return "image/webp";
	case PICTURE_NONE:
		break;
	}
	return "";
}

const char *picture_ending(enum picture_kind kind)
{
	switch (kind) {
	case PICTURE_PNG:
		return ".png";
	case PICTURE_JPEG:
		return ".jpg";
	case PICTURE_WEBP:
		return ".webp";
	case PICTURE_NONE:
		break;
	}
	return "";
}

enum picture_kind picture_kind_of_mime(const char *mime)
{
	static const enum picture_kind kinds[] = { PICTURE_PNG, PICTURE_JPEG, PICTURE_WEBP };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcasecmp(mime, picture_mime(kinds[i])))
			return kinds[i];
	return PICTURE_NONE;
}
