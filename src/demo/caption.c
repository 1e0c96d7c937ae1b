/*
 * caption: the picture's signature: what was asked, and under it that no model made this. Small, at
 * the lower left, on a shade that grows out of the ground.
 *
 * Happy path: caption_paint turns the prompt into the letters that the face has (accents fall off,
 * other scripts are left out), cuts it to the width, and draws both lines.
 */
#include <math.h>
#include <string.h>

#include "layers.h"
#include "pimagefs/utf8.h"

#define LINE_BYTES 160

static const char honest[] = "demo picture - no model made this";

/* U+00C0 to U+017F without their accents. */
static const char plain[] = "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYTsaaaaaaaceeeeiiiidnooooo/ouuuuyty"
			    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlLl"
			    "LlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";

struct mark {
	const char *from;
	char to;
};

static const struct mark marks[] = {
	{ "\xe2\x80\x98", '\'' }, { "\xe2\x80\x99", '\'' }, { "\xe2\x80\x9c", '"' },
	{ "\xe2\x80\x9d", '"' },  { "\xe2\x80\x93", '-' },  { "\xe2\x80\x94", '-' },
};

static char fold_mark(const char *text, size_t size)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (size == strlen(marks[i].from) && !memcmp(text, marks[i].from, size))
			return marks[i].to;
	}
	return ' ';
}

static char fold(const char *text, size_t size)
{
	unsigned int code;

	if (size == 1)
		return *text > ' ' && *text < 127 ? *text : ' ';
	if (size != 2)
		return fold_mark(text, size);
	code = ((unsigned char)text[0] & 31u) << 6 | ((unsigned char)text[1] & 63u);
	return code >= 0xc0 && code - 0xc0 < sizeof(plain) - 1 ? plain[code - 0xc0] : ' ';
}

static size_t char_size(const char *text)
{
	unsigned char c = (unsigned char)*text;
	size_t want = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4, n = 1;

	while (n < want && ((unsigned char)text[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Letters of the face, single spaces, none at the ends; true if something had to be cut. */
static bool fold_prompt(const char *prompt, char line[LINE_BYTES])
{
	size_t n = 0;

	while (*prompt && n < LINE_BYTES - 1) {
		size_t size = char_size(prompt);
		char c = fold(prompt, size);

		prompt += size;
		if (n && line[n - 1] == ' ' && strchr(",.;:!?", c))
			n--;
		if (c != ' ' || (n && line[n - 1] != ' '))
			line[n++] = c;
	}
	while (n && line[n - 1] == ' ')
		n--;
	line[n] = '\0';
	return *prompt != '\0';
}

static void cut_to_width(char line[LINE_BYTES + 4], bool cut, float width, float size)
{
	size_t n = strlen(line);

	if (!cut && font_width(line, size) <= width)
		return;
	while (n > 1 && font_width(line, size) + font_width("...", size) > width)
		line[--n] = '\0';
	while (n > 1 && (line[n - 1] == ' ' || line[n - 1] == ','))
		n--;
	memcpy(line + n, "...", 4);
}

static void shade(struct canvas *c, float from)
{
	each_pixel (c, (int)from, c->height, px, x, y) {
		float down = ramp(from, (float)c->height, (float)y);

		*px = rgb_scale(*px, 1 - down * (0.55f - 0.30f * (float)x / (float)c->width));
	}
}

/* With a dark rim, for bright ground. */
static void write_line(struct canvas *c, const char *text, struct point at, float size,
		       struct rgb ink)
{
	float weight = fmaxf(size * 0.105f, 0.85f);

	font_draw(c, text, at, size, weight * 3, rgb_hex(0x1a1a20), 0.16f);
	font_draw(c, text, at, size, weight, ink, 1);
}

void caption_paint(struct canvas *c, const char *prompt)
{
	char line[LINE_BYTES + 4];
	float side = (float)(c->width < c->height ? c->width : c->height);
	float margin = side * 0.032f, size = fmaxf(side * 0.0165f, 6.5f), small;
	float room = (float)c->width - 2 * margin, y = (float)c->height - margin;
	struct rgb ink = { 0.96f, 0.96f, 0.94f };

	small = fmaxf(size * 0.72f, fminf(6, size * room / font_width(honest, size)));
	small = fminf(small, small * room / font_width(honest, small));
	cut_to_width(line, fold_prompt(prompt, line), room, size);
	shade(c, y - size * 6.5f);
	write_line(c, honest, (struct point){ margin, y - small }, small, rgb_scale(ink, 0.82f));
	write_line(c, line, (struct point){ margin, y - small - size * 2.05f }, size, ink);
}
