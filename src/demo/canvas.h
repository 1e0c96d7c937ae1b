/* canvas: pixels as floats, and what is put on them. Colours are sRGB values of 0 to 1, light may
 * pass 1. */
#ifndef PIMAGEFS_DEMO_CANVAS_H
#define PIMAGEFS_DEMO_CANVAS_H

#include <stddef.h>
#include <stdint.h>

struct rgb {
	float r, g, b;
};

struct point {
	float x, y;
};

struct canvas {
	int width, height;
	struct rgb *px; /* row after row */
	float *row;     /* scratch: one number a column */
};

/* 0 or -ENOMEM. */
int canvas_init(struct canvas *c, int width, int height);
void canvas_release(struct canvas *c);

/* Fill a closed polygon, its colour running from top to bottom over its height; edges are smooth.
 */
void canvas_fill(struct canvas *c, const struct point *p, size_t n, struct rgb top,
		 struct rgb bottom, float alpha);
/* A disc with an edge soft by `soft` pixels. */
void canvas_disc(struct canvas *c, struct point at, float radius, float soft, struct rgb ink,
		 float alpha);
/* A line with round ends. */
void canvas_line(struct canvas *c, struct point a, struct point b, float width, struct rgb ink,
		 float alpha);
/* Light around a point, added; it is gone at the radius. */
void canvas_glow(struct canvas *c, struct point at, float radius, struct rgb light, float strength);

#define SPLINE_POINTS 400
/* Round a row of control points to a line through their midpoints (a doubled point stays a corner).
 * Returns how many points were put out, at most SPLINE_POINTS. */
size_t spline_flatten(const struct point *in, size_t n, int steps, struct point *out);

struct rgb rgb_hex(uint32_t hex);
/* Between two colours as an eye would go (in OKLab). */
struct rgb rgb_blend(struct rgb a, struct rgb b, float t);
/* Draw a colour's hue towards another's, keeping how light it is. */
struct rgb rgb_tint(struct rgb c, struct rgb towards, float strength);
float rgb_light(struct rgb c);

static inline float clamp01(float v)
{
	return v < 0 ? 0 : v > 1 ? 1 : v;
}

static inline float ramp(float from, float to, float v)
{
	float t = clamp01((v - from) / (to - from));

	return t * t * (3 - 2 * t);
}

static inline float lerp(float a, float b, float t)
{
	return a + (b - a) * t;
}

static inline struct rgb rgb_mix(struct rgb a, struct rgb b, float t)
{
	return (struct rgb){ lerp(a.r, b.r, t), lerp(a.g, b.g, t), lerp(a.b, b.b, t) };
}

static inline struct rgb rgb_scale(struct rgb c, float by)
{
	return (struct rgb){ c.r * by, c.g * by, c.b * by };
}

/* Light on light: never past white, never a hard edge. */
static inline struct rgb rgb_screen(struct rgb c, struct rgb light, float by)
{
	return (struct rgb){ c.r + light.r * by * (1 - c.r * 0.75f),
			     c.g + light.g * by * (1 - c.g * 0.75f),
			     c.b + light.b * by * (1 - c.b * 0.75f) };
}

static inline struct rgb *canvas_row(const struct canvas *c, int y)
{
	return c->px + (size_t)y * (size_t)c->width;
}

struct box {
	int left, right, top, bottom;
};

/* Every pixel in it, with its place; the box lies within the canvas. */
#define each_in_box(c, box, px, x, y) \
	for (int y = (box).top; y < (box).bottom; y++) \
		for (int x = (box).left; x < (box).right; x++) \
			for (struct rgb *px = canvas_row(c, y) + x; px; px = NULL)
/* The same of whole rows, from first up to last, as far as there are such. */
#define each_pixel(c, first, last, px, x, y) each_in_box (c, canvas_rows(c, first, last), px, x, y)

static inline struct box canvas_rows(const struct canvas *c, int first, int last)
{
	return (struct box){ 0, c->width, first > 0 ? first : 0,
			     last < c->height ? last : c->height };
}

#endif
