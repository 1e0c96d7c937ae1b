/*
 * embed in JPEG: EXIF and XMP as APP1 segments, behind those that stand at the beginning (JFIF's
 * APP0 wants to be first) and before everything else.
 *
 * A segment has at most 64 KiB. EXIF or XMP of its own stays, and ours is left out. C2PA stands in
 * APP11 as a JUMBF box; any such box counts.
 */
#include <errno.h>
#include <string.h>

#include "embed_internal.h"
#include "picture_internal.h"

#define EXIF "Exif\0" /* and one byte more */
#define XMP "http://ns.adobe.com/xap/1.0/"
#define MOST (65535 - 2 - (sizeof(XMP) - 1) - 1) /* with the longer of both heads */

static bool begins(const unsigned char *data, size_t size, const char *head, size_t head_size)
{
	return size >= head_size && !memcmp(data, head, head_size);
}

static void look_at(int marker, const unsigned char *data, size_t size, struct embed_found *out)
{
	if (marker == JPEG_APP11 && begins(data, size, "JP", 2))
		out->sealed = true;
	if (marker != JPEG_APP1)
		return;
	if (begins(data, size, EXIF, sizeof(EXIF) - 1))
		out->parameters = true;
	if (begins(data, size, XMP, sizeof(XMP)))
		embed_found_xmp(out, data, size);
}

/* The segment behind a marker, and the compressed data behind that; false where it is cut. */
static bool look_at_segment(struct cursor *c, int marker, struct embed_found *out)
{
	const unsigned char *data = c->at + 2;
	size_t size = c->left >= 2 ? be16(c->at) : 0;

	if (size < 2 || !skip(c, size))
		return false;
	look_at(marker, data, size - 2, out);
	return marker != JPEG_SOS || picture_jpeg_skip_scan(c);
}

static void look(const unsigned char *bytes, size_t size, const struct picture *picture,
		 struct embed_found *out)
{
	struct cursor c = { bytes, size };
	bool leads = true;
	int marker;

	(void)picture;
	skip(&c, 2);
	out->at = 2;
	while ((marker = picture_jpeg_marker(&c)) != JPEG_EOI) {
		if (marker >= 0 && picture_jpeg_is_bare(marker))
			continue;
		if (marker < 0 || !look_at_segment(&c, marker, out)) {
			out->sealed = true;
			return;
		}
		leads = leads && (marker == JPEG_APP0 || marker == JPEG_APP1);
		if (leads)
			out->at = size - c.left;
	}
}

static int put_segment(struct buf *out, const char *head, size_t head_size, const struct buf *text)
{
	size_t size = 2 + head_size + text->size;
	const unsigned char mark[] = { 0xff, JPEG_APP1, size >> 8 & 255, size & 255 };
	int r = buf_append(out, mark, sizeof(mark));

	if (r == 0)
		r = buf_append(out, head, head_size);
	return r < 0 ? r : buf_append(out, text->data, text->size);
}

static int put(const unsigned char *bytes, size_t size, const struct embed_found *found,
	       const struct picture *picture, const struct buf *parameters, const struct buf *xmp,
	       struct buf *out)
{
	int r = buf_append(out, bytes, found->at);

	(void)picture;
	if (r == 0 && parameters->size)
		r = put_segment(out, EXIF, sizeof(EXIF), parameters);
	if (r == 0 && xmp->size)
		r = put_segment(out, XMP, sizeof(XMP), xmp);
	return r < 0 ? r : buf_append(out, bytes + found->at, size - found->at);
}

const struct embed_format embed_jpeg = {
	.look = look,
	.put = put,
	.parameters = embed_exif,
	.room = MOST,
};
