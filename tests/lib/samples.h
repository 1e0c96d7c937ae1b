/* samples: whole pictures for tests. */
#ifndef TESTS_SAMPLES_H
#define TESTS_SAMPLES_H

#include "pimagefs/buf.h"

enum sample_png_kind { SAMPLE_RGB, SAMPLE_PALETTE, SAMPLE_INTERLACED };

/* A PNG by libpng. */
void sample_png(struct buf *out, unsigned width, unsigned height, enum sample_png_kind kind);
/* A file of tests/data/pictures: baseline.jpg progressive.jpg thumbnail.jpg (cjpeg; the last holds
 * another whole JPEG in its APP1 segment), lossy.webp lossless.webp (cwebp), extended.webp
 * animated.webp (webpmux); c2pa.png c2pa.jpg c2pa.webp (with what looks like a C2PA manifest). All
 * are 24 x 16. */
void sample_file(struct buf *out, const char *name);

#endif
