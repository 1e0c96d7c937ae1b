/*
 * fields: want of memory leaves a member out, as everywhere in these texts.
 */
#include "pimagefs/fields.h"

#include <string.h>

#include "pimagefs/clock.h"
#include "pimagefs/job.h"

void field_put(json_t *o, const char *key, json_t *value)
{
	if (value)
		json_object_set_new(o, key, value);
}

void field_text(json_t *o, const char *key, const char *text)
{
	if (text && *text)
		field_put(o, key, json_string(text));
}

void field_time(json_t *o, const char *key, int64_t wall_ms)
{
	char text[CLOCK_TEXT];

	if (!wall_ms)
		return;
	clock_rfc3339(wall_ms, text);
	field_text(o, key, text);
}

void field_known(json_t *o, const char *key, double value)
{
	if (value >= 0)
		field_put(o, key, json_real(value));
}

void field_course(json_t *o, const struct job *job)
{
	field_text(o, "prediction_id", job->prediction_id);
	field_text(o, "reused_from", job->reused_from);
	field_time(o, "created_at", job->created_ms);
	field_time(o, "completed_at", job->completed_ms);
	field_known(o, "predict_time", job->predict_time_s);
	field_known(o, "cost", job->cost_usd);
}

static json_t *list_of(const char *tags)
{
	json_t *list = json_array();

	for (const char *p = tags, *end; list && *p; p = *end ? end + 1 : end) {
		const char *from = p + strspn(p, " ");

		end = p + strcspn(p, ",");
		for (p = end; p > from && p[-1] == ' '; p--)
			;
		if (p > from)
			json_array_append_new(list, json_stringn(from, (size_t)(p - from)));
	}
	return list;
}

void field_marks(json_t *o, const struct job *job)
{
	if (job->tags)
		field_put(o, "tags", list_of(job->tags));
	if (job->comment)
		field_put(o, "comment", json_string(job->comment));
	if (job->rating >= 0)
		field_put(o, "rating", json_integer(job->rating));
}
