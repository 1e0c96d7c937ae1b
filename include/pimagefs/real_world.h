/* real_world: the world as the system has it: clocks, a libuv loop, the kernel's random numbers and
 * disks. Floor 6. */
#ifndef PIMAGEFS_REAL_WORLD_H
#define PIMAGEFS_REAL_WORLD_H

#include <uv.h>

#include "pimagefs/world.h"

/* The loop stays the caller's. What was made of the world must be freed, and the loop must then run
 * until its handles are closed. */
void real_world_init(struct world *out, uv_loop_t *loop);

#endif
