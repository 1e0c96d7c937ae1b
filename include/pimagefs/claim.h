/* claim: which library belongs to which state. Floor 2. The library's marker and a fact of the
 * store carry the same id. */
#ifndef PIMAGEFS_CLAIM_H
#define PIMAGEFS_CLAIM_H

#include <stdbool.h>

#include "pimagefs/error.h"
#include "pimagefs/library.h"
#include "pimagefs/store.h"
#include "pimagefs/world.h"

struct claim_ground {
	const struct world *world;
	struct store *store;
	const char *library, *state; /* the folders */
	bool new_library; /* the state goes on with whatever library is there, or with a new one */
	bool only_look;   /* for claim_check: a database that was put aside is not read */
};

/* May a mount use this library with this state? Changes nothing. 0; -ENOENT (the state knows
 * pictures, and their library is not there), -EEXIST (another library is there), -EINVAL (its
 * marker cannot be read), or what reading gave; err says it, and what to do. */
int claim_check(const struct claim_ground *g, struct error *err);
/* The same, then opens the library, gives it a marker if it has none, and records its id. A library
 * that cannot be written to stays without, and the log says so. As claim_check and library_open. */
int claim_library(const struct claim_ground *g, struct library **out, struct error *err);

#endif
