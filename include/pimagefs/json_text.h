/* json_text: JSON text to a value and back, right also where memory runs out. Floor 1. */
#ifndef PIMAGEFS_JSON_TEXT_H
#define PIMAGEFS_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/* As json_loadb, but what was read while memory was missing is -ENOMEM, never a fault of the text
 * and never half a value. 0 and *out is the caller's; -EINVAL and the fault. */
int json_text_read(const char *text, size_t size, size_t flags, json_t **out, json_error_t *fault);
/* An object as JSON text, each of its numbers in its shortest form; the caller's, NULL when out of
 * memory. */
char *json_text_write(const json_t *object);
/* Overwrite every text in a JSON value of few levels that nobody else refers to, then drop it.
 * Takes NULL. */
void json_text_drop(json_t *value);

#endif
