/* expand: a plain prompt as people write them, with its options and braces, to the requests that it
 * asks for. Floor 1, pure: what a text refers to is handed in. The grammar is in
 * config/doc/grammar.md. */
#ifndef PIMAGEFS_EXPAND_H
#define PIMAGEFS_EXPAND_H

#include <stddef.h>
#include <stdint.h>

#include "pimagefs/buf.h"
#include "pimagefs/error.h"
#include "pimagefs/request.h"

#define EXPAND_DEEPEST 8             /* braces within braces */
#define EXPAND_MOST_PARTS 16384      /* alternatives and what lies between, of one text */
#define EXPAND_LONGEST_NAME 100      /* bytes of a wildcard's name */
#define EXPAND_MOST_WILDCARDS 32     /* different ones of one text */
#define EXPAND_WILDCARD_BYTES 262144 /* of a wildcard file */
#define EXPAND_TIMES 16 /* all prompts of one text together may have so often max_request_bytes */

/* What a text may refer to, and where chance comes from. */
struct expand_source {
	/* The content of a wildcard file; it must last until request_expand returns. name has one
	 * or more parts with '/' between; none is empty, none has a '.'. 0, -ENOENT, or another
	 * negative errno, which becomes request_expand's. NULL: there are none. */
	int (*wildcard)(const char *name, const char **text, size_t *size, void *data);
	/* Any 64 bits. */
	uint64_t (*random)(void *data);
	void *data;
	const char *const
		*wildcards; /* the names that there are, for a hint; n_wildcards of them */
	size_t n_wildcards;
};

struct expansion {
	size_t n; /* 1 or more */
	struct request *items;
};

/* The requests that a file's text asks for, in order: each is complete, and right for its model.
 * JSON, a text without any sign of the grammar, and every text while the setting requests.options
 * is off, are one request, the same as request_parse gives.
 *
 * 0 and out is the caller's, for expansion_release; else untouched. -EINVAL, -EILSEQ: err begins
 * with the place ("column 14: ", or "line 2, column 14: ") where there is one; over limits.expand
 * it has the number of pictures. -ENOMEM; what source->wildcard said. */
int request_expand(const struct request_rules *rules, const char *name, const char *text,
		   size_t size, const struct expand_source *source, struct expansion *out,
		   struct error *err);
/* The same of a text that asks for one, and refers to nothing: 0 and out is the caller's, for
 * request_release; as request_expand; -E2BIG: it asks for several, or is a list of prompts. */
int request_expand_only(const struct request_rules *rules, const char *name, const char *text,
			size_t size, struct request *out, struct error *err);
void expansion_release(struct expansion *e); /* wipes */
/* Append the text so that it is expanded to itself. 0 or -ENOMEM. */
int request_escape(const char *text, size_t size, struct buf *out);

#endif
