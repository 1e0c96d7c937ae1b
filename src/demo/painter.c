/*
 * painter: from a prompt to the bytes of a PNG. It plans a scene, paints it from the back to the
 * front on a canvas of floats, signs it, and writes it out with the prompt as its text.
 *
 * Happy path: painter_draw, in about a fifth of a second of CPU for 1344x768. Failures: a side out
 * of range, or memory (the canvas takes 12 bytes a pixel); the buffer is then as it was. Nothing is
 * held between two pictures.
 */
#include "painter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "layers.h"
#include "painter_png.h"
#include "pimagefs/utf8.h"

#define TITLE_BYTES 120

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

static int sign(const struct canvas *c, const struct scene *s, const struct painter_ask *ask,
		struct buf *png)
{
	char title[TITLE_BYTES + 1], seed[24];
	size_t size = utf8_cut(ask->prompt, strlen(ask->prompt), TITLE_BYTES);
	const struct png_note notes[] = {
		{ "Title", title },
		{ "Description", ask->prompt },
		{ "Software", "pimagefs demo" },
		{ "Comment", "No model made this picture" },
		{ "Seed", seed },
	};

	memcpy(title, ask->prompt, size);
	title[size] = '\0';
	snprintf(seed, sizeof(seed), "%" PRId64, ask->seed);
	return png_write_canvas(c, s->seed, notes, sizeof(notes) / sizeof(notes[0]), png);
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
