/*
 * rebuild_files: the request files of a damaged database, each tied to its job again.
 *
 * Happy path: the row goes into the new database as it is.
 *
 * Failures: rows with an impossible or doubled path are left out, attributes that make no sense are
 * dropped. A file whose job is lost gets the job of its id that has the same prompt, else one that
 * is held: without a job, the next touch of the file would send it once more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/clock.h"
#include "pimagefs/log.h"
#include "pimagefs/names.h"
#include "pimagefs/rng.h"
#include "pimagefs/xattrs.h"
#include "rebuild_internal.h"

#define SEED_BELOW (1ULL << 31)
#define MOST_NUMBER (UINT64_MAX >> 2) /* what is above is damage */

int rebuild_check_path(const char *path, bool file)
{
	bool fits = strlen(path) <= NAMES_PATH_MAX;
	char *copy = fits ? strdup(path) : NULL, *rest = copy, *part;
	int r = !fits ? -EINVAL : copy ? 0 : -ENOMEM;

	while (r == 0 && (part = strsep(&rest, "/")))
		r = rest || !file ? names_check_folder(part) : names_check(part, true);
	free(copy);
	return r;
}

static bool is_draft(const struct rebuild *b, const char *path)
{
	return names_is_draft(path, b->on->settings->requests.ignore,
			      b->on->settings->requests.n_ignore);
}

static int held_job(struct rebuild *b, const char *id, const struct store_file *row,
		    const struct request *request, struct job **out)
{
	struct job *job = job_new(b->last_number + 1, id, row->mtime_ns / 1000000);
	int r = job ? job_set_text(&job->prompt, request->prompt) : -ENOMEM;

	if (r == 0)
		r = job_set_text(&job->input, request->input);
	if (r < 0) {
		job_free(job);
		return r;
	}
	job->has_seed = request->has_seed;
	job->seed = request->seed;
	rebuild_hold(b, job);
	r = rebuild_take(b, job);
	if (r == 0)
		r = rebuild_make_current(b, job);
	if (r == 0)
		*out = job;
	return r;
}

static int job_of(struct rebuild *b, const struct store_file *row, const struct request *request,
		  struct job **out)
{
	char *id = strndup(row->path, names_id_length(row->path));
	struct job *job = id ? map_get(b->currents, id) : NULL;
	int r = id ? 0 : -ENOMEM;

	if (job && job->prompt && strcmp(job->prompt, request->prompt) == 0)
		*out = job;
	else if (r == 0)
		r = held_job(b, id, row, request, out);
	free(id);
	return r;
}

/* 0: nobody's, because it was never a request. */
static int find_job(struct rebuild *b, const struct store_file *row, uint64_t *number)
{
	const char *slash = strrchr(row->path, '/');
	struct request request = { 0 };
	struct job *job = NULL;
	struct error why;
	int r;

	*number = 0;
	if (is_draft(b, row->path) || request_is_blank(row->text, row->size))
		return 0;
	r = request_parse(b->on->rules, slash ? slash + 1 : row->path, row->text, row->size,
			  &request, &why);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (request.wants_seed)
		r = request_set_seed(&request, (int64_t)rng_below(SEED_BELOW));
	if (r == 0)
		r = job_of(b, row, &request, &job);
	request_release(&request);
	if (r == 0)
		*number = job->number;
	return r;
}

static bool are_xattrs(const struct store_file *row)
{
	struct xattrs x = XATTRS_INIT;
	bool fine = xattrs_load(&x, row->xattrs, row->xattrs_size) == 0;

	xattrs_release(&x);
	return fine;
}

int rebuild_note_number(const struct store_file *row, void *data)
{
	struct rebuild *b = data;

	if (row->job > b->last_number && row->job <= MOST_NUMBER)
		b->last_number = row->job;
	return 0;
}

int rebuild_file(const struct store_file *row, void *data)
{
	struct rebuild *b = data;
	struct store_file file = *row;
	int r = rebuild_check_path(row->path, true);

	if (r == -ENOMEM)
		return r;
	if (r < 0 || map_get(b->file_paths, row->path)) {
		log_warn("request file %llu of the damaged database is left out: its path",
			 (unsigned long long)row->number);
		return 0;
	}
	r = map_set(b->file_paths, row->path, b);
	if (row->xattrs_size && !are_xattrs(row))
		file.xattrs_size = 0;
	if (r == 0 && (!row->job || !map_get_u64(b->numbers, row->job))) {
		file.unsent = false;
		r = find_job(b, row, &file.job);
	}
	if (r == 0)
		r = store_put_file(b->on->store, &file);
	b->files++;
	return r;
}
