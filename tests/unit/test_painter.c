/*
 * The painter: its pictures are whole PNGs of the asked size, the same for the same words and seed,
 * and say that no model made them. What they look like is for people to judge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/demo/canvas.h"
#include "../../src/demo/layers.h"
#include "../../src/demo/noise.h"
#include "../../src/demo/painter.h"
#include "../../src/demo/scene.h"
#include "../lib/oom.h"

#define WIDTH 320
#define HEIGHT 192

static void draw(const char *prompt, int64_t seed, int width, int height, struct buf *png)
{
	struct painter_ask ask = { prompt, seed, width, height };

	assert_int_equal(painter_draw(&ask, png), 0);
}

static uint8_t *decode(const struct buf *png, int *width, int *height)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	uint8_t *pixels;

	assert_true(png_image_begin_read_from_memory(&image, png->data, png->size));
	image.format = PNG_FORMAT_RGB;
	pixels = malloc(PNG_IMAGE_SIZE(image));
	assert_non_null(pixels);
	assert_true(png_image_finish_read(&image, NULL, pixels, 0, NULL));
	*width = (int)image.width;
	*height = (int)image.height;
	return pixels;
}

static void test_sizes(void **state)
{
	static const int sizes[][2] = {
		{ 256, 256 }, { 256, 1440 }, { 1440, 256 }, { 64, 64 }, { 336, 192 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct buf png = BUF_INIT;
		int width, height;

		draw("a lake", (int64_t)i, sizes[i][0], sizes[i][1], &png);
		free(decode(&png, &width, &height));
		assert_int_equal(width, sizes[i][0]);
		assert_int_equal(height, sizes[i][1]);
		buf_release(&png);
	}
}

static void test_same_again(void **state)
{
	struct buf a = BUF_INIT, b = BUF_INIT, c = BUF_INIT, d = BUF_INIT;

	(void)state;
	draw("a red fox", 7, WIDTH, HEIGHT, &a);
	draw("a red fox", 7, WIDTH, HEIGHT, &b);
	draw("a red fox", 8, WIDTH, HEIGHT, &c);
	draw("a red box", 7, WIDTH, HEIGHT, &d);
	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.data, b.data, a.size);
	assert_false(a.size == c.size && !memcmp(a.data, c.data, a.size));
	assert_false(a.size == d.size && !memcmp(a.data, d.data, a.size));
	buf_release(&a);
	buf_release(&b);
	buf_release(&c);
	buf_release(&d);
}

static void test_appends_or_leaves(void **state)
{
	struct painter_ask ask = { "x", 1, PAINTER_SIDE_MAX + 1, 256 };
	struct buf png = BUF_INIT;

	(void)state;
	assert_int_equal(buf_puts(&png, "before"), 0);
	assert_int_equal(painter_draw(&ask, &png), -EINVAL);
	ask.width = PAINTER_SIDE_MIN - 1;
	assert_int_equal(painter_draw(&ask, &png), -EINVAL);
	ask.width = 256;
	ask.height = -1;
	assert_int_equal(painter_draw(&ask, &png), -EINVAL);
	assert_string_equal(buf_text(&png), "before");
	ask.height = 256;
	assert_int_equal(painter_draw(&ask, &png), 0);
	assert_memory_equal(png.data, "before\x89PNG", 10);
	buf_release(&png);
}

struct source {
	const struct buf *png;
	size_t at;
};

static void read_png(png_structp png, png_bytep out, size_t size)
{
	struct source *s = png_get_io_ptr(png);

	assert_true(size <= s->png->size - s->at);
	memcpy(out, s->png->data + s->at, size);
	s->at += size;
}

static void assert_note(const png_text *notes, int n, const char *key, const char *text)
{
	for (int i = 0; i < n; i++) {
		if (!strcmp(notes[i].key, key)) {
			assert_string_equal(notes[i].text, text);
			return;
		}
	}
	fail_msg("no note %s", key);
}

static void test_notes(void **state)
{
	static const char prompt[] = "ein roter F\xc3\xbc"
				     "chslein \xf0\x9f\xa6\x8a im Schnee";
	struct buf png = BUF_INIT;
	struct source source = { &png, 0 };
	png_structp reader = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(reader);
	png_textp notes;
	int n;

	(void)state;
	draw(prompt, -42, WIDTH, HEIGHT, &png);
	png_set_read_fn(reader, &source, read_png);
	png_read_info(reader, info);
	png_get_text(reader, info, &notes, &n);
	assert_note(notes, n, "Title", prompt);
	assert_note(notes, n, "Description", prompt);
	assert_note(notes, n, "Software", "pimagefs demo");
	assert_note(notes, n, "Comment", "No model made this picture");
	assert_note(notes, n, "Seed", "-42");
	png_destroy_read_struct(&reader, &info, NULL);
	buf_release(&png);
}

static void test_title_is_cut_between_characters(void **state)
{
	char prompt[400] = "";
	struct buf png = BUF_INIT;

	(void)state;
	for (int i = 0; i < 119; i++)
		strcat(prompt, "x");
	for (int i = 0; i < 50; i++)
		strcat(prompt, "\xe2\x82\xac");
	draw(prompt, 1, 64, 64, &png);
	/* 119 x, and then no half of a euro sign: the next chunk's length begins with zeros after
	 * the CRC. */
	assert_non_null(memmem(png.data, png.size, "iTXtTitle", 9));
	assert_memory_equal((char *)memmem(png.data, png.size, "iTXtTitle", 9) - 4, "\0\0\0\x81",
			    4);
	buf_release(&png);
}

/* Any bytes may be a prompt here, and must neither crash nor hang the painter. */
static void test_strange_prompts(void **state)
{
	static const char *const prompts[] = { "",
					       " ",
					       "\n\t\x01\x7f",
					       "\xff\xfe\xe2\x82",
					       "\xf0\x9f\xa6",
					       "\xc3",
					       "\xe5\x8c\x97\xe4\xba\xac",
					       "...",
					       "%s%n%d" };
	char *longest = malloc(200001);

	(void)state;
	for (size_t i = 0; i < sizeof(prompts) / sizeof(prompts[0]); i++) {
		struct buf png = BUF_INIT;

		draw(prompts[i], INT64_MIN + (int64_t)i, 64, 80, &png);
		buf_release(&png);
	}
	assert_non_null(longest);
	for (size_t i = 0; i < 200000; i++)
		longest[i] = i % 7 ? 'w' : ' ';
	longest[200000] = '\0';
	struct buf png = BUF_INIT;

	draw(longest, INT64_MAX, 64, 64, &png);
	buf_release(&png);
	free(longest);
}

static void test_without_memory(void **state)
{
	struct painter_ask ask = { "a fox by a lake", 1, 64, 64 };
	unsigned n = 0, failed = 1;

	(void)state;
	for (; failed; n++) {
		struct buf png = BUF_INIT;
		int r;

		assert_int_equal(buf_puts(&png, "before"), 0);
		oom_fail_once(n);
		r = painter_draw(&ask, &png);
		failed = oom_off();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		if (failed)
			assert_string_equal(buf_text(&png), "before");
		buf_release(&png);
	}
	assert_true(n > 5);
}

/* Every hour, place, weather and subject, at a size where a step over an edge shows under a
 * sanitizer. */
static void test_all_scenes(void **state)
{
	static const char *const moods[] = { "dawn",  "noon",   "golden", "sunset", "dusk",
					     "night", "aurora", "mist",   "storm" };
	static const char *const places[] = { "mountains", "lake",   "sea", "hills",
					      "forest",    "desert", "city" };
	static const char *const things[] = { "fox",        "cat",   "deer",    "wolf",   "boat",
					      "lighthouse", "cabin", "balloon", "person", "tree",
					      "flowers",    "snow",  "rain" };
	char prompt[80];
	int i = 0;

	(void)state;
	for (size_t m = 0; m < sizeof(moods) / sizeof(*moods); m++) {
		for (size_t p = 0; p < sizeof(places) / sizeof(*places); p++, i++) {
			struct buf png = BUF_INIT;

			snprintf(prompt, sizeof(prompt), "%s %s %s", moods[m], places[p],
				 things[i % 13]);
			draw(prompt, i, i % 2 ? 64 : 112, i % 3 ? 64 : 144, &png);
			buf_release(&png);
		}
	}
}

static void mean(const char *prompt, double rgb[3])
{
	struct buf png = BUF_INIT;
	int width, height;
	uint8_t *pixels;

	rgb[0] = rgb[1] = rgb[2] = 0;
	draw(prompt, 3, WIDTH, HEIGHT, &png);
	pixels = decode(&png, &width, &height);
	for (int i = 0; i < width * height * 3; i++)
		rgb[i % 3] += pixels[i];
	free(pixels);
	buf_release(&png);
}

static void test_words_steer(void **state)
{
	double rgb[3], night[3];

	(void)state;
	mean("something red", rgb);
	assert_true(rgb[0] > rgb[1] && rgb[0] > rgb[2] * 1.1);
	mean("something blue", rgb);
	assert_true(rgb[2] > rgb[0] && rgb[2] > rgb[1]);
	mean("green hills at noon", rgb);
	assert_true(rgb[1] > rgb[0]);
	mean("a lake at noon", rgb);
	mean("a lake at night", night);
	assert_true(night[0] + night[1] + night[2] < 0.5 * (rgb[0] + rgb[1] + rgb[2]));
}

static void plan(const char *prompt, struct scene *s)
{
	struct painter_ask ask = { prompt, 1, WIDTH, HEIGHT };

	scene_plan(s, &ask);
}

static void test_reading(void **state)
{
	struct scene s;

	(void)state;
	plan("A Red FOX, in the snow; golden hour.", &s);
	assert_int_equal(s.subject, SUBJECT_FOX);
	assert_int_equal(s.mood, MOOD_GOLDEN);
	assert_true(s.snow);
	plan("two boats on lakes", &s);
	assert_int_equal(s.subject, SUBJECT_BOAT);
	assert_int_equal(s.place, PLACE_LAKE);
	plan("catalogue of foxgloves", &s);
	assert_int_equal(s.subject, SUBJECT_NONE);
	plan("a cat and a fox at night by day", &s);
	assert_int_equal(s.subject, SUBJECT_CAT);
	assert_int_equal(s.mood, MOOD_NIGHT);
	assert_true(s.sun.x > 0 && s.sun.x < WIDTH && s.sun.y > 0 && s.sun.y < s.horizon);
}

static void test_fill_covers_exactly(void **state)
{
	static const struct point square[] = { { 2, 2 }, { 6.5f, 2 }, { 6.5f, 6 }, { 2, 6 } };
	static const struct rgb white = { 1, 1, 1 };
	struct canvas c;

	(void)state;
	assert_int_equal(canvas_init(&c, 10, 10), 0);
	canvas_fill(&c, square, 4, white, white, 1);
	assert_true(fabsf(canvas_row(&c, 3)[3].r - 1) < 1e-4f);
	assert_true(fabsf(canvas_row(&c, 3)[6].r - 0.5f) < 1e-4f);
	assert_true(canvas_row(&c, 3)[7].r == 0 && canvas_row(&c, 3)[1].r == 0 &&
		    canvas_row(&c, 6)[3].r == 0);
	canvas_release(&c);
}

static void test_nothing_outside(void **state)
{
	static const struct point far_off[] = { { -50, -50 }, { 500, -40 }, { 60, 900 } };
	static const struct rgb white = { 1, 1, 1 };
	struct canvas c;

	(void)state;
	assert_int_equal(canvas_init(&c, 9, 7), 0);
	canvas_fill(&c, far_off, 3, white, white, 1);
	canvas_disc(&c, (struct point){ -3, 8 }, 5, 1, white, 1);
	canvas_disc(&c, (struct point){ -1e6f, 1e6f }, 5, 1, white, 1);
	canvas_line(&c, (struct point){ -40, 3 }, (struct point){ 40, 3 }, 2, white, 1);
	canvas_line(&c, (struct point){ 4, 4 }, (struct point){ 4, 4 }, 1, white, 1);
	canvas_glow(&c, (struct point){ 20, -4 }, 30, white, 1);
	canvas_release(&c);
}

static void test_spline(void **state)
{
	static const struct point corner[] = { { 0, 0 }, { 10, 0 }, { 10, 0 }, { 10, 10 } };
	struct point out[SPLINE_POINTS];
	size_t n = spline_flatten(corner, 4, 4, out);
	float nearest = 100;

	(void)state;
	for (size_t i = 0; i < n; i++)
		nearest = fminf(nearest, hypotf(out[i].x - 10, out[i].y));
	assert_true(nearest < 0.01f);
	assert_true(out[0].x == 0 && out[n - 1].y == 10);
	assert_int_equal(spline_flatten(corner, 2, 4, out), 2);
	assert_true(out[1].x == 10);
}

static void test_noise_stays_in_range(void **state)
{
	(void)state;
	for (int i = -500; i < 500; i++) {
		float x = (float)i * 0.37f,
		      v[] = { noise_line(1, x),          noise_plane(2, x, -x),
			      noise_line_fbm(3, x, 5),   noise_plane_fbm(4, x, x * 3, 5),
			      noise_line_ridge(5, x, 7), noise_cell(6, i, -i) };

		for (size_t k = 0; k < sizeof(v) / sizeof(v[0]); k++)
			assert_true(v[k] >= 0 && v[k] <= 1.0001f);
		assert_true(fabsf(noise_line(1, x) - noise_line(1, x + 0.001f)) < 0.01f);
	}
}

static void test_font_is_whole(void **state)
{
	struct canvas c;
	char text[2] = "";

	(void)state;
	assert_int_equal(canvas_init(&c, 40, 40), 0);
	for (char ch = '!'; ch <= '~'; ch++) {
		float ink = 0;

		text[0] = ch;
		memset(c.px, 0, sizeof(*c.px) * 1600);
		font_draw(&c, text, (struct point){ 8, 8 }, 18, 2, (struct rgb){ 1, 1, 1 }, 1);
		for (int i = 0; i < 1600; i++)
			ink += c.px[i].r;
		assert_true(ink > 3);
	}
	assert_true(font_width("ab", 9) > font_width("a", 9));
	canvas_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_same_again),
		cmocka_unit_test(test_appends_or_leaves),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_title_is_cut_between_characters),
		cmocka_unit_test(test_strange_prompts),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_all_scenes),
		cmocka_unit_test(test_words_steer),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_fill_covers_exactly),
		cmocka_unit_test(test_nothing_outside),
		cmocka_unit_test(test_spline),
		cmocka_unit_test(test_noise_stays_in_range),
		cmocka_unit_test(test_font_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
