/* layers: what the painter puts on a canvas, from the back to the front. */
#ifndef PIMAGEFS_DEMO_LAYERS_H
#define PIMAGEFS_DEMO_LAYERS_H

#include "canvas.h"
#include "scene.h"

/* Sky, sun or moon, stars, clouds, northern lights. */
void sky_paint(struct canvas *c, struct scene *s);
/* The land from the horizon to the front, water included. 0 or -ENOMEM. */
int land_paint(struct canvas *c, struct scene *s);
/* A mirror of what is above the horizon, in moving water. */
void water_paint(struct canvas *c, struct scene *s);
/* The ground the viewer stands on, with trees, flowers, birds and what the prompt names. 0 or
 * -ENOMEM. */
int front_paint(struct canvas *c, struct scene *s);
/* One silhouette: its feet stand at `feet`, its height is in pixels. */
void subject_paint(struct canvas *c, const struct scene *s, struct point feet, float height);
/* Snow or rain in the air, and the darker corners of a lens. */
void air_paint(struct canvas *c, struct scene *s);
/* Two small lines at the lower left: what was asked, and that no model made it. */
void caption_paint(struct canvas *c, const char *prompt);

/* For text: how wide it is and where its strokes go; size is the height of a capital letter. */
float font_width(const char *text, float size);
void font_draw(struct canvas *c, const char *text, struct point at, float size, float weight,
	       struct rgb ink, float alpha);

#endif
