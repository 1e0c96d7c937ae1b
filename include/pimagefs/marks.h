/* marks: what the user says of a picture: tags, a comment, a rating. Floor 2, pure. */
#ifndef PIMAGEFS_MARKS_H
#define PIMAGEFS_MARKS_H

#include <stddef.h>

#include "pimagefs/buf.h"
#include "pimagefs/job.h"

#define MARK_RATING_MOST 10

enum mark {
	MARK_TAGS,    /* with commas between */
	MARK_COMMENT, /* the prompt, until the user says something else */
	MARK_RATING,  /* 0 to MARK_RATING_MOST */
	MARKS
};

#define MARK_TAGS_MAX 4096
#define MARK_COMMENT_MAX 16384

/* Set it from a text, or (NULL) take it away; an empty text takes it away too. 0; -EINVAL (not
 * UTF-8, control characters, no rating), -ENOSPC (too long), -ENOMEM; then nothing has changed. */
int mark_set(struct job *job, enum mark mark, const char *text, size_t size);
/* Append it. 0, -ENODATA (there is none), -ENOMEM. */
int mark_text(const struct job *job, enum mark mark, struct buf *out);

#endif
