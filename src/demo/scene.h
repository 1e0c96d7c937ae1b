/* scene: what a prompt's words and the seed make of a landscape: its light, its place, its weather.
 */
#ifndef PIMAGEFS_DEMO_SCENE_H
#define PIMAGEFS_DEMO_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "canvas.h"
#include "painter.h"

enum mood {
	MOOD_DAWN,
	MOOD_NOON,
	MOOD_GOLDEN,
	MOOD_SUNSET,
	MOOD_DUSK,
	MOOD_NIGHT,
	MOOD_AURORA,
	MOOD_MIST,
	MOOD_STORM,
	MOODS
};

enum place {
	PLACE_MOUNTAINS,
	PLACE_LAKE,
	PLACE_SEA,
	PLACE_HILLS,
	PLACE_FOREST,
	PLACE_DESERT,
	PLACE_CITY,
	PLACES
};

enum subject {
	SUBJECT_NONE,
	SUBJECT_FOX,
	SUBJECT_CAT,
	SUBJECT_DEER,
	SUBJECT_WOLF,
	SUBJECT_BOAT,
	SUBJECT_LIGHTHOUSE,
	SUBJECT_CABIN,
	SUBJECT_BALLOON,
	SUBJECT_PERSON,
	SUBJECT_TREE,
	SUBJECTS
};

struct scene {
	enum mood mood;
	enum place place;
	enum subject subject;
	bool snow, rain, stars, moon, flowers, water;
	uint32_t flower_ink; /* 0: any */
	float clouds;        /* 0 to 1 */
	uint32_t seed;       /* of the noise */
	uint64_t dice;       /* state of rng_next */
	float unit;          /* the shorter side, pixels: sizes of things are parts of it */
	float horizon;       /* pixels from the top */
	struct point sun;    /* pixels; the moon at night */
	float sun_radius;
	struct rgb sky[4]; /* zenith to horizon */
	struct rgb light, haze, near, land;
	struct rgb subject_ink;
};

void scene_plan(struct scene *s, const struct painter_ask *ask);
/* Even in 0 to 1, or in a range. */
float scene_roll(struct scene *s);
float scene_between(struct scene *s, float from, float to);

static inline bool scene_is_dark(const struct scene *s)
{
	return s->mood == MOOD_NIGHT || s->mood == MOOD_AURORA;
}

#endif
