/*
 * Pictures that are there already: a request that names its seed and is otherwise the same as one
 * that was made is given that picture, and nothing is created (requests.reuse = same-seed).
 *
 * Happy path: each ready job is filed under a digest of its whole input, in a ring with its likes;
 * a submitted job looks there, and takes the first picture that is still in the library under a
 * name of its own.
 *
 * Failures: whatever keeps the picture from being used again (it is gone, changed, the disk) is
 * logged, and the job is created like any other. Without memory a picture is just not found again.
 *
 * On close: the rings go with their jobs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine_internal.h"
#include "pimagefs/clock.h"
#include "pimagefs/log.h"

static bool is_on(const struct engine *e)
{
	return e->on.settings->requests.reuse == CONFIG_REUSE_SAME_SEED;
}

void reuse_offer(struct engine *e, struct job *job)
{
	char key[DIGEST_HEX];
	struct job *first;

	/* Without a seed in it, the same input need not give the same picture. */
	if (!is_on(e) || !job->input || !job->has_seed || list_linked(&job->twins) ||
	    request_digest(e->on.rules, job->input, key) < 0)
		return;
	first = map_get(e->pictures, key);
	if (first == job)
		return;
	if (first)
		list_append(&first->twins, &job->twins);
	else if (map_set(e->pictures, key, job) < 0)
		log_debug("out of memory: the picture of %s is not used again", job->id);
}

static bool has_picture(const struct engine *e, const struct job *job)
{
	return job->state == JOB_READY && !job->dismissed && job->picture_path &&
	       library_size(e->on.library, job->picture_path) == job->picture_bytes;
}

static struct job *find(const struct engine *e, const struct job *job)
{
	char key[DIGEST_HEX];
	struct job *first;

	if (request_digest(e->on.rules, job->input, key) < 0)
		return NULL;
	first = map_get(e->pictures, key);
	if (!first || has_picture(e, first))
		return first;
	list_each (p, &first->twins) {
		struct job *twin = list_entry(p, struct job, twins);

		if (has_picture(e, twin))
			return twin;
	}
	return NULL;
}

/* Everything that may fail, before anything of the job has changed but reused_from. */
static int take_picture(struct engine *e, struct job *job, const struct job *from, int64_t now,
			char **path)
{
	struct library_entry entry = {
		.path = from->picture_path,
		.picture = from->picture,
		.bytes = from->picture_bytes,
	};
	const char *origin = from->prediction_id ? from->prediction_id : from->reused_from;
	char *note;
	int r = job_set_text(&job->reused_from, origin);

	memcpy(entry.sha256, from->sha256, sizeof(entry.sha256));
	note = r == 0 ? engine_note(e, job, &entry, now) : NULL;
	r = note ? library_keep_again(e->on.library, &entry, job->id, now, note, path) : -ENOMEM;
	free(note);
	return r;
}

bool reuse_picture(struct engine *e, struct job *job)
{
	struct job *from = is_on(e) && job->own_seed ? find(e, job) : NULL;
	int64_t now = clock_wall_ms();
	char *path;
	int r;

	if (!from)
		return false;
	r = take_picture(e, job, from, now, &path);
	if (r < 0) {
		log_warn("%s: the picture of %s cannot be used again: %s", job->id, from->id,
			 strerror(-r));
		job_set_text(&job->reused_from, NULL);
		return false;
	}
	free(job->picture_path);
	job->picture_path = path;
	job->picture = from->picture;
	job->picture_bytes = from->picture_bytes;
	memcpy(job->sha256, from->sha256, sizeof(job->sha256));
	job->completed_ms = now;
	engine_move(e, job, JOB_REUSE);
	log_info("%s: ready: the same as %s, whose picture is used again; nothing was created",
		 job->id, from->id);
	return true;
}
