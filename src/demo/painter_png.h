/* painter_png: a canvas as PNG bytes. */
#ifndef PIMAGEFS_DEMO_PAINTER_PNG_H
#define PIMAGEFS_DEMO_PAINTER_PNG_H

#include <stddef.h>

#include "canvas.h"
#include "pimagefs/buf.h"

struct png_note {
	const char *key;  /* as the PNG standard names it: "Title", "Software" */
	const char *text; /* UTF-8 */
};

/* Append to out. 0 or -ENOMEM; out is then as it was. */
int png_write_canvas(const struct canvas *c, uint32_t seed, const struct png_note *notes, size_t n,
		     struct buf *out);

#endif
