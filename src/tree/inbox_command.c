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

int inbox_each_of(struct inbox *in, const struct inbox_meant *what,
		  int (*fn)(struct engine *e, struct job *job))
{
	size_t n, done = 0;
	uint64_t *numbers = meant(in, what, &n);
	int r = numbers ? -EINVAL : -ENOMEM;

	for (size_t i = 0; numbers && i < n; i++) {
		struct job *one = engine_find_number(in->engine, numbers[i]);
		int said = one ? fn(in->engine, one) : -ENOENT;

		if (said == 0)
			done++;
		else
			r = said;
	}
	free(numbers);
	return done ? 0 : r;
}

int inbox_delete(struct inbox *in, const struct inbox_meant *what)
{
	struct reqfile *file = file_of(what->job);
	const struct entry *home = file && file->job == what->job ? file->node->home : NULL;
	size_t n;
	uint64_t *numbers = meant(in, what, &n);
	struct node *node;
	int r = numbers ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = engine_may_dismiss(in->engine, engine_find_number(in->engine, numbers[i]));
	if (r == 0 && home) {
		node = home->node;
		node_pin(node);
		r = inbox_unlink(in, home->folder, home->name);
		node->superseded = !node->home; /* the kernel did not hear of it */
		node_unpin(node);
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct job *one = engine_find_number(in->engine, numbers[i]);

		if (one) /* a refused one went with its file */
			r = engine_dismiss(in->engine, one);
	}
	free(numbers);
	return r;
}

/* The file asks for the new one in place of the old. */
static void take_place(struct inbox *in, struct reqfile *file, struct job *old, struct job *new)
{
	if (file->batch)
		batch_replace(file->batch, old->number, new->number);
	if (file->job == old)
		file->job = new;
	ledger_dirty(in->ledger, &file->item);
}

/* 0 if it could be done to one. */
static int again_each(struct inbox *in, const uint64_t *numbers, size_t n, bool other_seed)
{
	size_t done = 0;
	int r = -EINVAL;

	for (size_t i = 0; i < n; i++) {
		struct job *old = engine_find_number(in->engine, numbers[i]), *new;
		struct reqfile *file = file_of(old);
		int said = engine_again(in->engine, old, other_seed, &new);

		if (said == 0 && file)
			take_place(in, file, old, new);
		if (said == 0)
			done++;
		else
			r = said;
	}
	return done ? 0 : r;
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
