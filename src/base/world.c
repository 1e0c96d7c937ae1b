/*
 * What every world can do, whatever it is made of. Pure.
 */
#include "pimagefs/world.h"

uint64_t world_below(const struct world *w, uint64_t below)
{
	/* The numbers under this would make the first remainders likelier. */
	uint64_t least = -below % below, number;

	do {
		number = w->random(w->self);
	} while (number < least);
	return number % below;
}
