/*
 * The users: each does one thing after the other, with pauses, and now and then pulls the plug,
 * ends the program or sets the clock.
 *
 * Happy path: a turn is one step of writing, a name, a command, or an open that waits.
 *
 * Failures: when the house is gone so is what they had open; they come back when it is there again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/names.h"
#include "users.h"

static void on_turn(void *data);

void user_go_on(struct user *u, int64_t delay_ms)
{
	event_drop(u->next);
	u->next = event_at(u->sim, delay_ms, on_turn, u);
}

void user_think(struct user *u)
{
	uint64_t *c = &u->chance;
	int64_t pause = chance_span(c, 10, 20 * SECOND);

	if (!u->sim->o.hurried && chance_of(c, 300))
		pause = chance_span(c, MINUTE, chance_of(c, 150) ? 3 * DAY : 6 * HOUR);
	user_go_on(u, pause);
}

/* --- an open that waits --- */

void fuse_req_interrupt_func(fuse_req_t req, fuse_interrupt_func_t func, void *data)
{
	struct user *u = (struct user *)req;

	u->interrupt = func;
	u->interrupt_data = data;
}

void users_finish_wait(fuse_req_t req, void *payload, int r, void *data)
{
	struct user *u = (struct user *)req;

	(void)payload;
	(void)data;
	u->doing = IDLE;
	tell(u->sim, "user %d waits no longer for %s: %s", u->number, u->path,
	     r < 0 ? strerror(-r) : "it has ended");
	if (!u->sim->dead)
		user_think(u);
}

static void on_interrupt(void *data)
{
	struct user *u = data;

	if (u->doing == WAITING && u->sim->house.up)
		u->interrupt((fuse_req_t)u, u->interrupt_data);
}

void user_opens(struct user *u)
{
	struct sim *s = u->sim;
	struct job *job;

	user_path(u, (int)chance_below(&u->chance, PROPER), u->path);
	id_of(u->path);
	job = engine_find(s->house.engine, u->path);
	if (!job || !job_pending(job) || !views_awaits_picture(job)) {
		user_go_on(u, 1);
		return;
	}
	tell(s, "user %d opens the picture of %s and waits", u->number, u->path);
	u->doing = WAITING;
	waiters_add(s->house.waiters, job->number, (fuse_req_t)u, u);
	if (chance_of(&u->chance, 300))
		event_at(s, chance_span(&u->chance, 100, 10 * MINUTE), on_interrupt, u);
}

/* --- the weather --- */

static void on_crash(void *data)
{
	struct sim *s = data;

	if (s->house.store)
		s->dead = true;
}

static void on_stop(void *data)
{
	struct sim *s = data;

	if (s->house.up)
		house_stop(s);
	if (!s->house.store)
		house_start_soon(s);
}

static void weather(struct user *u)
{
	struct sim *s = u->sim;
	uint64_t *c = &s->storms[FAULT_CLOCK].chance;
	int64_t jump;

	if (fault(s, FAULT_CRASH))
		event_at(s, chance_span(&u->chance, 1, 20 * SECOND), on_crash, s);
	if (fault(s, FAULT_PLUG))
		s->plug_in = 1 + (int)chance_below(&u->chance, 60);
	if (fault(s, FAULT_RESTART))
		event_at(s, chance_span(&u->chance, 1, 20 * SECOND), on_stop, s);
	if (!fault(s, FAULT_CLOCK))
		return;
	jump = chance_span(c, 10, chance_of(c, 200) ? 400 * DAY : 2 * HOUR);
	if (chance_of(c, 500))
		jump = -jump;
	s->wall_ms += jump;
	s->wall_jump_ms = s->mono_ms;
	tell(s, "-- the wall clock is set by %lld s", (long long)(jump / 1000));
}

/* --- turns --- */

static void begin(struct user *u)
{
	static void (*const acts[])(struct user *) = {
		user_writes,          user_writes,  user_writes,         user_writes,
		user_appends,         user_renames, user_renames,        user_unlinks,
		user_makes_folder,    user_touches, user_commands,       user_commands,
		user_opens,           user_renames, user_removes_folder, user_holds,
		user_removes_picture,
	};

	if (!u->left) {
		u->sim->busy--;
		u->left = -1;
		return;
	}
	u->left--;
	acts[chance_below(&u->chance, sizeof(acts) / sizeof(*acts))](u);
}

static void on_turn(void *data)
{
	struct user *u = data;
	struct sim *s = u->sim;

	u->next = NULL;
	if (u->left < 0 && u->doing == IDLE)
		return;
	if (!s->house.up || s->dead) {
		user_go_on(u, 5 * SECOND);
		return;
	}
	weather(u);
	if (u->doing == WRITING)
		user_write_on(u);
	else if (u->doing == IDLE)
		begin(u);
}

/* --- life --- */

void users_init(struct sim *s)
{
	s->users = calloc((size_t)s->o.users, sizeof(*s->users));
	s->busy = s->o.users;
	list_init(&s->known);
	for (int i = 0; i < s->o.users; i++) {
		struct user *u = &s->users[i];

		u->sim = s;
		u->number = i + 1;
		u->left = s->o.steps;
		u->chance = s->o.seed * 101 + (uint64_t)i * 7;
		user_go_on(u, 100 * (i + 1));
	}
}

void users_release(struct sim *s)
{
	for (int i = 0; i < s->o.users; i++) {
		free(s->users[i].content);
		free(s->users[i].prompt);
	}
	free(s->users);
	list_each_safe (p, tmp, &s->known) {
		struct known *k = list_entry(p, struct known, in);

		free(k->content);
		free(k->prompt);
		free(k->owed);
		list_remove(p);
		free(k);
	}
}

/* The tree goes too, with its pins. */
void users_house_gone(struct sim *s)
{
	for (int i = 0; i < s->o.users; i++) {
		struct user *u = &s->users[i];

		if (u->doing == WAITING && s->house.waiters)
			waiters_let_go(s->house.waiters, -ECANCELED);
		if (u->node && !s->dead)
			node_unpin(u->node);
		if (u->doing != IDLE)
			user_go_on(u, 5 * SECOND);
		u->node = NULL;
		u->doing = IDLE;
		holder_gone(u);
	}
	list_each (p, &s->known)
		set_text(&list_entry(p, struct known, in)->owed, NULL);
}

void users_finish(struct sim *s)
{
	for (int i = 0; i < s->o.users; i++) {
		s->users[i].left = 0;
		if (s->users[i].doing == IDLE)
			user_go_on(&s->users[i], 1);
	}
}

bool users_busy(const struct sim *s)
{
	return s->busy > 0;
}
