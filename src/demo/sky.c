/*
 * sky: everything above the horizon: a gradient of four colours, the light around the sun or moon,
 * stars and the milky way, curtains of northern light, and clouds that grow flatter towards the
 * horizon.
 *
 * Happy path: sky_paint writes every pixel of the canvas once, then adds.
 */
#include <math.h>

#include "layers.h"
#include "noise.h"

/* t: 0 at the zenith, 1 at the horizon. */
static struct rgb sky_tone(const struct scene *s, float t)
{
	static const float stops[4] = { 0, 0.42f, 0.76f, 1 };

	for (int i = 1; i < 3; i++) {
		if (t < stops[i])
			return rgb_blend(s->sky[i - 1], s->sky[i],
					 (t - stops[i - 1]) / (stops[i] - stops[i - 1]));
	}
	return rgb_blend(s->sky[2], s->sky[3], clamp01((t - stops[2]) / (stops[3] - stops[2])));
}

static void paint_gradient(struct canvas *c, const struct scene *s)
{
	float power = scene_is_dark(s) ? 0.45f : s->mood == MOOD_STORM ? 0.5f : 1;

	for (int y = 0; y < c->height; y++) {
		struct rgb *px = canvas_row(c, y), tone = sky_tone(s, (float)y / s->horizon);
		float dy = ((float)y - s->sun.y) / s->unit * 1.35f;

		for (int x = 0; x < c->width; x++) {
			float dx = ((float)x - s->sun.x) / s->unit, q = dx * dx + dy * dy;
			float glow = 0.34f / (1 + q * 90) + 0.26f / (1 + q * 7);

			px[x] = rgb_screen(tone, s->light, glow * power);
		}
	}
}

static void paint_star(struct canvas *c, struct scene *s)
{
	float x = scene_roll(s) * (float)c->width, high = scene_roll(s), roll = scene_roll(s);
	float size = s->unit / 768 * (0.45f + 1.1f * roll * roll * roll * roll);
	float alpha = (0.25f + 0.75f * scene_roll(s) * roll) * (1 - high * high);
	struct point at = { x, high * s->horizon };
	struct rgb ink = rgb_mix(rgb_hex(0xffe9d0), rgb_hex(0xcfe0ff), scene_roll(s));

	canvas_disc(c, at, size, 0.6f, ink, alpha);
	if (roll > 0.985f)
		canvas_glow(c, at, size * 6, ink, 0.25f);
}

static void paint_stars(struct canvas *c, struct scene *s)
{
	float count = (float)c->width * s->horizon / (scene_is_dark(s) ? 700 : 3500);

	count = fminf(count, 4000);
	for (int i = 0; i < (int)count; i++)
		paint_star(c, s);
}

static void paint_milky_way(struct canvas *c, struct scene *s)
{
	float lean = scene_between(s, 0.35f, 0.9f) * (s->sun.x > (float)c->width / 2 ? 1 : -1);
	float middle = (float)c->width - s->sun.x, width = s->unit * 0.2f;

	for (int y = 0; y < (int)s->horizon; y++) {
		struct rgb *px = canvas_row(c, y);
		float fade = 1 - ramp(0.5f, 1, (float)y / s->horizon);

		for (int x = 0; x < c->width; x++) {
			float d = ((float)x - middle - ((float)y - s->horizon / 2) * lean) / width,
			      n;

			if (d < -1.5f || d > 1.5f)
				continue;
			n = noise_plane_fbm(s->seed + 77, (float)x / s->unit * 7,
					    (float)y / s->unit * 7, 4);
			n = (0.25f + 0.75f * ramp(0.25f, 0.95f, n)) * (1 - ramp(0, 1.5f, fabsf(d)));
			px[x] = rgb_screen(px[x], rgb_hex(0xaab4e8), 0.24f * n * fade);
		}
	}
}

static void paint_moon(struct canvas *c, const struct scene *s)
{
	float r = s->sun_radius * 0.9f;

	canvas_glow(c, s->sun, r * 5, s->light, 0.32f);
	for (int y = (int)(s->sun.y - r - 1); y <= (int)(s->sun.y + r + 1); y++) {
		for (int x = (int)(s->sun.x - r - 1); x <= (int)(s->sun.x + r + 1); x++) {
			float dx = (float)x + 0.5f - s->sun.x, dy = (float)y + 0.5f - s->sun.y;
			float cover = clamp01(r + 0.5f - hypotf(dx, dy)), stain;

			if (cover <= 0 || x < 0 || y < 0 || x >= c->width || y >= c->height)
				continue;
			stain = noise_plane_fbm(s->seed + 5, dx / r * 1.6f + 9, dy / r * 1.6f + 9,
						3);
			stain = 1 - 0.16f * ramp(0.36f, 0.72f, stain);
			canvas_row(c, y)[x] =
				rgb_mix(canvas_row(c, y)[x], rgb_scale(s->light, stain), cover);
		}
	}
}

static void paint_sun(struct canvas *c, const struct scene *s)
{
	struct rgb disc = rgb_scale(rgb_mix(s->light, (struct rgb){ 1, 1, 1 }, 0.5f), 1.5f);

	if (s->mood == MOOD_STORM)
		return;
	canvas_glow(c, s->sun, s->sun_radius * 4, s->light, 0.4f);
	canvas_disc(c, s->sun, s->sun_radius, s->mood == MOOD_MIST ? 5 : 1.2f, disc,
		    s->mood == MOOD_MIST ? 0.8f : 1);
}

static void paint_curtain_column(struct canvas *c, int x, float foot, float reach, float power)
{
	static const uint32_t low = 0x63f5b0, high = 0x8f6bff;

	for (int y = (int)fmaxf(foot - reach, 0); y < (int)foot && y < c->height; y++) {
		float t = (foot - (float)y) / reach;
		float glow = ramp(0, 0.09f, t) * (1 - t) * (1 - t) * power;
		struct rgb *px = canvas_row(c, y) + x;

		*px = rgb_screen(*px, rgb_mix(rgb_hex(low), rgb_hex(high), ramp(0.1f, 0.8f, t)),
				 glow);
	}
}

static void paint_aurora(struct canvas *c, const struct scene *s)
{
	for (int k = 0; k < 3; k++) {
		uint32_t seed = s->seed + 900 + (uint32_t)k * 31;

		for (int x = 0; x < c->width; x++) {
			float u = (float)x / s->unit;
			float foot = 0.30f + 0.17f * (float)k +
				     0.42f * (noise_line_fbm(seed, u * 1.1f, 2) - 0.5f);
			float rays =
				0.35f + 0.65f * noise_line_fbm(seed + 9, u * 22 + foot * 12, 3);
			float swell = ramp(0.25f, 0.7f, noise_line(seed + 3, u * 1.7f));
			float reach = s->horizon * (0.28f + 0.3f * noise_line(seed + 5, u * 9));

			paint_curtain_column(c, x, foot * s->horizon * 1.25f, reach,
					     rays * swell * 0.85f);
		}
	}
}

struct cloud_ink {
	struct rgb shade, lit;
	float from; /* the noise at which a cloud begins */
};

static struct rgb cloud_over(const struct scene *s, const struct cloud_ink *ink, struct rgb under,
			     float x, float y)
{
	float high = (s->horizon - y) / s->horizon, flat = 1 / (high + 0.22f);
	float u = (x - s->sun.x) / s->unit, cx = u * 1.1f * (0.55f + 0.45f * flat) + 40,
	      cy = flat * 3.1f;
	float n = noise_plane_fbm(s->seed + 400, cx, cy, 5);
	float alpha = ramp(ink->from, ink->from + 0.26f, n) * (1 - 0.35f * high), side, lit;

	if (alpha <= 0.004f)
		return under;
	side = fmaxf(-0.1f, fminf(0.1f, -u * 0.3f));
	lit = n - noise_plane_fbm(s->seed + 400, cx + side, cy + 0.22f, 3);
	lit = clamp01(0.42f + lit * 3.2f) * (0.55f + 0.45f / (1 + u * u * 3));
	return rgb_mix(under, rgb_mix(ink->shade, ink->lit, lit), alpha * 0.86f);
}

static void paint_clouds(struct canvas *c, const struct scene *s)
{
	struct cloud_ink ink = { .from = 0.74f - 0.34f * s->clouds };

	ink.shade = rgb_mix(s->sky[1], s->sky[2], 0.55f);
	ink.lit = rgb_mix(s->sky[3], s->light, scene_is_dark(s) ? 0.15f : 0.75f);
	if (s->mood == MOOD_STORM)
		ink.shade = rgb_scale(s->sky[1], 0.85f);
	each_pixel (c, 0, (int)s->horizon, px, x, y)
		*px = cloud_over(s, &ink, *px, (float)x, (float)y);
}

void sky_paint(struct canvas *c, struct scene *s)
{
	paint_gradient(c, s);
	if (s->mood == MOOD_NIGHT)
		paint_milky_way(c, s);
	if (s->stars)
		paint_stars(c, s);
	if (s->mood == MOOD_AURORA)
		paint_aurora(c, s);
	if (s->moon)
		paint_moon(c, s);
	else
		paint_sun(c, s);
	if (s->mood != MOOD_MIST)
		paint_clouds(c, s);
}
