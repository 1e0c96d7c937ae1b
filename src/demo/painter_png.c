/*
 * painter_png: writes a canvas as an 8 bit PNG with its notes. Floats become bytes with a grain of
 * less than one step, which hides the bands that a clean gradient shows, and with a little of
 * film's own grain.
 *
 * Happy path: head, notes, one row after the other, end. Speed counts more than size here (the
 * grain would not compress anyway): one filter, the lowest level. Failures: only memory; libpng
 * then jumps back to write_all, which answers -ENOMEM, and the buffer is cut to what it held
 * before.
 */
#include "painter_png.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "noise.h"

#define NOTES_MAX 8

struct writing {
	const struct canvas *canvas;
	uint32_t seed;
	png_text notes[NOTES_MAX];
	int n_notes;
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
	png_set_text(w->png, w->info, w->notes, w->n_notes);
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

static void add_note(struct writing *w, const struct png_note *note)
{
	png_text *text = &w->notes[w->n_notes++];

	text->compression = PNG_ITXT_COMPRESSION_NONE;
	text->key = (char *)note->key;
	text->text = (char *)note->text;
	text->itxt_length = strlen(note->text);
	text->lang = (char *)"";
	text->lang_key = (char *)"";
}

int png_write_canvas(const struct canvas *c, uint32_t seed, const struct png_note *notes, size_t n,
		     struct buf *out)
{
	struct writing w = { .canvas = c, .seed = seed, .out = out };
	size_t before = out->size;
	int r = -ENOMEM;

	for (size_t i = 0; i < n && i < NOTES_MAX; i++)
		add_note(&w, &notes[i]);
	w.row = malloc((size_t)c->width * 3);
	w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
	if (w.png)
		w.info = png_create_info_struct(w.png);
	if (w.row && w.info)
		r = write_all(&w);
	if (r < 0)
		(void)buf_resize(out, before);
	if (w.png)
		png_destroy_write_struct(&w.png, &w.info);
	free(w.row);
	return r;
}
