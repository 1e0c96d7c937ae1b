/*
 * A picture that is in the library already, and whose job does not know: the end came between its
 * name and the commit that tells of it, or the disk neither kept it for good nor let it go. Its job
 * takes it instead of keeping a second one.
 *
 * Happy path: the name that the job remembers, then those that its id could have; the sidecar
 * beside the picture says of which prediction it is. Its folder is synced before anybody relies on
 * it. A power cut can part the two while a failed keeping is undone: a picture without a sidecar is
 * known by its bytes, if these are at hand, and gets its sidecar again.
 *
 * Failures: what cannot be read may hide it. Who is about to keep a second one waits then for the
 * disk, but not for ever: a folder that can never be read again must not hold back what was paid
 * for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine_internal.h"
#include "pimagefs/sidecar.h"

int adopt_init(struct adopt *a, const struct job *job)
{
	bool knows = job->picture_path && !library_in_trash(job->picture_path);

	*a = (struct adopt){ .since_ms = LIBRARY_ANY_DAY, .strict = job->blind < JOB_MOST_BLIND };
	a->id = strdup(job->id);
	a->prediction_id = strdup(job->prediction_id);
	a->path = knows ? strdup(job->picture_path) : NULL;
	if (a->id && a->prediction_id && (a->path || !knows))
		return 0;
	adopt_release(a);
	return -ENOMEM;
}

void adopt_release(struct adopt *a)
{
	free(a->id);
	free(a->prediction_id);
	free(a->path);
	free(a->entry.path);
	*a = (struct adopt){ .id = NULL };
}

/* It has gone, or is no picture that was kept. Any other failure may hide one. */
static bool is_none(int r)
{
	return r == -ENOENT || r == -EILSEQ || r == -ENODATA || r == -EFBIG;
}

/* Alone: is it what was just made? */
static int look_at_bytes(const struct library_found *found, struct adopt *a)
{
	struct library_entry entry;
	int r;

	if (!a->made || found->bytes != a->made->bytes)
		return 0;
	r = library_measure(a->library, found->path, &entry);
	if (r < 0)
		return a->strict && !is_none(r) ? r : 0;
	if (memcmp(entry.sha256, a->made->sha256, sizeof(entry.sha256)) != 0)
		return 0;
	r = library_write_sidecar(a->library, found->path, a->name->sidecar, a->name->chance);
	if (r == 0 && !(entry.path = strdup(found->path)))
		r = -ENOMEM;
	if (r < 0)
		return r;
	a->entry = entry;
	a->completed_ms = a->name->wall_ms;
	return 1;
}

static int look_at(const struct library_found *found, void *data)
{
	struct adopt *a = data;
	struct job *told;
	bool same;

	if (!found->sidecar)
		return look_at_bytes(found, a);
	if (sidecar_read(found->sidecar, found->sidecar_size, &told) < 0)
		return 0;
	same = told->prediction_id && strcmp(told->prediction_id, a->prediction_id) == 0 &&
	       told->picture.kind != PICTURE_NONE && told->picture_bytes == found->bytes;
	if (same && (a->entry.path = strdup(found->path))) {
		a->entry.picture = told->picture;
		a->entry.bytes = told->picture_bytes;
		memcpy(a->entry.sha256, told->sha256, sizeof(told->sha256));
		a->completed_ms = told->completed_ms;
	}
	job_free(told);
	return !same ? 0 : a->entry.path ? 1 : -ENOMEM;
}

int adopt_look(struct adopt *a, struct library *l)
{
	int r;

	a->library = l;
	r = a->path ? library_one(l, a->path, look_at, a) : 0;

	if (r == -ENOENT || r == -EINVAL || (r < 0 && !a->strict))
		r = 0;
	if (r == 0)
		r = library_each_of(l, a->id, a->since_ms, a->strict, look_at, a);
	if (r <= 0)
		return a->strict || r == -ENOMEM ? r : 0;
	/* Whoever gave it its name may have come no further. */
	r = library_make_last(l, a->entry.path);
	return r < 0 ? r : 1;
}
