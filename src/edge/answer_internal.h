/* What the files of answer share: a body as it was understood, and the words found in it. */
#ifndef PIMAGEFS_ANSWER_INTERNAL_H
#define PIMAGEFS_ANSWER_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "pimagefs/buf.h"

enum page_kind { PAGE_EMPTY, PAGE_JSON, PAGE_HTML, PAGE_TEXT };

/* A body. */
struct page {
	enum page_kind kind;
	json_t *root;       /* or NULL */
	const json_t *body; /* the object that holds the fields, inside root; or NULL */
	struct buf start;   /* of what is no JSON */
};

/* 0 or -ENOMEM (then nothing is to be released). */
int page_open(struct page *p, const char *bytes, size_t size, const char *content_type);
void page_release(struct page *p);

/* The service's own words about what went wrong, without tokens. */
struct words {
	struct buf message; /* the first thing that it says */
	struct buf details; /* the rest */
	struct buf judged;  /* all its sentences, without what may echo the request; lower case */
	struct buf codes;   /* error codes and categories; lower case */
	bool retryable;     /* it says that trying again may help */
	bool found;         /* anything */
	int failed;         /* -ENOMEM */
};

/* 0 or -ENOMEM; either way to be released. with_output: the reason may stand in `output` too. */
int words_of_page(struct words *w, const struct page *p, bool with_output);
void words_release(struct words *w);
/* Was it the safety checker that refused? */
bool words_mean_moderation(const struct words *w);

/* Mask what looks like a Hugging Face token: hf_*** */
void words_mask(struct buf *text);

#endif
