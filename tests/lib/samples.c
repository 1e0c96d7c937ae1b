/* samples: see samples.h. */
#include "samples.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>

#include "scratch.h"

static void give_up(const char *what)
{
	fprintf(stderr, "samples: %s failed\n", what);
	exit(99);
}

static void on_bytes(png_structp png, png_bytep bytes, size_t size)
{
	if (buf_append(png_get_io_ptr(png), bytes, size))
		give_up("buf_append");
}

static void on_flush(png_structp png)
{
	(void)png;
}

static void on_error(png_structp png, png_const_charp text)
{
	(void)png;
	give_up(text);
}

static void write_rows(png_structp png, unsigned width, unsigned height, int passes)
{
	unsigned char *row = malloc(3 * (size_t)width);

	if (!row)
		give_up("malloc");
	for (int pass = 0; pass < passes; pass++) {
		for (unsigned y = 0; y < height; y++) {
			for (unsigned i = 0; i < 3 * width; i++)
				row[i] = (unsigned char)((i * 7 + y * 13) & 1);
			png_write_row(png, row);
		}
	}
	free(row);
}

void sample_png(struct buf *out, unsigned width, unsigned height, enum sample_png_kind kind)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	const png_color palette[2] = { { 0, 0, 0 }, { 255, 128, 0 } };
	int passes = 1;

	if (!info)
		give_up("libpng");
	png_set_write_fn(png, out, on_bytes, on_flush);
	png_set_IHDR(png, info, width, height, 8,
		     kind == SAMPLE_PALETTE ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB,
		     kind == SAMPLE_INTERLACED ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	if (kind == SAMPLE_PALETTE)
		png_set_PLTE(png, info, palette, 2);
	png_write_info(png, info);
	if (kind == SAMPLE_INTERLACED)
		passes = png_set_interlace_handling(png);
	write_rows(png, width, height, passes);
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
}

void sample_file(struct buf *out, const char *name)
{
	const char *source = getenv("PIMAGEFS_SOURCE");
	char folder[SCRATCH_PATH];

	snprintf(folder, sizeof(folder), "%s/tests/data/pictures", source ? source : ".");
	if (scratch_read(folder, name, out))
		give_up(name);
}
