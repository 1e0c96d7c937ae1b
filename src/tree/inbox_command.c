/*
 * What the user commands of a request in control/ctl, which may be one of several pictures.
 *
 * Happy path: the job that the name means is looked up by who calls; if it stands for a set, each
 * of that is meant, also when the set's file is gone.
 *
 * Failures: what cannot be done to any of them is the command's failure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inbox_internal.h"
#include "pimagefs/log.h"

/* The file that holds the job's text, or NULL. */
static struct reqfile *file_of(const struct job *job)
{
	const struct node *node = job->file;

	return node ? node->data : NULL;
}

/* Those of several whose file is gone, in their order. */
struct parts {
	const char *id; /* of the file */
	struct job **jobs;
	size_t n, room;
};

static int note_part(struct job *job, void *data)
{
	struct parts *p = data;
	struct job **jobs = p->jobs;

	if (!job->current || !inbox_is_part_of(job, p->id))
		return 0;
	if (p->n == p->room) {
		p->room = p->room ? 2 * p->room : 64;
		jobs = realloc(jobs, p->room * sizeof(struct job *));
	}
	if (!jobs)
		return -ENOMEM;
	p->jobs = jobs;
	p->jobs[p->n++] = job;
	return 0;
}

static int by_part(const void *a, const void *b)
{
	const struct job *const *x = a, *const *y = b;

	return ((*x)->part > (*y)->part) - ((*x)->part < (*y)->part);
}

static uint64_t *all_of_set(const struct inbox *in, const struct job *one, size_t *n)
{
	const char *slash = strrchr(one->id, '/');
	struct parts p = { .id = strndup(one->id, (size_t)(slash - one->id)) };
	uint64_t *numbers = NULL;

	if (p.id && engine_each(in->engine, note_part, &p) == 0)
		numbers = calloc(p.n, sizeof(*numbers));
	if (numbers)
		qsort(p.jobs, p.n, sizeof(struct job *), by_part);
	for (*n = 0; numbers && *n < p.n; ++*n)
		numbers[*n] = p.jobs[*n]->number;
	free(p.jobs);
	free((char *)p.id);
	return numbers;
}

/* The numbers of the jobs that are meant. The caller's; NULL when out of memory. */
static uint64_t *meant(const struct inbox *in, const struct inbox_meant *what, size_t *n)
{
	const struct reqfile *file = file_of(what->job);
	const struct batch *batch = file && file->job == what->job ? file->batch : NULL;
	uint64_t *numbers;

	*n = 0;
	if (what->all)
		return all_of_set(in, what->job, n);
	numbers = calloc(batch_size(batch) + 1, sizeof(*numbers));
	for (size_t i = 0; numbers && batch && i < batch_size(batch); i++)
		if (batch_job(batch, i, in->engine, file->number))
			numbers[(*n)++] = batch_number(batch, i);
	if (numbers && !batch)
		numbers[(*n)++] = what->job->number;
	return numbers;
}

enum job_state inbox_state(const struct inbox *in, const struct job *job)
{
	const struct reqfile *file = file_of(job);

	return file && file->job == job && file->batch
		       ? batch_state(file->batch, in->engine, file->number)
		       : job->state;
}

int inbox_wish(struct inbox *in, const struct inbox_meant *what, enum wish wish)
{
	size_t n;
	uint64_t *numbers = meant(in, what, &n);
	int r = numbers ? engine_wish(in->engine, wish, numbers, n) : -ENOMEM;

	free(numbers);
	return r;
}

/* --- delete --- */

/* 0, or why one of their pictures cannot leave the library; refused and empty requests, which go
 * with their file, are taken off the list. */
static int may_dismiss(const struct inbox *in, uint64_t *numbers, size_t *n, bool with_file)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < *n; i++) {
		const struct job *one = engine_find_number(in->engine, numbers[i]);

		if (!one || (with_file && (one->state == JOB_INVALID || !one->input)))
			continue;
		r = engine_may_dismiss(in->engine, one);
		numbers[kept++] = numbers[i];
	}
	*n = kept;
	return r;
}

static int delete_with_file(struct inbox *in, struct entry *home, const uint64_t *numbers, size_t n)
{
	struct node *node = home->node;
	int r;

	node_pin(node);
	r = inbox_forget(in, home, WISH_DISMISS, numbers, n);
	node->superseded = !node->home; /* the kernel did not hear of it */
	node_unpin(node);
	return r;
}

int inbox_delete(struct inbox *in, const struct inbox_meant *what)
{
	const struct reqfile *file = file_of(what->job);
	struct entry *home = file && file->job == what->job ? file->node->home : NULL;
	size_t n;
	uint64_t *numbers = meant(in, what, &n);
	int r = numbers ? may_dismiss(in, numbers, &n, home) : -ENOMEM;

	if (r == 0 && home)
		r = delete_with_file(in, home, numbers, n);
	else if (r == 0)
		r = engine_wish(in->engine, WISH_DISMISS, numbers, n);
	free(numbers);
	return r;
}

/* --- again --- */

/* One that was asked again, and how all stood before. */
struct again {
	struct job *old, *new;
	uint64_t current; /* the number of the one that had the id; 0: none had */
	struct reqfile *file;
	void *node; /* the file's */
	uint64_t set;
};

/* The file asks for the new one in place of the old. */
static void take_place(struct inbox *in, struct reqfile *file, struct job *old, struct job *new)
{
	if (file->batch)
		batch_replace(file->batch, old->number, new->number);
	if (file->job == old)
		file->job = new;
	ledger_dirty(in->ledger, &file->item);
}

static void again_undo(struct inbox *in, const struct again *a)
{
	struct job *current;

	if (a->file)
		take_place(in, a->file, a->new, a->old);
	engine_discard(in->engine, a->new);
	engine_set_of(in->engine, a->old, a->node, a->set);
	current = engine_find_number(in->engine, a->current);
	if (current && engine_rename(in->engine, current, a->old->id) < 0)
		log_warn("out of memory: %s has lost its name in images/", a->old->id);
}

static int again_one(struct inbox *in, struct job *old, bool other_seed, struct again *out)
{
	const struct job *current = engine_find(in->engine, old->id);
	struct again a = { .old = old,
			   .current = current ? current->number : 0,
			   .file = file_of(old),
			   .node = old->file,
			   .set = old->set };
	int r = engine_again(in->engine, old, other_seed, &a.new);

	if (r == 0 && a.file)
		take_place(in, a.file, old, a.new);
	*out = a;
	return r;
}

/* 0 if it could be done to one, and is on disk. */
static int again_each(struct inbox *in, const uint64_t *numbers, size_t n, bool other_seed)
{
	struct again *all = calloc(n + 1, sizeof(*all));
	size_t done = 0;
	int r = all ? -EINVAL : -ENOMEM;

	for (size_t i = 0; all && i < n; i++) {
		struct job *old = engine_find_number(in->engine, numbers[i]);
		int said = old ? again_one(in, old, other_seed, &all[done]) : -ENOENT;

		if (said == 0)
			done++;
		else
			r = said;
	}
	if (done)
		r = ledger_sync(in->ledger);
	for (size_t i = done; r < 0 && i-- > 0;)
		again_undo(in, &all[i]);
	free(all);
	return r;
}

int inbox_again(struct inbox *in, const struct inbox_meant *what, bool other_seed)
{
	struct error why;
	size_t n;
	uint64_t *numbers = meant(in, what, &n);
	int r = numbers ? engine_may_accept(in->engine) : -ENOMEM;

	if (r == 0)
		r = engine_may_take(in->engine, n, 0, &why);
	if (r == 0)
		r = again_each(in, numbers, n, other_seed);
	free(numbers);
	return r;
}
