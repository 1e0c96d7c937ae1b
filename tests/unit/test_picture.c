/* picture: whole ones of each kind, each cut at every byte, damage in the structure, and bytes at
 * random. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pimagefs/picture.h"
#include "pimagefs/rng.h"
#include "samples.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const files[] = {
	"baseline.jpg",  "progressive.jpg", "thumbnail.jpg", "lossy.webp",
	"lossless.webp", "extended.webp",   "animated.webp",
};

/* From a block of exactly that size, so that the sanitizer sees a byte read too many. */
static int check(const void *bytes, size_t size, struct picture *out)
{
	char *copy = malloc(size ? size : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	r = picture_check(copy, size, out);
	free(copy);
	return r;
}

static void assert_picture(const struct buf *b, enum picture_kind kind, uint32_t width,
			   uint32_t height)
{
	struct picture p = { 0 };

	assert_int_equal(check(b->data, b->size, &p), 0);
	assert_int_equal(p.kind, kind);
	assert_int_equal(p.width, width);
	assert_int_equal(p.height, height);
}

static size_t signature_size(const char *bytes)
{
	return *bytes == '\x89' ? 8 : *bytes == 'R' ? 12 : 3;
}

static void assert_no_cut_passes(const struct buf *b)
{
	for (size_t cut = 0; cut < b->size; cut++) {
		struct picture p = { PICTURE_NONE, 77, 77 };
		int r = check(b->data, cut, &p);

		assert_int_equal(r, cut < signature_size(b->data) ? -EILSEQ : -ENODATA);
		assert_int_equal(p.kind, PICTURE_NONE);
		assert_int_equal(p.width, 77);
	}
}

static void png(void **state)
{
	static const enum sample_png_kind kinds[] = { SAMPLE_RGB, SAMPLE_PALETTE,
						      SAMPLE_INTERLACED };

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct buf b = BUF_INIT;

		sample_png(&b, 33, 7, kinds[i]);
		assert_picture(&b, PICTURE_PNG, 33, 7);
		assert_no_cut_passes(&b);
		assert_int_equal(buf_puts(&b, "behind the end"), 0);
		assert_picture(&b, PICTURE_PNG, 33, 7);
		buf_release(&b);
	}
}

static void png_of_many_chunks(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	sample_png(&b, 1024, 600, SAMPLE_RGB);
	assert_picture(&b, PICTURE_PNG, 1024, 600);
	buf_release(&b);
}

static void assert_damaged(struct buf *b, size_t at, unsigned char flip)
{
	struct picture p;

	b->data[at] ^= (char)flip;
	assert_int_equal(check(b->data, b->size, &p), -ENODATA);
	b->data[at] ^= (char)flip;
}

/* All chunks of this sample are critical, so every bit of it is covered by a checksum or the
 * structure. */
static void png_damage(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	sample_png(&b, 5, 5, SAMPLE_PALETTE);
	for (size_t at = 8; at < b.size; at++)
		for (int bit = 0; bit < 8; bit++)
			/* Bit 5 of a type's first letter makes the chunk ancillary: not checked. */
			if (bit != 5 || memcmp(b.data + at, "PLTE", 4) != 0)
				assert_damaged(&b, at, (unsigned char)(1 << bit));
	assert_picture(&b, PICTURE_PNG, 5, 5);
	buf_release(&b);
}

static void put_be32(char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (char)(value >> (24 - 8 * i));
}

static uint32_t crc(const char *bytes, size_t size)
{
	uint32_t c = 0xffffffffu;

	for (size_t i = 0; i < size; i++) {
		c ^= (unsigned char)bytes[i];
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
	}
	return ~c;
}

static void add_chunk(struct buf *b, const char *type, const char *data, uint32_t size)
{
	char word[4];

	put_be32(word, size);
	assert_int_equal(buf_append(b, word, 4), 0);
	assert_int_equal(buf_append(b, type, 4), 0);
	assert_int_equal(size ? buf_append(b, data, size) : 0, 0);
	put_be32(word, crc(b->data + b->size - size - 4, size + 4));
	assert_int_equal(buf_append(b, word, 4), 0);
}

struct chunk {
	const char *type, *data;
	uint32_t size;
};

static int check_chunks(const struct chunk *chunks, size_t n)
{
	struct buf b = BUF_INIT;
	struct picture p;
	int r;

	assert_int_equal(buf_append(&b, "\x89PNG\r\n\x1a\n", 8), 0);
	for (size_t i = 0; i < n; i++)
		add_chunk(&b, chunks[i].type, chunks[i].data, chunks[i].size);
	r = check(b.data, b.size, &p);
	buf_release(&b);
	return r;
}

static void png_structure(void **state)
{
	const struct chunk head = { "IHDR", "\0\0\0\2\0\0\0\2\10\0\0\0\0", 13 };
	const struct chunk flat = { "IHDR", "\0\0\0\2\0\0\0\0\10\0\0\0\0", 13 };
	const struct chunk wide = { "IHDR", "\x80\0\0\0\0\0\0\2\10\0\0\0\0", 13 };
	const struct chunk shorter = { "IHDR", "\0\0\0\2\0\0\0\2\10\0\0\0", 12 };
	const struct chunk text = { "tEXt", "a\0b", 3 }, data = { "IDAT", "xx", 2 };
	const struct chunk none = { "IDAT", "", 0 }, end = { "IEND", "", 0 };
	const struct chunk full_end = { "IEND", "x", 1 };

	(void)state;
	assert_int_equal(check_chunks((struct chunk[]){ head, text, data, end }, 4), 0);
	assert_int_equal(check_chunks((struct chunk[]){ head, none, data, end }, 4), 0);
	assert_int_equal(check_chunks((struct chunk[]){ head, none, end }, 3), -ENODATA);
	assert_int_equal(check_chunks((struct chunk[]){ head, end }, 2), -ENODATA);
	assert_int_equal(check_chunks((struct chunk[]){ head, data, full_end }, 3), -ENODATA);
	assert_int_equal(check_chunks((struct chunk[]){ head, head, data, end }, 4), -ENODATA);
	assert_int_equal(check_chunks((struct chunk[]){ text, head, data, end }, 4), -ENODATA);
	assert_int_equal(check_chunks((struct chunk[]){ data, end }, 2), -ENODATA);
	assert_int_equal(check_chunks((struct chunk[]){ flat, data, end }, 3), -ENODATA);
	assert_int_equal(check_chunks((struct chunk[]){ wide, data, end }, 3), -ENODATA);
	assert_int_equal(check_chunks((struct chunk[]){ shorter, data, end }, 3), -ENODATA);
	assert_int_equal(check_chunks((struct chunk[]){ end }, 1), -ENODATA);
	assert_int_equal(check_chunks(NULL, 0), -ENODATA);
}

static void jpeg_and_webp(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		bool jpeg = strstr(files[i], ".jpg");
		struct buf b = BUF_INIT;

		sample_file(&b, files[i]);
		assert_picture(&b, jpeg ? PICTURE_JPEG : PICTURE_WEBP, 24, 16);
		assert_no_cut_passes(&b);
		assert_int_equal(buf_append(&b, "\0\xff\xd9 behind the end", 18), 0);
		assert_picture(&b, jpeg ? PICTURE_JPEG : PICTURE_WEBP, 24, 16);
		buf_release(&b);
	}
}

static int check_bytes(const char *bytes, size_t size)
{
	struct picture p;

	return check(bytes, size, &p);
}

#define CHECK(text) check_bytes(text, sizeof(text) - 1)
#define FRAME "\xff\xc0\0\x0b\x08\0\1\0\2\1\1\x11\0"
#define SCAN "\xff\xda\0\x08\1\1\0\0\x3f\0"

static void jpeg_structure(void **state)
{
	(void)state;
	assert_int_equal(CHECK("\xff\xd8" FRAME SCAN "x\xff\0\xff\xd0y\xff\xd9"), 0);
	/* Fill bytes before a marker, and a marker without a segment. */
	assert_int_equal(CHECK("\xff\xd8\xff\xff" FRAME "\xff\x01" SCAN "x\xff\xff\xd9"), 0);
	assert_int_equal(CHECK("\xff\xd8\xff\xd9"), -ENODATA);
	assert_int_equal(CHECK("\xff\xd8" FRAME "\xff\xd9"), -ENODATA);
	assert_int_equal(CHECK("\xff\xd8" SCAN "x\xff\xd9"), -ENODATA);
	assert_int_equal(CHECK("\xff\xd8" FRAME SCAN "\xff\xd9"), -ENODATA);
	assert_int_equal(CHECK("\xff\xd8" FRAME SCAN "x\xff\0\xff\xd7"), -ENODATA);
	assert_int_equal(CHECK("\xff\xd8\xff\xd8" FRAME SCAN "x\xff\xd9"), -ENODATA);
	assert_int_equal(CHECK("\xff\xd8\xff\xe0\0\1" FRAME SCAN "x\xff\xd9"), -ENODATA);
	assert_int_equal(CHECK("\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\2\1\1\x11\0" SCAN "x\xff\xd9"),
			 -ENODATA);
	assert_int_equal(CHECK("\xff\xd8\xff\xc0\0\x0b\x08\0\1\0\2\2\1\x11\0" SCAN "x\xff\xd9"),
			 -ENODATA);
	assert_int_equal(CHECK("\xff\xd8\xff\xc4\0\x0b\x08\0\1\0\2\1\1\x11\0" SCAN "x\xff\xd9"),
			 -ENODATA);
}

static void webp_structure(void **state)
{
	(void)state;
	assert_int_equal(CHECK("RIFF\x12\0\0\0WEBPVP8L\5\0\0\0\x2f\0\0\0\0\0"), -ENODATA);
	assert_int_equal(CHECK("RIFF\x12\0\0\0WEBPVP8L\6\0\0\0\x2f\0\0\0\0\0"), 0);
	/* Without the byte that makes the chunk even. */
	assert_int_equal(CHECK("RIFF\x13\0\0\0WEBPVP8L\7\0\0\0\x2f\0\0\0\0\0\0"), 0);
	assert_int_equal(CHECK("RIFF\x12\0\0\0WEBPVP8L\6\0\0\0\x2e\0\0\0\0\0"), -ENODATA);
	assert_int_equal(CHECK("RIFF\x12\0\0\0WEBPVP8L\7\0\0\0\x2f\0\0\0\0\0"), -ENODATA);
	assert_int_equal(CHECK("RIFF\x12\0\0\0WEBPVP9 \6\0\0\0\x2f\0\0\0\0\0"), -ENODATA);
	assert_int_equal(CHECK("RIFF\4\0\0\0WEBP"), -ENODATA);
	assert_int_equal(CHECK("RIFF\0\0\0\0WEBP"), -ENODATA);
	assert_int_equal(CHECK("RIFF\xff\xff\xff\xffWEBPVP8L\6\0\0\0\x2f\0\0\0\0\0"), -ENODATA);
	assert_int_equal(CHECK("RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0"), -ENODATA);
	assert_int_equal(CHECK("RIFF\x12\0\0\0WAVEVP8L\6\0\0\0\x2f\0\0\0\0\0"), -EILSEQ);
}

static void no_picture(void **state)
{
	struct picture p;

	(void)state;
	assert_int_equal(picture_check(NULL, 0, &p), -EILSEQ);
	assert_int_equal(CHECK("<!DOCTYPE html><html></html>"), -EILSEQ);
	assert_int_equal(CHECK("{\"error\": \"no\"}"), -EILSEQ);
	assert_int_equal(CHECK("GIF89a\1\0\1\0\0\0\0;"), -EILSEQ);
	assert_int_equal(CHECK("\x89PNG\n\x1a\n mangled by a text mode"), -EILSEQ);
}

/* Nothing to assert but that it returns one of its answers: the sanitizers judge the rest. */
static void any_bytes(void **state)
{
	uint64_t row = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct buf b = BUF_INIT;

		sample_file(&b, files[i]);
		for (int n = 0; n < 4000; n++) {
			size_t at = rng_next(&row) % b.size;
			char was = b.data[at];
			int r;

			b.data[at] = (char)rng_next(&row);
			r = check_bytes(b.data, b.size);
			assert_true(r == 0 || r == -ENODATA || r == -EILSEQ);
			/* Every other damage stays, so that they add up. */
			if (n % 2)
				b.data[at] = was;
		}
		buf_release(&b);
	}
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(picture_mime(PICTURE_PNG), "image/png");
	assert_string_equal(picture_mime(PICTURE_JPEG), "image/jpeg");
	assert_string_equal(picture_mime(PICTURE_WEBP), "image/webp");
	assert_string_equal(picture_mime(PICTURE_NONE), "");
	assert_string_equal(picture_ending(PICTURE_PNG), ".png");
	assert_string_equal(picture_ending(PICTURE_JPEG), ".jpg");
	assert_string_equal(picture_ending(PICTURE_WEBP), ".webp");
	assert_string_equal(picture_ending(PICTURE_NONE), "");
	assert_int_equal(picture_kind_of_mime("image/png"), PICTURE_PNG);
	assert_int_equal(picture_kind_of_mime("Image/JPEG"), PICTURE_JPEG);
	assert_int_equal(picture_kind_of_mime("image/webp"), PICTURE_WEBP);
	assert_int_equal(picture_kind_of_mime("image/gif"), PICTURE_NONE);
	assert_int_equal(picture_kind_of_mime(""), PICTURE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(png),
		cmocka_unit_test(png_of_many_chunks),
		cmocka_unit_test(png_damage),
		cmocka_unit_test(png_structure),
		cmocka_unit_test(jpeg_and_webp),
		cmocka_unit_test(jpeg_structure),
		cmocka_unit_test(webp_structure),
		cmocka_unit_test(no_picture),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
