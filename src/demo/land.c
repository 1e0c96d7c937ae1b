/*
 * land: ridges from the far haze to the near ground, each a line of heights over the columns,
 * filled downwards. What is far takes the colour of the air, what is near its own; the foot of each
 * ridge lies in mist, which is what makes the depth. A place is a row of ridges in a table.
 *
 * Happy path: land_paint computes the heights of one ridge at a time and fills it, then lets the
 * water mirror what stands above it. Failure: -ENOMEM for the row of heights.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "layers.h"
#include "noise.h"

/* The faces of rock look a few columns ahead. */
#define PAD 8

enum relief { RELIEF_END, RELIEF_PEAKS, RELIEF_HILLS, RELIEF_DUNES, RELIEF_TREES, RELIEF_TOWERS };

struct ridge {
	enum relief relief;
	float base;   /* below (+) or above the horizon, parts of the land's height */
	float height; /* parts of the shorter side */
	float pace;   /* crests over the shorter side */
	float near;   /* 0 in the haze, 1 at the viewer */
};

static const struct ridge places[PLACES][7] = {
	[PLACE_MOUNTAINS] = { { RELIEF_PEAKS, 0.00f, 0.40f, 1.2f, 0.10f },
			      { RELIEF_PEAKS, 0.08f, 0.29f, 1.7f, 0.27f },
			      { RELIEF_PEAKS, 0.22f, 0.20f, 2.4f, 0.45f },
			      { RELIEF_TREES, 0.38f, 0.12f, 2.0f, 0.62f },
			      { RELIEF_TREES, 0.60f, 0.11f, 1.6f, 0.82f } },
	[PLACE_LAKE] = { { RELIEF_PEAKS, 0, 0.34f, 1.3f, 0.14f },
			 { RELIEF_PEAKS, 0, 0.22f, 1.8f, 0.32f },
			 { RELIEF_HILLS, 0, 0.12f, 2.0f, 0.50f },
			 { RELIEF_TREES, 0, 0.055f, 1.8f, 0.72f } },
	[PLACE_SEA] = { { RELIEF_HILLS, 0, 0.05f, 1.1f, 0.12f },
			{ RELIEF_HILLS, 0, 0.035f, 0.8f, 0.34f } },
	[PLACE_HILLS] = { { RELIEF_PEAKS, 0.00f, 0.18f, 1.6f, 0.12f },
			  { RELIEF_HILLS, 0.06f, 0.14f, 1.3f, 0.30f },
			  { RELIEF_TREES, 0.16f, 0.09f, 1.1f, 0.46f },
			  { RELIEF_HILLS, 0.34f, 0.13f, 1.0f, 0.60f },
			  { RELIEF_HILLS, 0.62f, 0.13f, 0.8f, 0.78f } },
	[PLACE_FOREST] = { { RELIEF_PEAKS, 0.00f, 0.30f, 1.4f, 0.12f },
			   { RELIEF_TREES, 0.02f, 0.18f, 1.3f, 0.30f },
			   { RELIEF_TREES, 0.16f, 0.17f, 1.5f, 0.45f },
			   { RELIEF_TREES, 0.34f, 0.15f, 1.3f, 0.60f },
			   { RELIEF_TREES, 0.56f, 0.15f, 1.1f, 0.75f },
			   { RELIEF_TREES, 0.80f, 0.14f, 0.9f, 0.90f } },
	[PLACE_DESERT] = { { RELIEF_PEAKS, 0.00f, 0.10f, 1.5f, 0.15f },
			   { RELIEF_DUNES, 0.05f, 0.10f, 1.4f, 0.32f },
			   { RELIEF_DUNES, 0.18f, 0.15f, 1.1f, 0.46f },
			   { RELIEF_DUNES, 0.40f, 0.19f, 0.9f, 0.60f },
			   { RELIEF_DUNES, 0.72f, 0.22f, 0.7f, 0.74f } },
	[PLACE_CITY] = { { RELIEF_HILLS, 0, 0.12f, 1.3f, 0.10f },
			 { RELIEF_TOWERS, 0, 0.46f, 24, 0.28f },
			 { RELIEF_TOWERS, 0, 0.34f, 18, 0.50f },
			 { RELIEF_TOWERS, 0, 0.17f, 14, 0.74f } },
};

/* One ridge while it is painted. */
struct strip {
	const struct ridge *ridge;
	uint32_t seed;
	float base;    /* pixels */
	float *top;    /* pixels, a column each */
	float *ground; /* the same without trees, and smooth: where mist is measured from */
	struct rgb crest, foot, lit;
};

/* 1 where the sun is to the right, -1 where it is to the left, and no seam between. */
static float sunward(const struct scene *s, int x)
{
	return fmaxf(-1, fminf(1, (s->sun.x - (float)x) / s->unit * 3));
}

static float firs(uint32_t seed, float x, float spacing, float height)
{
	int cell = (int)(x / spacing);
	float best = 0;

	for (int i = cell - 1; i <= cell + 1; i++) {
		float middle = ((float)i + 0.2f + 0.6f * noise_cell(seed, i, 1)) * spacing;
		float tall = height * (0.45f + 0.55f * noise_cell(seed, i, 2));
		float d = fabsf(x - middle) / (tall * 0.26f);

		if (d < 1)
			best = fmaxf(best, tall * (1 - d));
	}
	return best;
}

static float tower(uint32_t seed, const struct scene *s, float x, float pace)
{
	float width = s->unit / pace;
	int cell = (int)(x / width);
	float inside = x / width - (float)cell, middle = fabsf(inside - 0.5f);
	float tall = noise_cell(seed, cell, 1), kind = noise_cell(seed, cell, 2);

	tall = 0.22f + 0.78f * tall * tall;
	if (kind > 0.72f && middle > 0.27f)
		tall *= 0.82f;
	if (kind > 0.9f && middle < 0.03f)
		tall *= 1.25f;
	if (kind < 0.12f)
		tall *= 1.12f - middle * 0.5f;
	return middle > 0.485f ? tall * 0.5f : tall;
}

/* How high the ridge stands at a column, parts of its height. */
static float relief(const struct strip *p, const struct scene *s, float x)
{
	float u = x / s->unit * p->ridge->pace + 31;

	switch (p->ridge->relief) {
	case RELIEF_PEAKS:
		return powf(noise_line_ridge(p->seed, u, 7), 1.5f) * 1.25f;
	case RELIEF_DUNES:
		return 0.75f * (1 - fabsf(2 * noise_line(p->seed, u) - 1)) +
		       0.25f * noise_line(p->seed + 1, u * 2.3f);
	case RELIEF_TOWERS:
		return tower(p->seed, s, x, p->ridge->pace);
	default:
		return noise_line_fbm(p->seed, u, 3);
	}
}

/* The same mountain without its small jags, for the light on its sides. */
static float slopes(const struct strip *p, const struct scene *s, float x)
{
	return powf(noise_line_ridge(p->seed, x / s->unit * p->ridge->pace + 31, 3), 1.5f) * 1.25f;
}

/* Lower where the sun stands, so that there is a valley for its light. */
static float valley(const struct canvas *c, const struct scene *s, float x)
{
	float d = fabsf(x - s->sun.x) / (float)c->width;

	return s->place == PLACE_CITY ? 0.55f + 0.45f * ramp(0.02f, 0.3f, d)
				      : 0.5f + 0.5f * ramp(0.02f, 0.42f, d);
}

static void survey(const struct canvas *c, struct strip *p, const struct scene *s)
{
	float height = p->ridge->height * s->unit,
	      tree = s->unit * (0.018f + 0.055f * p->ridge->near);

	for (int x = 0; x < c->width; x++) {
		float h = height * relief(p, s, (float)x) * valley(c, s, (float)x);

		if (s->place == PLACE_SEA)
			h = fmaxf(0, h - height * (0.25f + 0.75f * (1 - fabsf((float)x - s->sun.x) /
										(float)c->width)));
		p->ground[x] =
			p->base -
			(p->ridge->relief == RELIEF_PEAKS ? height * slopes(p, s, (float)x) : h);
		if (p->ridge->relief == RELIEF_TREES)
			h += fmaxf(firs(p->seed, (float)x, tree * 0.30f, tree),
				   firs(p->seed + 9, (float)x, tree * 0.75f, tree * 1.35f));
		p->top[x] = p->base - h;
	}
}

static void pad(struct strip *p, int width)
{
	for (int i = 0; i < PAD; i++) {
		p->top[width + i] = p->top[width - 1];
		p->ground[width + i] = p->ground[width - 1];
	}
}

static struct rgb tone(const struct scene *s, float near)
{
	struct rgb front = s->snow ? rgb_mix(s->land, s->near, 0.18f) : s->near;
	struct rgb far = rgb_mix(s->haze, s->sky[3], 0.30f);

	if (near < 0.6f)
		return rgb_blend(far, s->land, near / 0.6f);
	return rgb_blend(s->land, front, (near - 0.6f) / 0.4f);
}

static void choose_inks(struct strip *p, const struct scene *s)
{
	float near = p->ridge->near;
	struct rgb mist = rgb_mix(s->haze, s->sky[3], 0.55f);

	p->crest = tone(s, near);
	if (p->ridge->relief == RELIEF_TREES)
		p->crest = rgb_mix(p->crest, s->near, s->snow ? 0.55f * near : 0.35f * near);
	if (p->ridge->relief == RELIEF_TOWERS)
		p->crest = rgb_blend(s->haze, s->near, 0.25f + 0.8f * near);
	p->foot = rgb_mix(p->crest, mist,
			  s->mood == MOOD_MIST ? 0.95f - 0.4f * near : 0.72f - 0.45f * near);
	p->lit = rgb_mix(p->crest, s->light, s->place == PLACE_DESERT ? 0.42f : 0.25f);
}

/* Slanting faces of rock, and snow where it is high. */
static struct rgb rock(const struct strip *p, const struct scene *s, struct rgb ink, int x, int y)
{
	float f = 8 / s->unit, u = (float)x * f, v = ((float)y - p->base) * f;
	float face =
		noise_plane_fbm(p->seed + 60, u * 1.5f + v * 0.9f, v * 0.8f - u * 0.3f, 3) - 0.5f;
	float high = (p->base - (float)y) / (p->ridge->height * s->unit);
	float fine = noise_plane(p->seed + 61, u * 9, v * 7) - 0.5f;
	float line = (s->snow ? 0.15f : 0.50f) + 0.5f * face + 0.16f * fine;
	float snow = ramp(line, line + 0.12f, high) * (1 - 0.5f * p->ridge->near);
	float lit;
	int ahead = x + 6, behind = x > 6 ? x - 6 : 0;

	lit = clamp01(0.5f + face * 2.4f +
		      sunward(s, x) * (p->ground[behind] - p->ground[ahead]) * 0.03f);
	ink = rgb_mix(rgb_scale(ink, 0.93f), p->lit, 0.75f * lit);
	if (s->place == PLACE_DESERT || snow <= 0)
		return ink;
	return rgb_mix(ink,
		       rgb_mix(rgb_mix(s->sky[2], ink, 0.35f), rgb_mix(s->light, s->sky[3], 0.25f),
			       lit),
		       snow * 0.8f);
}

/* The side of a dune that looks to the sun is bright, with a soft line of wind on it. */
static struct rgb sand(const struct strip *p, const struct scene *s, struct rgb ink, int x, int y)
{
	float depth = ((float)y - p->top[x]) / s->unit;
	int behind = x > 5 ? x - 5 : 0;
	float slope = (p->top[behind] - p->top[x + 5]) * sunward(s, x);
	float lit = ramp(-1.5f, 2.5f, slope) * (1 - ramp(0, 0.26f, depth));
	float wind = noise_plane((uint32_t)p->seed + 3, (float)x / s->unit * 9,
				 depth * 60 + (float)x / s->unit * 14);

	return rgb_mix(rgb_scale(ink, 0.9f + 0.06f * wind), p->lit, lit);
}

static struct rgb facade(const struct strip *p, const struct scene *s, struct rgb ink, int x, int y)
{
	float width = s->unit / p->ridge->pace, wide = fmaxf(width / 7, 2.2f), high = wide * 1.25f;
	float fx = (float)x / wide, fy = ((float)y - p->base + 4 * s->unit) / high;
	int cell = (int)fx, floor = (int)fy;
	float lit = noise_cell(p->seed + 8, cell, floor),
	      block = noise_cell(p->seed + 11, cell / 7, floor / 5);
	float glow = scene_is_dark(s) || s->mood == MOOD_DUSK ? 0.92f : 0.3f;

	if (fx - (float)cell > 0.62f || fy - (float)floor > 0.6f || lit < 0.45f + 0.4f * block)
		return ink;
	if ((float)y - p->top[x] < high)
		return ink;
	return rgb_mix(ink, rgb_mix(rgb_hex(0xffcf87), rgb_hex(0xfff0d0), lit),
		       glow * (0.35f + 0.65f * block));
}

/* How deep in the mist: 0 at the crest, 1 at the foot. */
static float mist_at(const struct strip *p, const struct scene *s, int x, int y)
{
	float fade = p->ridge->relief == RELIEF_TOWERS ? 0.5f : 0.11f + 0.16f * p->ridge->near;
	float high = (p->base - (float)y) / (p->ridge->height * s->unit);

	if (p->ridge->relief == RELIEF_PEAKS)
		return 1 - ramp(-0.35f, 0.75f, high);
	return ramp(-0.05f, fade, ((float)y - p->ground[x]) / s->unit);
}

static struct rgb ink_at(const struct strip *p, const struct scene *s, int x, int y)
{
	float depth = ((float)y - p->top[x]) / s->unit, dx = ((float)x - s->sun.x) / s->unit;
	float mist = mist_at(p, s, x, y), rim;
	struct rgb ink = rgb_mix(p->crest, p->foot, mist);

	if (p->ridge->relief == RELIEF_PEAKS)
		ink = rgb_mix(rock(p, s, ink, x, y), ink, mist * mist);
	else if (p->ridge->relief == RELIEF_DUNES)
		ink = sand(p, s, ink, x, y);
	else if (p->ridge->relief == RELIEF_TOWERS)
		ink = facade(p, s, ink, x, y);
	if (p->ridge->relief == RELIEF_TREES)
		depth = fmaxf(0, ((float)y - p->ground[x]) / s->unit) + 0.02f;
	rim = (0.30f / (1 + depth * 90) + 0.12f) / (1 + dx * dx * 22) *
	      (1 - 0.75f * p->ridge->near);
	return rgb_screen(ink, s->light, s->mood == MOOD_STORM ? rim * 0.3f : rim);
}

static void fill(struct canvas *c, const struct strip *p, const struct scene *s)
{
	float first = (float)c->height;
	int last = c->height;

	for (int x = 0; x < c->width; x++)
		first = fminf(first, p->top[x]);
	if (s->water)
		last = (int)s->horizon + 1;
	each_pixel (c, (int)first, last, px, x, y) {
		/* The line may fall steeply inside one column. */
		float steep = fabsf(p->top[x + 1] - p->top[x]);
		float cover = (float)y + 1 - fminf(p->top[x], p->top[x + 1]);

		if (cover > 0)
			*px = rgb_mix(*px, ink_at(p, s, x, y), clamp01(cover / (1 + steep)));
	}
}

int land_paint(struct canvas *c, struct scene *s)
{
	size_t columns = (size_t)c->width + PAD;
	float *top = calloc(2 * columns, sizeof(*top));

	if (!top)
		return -ENOMEM;
	for (const struct ridge *ridge = places[s->place]; ridge->relief != RELIEF_END; ridge++) {
		struct strip p = { .ridge = ridge, .top = top, .ground = top + columns };

		p.seed = s->seed + 131 * (uint32_t)(ridge - places[s->place] + 1);
		p.base = s->horizon + ridge->base * ((float)c->height - s->horizon);
		survey(c, &p, s);
		pad(&p, c->width);
		choose_inks(&p, s);
		fill(c, &p, s);
	}
	free(top);
	if (s->water)
		water_paint(c, s);
	return 0;
}
