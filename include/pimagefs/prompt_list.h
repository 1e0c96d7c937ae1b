/* prompt_list: a file of requests/ that has one prompt a line (NAME.prompts). Floor 1, pure. */
#ifndef PIMAGEFS_PROMPT_LIST_H
#define PIMAGEFS_PROMPT_LIST_H

#include <stdbool.h>

#include "pimagefs/expand.h"

/* The requests that its lines ask for, in order, as request_expand gives them for each; empty lines
 * and those that begin with # ask for nothing. A line is known by its text and by which one of that
 * text it is: each request has that in `line`, and lines that are known already are left out.
 *
 * 0 and out, perhaps with n 0, is the caller's; else untouched. -EINVAL, -EILSEQ: err begins with
 * "line 3, column 14: " or "line 3: " where there is a place; over limits.expand it has the number.
 * -ENOMEM; what the source said. */
int prompt_list_expand(const struct request_rules *rules, const char *text, size_t size,
		       const struct expand_source *source,
		       bool (*is_known)(const char *line, void *data), void *data,
		       struct expansion *out, struct error *err);

#endif
