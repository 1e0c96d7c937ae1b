/*
 * water: what is above the horizon, mirrored below it. Each row looks up a row above, moved by
 * waves that grow towards the viewer; the nearer, the more of the water's own colour shows, and
 * under the sun or the moon lies a path of glitter.
 *
 * Happy path: water_paint reads the rows above the horizon and writes those below.
 */
#include <math.h>

#include "layers.h"
#include "noise.h"

static struct rgb mirror(const struct canvas *c, const struct scene *s, int x, int y, float swell,
			 float wave)
{
	float down = (float)y - s->horizon;
	float from = s->horizon - 1 - down * 0.92f - swell * (wave - 0.5f) * 2.2f;
	float aside = (float)x + swell * (wave - 0.5f);
	int row = from < 0 ? 0 : from > s->horizon - 1 ? (int)s->horizon - 1 : (int)from;
	int column = aside < 0 ? 0 : aside > (float)c->width - 1 ? c->width - 1 : (int)aside;

	return canvas_row(c, row)[column];
}

/* Short bright strokes in a band that widens from the horizon down. */
static float glitter(const struct scene *s, int x, float down, float wave)
{
	float width = s->sun_radius * (0.9f + 5 * down), d = fabsf((float)x - s->sun.x) / width;

	if (d > 2)
		return 0;
	return ramp(0.50f + 0.16f * d, 0.72f + 0.16f * d, wave) * (1 - ramp(0.5f, 2, d));
}

void water_paint(struct canvas *c, struct scene *s)
{
	struct rgb own =
		rgb_mix(rgb_mix(s->sky[0], s->land, s->snow ? 0.1f : 0.35f), s->near, 0.35f);
	float spark = s->mood == MOOD_STORM || s->mood == MOOD_MIST ? 0.2f
		      : s->mood == MOOD_NOON                        ? 0.5f
								    : 0.85f;
	float calm = s->place == PLACE_SEA ? 1 : 0.6f;

	for (int y = (int)s->horizon; y < c->height; y++) {
		struct rgb *px = canvas_row(c, y);
		float down = ((float)y - s->horizon) / ((float)c->height - s->horizon);
		float zoom = 1 / (0.035f + down), swell = s->unit * (0.008f + 0.052f * down) * calm;

		for (int x = 0; x < c->width; x++) {
			float u = ((float)x - s->sun.x) / s->unit * zoom * 1.5f + 300, v = zoom * 9;
			float wave = noise_plane_fbm(s->seed + 700, u, v, 3);
			struct rgb ink = mirror(c, s, x, y, swell, wave);

			ink = rgb_mix(ink, own, 0.16f + 0.42f * down + 0.12f * (wave - 0.5f));
			px[x] = rgb_screen(ink, s->light,
					   spark * (1 - 0.6f * down) * glitter(s, x, down, wave));
		}
	}
	for (int x = 0; x < c->width; x++) {
		struct rgb *px = canvas_row(c, (int)s->horizon) + x;

		*px = rgb_mix(*px, rgb_mix(s->haze, s->sky[3], 0.6f), 0.35f);
	}
}
