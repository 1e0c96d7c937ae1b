/* How the formats of pictures are walked: for what checks them and what puts words into them. */
#ifndef PIMAGEFS_PICTURE_INTERNAL_H
#define PIMAGEFS_PICTURE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is left to read. */
struct cursor {
	const unsigned char *at;
	size_t left;
};

static inline bool starts_with(const struct cursor *c, const char *magic, size_t size)
{
	return c->left >= size && !memcmp(c->at, magic, size);
}

static inline bool skip(struct cursor *c, size_t n)
{
	if (n > c->left)
		return false;
	c->at += n;
	c->left -= n;
	return true;
}

static inline uint32_t be16(const unsigned char *b)
{
	return (uint32_t)b[0] << 8 | b[1];
}

static inline uint32_t be32(const unsigned char *b)
{
	return be16(b) << 16 | be16(b + 2);
}

static inline uint32_t le16(const unsigned char *b)
{
	return (uint32_t)b[1] << 8 | b[0];
}

static inline uint32_t le24(const unsigned char *b)
{
	return (uint32_t)b[2] << 16 | le16(b);
}

static inline uint32_t le32(const unsigned char *b)
{
	return le16(b + 2) << 16 | le16(b);
}

#define PNG_MAGIC 8   /* bytes of the signature */
#define PNG_AROUND 12 /* length, type and checksum of a chunk */

/* A chunk's checksum is that of its type and data. */
void picture_crc_table(uint32_t table[256]);
uint32_t picture_crc(const uint32_t table[256], const unsigned char *bytes, size_t size);

enum {
	JPEG_TEM = 0x01,
	JPEG_SOF0 = 0xc0,
	JPEG_DHT = 0xc4,
	JPEG_JPG = 0xc8,
	JPEG_DAC = 0xcc,
	JPEG_SOF15 = 0xcf,
	JPEG_RST0 = 0xd0,
	JPEG_RST7 = 0xd7,
	JPEG_SOI = 0xd8,
	JPEG_EOI = 0xd9,
	JPEG_SOS = 0xda,
	JPEG_APP0 = 0xe0,
	JPEG_APP1 = 0xe1,
	JPEG_APP11 = 0xeb,
};

/* The next marker's code, or -1. Any number of 0xff may stand before it. */
int picture_jpeg_marker(struct cursor *c);
/* Has it no segment? */
bool picture_jpeg_is_bare(int marker);
/* To the marker that ends the compressed data; false if there is none, or no data. */
bool picture_jpeg_skip_scan(struct cursor *c);

#define WEBP_HEAD 12 /* "RIFF", size, "WEBP" */
#define CHUNK_HEAD 8

#endif
