/*
 * colour: mixing and tinting as an eye sees it, in OKLab (Bjoern Ottosson's space, where equal
 * steps look equal). Used for palettes and gradients, not for each pixel: the painter mixes those
 * plainly.
 */
#include <math.h>

#include "canvas.h"

struct lab {
	float l, a, b;
};

static float to_linear(float v)
{
	return v <= 0.04045f ? v / 12.92f : powf((v + 0.055f) / 1.055f, 2.4f);
}

static float to_srgb(float v)
{
	return v <= 0.0031308f ? v * 12.92f : 1.055f * powf(v, 1 / 2.4f) - 0.055f;
}

static struct lab to_lab(struct rgb c)
{
	float r = to_linear(c.r), g = to_linear(c.g), b = to_linear(c.b);
	float l = cbrtf(0.4122214708f * r + 0.5363325363f * g + 0.0514459929f * b);
	float m = cbrtf(0.2119034982f * r + 0.6806995451f * g + 0.1073969566f * b);
	float s = cbrtf(0.0883024619f * r + 0.2817188376f * g + 0.6299787005f * b);

	return (struct lab){ 0.2104542553f * l + 0.7936177850f * m - 0.0040720468f * s,
			     1.9779984951f * l - 2.4285922050f * m + 0.4505937099f * s,
			     0.0259040371f * l + 0.7827717662f * m - 0.8086757660f * s };
}

static struct rgb from_lab(struct lab c)
{
	float l = c.l + 0.3963377774f * c.a + 0.2158037573f * c.b;
	float m = c.l - 0.1055613458f * c.a - 0.0638541728f * c.b;
	float s = c.l - 0.0894841775f * c.a - 1.2914855480f * c.b;

	l = l * l * l;
	m = m * m * m;
	s = s * s * s;
	return (struct rgb){
		clamp01(to_srgb(4.0767416621f * l - 3.3077115913f * m + 0.2309699292f * s)),
		clamp01(to_srgb(-1.2684380046f * l + 2.6097574011f * m - 0.3413193965f * s)),
		clamp01(to_srgb(-0.0041960863f * l - 0.7034186147f * m + 1.7076147010f * s))
	};
}

struct rgb rgb_hex(uint32_t hex)
{
	return (struct rgb){ (float)(hex >> 16 & 255) / 255, (float)(hex >> 8 & 255) / 255,
			     (float)(hex & 255) / 255 };
}

struct rgb rgb_blend(struct rgb a, struct rgb b, float t)
{
	struct lab from = to_lab(a), to = to_lab(b);

	return from_lab((struct lab){ lerp(from.l, to.l, t), lerp(from.a, to.a, t),
				      lerp(from.b, to.b, t) });
}

struct rgb rgb_tint(struct rgb c, struct rgb towards, float strength)
{
	struct lab from = to_lab(c), to = to_lab(towards);
	/* Neither the very dark nor the very light can hold much colour. */
	float room = clamp01(4 * from.l * (1.08f - from.l)) * 0.8f;

	return from_lab((struct lab){ lerp(from.l, to.l, strength * 0.12f),
				      lerp(from.a, to.a * room, strength),
				      lerp(from.b, to.b * room, strength) });
}

float rgb_light(struct rgb c)
{
	return 0.2126f * c.r + 0.7152f * c.g + 0.0722f * c.b;
}
