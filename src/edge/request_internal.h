/* What request.c (rules, whole requests) and request_text.c (reading a text) share. */
#ifndef PIMAGEFS_REQUEST_INTERNAL_H
#define PIMAGEFS_REQUEST_INTERNAL_H

#include "pimagefs/request.h"

struct request_rules {
	const struct schema *schema;
	json_t *defaults;
	bool random_seed;
};

/* The input object that a text asks for, without defaults: *out is the caller's for request_drop.
 * 0, -EINVAL, -EILSEQ, -ENOMEM. */
int request_read(const struct request_rules *rules, const char *name, const char *text, size_t size,
		 json_t **out, struct error *err);
/* JSON text of no great depth as a value: 0 and *out is the caller's, -EINVAL and the fault, or
 * -ENOMEM. */
int request_load(const char *text, size_t size, json_t **out, json_error_t *fault);
/* Overwrite every text in a JSON value of few levels that nobody else refers to, then drop it.
 * Takes NULL. */
void request_drop(json_t *value);

#endif
