/*
 * sidecar: a finished job as the JSON text beside its picture, and back.
 *
 * Happy path: what a person may look for comes first and is readable; what was unknown is absent.
 *
 * Failures: reading trusts nothing. Without an id that could be one of requests/ it is none of
 * ours; any other member that makes no sense counts as unknown.
 */
#include "pimagefs/sidecar.h"
#include "pimagefs/json_text.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/clock.h"
#include "pimagefs/fields.h"
#include "pimagefs/marks.h"
#include "pimagefs/models.h"
#include "pimagefs/names.h"
#include "pimagefs/request.h"

static void put_image(json_t *o, const struct job *job)
{
	if (job->picture.kind == PICTURE_NONE)
		return;
	field_put(o, "image",
		  json_pack("{s:s, s:I, s:I, s:I, s:s}", "mime", picture_mime(job->picture.kind),
			    "width", (json_int_t)job->picture.width, "height",
			    (json_int_t)job->picture.height, "bytes",
			    (json_int_t)job->picture_bytes, "sha256", job->sha256));
}

char *sidecar_text(const struct job *job)
{
	json_t *o = json_pack("{s:s, s:s}", "id", job->id, "model",
			      job->model ? job->model : MODELS_FIRST);
	char *text;

	if (!o)
		return NULL;
	if (job->part)
		field_put(o, "part", json_integer(job->part));
	field_course(o, job);
	if (job->has_seed)
		field_put(o, "seed", json_integer(job->seed));
	if (job->input)
		field_put(o, "input", request_masked(job->input));
	put_image(o, job);
	field_marks(o, job);
	text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	json_decref(o);
	return text;
}

/* --- and back --- */

static const char *get_text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static int64_t get_time(const json_t *o, const char *key)
{
	const char *text = get_text(o, key);
	int64_t ms;

	return text && clock_parse_rfc3339(text, &ms) == 0 && ms > 0 ? ms : 0;
}

static double get_known(const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);
	double number = json_number_value(value);

	return json_is_number(value) && isfinite(number) && number >= 0 ? number : -1;
}

/* Negative: unknown. */
static int64_t get_count(const json_t *o, const char *key, int64_t most)
{
	const json_t *value = json_object_get(o, key);
	json_int_t count = json_integer_value(value);

	return json_is_integer(value) && count <= most ? count : -1;
}

static void get_image(const json_t *o, struct job *job)
{
	const json_t *image = json_object_get(o, "image");
	const char *mime = get_text(image, "mime"), *sum = get_text(image, "sha256");
	int64_t width = get_count(image, "width", UINT32_MAX),
		height = get_count(image, "height", UINT32_MAX),
		bytes = get_count(image, "bytes", INT64_MAX);

	if (!mime || !sum || width <= 0 || height <= 0 || bytes <= 0 || !digest_is_hex(sum))
		return;
	job->picture.kind = picture_kind_of_mime(mime);
	job->picture.width = (uint32_t)width;
	job->picture.height = (uint32_t)height;
	job->picture_bytes = bytes;
	memcpy(job->sha256, sum, DIGEST_HEX);
}

static int get_request(const json_t *o, struct job *job)
{
	const json_t *input = json_object_get(o, "input"), *seed = json_object_get(o, "seed");
	int r = 0;

	if (json_is_integer(seed)) {
		job->has_seed = true;
		job->seed = json_integer_value(seed);
	}
	if (!json_is_object(input))
		return 0;
	if (get_text(input, "prompt"))
		r = job_set_text(&job->prompt, get_text(input, "prompt"));
	job->input = json_text_write(input);
	return r == 0 && !job->input ? -ENOMEM : r;
}

static int get_prediction(const json_t *o, const char *key, char **field)
{
	const char *text = get_text(o, key);

	return text && *text && strlen(text) <= 1024 ? job_set_text(field, text) : 0;
}

static int get_tags(const json_t *list, struct job *job)
{
	struct buf text = BUF_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
		const char *tag = json_string_value(json_array_get(list, i));

		if (tag && *tag && text.size < MARK_TAGS_MAX)
			r = buf_printf(&text, "%s%s", text.size ? "," : "", tag);
	}
	if (r == 0)
		r = mark_set(job, MARK_TAGS, text.data, text.size);
	buf_release(&text);
	return r == -ENOMEM ? r : 0;
}

static int get_marks(const json_t *o, struct job *job)
{
	const json_t *comment = json_object_get(o, "comment");
	int r = get_tags(json_object_get(o, "tags"), job);

	if (r == 0 && json_is_string(comment))
		r = mark_set(job, MARK_COMMENT, json_string_value(comment),
			     json_string_length(comment));
	job->rating = (int)get_count(o, "rating", MARK_RATING_MOST);
	if (job->rating < 0)
		job->rating = -1;
	return r == -ENOMEM ? r : 0;
}

/* The first house's sidecars have the only model it knew. */
static const char *model_of(const json_t *o)
{
	const char *slug = get_text(o, "model");

	return slug && models_find(slug) ? slug : MODELS_FIRST;
}

/* 0 where the id does not end so: it was one alone, or nonsense. */
static unsigned part_of(const json_t *o, const char *id)
{
	int64_t part = get_count(o, "part", UINT32_MAX);
	const char *number = strrchr(id, '/');

	if (part <= 0 || !number || strspn(number + 1, "0123456789") != strlen(number + 1))
		return 0;
	return strtoull(number + 1, NULL, 10) == (unsigned long long)part ? (unsigned)part : 0;
}

static int read_object(const json_t *o, struct job **out)
{
	const char *id = get_text(o, "id");
	struct job *job;
	int r;

	if (!id || names_check_path(id, NAMES_REQUEST) < 0)
		return -EINVAL;
	job = job_new(0, id, get_time(o, "created_at"));
	if (!job)
		return -ENOMEM;
	job->state = JOB_READY;
	job->part = part_of(o, id);
	job->completed_ms = get_time(o, "completed_at");
	job->predict_time_s = get_known(o, "predict_time");
	job->cost_usd = get_known(o, "cost");
	get_image(o, job);
	r = job_set_text(&job->model, model_of(o));
	if (r == 0)
		r = get_request(o, job);
	if (r == 0)
		r = get_marks(o, job);
	if (r == 0)
		r = get_prediction(o, "prediction_id", &job->prediction_id);
	if (r == 0)
		r = get_prediction(o, "reused_from", &job->reused_from);
	if (r < 0)
		job_free(job);
	else
		*out = job;
	return r;
}

int sidecar_read(const char *text, size_t size, struct job **out)
{
	json_error_t error;
	json_t *o;
	int r = json_text_read(text, size, JSON_REJECT_DUPLICATES, &o, &error);

	if (r < 0)
		return r;
	r = read_object(o, out);
	json_decref(o);
	return r;
}
