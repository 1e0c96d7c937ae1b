/* ask: the body of a create, checked as the service checks it. Only src/demo. */
#ifndef PIMAGEFS_DEMO_ASK_H
#define PIMAGEFS_DEMO_ASK_H

#include <jansson.h>

#include "predictions.h"

/* Fills prompt (it stays json's), seed, size and outcome. 0; -ENXIO: an unknown model; -EINVAL with
 * *why, a sentence that stays valid. */
int ask_read(const json_t *json, struct prediction *ask, const char **why);

#endif
