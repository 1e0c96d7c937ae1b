/* progress: control/progress, what is under way, for a person. Floor 4. */
#ifndef PIMAGEFS_PROGRESS_H
#define PIMAGEFS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "pimagefs/buf.h"
#include "pimagefs/engine.h"

/* One who looks, embedded in its owner. */
struct progress {
	struct engine *engine;
	unsigned ready, failed; /* of the jobs when they began to look */
	uint64_t shape;         /* of the last frame: what it showed but for the time */
	unsigned lines;         /* of it */
	bool changed;           /* it had another shape than the one before */
	bool over;              /* nothing is left to wait for */
};

void progress_init(struct progress *p, struct engine *engine);
/* Append what is to be seen now: lines of at most 78 columns. 0 or -ENOMEM. */
int progress_frame(struct progress *p, struct buf *out);

#endif
