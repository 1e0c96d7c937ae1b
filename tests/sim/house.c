/*
 * The program itself, as app builds it: store, library, ledger, service, tree, views, engine, inbox
 * and waiters as they really are, on the simulated world.
 *
 * Happy path: started in app's order, ended in app's order after a drain.
 *
 * Failures: a start that a disk refuses is tried again a little later. At a power cut nothing of
 * what the house still does reaches a disk or a wire; then everything is freed, and the disks
 * forget what was not synced.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/claim.h"
#include "pimagefs/rebuild.h"
#include "sim.h"

static void on_job(struct job *job, enum jobs_change change, void *data)
{
	struct sim *s = data;
	struct house *h = &s->house;
	bool gone = change == JOBS_GONE;

	if (gone)
		views_forget(h->views, job);
	else
		views_update(h->views, job);
	if (h->waiters && (gone || !job_pending(job)))
		waiters_wake(h->waiters, job->number, gone ? -ECANCELED : 0);
	if (!gone)
		audit_change(s, job);
	if (change != JOBS_MOVED || s->dead)
		return;
	tell(s, "   %s (%s) is %s%s%s", job->id, job->prompt ? job->prompt : "",
	     job_state_name(job->state), job->error ? ": " : "",
	     job->error ? job->error->message : "");
	audit_job(s, job);
	if (job->state == JOB_READY && job->reused_from)
		audit_reused(s, job);
}

static void on_freed(struct node *node, void *data)
{
	(void)data;
	if (node->kind == NODE_REQUEST)
		inbox_freed(node);
}

static int plant(struct tree *tree, const char *name, enum node_area area, struct node **out)
{
	int r = tree_make(tree, NODE_FOLDER, area, 0755, out);

	if (r == 0)
		r = tree_link(tree_root(tree), name, *out, true, NULL);
	node_unpin(*out);
	return r;
}

static int start_disk(struct sim *s, struct error *err)
{
	struct house *h = &s->house;
	struct rebuild_ground ground = {
		.world = &s->world,
		.settings = s->settings,
		.rules = s->rules,
	};
	struct claim_ground claim = {
		.world = &s->world,
		.library = s->settings->library.path,
		.state = s->settings->library.state,
	};
	char *notice = NULL;
	int r = store_open(&h->store, s->settings->library.state, s->world.vfs, err);

	claim.store = ground.store = h->store;
	if (r == 0)
		r = claim_library(&claim, &h->library, err);
	ground.library = h->library;
	if (r == 0)
		r = rebuild(&ground, &notice, err);
	free(notice);
	return r;
}

static int start_rest(struct sim *s)
{
	struct house *h = &s->house;
	struct engine_ground ground = {
		.world = &s->world,
		.settings = s->settings,
		.service = &eachlabs_ops,
		.library = h->library,
	};
	int r = ledger_new(&h->ledger, &s->world, h->store);

	if (r == 0)
		r = eachlabs_new(&h->api, (struct http *)s, s->settings);
	h->tree = tree_new(&s->world, on_freed, s);
	if (r == 0)
		r = plant(h->tree, "requests", AREA_REQUESTS, &h->requests);
	if (r == 0)
		r = plant(h->tree, "images", AREA_IMAGES, &h->images);
	if (r == 0)
		r = plant(h->tree, "status", AREA_STATUS, &h->status);
	if (r == 0)
		r = views_new(&h->views, h->images, h->status, h->requests, true);
	ground.service_self = h->api;
	ground.ledger = h->ledger;
	if (r == 0)
		r = library_start(h->library);
	if (r == 0)
		r = engine_new(&h->engine, &ground);
	if (r == 0)
		r = engine_listen(h->engine, on_job, s);
	if (r == 0)
		r = inbox_new(&h->inbox, &s->world, h->requests, s->settings, s->rules, h->engine,
			      h->ledger);
	if (r == 0)
		r = engine_load(h->engine, h->store);
	if (r == 0)
		r = inbox_load(h->inbox, h->store);
	if (r == 0)
		r = waiters_new(&h->waiters, &s->world, s->settings->images.wait_timeout_s * 1000LL,
				users_finish_wait, s);
	return r;
}

/* From the top down, as app_release. */
static void release(struct sim *s)
{
	struct house *h = &s->house;
	int life = h->life;
	bool crashed = h->crashed_before;

	ledger_stop(h->ledger);
	engine_free(h->engine);
	ledger_free(h->ledger);
	library_close(h->library);
	users_house_gone(s);
	waiters_free(h->waiters);
	eachlabs_free(h->api);
	inbox_free(h->inbox);
	tree_free(h->tree);
	views_free(h->views);
	store_close(h->store);
	memset(h, 0, sizeof(*h));
	h->life = life;
	h->crashed_before = crashed;
	world_end_house(s);
}

void house_note_commits(struct sim *s)
{
	struct house *h = &s->house;

	if (!h->ledger || ledger_commits(h->ledger) == h->commits)
		return;
	h->commits = ledger_commits(h->ledger);
	service_committed(s);
}

int house_start(struct sim *s)
{
	struct house *h = &s->house;
	struct error err = { .message = "" };
	int r;

	h->life++;
	h->starting = true;
	h->start_mono_ms = s->mono_ms;
	h->start_wall_ms = s->wall_ms;
	r = start_disk(s, &err);
	if (r == 0)
		r = start_rest(s);
	if (r == -EUCLEAN)
		violation(s, "the database is damaged: %s", err.message);
	s->failed_starts = r < 0 ? s->failed_starts + 1 : 0;
	if (r < 0) {
		tell(s, "=== the program cannot start: %s %s", strerror(-r), err.message);
		release(s);
		return r;
	}
	h->starting = false;
	h->up = true;
	engine_start(h->engine);
	tell(s, "=== the program has started");
	return 0;
}

static void on_again(void *data)
{
	house_start_soon(data);
}

/* If the plug is pulled during the start, it is a crash like any other. */
void house_start_soon(struct sim *s)
{
	int r;

	if (s->house.store)
		return;
	r = house_start(s);
	if (r < 0 && !s->dead)
		event_at(s, 20 * SECOND, on_again, s);
	else if (r == 0)
		audit_start(s, s->house.crashed_before);
}

static void on_drained(void *data)
{
	((struct sim *)data)->house.drained = true;
}

void house_stop(struct sim *s)
{
	struct house *h = &s->house;
	int64_t until = s->mono_ms + 10 * MINUTE;

	if (!h->up)
		return;
	tell(s, "=== the program is ended by a signal");
	s->counts->restarts++;
	h->up = false; /* nobody gets in any more */
	waiters_let_go(h->waiters, -ECANCELED);
	ledger_sync(h->ledger);
	engine_drain(h->engine, on_drained, s);
	while (!h->drained && !s->dead && !s->failed && world_step(s))
		if (s->mono_ms > until)
			violation(s, "a drain does not end");
	if (s->dead) {
		house_crash(s);
		return;
	}
	ledger_sync(h->ledger);
	house_note_commits(s);
	release(s);
	service_house_gone(s, false);
	s->house.crashed_before = false;
}

void house_crash(struct sim *s)
{
	tell(s, "=== the plug is pulled");
	s->counts->crashes++;
	s->dead = true;
	s->plug_in = 0;
	s->house.up = false;
	release(s);
	service_house_gone(s, true);
	sim_disk_crash(s->disk);
	files_crash(s->files);
	s->dead = false;
	s->house.crashed_before = true;
}
