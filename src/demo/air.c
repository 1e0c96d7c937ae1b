/*
 * air: what is between the picture and the viewer: snow or rain as it falls, and the corners of a
 * lens, a little darker.
 */
#include <math.h>

#include "layers.h"

static void paint_snowfall(struct canvas *c, struct scene *s)
{
	int count = (int)fminf((float)c->width * (float)c->height / 1600, 900);

	for (int i = 0; i < count; i++) {
		float roll = scene_roll(s), near = roll * roll * roll;
		struct point at = { scene_roll(s) * (float)c->width,
				    scene_roll(s) * (float)c->height };
		float size = s->unit * (0.0008f + 0.0062f * near);

		canvas_disc(c, at, size, size * (0.5f + 0.5f * near),
			    (struct rgb){ 0.97f, 0.98f, 1 }, 0.65f - 0.42f * near);
	}
}

static void paint_rain(struct canvas *c, struct scene *s)
{
	for (int i = 0; i < 420; i++) {
		struct point at = { scene_roll(s) * (float)c->width * 1.1f,
				    scene_roll(s) * (float)c->height };
		float length = s->unit * scene_between(s, 0.03f, 0.09f);
		struct point to = { at.x - length * 0.18f, at.y + length };

		canvas_line(c, at, to, s->unit / 760, rgb_mix(s->sky[3], s->light, 0.5f),
			    scene_between(s, 0.08f, 0.26f));
	}
}

static void darken_corners(struct canvas *c)
{
	float mx = (float)c->width / 2, my = (float)c->height / 2;

	each_pixel (c, 0, c->height, px, x, y) {
		float dx = ((float)x - mx) / mx, dy = ((float)y - my) / my, q = dx * dx + dy * dy;

		*px = rgb_scale(*px, 1 - 0.07f * q * q * 0.6f);
	}
}

void air_paint(struct canvas *c, struct scene *s)
{
	if (s->snow)
		paint_snowfall(c, s);
	if (s->rain)
		paint_rain(c, s);
	darken_corners(c);
}
