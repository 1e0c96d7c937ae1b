/*
 * painter: from a prompt to the bytes of a PNG. It plans a scene, paints it from the back to the
 * front on a canvas of floats, signs it, and writes it out with the prompt as its text.
 *
 * Floats become bytes with a grain of less than one step, which hides the bands that a clean
 * gradient shows, and with a little of film's own grain. Speed counts more than size here (the
 * grain would not compress anyway): one filter, the lowest level.
 *
 * Happy path: painter_draw, in about a fifth of a second of CPU for 1344x768. Failures: a side out
 * of range, or memory (the canvas takes 12 bytes a pixel; libpng jumps back to write_all); the
 * buffer is then as it was.
 */
#include "painter.h"

#include <errno.h>
#include <inttypes.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "layers.h"
#include "pimagefs/utf8.h"

#define TITLE_BYTES 120
#define COUNT(array) ((int)(sizeof(array) / sizeof(*(array))))

static int paint(struct canvas *c, struct scene *s, const struct painter_ask *ask)
{
	int r;

	sky_paint(c, s);
	r = land_paint(c, s);
	if (r == 0)
		r = front_paint(c, s);
	if (r < 0)
		return r;
	air_paint(c, s);
	caption_paint(c, ask->prompt);
	return 0;
}

struct writing {
	const struct canvas *canvas;
	uint32_t seed;
	png_text notes[5];
	png_byte *row;
	struct buf *out;
	png_structp png;
	png_infop info;
};

static void on_bytes(png_structp png, png_bytep bytes, size_t size)
{
	if (buf_append(png_get_io_ptr(png), bytes, size) < 0)
		png_error(png, "out of memory");
}

static void on_flush(png_structp png)
{
	(void)png;
}

static void on_error(png_structp png, png_const_charp text)
{
	(void)text;
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

static png_byte to_byte(float v, float grain)
{
	/* A shoulder, so that light near white keeps its colour a little longer. */
	if (v > 0.92f)
		v = 0.92f + 0.08f * ((v - 0.92f) / (v - 0.92f + 0.08f)) * 1.35f;
	v = v * 255 + grain;
	return v <= 0 ? 0 : v >= 255 ? 255 : (png_byte)v;
}

static void develop_row(const struct writing *w, int y)
{
	const struct rgb *px = canvas_row(w->canvas, y);
	uint32_t state = w->seed ^ ((uint32_t)y * 0x9e3779b1u);

	for (int x = 0; x < w->canvas->width; x++) {
		float film, step;

		state = state * 1664525u + 1013904223u;
		film = ((float)(state >> 20 & 255) - 127.5f) * (1.6f / 128);
		step = (float)(state >> 12 & 255) * (1.0f / 256);
		png_byte *out = w->row + 3 * (size_t)x;

		out[0] = to_byte(px[x].r, step + film);
		out[1] = to_byte(px[x].g, step + film);
		out[2] = to_byte(px[x].b, step + film);
	}
}

static void write_rows(struct writing *w)
{
	const struct canvas *c = w->canvas;

	png_set_write_fn(w->png, w->out, on_bytes, on_flush);
	png_set_IHDR(w->png, w->info, (png_uint_32)c->width, (png_uint_32)c->height, 8,
		     PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
		     PNG_FILTER_TYPE_DEFAULT);
	png_set_sRGB(w->png, w->info, PNG_sRGB_INTENT_PERCEPTUAL);
	png_set_text(w->png, w->info, w->notes, COUNT(w->notes));
	png_set_filter(w->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_AVG);
	png_set_compression_level(w->png, 1);
	png_set_compression_strategy(w->png, Z_RLE);
	png_write_info(w->png, w->info);
	for (int y = 0; y < c->height; y++) {
		develop_row(w, y);
		png_write_row(w->png, w->row);
	}
	png_write_end(w->png, w->info);
}

/* Alone with the jump, and without a local variable that could be lost in it. */
static int write_all(struct writing *w)
{
	if (setjmp(png_jmpbuf(w->png)))
		return -ENOMEM;
	write_rows(w);
	return 0;
}

static int sign(const struct canvas *c, const struct scene *s, const struct painter_ask *ask,
		struct buf *png)
{
	char title[TITLE_BYTES + 1], seed[24];
	size_t size = utf8_cut(ask->prompt, strlen(ask->prompt), TITLE_BYTES), before = png->size;
	const char *const notes[][2] = {
		{ "Title", title },
		{ "Description", ask->prompt },
		{ "Software", "pimagefs demo" },
		{ "Comment", "No model made this picture" },
		{ "Seed", seed },
	};
	struct writing w = { .canvas = c, .seed = s->seed, .out = png };
	int r = -ENOMEM;

	memcpy(title, ask->prompt, size);
	title[size] = '\0';
	snprintf(seed, sizeof(seed), "%" PRId64, ask->seed);
	for (int i = 0; i < COUNT(w.notes); i++)
		w.notes[i] = (png_text){ .compression = PNG_ITXT_COMPRESSION_NONE,
					 .key = (char *)notes[i][0],
					 .text = (char *)notes[i][1],
					 .itxt_length = strlen(notes[i][1]),
					 .lang = (char *)"",
					 .lang_key = (char *)"" };
	w.row = malloc((size_t)c->width * 3);
	w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
	if (w.png)
		w.info = png_create_info_struct(w.png);
	if (w.row && w.info)
		r = write_all(&w);
	if (r < 0)
		(void)buf_resize(png, before);
	if (w.png)
		png_destroy_write_struct(&w.png, &w.info);
	free(w.row);
	return r;
}

static bool side_fits(int side)
{
	return side >= PAINTER_SIDE_MIN && side <= PAINTER_SIDE_MAX;
}

int painter_draw(const struct painter_ask *ask, struct buf *png)
{
	struct canvas c;
	struct scene s;
	int r;

	if (!side_fits(ask->width) || !side_fits(ask->height))
		return -EINVAL;
	r = canvas_init(&c, ask->width, ask->height);
	if (r < 0)
		return r;
	scene_plan(&s, ask);
	r = paint(&c, &s, ask);
	if (r == 0)
		r = sign(&c, &s, ask, png);
	canvas_release(&c);
	return r;
}
