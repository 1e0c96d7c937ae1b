/*
 * rebuild: what is left after the database was damaged or lost.
 *
 * Happy path: the jobs of the database that was put aside, as far as they can be read; then each
 * picture of the library whose job is not among them, as its note tells it; then the request files,
 * each tied to its job again; all in one transaction that ends with the fact "rebuilt".
 *
 * Failures: a note or row that makes no sense is left out, counted and logged. Nothing is ever sent
 * because of what was read here: a queued request is held, since a damaged database may have
 * forgotten that it was sent; so is a create without an answer, whatever api.ambiguous_create says,
 * and a file whose job is lost. Anything else rolls back, and the next start begins again.
 *
 * On close: the jobs read here are freed; engine_load reads them from the store.
 */
#include "pimagefs/rebuild.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/clock.h"
#include "pimagefs/log.h"
#include "pimagefs/note.h"
#include "rebuild_internal.h"

#define FACT_DONE "rebuilt"
#define LOGGED 20 /* notes left out that are named */

/* --- jobs --- */

static char *moment_of(const struct job *job)
{
	char *key;

	return asprintf(&key, "%lld/%s", (long long)job->created_ms, job->id) < 0 ? NULL : key;
}

static int note_moment(struct rebuild *b, struct job *job)
{
	char *key = moment_of(job);
	int r = key ? map_set(b->moments, key, job) : -ENOMEM;

	free(key);
	return r;
}

int rebuild_take(struct rebuild *b, struct job *job)
{
	int r = map_set_u64(b->numbers, job->number, job);

	if (r < 0) {
		job_free(job);
		return r;
	}
	if (job->number > b->last_number)
		b->last_number = job->number;
	r = note_moment(b, job);
	if (r == 0 && job->prediction_id)
		r = map_set(b->predictions, job->prediction_id, job);
	if (r == 0 && job->picture_path)
		r = map_set(b->paths, job->picture_path, job);
	return r;
}

int rebuild_make_current(struct rebuild *b, struct job *job)
{
	struct job *old = map_get(b->currents, job->id);

	if (old)
		old->current = false;
	job->current = true;
	return map_set(b->currents, job->id, job);
}

void rebuild_hold(struct rebuild *b, struct job *job)
{
	struct error why;

	error_set(&why, ERROR_INTERRUPTED,
		  "the state database was damaged; whether this request was sent is not known");
	error_hint(&why,
		   "to send it (it may have been made and billed): echo 'retry %s' > control/ctl",
		   job->id);
	if (job_set_error(job, &why) < 0)
		log_warn("out of memory: the reason of %s is lost", job->id);
	if (job->state == JOB_CREATING) {
		job->unanswered++;
		job->unanswered_ms = job->submitted_ms;
	}
	job->state = JOB_HELD;
	job->completed_ms = clock_wall_ms();
	b->held++;
}

static int known_job(struct job *job, void *data)
{
	struct rebuild *b = data;
	struct job *old = map_get(b->currents, job->id);
	bool current = job->current;
	int r;

	if (!job->number) {
		job_free(job);
		return 0;
	}
	r = rebuild_take(b, job);
	if (r < 0)
		return r;
	if (b->salvage && (job->state == JOB_QUEUED || job->state == JOB_CREATING))
		rebuild_hold(b, job);
	/* Two that have the name: damage; the later one was asked for last. */
	if (current && (!old || !old->current || old->created_ms <= job->created_ms))
		return rebuild_make_current(b, job);
	job->current = false;
	return 0;
}

/* --- pictures --- */

static void leave_out(struct rebuild *b, const struct library_found *found, const char *why)
{
	if (b->left_out++ < LOGGED)
		log_warn("%s/%s is left out: %s", library_path(b->on->library), found->path, why);
}

static int measure(struct rebuild *b, const struct library_found *found, struct job *job)
{
	struct library_entry entry;
	int r;

	if (job->picture.kind != PICTURE_NONE && job->picture_bytes == found->bytes)
		return 0;
	r = library_measure(b->on->library, found->path, &entry);
	if (r < 0)
		return r;
	job->picture = entry.picture;
	job->picture_bytes = entry.bytes;
	memcpy(job->sha256, entry.sha256, sizeof(job->sha256));
	return 0;
}

static int read_found(struct rebuild *b, const struct library_found *found, struct job **out)
{
	struct job *job = NULL;
	int r = found->note ? note_read(found->note, found->note_size, &job) : -EINVAL;

	if (r == 0)
		r = measure(b, found, job);
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

static struct job *same_job(const struct rebuild *b, const struct job *job)
{
	struct job *same = job->prediction_id ? map_get(b->predictions, job->prediction_id) : NULL;
	char *key;

	if (same)
		return same;
	key = moment_of(job);
	same = key ? map_get(b->moments, key) : NULL;
	free(key);
	return same;
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
	job->picture = found->picture;
	job->picture_bytes = found->picture_bytes;
	memcpy(job->sha256, found->sha256, sizeof(job->sha256));
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

	if (map_get(b->paths, found->path))
		return 0;
	r = read_found(b, found, &job);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		leave_out(b, found, r == -EINVAL ? "it has no note of pimagefs" : strerror(-r));
		return 0;
	}
	same = same_job(b, job);
	if (same) {
		complete(same, job);
		job_free(job);
		return 0;
	}
	job->number = b->last_number + 1;
	r = rebuild_take(b, job);
	b->found++;
	old = map_get(b->currents, job->id);
	if (r == 0 && (!old || old->created_ms <= job->created_ms))
		r = rebuild_make_current(b, job);
	return r;
}

/* --- all of it --- */

static int put_job(void *value, void *data)
{
	const struct rebuild *b = data;

	return store_put_job(b->on->store, value);
}

/* A time to come would never leave the window. */
static int put_create(int64_t wall_ms, void *data)
{
	const struct rebuild *b = data;
	int64_t now = clock_wall_ms();

	return store_add_create(b->on->store, wall_ms < now ? wall_ms : now);
}

static int put_folder(const struct store_folder *folder, void *data)
{
	const struct rebuild *b = data;
	int r = rebuild_check_path(folder->path, false);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return store_put_folder(b->on->store, folder);
}

static int take_rest(struct rebuild *b)
{
	char *paused = NULL;
	int r = salvage_each_file(b->salvage, rebuild_file, b);

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
	int r = store_each_job(b->on->store, known_job, b);

	/* What has jobs has been filled by an earlier version, which left no fact. */
	if (r == 0 && map_count(b->numbers) == 0)
		r = salvage_open(&b->salvage, b->on->settings->library.state, b->err);
	if (r == -ENOENT)
		r = 0;
	if (r == 0)
		r = store_begin(b->on->store);
	if (r == 0 && b->salvage)
		r = salvage_each_job(b->salvage, known_job, b);
	if (r == 0 && b->salvage)
		r = salvage_each_file(b->salvage, rebuild_note_number, b);
	if (r == 0)
		r = library_each(b->on->library, found_picture, b);
	if (r == 0 && b->salvage)
		r = take_rest(b);
	if (r == 0)
		r = map_each(b->numbers, put_job, b);
	if (r == 0)
		r = store_put_fact(b->on->store, FACT_DONE, "yes");
	if (r == 0)
		r = store_commit(b->on->store);
	if (r < 0)
		store_rollback(b->on->store);
	return r;
}

static int count_job(void *value, void *data)
{
	const struct job *job = value;
	struct rebuild *b = data;

	b->ready += job->state == JOB_READY;
	b->going_on += job->state == JOB_PROCESSING || job->state == JOB_DOWNLOADING;
	return 0;
}

static int describe(struct rebuild *b, char **out)
{
	const char *state = b->on->settings->library.state;
	struct buf text = BUF_INIT;
	int r = 0;

	map_each(b->numbers, count_job, b);
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
			"are back, by the notes beside them",
			b->found, state);
	if (r == 0 && text.size && b->left_out)
		r = buf_printf(&text, "; %u without a readable note are left out", b->left_out);
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

static void release(struct rebuild *b)
{
	if (b->numbers)
		map_each(b->numbers, free_job, NULL);
	map_free(b->numbers);
	map_free(b->currents);
	map_free(b->predictions);
	map_free(b->paths);
	map_free(b->moments);
	map_free(b->file_paths);
	salvage_close(b->salvage);
}

int rebuild(const struct rebuild_ground *ground, char **summary, struct error *err)
{
	struct rebuild b = {
		.on = ground,
		.err = err,
		.numbers = map_new(),
		.currents = map_new(),
		.predictions = map_new(),
		.paths = map_new(),
		.moments = map_new(),
		.file_paths = map_new(),
	};
	char *done = NULL;
	int r = store_get_fact(ground->store, FACT_DONE, &done);

	*summary = NULL;
	free(done);
	if (r == -ENOENT)
		r = b.numbers && b.currents && b.predictions && b.paths && b.moments && b.file_paths
			    ? fill(&b)
			    : -ENOMEM;
	else
		goto out;
	if (r == 0)
		r = describe(&b, summary);
	else if (!err->message[0])
		error_set(err, ERROR_INVALID, "cannot fill the state database in %s: %s",
			  ground->settings->library.state, strerror(-r));
out:
	release(&b);
	return r;
}
