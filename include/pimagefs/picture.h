/* picture: what kind of picture are these bytes, how large, and are they whole. Floor 2, pure. */
#ifndef PIMAGEFS_PICTURE_H
#define PIMAGEFS_PICTURE_H

#include <stddef.h>
#include <stdint.h>

enum picture_kind { PICTURE_NONE, PICTURE_PNG, PICTURE_JPEG, PICTURE_WEBP };

struct picture {
	enum picture_kind kind;
	uint32_t width, height; /* pixels */
};

/* Reads a whole file's bytes (mapped, say). 0; -EILSEQ: no PNG, JPEG or WebP; -ENODATA: one, but
 * cut short or damaged in its structure (PNG: chunks up to IEND; JPEG: a frame header, scan and
 * EOI; WebP: the RIFF size and a frame). */
int picture_check(const void *bytes, size_t size, struct picture *out);
/* "image/png", ".png" (with the dot); "" for PICTURE_NONE. */
const char *picture_mime(enum picture_kind kind);
const char *picture_ending(enum picture_kind kind);
enum picture_kind picture_kind_of_mime(const char *mime);

#endif
