/* schema: a model's input fields as data. Layer 2, pure. Another model of the service is a table
 * more. */
#ifndef PIMAGEFS_SCHEMA_H
#define PIMAGEFS_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "pimagefs/error.h"

struct schema;

/* The table of the model with this slug, or NULL. Static, never freed. */
const struct schema *schema_find(const char *slug);
const char *schema_slug(const struct schema *s);
/* All slugs, for a message: number i, or NULL past the end. */
const char *schema_slug_at(size_t i);
/* Name of field number i, or NULL past the end; and whether its value is a secret. */
const char *schema_field(const struct schema *s, size_t i);
bool schema_is_secret(const struct schema *s, const char *field);

/* Check one field's value: 0, or -EINVAL with a sentence that names the field, the value (never a
 * secret's), what is allowed and the nearest right name. An unknown field is -EINVAL too. */
int schema_check_field(const struct schema *s, const char *field, const json_t *value,
		       struct error *err);
/* Check a whole input, fields and how they go together (prompt there; width and height with custom;
 * ...). */
int schema_check(const struct schema *s, const json_t *input, struct error *err);
/* Only how the fields go together, each being right by itself; *culprit (may be NULL) is then a
 * field to name. */
int schema_check_together(const struct schema *s, const json_t *input, const char **culprit,
			  struct error *err);
/* Put copies of those defaults into input that it does not speak of itself (sizes and the aspect
 * ratio speak of the same thing), and what sizes alone mean: aspect_ratio = custom. 0 or -ENOMEM.
 */
int schema_merge(const struct schema *s, json_t *input, const json_t *defaults);
/* The value that a text (of an INI file or an option) means for this field; NULL and err if none
 * (its class is ERROR_NONE if only memory was missing). The caller owns it. */
json_t *schema_value_of_text(const struct schema *s, const char *field, const char *text,
			     struct error *err);

#endif
