/*
 * What a picture says of itself in extended attributes: the names that file managers and indexers
 * read, and the request in names of our own.
 *
 * Happy path: each row of what is known becomes an attribute; unknown is absent.
 *
 * Failures: only -ENOMEM; what does not fit (a prompt of 60 kB) is left out.
 */
#include "pimagefs/attributes.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/clock.h"
#include "pimagefs/request.h"

#define OURS "user.ai.eachlabs."

static const char *const mark_names[MARKS] = {
	[MARK_TAGS] = "user.xdg.tags",
	[MARK_COMMENT] = "user.xdg.comment",
	[MARK_RATING] = "user.baloo.rating",
};

enum mark attributes_mark(const char *name)
{
	int i = 0;

	while (i < MARKS && strcmp(name, mark_names[i]) != 0)
		i++;
	return (enum mark)i;
}

static int put(struct xattrs *out, const char *name, const char *text)
{
	int r = text && *text ? xattrs_set(out, name, text, strlen(text), 0) : 0;

	return r == -ENOSPC ? 0 : r;
}

static int put_time(struct xattrs *out, const char *name, int64_t wall_ms)
{
	char text[CLOCK_TEXT];

	if (!wall_ms)
		return 0;
	clock_rfc3339(wall_ms, text);
	return put(out, name, text);
}

static int put_known(struct xattrs *out, const char *name, double value)
{
	char text[32];

	if (value < 0)
		return 0;
	snprintf(text, sizeof(text), "%.15g", value);
	return put(out, name, text);
}

static int put_json(struct xattrs *out, const char *name, const json_t *value)
{
	char *text = value && !json_is_string(value)
			     ? json_dumps(value,
					  JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15))
			     : NULL;
	int r = put(out, name, text ? text : json_string_value(value));

	free(text);
	return r;
}

static int put_seed(struct xattrs *out, const struct job *job)
{
	char text[24];

	if (!job->has_seed)
		return 0;
	snprintf(text, sizeof(text), "%lld", (long long)job->seed);
	return put(out, OURS "seed", text);
}

static int put_request(struct xattrs *out, const struct job *job)
{
	json_t *input = job->input ? request_masked(job->input) : NULL;
	int r = put_json(out, OURS "lora", json_object_get(input, "lora_weights"));

	if (r == 0)
		r = put_json(out, OURS "lora_scale", json_object_get(input, "lora_scale"));
	if (r == 0)
		r = put_json(out, OURS "request", input);
	json_decref(input);
	return r;
}

static int put_marks(struct xattrs *out, const struct job *job)
{
	int r = 0;

	for (int i = 0; r == 0 && i < MARKS; i++) {
		struct buf text = BUF_INIT;

		r = mark_text(job, (enum mark)i, &text);
		r = r == -ENODATA ? 0 : r < 0 ? r : put(out, mark_names[i], text.data);
		buf_release(&text);
	}
	return r;
}

static int put_dublincore(struct xattrs *out, const struct job *job)
{
	struct buf source = BUF_INIT;
	int r = put(out, "user.dublincore.title", job->id);

	if (r == 0)
		r = put_time(out, "user.dublincore.date", job->completed_ms);
	if (r == 0)
		r = put(out, "user.dublincore.identifier", job->prediction_id);
	if (r == 0 && job->model)
		r = buf_printf(&source, "eachlabs.ai: %s", job->model);
	if (r == 0)
		r = put(out, "user.dublincore.source", source.data);
	buf_release(&source);
	return r;
}

int attributes_of(const struct job *job, bool with_link, struct xattrs *out)
{
	int r = put_marks(out, job);

	if (r == 0 && job->picture.kind != PICTURE_NONE)
		r = put(out, "user.mime_type", picture_mime(job->picture.kind));
	if (r == 0)
		r = put_dublincore(out, job);
	if (r == 0 && with_link)
		r = put(out, "user.xdg.origin.url", job->link);
	if (r == 0)
		r = put(out, OURS "model", job->model);
	if (r == 0)
		r = put_seed(out, job);
	if (r == 0)
		r = put_known(out, OURS "predict_time", job->predict_time_s);
	if (r == 0)
		r = put_known(out, OURS "cost", job->cost_usd);
	return r < 0 ? r : put_request(out, job);
}
