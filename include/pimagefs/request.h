/* request: from a file's text to a checked input for the model. Layer 2, pure. */
#ifndef PIMAGEFS_REQUEST_H
#define PIMAGEFS_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pimagefs/buf.h"
#include "pimagefs/config.h"
#include "pimagefs/digest.h"
#include "pimagefs/error.h"
#include "pimagefs/schema.h"

/* What applies to every request of a mount; built once from the settings. */
struct request_rules;

/* 0; -EINVAL (a line of [defaults] or the model's slug is wrong: err has FILE:LINE and the nearest
 * right name); -ENOMEM. Keeps no pointer to settings. */
int request_rules_new(struct request_rules **out, const struct settings *settings,
		      struct error *err);
void request_rules_free(struct request_rules *rules);

struct request {
	char *prompt;
	char *input; /* the complete input object, JSON text: defaults merged, seed as far as known.
			May hold a secret */
	bool has_seed;    /* false: seed = random must be picked (request_set_seed), or the service
			     picks */
	bool wants_seed;  /* the setting is seed = random and the request has none */
	bool picked_seed; /* request_set_seed has put it there */
	int64_t seed;
};

void request_release(struct request *r); /* wipes */

/* Is this text JSON, by its name's ending or its first character? */
bool request_is_json(const char *name, const char *text, size_t size);
/* True if there is nothing to ask: no byte, or only white space. */
bool request_is_blank(const char *text, size_t size);
/* While it is being written: 0, or -EINVAL/-EILSEQ as soon as more bytes at the end cannot make it
 * right (JSON that is complete and wrong, or broken before its end; not UTF-8). err says why. Cheap
 * to call at each write. */
int request_check_part(const struct request_rules *rules, const char *name, const char *text,
		       size_t size, struct error *err);
/* The whole: 0, -EINVAL, -EILSEQ or -ENOMEM. out is untouched on failure; else the caller's, for
 * request_release. */
int request_parse(const struct request_rules *rules, const char *name, const char *text,
		  size_t size, struct request *out, struct error *err);
/* Put the seed into input. 0 or -ENOMEM. */
int request_set_seed(struct request *r, int64_t seed);
/* An input's JSON text with secrets masked ("***"), for status/; a new reference, NULL if out of
 * memory or no JSON. */
json_t *request_masked(const struct request_rules *rules, const char *input);
/* The model's slug, for the create body. */
const char *request_model(const struct request_rules *rules);
/* The same for two inputs of this model that ask for the same, whatever their order: SHA-256 of
 * both. 0; -EINVAL if input is no JSON; -ENOMEM. */
int request_digest(const struct request_rules *rules, const char *input, char hex[DIGEST_HEX]);
/* True if the text names a field whose value is a secret, so that others should not read it. */
bool request_may_hold_secret(const struct request_rules *rules, const char *text, size_t size);

#endif
