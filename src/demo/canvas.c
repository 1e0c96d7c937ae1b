/*
 * canvas: a picture in the making, as floats, so that a dozen layers of light leave no bands.
 *
 * Happy path: canvas_init, layers of fills, discs, lines and glows from the back to the front, then
 * the PNG writer reads the rows. What lies outside the canvas is cut off. Polygons are filled by
 * rows, four to a pixel, with exact cover to the left and right. The one failure is memory, in
 * canvas_init.
 */
#include "canvas.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SUBROWS 4
#define CROSSINGS 64

int canvas_init(struct canvas *c, int width, int height)
{
	c->width = width;
	c->height = height;
	c->px = calloc((size_t)width * (size_t)height, sizeof(*c->px));
	c->row = calloc((size_t)width + 2, sizeof(*c->row));
	if (c->px && c->row)
		return 0;
	canvas_release(c);
	return -ENOMEM;
}

void canvas_release(struct canvas *c)
{
	free(c->px);
	free(c->row);
	c->px = NULL;
	c->row = NULL;
}

static int clamp_int(float v, int low, int high)
{
	return v < (float)low ? low : v > (float)high ? high : (int)v;
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static size_t crossings(const struct point *p, size_t n, float y, float *xs)
{
	size_t found = 0;

	for (size_t i = 0, j = n - 1; i < n && found < CROSSINGS; j = i++) {
		if ((p[i].y <= y) == (p[j].y <= y))
			continue;
		xs[found++] = p[j].x + (y - p[j].y) * (p[i].x - p[j].x) / (p[i].y - p[j].y);
	}
	qsort(xs, found, sizeof(*xs), by_size);
	return found;
}

/* Adds how much of each pixel of the row lies between two abscissas. */
static void cover_span(struct canvas *c, float from, float to)
{
	int first, last;

	if (from < 0)
		from = 0;
	if (to > (float)c->width)
		to = (float)c->width;
	if (to <= from)
		return;
	first = (int)from;
	last = (int)to;
	if (first == last) {
		c->row[first] += (to - from) / SUBROWS;
		return;
	}
	c->row[first] += ((float)first + 1 - from) / SUBROWS;
	for (int x = first + 1; x < last; x++)
		c->row[x] += 1.0f / SUBROWS;
	c->row[last] += (to - (float)last) / SUBROWS;
}

static void cover_row(struct canvas *c, const struct point *p, size_t n, int y)
{
	float xs[CROSSINGS];

	for (int sub = 0; sub < SUBROWS; sub++) {
		size_t found = crossings(p, n, (float)y + ((float)sub + 0.5f) / SUBROWS, xs);

		for (size_t i = 0; i + 1 < found; i += 2)
			cover_span(c, xs[i], xs[i + 1]);
	}
}

static void ink_row(struct canvas *c, int y, int first, int last, struct rgb ink, float alpha)
{
	struct rgb *px = canvas_row(c, y);

	for (int x = first; x <= last; x++) {
		if (c->row[x] > 0)
			px[x] = rgb_mix(px[x], ink, clamp01(c->row[x]) * alpha);
		c->row[x] = 0;
	}
	c->row[last + 1] = 0;
}

void canvas_fill(struct canvas *c, const struct point *p, size_t n, struct rgb top,
		 struct rgb bottom, float alpha)
{
	struct point low = p[0], high = p[0];
	int first, last;

	for (size_t i = 1; i < n; i++) {
		low = (struct point){ fminf(low.x, p[i].x), fminf(low.y, p[i].y) };
		high = (struct point){ fmaxf(high.x, p[i].x), fmaxf(high.y, p[i].y) };
	}
	if (high.x < 0 || low.x >= (float)c->width || high.y < 0 || low.y >= (float)c->height)
		return;
	first = clamp_int(low.x - 1, 0, c->width - 1);
	last = clamp_int(high.x + 1, 0, c->width - 1);
	for (int y = clamp_int(low.y, 0, c->height - 1); y <= clamp_int(high.y, 0, c->height - 1);
	     y++) {
		float t = clamp01(((float)y - low.y) / fmaxf(high.y - low.y, 1));

		cover_row(c, p, n, y);
		ink_row(c, y, first, last, rgb_mix(top, bottom, t), alpha);
	}
}

static struct box box_around(const struct canvas *c, struct point a, struct point b, float margin)
{
	return (struct box){ .left = clamp_int(fminf(a.x, b.x) - margin, 0, c->width),
			     .right = clamp_int(fmaxf(a.x, b.x) + margin + 1, 0, c->width),
			     .top = clamp_int(fminf(a.y, b.y) - margin, 0, c->height),
			     .bottom = clamp_int(fmaxf(a.y, b.y) + margin + 1, 0, c->height) };
}

void canvas_disc(struct canvas *c, struct point at, float radius, float soft, struct rgb ink,
		 float alpha)
{
	struct box box = box_around(c, at, at, radius + soft);

	each_in_box (c, box, px, x, y) {
		float dx = (float)x + 0.5f - at.x, dy = (float)y + 0.5f - at.y;
		float d = sqrtf(dx * dx + dy * dy);

		if (d < radius + soft)
			*px = rgb_mix(*px, ink,
				      alpha * (1 - ramp(radius - soft, radius + soft, d)));
	}
}

static float line_distance(struct point p, struct point a, struct point b)
{
	float vx = b.x - a.x, vy = b.y - a.y, wx = p.x - a.x, wy = p.y - a.y;
	float length = vx * vx + vy * vy;
	float t = length > 0 ? clamp01((wx * vx + wy * vy) / length) : 0;

	return hypotf(wx - t * vx, wy - t * vy);
}

void canvas_line(struct canvas *c, struct point a, struct point b, float width, struct rgb ink,
		 float alpha)
{
	struct box box = box_around(c, a, b, width / 2 + 1);

	each_in_box (c, box, px, x, y) {
		struct point at = { (float)x + 0.5f, (float)y + 0.5f };
		float cover = clamp01(width / 2 + 0.5f - line_distance(at, a, b));

		if (cover > 0)
			*px = rgb_mix(*px, ink, alpha * cover);
	}
}

void canvas_glow(struct canvas *c, struct point at, float radius, struct rgb light, float strength)
{
	struct box box = box_around(c, at, at, radius);

	each_in_box (c, box, px, x, y) {
		float dx = ((float)x - at.x) / radius, dy = ((float)y - at.y) / radius;
		float t = 1 - (dx * dx + dy * dy);

		if (t > 0)
			*px = rgb_screen(*px, light, strength * t * t * t);
	}
}

static struct point between(struct point a, struct point b)
{
	return (struct point){ (a.x + b.x) / 2, (a.y + b.y) / 2 };
}

size_t spline_flatten(const struct point *in, size_t n, int steps, struct point *out)
{
	struct point from = in[0];
	size_t count = 0;

	out[count++] = from;
	for (size_t i = 1; i + 1 < n; i++) {
		struct point to = i + 2 < n ? between(in[i], in[i + 1]) : in[n - 1];

		for (int s = 1; s <= steps && count < SPLINE_POINTS; s++) {
			float t = (float)s / (float)steps, u = 1 - t;

			out[count++] = (struct point){
				u * u * from.x + 2 * u * t * in[i].x + t * t * to.x,
				u * u * from.y + 2 * u * t * in[i].y + t * t * to.y,
			};
		}
		from = to;
	}
	if (n == 2 && count < SPLINE_POINTS)
		out[count++] = in[1];
	return count;
}
