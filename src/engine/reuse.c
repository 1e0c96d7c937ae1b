/*
 * Pictures that are there already: a request that names its seed and is otherwise the same as one
 * that was made is given that picture, and nothing is created (requests.reuse = same-seed).
 *
 * Happy path: each ready job is filed under a digest of its model and whole input, in a ring with
 * its likes; a submitted job looks there, and takes the first picture under a name of its own,
 * beside the loop; until then it stays queued.
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
	    request_digest(job->model, job->input, key) < 0)
		return;
	first = map_get(e->pictures, key);
	if (first == job)
		return;
	if (first)
		list_append(&first->twins, &job->twins);
	else if (map_set(e->pictures, key, job) < 0)
		log_debug("out of memory: the picture of %s is not used again", job->id);
}

static struct job *find(const struct engine *e, const struct job *job)
{
	char key[DIGEST_HEX];
	struct job *first;

	if (request_digest(job->model, job->input, key) < 0)
		return NULL;
	first = map_get(e->pictures, key);
	if (!first || job_has_picture(first))
		return first;
	list_each (p, &first->twins) {
		struct job *twin = list_entry(p, struct job, twins);

		if (job_has_picture(twin))
			return twin;
	}
	return NULL;
}

static void on_kept(struct engine *e, struct job *job, struct kept *kept)
{
	if (kept->r < 0) {
		log_warn("%s: an earlier picture cannot be used again: %s", job->id,
			 strerror(-kept->r));
		job_set_text(&job->reused_from, NULL);
		job->made_anew = true;
		jobs_touch(e->jobs, job);
		return;
	}
	keep_picture(job, &kept->entry, kept->wall_ms);
	log_info("%s: ready: the picture of %s is used again; nothing was created", job->id,
		 job->reused_from);
	jobs_move(e->jobs, job, JOB_REUSE);
}

static int take(struct engine *e, struct job *job, const struct job *from)
{
	struct library_entry entry = { .path = from->picture_path,
				       .picture = from->picture,
				       .bytes = from->picture_bytes };
	struct call *c = call_new(e, job);
	int r = c ? job_set_text(&job->reused_from,
				 from->prediction_id ? from->prediction_id : from->reused_from)
		  : -ENOMEM;

	memcpy(entry.sha256, from->sha256, sizeof(entry.sha256));
	if (r == 0)
		r = keep_again(c, &entry, on_kept);
	if (r < 0 && c)
		call_land(c);
	return r;
}

bool reuse_picture(struct engine *e, struct job *job)
{
	/* What has had one before named its seed. */
	bool named = job->own_seed || job->reused_from;
	struct job *from = is_on(e) && named && !job->made_anew ? find(e, job) : NULL;

	return from && job_has_picture(from) && take(e, job, from) == 0;
}
