/* sim_world: a world in which time passes only when a test says so: it jumps from one timer to the
 * next, and the same seed gives the same chances. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "pimagefs/list.h"
#include "pimagefs/world.h"

struct sim_world {
	struct world world;
	int64_t mono_ms, wall_ms;
	uint64_t chance;           /* state of the generator */
	struct list timers, hooks; /* all that were made */
	struct list works;         /* that were given */
	bool disk_hangs;           /* none of them begins */
	uint64_t starts;           /* of timers: those due at one moment fire in this order */
};

/* The clocks stand at some moment of 2026. */
void sim_world_init(struct sim_world *s, uint64_t seed);
/* One for who needs no more than that there is one: it stands still. */
const struct world *sim_world_any(void);
/* What was made of it must have been freed. */
void sim_world_check_free(const struct sim_world *s);
/* Everything that was given is done, and what that leads to. */
void sim_world_work(struct sim_world *s);
/* As a loop that is about to sleep: all work is done, and every hook is called. */
void sim_world_idle(struct sim_world *s);
/* Idle, then sleep until the next timer and let it fire. False: none runs. */
bool sim_world_step(struct sim_world *s);
/* The same, but no time passes: only what is due now. False: nothing was. */
bool sim_world_step_now(struct sim_world *s);
/* The next timer's moment (monotonic), or -1. */
int64_t sim_world_next_ms(const struct sim_world *s);
/* Let so much time pass, with all that falls due in it. */
void sim_world_pass(struct sim_world *s, int64_t ms);

#endif
