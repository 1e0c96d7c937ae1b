/*
 * claim: a state and a library that belong together.
 *
 * Happy path: the id in the library's marker is the one that the state has recorded. A state that
 * knows no pictures takes the library that it finds, or begins one; one from before there were
 * markers adopts the library if a picture that it knows is there, once.
 *
 * Failures: a library that should be there and is not (a disk that is not mounted), or is another
 * one, is told in a sentence, and nothing is made. The user alone begins a new one in its place.
 * Where the database was damaged, the one that was put aside tells which library it was.
 *
 * On close: which id is to be written is recorded before the marker, and that it is the library's
 * after it, so that whatever ends it in between, the next start knows the marker as its own.
 */
#include "pimagefs/claim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/log.h"
#include "pimagefs/rebuild.h"
#include "pimagefs/salvage.h"

#define FACT_LIBRARY "library"
#define FACT_NEXT "library_next" /* the id that a marker is being given */

/* What the state and the folder say. */
struct claim {
	const struct claim_ground *on;
	char id[LIBRARY_ID]; /* the marker's */
	char *recorded;      /* the state's; NULL: none */
	unsigned pictures;   /* that the state knows */
	bool marked, unreadable;
	bool stored; /* recorded where it belongs, not in what was put aside */
	bool seen;   /* one of the pictures lies there */
};

static int count_picture(struct job *job, void *data)
{
	const struct claim_ground *g;
	struct claim *c = data;

	g = c->on;
	if (job->state == JOB_READY && job->picture_path) {
		c->pictures++;
		c->seen = c->seen || library_lies_in(g->world, g->library, job->picture_path);
	}
	job_free(job);
	return 0;
}

static int ask_salvage(struct claim *c, struct error *err)
{
	const struct claim_ground *g = c->on;
	struct salvage *salvage;
	char *done = NULL;
	int r = store_get_fact(g->store, REBUILD_DONE, &done);

	free(done);
	if (r != -ENOENT)
		return r;
	r = salvage_open(&salvage, g->state, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!c->recorded)
		r = salvage_get_fact(salvage, FACT_LIBRARY, &c->recorded);
	if (r == -ENOENT)
		r = 0;
	if (r == 0)
		r = salvage_each_job(salvage, count_picture, c);
	salvage_close(salvage);
	return r;
}

/* An earlier start has written the marker, and did not come to record it. */
static int ask_next(struct claim *c)
{
	char *next = NULL;
	int r = c->marked ? store_get_fact(c->on->store, FACT_NEXT, &next) : -ENOENT;

	if (r == 0 && strcmp(c->id, next) == 0) {
		free(c->recorded);
		c->recorded = next;
		c->stored = false;
		return 0;
	}
	free(next);
	return r == -ENOENT ? 0 : r;
}

/* The jobs are read only where the ids do not say all. */
static int ask_state(struct claim *c, struct error *err)
{
	int r = store_get_fact(c->on->store, FACT_LIBRARY, &c->recorded);

	c->stored = r == 0;
	if (r == 0 || r == -ENOENT)
		r = ask_next(c);
	if (r < 0 || (c->stored && c->marked && strcmp(c->id, c->recorded) == 0))
		return r;
	r = store_each_job(c->on->store, count_picture, c);
	return r == 0 && c->pictures == 0 && !c->on->only_look ? ask_salvage(c, err) : r;
}

static int refuse_missing(const struct claim *c, struct error *err)
{
	const struct claim_ground *g = c->on;

	error_set(err, ERROR_INVALID,
		  "the library with the %u picture%s that %s knows is not there: %s/" LIBRARY_MARKER
		  " is missing. Is its disk mounted? To begin a new library there on purpose, "
		  "without those pictures: --new-library",
		  c->pictures, c->pictures == 1 ? "" : "s", g->state, g->library);
	return -ENOENT;
}

static int refuse_other(const struct claim *c, struct error *err)
{
	const struct claim_ground *g = c->on;

	error_set(err, ERROR_INVALID,
		  "%s is another library than the one that %s knows: the id in its " LIBRARY_MARKER
		  " is not the one recorded. Is the right disk mounted there? To go on with this "
		  "library on purpose, without the pictures of the other: --new-library",
		  g->library, g->state);
	return -EEXIST;
}

static int refuse_unreadable(const struct claim *c, struct error *err)
{
	error_set(err, ERROR_INVALID,
		  "%s/" LIBRARY_MARKER " holds no id, so it is not known which library this is; "
		  "take it from a backup, or give the library a new one: --new-library",
		  c->on->library);
	return -EINVAL;
}

static int look(struct claim *c, struct error *err)
{
	const struct claim_ground *g = c->on;
	int r = library_look_for(g->world, g->library, c->id);

	c->marked = r == 0;
	c->unreadable = r == -EINVAL;
	if (r == 0 || r == -ENOENT || r == -EINVAL)
		return ask_state(c, err);
	error_set(err, ERROR_INVALID, "cannot use the library folder %s: %s", g->library,
		  strerror(-r));
	return r;
}

static int judge(const struct claim *c, struct error *err)
{
	bool adopts = !c->recorded && (c->pictures == 0 || c->seen);

	if (c->on->new_library)
		return 0;
	if (c->unreadable)
		return refuse_unreadable(c, err);
	if (!c->marked)
		return c->pictures == 0 || adopts ? 0 : refuse_missing(c, err);
	if (c->recorded ? strcmp(c->id, c->recorded) == 0 : adopts)
		return 0;
	return refuse_other(c, err);
}

static int plan(const struct claim *c, const char *id)
{
	struct store *s = c->on->store;
	int r = store_begin(s);

	if (r == 0)
		r = store_put_fact(s, FACT_NEXT, id);
	if (r == 0)
		r = store_commit(s);
	if (r < 0)
		store_rollback(s);
	return r;
}

static int record(const struct claim *c)
{
	struct store *s = c->on->store;
	int r;

	if (c->stored && strcmp(c->id, c->recorded) == 0)
		return 0;
	r = store_begin(s);
	if (r == 0)
		r = store_put_fact(s, FACT_LIBRARY, c->id);
	if (r == 0)
		r = store_put_fact(s, FACT_NEXT, NULL);
	/* Pictures that lie in it already join those that are known. */
	if (r == 0 && c->recorded && c->pictures)
		r = store_put_fact(s, REBUILD_DONE, NULL);
	if (r == 0)
		r = store_commit(s);
	if (r < 0)
		store_rollback(s);
	return r;
}

static int mark(struct claim *c, struct library *l, struct error *err)
{
	int r = 0;

	if (!c->marked) {
		library_make_id(c->on->world, c->id);
		r = plan(c, c->id);
		if (r < 0)
			return r;
		r = library_mark(l, c->id);
	}
	if (r == 0)
		return record(c);
	if (r == -EROFS || r == -EACCES || r == -EPERM || r == -ENOSPC || r == -EDQUOT) {
		log_warn("the library %s has no marker yet, and none can be written: %s",
			 c->on->library, strerror(-r));
		return 0;
	}
	error_set(err, ERROR_INVALID, "cannot write %s/" LIBRARY_MARKER ": %s", c->on->library,
		  strerror(-r));
	return r;
}

int claim_check(const struct claim_ground *g, struct error *err)
{
	struct claim c = { .on = g };
	int r = look(&c, err);

	if (r == 0)
		r = judge(&c, err);
	free(c.recorded);
	return r;
}

int claim_library(const struct claim_ground *g, struct library **out, struct error *err)
{
	struct claim c = { .on = g };
	struct library *l = NULL;
	int r = look(&c, err);

	if (r == 0)
		r = judge(&c, err);
	if (r == 0)
		r = library_open(&l, g->world, g->library, err);
	if (r == 0)
		r = mark(&c, l, err);
	free(c.recorded);
	if (r < 0)
		library_close(l);
	else
		*out = l;
	return r;
}
