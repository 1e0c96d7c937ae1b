/* events: control/events, a line of JSON for each change of a state. Floor 4. */
#ifndef PIMAGEFS_EVENTS_H
#define PIMAGEFS_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "pimagefs/jobs.h"
#include "pimagefs/tree.h"
#include "pimagefs/world.h"

#define EVENTS_ROOM ((size_t)512 << 10) /* bytes that are kept at most */

struct events;

/* node is the file's, whose time and watchers follow; NULL: none. World and node stay the caller's.
 * 0 or -ENOMEM. */
int events_new(struct events **out, const struct world *world, struct node *node);
/* Takes NULL. */
void events_free(struct events *e);
/* A jobs_fn whose data is the struct events. Without memory a line is missing. */
void events_on_job(struct job *job, enum jobs_change change, void *data);
/* All bytes there ever were: offsets only grow. */
uint64_t events_end(const struct events *e);
/* Up to size bytes at *at, whole lines if at least one fits; where they are no longer kept, the
 * oldest that are: *at becomes where they stand. *bytes is valid until the next event. 0: nothing
 * more. */
size_t events_read(const struct events *e, uint64_t *at, size_t size, const char **bytes);

#endif
