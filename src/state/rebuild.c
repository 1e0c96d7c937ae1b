/*
 * rebuild: what is left after the database was damaged or lost.
 *
 * Happy path: the jobs of the database that was put aside, as far as they can be read; then each
 * picture of the library whose job is not among them, as its sidecar tells it; then the request
 * files, each tied to its job again; all in one transaction that ends with the fact "rebuilt".
 *
 * Failures: a sidecar or row that makes no sense is left out, counted and logged. Nothing is ever
 * sent because of what was read here: a queued request is held, since a damaged database may have
 * forgotten that it was sent; so is a create without an answer, whatever api.ambiguous_create says,
 * and a file whose job is lost: without a job, the next touch of the file would send it once more.
 * Anything else rolls back, and the next start begins again.
 *
 * On close: the jobs read here are freed; engine_load reads them from the store.
 */
#include "pimagefs/rebuild.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/expand.h"
#include "pimagefs/log.h"
#include "pimagefs/map.h"
#include "pimagefs/names.h"
#include "pimagefs/salvage.h"
#include "pimagefs/sidecar.h"
#include "pimagefs/xattrs.h"

#define LOGGED 20 /* pictures left out that are named */
#define SEED_BELOW (1ULL << 31)
#define MOST_NUMBER (UINT64_MAX >> 2) /* what is above is damage */

/* What a key of the one index means. */
enum about { CURRENT = 'c', PREDICTION = 'p', PICTURE = 'f', MOMENT = 'm', REQUEST_FILE = 'r' };

struct rebuild {
	const struct rebuild_ground *on;
	struct salvage *salvage; /* NULL: only the library tells */
	struct error *err;
	struct map *jobs;  /* all of them by number; they are ours */
	struct map *index; /* texts to jobs */
	char key[NAMES_PATH_MAX + 64];
	uint64_t last_number;
	unsigned found, left_out, files, held, ready, going_on;
};

/* NULL if it is too long to be one of ours; a buffer, so that want of memory finds nothing anew. */
static const char *key_of(struct rebuild *b, enum about about, int64_t when, const char *text)
{
	int size = snprintf(b->key, sizeof(b->key), "%c%lld/%s", about, (long long)when, text);

	return size < (int)sizeof(b->key) ? b->key : NULL;
}

static int remember(struct rebuild *b, enum about about, int64_t when, const char *text,
		    void *value)
{
	const char *key = text ? key_of(b, about, when, text) : NULL;

	return key ? map_set(b->index, key, value) : 0;
}

static void *recall(struct rebuild *b, enum about about, int64_t when, const char *text)
{
	const char *key = text ? key_of(b, about, when, text) : NULL;

	return key ? map_get(b->index, key) : NULL;
}

/* --- jobs --- */

/* The job becomes ours. */
static int take(struct rebuild *b, struct job *job)
{
	int r = map_set_u64(b->jobs, job->number, job);

	if (r < 0) {
		job_free(job);
		return r;
	}
	if (job->number > b->last_number)
		b->last_number = job->number;
	r = remember(b, MOMENT, job->created_ms, job->id, job);
	if (r == 0)
		r = remember(b, PREDICTION, 0, job->prediction_id, job);
	/* Of the others it is where one may lie: what is found there makes them ready. */
	return r || job->state != JOB_READY ? r : remember(b, PICTURE, 0, job->picture_path, job);
}

static int make_current(struct rebuild *b, struct job *job)
{
	struct job *old = recall(b, CURRENT, 0, job->id);

	if (old)
		old->current = false;
	job->current = true;
	return remember(b, CURRENT, 0, job->id, job);
}

/* It may have been sent or not: the user decides. */
static void hold(struct rebuild *b, struct job *job)
{
	struct error why;

	error_set(&why, ERROR_INTERRUPTED,
		  "the state database was damaged; whether this request was sent is not known");
	why.advice = ADVICE_RETRY_UNCERTAIN;
	if (job_set_error(job, &why) < 0)
		log_warn("out of memory: the reason of %s is lost", job->id);
	if (job->state == JOB_CREATING) {
		job->unanswered++;
		job->unanswered_ms = job->submitted_ms;
	}
	job->state = JOB_HELD;
	job->completed_ms = world_wall_ms(b->on->world);
	b->held++;
}

static int known_job(struct job *job, void *data)
{
	struct rebuild *b = data;
	struct job *old = recall(b, CURRENT, 0, job->id);
	bool current = job->current;
	int r;

	if (!job->number) {
		job_free(job);
		return 0;
	}
	r = take(b, job);
	if (r < 0)
		return r;
	if (b->salvage && (job->state == JOB_QUEUED || job->state == JOB_CREATING))
		hold(b, job);
	/* Two that have the name: damage; the later one was asked for last. */
	if (current && (!old || !old->current || old->created_ms <= job->created_ms))
		return make_current(b, job);
	job->current = false;
	return 0;
}

/* --- pictures --- */

static void set_picture(struct job *job, const struct picture *picture, int64_t bytes,
			const char *sha256)
{
	job->picture = *picture;
	job->picture_bytes = bytes;
	memcpy(job->sha256, sha256, sizeof(job->sha256));
}

static int read_found(struct rebuild *b, const struct library_found *found, struct job **out)
{
	struct library_entry entry;
	struct job *job = NULL;
	int r = found->sidecar ? sidecar_read(found->sidecar, found->sidecar_size, &job) : -EINVAL;

	if (r == 0 && (job->picture.kind == PICTURE_NONE || job->picture_bytes != found->bytes)) {
		r = library_measure(b->on->library, found->path, &entry);
		if (r == 0)
			set_picture(job, &entry.picture, entry.bytes, entry.sha256);
	}
	if (r == 0)
		r = job_set_text(&job->picture_path, found->path);
	if (r < 0) {
		job_free(job);
		return r;
	}
	if (!job->completed_ms)
		job->completed_ms = found->mtime_ms;
	if (!job->created_ms)
		job->created_ms = job->completed_ms;
	job->submitted_ms = job->created_ms;
	*out = job;
	return 0;
}

static void swap_texts(char **a, char **b)
{
	char *text = *a;

	*a = *b;
	*b = text;
}

/* Its picture was kept, but the database did not know it yet. */
static void complete(struct job *job, struct job *found)
{
	if (job->state == JOB_READY || job->dismissed)
		return;
	job_set_error(job, NULL);
	job->state = JOB_READY;
	set_picture(job, &found->picture, found->picture_bytes, found->sha256);
	job->completed_ms = found->completed_ms;
	job->predict_time_s = found->predict_time_s;
	job->cost_usd = found->cost_usd;
	swap_texts(&job->picture_path, &found->picture_path);
	if (!job->prediction_id)
		swap_texts(&job->prediction_id, &found->prediction_id);
}

static int found_picture(const struct library_found *found, void *data)
{
	struct rebuild *b = data;
	struct job *job, *same, *old;
	int r;

	if (recall(b, PICTURE, 0, found->path))
		return 0;
	r = read_found(b, found, &job);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		if (b->left_out++ < LOGGED)
			log_warn("%s/%s is left out: %s", library_path(b->on->library), found->path,
				 r == -EINVAL ? "it has no sidecar of pimagefs" : strerror(-r));
		return 0;
	}
	same = recall(b, PREDICTION, 0, job->prediction_id);
	if (!same)
		same = recall(b, MOMENT, job->created_ms, job->id);
	if (same) {
		complete(same, job);
		job_free(job);
		return 0;
	}
	job->number = b->last_number + 1;
	r = take(b, job);
	if (r < 0)
		return r;
	b->found++;
	old = recall(b, CURRENT, 0, job->id);
	return !old || old->created_ms <= job->created_ms ? make_current(b, job) : 0;
}

/* --- request files --- */

/* The job of this id if it has the same prompt, else one that is held. */
static int job_of(struct rebuild *b, const struct store_file *row, const struct request *request,
		  uint64_t *number)
{
	char *id = strndup(row->path, names_id_length(row->path));
	struct job *job = id ? recall(b, CURRENT, 0, id) : NULL;
	int r;

	if (job && job->prompt && strcmp(job->prompt, request->prompt) == 0) {
		free(id);
		*number = job->number;
		return 0;
	}
	job = id ? job_new(b->last_number + 1, id, row->mtime_ns / 1000000) : NULL;
	free(id);
	r = job ? job_set_text(&job->prompt, request->prompt) : -ENOMEM;
	if (r == 0)
		r = job_set_text(&job->input, request->input);
	if (r == 0)
		r = job_set_text(&job->model, request->model);
	if (r < 0) {
		job_free(job);
		return r;
	}
	job->has_seed = request->has_seed;
	job->seed = request->seed;
	hold(b, job);
	*number = job->number;
	r = take(b, job);
	return r ? r : make_current(b, job);
}

/* Does a job say that this file asks for it, among others? */
static int is_of_file(void *value, void *data)
{
	const struct job *job = value;

	return job->set == *(const uint64_t *)data;
}

/* 0: nobody's, because it was never a request. */
static int find_job(struct rebuild *b, const struct store_file *row, uint64_t *number,
		    bool *unconfirmed)
{
	const struct settings *s = b->on->settings;
	const char *slash = strrchr(row->path, '/');
	struct request request = { 0 };
	struct error why;
	int r;

	*number = 0;
	if (names_is_draft(row->path, s->requests.ignore, s->requests.n_ignore) ||
	    request_is_blank(row->text, row->size))
		return 0;
	r = request_expand_only(b->on->rules, slash ? slash + 1 : row->path, row->text, row->size,
				&request, &why);
	/* What asked for several, and has none of them any more, is left to the user, as is what
	 * cannot be read: only who writes it again shall ask for it. */
	*unconfirmed |= r < 0;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (request.wants_seed)
		r = request_set_seed(&request, (int64_t)world_below(b->on->world, SEED_BELOW));
	if (r == 0)
		r = job_of(b, row, &request, number);
	request_release(&request);
	return r;
}

static bool are_xattrs(const struct store_file *row)
{
	struct xattrs x = XATTRS_INIT;
	bool fine = xattrs_load(&x, row->xattrs, row->xattrs_size) == 0;

	xattrs_release(&x);
	return fine;
}

/* So that no picture gets the number of a lost job that a file still names. */
static int reserve_number(const struct store_file *row, void *data)
{
	struct rebuild *b = data;

	if (row->job > b->last_number && row->job <= MOST_NUMBER)
		b->last_number = row->job;
	return 0;
}

static int put_file(const struct store_file *row, void *data)
{
	struct rebuild *b = data;
	struct store_file file = *row;
	int r;

	if (names_check_path(row->path, NAMES_DRAFT) < 0 || recall(b, REQUEST_FILE, 0, row->path)) {
		log_warn("request file %llu of the damaged database is left out: its path",
			 (unsigned long long)row->number);
		return 0;
	}
	r = remember(b, REQUEST_FILE, 0, row->path, b);
	if (row->xattrs_size && !are_xattrs(row))
		file.xattrs_size = 0;
	if (r == 0 && (!row->job || !map_get_u64(b->jobs, row->job))) {
		file.unsent = false;
		file.job = 0;
		if (!map_each(b->jobs, is_of_file, &file.number))
			r = find_job(b, row, &file.job, &file.unconfirmed);
	}
	if (r == 0)
		r = store_put_file(b->on->store, &file);
	b->files++;
	return r;
}

/* --- all of it --- */

static int put_job(void *value, void *data)
{
	const struct job *job = value;
	struct rebuild *b = data;

	b->ready += job->state == JOB_READY;
	b->going_on += job->state == JOB_PROCESSING || job->state == JOB_DOWNLOADING;
	return store_put_job(b->on->store, job);
}

/* A time to come would never leave the window. */
static int put_create(int64_t wall_ms, void *data)
{
	const struct rebuild *b = data;
	int64_t now = world_wall_ms(b->on->world);

	return store_add_create(b->on->store, wall_ms < now ? wall_ms : now);
}

static int put_folder(const struct store_folder *folder, void *data)
{
	const struct rebuild *b = data;

	return names_check_path(folder->path, NAMES_FOLDER) < 0
		       ? 0
		       : store_put_folder(b->on->store, folder);
}

static int put_rest(struct rebuild *b)
{
	char *paused = NULL;
	int r = salvage_each_file(b->salvage, put_file, b);

	if (r == 0)
		r = salvage_each_folder(b->salvage, put_folder, b);
	if (r == 0)
		r = salvage_each_create(b->salvage, put_create, b);
	if (r == 0 && salvage_get_fact(b->salvage, "paused", &paused) == 0)
		r = store_put_fact(b->on->store, "paused", paused);
	free(paused);
	return r;
}

static int fill(struct rebuild *b)
{
	struct store *store = b->on->store;
	int r = store_each_job(store, known_job, b);

	/* What has jobs has been filled by an earlier version, which left no fact. */
	if (r == 0 && map_count(b->jobs) == 0)
		r = salvage_open(&b->salvage, b->on->settings->library.state, b->err);
	if (r == -ENOENT)
		r = 0;
	if (r == 0)
		r = store_begin(store);
	if (r == 0 && b->salvage)
		r = salvage_each_job(b->salvage, known_job, b);
	if (r == 0 && b->salvage)
		r = salvage_each_file(b->salvage, reserve_number, b);
	if (r == 0)
		r = library_each(b->on->library, found_picture, b);
	if (r == 0 && b->salvage)
		r = put_rest(b);
	if (r == 0)
		r = map_each(b->jobs, put_job, b);
	if (r == 0)
		r = store_put_fact(store, REBUILD_DONE, "yes");
	if (r == 0)
		r = store_commit(store);
	if (r < 0)
		store_rollback(store);
	return r;
}

static int describe(const struct rebuild *b, char **out)
{
	const char *state = b->on->settings->library.state;
	struct buf text = BUF_INIT;
	int r = 0;

	if (b->salvage)
		r = buf_printf(
			&text,
			"the state database was damaged; it is kept as %s/%s. In a new one are "
			"%u pictures, %u request files, %u predictions that go on, and %u "
			"requests that are held, since it is not known whether they were sent",
			state, salvage_name(b->salvage), b->ready, b->files, b->going_on, b->held);
	else if (b->found)
		r = buf_printf(
			&text,
			"%u pictures of the library were not in the state database in %s; they "
			"are back, by the sidecars beside them",
			b->found, state);
	if (r == 0 && text.size && b->left_out)
		r = buf_printf(&text, "; %u without a readable sidecar are left out", b->left_out);
	if (r == 0)
		*out = text.data;
	else
		buf_release(&text);
	return r;
}

static int free_job(void *value, void *data)
{
	(void)data;
	job_free(value);
	return 0;
}

int rebuild(const struct rebuild_ground *ground, char **summary, struct error *err)
{
	struct rebuild b = { .on = ground, .err = err };
	char *done = NULL;
	int r = store_get_fact(ground->store, REBUILD_DONE, &done);

	*summary = NULL;
	free(done);
	if (r != -ENOENT)
		return r;
	b.jobs = map_new();
	b.index = map_new();
	r = b.jobs && b.index ? fill(&b) : -ENOMEM;
	if (r == 0)
		r = describe(&b, summary);
	else if (!err->message[0])
		error_set(err, ERROR_INVALID, "cannot fill the state database in %s: %s",
			  ground->settings->library.state, strerror(-r));
	if (b.jobs)
		map_each(b.jobs, free_job, NULL);
	map_free(b.jobs);
	map_free(b.index);
	salvage_close(b.salvage);
	return r;
}
