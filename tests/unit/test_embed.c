/* embed: each format with each kind of word, what is left alone, hostile and endless prompts, and
 * no memory. What other programs read of it, tests/mount/embed.bats asks them. */
#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/embed.h"
#include "samples.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const files[] = {
	"baseline.jpg",  "progressive.jpg", "thumbnail.jpg", "lossy.webp",  "lossless.webp",
	"extended.webp", "animated.webp",   "rgb.png",       "palette.png", "interlaced.png",
};

/* These have EXIF of their own. */
static bool has_exif(const char *name)
{
	return !strcmp(name, "thumbnail.jpg") || !strcmp(name, "extended.webp");
}

/* Behind IHDR; behind JFIF's APP0, which has 18 bytes and in thumbnail.jpg EXIF before it. */
static size_t place_in(const char *name)
{
	return strstr(name, ".png") ? 33 : has_exif(name) ? 2 + 2 + 0x2ca + 18 : 20;
}

static void sample(struct buf *out, const char *name)
{
	if (!strcmp(name, "rgb.png"))
		sample_png(out, 33, 7, SAMPLE_RGB);
	else if (!strcmp(name, "palette.png"))
		sample_png(out, 33, 7, SAMPLE_PALETTE);
	else if (!strcmp(name, "interlaced.png"))
		sample_png(out, 33, 7, SAMPLE_INTERLACED);
	else
		sample_file(out, name);
}

static struct embed_facts facts_of(enum config_embed what, const char *prompt)
{
	return (struct embed_facts){
		.what = what,
		.prompt = (char *)prompt,
		.model = "p-image-lora-text-to-image",
		.system = "p-image-lora-text-to-image at each::labs",
		.lora = "huggingface.co/owner/repo",
		.has_seed = true,
		.seed = 7,
		.has_lora_scale = true,
		.lora_scale = 0.5,
	};
}

/* From a block of exactly that size, so that the sanitizer sees a byte read too many. */
static int embed_into(const struct embed_facts *facts, const struct buf *from, struct buf *out)
{
	struct picture before, after;
	char *copy = malloc(from->size);
	int r;

	*out = (struct buf)BUF_INIT;
	assert_non_null(copy);
	memcpy(copy, from->data, from->size);
	assert_int_equal(picture_check(copy, from->size, &before), 0);
	r = embed(facts, copy, from->size, &before, out);
	assert_memory_equal(copy, from->data, from->size);
	free(copy);
	if (r > 0) {
		assert_int_equal(picture_check(out->data, out->size, &after), 0);
		assert_int_equal(before.kind, after.kind);
		assert_int_equal(before.width, after.width);
		assert_int_equal(before.height, after.height);
	} else {
		assert_null(out->data);
	}
	return r;
}

static const char *find_bytes(const struct buf *b, const void *bytes, size_t size)
{
	return memmem(b->data, b->size, bytes, size);
}

static const char *find(const struct buf *b, const char *text)
{
	return find_bytes(b, text, strlen(text));
}

static void assert_has(const struct buf *b, const char *text, unsigned times)
{
	struct buf rest = *b;
	unsigned n = 0;

	for (const char *at; (at = find(&rest, text)); n++) {
		rest.size -= (size_t)(at + 1 - rest.data);
		rest.data = (char *)at + 1;
	}
	if (n != times)
		fail_msg("%u times, not %u: %s", n, times, text);
}

/* UTF-16 with the highest byte first, of ASCII. */
static size_t widen(const char *text, char out[1024])
{
	size_t n = 0;

	for (; *text; text++) {
		out[n++] = 0;
		out[n++] = *text;
	}
	return n;
}

static void assert_has_wide(const struct buf *b, const char *text)
{
	char wide[1024];

	if (!find_bytes(b, wide, widen(text, wide)))
		fail_msg("not in the UserComment: %s", text);
}

/* --- what was there is there --- */

/* PNG and JPEG: the new bytes lie in one piece, at the place given. */
static void assert_inserted(const struct buf *from, const struct buf *out, size_t at)
{
	size_t more = out->size - from->size;

	assert_true(out->size > from->size);
	assert_memory_equal(out->data, from->data, at);
	assert_memory_equal(out->data + at + more, from->data + at, from->size - at);
}

static size_t le32(const char *at)
{
	const unsigned char *b = (const unsigned char *)at;

	return b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16 | (size_t)b[3] << 24;
}

static size_t skip_chunk(const struct buf *b, size_t at, const char *type)
{
	size_t size = le32(b->data + at + 4);

	assert_memory_equal(b->data + at, type, 4);
	return at + 8 + size + size % 2;
}

/* The chunks but VP8X are the old ones, then EXIF (if it had none) and XMP, and the sizes are
 * right. */
static void assert_appended(const struct buf *from, const struct buf *out, bool had_exif)
{
	size_t at = 30, old = memcmp(from->data + 12, "VP8X", 4) ? 12 : 30, rest = from->size - old;

	assert_int_equal(le32(out->data + 4), out->size - 8);
	assert_memory_equal(out->data + 12, "VP8X\x0a\0\0\0", 8);
	assert_int_equal(out->data[20] & 0x0c, 0x0c);
	if (old == 30)
		assert_int_equal(out->data[20] & ~0x0c, from->data[20] & ~0x0c);
	assert_memory_equal(out->data + at, from->data + old, rest);
	at += rest + rest % 2;
	if (!had_exif)
		at = skip_chunk(out, at, "EXIF");
	assert_int_equal(skip_chunk(out, at, "XMP "), out->size);
}

static void every_kind(void **state)
{
	struct embed_facts all = facts_of(CONFIG_EMBED_ALL, "a fox");

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct buf from = BUF_INIT, out, again;

		sample(&from, files[i]);
		assert_int_equal(embed_into(&all, &from, &out), 1);
		if (strstr(files[i], ".webp"))
			assert_appended(&from, &out, has_exif(files[i]));
		else
			assert_inserted(&from, &out, place_in(files[i]));
		assert_has(&out, "<Iptc4xmpExt:AIPromptInformation>a fox<", 1);
		assert_int_equal(embed_into(&all, &out, &again), 0);
		buf_release(&out);
		buf_release(&from);
	}
}

static void off_changes_nothing(void **state)
{
	struct embed_facts off = facts_of(CONFIG_EMBED_OFF, "a fox");

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct buf from = BUF_INIT, out;

		sample(&from, files[i]);
		assert_int_equal(embed_into(&off, &from, &out), 0);
		buf_release(&from);
	}
}

static void only_what_is_missing(void **state)
{
	struct embed_facts some = facts_of(CONFIG_EMBED_PARAMETERS, "first"),
			   all = facts_of(CONFIG_EMBED_ALL, "second"),
			   xmp = facts_of(CONFIG_EMBED_XMP, "third");

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct buf from = BUF_INIT, first, second, third;

		sample(&from, files[i]);
		assert_int_equal(embed_into(&some, &from, &first), !has_exif(files[i]));
		if (has_exif(files[i]))
			assert_int_equal(buf_append(&first, from.data, from.size), 0);
		assert_null(find(&first, "xmpmeta"));
		assert_int_equal(embed_into(&all, &first, &second), 1);
		assert_has(&second, "<x:xmpmeta", 1);
		assert_has(&second, ">second<", 2);
		assert_int_equal(embed_into(&xmp, &second, &third), 0);
		buf_release(&second);
		buf_release(&first);
		buf_release(&from);
	}
}

/* --- PNG's text, as libpng reads it --- */

struct source {
	const struct buf *from;
	size_t at;
};

static void on_read(png_structp png, png_bytep out, size_t size)
{
	struct source *s = png_get_io_ptr(png);

	if (size > s->from->size - s->at)
		png_error(png, "cut");
	memcpy(out, s->from->data + s->at, size);
	s->at += size;
}

static void on_complaint(png_structp png, png_const_charp text)
{
	(void)png;
	fprintf(stderr, "libpng: %s\n", text);
	abort();
}

/* The text under this keyword; wide: it stands in iTXt. Pixels as RGB into *pixels. */
static char *read_png(const struct buf *from, const char *keyword, bool *wide, struct buf *pixels)
{
	struct source source = { from, 0 };
	png_structp png =
		png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, on_complaint, on_complaint);
	png_infop info = png_create_info_struct(png);
	png_textp texts = NULL;
	char *found = NULL;
	png_bytepp rows;
	int n = 0;

	png_set_read_fn(png, &source, on_read);
	png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
	png_read_png(png, info, PNG_TRANSFORM_EXPAND, NULL);
	png_get_text(png, info, &texts, &n);
	for (int i = 0; i < n; i++)
		if (!strcmp(texts[i].key, keyword)) {
			assert_null(found);
			found = strdup(texts[i].text);
			*wide = texts[i].compression >= PNG_ITXT_COMPRESSION_NONE;
		}
	rows = png_get_rows(png, info);
	for (png_uint_32 y = 0; y < png_get_image_height(png, info); y++)
		assert_int_equal(buf_append(pixels, rows[y], png_get_rowbytes(png, info)), 0);
	png_destroy_read_struct(&png, &info, NULL);
	return found;
}

static void assert_png_says(const struct embed_facts *facts, const char *wanted, bool wanted_wide)
{
	struct buf from = BUF_INIT, out, before = BUF_INIT, after = BUF_INIT;
	bool wide = false;
	char *text;

	sample_png(&from, 33, 7, SAMPLE_INTERLACED);
	assert_null(read_png(&from, "parameters", &wide, &before));
	assert_int_equal(embed_into(facts, &from, &out), 1);
	text = read_png(&out, "parameters", &wide, &after);
	assert_non_null(text);
	assert_string_equal(text, wanted);
	assert_int_equal(wide, wanted_wide);
	assert_int_equal(before.size, after.size);
	assert_memory_equal(before.data, after.data, before.size);
	free(text);
	buf_release(&before);
	buf_release(&after);
	buf_release(&out);
	buf_release(&from);
}

static void parameters(void **state)
{
	struct embed_facts f = facts_of(CONFIG_EMBED_PARAMETERS, "a fox");

	(void)state;
	assert_png_says(&f,
			"a fox\nSeed: 7, Size: 33x7, Model: p-image-lora-text-to-image, "
			"Lora: huggingface.co/owner/repo, Lora scale: 0.5, Software: pimagefs",
			false);
	f.lora = "https://huggingface.co/owner/re,po";
	f.has_lora_scale = false;
	f.seed = INT64_MAX;
	assert_png_says(&f,
			"a fox\nSeed: 9223372036854775807, Size: 33x7, "
			"Model: p-image-lora-text-to-image, "
			"Lora: \"https://huggingface.co/owner/re,po\", Software: pimagefs",
			false);
	/* A seed that the service picked is not known: three pairs are left. */
	f.has_seed = false;
	f.lora = NULL;
	assert_png_says(&f,
			"a fox\nSize: 33x7, Model: p-image-lora-text-to-image, "
			"Software: pimagefs",
			false);
	f.model = f.prompt = NULL;
	assert_png_says(&f, "Size: 33x7, Software: pimagefs", false);
}

static const struct {
	const char *prompt, *clean;
	bool wide;
} prompts[] = {
	{ "two\r\nlines\rthree\n", "two\nlines\nthree\n", false },
	{ "tab\there", "tab\there", false },
	{ "a \xf0\x9f\xa6\x8a and \xc3\xa9", "a \xf0\x9f\xa6\x8a and \xc3\xa9", true },
	{ "\xd7\xa9\xd7\x9c\xe2\x80\xae<b>", "\xd7\xa9\xd7\x9c\xe2\x80\xae<b>", true },
	{ "bell\x07 esc\x1b[2J del\x7f", "bell\xef\xbf\xbd esc\xef\xbf\xbd[2J del\xef\xbf\xbd",
	  true },
	{ "csi \xc2\x9b", "csi \xef\xbf\xbd", true },
	{ "not \xff text \xe2\x82", "not \xef\xbf\xbd text \xef\xbf\xbd\xef\xbf\xbd", true },
	{ "half \xed\xa0\xbd", "half \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", true },
	{ "no characters \xef\xbf\xbe\xef\xbf\xbf", "no characters \xef\xbf\xbd\xef\xbf\xbd",
	  true },
	{ "Steps: 20, Sampler: Euler a, Seed: 1", "Steps: 20, Sampler: Euler a, Seed: 1", false },
};

static void any_prompt(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(prompts); i++) {
		struct embed_facts f = facts_of(CONFIG_EMBED_PARAMETERS, prompts[i].prompt);
		char wanted[256];

		f.lora = NULL;
		f.has_lora_scale = false;
		snprintf(wanted, sizeof(wanted),
			 "%s\nSeed: 7, Size: 33x7, Model: p-image-lora-text-to-image, "
			 "Software: pimagefs",
			 prompts[i].clean);
		assert_png_says(&f, wanted, prompts[i].wide);
	}
}

/* --- EXIF --- */

static void exif(void **state)
{
	static const char head[] = "MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a";
	static const char fox[] = "\xd8\x3e\xdd\x8a\0\n\0S\0e\0e\0d\0:\0 \0"
				  "7";
	struct embed_facts f = facts_of(CONFIG_EMBED_PARAMETERS, "a fox \xf0\x9f\xa6\x8a");

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct buf from = BUF_INIT, out;

		sample(&from, files[i]);
		if (!strstr(files[i], ".png") && !has_exif(files[i])) {
			assert_int_equal(embed_into(&f, &from, &out), 1);
			assert_non_null(find_bytes(&out, head, sizeof(head) - 1));
			assert_non_null(find_bytes(&out, "UNICODE\0\0a\0 \0f", 14));
			assert_non_null(find_bytes(&out, fox, sizeof(fox) - 1));
			assert_has_wide(&out, "Size: 24x16, Model: p-image-lora-text-to-image, ");
			assert_has_wide(&out, ", Software: pimagefs");
			buf_release(&out);
		}
		buf_release(&from);
	}
}

/* --- XMP --- */

static void xmp(void **state)
{
	struct embed_facts f = facts_of(CONFIG_EMBED_XMP, "</rdf:li> & <script> ]]> \"'\x01");
	struct buf from = BUF_INIT, out;

	(void)state;
	sample(&from, "lossy.webp");
	assert_int_equal(embed_into(&f, &from, &out), 1);
	assert_has(&out, ">&lt;/rdf:li&gt; &amp; &lt;script&gt; ]]&gt; \"'\xef\xbf\xbd</", 2);
	assert_has(&out, "<rdf:li xml:lang=\"x-default\">&lt;", 1);
	assert_has(&out, "<Iptc4xmpExt:AISystemUsed>p-image-lora-text-to-image at each::labs</", 1);
	assert_has(&out,
		   "<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/"
		   "digitalsourcetype/trainedAlgorithmicMedia</",
		   1);
	assert_null(find(&out, "EXIF"));
	assert_int_equal(out.data[20], 4);
	buf_release(&out);
	f = (struct embed_facts){ .what = CONFIG_EMBED_XMP, .drawn = true };
	assert_int_equal(embed_into(&f, &from, &out), 1);
	assert_has(&out, "digitalsourcetype/algorithmicMedia<", 1);
	assert_null(find(&out, "AISystemUsed"));
	assert_null(find(&out, "AIPromptInformation"));
	assert_null(find(&out, "description>"));
	buf_release(&out);
	buf_release(&from);
}

/* --- endless prompts --- */

static char *repeat(const char *text, size_t size)
{
	struct buf b = BUF_INIT;

	while (b.size < size)
		assert_int_equal(buf_puts(&b, text), 0);
	return b.data;
}

static void long_prompts(void **state)
{
	static const char *const pieces[] = { "word ", "<&>", "\xf0\x9f\xa6\x8a", "\x01",
					      "\xc3\xa9" };

	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		char *prompt = repeat(pieces[i], 262144);
		struct embed_facts f = facts_of(CONFIG_EMBED_ALL, prompt);
		struct buf from = BUF_INIT, out;

		sample(&from, "baseline.jpg");
		assert_int_equal(embed_into(&f, &from, &out), 1);
		/* In both, as far as it fits, and what comes behind it is whole. */
		assert_true(out.size > from.size + 2 * 50000 && out.size < from.size + 2 * 65540);
		assert_has(&out, " [...]</", 2);
		assert_has_wide(&out, " [...]\nSeed: 7, ");
		assert_has_wide(&out, ", Software: pimagefs");
		buf_release(&out);
		buf_release(&from);

		/* The others have room for a megabyte; XML makes five
		 * bytes out of an &, a control character becomes three. */
		sample(&from, "rgb.png");
		assert_int_equal(embed_into(&f, &from, &out), 1);
		assert_int_equal(find(&out, " [...]</") == NULL, i != 1 && i != 3);
		assert_null(find(&out, " [...]\nSeed: 7, "));
		buf_release(&out);
		buf_release(&from);
		free(prompt);
	}
}

static void no_room_at_all(void **state)
{
	char *text = repeat("long", 70000);
	struct embed_facts f = facts_of(CONFIG_EMBED_ALL, "a fox");
	struct buf from = BUF_INIT, out;

	(void)state;
	f.lora = f.system = text;
	sample(&from, "baseline.jpg");
	assert_int_equal(embed_into(&f, &from, &out), 0);
	f.lora = NULL;
	assert_int_equal(embed_into(&f, &from, &out), 1);
	assert_null(find(&out, "xmpmeta"));
	assert_has_wide(&out, "a fox\nSeed: 7, ");
	buf_release(&out);
	buf_release(&from);
	free(text);
}

/* --- left alone --- */

static void insert(struct buf *b, size_t at, const char *bytes, size_t size)
{
	size_t old = b->size;

	assert_int_equal(buf_resize(b, old + size), 0);
	memmove(b->data + at + size, b->data + at, old - at);
	memcpy(b->data + at, bytes, size);
	if (!memcmp(b->data, "RIFF", 4))
		for (int i = 0; i < 4; i++)
			b->data[4 + i] = (char)((b->size - 8) >> 8 * i);
}

#define BYTES(text) (text), sizeof(text) - 1

static void assert_left_alone(const char *name, size_t at, const char *bytes, size_t size)
{
	struct embed_facts f = facts_of(CONFIG_EMBED_ALL, "a fox");
	struct buf from = BUF_INIT, out;

	sample(&from, name);
	insert(&from, at ? at : from.size, bytes, size);
	assert_int_equal(embed_into(&f, &from, &out), 0);
	buf_release(&from);
}

static void signed_ones(void **state)
{
	static const char remote[] = "\xff\xe1\0\x4chttp://ns.adobe.com/xap/1.0/\0<rdf:Description "
				     "dcterms:provenance=\"urn\"/>  ";

	(void)state;
	assert_left_alone("rgb.png", 33,
			  BYTES("\0\0\0\x04"
				"caBXjumb\0\0\0\0"));
	assert_left_alone("baseline.jpg", 20, BYTES("\xff\xeb\0\x0aJP\0\x01\0\0\0\0"));
	assert_left_alone("progressive.jpg", 2, BYTES("\xff\xeb\0\x0aJP\0\x01\0\0\0\0"));
	assert_left_alone("extended.webp", 0, BYTES("C2PA\x04\0\0\0jumb"));
	assert_left_alone("animated.webp", 0, BYTES("C2PA\x04\0\0\0jumb"));
	assert_left_alone("lossy.webp", 0, BYTES("C2PA\x04\0\0\0jumb"));
	assert_int_equal(sizeof(remote) - 1, 2 + 0x4c);
	assert_left_alone("baseline.jpg", 20, BYTES(remote));
}

/* C2PA between two scans, where a segment may stand, too. */
static void signed_behind_a_scan(void **state)
{
	struct embed_facts f = facts_of(CONFIG_EMBED_ALL, "a fox");
	struct buf from = BUF_INIT, out;
	char *scan;

	(void)state;
	sample(&from, "progressive.jpg");
	scan = memrchr(from.data, '\xda', from.size);
	insert(&from, (size_t)(scan - 1 - from.data), BYTES("\xff\xeb\0\x0aJP\0\x01\0\0\0\0"));
	assert_int_equal(embed_into(&f, &from, &out), 0);
	buf_release(&from);
}

static void odd_ones(void **state)
{
	struct buf frame = BUF_INIT;

	(void)state;
	sample(&frame, "lossy.webp");
	assert_left_alone("lossy.webp", 0, frame.data + 12, frame.size - 12);
	assert_left_alone("lossy.webp", 12, BYTES("WHAT\0\0\0\0"));
	assert_left_alone("lossy.webp", 0, BYTES("123"));
	assert_left_alone("extended.webp", 0, BYTES("VP8X\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	buf_release(&frame);
}

/* --- and what is odd, but can be helped --- */

static void webp_without_its_last_byte(void **state)
{
	struct embed_facts f = facts_of(CONFIG_EMBED_ALL, "a fox");
	struct buf from = BUF_INIT, out;

	(void)state;
	sample(&from, "lossy.webp");
	insert(&from, from.size, BYTES("what\x03\0\0\0odd"));
	assert_int_equal(embed_into(&f, &from, &out), 1);
	assert_non_null(find_bytes(&out, BYTES("what\x03\0\0\0odd\0EXIF")));
	assert_appended(&from, &out, false);
	buf_release(&out);
	buf_release(&from);
}

static void bytes_behind_the_end(void **state)
{
	static const char *const names[] = { "rgb.png", "baseline.jpg", "lossless.webp" };
	struct embed_facts f = facts_of(CONFIG_EMBED_ALL, "a fox");

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct buf from = BUF_INIT, out;

		sample(&from, names[i]);
		assert_int_equal(buf_puts(&from, "caBX behind"), 0);
		assert_int_equal(embed_into(&f, &from, &out), 1);
		assert_memory_equal(out.data + out.size - 11, "caBX behind", 11);
		if (i == 2)
			assert_int_equal(le32(out.data + 4), out.size - 11 - 8);
		buf_release(&out);
		buf_release(&from);
	}
}

static void alpha_of_lossless(void **state)
{
	struct embed_facts f = facts_of(CONFIG_EMBED_XMP, "a fox");
	struct buf from = BUF_INIT, out;

	(void)state;
	sample(&from, "lossless.webp");
	for (int alpha = 0; alpha < 2; alpha++) {
		from.data[24] = (char)((from.data[24] & ~0x10) | alpha << 4);
		assert_int_equal(embed_into(&f, &from, &out), 1);
		assert_int_equal(out.data[20], alpha ? 0x14 : 4);
		assert_memory_equal(out.data + 24, "\x17\0\0\x0f\0\0", 6);
		buf_release(&out);
	}
	buf_release(&from);
}

static void without_memory(void **state)
{
	struct embed_facts f = facts_of(CONFIG_EMBED_ALL, "a fox \xf0\x9f\xa6\x8a");

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct buf from = BUF_INIT, out = BUF_INIT;
		struct picture p;
		unsigned failed = 1;

		sample(&from, files[i]);
		assert_int_equal(picture_check(from.data, from.size, &p), 0);
		for (unsigned n = 0; failed; n++) {
			int r;

			oom_fail_after(n);
			r = embed(&f, from.data, from.size, &p, &out);
			failed = oom_off();
			assert_int_equal(r, failed ? -ENOMEM : 1);
			assert_int_equal(out.data == NULL, failed > 0);
		}
		buf_release(&out);
		buf_release(&from);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind),
		cmocka_unit_test(off_changes_nothing),
		cmocka_unit_test(only_what_is_missing),
		cmocka_unit_test(parameters),
		cmocka_unit_test(any_prompt),
		cmocka_unit_test(exif),
		cmocka_unit_test(xmp),
		cmocka_unit_test(long_prompts),
		cmocka_unit_test(no_room_at_all),
		cmocka_unit_test(signed_ones),
		cmocka_unit_test(signed_behind_a_scan),
		cmocka_unit_test(odd_ones),
		cmocka_unit_test(webp_without_its_last_byte),
		cmocka_unit_test(bytes_behind_the_end),
		cmocka_unit_test(alpha_of_lossless),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
