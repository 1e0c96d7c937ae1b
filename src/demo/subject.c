/*
 * subject: the one thing that a prompt names, as a silhouette with a rim of light. Each is a few
 * closed outlines in a table, drawn by hand on a sheet of 100 by 100 whose middle stands on the
 * ground: x from -50 to 50, y from 0 at the feet to 100 at the top. A point given twice is a
 * corner.
 *
 * Happy path: subject_paint finds the outlines, rounds them, fills them back to front. A prompt
 * that names none has none.
 */
#include <math.h>

#include "layers.h"

#define OUTLINE_POINTS 48

enum coat { COAT_END, COAT_DARK, COAT_OWN, COAT_PALE, COAT_LAMP };

struct outline {
	enum coat coat;
	int n;
	signed char at[2 * OUTLINE_POINTS];
};

static const struct outline fox[] = {
	/* tail, sitting fox seen from the side, its head turned to the light */
	{ COAT_OWN, 11, { -6, 4,   -22, 0,   -40, 4,   -48, 16,  -45, 30, -38,
			  40, -38, 40,  -37, 28,  -30, 20,  -16, 18,  -4, 14 } },
	{ COAT_PALE, 7, { -48, 17, -46, 30, -38, 40, -38, 40, -38, 32, -40, 24, -44, 18 } },
	{ COAT_OWN, 31, { -12, 0,  -18, 10, -16, 30, -6, 46, 0,  58, 0,  68, -1, 78, -1, 78,
			  0,   97, 0,   97, 7,   84, 12, 83, 15, 84, 21, 97, 21, 97, 22, 80,
			  24,  74, 30,  68, 37,  63, 37, 63, 36, 60, 28, 58, 22, 56, 18, 48,
			  17,  34, 17,  18, 18,  4,  21, 0,  21, 0,  10, 0,  0,  0 } },
	{ COAT_PALE, 10, { 15, 56, 22, 57, 30, 59, 36, 60, 30, 57,
			   23, 54, 19, 46, 17, 34, 12, 40, 12, 50 } },
	{ COAT_DARK, 7, { 9, 13, 17, 12, 18, 4, 21, 0, 21, 0, 8, 0, 8, 0 } },
	{ COAT_END, 0, { 0 } },
};

static const struct outline cat[] = {
	{ COAT_OWN, 14, { -8,  2,  -24, -2, -36, 6,  -38, 22, -33, 34, -36, 44, -42, 46,
			  -36, 50, -28, 44, -28, 32, -32, 20, -28, 10, -16, 8,  -4,  10 } },
	{ COAT_OWN, 31, { -14, 0,  -20, 12, -18, 30, -8, 46, -3, 56, -4, 64, -5,  72, -4, 92,
			  -4,  92, 4,   82, 9,   81, 13, 82, 21, 92, 21, 92, 22,  72, 22, 64,
			  19,  56, 14,  52, 15,  40, 17, 22, 17, 6,  20, 0,  20,  0,  8,  0,
			  8,   0,  9,   4,  5,   4,  4,  0,  4,  0,  -4, 0,  -10, 0 } },
	{ COAT_END, 0, { 0 } },
};

static const struct outline deer[] = {
	{ COAT_DARK, 8, { 17, 74, 10, 82, 6, 92, 10, 99, 8, 92, 12, 83, 19, 76, 18, 74 } },
	{ COAT_DARK, 6, { 10, 84, 2, 88, -2, 95, -1, 95, 4, 90, 11, 86 } },
	{ COAT_DARK, 8, { 21, 74, 27, 82, 31, 91, 28, 99, 30, 99, 33, 91, 29, 81, 23, 73 } },
	{ COAT_DARK, 6, { 29, 84, 36, 88, 40, 95, 40, 94, 37, 86, 30, 82 } },
	{ COAT_OWN, 44, { -26, 0,  -26, 0,   -26, 22,  -30, 34,  -33, 42,  -30, 51,  -20, 53, -6,
			  50,  4,  52,  10,  60,  13,  70,  7,   75,  7,   75,  15,  75,  20, 77,
			  26,  74, 33,  67,  33,  67,  32,  63,  25,  63,  21,  61,  19,  50, 15,
			  40,  13, 30,  14,  14,  13,  0,   13,  0,   10,  0,   10,  0,   10, 14,
			  7,   30, 5,   30,  3,   14,  2,   0,   2,   0,   -1,  0,   -1,  0,  0,
			  16,  -1, 30,  -16, 31,  -19, 26,  -17, 14,  -17, 0,   -17, 0 } },
	{ COAT_END, 0, { 0 } },
};

static const struct outline wolf[] = {
	{ COAT_OWN, 13, { -28, 44,  -36, 40,  -42, 28,  -46, 14,  -44, 10,  -44, 10,  -38,
			  16,  -34, 26,  -28, 32,  -24, 36,  -22, 40,  -24, 44,  -28, 44 } },
	{ COAT_OWN, 42, { -30, 0,  -30, 0,  -29, 12, -26, 20, -31, 30, -32, 42, -26, 50,
			  -10, 50, 4,   54, 12,  64, 15,  76, 16,  84, 11,  88, 11,  88,
			  18,  88, 24,  92, 32,  99, 32,  99, 34,  96, 29,  88, 27,  82,
			  29,  76, 27,  68, 23,  54, 20,  42, 17,  30, 17,  12, 20,  0,
			  20,  0,  12,  0,  12,  0,  12,  14, 8,   30, -4,  33, -14, 33,
			  -18, 24, -21, 14, -20, 4,  -18, 0,  -18, 0,  -26, 0,  -26, 0 } },
	{ COAT_END, 0, { 0 } },
};

static const struct outline boat[] = {
	{ COAT_DARK, 8, { -1, 14, -1, 14, -1, 99, -1, 99, 1, 99, 1, 99, 1, 14, 1, 14 } },
	{ COAT_PALE, 8, { 2, 18, 2, 18, 2, 96, 2, 96, 16, 60, 30, 22, 33, 18, 33, 18 } },
	{ COAT_PALE, 7, { -3, 18, -3, 18, -3, 84, -3, 84, -14, 44, -28, 18, -28, 18 } },
	{ COAT_DARK, 10, { -34, 13, -34, 13, -26, 3,  -20, 0,  -20, 0,
			   22,  0,  30,  3,  40,  15, 40,  15, 4,   12 } },
	{ COAT_END, 0, { 0 } },
};

static const struct outline lighthouse[] = {
	{ COAT_PALE, 8, { -9, 0, -9, 0, -6, 76, -6, 76, 6, 76, 6, 76, 9, 0, 9, 0 } },
	{ COAT_OWN, 8, { -8, 18, -8, 18, -8, 34, -8, 34, 8, 34, 8, 34, 8, 18, 8, 18 } },
	{ COAT_OWN, 8, { -7, 50, -7, 50, -7, 64, -7, 64, 7, 64, 7, 64, 7, 50, 7, 50 } },
	{ COAT_DARK, 8, { -9, 76, -9, 76, -9, 79, -9, 79, 9, 79, 9, 79, 9, 76, 9, 76 } },
	{ COAT_LAMP, 8, { -5, 79, -5, 79, -5, 90, -5, 90, 5, 90, 5, 90, 5, 79, 5, 79 } },
	{ COAT_DARK, 7, { -7, 90, -7, 90, -4, 96, 0, 99, 4, 96, 7, 90, 7, 90 } },
	{ COAT_END, 0, { 0 } },
};

static const struct outline cabin[] = {
	{ COAT_DARK, 8, { 16, 48, 16, 48, 16, 76, 16, 76, 24, 76, 24, 76, 24, 48, 24, 48 } },
	{ COAT_OWN, 8, { -34, 0, -34, 0, -34, 38, -34, 38, 34, 38, 34, 38, 34, 0, 34, 0 } },
	{ COAT_DARK, 8, { -42, 35, -42, 35, -20, 68, -20, 68, 20, 68, 20, 68, 42, 35, 42, 35 } },
	{ COAT_LAMP,
	  8,
	  { -24, 12, -24, 12, -24, 27, -24, 27, -10, 27, -10, 27, -10, 12, -10, 12 } },
	{ COAT_LAMP, 8, { 12, 12, 12, 12, 12, 27, 12, 27, 26, 27, 26, 27, 26, 12, 26, 12 } },
	{ COAT_DARK, 8, { -4, 0, -4, 0, -4, 26, -4, 26, 6, 26, 6, 26, 6, 0, 6, 0 } },
	{ COAT_END, 0, { 0 } },
};

static const struct outline balloon[] = {
	{ COAT_OWN, 13, { 0,  99, 30, 99, 40, 74,  32, 50,  12, 28,  6,  22,  6,
			  22, -6, 22, -6, 22, -12, 28, -32, 50, -40, 74, -30, 99 } },
	{ COAT_PALE, 11, { 0,  99, 12, 98, 17, 74,  12, 48,  3,  22,  3,
			   22, -3, 22, -3, 22, -12, 48, -17, 74, -12, 98 } },
	{ COAT_DARK, 8, { -5, 12, -5, 12, -6, 22, -6, 22, -5, 22, -5, 22, -4, 12, -4, 12 } },
	{ COAT_DARK, 8, { 4, 12, 4, 12, 5, 22, 5, 22, 6, 22, 6, 22, 5, 12, 5, 12 } },
	{ COAT_DARK, 8, { -6, 12, -6, 12, -5, 2, -4, 1, 4, 1, 5, 2, 6, 12, 6, 12 } },
	{ COAT_END, 0, { 0 } },
};

static const struct outline person[] = {
	{ COAT_DARK, 9, { 0, 99, 6, 99, 8, 92, 6, 85, 0, 83, -6, 85, -8, 92, -6, 99, 0, 99 } },
	{ COAT_OWN, 34, { -3,  85, -3,  80, -12, 78, -15, 70, -17, 52, -16, 42, -13, 42,
			  -11, 52, -10, 58, -10, 44, -10, 24, -11, 3,  -13, 0,  -13, 0,
			  -4,  0,  -4,  0,  -4,  22, 0,   42, 2,   24, 3,   0,  3,   0,
			  12,  0,  12,  0,  10,  4,  10,  26, 10,  46, 10,  58, 12,  50,
			  13,  42, 16,  42, 17,  54, 14,  72, 11,  78, 3,   80 } },
	{ COAT_END, 0, { 0 } },
};

static const struct outline tree[] = {
	{ COAT_DARK,
	  18,
	  { -8, 0,  -8, 0,  -4, 8,  -3, 26, -6, 38, -20, 52, -18, 54, -3, 44, -1, 60,
	    2,  60, 3,  44, 18, 56, 20, 54, 6,  38, 4,   26, 5,   8,  10, 0,  10, 0 } },
	{ COAT_OWN,
	  24,
	  { -18, 40, -34, 40, -46, 48, -42, 58, -48, 66, -42, 78, -30, 80, -26, 92,
	    -12, 92, -4,  99, 8,   96, 18,  96, 24,  86, 36,  86, 40,  74, 48,  68,
	    44,  56, 46,  46, 34,  38, 22,  42, 12,  36, 2,   42, -6,  38, -12, 42 } },
	{ COAT_END, 0, { 0 } },
};

static const struct outline *const subjects[SUBJECTS] = {
	[SUBJECT_FOX] = fox,     [SUBJECT_CAT] = cat,         [SUBJECT_DEER] = deer,
	[SUBJECT_WOLF] = wolf,   [SUBJECT_BOAT] = boat,       [SUBJECT_LIGHTHOUSE] = lighthouse,
	[SUBJECT_CABIN] = cabin, [SUBJECT_BALLOON] = balloon, [SUBJECT_PERSON] = person,
	[SUBJECT_TREE] = tree,
};

static const float heights[SUBJECTS] = {
	[SUBJECT_FOX] = 0.86f,   [SUBJECT_CAT] = 0.74f,    [SUBJECT_DEER] = 1,
	[SUBJECT_WOLF] = 0.95f,  [SUBJECT_BOAT] = 0.8f,    [SUBJECT_LIGHTHOUSE] = 1.5f,
	[SUBJECT_CABIN] = 0.62f, [SUBJECT_BALLOON] = 0.9f, [SUBJECT_PERSON] = 0.7f,
	[SUBJECT_TREE] = 1.45f,
};

static struct rgb coat_ink(const struct scene *s, enum coat coat)
{
	bool lamps = scene_is_dark(s) || s->mood == MOOD_DUSK;
	/* What stands against the light is dark, and takes on the colour of the air. */
	float day = lamps ? 0.12f : 0.55f;

	if (s->mood == MOOD_NOON)
		day = 0.75f;
	else if (s->mood == MOOD_MIST)
		day = 0.45f;
	switch (coat) {
	case COAT_OWN:
		return rgb_mix(s->near, s->subject_ink, day);
	case COAT_PALE:
		return rgb_mix(rgb_mix(s->near, s->haze, 0.4f), rgb_mix(s->light, s->sky[3], 0.4f),
			       day);
	case COAT_LAMP:
		return rgb_mix(rgb_hex(0xffcf7a), s->light, 0.2f);
	default:
		return rgb_mix(s->near, s->subject_ink, 0.12f);
	}
}

static struct point outline_point(const struct outline *o, int i, struct point feet,
				  struct point scale)
{
	const signed char *at = o->at + 2 * (size_t)i;

	return (struct point){ feet.x + (float)at[0] * scale.x, feet.y - (float)at[1] * scale.y };
}

static void paint_outline(struct canvas *c, const struct scene *s, const struct outline *o,
			  struct point feet, struct point scale, float alpha)
{
	struct point in[OUTLINE_POINTS + 2], line[SPLINE_POINTS];
	struct point first = outline_point(o, 0, feet, scale);
	struct point last = outline_point(o, o->n - 1, feet, scale);
	struct rgb ink = coat_ink(s, o->coat);
	size_t n = 0;

	/* From the middle of the last side round to it again, so that there is no seam. */
	in[n++] = (struct point){ (first.x + last.x) / 2, (first.y + last.y) / 2 };
	for (int i = 0; i < o->n; i++)
		in[n++] = outline_point(o, i, feet, scale);
	in[n++] = in[0];
	n = spline_flatten(in, n, 6, line);
	canvas_fill(c, line, n, rgb_screen(ink, s->light, 0.16f), ink, alpha);
}

static void paint_all(struct canvas *c, const struct scene *s, struct point feet,
		      struct point scale, float alpha)
{
	for (const struct outline *o = subjects[s->subject]; o->coat != COAT_END; o++) {
		paint_outline(c, s, o, feet, scale, alpha);
		if (o->coat == COAT_LAMP && alpha >= 1)
			canvas_glow(c, outline_point(o, 0, feet, scale), fabsf(scale.y) * 40,
				    rgb_hex(0xffc46a), 0.3f);
	}
}

void subject_paint(struct canvas *c, const struct scene *s, struct point feet, float height)
{
	float unit = height * heights[s->subject] / 100;
	float side = s->sun.x > feet.x ? 1 : -1;

	if (s->subject == SUBJECT_NONE)
		return;
	if (s->subject == SUBJECT_BOAT)
		paint_all(c, s, feet, (struct point){ unit * side, -unit * 0.75f }, 0.4f);
	paint_all(c, s, feet, (struct point){ unit * side, unit }, 1);
}
