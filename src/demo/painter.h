/* painter: a landscape for a prompt; the same prompt, seed and size give the same picture. Only
 * src/demo. */
#ifndef PIMAGEFS_DEMO_PAINTER_H
#define PIMAGEFS_DEMO_PAINTER_H

#include <stdint.h>

#include "pimagefs/buf.h"

#define PAINTER_SIDE_MIN 64
#define PAINTER_SIDE_MAX 2048

struct painter_ask {
	const char *prompt; /* UTF-8 */
	int64_t seed;
	int width, height; /* pixels */
};

/* Append a PNG to png, with the prompt and the words "No model made this picture" as its text.
 * 0, -EINVAL (a side out of range) or -ENOMEM; png is then as it was. */
int painter_draw(const struct painter_ask *ask, struct buf *png);

#endif
