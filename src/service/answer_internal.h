/* What the files of answer share: a body as it was understood, and the words found in it. */
#ifndef PIMAGEFS_ANSWER_INTERNAL_H
#define PIMAGEFS_ANSWER_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "pimagefs/buf.h"

enum body_kind { BODY_EMPTY, BODY_JSON, BODY_HTML, BODY_TEXT };

struct body {
	enum body_kind kind;
	json_t *json;     /* or NULL */
	struct buf start; /* of what is no JSON */
};

/* 0 or -ENOMEM (then nothing is to be released). */
int body_open(struct body *p, const char *bytes, size_t size, const char *content_type);
void body_release(struct body *p);

/* The service's own words about what went wrong, without tokens. */
struct words {
	struct buf message; /* the first thing that it says */
	struct buf details; /* the rest */
	struct buf judged;  /* all its sentences, without what may echo the request; lower case */
	struct buf codes;   /* error codes and categories; lower case */
	bool retryable;     /* it says that trying again may help */
	int failed;         /* -ENOMEM */
};

/* 0 or -ENOMEM; either way to be released. with_output: the reason may stand in `output` too. */
int words_of_body(struct words *w, const struct body *p, bool with_output);
void words_release(struct words *w);
/* Was it the safety checker that refused? */
bool words_mean_moderation(const struct words *w);

#endif
