/* What the files of the grammar share: expand.c (the whole), braces.c (braces, escapes),
 * wildcards.c, prompt_options.c (what ends a prompt),
 * prompt_input.c (what that means for a model), marked.c (places). */
#ifndef PIMAGEFS_EXPAND_INTERNAL_H
#define PIMAGEFS_EXPAND_INTERNAL_H

#include <stdbool.h>

#include "pimagefs/expand.h"
#include "pimagefs/utf8.h"
#include "request_internal.h"

#define EM_DASH "\xe2\x80\x94"

/* The text of a file, for places in it. */
struct source {
	const char *text;
	size_t size;
};

/* Put "column N: " before err (with the line, if the text has several) when r is -EINVAL.
 * Returns r. */
int source_at(const struct source *src, size_t place, int r, struct error *err);

/* One text that the braces gave; each byte has a mark: its place in the source, and how it came. */
struct marked {
	struct buf text;
	struct buf marks; /* uint32_t */
};

#define MARK_LITERAL 1u /* it is no sign: it was escaped, or stands in a wildcard's line */
#define MARK_CHOSEN 2u  /* it stands within braces */
#define MARK_BITS 2

void marked_release(struct marked *m); /* wipes */
/* Empty, with memory for an empty text. 0 or -ENOMEM. */
int marked_clear(struct marked *m);
/* Append bytes whose places begin with `place` and go up by step. 0 or -ENOMEM. */
int marked_put(struct marked *m, const char *bytes, size_t size, size_t place, size_t step,
	       uint32_t flags);
bool marked_is(const struct marked *m, size_t i, uint32_t flag);
size_t marked_place(const struct marked *m, size_t i);
/* White space that parts words. */
bool marked_is_space(const struct marked *m, size_t i);
/* Take out the bytes from `from` to `to`. */
void marked_cut(struct marked *m, size_t from, size_t to);

/* --- wildcards.c */

struct line {
	const char *text;
	size_t size;
};

struct wildcard {
	char *name;
	struct line *lines;
	size_t n;
	struct wildcard *next;
};

/* __NAME__ at the start: the name's length, or 0. */
size_t wildcard_name(const char *text, size_t size);
/* The wildcard of this name, among those of a text. 0, -EINVAL with err, -ENOMEM, or what its
 * reader said. */
int wildcard_find(struct wildcard **all, const struct expand_source *from, const char *name,
		  size_t size, const struct wildcard **out, struct error *err);
void wildcards_free(struct wildcard *all);

/* --- braces.c */

struct braces;

/* 0 and *out is the caller's; -EINVAL with err; -ENOMEM; what the source's wildcard said. Keeps src
 * and from. */
int braces_new(struct braces **out, const struct source *src, const struct expand_source *from,
	       struct error *err);
void braces_free(struct braces *b);
/* How many combinations; UINT64_MAX: that many or more. */
uint64_t braces_count(const struct braces *b);
/* Whether two of one combination may differ. */
bool braces_are_random(const struct braces *b);
/* Combination number i (below the count; 0 always is), with new choices, in place of what out held.
 * 0, -ENOMEM, or -EINVAL if it has over `longest` bytes. */
int braces_write(const struct braces *b, uint64_t i, size_t longest, struct marked *out,
		 struct error *err);
/* The length of an escaped character at the start, with its backslash; 0 if there is none. */
size_t braces_escape(const char *text, size_t size);

/* --- prompt_options.c */

enum prompt_option {
	OPTION_AR,
	OPTION_WIDTH,
	OPTION_HEIGHT,
	OPTION_SEED,
	OPTION_REPEAT,
	OPTION_LORA,
	OPTION_LORA_SCALE,
	OPTION_MODEL,
	OPTION_UPSAMPLE,
	OPTIONS
};

struct option_value {
	const char *text; /* NULL: not given; "" of one that takes no value */
	size_t place;     /* of the option, in the source */
	bool chosen;      /* the value came of braces */
};

struct prompt {
	const char *text;
	struct option_value of[OPTIONS];
	char *tag; /* what a <lora:...> said; then it is the text of OPTION_LORA */
};

/* Part a text into its prompt and its options; they lie in m, which is changed for that. 0 and out
 * is the caller's, for prompt_release; -EINVAL with err; -ENOMEM. */
int prompt_read(struct prompt *out, struct marked *m, const struct source *src, struct error *err);
void prompt_release(struct prompt *p);

/* --- prompt_input.c */

/* How many pictures --repeat asks for; 1 without it. 0 or -EINVAL. */
int prompt_repeat(const struct prompt *p, const struct source *src, uint64_t *out,
		  struct error *err);
/* The prompt and its options as an input for its model, not yet merged with the defaults: 0 and out
 * is for request_finish; -EINVAL or -ENOMEM. */
int prompt_input(const struct prompt *p, const struct request_rules *rules,
		 const struct source *src, struct request_read *out, struct error *err);

#endif
