/*
 * What gallery.html tells of a job and of the mount: JSON inside a script element of the page.
 *
 * Happy path: absent means unknown, as in status/. "input" is the input's own text, so that what is
 * copied from the page is what was sent, each number to its last digit; "seed" is a text for the
 * same reason. In the element "<" could end it; in JSON it stands in texts only, where its escape
 * means the same.
 *
 * Failures: only -ENOMEM. A secret is left out, not masked: a request that is copied from the page
 * is to be right without it. The link is public to who knows it, so it is not told.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gallery_internal.h"
#include "pimagefs/advice.h"
#include "pimagefs/clock.h"
#include "pimagefs/fields.h"
#include "pimagefs/json_text.h"
#include "pimagefs/library.h"
#include "pimagefs/models.h"
#include "pimagefs/request.h"

#ifndef PIMAGEFS_VERSION
#define PIMAGEFS_VERSION "dev"
#endif

static bool is_shown(const struct job *job)
{
	if (job->dismissed || (job->state == JOB_DRAFT && !job->input))
		return false;
	if (job->state == JOB_READY)
		return job_has_picture(job) && !library_in_trash(job->picture_path);
	return job->current || job_pending(job);
}

/* The name below the mount that is the job's own: what has lost its name to a later request has
 * that of its prediction. */
static void put_path(json_t *o, const struct job *job)
{
	const char *ending = job->state == JOB_READY ? picture_ending(job->picture.kind)
			     : job_pending(job)      ? ".png"
						     : ".error.txt";

	if (!job->current && job->prediction_id)
		field_put(o, "path", json_sprintf("images/%s.png", job->prediction_id));
	else if (job->current && job->state != JOB_CANCELLED)
		field_put(o, "path", json_sprintf("images/%s%s", job->id, ending));
}

static void put_input(json_t *o, const struct job *job)
{
	json_t *masked, *value;
	const char *key;
	char *text;
	void *tmp;

	if (!job->input)
		return;
	if (!request_may_hold_secret(job->input, strlen(job->input))) {
		field_text(o, "input", job->input);
		return;
	}
	masked = request_masked(job->input);
	if (!masked)
		return;
	json_object_foreach_safe(masked, tmp, key, value)
	{
		if (models_secret(key))
			json_object_del(masked, key);
	}
	text = json_text_write(masked);
	field_text(o, "input", text);
	free(text);
	json_decref(masked);
}

static void put_picture(json_t *o, const struct job *job)
{
	if (!job_has_picture(job))
		return;
	field_text(o, "mime", picture_mime(job->picture.kind));
	field_put(o, "bytes", json_integer(job->picture_bytes));
	field_put(o, "width", json_integer(job->picture.width));
	field_put(o, "height", json_integer(job->picture.height));
}

static void put_error(json_t *o, const struct job *job)
{
	struct buf hint = BUF_INIT;
	json_t *e;

	if (!job->error)
		return;
	e = json_object();
	field_text(e, "class", error_class_name(job->error->class));
	field_text(e, "message", job->error->message);
	field_text(e, "details", job->error->details);
	if (advice_text(job->error->advice, job->id, &hint) == 0)
		field_text(e, "hint", buf_text(&hint));
	buf_release(&hint);
	field_put(o, "error", e);
}

static json_t *record_of(const struct job *job)
{
	json_t *o = json_object();

	field_put(o, "number", json_integer((json_int_t)job->number));
	field_text(o, "id", job->id);
	field_text(o, "state", job_state_name(job->state));
	if (!job->current)
		field_put(o, "earlier", json_true());
	put_path(o, job);
	field_text(o, "model", job->model);
	field_text(o, "prompt", job->prompt);
	put_input(o, job);
	if (job->has_seed)
		field_put(o, "seed", json_sprintf("%" PRId64, job->seed));
	field_course(o, job);
	field_time(o, "submitted_at", job->submitted_ms);
	put_picture(o, job);
	field_marks(o, job);
	put_error(o, job);
	return o;
}

static int append_escaped(struct buf *out, const char *text)
{
	int r = 0;

	for (size_t n; r == 0 && *text; text += n) {
		n = strcspn(text, "<");
		r = buf_append(out, text, n);
		if (r == 0 && text[n]) {
			r = buf_puts(out, "\\u003c");
			n++;
		}
	}
	return r;
}

/* Takes the value. */
static int append_json(struct buf *out, json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(15));
	int r = text ? append_escaped(out, text) : -ENOMEM;

	free(text);
	json_decref(value);
	return r;
}

int gallery_record(const struct job *job, struct buf *out)
{
	int r;

	if (!is_shown(job))
		return 0;
	r = buf_puts(out, ",\n");
	return r < 0 ? r : append_json(out, record_of(job));
}

int gallery_preface(const char *mountpoint, int64_t wall_ms, bool complete, struct buf *out)
{
	json_t *o = json_object();
	int r;

	field_text(o, "mount", mountpoint);
	field_text(o, "version", PIMAGEFS_VERSION);
	field_time(o, "made_at", wall_ms);
	field_put(o, "complete", json_boolean(complete));
	if (json_object_size(o) < 4) {
		json_decref(o);
		return -ENOMEM;
	}
	r = append_json(out, o);
	if (r < 0)
		return r;
	r = buf_resize(out, out->size - 1); /* its brace: the list belongs into it */
	return r < 0 ? r : buf_puts(out, ",\"jobs\":[");
}
