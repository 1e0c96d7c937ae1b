/*
 * note: a finished job as the JSON text beside its picture, and back.
 *
 * Happy path: what a person may look for comes first and is readable; what was unknown is absent.
 *
 * Failures: reading trusts nothing. Without an id that could be one of requests/ it is no note; any
 * other member that makes no sense counts as unknown.
 *
 * On close: nothing is held.
 */
#include "pimagefs/note.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/clock.h"
#include "pimagefs/names.h"

static void put(json_t *o, const char *key, json_t *value)
{
	if (value)
		json_object_set_new(o, key, value);
}

static void put_text(json_t *o, const char *key, const char *text)
{
	if (text)
		put(o, key, json_string(text));
}

static void put_time(json_t *o, const char *key, int64_t wall_ms)
{
	char text[CLOCK_TEXT];

	if (!wall_ms)
		return;
	clock_rfc3339(wall_ms, text);
	put_text(o, key, text);
}

static void put_known(json_t *o, const char *key, double value)
{
	if (value >= 0)
		put(o, key, json_real(value));
}

static void put_image(json_t *o, const struct job *job)
{
	if (job->picture.kind == PICTURE_NONE)
		return;
	put(o, "image",
	    json_pack("{s:s, s:I, s:I, s:I, s:s}", "mime", picture_mime(job->picture.kind), "width",
		      (json_int_t)job->picture.width, "height", (json_int_t)job->picture.height,
		      "bytes", (json_int_t)job->picture_bytes, "sha256", job->sha256));
}

char *note_text(const struct job *job, const struct request_rules *rules)
{
	json_t *o = json_pack("{s:s, s:s}", "id", job->id, "model", request_model(rules));
	char *text;

	if (!o)
		return NULL;
	put_text(o, "prediction_id", job->prediction_id);
	put_text(o, "reused_from", job->reused_from);
	put_time(o, "created_at", job->created_ms);
	put_time(o, "completed_at", job->completed_ms);
	put_known(o, "predict_time", job->predict_time_s);
	put_known(o, "cost", job->cost_usd);
	if (job->has_seed)
		put(o, "seed", json_integer(job->seed));
	if (job->input)
		put(o, "input", request_masked(rules, job->input));
	put_image(o, job);
	text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	json_decref(o);
	return text;
}

/* --- and back --- */

/* As inbox would have made it from a path below requests/. 0, -EINVAL, -ENOMEM. */
static int check_id(const char *id)
{
	bool fits = id && strlen(id) <= NAMES_PATH_MAX;
	char *copy = fits ? strdup(id) : NULL, *rest = copy, *part;
	int r = !fits ? -EINVAL : copy ? 0 : -ENOMEM;

	while (r == 0 && (part = strsep(&rest, "/")))
		r = rest ? names_check_folder(part) : names_check(part, false);
	free(copy);
	return r == -ENAMETOOLONG ? -EINVAL : r;
}

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

	if (!mime || !sum || width <= 0 || height <= 0 || bytes <= 0 ||
	    strlen(sum) != DIGEST_HEX - 1 || strspn(sum, "0123456789abcdef") != DIGEST_HEX - 1)
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
	job->input = json_dumps(input, JSON_COMPACT);
	return r == 0 && !job->input ? -ENOMEM : r;
}

static int get_prediction(const json_t *o, const char *key, char **field)
{
	const char *text = get_text(o, key);

	return text && *text && strlen(text) <= 1024 ? job_set_text(field, text) : 0;
}

static int read_object(const json_t *o, struct job **out)
{
	const char *id = get_text(o, "id");
	struct job *job;
	int r = check_id(id);

	if (r < 0)
		return r;
	job = job_new(0, id, get_time(o, "created_at"));
	if (!job)
		return -ENOMEM;
	job->state = JOB_READY;
	job->completed_ms = get_time(o, "completed_at");
	job->predict_time_s = get_known(o, "predict_time");
	job->cost_usd = get_known(o, "cost");
	get_image(o, job);
	r = get_request(o, job);
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

int note_read(const char *text, size_t size, struct job **out)
{
	json_error_t error;
	json_t *o = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	int r;

	if (!o) /* for want of memory it often has no words */
		return error.text[0] && json_error_code(&error) != json_error_out_of_memory
			       ? -EINVAL
			       : -ENOMEM;
	r = read_object(o, out);
	json_decref(o);
	return r;
}
