/*
 * Users remove pictures from images/, and have them back.
 *
 * Happy path: rm of a picture that is there moves it to the library's trash; of one that still
 * comes it cancels. What was removed, or brought back, and answered, is so after the next commit.
 *
 * Failures: a crash before that commit may undo a removal that cancelled nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pimagefs/images.h"
#include "users.h"

uint64_t library_fired(const struct sim *s)
{
	return s->storms[FAULT_LIBRARY_IO].fired + s->storms[FAULT_LIBRARY_FULL].fired +
	       s->storms[FAULT_LIBRARY_RO].fired;
}

void note_removed(struct sim *s, const struct job *job, enum truth removed, bool soft)
{
	struct prediction *p = job->prediction_id ? service_find(s, job->prediction_id) : NULL;

	if (!p)
		return;
	p->removed = removed;
	p->removed_soft = soft;
	p->restore_fired = library_fired(s);
	s->removals++;
}

/* One of those that a name means. */
struct choice {
	uint64_t *chance;
	struct job *job;
	uint64_t n;
};

static void choose(struct sim *s, struct job *job, void *data)
{
	struct choice *c = data;

	(void)s;
	if ((job->state == JOB_READY || job_pending(job)) && job->input && !job->dismissed &&
	    chance_below(c->chance, ++c->n) == 0)
		c->job = job;
}

void user_removes_picture(struct user *u)
{
	struct sim *s = u->sim;
	struct choice c = { .chance = &u->chance };
	struct text *t;
	char path[64];
	bool pends;
	int r, others;

	user_path(u, (int)chance_below(&u->chance, PROPER), path);
	id_of(path);
	if (options_does(&s->o, VERB_REMOVES))
		each_meant(s, path, choose, &c);
	if (!c.job) {
		user_go_on(u, 1);
		return;
	}
	pends = job_pending(c.job);
	t = text_of_job(s, c.job);
	others = text_owed(s, t) - job_owes(c.job);
	r = images_dismiss(s->house.engine, c.job);
	count_answer(s, r);
	tell(s, "user %d removes the picture of %s: %s", u->number, c.job->id,
	     r < 0 ? strerror(-r) : "ok");
	if (pends && r == 0 && !s->dead)
		text_revoke(t, others);
	else if (pends)
		t->cancelled = true;
	else if (r == 0)
		note_removed(s, c.job, YES, true);
	user_think(u);
}
