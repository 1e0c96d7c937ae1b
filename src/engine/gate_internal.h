/* What the gate's files share: gate.c finds what is in the way, gate_words.c says it. */
#ifndef GATE_INTERNAL_H
#define GATE_INTERNAL_H

#include "pimagefs/error.h"
#include "pimagefs/gate.h"
#include "pimagefs/list.h"
#include "pimagefs/pace.h"
#include "pimagefs/unseen.h"

struct gate {
	struct gate_ground on;
	struct pace_window window;
	struct pace_width width;
	struct budget budget;
	struct unseen *unseen;
	unsigned strays; /* creates out whose job was cancelled */
	bool paused;
	struct error *refused;  /* why nothing is sent; NULL: all is well */
	int64_t busy_until_ms;  /* monotonic */
	int64_t quiet_until_ms; /* monotonic; after trouble */
	unsigned trouble;       /* creates that failed in a row ... */
	struct error failed;    /* ... and why the last of them did */
	int library;            /* why pictures cannot be kept; 0: they can, as far as is known */
	int64_t busy_answers;
	enum gate_hold told; /* in the log */
};

static inline int64_t gate_now_ms(const struct gate *g)
{
	return world_mono_ms(g->on.world);
}

/* Why pictures cannot be kept, in words. */
const char *gate_fault(int r);
/* What lasts, whichever job is next. */
enum gate_hold gate_lasting(struct gate *g);
/* How long it is worth while to wait for the end of this; -1: an event ends it. */
int64_t gate_wait_ms(struct gate *g, enum gate_hold hold);

#endif
