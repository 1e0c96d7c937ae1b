/*
 * How a picture becomes a job's: checked, described in a sidecar, kept in the library.
 *
 * Happy path: beside the loop the bytes are checked, and what the picture was made from is written
 * into them, if that is wanted; on the loop the sidecar is written out, with what was found; beside
 * the loop again both are put on disk; then the step that began it hears, and its job has the
 * picture.
 *
 * Failures: the library's own (no picture, no room); of the job nothing has changed, but that it
 * remembers what the disk did not let go of, and looks for it before it keeps another (adopt.c). A
 * job that has let go meanwhile does not get the picture: it is removed again, and until that is
 * over nothing is kept for the same job.
 *
 * On close what waits for the disk ends at once; a picture that gets its name all the same is found
 * there by the next start.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine_internal.h"
#include "pimagefs/facts.h"
#include "pimagefs/sidecar.h"

struct keep {
	struct library_work work;
	struct call *call;     /* NULL: it has let go */
	bool download;         /* it takes the place of one */
	struct list in;        /* of unwanted: what is kept all the same is removed again */
	struct engine *engine; /* then; NULL: it has gone */
	uint64_t number;       /* the job's */
	bool looks, blind;     /* one may be there already; and that could not be said */
	struct adopt adopt;
	keep_done_fn done;
	struct buf bytes;
	struct embed_facts facts;
	struct library_entry from; /* of keep_again */
	struct library_name name;
	char *id, *sidecar; /* name points to them */
	struct kept kept;
};

static void keep_free(struct keep *k)
{
	list_remove(&k->in);
	adopt_release(&k->adopt);
	buf_release(&k->bytes);
	embed_facts_release(&k->facts);
	free(k->from.path);
	free(k->kept.entry.path);
	free(k->id);
	free(k->sidecar);
	free(k);
}

/* The sidecar's text, as the job will be when this picture is kept. */
static char *sidecar_of(const struct job *job, const struct library_entry *entry, int64_t wall_ms)
{
	struct job kept = *job;
	struct library_entry copy = *entry;

	copy.path = NULL;
	kept.picture_path = NULL;
	keep_picture(&kept, &copy, wall_ms);
	return sidecar_text(&kept);
}

void keep_place(struct job *job, char **path)
{
	free(job->picture_path);
	job->picture_path = *path;
	*path = NULL;
}

void keep_picture(struct job *job, const struct library_entry *entry, int64_t wall_ms)
{
	free(job->picture_path);
	job->picture_path = entry->path;
	job->picture = entry->picture;
	job->picture_bytes = entry->bytes;
	memcpy(job->sha256, entry->sha256, sizeof(job->sha256));
	job->completed_ms = wall_ms;
}

static void give(struct library_work *w, void (*run)(struct library_work *w),
		 void (*done)(struct library_work *w, int r), struct library *l)
{
	w->run = run;
	w->done = done;
	library_work(l, w);
}

/* A picture may lie there, or it is not known that none does. */
static void remember(struct engine *e, struct job *job, struct keep *k)
{
	job->perhaps_kept = true;
	if (!k->kept.entry.path)
		return;
	keep_place(job, &k->kept.entry.path);
	jobs_touch(e->jobs, job);
}

/* --- nobody wants it --- */

static void remove_it(struct library_work *w)
{
	struct keep *k = list_entry(w, struct keep, work);

	k->kept.r = library_remove(w->library, k->kept.entry.path);
}

static void end_unwanted(struct keep *k)
{
	struct job *job = k->engine ? jobs_find_number(k->engine->jobs, k->number) : NULL;

	if (job && k->kept.r < 0 && k->kept.entry.path)
		remember(k->engine, job, k);
	keep_free(k);
}

static void on_removed(struct library_work *w, int r)
{
	struct keep *k = list_entry(w, struct keep, work);

	if (r < 0)
		k->kept.r = r;
	end_unwanted(k);
}

void keep_end(struct engine *e)
{
	list_each_safe (p, tmp, &e->unwanted) {
		list_entry(p, struct keep, in)->engine = NULL;
		list_remove(p);
	}
}

static bool is_being_removed(const struct engine *e, const struct job *job)
{
	list_each (p, &e->unwanted)
		if (list_entry(p, struct keep, in)->number == job->number)
			return true;
	return false;
}

/* --- both ways end here --- */

static void let_go(struct keep *k)
{
	struct engine *e = k->call->engine;

	k->call->keep = NULL;
	k->call = NULL;
	e->keeping--;
	if (k->download)
		e->downloading--;
}

static void report(struct keep *k)
{
	struct call *c = k->call;
	struct engine *e = c->engine;
	struct job *job;

	let_go(k);
	job = call_land(c);
	if (k->looks)
		job->blind = k->blind ? job->blind + 1 : 0;
	if (k->kept.r == 0)
		job->perhaps_kept = false;
	else if (k->kept.entry.path)
		remember(e, job, k);
	k->done(e, job, &k->kept);
	if (k->kept.r == 0)
		k->kept.entry.path = NULL; /* the job's */
	keep_free(k);
}

static void on_kept(struct library_work *w, int r)
{
	struct keep *k = list_entry(w, struct keep, work);

	if (r < 0)
		k->kept.r = r;
	if (k->call)
		report(k);
	else if (k->kept.entry.path && k->engine)
		give(w, remove_it, on_removed, w->library);
	else
		end_unwanted(k);
}

static int describe(struct keep *k)
{
	const struct engine *e = k->call->engine;
	int r = job_set_text(&k->id, k->call->job->id);

	if (r < 0)
		return r;

	k->kept.wall_ms = world_wall_ms(e->on.world);
	k->sidecar = sidecar_of(k->call->job, &k->kept.entry, k->kept.wall_ms);
	k->name = (struct library_name){ .id = k->id,
					 .wall_ms = k->kept.wall_ms,
					 .sidecar = k->sidecar,
					 .chance = e->on.world->random(e->on.world->self) };
	return k->sidecar ? 0 : -ENOMEM;
}

/* --- bytes --- */

/* The bytes become those with the facts in them, if these are still the same picture. */
static int embed_facts(struct keep *k)
{
	const struct picture *picture = &k->kept.entry.picture;
	struct buf with = BUF_INIT;
	struct library_entry entry = { 0 };
	struct error why;
	int r = embed(&k->facts, k->bytes.data, k->bytes.size, picture, &with);

	if (r > 0)
		r = library_examine(with.data, with.size, &entry, &why);
	if (r == 0 && with.size && entry.picture.kind == picture->kind &&
	    entry.picture.width == picture->width && entry.picture.height == picture->height) {
		buf_release(&k->bytes);
		k->bytes = with;
		k->kept.entry = entry;
		return 0;
	}
	buf_release(&with);
	return r == -ENOMEM ? r : 0;
}

static void examine_it(struct library_work *w)
{
	struct keep *k = list_entry(w, struct keep, work);

	k->kept.r = library_examine(k->bytes.data, k->bytes.size, &k->kept.entry, &k->kept.why);
	if (k->kept.r == 0)
		k->kept.r = embed_facts(k);
}

static void keep_it(struct library_work *w)
{
	struct keep *k = list_entry(w, struct keep, work);
	int r = 0;

	if (k->looks) {
		k->adopt.made = &k->kept.entry;
		k->adopt.name = &k->name;
		r = adopt_look(&k->adopt, w->library);
		k->blind = r < 0;
		if (r > 0) {
			k->kept.entry = k->adopt.entry;
			k->kept.wall_ms = k->adopt.completed_ms;
		} else { /* found, and it cannot be made to last now; or NULL */
			k->kept.entry.path = k->adopt.entry.path;
		}
		k->adopt.entry.path = NULL;
	}
	if (r == 0)
		r = library_keep(w->library, buf_text(&k->bytes), &k->name, &k->kept.entry);
	k->kept.r = r < 0 ? r : 0;
}

static void on_examined(struct library_work *w, int r)
{
	struct keep *k = list_entry(w, struct keep, work);

	if (r == 0)
		r = k->kept.r;
	if (r == 0 && k->call)
		r = describe(k);
	if (r == 0 && k->call) {
		give(w, keep_it, on_kept, w->library);
		return;
	}
	k->kept.r = r < 0 ? r : -ECANCELED;
	on_kept(w, 0);
}

static struct keep *keep_new(struct call *c, keep_done_fn done)
{
	struct keep *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	list_init(&k->in);
	k->call = c;
	k->done = done;
	k->number = c->job->number;
	return k;
}

/* The job has let go: the call ends. */
static void keep_stop(struct call *c)
{
	if (!c->engine->freed) {
		c->keep->engine = c->engine;
		list_append(&c->engine->unwanted, &c->keep->in);
	}
	let_go(c->keep);
	call_land(c);
}

static void begin(struct call *c, struct keep *k, void (*run)(struct library_work *w),
		  void (*done)(struct library_work *w, int r))
{
	c->keep = k;
	c->keep_stop = keep_stop;
	c->engine->keeping++;
	give(&k->work, run, done, c->engine->on.library);
}

void keep_renames(struct engine *e, struct job *job)
{
	const struct call *c = job->call;
	const struct keep *k = c ? c->keep : NULL;

	if (k && k->sidecar && !job->picture_path)
		job->picture_path =
			library_place_of(e->on.library, &k->name, k->kept.entry.picture.kind);
}

int keep_bytes(struct call *c, keep_done_fn done)
{
	struct keep *k = keep_new(c, done);
	int r = k ? facts_of_job(c->job, c->engine->on.settings, &k->facts) : -ENOMEM;

	if (r == 0 && is_being_removed(c->engine, c->job))
		r = -EBUSY;
	if (r == 0 && c->job->perhaps_kept) {
		k->looks = true;
		r = adopt_init(&k->adopt, c->job);
	}
	if (r < 0) {
		if (k)
			keep_free(k);
		return r;
	}
	k->bytes = c->bytes;
	c->bytes = (struct buf)BUF_INIT;
	k->download = true;
	begin(c, k, examine_it, on_examined);
	return 0;
}

/* --- one that is there already --- */

static void keep_it_again(struct library_work *w)
{
	struct keep *k = list_entry(w, struct keep, work);

	k->kept.r = library_keep_again(w->library, &k->from, &k->name, &k->kept.entry.path);
}

int keep_again(struct call *c, const struct library_entry *from, keep_done_fn done)
{
	struct keep *k = keep_new(c, done);
	int r = -ENOMEM;

	if (k) {
		k->from = k->kept.entry = *from;
		k->kept.entry.path = NULL;
		k->from.path = strdup(from->path);
		r = k->from.path ? describe(k) : -ENOMEM;
	}
	if (r < 0) {
		if (k)
			keep_free(k);
		return r;
	}
	begin(c, k, keep_it_again, on_kept);
	return 0;
}
