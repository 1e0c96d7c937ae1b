/*
 * Where the picture of a ready job lies: in the library, or, when the user has removed it, in the
 * library's trash. The job says where it belongs; this moves it there. And what its sidecar says.
 *
 * Happy path: `rm images/fox.png` dismisses the job; when the commit that says so is on disk, its
 * picture moves to the trash beside the loop, and the job learns its new path. `restore` goes
 * the same way back, and the name appears when the picture is there. What has lain in the trash for
 * library.trash_days is removed whenever something comes in, and at the start. What the user says
 * of a picture (marks.h) is on disk with the commit; its sidecar is written anew beside the loop.
 *
 * Failures: what cannot be moved or written stays as it is and is tried again by the next start; a
 * picture that cannot be restored because it is gone is lost, and can be downloaded again.
 *
 * On close what is under way ends without us; the next start looks at each picture.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine_internal.h"
#include "pimagefs/log.h"
#include "pimagefs/sidecar.h"

struct chore {
	struct library_work work;
	struct list in;
	struct engine *engine; /* NULL: it has gone */
	uint64_t number;       /* the job's; 0: only what has lain there long enough */
	bool back;
	char *sidecar; /* to be written; NULL: it is moved */
	uint64_t chance;
	char *path, *now_at;
	int64_t wall_ms;
	int days, r;
};

static void chore_free(struct chore *c)
{
	list_remove(&c->in);
	free(c->path);
	free(c->now_at);
	free(c->sidecar);
	free(c);
}

static void run(struct library_work *w)
{
	struct chore *c = list_entry(w, struct chore, work);

	if (c->sidecar)
		c->r = library_write_sidecar(w->library, c->path, c->sidecar, c->chance);
	else if (c->path && c->back)
		c->r = library_restore(w->library, c->path, &c->now_at);
	else if (c->path && c->days)
		c->r = library_trash(w->library, c->path, c->wall_ms, &c->now_at);
	else if (c->path)
		c->r = library_remove(w->library, c->path);
	if (!c->back && !c->sidecar)
		library_empty_trash(w->library, c->wall_ms, c->days);
}

void trash_lose(struct engine *e, struct job *job)
{
	struct error why;

	error_set(&why, ERROR_LOST, "the picture is no longer in the library%s: %s",
		  library_in_trash(job->picture_path) ? "'s trash" : "", job->picture_path);
	/* One that was used again has no prediction of its own. */
	why.advice = job->prediction_id ? ADVICE_FETCH_LOST : ADVICE_NEW_PICTURE;
	jobs_end(e->jobs, job, JOB_LOSE, &why);
}

static void take_path(struct engine *e, struct job *job, struct chore *c)
{
	keep_place(job, &c->now_at);
	jobs_touch(e->jobs, job);
}

/* Meanwhile the user may have said more. */
static void finish_sidecar(struct engine *e, struct job *job, const struct chore *c)
{
	char *now = sidecar_text(job);

	if (c->r < 0) {
		log_warn("%s: its sidecar cannot be written: %s; the next start tries again",
			 job->id, strerror(-c->r));
	} else if (now && strcmp(now, c->sidecar) == 0) {
		job->sidecar_old = false;
		ledger_dirty_later(e->on.ledger, &job->item);
	}
	free(now);
	if (c->r == 0)
		trash_settle(e, job);
}

static void leave(struct engine *e, struct job *job, const struct chore *c)
{
	log_warn("%s: its picture cannot be moved %s the trash: %s; it stays where it is", job->id,
		 c->back ? "out of" : "to", strerror(-c->r));
	if (c->back)
		job->dismissed = true;
	jobs_touch(e->jobs, job); /* who waits for it hears whether it comes */
}

static void finish(struct engine *e, struct job *job, struct chore *c)
{
	bool gone = c->r == -ENOENT;

	if (c->r == 0 || (gone && !c->back))
		take_path(e, job, c);
	else if (gone)
		trash_lose(e, job);
	else
		leave(e, job, c);
	/* Meanwhile the user may have changed their mind. */
	if (c->r == 0)
		trash_settle(e, job);
}

static void done(struct library_work *w, int r)
{
	struct chore *c = list_entry(w, struct chore, work);
	struct engine *e = c->engine;
	struct job *job = e && c->number ? jobs_find_number(e->jobs, c->number) : NULL;

	if (r < 0)
		c->r = r;
	if (job) {
		job->chore = NULL;
		job->moves = false;
		if (job->state == JOB_READY && c->sidecar)
			finish_sidecar(e, job, c);
		else if (job->state == JOB_READY)
			finish(e, job, c);
	}
	chore_free(c);
}

static struct chore *chore_new(struct engine *e)
{
	struct chore *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->engine = e;
	c->wall_ms = world_wall_ms(e->on.world);
	c->days = e->on.settings->library.trash_days;
	c->work.run = run;
	c->work.done = done;
	list_append(&e->chores, &c->in);
	return c;
}

void trash_settle(struct engine *e, struct job *job)
{
	bool there = job->picture_path && library_in_trash(job->picture_path);
	bool moves = job->dismissed != there;
	struct chore *c;

	if (job->state != JOB_READY || !job->picture_path || job->chore ||
	    (!moves && !job->sidecar_old))
		return;
	c = chore_new(e);
	if (c) {
		c->path = strdup(job->picture_path);
		c->sidecar = moves ? NULL : sidecar_text(job);
		c->chance = e->on.world->random(e->on.world->self);
	}
	if (!c || !c->path || (!moves && !c->sidecar)) {
		log_warn("out of memory: the picture of %s is left as it is", job->id);
		if (c)
			chore_free(c);
		return;
	}
	c->number = job->number;
	c->back = there;
	job->chore = c;
	job->moves = moves;
	library_work(e->on.library, &c->work);
}

/* The state knows by now that it is removed; before, a crash would leave a picture that is ready
 * and not there. What could not be committed is moved by the next start. */
static void on_committed(int r, void *data)
{
	struct chore *c = data;
	struct job *job = c->engine ? jobs_find_number(c->engine->jobs, c->number) : NULL;

	if (job && r == 0)
		trash_settle(c->engine, job);
	chore_free(c);
}

void trash_later(struct engine *e, struct job *job)
{
	struct chore *c = chore_new(e);

	if (c)
		c->number = job->number;
	if (c && ledger_after(e->on.ledger, on_committed, c) == 0)
		return;
	log_warn("out of memory: the picture of %s is moved by the next start", job->id);
	if (c)
		chore_free(c);
}

static int settle_one(struct job *job, void *data)
{
	trash_settle(data, job);
	return 0;
}

void trash_begin(struct engine *e)
{
	struct chore *c = chore_new(e);

	if (c)
		library_work(e->on.library, &c->work);
	jobs_each_picture(e->jobs, settle_one, e);
}

void trash_end(struct engine *e)
{
	list_each_safe (p, tmp, &e->chores) {
		struct chore *c = list_entry(p, struct chore, in);

		c->engine = NULL;
		list_remove(&c->in);
	}
}
