/*
 * requests/: files that ask for more than one picture.
 *
 * Happy path: each picture is a whole job, whose id is the file's with a number: fox/01, fox/02.
 * They are registered together and submitted together, each in one commit, so that a crash finds
 * all of them or none. The file's own job is a draft that is never sent; it has the id's name in
 * status/ and stands for all. A text written anew asks for all of them again; of a list
 * (NAME.prompts) only for the lines that are new, with numbers that go on.
 *
 * Failures: names that others have, or too many, refuse the whole before anything is registered.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inbox_internal.h"
#include "pimagefs/log.h"
#include "pimagefs/names.h"

#define NUMBER_ROOM 12 /* bytes of "/0000001" and the like */

/* --- names --- */

/* Another file of this id that asks for several: it would have the same names. */
static bool has_rival(const struct node *folder, const char *name, size_t stem,
		      const struct reqfile *file)
{
	list_each (p, &folder->order) {
		const struct entry *e = list_entry(p, struct entry, in_folder);
		const struct reqfile *other = e->node->kind == NODE_REQUEST ? e->node->data : NULL;

		if (other && other != file && other->batch && strcmp(e->name, name) != 0 &&
		    names_id_length(e->name) == stem && strncmp(e->name, name, stem) == 0)
			return true;
	}
	return false;
}

bool inbox_is_taken_by_set(const struct node *folder, const char *name)
{
	return has_rival(folder, name, strlen(name), NULL);
}

/* May the set be called so? 0, -EEXIST, -EINVAL, -ENAMETOOLONG or -ENOMEM. */
int inbox_check_names(const struct reqfile *file, struct node *folder, const char *name,
		      struct error *err)
{
	size_t stem = names_id_length(name);
	char *id = strndup(name, stem);
	struct buf path = BUF_INIT;
	const struct entry *there = id ? tree_entry(folder, id) : NULL;
	int r = id ? inbox_path(folder, id, &path) : -ENOMEM;

	if (r == 0 && path.size + NUMBER_ROOM > NAMES_PATH_MAX)
		r = -ENAMETOOLONG;
	if (r == -ENAMETOOLONG)
		error_invalid(err, "this asks for several pictures, and their names would be too "
				   "long");
	if (r == 0 && names_check_folder(id) < 0)
		r = error_invalid(err,
				  "this asks for several pictures, in a folder images/%s, which "
				  "would look like a file; give the request another name",
				  path.data);
	if (r == 0 && there && there->node->kind == NODE_FOLDER) {
		error_invalid(err,
			      "this asks for several pictures, named %s/01 and so on, but there is "
			      "a folder requests/%s; give the request another name",
			      path.data, path.data);
		r = -EEXIST;
	}
	if (r == 0 && has_rival(folder, name, stem, file)) {
		error_invalid(err,
			      "this asks for several pictures, named %s/01 and so on, as another "
			      "file of that name does; give the request another name",
			      path.data);
		r = -EEXIST;
	}
	buf_release(&path);
	free(id);
	return r;
}

/* Of its text as it was at an earlier FLUSH. */
static size_t count_registered(const struct inbox *in, const struct reqfile *file)
{
	const struct job *job = file->job;
	size_t n = job && job->state == JOB_DRAFT && job->input;

	for (size_t i = 0; i < batch_size(file->batch); i++) {
		job = batch_job(file->batch, i, in->engine, file->number);
		n += job && job->state == JOB_DRAFT && job->input;
	}
	return n;
}

int inbox_check_set(struct inbox *in, const struct reqfile *file, struct node *folder,
		    const char *name, struct error *err)
{
	int r = inbox_check_names(file, folder, name, err);

	return r < 0 ? r
		     : engine_may_take(in->engine, file->understood.n, count_registered(in, file),
				       err);
}

/* --- its jobs --- */

static struct job *part(const struct inbox *in, const struct reqfile *file, size_t i)
{
	return batch_job(file->batch, i, in->engine, file->number);
}

/* The file's job now stands for several. */
static int become_set(struct inbox *in, struct reqfile *file, const char *id)
{
	struct job *old = file->job;
	struct batch *batch = file->batch ? file->batch : batch_new();

	if (!batch)
		return -ENOMEM;
	if (!file->batch && old && old->state != JOB_INVALID &&
	    (old->state != JOB_DRAFT || old->input)) {
		/* One that was asked for alone. */
		file->job = NULL;
		if (old->state == JOB_DRAFT)
			engine_discard(in->engine, old);
		else
			engine_filed(in->engine, old, NULL);
	}
	file->batch = batch;
	if (file->job && file->job->state == JOB_INVALID) {
		engine_discard(in->engine, file->job);
		file->job = NULL;
	}
	if (!file->job) {
		file->job = engine_draft(in->engine, id);
		if (!file->job)
			return -ENOMEM;
		file->job->file = file->node;
	}
	if (strcmp(file->job->id, id) != 0 && engine_rename(in->engine, file->job, id) < 0)
		return -ENOMEM;
	return engine_show_set(in->engine, file->job);
}

/* What the walk over all jobs is about. */
struct walk {
	struct inbox *in;
	struct reqfile *file;
	const char *id;
	uint64_t *numbers; /* found */
	size_t n, room;
	size_t last; /* the highest number of a part that is no draft */
};

static int find_part(struct job *job, void *data)
{
	struct walk *w = data;

	if (!inbox_is_part_of(job, w->id))
		return 0;
	if (job->part > w->last && !(job->state == JOB_DRAFT && job->set == w->file->number))
		w->last = job->part;
	if (w->n == w->room) {
		size_t room = w->room ? 2 * w->room : 64;
		uint64_t *numbers = realloc(w->numbers, room * sizeof(*numbers));

		if (!numbers)
			return -ENOMEM;
		w->numbers = numbers;
		w->room = room;
	}
	w->numbers[w->n++] = job->number;
	return 0;
}

/* Lines that a file had which is about to go are this file's from now on. */
static int adopt(struct walk *w)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->n; i++) {
		struct job *job = engine_find_number(w->in->engine, w->numbers[i]);
		uint64_t from = job->set;

		if (from == w->file->number || !inbox_line_is_asked(job, w->file, w->id))
			continue;
		r = batch_add(w->file->batch, job->number, from);
		if (r == 0)
			engine_set_of(w->in->engine, job, w->file->node, w->file->number);
	}
	return r;
}

/* Another file asks for it, which has the same id. */
static bool is_of_other(const struct job *job, const struct reqfile *file)
{
	const struct node *node = job->set ? job->file : NULL;
	const struct reqfile *other = node ? node->data : NULL;

	return other && other != file && other->number == job->set;
}

/* It was asked for again, and has its name no longer; whose it is it stays. */
static void supersede_one(struct walk *w, struct job *job)
{
	if (w->file->batch)
		batch_remove(w->file->batch, job->number);
	if ((job->set || job->file) && !is_of_other(job, w->file))
		engine_set_of(w->in->engine, job, NULL, 0);
	engine_step_aside(w->in->engine, job);
}

/* All of them. */
static void supersede(struct walk *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct job *job = engine_find_number(w->in->engine, w->numbers[i]);

		if (job && (job->set != w->file->number || job->state != JOB_DRAFT))
			supersede_one(w, job);
	}
}

/* Lines of a list that were never sent, and are asked for now. */
static void supersede_interrupted(struct walk *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct job *job = engine_find_number(w->in->engine, w->numbers[i]);

		if (job && inbox_line_is_new(job, w->file))
			supersede_one(w, job);
	}
}

/* The file's drafts, which are used again, and new ones: `want` of them at the end of the batch;
 * too many go. */
static int make_drafts(struct inbox *in, struct reqfile *file, const char *id, size_t first,
		       size_t want, bool list)
{
	size_t have = 0;

	for (size_t i = 0; i < batch_size(file->batch);) {
		struct job *job = part(in, file, i);
		bool draft = job && job->state == JOB_DRAFT;

		if (job && (!draft || have < want)) {
			have += draft;
			i++;
			continue;
		}
		batch_remove(file->batch, batch_number(file->batch, i));
		if (draft)
			engine_discard(in->engine, job);
	}
	for (; have < want; have++) {
		char *name = batch_id(id, first + have, list ? 0 : want);
		struct job *job = name ? engine_draft(in->engine, name) : NULL;
		int r = job ? batch_add(file->batch, job->number, 0) : -ENOMEM;

		free(name);
		if (r < 0 && job)
			engine_discard(in->engine, job);
		if (r < 0)
			return r;
		job->file = file->node;
		job->set = file->number;
	}
	return 0;
}

/* Its drafts take the requests, in order. */
static int register_all(struct inbox *in, struct reqfile *file, const char *id, size_t first,
			bool list)
{
	size_t next = 0, all = file->understood.n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < batch_size(file->batch); i++) {
		struct job *job = part(in, file, i);
		char *name;

		if (!job || job->state != JOB_DRAFT)
			continue;
		name = batch_id(id, first + next, list ? 0 : all);
		if (!name)
			return -ENOMEM;
		if (strcmp(job->id, name) != 0)
			r = engine_rename(in->engine, job, name);
		free(name);
		job->part = (unsigned)(first + next);
		if (r == 0)
			r = engine_register(in->engine, job, &file->understood.items[next]);
		next++;
	}
	return r;
}

int inbox_enroll_set(struct inbox *in, struct reqfile *file)
{
	struct walk w = { .in = in, .file = file };
	bool list = names_is_list(file->node->home->name);
	char *id = inbox_id(file);
	size_t first = 1;
	int r = id ? become_set(in, file, id) : -ENOMEM;

	w.id = id;
	if (r == 0)
		r = engine_each(in->engine, find_part, &w);
	if (r == 0 && list) {
		first = w.last + 1;
		r = adopt(&w);
	}
	if (r == 0)
		r = make_drafts(in, file, id, first, file->understood.n, list);
	if (r == 0)
		r = register_all(in, file, id, first, list);
	if (r == 0 && list)
		supersede_interrupted(&w);
	else if (r == 0)
		supersede(&w);
	free(w.numbers);
	free(id);
	return r;
}

int inbox_submit_set(struct inbox *in, struct reqfile *file)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < batch_size(file->batch); i++) {
		struct job *job = part(in, file, i);

		if (job && job->state == JOB_DRAFT && job->input)
			r = engine_submit(in->engine, job);
	}
	return r;
}

void inbox_drop_drafts(struct inbox *in, struct reqfile *file)
{
	for (size_t i = batch_size(file->batch); i-- > 0;) {
		struct job *job = part(in, file, i);

		if (!job || job->state != JOB_DRAFT)
			continue;
		batch_remove(file->batch, job->number);
		engine_discard(in->engine, job);
	}
}

int inbox_become_one(struct inbox *in, struct reqfile *file)
{
	struct walk w = { .in = in, .file = file };
	char *id = inbox_id(file);
	int r = id ? 0 : -ENOMEM;

	w.id = id;
	if (file->batch)
		inbox_drop_drafts(in, file);
	/* Those of an earlier text have names that nobody asks for any more. */
	if (r == 0 && (file->batch || batch_first(in->engine, id)))
		r = engine_each(in->engine, find_part, &w);
	if (r == 0)
		supersede(&w);
	if (r == 0 && file->batch) {
		if (file->job)
			engine_discard(in->engine, file->job);
		file->job = NULL;
		batch_free(file->batch);
		file->batch = NULL;
	}
	free(w.numbers);
	free(id);
	return r;
}

void inbox_take_set_along(struct inbox *in, struct reqfile *file, const char *id)
{
	for (size_t i = 0; i < batch_size(file->batch); i++) {
		struct job *job = part(in, file, i);
		const char *number = job ? strrchr(job->id, '/') : NULL;
		char *name;

		if (!number || inbox_is_part_of(job, id))
			continue;
		if (asprintf(&name, "%s%s", id, number) < 0)
			name = NULL;
		if (!name || engine_rename(in->engine, job, name) < 0)
			log_warn("out of memory: %s keeps its old name in images/", job->id);
		free(name);
	}
}

static bool holds(const struct batch *b, uint64_t number)
{
	for (size_t i = 0; i < batch_size(b); i++)
		if (batch_number(b, i) == number)
			return true;
	return false;
}

void inbox_undo_set(struct inbox *in, struct reqfile *file, struct batch **before, const char *id)
{
	for (size_t i = 0; i < batch_size(file->batch); i++) {
		struct job *job = part(in, file, i);

		if (!job || holds(*before, job->number))
			continue;
		if (batch_from(file->batch, i))
			engine_set_of(in->engine, job, NULL, batch_from(file->batch, i));
		else
			engine_discard(in->engine, job); /* it was not yet sent, or stored */
	}
	batch_free(file->batch);
	file->batch = *before;
	*before = NULL;
	if (file->batch && id)
		inbox_take_set_along(in, file, id);
}

/* The set as a whole has changed with one of it. */
void inbox_on_job(struct job *job, enum jobs_change change, void *data)
{
	struct inbox *in = data;
	const struct node *node = job->set ? job->file : NULL;
	const struct reqfile *file = node ? node->data : NULL;

	if (change != JOBS_GONE && file && file->job && file->job != job)
		engine_filed(in->engine, file->job, (void *)node);
}
