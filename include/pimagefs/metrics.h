/* metrics: control/metrics, the engine's numbers as Prometheus reads them. Floor 4, pure. */
#ifndef PIMAGEFS_METRICS_H
#define PIMAGEFS_METRICS_H

#include "pimagefs/buf.h"
#include "pimagefs/engine.h"

/* Append the text. 0 or -ENOMEM. */
int metrics_text(const struct engine_stats *s, struct buf *out);

#endif
