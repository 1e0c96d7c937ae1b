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
#include "pimagefs/fields.h"
#include "pimagefs/json_text.h"

static void put_picture(json_t *o, const struct job *job, const char *library)
{
	json_t *image;

	if (!job_has_picture(job))
		return;
	image = json_pack("{s:o, s:I, s:s, s:i, s:i, s:s}", "path",
			  json_sprintf("%s/%s", library, job->picture_path), "bytes",
			  (json_int_t)job->picture_bytes, "mime", picture_mime(job->picture.kind),
			  "width", (int)job->picture.width, "height", (int)job->picture.height,
			  "sha256", job->sha256);
	field_put(o, "image", image);
}

static void put_error(json_t *o, const struct job *job, const struct error *error)
{
	struct buf hint = BUF_INIT;
	json_t *e;

	if (!error)
		return;
	e = json_object();
	field_text(e, "class", error_class_name(error->class));
	field_text(e, "message", error->message);
	field_text(e, "details", error->details);
	if (error->http_status)
		field_put(e, "http_status", json_integer(error->http_status));
	field_text(e, "request_id", error->request_id);
	if (advice_text(error->advice, job->id, &hint) == 0)
		field_text(e, "hint", buf_text(&hint));
	buf_release(&hint);
	field_put(o, "error", e);
}

/* Takes the object. */
static int write_out(json_t *o, struct buf *out)
{
	char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	int r = text ? buf_printf(out, "%s\n", text) : -ENOMEM;

	free(text);
	json_decref(o);
	return r;
}

int report_status(const struct job *job, const struct report_more *more, struct buf *out)
{
	json_t *o = json_object(), *origins;
	json_error_t fault;

	field_text(o, "id", job->id);
	field_text(o, "state", job_state_name(job->state));
	field_text(o, "request_file", more->request_file);
	field_text(o, "model", job->model);
	field_text(o, "prompt", job->prompt);
	if (job->input)
		field_put(o, "request", request_masked(job->input));
	if (job->has_seed)
		field_put(o, "seed", json_integer(job->seed));
	if (job->origins &&
	    json_text_read(job->origins, strlen(job->origins), 0, &origins, &fault) == 0)
		field_put(o, "origins", origins);
	field_course(o, job);
	field_time(o, "submitted_at", job->submitted_ms);
	if (more->position)
		field_put(o, "queue_position", json_integer(more->position));
	field_put(o, "attempts", json_integer(job->attempts));
	field_put(o, "polls", json_integer(job->polls));
	field_put(o, "earlier_pictures", json_integer(more->earlier_pictures));
	put_picture(o, job, more->library);
	field_marks(o, job);
	put_error(o, job, more->waits ? more->waits : job->error);
	return write_out(o, out);
}

static json_t *part_of_set(const struct job *job)
{
	json_t *o = json_object();

	field_text(o, "id", job->id);
	field_text(o, "state", job_state_name(job->state));
	field_text(o, "prompt", job->prompt);
	if (job->has_seed)
		field_put(o, "seed", json_integer(job->seed));
	if (job->error)
		field_text(o, "error", job->error->message);
	return o;
}

int report_set(const struct job *job, const struct report_more *more, const struct engine *e,
	       const struct batch *batch, uint64_t file, struct buf *out)
{
	json_t *o = json_object(), *parts = json_array(), *counts = json_object();
	enum job_state state = job->state == JOB_DRAFT ? batch_state(batch, e, file) : job->state;
	unsigned of_state[JOB_STATES] = { 0 }, n = 0;

	for (size_t i = 0; i < batch_size(batch); i++) {
		const struct job *part = batch_job(batch, i, e, file);

		if (!part)
			continue;
		of_state[part->state]++;
		n++;
		json_array_append_new(parts, part_of_set(part));
	}
	field_text(o, "id", job->id);
	field_text(o, "state", job_state_name(state));
	field_text(o, "request_file", more->request_file);
	field_time(o, "created_at", job->created_ms);
	field_put(counts, "asked", json_integer(n));
	for (int s = 0; s < JOB_STATES; s++)
		if (of_state[s])
			field_put(counts, job_state_name(s), json_integer(of_state[s]));
	field_put(o, "counts", counts);
	field_put(o, "pictures", parts);
	put_error(o, job, more->waits ? more->waits : job->error);
	return write_out(o, out);
}

static int put_line(struct buf *out, const char *label, const char *text)
{
	return text && *text ? buf_printf(out, "%s%s\n", label, text) : 0;
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
	if (r == 0 && e && e->advice) {
		r = buf_puts(out, "\nHint: ");
		if (r == 0)
			r = advice_text(e->advice, job->id, out);
		if (r == 0)
			r = buf_puts(out, "\n");
	}
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
