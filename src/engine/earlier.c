/*
 * How many pictures a name has had: so that status/ can say that fox.txt and fox.json, or the same
 * name written again, were several requests of which only the last is seen.
 *
 * Happy path: each job with a picture is counted on the shelf of its id, and leaves it when its
 * picture goes, or its id changes. A shelf goes with its last picture.
 *
 * Failures: without memory a picture is not counted.
 *
 * On close the jobs leave their shelves as they go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine_internal.h"

struct shelf {
	unsigned pictures;
	char id[];
};

static struct shelf *shelf_of(struct engine *e, const char *id)
{
	struct shelf *s = map_get(e->shelves, id);
	size_t size = strlen(id) + 1;

	if (s)
		return s;
	s = malloc(sizeof(*s) + size);
	if (!s)
		return NULL;
	s->pictures = 0;
	memcpy(s->id, id, size);
	if (map_set(e->shelves, id, s) == 0)
		return s;
	free(s);
	return NULL;
}

static void leave(struct engine *e, struct job *job)
{
	struct shelf *s = job->shelf;

	job->shelf = NULL;
	if (--s->pictures)
		return;
	map_remove(e->shelves, s->id);
	free(s);
}

/* Who has the name now says another number in status/. */
static void show_current(struct engine *e, const char *id, const struct job *job)
{
	struct job *current = jobs_find(e->jobs, id);

	if (current && current != job)
		jobs_show(e->jobs, current);
}

static void on_job(struct job *job, enum jobs_change change, void *data)
{
	struct engine *e = data;
	struct shelf *s = job->shelf;
	bool has = change != JOBS_GONE && job->state == JOB_READY && job->picture_path &&
		   !job->dismissed;

	if (s && has && strcmp(s->id, job->id) == 0)
		return;
	if (s && change != JOBS_GONE) /* at the end the others may have gone before it */
		show_current(e, s->id, job);
	if (s)
		leave(e, job);
	s = has ? shelf_of(e, job->id) : NULL;
	if (!s)
		return;
	s->pictures++;
	job->shelf = s;
	show_current(e, s->id, job);
}

int earlier_init(struct engine *e)
{
	e->shelves = map_new();
	return e->shelves ? jobs_listen(e->jobs, on_job, e) : -ENOMEM;
}

unsigned engine_earlier_pictures(const struct engine *e, const struct job *job)
{
	const struct shelf *s = map_get(e->shelves, job->id);

	return s ? s->pictures - (job->shelf == s) : 0;
}
