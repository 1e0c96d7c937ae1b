/*
 * What the user says of a picture, as a file manager writes it into extended attributes.
 *
 * Happy path: a text is checked and kept as it was written.
 *
 * Failures: a text that JSON or a terminal could not show is refused.
 */
#include "pimagefs/marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/utf8.h"

/* A comment may have lines. */
static int check_text(enum mark mark, const char *text, size_t size)
{
	if (size > (mark == MARK_TAGS ? MARK_TAGS_MAX : MARK_COMMENT_MAX))
		return -ENOSPC;
	if (!utf8_valid(text, size))
		return -EINVAL;
	for (size_t at = 0, n; at < size; at += n) {
		n = utf8_char(text + at, size - at);
		if (utf8_has_control(text + at, n) &&
		    (mark == MARK_TAGS || (text[at] != '\n' && text[at] != '\t')))
			return -EINVAL;
	}
	return 0;
}

static int set_text(char **field, const char *text, size_t size)
{
	char *copy = strndup(text, size);

	if (!copy)
		return -ENOMEM;
	text_wipe(field);
	*field = copy;
	return 0;
}

static int set_rating(struct job *job, const char *text, size_t size)
{
	int rating = 0;

	if (!size)
		rating = -1;
	if (size > 2 || (size == 2 && *text == '0'))
		return -EINVAL;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		rating = rating * 10 + text[i] - '0';
	}
	if (rating > MARK_RATING_MOST)
		return -EINVAL;
	job->rating = rating;
	return 0;
}

int mark_set(struct job *job, enum mark mark, const char *text, size_t size)
{
	int r;

	if (!text)
		size = 0;
	if (mark == MARK_RATING)
		return set_rating(job, text, size);
	r = check_text(mark, text, size);
	if (r < 0)
		return r;
	if (mark == MARK_COMMENT)
		return set_text(&job->comment, size ? text : "", size);
	return size ? set_text(&job->tags, text, size) : job_set_text(&job->tags, NULL);
}

int mark_text(const struct job *job, enum mark mark, struct buf *out)
{
	const char *text = mark == MARK_TAGS ? job->tags
			   : job->comment    ? job->comment
					     : job->prompt;

	if (mark == MARK_RATING)
		return job->rating < 0 ? -ENODATA : buf_printf(out, "%d", job->rating);
	return text && *text ? buf_puts(out, text) : -ENODATA;
}
