/*
 * front: the ground under the viewer's feet, dark against the light behind it. A mound carries what
 * the prompt names, in front of the sun, where a silhouette reads best; firs frame the other side;
 * grass, flowers and birds make it a place where somebody could be.
 *
 * Happy path: front_paint computes the line of the ground, fills below it, and plants things on it.
 * Failure: -ENOMEM for the line.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "layers.h"
#include "noise.h"

#define FIR_TIERS 22

struct front {
	float *line; /* where the ground begins, pixels from the top, a column each */
	float mound; /* the column of its top */
	struct rgb ink, deep;
};

static bool floats(enum subject subject)
{
	return subject == SUBJECT_BOAT || subject == SUBJECT_BALLOON;
}

static float ground_at(const struct front *f, const struct canvas *c, float x)
{
	return f->line[x < 0 ? 0 : x >= (float)c->width ? c->width - 1 : (int)x];
}

static void survey(struct front *f, const struct canvas *c, const struct scene *s)
{
	bool stands = s->subject != SUBJECT_NONE && !floats(s->subject);
	float high = s->unit * (stands ? 0.115f : 0.05f), wide = (stands ? 0.62f : 0.8f) * s->unit;
	float level = (float)c->height - s->unit * (stands ? 0.085f : 0.045f);

	for (int x = 0; x < c->width; x++) {
		float d = ((float)x - f->mound) / wide, u = (float)x / s->unit;
		float swell = noise_line_fbm(s->seed + 1200, u * 1.6f, 2) * 0.045f +
			      0.006f * noise_line(s->seed + 1201, u * 14);

		f->line[x] = level - high / (1 + d * d * 3) - swell * s->unit;
	}
}

static void fill(struct canvas *c, const struct front *f, const struct scene *s)
{
	each_pixel (c, (int)((float)c->height * 0.6f), c->height, px, x, y) {
		float cover = (float)y + 1 - f->line[x], depth = ((float)y - f->line[x]) / s->unit;
		float dx = ((float)x - s->sun.x) / s->unit, rough;
		struct rgb ink;

		if (cover <= 0)
			continue;
		rough = noise_plane_fbm(s->seed + 1210, (float)x / s->unit * 16, depth * 60, 2);
		ink = rgb_mix(f->ink, f->deep, ramp(0, 0.16f, depth));
		ink = rgb_scale(ink, 0.94f + 0.12f * rough);
		ink = rgb_screen(ink, s->light,
				 (s->snow ? 0.30f : 0.16f) / (1 + depth * 120) / (1 + dx * dx * 9));
		*px = rgb_mix(*px, ink, clamp01(cover));
	}
}

static void plant_fir(struct canvas *c, struct scene *s, struct point foot, float tall,
		      struct rgb ink)
{
	struct point p[4 * FIR_TIERS + 6];
	float wide = tall * scene_between(s, 0.17f, 0.23f);
	size_t n = 0, last;

	p[n++] = (struct point){ foot.x, foot.y - tall };
	for (int i = 1; i <= FIR_TIERS; i++) {
		float t = (float)i / FIR_TIERS,
		      out = wide * powf(t, 0.85f) * scene_between(s, 0.72f, 1.12f);
		float y = foot.y - tall * (1 - t * 0.94f);

		p[n++] = (struct point){ foot.x + out, y + tall * 0.022f };
		p[n++] = (struct point){ foot.x + out * 0.46f, y - tall * 0.004f };
	}
	p[n++] = (struct point){ foot.x + tall * 0.014f, foot.y - tall * 0.05f };
	p[n++] = (struct point){ foot.x + tall * 0.012f, foot.y + 4 };
	last = n;
	p[n++] = (struct point){ foot.x - tall * 0.012f, foot.y + 4 };
	for (size_t i = last - 1; i-- > 1;) {
		float dx = foot.x - p[i].x;

		p[n++] = (struct point){ foot.x + dx * scene_between(s, 0.9f, 1.1f), p[i].y };
	}
	canvas_fill(c, p, n, rgb_mix(ink, s->haze, 0.06f), ink, 1);
}

/* A few firs at the edge that the sun leaves free. */
static void plant_frame(struct canvas *c, struct scene *s, const struct front *f)
{
	bool right = s->sun.x < (float)c->width / 2;
	struct rgb ink = rgb_mix(s->near, f->deep, s->snow ? 0.1f : 0.3f);
	int count = 3 + (int)(scene_roll(s) * 4);

	if (s->place == PLACE_DESERT || s->place == PLACE_CITY || s->place == PLACE_SEA ||
	    s->flowers)
		return;
	for (int i = 0; i < count; i++) {
		float in = (float)i * scene_between(s, 0.045f, 0.085f) - 0.02f;
		float x = right ? (float)c->width - in * s->unit : in * s->unit;
		float tall = s->unit * scene_between(s, 0.26f, 0.50f) * (1 - 0.09f * (float)i);

		plant_fir(c, s, (struct point){ x, ground_at(f, c, x) + 3 }, tall, ink);
	}
}

static void plant_grass(struct canvas *c, struct scene *s, const struct front *f)
{
	int count = s->snow ? c->width / 22 : c->width / 2;

	for (int i = 0; i < count; i++) {
		float x = scene_roll(s) * (float)c->width,
		      long_ = s->unit * scene_between(s, 0.008f, 0.028f);
		struct point foot = { x, ground_at(f, c, x) + 2 };
		struct point tip = { x + long_ * scene_between(s, -0.45f, 0.45f), foot.y - long_ };

		canvas_line(c, foot, tip, s->unit / 640,
			    rgb_mix(f->ink, s->near, s->snow ? 0.7f : 0.4f), 0.85f);
	}
}

static void plant_flowers(struct canvas *c, struct scene *s, const struct front *f)
{
	static const uint32_t inks[] = { 0xd8433b, 0xf0b43c, 0xe9e4f2, 0xc46ad0, 0xe8708c };
	uint32_t any = inks[(int)(scene_roll(s) * 4.99f)],
		 lead = s->flower_ink ? s->flower_ink : any;

	for (int i = 0; i < 900; i++) {
		float down = scene_roll(s), x = scene_roll(s) * (float)c->width;
		float y = ground_at(f, c, x) + down * ((float)c->height - ground_at(f, c, x));
		float size = s->unit * (0.0016f + 0.0052f * down) * scene_between(s, 0.7f, 1.3f);
		struct rgb ink =
			rgb_hex(scene_roll(s) < 0.7f ? lead : inks[(int)(scene_roll(s) * 4.99f)]);

		ink = rgb_mix(rgb_mix(ink, s->sky[2], 0.25f), s->near,
			      rgb_light(s->sky[2]) < 0.25f ? 0.5f : 0.12f);
		canvas_disc(c, (struct point){ x, y - s->unit * 0.008f }, size, size * 0.4f, ink,
			    0.92f);
	}
}

static void paint_bird(struct canvas *c, struct scene *s, struct point at, float span,
		       struct rgb ink)
{
	float lift = scene_between(s, 0.15f, 0.5f), lean = scene_between(s, -0.15f, 0.15f);
	struct point wings[] = {
		{ at.x - span, at.y - span * (lift - lean) * 0.4f },
		{ at.x - span * 0.45f, at.y - span * (lift - lean) },
		{ at.x, at.y },
		{ at.x, at.y },
		{ at.x + span * 0.45f, at.y - span * (lift + lean) },
		{ at.x + span, at.y - span * (lift + lean) * 0.4f },
	};
	struct point line[SPLINE_POINTS];
	size_t n = spline_flatten(wings, 6, 5, line);

	for (size_t i = 1; i < n; i++) {
		float middle = 1 - fabsf((float)i / (float)n * 2 - 1);

		canvas_line(c, line[i - 1], line[i], span * (0.05f + 0.13f * middle), ink, 0.9f);
	}
}

static void paint_birds(struct canvas *c, struct scene *s)
{
	int count = (int)(scene_roll(s) * 9) - 1;
	float side = s->sun.x < (float)c->width / 2 ? 1 : -1;
	struct point flock = { s->sun.x + side * s->unit * scene_between(s, 0.18f, 0.42f),
			       s->horizon * scene_between(s, 0.34f, 0.58f) };
	struct rgb ink = rgb_mix(s->near, s->sky[1], 0.25f);

	if (scene_is_dark(s) || s->rain)
		return;
	for (int i = 0; i < count; i++) {
		struct point at = { flock.x + s->unit * scene_between(s, -0.16f, 0.16f),
				    flock.y + s->unit * scene_between(s, -0.07f, 0.07f) };

		paint_bird(c, s, at, s->unit * scene_between(s, 0.006f, 0.016f), ink);
	}
}

static void paint_subject(struct canvas *c, struct scene *s, const struct front *f)
{
	struct point feet = { f->mound, ground_at(f, c, f->mound) + s->unit * 0.006f };

	if (s->subject == SUBJECT_BOAT)
		feet = (struct point){ s->sun.x + s->unit * 0.10f,
				       s->horizon + 0.16f * ((float)c->height - s->horizon) };
	else if (s->subject == SUBJECT_BALLOON)
		feet = (struct point){ (float)c->width - s->sun.x, s->horizon * 0.78f };
	subject_paint(c, s, feet, s->unit * 0.3f);
}

int front_paint(struct canvas *c, struct scene *s)
{
	struct front f = { .line = calloc((size_t)c->width, sizeof(*f.line)) };
	float off = scene_between(s, -0.07f, 0.07f);
	bool bare = s->water && (s->subject == SUBJECT_NONE || floats(s->subject));

	if (!f.line)
		return -ENOMEM;
	f.mound = s->subject == SUBJECT_NONE ? (float)c->width - s->sun.x
					     : s->sun.x + off * s->unit;
	f.ink = s->snow ? rgb_mix(s->land, s->haze, 0.12f) : rgb_mix(s->near, s->land, 0.26f);
	f.deep = s->snow ? rgb_mix(s->land, s->near, 0.42f) : rgb_scale(s->near, 0.72f);
	if (s->place == PLACE_DESERT)
		f.ink = rgb_mix(s->near, s->land, 0.5f);
	survey(&f, c, s);
	paint_birds(c, s);
	if (!bare) {
		if (s->subject == SUBJECT_TREE || s->subject == SUBJECT_CABIN ||
		    s->subject == SUBJECT_LIGHTHOUSE)
			paint_subject(c, s, &f);
		fill(c, &f, s);
		plant_frame(c, s, &f);
		if (s->place != PLACE_DESERT && s->place != PLACE_CITY)
			plant_grass(c, s, &f);
		if (s->flowers)
			plant_flowers(c, s, &f);
	}
	if (s->subject != SUBJECT_TREE && s->subject != SUBJECT_CABIN &&
	    s->subject != SUBJECT_LIGHTHOUSE)
		paint_subject(c, s, &f);
	free(f.line);
	return 0;
}
