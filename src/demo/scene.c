/*
 * scene: reads a prompt as a landscape painter on a postcard would: a few words set the hour, the
 * place, the weather and the colour, and everything that the words leave open is thrown by dice
 * that the prompt and the seed have loaded. So a prompt's pictures are kin, and each seed is
 * another day.
 *
 * Happy path: scene_plan walks over the words, looks each up in the table, then fills the gaps. Any
 * text is fine, none is needed.
 */
#include "scene.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "pimagefs/rng.h"

enum trait {
	TRAIT_MOOD,
	TRAIT_PLACE,
	TRAIT_SUBJECT,
	TRAIT_COLOUR,
	TRAIT_FLAG, /* a bool of the scene */
	TRAIT_FLOWERS,
	TRAIT_CLOUDS
};

struct word {
	const char *texts; /* with a blank between two */
	enum trait trait;
	uint32_t value;
};

static const struct word words[] = {
	{ "dawn morning sunrise", TRAIT_MOOD, MOOD_DAWN },
	{ "noon day sunny summer", TRAIT_MOOD, MOOD_NOON },
	{ "golden gold autumn afternoon warm", TRAIT_MOOD, MOOD_GOLDEN },
	{ "sunset evening fire", TRAIT_MOOD, MOOD_SUNSET },
	{ "dusk twilight neon", TRAIT_MOOD, MOOD_DUSK },
	{ "night midnight dark space galaxy", TRAIT_MOOD, MOOD_NIGHT },
	{ "aurora northern magic", TRAIT_MOOD, MOOD_AURORA },
	{ "mist misty fog foggy", TRAIT_MOOD, MOOD_MIST },
	{ "storm stormy", TRAIT_MOOD, MOOD_STORM },
	{ "mountain peak alp volcano", TRAIT_PLACE, PLACE_MOUNTAINS },
	{ "lake river fjord", TRAIT_PLACE, PLACE_LAKE },
	{ "sea ocean beach coast island harbour", TRAIT_PLACE, PLACE_SEA },
	{ "hill meadow field", TRAIT_PLACE, PLACE_HILLS },
	{ "forest wood jungle", TRAIT_PLACE, PLACE_FOREST },
	{ "desert dune sand mars", TRAIT_PLACE, PLACE_DESERT },
	{ "city town street skyline skyscraper", TRAIT_PLACE, PLACE_CITY },
	{ "fox", TRAIT_SUBJECT, SUBJECT_FOX },
	{ "cat kitten tabby", TRAIT_SUBJECT, SUBJECT_CAT },
	{ "deer stag", TRAIT_SUBJECT, SUBJECT_DEER },
	{ "wolf dog", TRAIT_SUBJECT, SUBJECT_WOLF },
	{ "boat ship sail", TRAIT_SUBJECT, SUBJECT_BOAT },
	{ "lighthouse", TRAIT_SUBJECT, SUBJECT_LIGHTHOUSE },
	{ "house cabin cottage", TRAIT_SUBJECT, SUBJECT_CABIN },
	{ "balloon", TRAIT_SUBJECT, SUBJECT_BALLOON },
	{ "person man woman girl boy hiker", TRAIT_SUBJECT, SUBJECT_PERSON },
	{ "tree oak", TRAIT_SUBJECT, SUBJECT_TREE },
	{ "red scarlet", TRAIT_COLOUR, 0xd0302a },
	{ "crimson", TRAIT_COLOUR, 0xb01f35 },
	{ "orange", TRAIT_COLOUR, 0xee8126 },
	{ "amber", TRAIT_COLOUR, 0xf0a030 },
	{ "yellow", TRAIT_COLOUR, 0xf2d04a },
	{ "lime", TRAIT_COLOUR, 0x9fd04a },
	{ "green", TRAIT_COLOUR, 0x3f9f55 },
	{ "emerald", TRAIT_COLOUR, 0x1f9f6a },
	{ "teal", TRAIT_COLOUR, 0x1f9a98 },
	{ "turquoise", TRAIT_COLOUR, 0x36b8b0 },
	{ "cyan", TRAIT_COLOUR, 0x3fc4d8 },
	{ "blue", TRAIT_COLOUR, 0x2f6fd6 },
	{ "azure", TRAIT_COLOUR, 0x4a94e0 },
	{ "indigo", TRAIT_COLOUR, 0x4a4ac0 },
	{ "violet", TRAIT_COLOUR, 0x8450cc },
	{ "purple", TRAIT_COLOUR, 0x8a48c8 },
	{ "lavender", TRAIT_COLOUR, 0xa58ae0 },
	{ "magenta", TRAIT_COLOUR, 0xd0389a },
	{ "pink cherry", TRAIT_COLOUR, 0xf07aa8 },
	{ "rose", TRAIT_COLOUR, 0xe8708c },
	{ "brown", TRAIT_COLOUR, 0x8a5a34 },
	{ "sepia", TRAIT_COLOUR, 0x9a7448 },
	{ "grey gray monochrome", TRAIT_COLOUR, 0x888888 },
	{ "silver", TRAIT_COLOUR, 0xaab0b8 },
	{ "snow snowy winter ice arctic", TRAIT_FLAG, offsetof(struct scene, snow) },
	{ "rain rainy", TRAIT_FLAG, offsetof(struct scene, rain) },
	{ "star starry", TRAIT_FLAG, offsetof(struct scene, stars) },
	{ "moon moonlight", TRAIT_FLAG, offsetof(struct scene, moon) },
	{ "flower", TRAIT_FLOWERS, 0 },
	{ "poppy poppies", TRAIT_FLOWERS, 0xd8433b },
	{ "sunflower", TRAIT_FLOWERS, 0xf0b43c },
	{ "tulip blossom", TRAIT_FLOWERS, 0xe8708c },
	{ "spring", TRAIT_FLOWERS, 0xe9e4f2 },
	{ "cloud cloudy", TRAIT_CLOUDS, 0 },
};

/* The sky from the zenith to the horizon. */
struct palette {
	uint32_t sky0, sky1, sky2, sky3, light, haze, near, land;
};

/* In the order of enum mood. */
static const struct palette palettes[MOODS] = {
	{ 0x4a6796, 0x97a3c8, 0xf0c0b6, 0xffe4c6, 0xfff0d2, 0xd3b4bd, 0x232b48, 0x4c5b62 },
	{ 0x2468ad, 0x5a9dd4, 0xa3cfea, 0xe8f4f2, 0xfffbe8, 0xa8c8da, 0x16393c, 0x4f7f52 },
	{ 0x4d6291, 0xa98f94, 0xf4b469, 0xffe1a0, 0xfff0bd, 0xdea878, 0x2c1b24, 0x7a5b36 },
	{ 0x262654, 0x77396f, 0xe2605a, 0xffb765, 0xffe09a, 0xbb566a, 0x170f2b, 0x543548 },
	{ 0x141a3e, 0x38386f, 0x8a5f96, 0xe4a5a2, 0xffe3d6, 0x75648f, 0x0e0f26, 0x34395a },
	{ 0x060a1c, 0x0d1836, 0x1b2f5c, 0x3a557f, 0xf3eedb, 0x2e466f, 0x050813, 0x1a2a44 },
	{ 0x050a19, 0x08182c, 0x0f3140, 0x1f5b5b, 0xdff5ea, 0x1d4a55, 0x03070d, 0x14323a },
	{ 0x94a9b8, 0xb6c6cd, 0xd7dedb, 0xf0ece2, 0xfffaf0, 0xcdd5d4, 0x2c3c46, 0x6a7d74 },
	{ 0x262e39, 0x434f5d, 0x75848f, 0xc0c2b8, 0xf2eedf, 0x7c8a94, 0x141b22, 0x46544f },
};

float scene_roll(struct scene *s)
{
	return (float)(rng_next(&s->dice) >> 40) * (1.0f / 16777216.0f);
}

float scene_between(struct scene *s, float from, float to)
{
	return lerp(from, to, scene_roll(s));
}

/* What the words said; -1 and 0 mean that they did not say it. */
struct reading {
	int mood, place;
	uint32_t colours[2];
	int n_colours;
};

static void take_word(struct scene *s, struct reading *r, const struct word *w)
{
	switch (w->trait) {
	case TRAIT_MOOD:
		r->mood = r->mood < 0 ? (int)w->value : r->mood;
		break;
	case TRAIT_PLACE:
		r->place = r->place < 0 ? (int)w->value : r->place;
		break;
	case TRAIT_SUBJECT:
		s->subject = s->subject == SUBJECT_NONE ? (enum subject)w->value : s->subject;
		break;
	case TRAIT_COLOUR:
		if (r->n_colours < 2)
			r->colours[r->n_colours++] = w->value;
		break;
	case TRAIT_FLAG:
		*(bool *)((char *)s + w->value) = true;
		break;
	case TRAIT_FLOWERS:
		s->flowers = true;
		s->flower_ink = w->value;
		break;
	case TRAIT_CLOUDS:
		s->clouds = 0.9f;
		break;
	}
}

/* A word, or its plural. */
static bool is_among(const char *word, size_t size, const char *texts)
{
	for (; *texts; texts += *texts == ' ') {
		size_t n = strcspn(texts, " ");

		if ((size == n || (size == n + 1 && word[n] == 's')) && !memcmp(word, texts, n))
			return true;
		texts += n;
	}
	return false;
}

static void look_up(struct scene *s, struct reading *r, const char *word, size_t size)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is_among(word, size, words[i].texts)) {
			take_word(s, r, &words[i]);
			return;
		}
	}
}

static void read_words(struct scene *s, struct reading *r, const char *text)
{
	char word[24];
	size_t size = 0;

	for (;; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 128 && isalpha(c)) {
			if (size < sizeof(word))
				word[size++] = (char)tolower(c);
			continue;
		}
		if (size)
			look_up(s, r, word, size);
		size = 0;
		if (!c)
			return;
	}
}

static enum mood pick_mood(struct scene *s, const struct reading *r)
{
	static const enum mood warm[] = { MOOD_GOLDEN, MOOD_SUNSET, MOOD_GOLDEN, MOOD_DAWN };
	static const enum mood cool[] = { MOOD_DUSK, MOOD_NIGHT, MOOD_MIST, MOOD_NOON };
	static const enum mood winter[] = { MOOD_DAWN, MOOD_DUSK, MOOD_GOLDEN, MOOD_NOON };
	static const enum mood any[] = { MOOD_DAWN,   MOOD_GOLDEN, MOOD_SUNSET, MOOD_DUSK,
					 MOOD_NIGHT,  MOOD_NOON,   MOOD_DAWN,   MOOD_GOLDEN,
					 MOOD_AURORA, MOOD_MIST };
	float roll = scene_roll(s);

	if (r->mood >= 0)
		return (enum mood)r->mood;
	if (s->stars || s->moon)
		return MOOD_NIGHT;
	if (s->rain)
		return MOOD_STORM;
	if (r->n_colours) {
		struct rgb c = rgb_hex(r->colours[0]);

		return (c.r > c.b ? warm : cool)[(int)(roll * 3.99f)];
	}
	if (s->snow)
		return winter[(int)(roll * 3.99f)];
	return any[(int)(roll * 9.99f)];
}

static enum place pick_place(struct scene *s, const struct reading *r)
{
	static const enum place any[] = { PLACE_MOUNTAINS, PLACE_LAKE,   PLACE_LAKE,     PLACE_SEA,
					  PLACE_HILLS,     PLACE_FOREST, PLACE_MOUNTAINS };
	static const enum place wild[] = { PLACE_FOREST, PLACE_HILLS, PLACE_MOUNTAINS };
	float roll = scene_roll(s);

	if (r->place >= 0)
		return (enum place)r->place;
	if (s->flowers)
		return PLACE_HILLS;
	switch (s->subject) {
	case SUBJECT_BOAT:
		return roll < 0.5f ? PLACE_SEA : PLACE_LAKE;
	case SUBJECT_LIGHTHOUSE:
		return PLACE_SEA;
	case SUBJECT_FOX:
	case SUBJECT_DEER:
	case SUBJECT_WOLF:
	case SUBJECT_CABIN:
	case SUBJECT_TREE:
		return wild[(int)(roll * 2.99f)];
	default:
		return any[(int)(roll * 6.99f)];
	}
}

static void tint(struct scene *s, const struct reading *r)
{
	float strength = r->mood >= 0 ? 0.34f : 0.62f;
	struct rgb first = rgb_hex(r->colours[0]), second = rgb_hex(r->colours[r->n_colours - 1]);

	for (int i = 0; i < 4; i++)
		s->sky[i] = rgb_tint(s->sky[i], i < 2 ? first : second, strength);
	s->light = rgb_tint(s->light, second, strength * 0.5f);
	s->haze = rgb_tint(s->haze, first, strength);
	s->near = rgb_tint(s->near, first, strength);
	s->land = rgb_tint(s->land, first, s->snow ? strength * 0.35f : strength);
}

static void lay_palette(struct scene *s, const struct reading *r)
{
	const struct palette *p = &palettes[s->mood];

	s->sky[0] = rgb_hex(p->sky0);
	s->sky[1] = rgb_hex(p->sky1);
	s->sky[2] = rgb_hex(p->sky2);
	s->sky[3] = rgb_hex(p->sky3);
	s->light = rgb_hex(p->light);
	s->haze = rgb_hex(p->haze);
	s->near = rgb_hex(p->near);
	s->land = rgb_hex(p->land);
	if (s->place == PLACE_DESERT)
		s->land = rgb_blend(s->land, rgb_hex(0xc98b52), 0.6f);
	if (s->snow)
		s->land = rgb_blend(rgb_blend(s->sky[1], s->haze, 0.5f), rgb_hex(0xf4f8ff), 0.62f);
	if (r->n_colours)
		tint(s, r);
}

/* The sun stands where its hour puts it, and to one side of the middle, as the eye likes it. */
static void place_sun(struct scene *s, const struct painter_ask *ask)
{
	static const float heights[MOODS] = { 0.13f, 0.72f, 0.16f, 0.06f, 0.05f,
					      0.66f, 0.75f, 0.42f, 0.5f };
	float side = scene_between(s, 0.60f, 0.74f),
	      h = heights[s->mood] * scene_between(s, 0.85f, 1.15f);

	if (scene_roll(s) < 0.5f)
		side = 1 - side;
	s->sun.x = side * (float)ask->width;
	s->sun.y = s->horizon * (1 - h);
	s->sun_radius = s->unit * scene_between(s, 0.040f, 0.060f);
	if (scene_is_dark(s) || s->mood == MOOD_DUSK)
		s->moon = s->mood != MOOD_DUSK || s->moon;
	else if (s->moon)
		s->stars = true;
}

static uint64_t load_dice(const struct painter_ask *ask)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (const char *p = ask->prompt; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3u;
	return h ^ ((uint64_t)ask->seed * 0x9e3779b97f4a7c15u);
}

void scene_plan(struct scene *s, const struct painter_ask *ask)
{
	static const uint32_t furs[SUBJECTS] = { 0x6a5a50, 0xd0662c, 0x8a6a50, 0x8a6242,
						 0x6a6468, 0x6a5a50, 0xc8402f, 0x80502f,
						 0xd8513c, 0x4a4450, 0x4f7a3c };
	static const float horizons[PLACES] = { 0.66f, 0.60f, 0.56f, 0.58f, 0.66f, 0.58f, 0.66f };
	struct reading r = { .mood = -1, .place = -1 };
	float clouds;

	memset(s, 0, sizeof(*s));
	s->dice = load_dice(ask);
	s->seed = (uint32_t)(rng_next(&s->dice) >> 32);
	read_words(s, &r, ask->prompt);
	s->mood = pick_mood(s, &r);
	s->place = pick_place(s, &r);
	s->water = s->place == PLACE_LAKE || s->place == PLACE_SEA || s->place == PLACE_CITY;
	s->unit = (float)(ask->width < ask->height ? ask->width : ask->height);
	s->horizon = horizons[s->place] * (float)ask->height;
	clouds = scene_between(s, 0.15f, 0.75f);
	if (s->mood == MOOD_STORM)
		clouds = 0.95f;
	s->clouds = fmaxf(s->clouds, scene_is_dark(s) ? clouds * 0.35f : clouds);
	lay_palette(s, &r);
	place_sun(s, ask);
	s->stars = s->stars || scene_is_dark(s) || s->mood == MOOD_DUSK;
	s->subject_ink = rgb_hex(furs[s->subject]);
	if (r.n_colours)
		s->subject_ink = rgb_blend(s->subject_ink, rgb_hex(r.colours[0]), 0.5f);
}
