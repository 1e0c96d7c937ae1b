/*
 * What became of a request, for a program (status/<id>.json) and for a person
 * (images/<id>.error.txt). Absent means unknown; secrets are masked by request_masked; the link is
 * not shown, for it is public to who knows it.
 */
#include "pimagefs/report.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/clock.h"

static void put(json_t *o, const char *key, json_t *value)
{
	if (value)
		json_object_set_new(o, key, value);
}

static void put_text(json_t *o, const char *key, const char *text)
{
	if (text && *text)
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

static void put_picture(json_t *o, const struct job *job, const char *library)
{
	json_t *image;

	if (job->state != JOB_READY || !job->picture_path || job->dismissed)
		return;
	image = json_pack("{s:o, s:I, s:s, s:i, s:i, s:s}", "path",
			  json_sprintf("%s/%s", library, job->picture_path), "bytes",
			  (json_int_t)job->picture_bytes, "mime", picture_mime(job->picture.kind),
			  "width", (int)job->picture.width, "height", (int)job->picture.height,
			  "sha256", job->sha256);
	put(o, "image", image);
}

/* Who reads the service's answer writes "retry ID", for only here the id is known. */
static int write_hint(struct buf *out, const struct job *job, const struct error *error)
{
	static const char any[] = "'retry ID'";
	const char *hint = error->hint, *at = strstr(hint, any);

	if (!at || strchr(job->id, '\''))
		return buf_puts(out, hint);
	return buf_printf(out, "%.*s'retry %s'%s", (int)(at - hint), hint, job->id,
			  at + sizeof(any) - 1);
}

static void put_error(json_t *o, const struct job *job, const struct error *error)
{
	struct buf hint = BUF_INIT;
	json_t *e;

	if (!error)
		return;
	e = json_object();
	put_text(e, "class", error_class_name(error->class));
	put_text(e, "message", error->message);
	put_text(e, "details", error->details);
	if (error->http_status)
		put(e, "http_status", json_integer(error->http_status));
	put_text(e, "request_id", error->request_id);
	if (write_hint(&hint, job, error) == 0)
		put_text(e, "hint", buf_text(&hint));
	buf_release(&hint);
	put(o, "error", e);
}

int report_status(const struct job *job, unsigned position, const struct error *waits,
		  const struct request_rules *rules, const char *library, struct buf *out)
{
	json_t *o = json_object();
	char *text;
	int r = -ENOMEM;

	put_text(o, "id", job->id);
	put_text(o, "state", job_state_name(job->state));
	put_text(o, "prompt", job->prompt);
	if (job->input)
		put(o, "request", request_masked(rules, job->input));
	if (job->has_seed)
		put(o, "seed", json_integer(job->seed));
	put_text(o, "prediction_id", job->prediction_id);
	put_text(o, "reused_from", job->reused_from);
	put_time(o, "created_at", job->created_ms);
	put_time(o, "submitted_at", job->submitted_ms);
	put_time(o, "completed_at", job->completed_ms);
	if (position)
		put(o, "queue_position", json_integer(position));
	put(o, "attempts", json_integer(job->attempts));
	put(o, "polls", json_integer(job->polls));
	if (job->predict_time_s >= 0)
		put(o, "predict_time", json_real(job->predict_time_s));
	if (job->cost_usd >= 0)
		put(o, "cost", json_real(job->cost_usd));
	put_picture(o, job, library);
	put_error(o, job, waits ? waits : job->error);
	text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	if (text && buf_puts(out, text) == 0)
		r = buf_puts(out, "\n");
	free(text);
	json_decref(o);
	return r;
}

static int put_line(struct buf *out, const char *label, const char *text)
{
	return text && *text ? buf_printf(out, "%s%s\n", label, text) : 0;
}

static int put_hint(struct buf *out, const struct job *job)
{
	int r = buf_puts(out, "\nHint: ");

	if (r == 0)
		r = write_hint(out, job, job->error);
	return r == 0 ? buf_puts(out, "\n") : r;
}

int report_reason(const struct job *job, struct buf *out)
{
	const struct error *e = job->error;
	char when[CLOCK_TEXT];
	int r = buf_printf(out, "There is no picture for \"%s\".\n\n", job->id);

	if (r == 0 && e)
		r = put_line(out, "", e->message);
	if (r == 0 && e)
		r = put_line(out, "", e->details);
	if (r == 0 && e && e->hint[0])
		r = put_hint(out, job);
	if (r == 0)
		r = put_line(out, "\nPrompt: ", job->prompt);
	if (r == 0)
		r = put_line(out, "Prediction: ", job->prediction_id);
	if (r == 0 && e)
		r = put_line(out, "Request id at the service: ", e->request_id);
	if (r == 0 && job->completed_ms) {
		clock_rfc3339(job->completed_ms, when);
		r = put_line(out, "When: ", when);
	}
	return r;
}
