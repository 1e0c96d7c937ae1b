/* models: the table of the models that requests may be for. Floor 1, pure. Another text-to-image
 * model of the service is a row more. */
#ifndef PIMAGEFS_MODELS_H
#define PIMAGEFS_MODELS_H

#include <stdbool.h>
#include <stddef.h>

#include "pimagefs/error.h"
#include "pimagefs/schema.h"

/* The model of requests from before a request named its own. */
#define MODELS_FIRST "p-image-lora-text-to-image"

/* Static, never freed. Number i, or NULL past the end; the one with this slug, or NULL. */
const struct schema *models_at(size_t i);
const struct schema *models_find(const char *slug);
/* -EINVAL: "WHERE: SLUG is not known; " and the nearest right one, or all. */
int models_refuse(const char *where, const char *slug, struct error *err);
/* Whether a field of this name is a secret in any model. */
bool models_secret(const char *field);

#endif
