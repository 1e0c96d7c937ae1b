/* rebuild: the state database filled anew, from one that was put aside and from the library's
 * sidecars. Floor 2. */
#ifndef PIMAGEFS_REBUILD_H
#define PIMAGEFS_REBUILD_H

#include "pimagefs/config.h"
#include "pimagefs/error.h"
#include "pimagefs/library.h"
#include "pimagefs/request.h"
#include "pimagefs/store.h"
#include "pimagefs/world.h"

/* The fact of the store that says that it has been filled. */
#define REBUILD_DONE "rebuilt"

struct rebuild_ground {
	const struct world *world;
	struct store *store;
	struct library *library;
	const struct settings *settings;
	const struct request_rules *rules;
};

/* Does nothing if the store has been filled before. Else everything that can be saved is put into
 * it, in one transaction: requests, jobs and folders of the newest database that was put aside, and
 * a JOB_READY for each picture of the library whose sidecar is readable. What has a prediction goes
 * on with it; what may have been sent or not is held. *summary is a sentence for a person, the
 * caller's; NULL if there is nothing to say. 0 or a negative errno with err; then the next start
 * tries again. Before engine_load. */
int rebuild(const struct rebuild_ground *ground, char **summary, struct error *err);

#endif
