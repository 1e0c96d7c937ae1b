/* request: from a file's text to a checked input for a model. Floor 1, pure. */
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
 * right name); -ENOMEM. Keeps no pointer to settings. A line of [defaults] must be right for the
 * setting's model, or, where that has no such field, for one that has. */
int request_rules_new(struct request_rules **out, const struct settings *settings,
		      struct error *err);
/* The same for a folder, by the INI text of a file of this name: keys model, lora, prefix, suffix,
 * seed and the input's fields, which count more than those of the folder around it (above). They
 * must be right for the model that counts there. 0, -EINVAL (err has PATH:LINE) or -ENOMEM; above
 * must outlive it. */
int request_rules_below(struct request_rules **out, const struct request_rules *above,
			const char *path, const char *text, size_t size, struct error *err);
void request_rules_free(struct request_rules *rules);

struct request {
	char *model; /* the slug */
	char *prompt;
	char *input; /* the complete input object, JSON text: defaults merged, seed as far as known.
			The bytes that are stored and sent. May hold a secret */
	bool has_seed;    /* false: seed = random must be picked (request_set_seed), or the service
			     picks */
	bool wants_seed;  /* the setting is seed = random and the request has none */
	bool picked_seed; /* request_set_seed has put it there */
	int64_t seed;
	char *line;    /* of a list: which one it is of (prompt_list.h); else NULL */
	char *origins; /* JSON: where the values come from that the text does not say; or NULL */
};

void request_release(struct request *r); /* wipes */

/* A file's text is JSON if its name ends in .json, or if its first two characters that are no
 * white space are {" or {}; else it is a plain prompt, and \{ at its beginning means the brace.
 * JSON is an input object, a create body, or a document of status/. */

/* True if there is nothing to make: no byte, or only white space. */
bool request_is_blank(const char *text, size_t size);
/* While it is being written: 0, or -EINVAL/-EILSEQ as soon as more bytes at the end cannot make it
 * right (JSON that is complete and wrong, or broken before its end; not UTF-8); err says why. 1: it
 * is JSON that is complete and right, and *out is the caller's as of request_parse. Cheap to call
 * at each write. */
int request_check_part(const struct request_rules *rules, const char *name, const char *text,
		       size_t size, struct request *out, struct error *err);
/* The whole: 0, -EINVAL, -EILSEQ or -ENOMEM. out is untouched on failure; else the caller's, for
 * request_release. */
int request_parse(const struct request_rules *rules, const char *name, const char *text,
		  size_t size, struct request *out, struct error *err);
/* Put the seed into the input of a request that came without one. 0 or -ENOMEM. */
int request_set_seed(struct request *r, int64_t seed);
/* The input with another seed: 1 and *out is the caller's; 0: the model knows no seed; -EINVAL,
 * -ENOMEM. */
int request_reseed(const char *model, const char *input, int64_t seed, char **out);
/* An input's JSON text with secrets masked ("***"), for status/; a new reference, NULL if out of
 * memory or no JSON. */
json_t *request_masked(const char *input);
/* True if a secret of this input is only its mask: it came from a sidecar, and must not be sent. */
bool request_is_masked(const char *input);
/* The same for two inputs that ask a model for the same, whatever their order: SHA-256 of both. 0;
 * -EINVAL if input is no JSON; -ENOMEM. */
int request_digest(const char *model, const char *input, char hex[DIGEST_HEX]);
/* True if the text names a field whose value is a secret, so that others should not read it. */
bool request_may_hold_secret(const char *text, size_t size);

#endif
