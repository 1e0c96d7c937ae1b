/*
 * by-date/ and by-id/: symbolic links to pictures, so that they can be found by their day and by
 * the service's id.
 *
 * Happy path: by-date/2026-11-22/141503-fox.png is there for the picture that images/fox.png is,
 * named by the local time at which it came; by-id/PREDICTION.png for every picture there is, also
 * for one whose name was asked again. Where a link leads to is worked out when it is read.
 *
 * Failures: a name that is taken gets a number; a prediction's id that cannot be a file name (it is
 * a text of the network) gives its digest instead. What cannot be made is logged; everything else
 * goes on.
 *
 * On close links_forget takes every link of the job away.
 */
#include "pimagefs/links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/clock.h"
#include "pimagefs/log.h"
#include "pimagefs/names.h"
#include "pimagefs/utf8.h"

#define MOST_NUMBERS 1000 /* tried for one name */
#define NUMBER_ROOM 5     /* "-1000" */
#define ENDING_ROOM 5     /* ".webp" */
#define STEM_MAX (NAMES_MAX - NUMBER_ROOM - ENDING_ROOM)

struct links {
	struct node *by_date, *by_id;
};

struct link {
	struct entry *entry; /* NULL: not there */
	unsigned number;     /* behind its name; 1: none */
};

/* What a job has here. */
struct pair {
	struct link date, id;
};

/* How a link should be called. */
struct wish {
	char folder[CLOCK_DAY]; /* "": none below the area's own */
	char stem[STEM_MAX + 1];
	const char *ending;
};

int links_new(struct links **out, struct node *by_date, struct node *by_id)
{
	struct links *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->by_date = by_date;
	l->by_id = by_id;
	*out = l;
	return 0;
}

void links_free(struct links *l)
{
	free(l);
}

/* --- names --- */

/* False: this job has no such link. */
static bool wish_by_date(const struct job *job, struct wish *w)
{
	char time[CLOCK_TIME];
	size_t size;

	if (!job->current || !job_has_picture(job))
		return false;
	clock_local(job->completed_ms, w->folder, time);
	size = utf8_cut(job->id, strlen(job->id), STEM_MAX - CLOCK_TIME);
	snprintf(w->stem, sizeof(w->stem), "%s-%.*s", time, (int)size, job->id);
	for (char *p = w->stem; *p; p++)
		if (*p == '/')
			*p = '-';
	w->ending = picture_ending(job->picture.kind);
	return true;
}

static bool wish_by_id(const struct job *job, struct wish *w)
{
	char sum[DIGEST_HEX];
	const char *id = job->prediction_id;

	if (!id || !job_has_picture(job))
		return false;
	w->folder[0] = '\0';
	if (names_is_plain(id, STEM_MAX))
		snprintf(w->stem, sizeof(w->stem), "%s", id);
	else if (digest_sha256(id, strlen(id), sum) == 0)
		snprintf(w->stem, sizeof(w->stem), "sha256-%s", sum);
	else
		return false;
	w->ending = picture_ending(job->picture.kind);
	return true;
}

static void write_name(const struct wish *w, unsigned number, char out[NAMES_MAX + 1])
{
	char text[NUMBER_ROOM + 1] = "";

	if (number > 1)
		snprintf(text, sizeof(text), "-%u", number % 10000);
	snprintf(out, NAMES_MAX + 1, "%s%s%s", w->stem, text, w->ending);
}

static bool is_called(const struct link *link, const struct wish *w)
{
	char name[NAMES_MAX + 1];

	write_name(w, link->number, name);
	return strcmp(link->entry->name, name) == 0 &&
	       (!*w->folder || strcmp(link->entry->folder->home->name, w->folder) == 0);
}

/* --- links --- */

static void drop(struct link *link)
{
	struct node *folder;

	if (!link->entry)
		return;
	folder = link->entry->folder;
	link->entry->node->data = NULL;
	tree_unlink(link->entry);
	link->entry = NULL;
	tree_prune(folder);
}

static int add(struct node *area, struct job *job, const struct wish *w, struct link *link)
{
	char name[NAMES_MAX + 1];
	struct node *folder = area, *node;
	int r = tree_make(area->tree, NODE_LINK, area->area, 0777, &node);

	if (r < 0)
		return r;
	node->data = job;
	r = tree_walk(area, w->folder, true, 0755, &folder);
	for (link->number = 1; r == 0; link->number++) {
		write_name(w, link->number, name);
		r = tree_link(folder, name, node, true, &link->entry);
		if (r != -EEXIST)
			break;
		r = link->number < MOST_NUMBERS ? 0 : r;
	}
	if (r == 0) {
		node_touch(folder, node->mtime_ns);
		node_touch(node, job->completed_ms * 1000000);
	} else {
		node->data = NULL;
		tree_prune(folder);
	}
	node_unpin(node);
	return r;
}

/* w NULL: it should not be there. */
static int settle(struct node *area, struct job *job, const struct wish *w, struct link *link)
{
	if (link->entry && w && is_called(link, w))
		return 0;
	drop(link);
	return w ? add(area, job, w, link) : 0;
}

void links_update(struct links *l, struct job *job)
{
	struct wish date, id;
	bool has_date = wish_by_date(job, &date), has_id = wish_by_id(job, &id);
	struct pair *pair = job->links;
	int r, r_id;

	if (!pair && !has_date && !has_id)
		return;
	if (!pair)
		pair = job->links = calloc(1, sizeof(*pair));
	if (!pair) {
		log_warn("out of memory: by-date/ and by-id/ do not show %s", job->id);
		return;
	}
	r = settle(l->by_date, job, has_date ? &date : NULL, &pair->date);
	r_id = settle(l->by_id, job, has_id ? &id : NULL, &pair->id);
	if (r < 0 || r_id < 0)
		log_warn("by-date/ and by-id/ do not show %s: %s", job->id,
			 strerror(r < 0 ? -r : -r_id));
}

void links_forget(struct links *l, struct job *job)
{
	struct pair *pair = job->links;

	(void)l;
	if (!pair)
		return;
	drop(&pair->date);
	drop(&pair->id);
	free(pair);
	job->links = NULL;
}

/* --- reading --- */

int links_target(const struct node *link, struct buf *out)
{
	const struct job *job = link->data;
	const struct pair *pair = job ? job->links : NULL;

	if (!pair)
		return -ENOENT;
	if (link->area == AREA_BY_DATE)
		return buf_printf(out, "../../images/%s%s", job->id,
				  picture_ending(job->picture.kind));
	if (job->current)
		return buf_printf(out, "../images/%s%s", job->id,
				  picture_ending(job->picture.kind));
	/* images/ resolves what by-id/ lists. */
	return buf_printf(out, "../images/%s", pair->id.entry ? pair->id.entry->name : "");
}

struct job *links_find(const struct links *l, const char *name)
{
	const struct entry *entry = l ? tree_entry(l->by_id, name) : NULL;

	return entry ? entry->node->data : NULL;
}
