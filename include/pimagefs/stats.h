/* stats: control/stats.json, from the engine's numbers. Floor 4, pure. */
#ifndef PIMAGEFS_STATS_H
#define PIMAGEFS_STATS_H

#include "pimagefs/buf.h"
#include "pimagefs/engine.h"

/* Append the JSON text. 0 or -ENOMEM. */
int stats_text(const struct engine_stats *s, bool demo, struct buf *out);

#endif
