/*
 * control/events: a file that grows by a line of JSON with each change of a state.
 *
 * Happy path: the last EVENTS_ROOM bytes are kept; when that is full the older half goes, at the
 * end of a line. Offsets count from the first line of the mount, so that who follows goes on where
 * they were.
 *
 * Failures: who comes too late for a line goes on with the oldest that is kept, and gets each line
 * once. Without memory a line is missing.
 *
 * On close nothing is left of it: it tells of this mount.
 */
#include "pimagefs/events.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/fields.h"

struct events {
	const struct world *world;
	struct node *node;
	struct buf text;
	uint64_t start; /* the offset of its first byte */
};

int events_new(struct events **out, const struct world *world, struct node *node)
{
	struct events *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->world = world;
	e->node = node;
	*out = e;
	return 0;
}

void events_free(struct events *e)
{
	if (!e)
		return;
	buf_release(&e->text);
	free(e);
}

static json_t *error_of(const struct error *error)
{
	json_t *o = error ? json_object() : NULL;

	if (!o)
		return NULL;
	field_text(o, "class", error_class_name(error->class));
	field_text(o, "message", error->message);
	return o;
}

static char *line_of(const struct job *job, int64_t now_ms)
{
	json_t *o = json_object();
	char *text;

	field_time(o, "ts", now_ms);
	field_text(o, "event", "state");
	field_text(o, "id", job->id);
	field_text(o, "state", job_state_name(job->state));
	field_text(o, "model", job->model);
	field_text(o, "prediction_id", job->prediction_id);
	if (job->attempts)
		field_put(o, "attempts", json_integer(job->attempts));
	if (job->state == JOB_READY) {
		field_put(o, "bytes", json_integer(job->picture_bytes));
		field_known(o, "predict_time", job->predict_time_s);
		field_known(o, "cost", job->cost_usd);
	}
	field_put(o, "error", error_of(job->error));
	text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(o);
	return text;
}

static void make_room(struct events *e, size_t size)
{
	const char *from = e->text.data + e->text.size / 2, *end;
	size_t gone;

	if (e->text.size + size <= EVENTS_ROOM)
		return;
	end = memchr(from, '\n', e->text.size - e->text.size / 2);
	gone = end ? (size_t)(end - e->text.data) + 1 : e->text.size;
	memmove(e->text.data, e->text.data + gone, e->text.size - gone);
	buf_resize(&e->text, e->text.size - gone);
	e->start += gone;
}

void events_on_job(struct job *job, enum jobs_change change, void *data)
{
	struct events *e = data;
	int64_t now_ms;
	char *line;

	if (change != JOBS_MOVED)
		return;
	now_ms = world_wall_ms(e->world);
	line = line_of(job, now_ms);
	if (!line)
		return;
	make_room(e, strlen(line) + 1);
	if (buf_printf(&e->text, "%s\n", line) == 0 && e->node) {
		node_touch(e->node, now_ms * 1000000);
		node_changed(e->node);
	}
	free(line);
}

uint64_t events_end(const struct events *e)
{
	return e->start + e->text.size;
}

size_t events_read(const struct events *e, uint64_t *at, size_t size, const char **bytes)
{
	const char *end;
	size_t left;

	if (*at < e->start)
		*at = e->start;
	if (*at >= events_end(e))
		return 0;
	left = (size_t)(events_end(e) - *at);
	*bytes = e->text.data + (*at - e->start);
	if (left <= size)
		return left;
	end = memrchr(*bytes, '\n', size);
	return end ? (size_t)(end - *bytes) + 1 : size;
}
