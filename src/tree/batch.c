/*
 * batch: the jobs of one file, as numbers. A job's number is never used again, so a job that was
 * forgotten, or that another file has taken over, is just no longer found here.
 *
 * Failures: only -ENOMEM, and nothing has changed then.
 */
#include "pimagefs/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct batch {
	size_t n;
	struct member {
		uint64_t number, from;
	} * of;
};

struct batch *batch_new(void)
{
	return calloc(1, sizeof(struct batch));
}

void batch_free(struct batch *b)
{
	if (b)
		free(b->of);
	free(b);
}

struct batch *batch_copy(const struct batch *b)
{
	struct batch *copy = batch_new();

	for (size_t i = 0; copy && i < b->n; i++) {
		if (batch_add(copy, b->of[i].number, b->of[i].from) < 0) {
			batch_free(copy);
			return NULL;
		}
	}
	return copy;
}

int batch_add(struct batch *b, uint64_t number, uint64_t from)
{
	struct member *of = b->of;

	/* Room for the next power of two. */
	if ((b->n & (b->n - 1)) == 0)
		of = realloc(b->of, (b->n ? 2 * b->n : 1) * sizeof(*of));
	if (!of)
		return -ENOMEM;
	b->of = of;
	b->of[b->n++] = (struct member){ number, from };
	return 0;
}

void batch_replace(struct batch *b, uint64_t number, uint64_t other)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->of[i].number == number)
			b->of[i].number = other;
}

void batch_remove(struct batch *b, uint64_t number)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->n; i++)
		if (b->of[i].number != number)
			b->of[kept++] = b->of[i];
	b->n = kept;
}

size_t batch_size(const struct batch *b)
{
	return b ? b->n : 0;
}

uint64_t batch_number(const struct batch *b, size_t i)
{
	return b->of[i].number;
}

uint64_t batch_from(const struct batch *b, size_t i)
{
	return b->of[i].from;
}

struct job *batch_job(const struct batch *b, size_t i, const struct engine *e, uint64_t file)
{
	struct job *job = engine_find_number(e, b->of[i].number);

	return job && job->set == file ? job : NULL;
}

static int digits(size_t n)
{
	int d = 2;

	for (size_t most = 99; n > most; most = most * 10 + 9)
		d++;
	return d;
}

char *batch_id(const char *id, size_t part, size_t all)
{
	char *out;

	return asprintf(&out, "%s/%0*zu", id, digits(all), part) < 0 ? NULL : out;
}

struct job *batch_first(const struct engine *e, const char *id)
{
	struct job *job = NULL;

	for (size_t all = 99; !job && all < 10000; all = all * 10 + 9) {
		char *first = batch_id(id, 1, all);

		job = first ? engine_find(e, first) : NULL;
		free(first);
		if (job && !job->part)
			job = NULL;
	}
	return job;
}

enum job_state batch_state(const struct batch *b, const struct engine *e, uint64_t file)
{
	static const enum job_state order[] = { JOB_DRAFT,      JOB_QUEUED,      JOB_CREATING,
						JOB_PROCESSING, JOB_DOWNLOADING, JOB_HELD,
						JOB_FAILED,     JOB_CANCELLED,   JOB_READY };
	const size_t states = sizeof(order) / sizeof(*order);
	size_t first = states;

	for (size_t i = 0; i < batch_size(b); i++) {
		const struct job *job = batch_job(b, i, e, file);

		for (size_t s = 0; job && s < first; s++)
			if (order[s] == job->state)
				first = s;
	}
	return first == states ? JOB_DRAFT : order[first];
}
