/* What request.c (defaults, whole requests), request_text.c (reading a text), expand.c (texts that
 * ask for several) and loras.c share. */
#ifndef PIMAGEFS_REQUEST_INTERNAL_H
#define PIMAGEFS_REQUEST_INTERNAL_H

#include "pimagefs/json_text.h"
#include "pimagefs/request.h"

struct request_rules {
	const struct schema *schema; /* of the model that a request is for which names none */
	json_t *defaults;            /* by slug: what that model's requests need not say */
	bool random_seed;
	struct loras *loras;
	bool options;   /* the grammar of expand.h holds */
	uint64_t most;  /* pictures of one request */
	size_t longest; /* bytes of a prompt that comes of a text */

	json_t *origins; /* by slug and field: where a default comes from */
	/* Of a folder (folder_rules.c): what stands before and behind each plain prompt, and where
	 * that and the model come from; else NULL. */
	char *prefix, *suffix, *prefix_origin, *suffix_origin, *model_origin;
	bool below; /* loras are another one's */
};

/* What a text asks for, not yet checked: the input is for json_text_drop. */
struct request_read {
	const struct schema *schema;
	json_t *input;
	bool random_seed; /* whatever the defaults say */
	bool plain;       /* the prompt was no JSON's */
	bool names_model;
	int64_t seed_step; /* to be added to a seed that is known: which one of several pictures */
};

/* The value of one line of [defaults], or the like, among those of a model; a model that cannot use
 * it, where another can, goes without. 0, -EINVAL (err names the line) or -ENOMEM. */
int request_add_default(const struct request_rules *rules, const struct schema *s,
			const struct config_default *d, json_t *defaults, struct error *err);
/* With the defaults, checked by the schema: a request. Drops the input. 0, -EINVAL or -ENOMEM. */
int request_finish(const struct request_rules *rules, struct request_read *read,
		   struct request *out, struct error *err);
/* Neither JSON nor the beginning of it. */
bool request_is_plain(const char *name, const char *text, size_t size);
/* UTF-8 without control characters, and it says something: 0, -EILSEQ or -EINVAL. */
int request_check_text(const char *text, size_t size, struct error *err);
/* Where a plain prompt begins in its text, and its size without the line ends behind it. */
size_t request_plain(const char *text, size_t *size);

/* --- folder_rules.c */

/* Put what stands before and behind each plain prompt around this one. 0 or -ENOMEM. */
int folder_rules_frame(const struct request_rules *rules, json_t *input);

/* --- loras.c */

/* 0, -EINVAL (FILE:LINE in err) or -ENOMEM. Keeps no pointer to settings. */
int loras_new(struct loras **out, const struct settings *settings, struct error *err);
void loras_free(struct loras *l);
/* Put the weights (and the scale, if the input has none) of this name, or address, into the input.
 * 0, -EINVAL or -ENOMEM. */
int loras_put(const struct loras *l, const char *name, const struct request_read *read,
	      struct error *err);
/* The same for the input's own "lora", which goes. */
int loras_resolve(const struct loras *l, const struct request_read *read, struct error *err);

#endif
