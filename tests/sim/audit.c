/*
 * The auditor: sees the service's books and what the users were told, and says what must not be.
 *
 * It judges money when a create leaves the house, rate and budget when it arrives, a job when it
 * moves, what was acknowledged at each start, and everything at the end.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/names.h"
#include "users.h"

#define MANY (sizeof(((struct service *)0)->arrivals) / sizeof(int64_t))

/* --- creates --- */

/* It was bought, answered and stored, and nothing has ended it. */
static bool is_owned(const struct sim *s, const struct prediction *p)
{
	bool failed = p->fate == FATE_FAILURE && p->over_ms <= s->mono_ms;

	return p->stored && !p->cancelled && !p->forgotten && !failed;
}

/* Pictures that are made and not kept. */
static int count_waiting(struct job *job, void *data)
{
	int *waiting = data;

	if (job->state != JOB_DOWNLOADING)
		return 0;
	waiting[0]++;
	waiting[1] += job->error && job->error->advice == ADVICE_ROOM_AGAIN;
	return 0;
}

static void audit_pressure(struct sim *s)
{
	int waiting[2] = { 0, 0 };

	engine_each(s->house.engine, count_waiting, waiting);
	if (waiting[0] > 2 * s->o.downloads)
		violation(s, "something is bought, and %d finished pictures wait for %d downloads",
			  waiting[0], s->o.downloads);
	if (waiting[1] && s->unkept_life == s->house.life)
		violation(s, "something is bought, and the last picture could not be kept");
}

static int find_made_anew(struct job *job, void *data)
{
	struct sim *s = ((void **)data)[0];

	return job->state == JOB_CREATING && job->made_anew && !job->reused_from &&
	       text_of_job(s, job) == ((void **)data)[1];
}

/* An earlier picture was to be used, and could not be: the disk failed, or it was removed. */
static void excuse_reuse(struct sim *s, struct text *t)
{
	void *data[] = { s, t };

	if (t->reuse_open &&
	    (library_fired(s) != t->reuse_fired || s->removals != t->reuse_removals) &&
	    engine_each(s->house.engine, find_made_anew, data)) {
		t->reuse_open--;
		t->granted++;
	}
}

void audit_reused(struct sim *s, const struct job *job)
{
	struct text *t = text_of_job(s, job);

	if (!s->o.reuse)
		violation(s, "%s has an earlier picture, and nobody wants that", job->id);
	/* Or it waited in the queue while another made what the next start found. */
	if (t->reuse_open)
		t->reuse_open--;
	else
		t->reuses++;
	t->reuse_unstored++;
}

static int find_owner(struct job *job, void *data)
{
	struct sim *s = ((void **)data)[0];
	const struct prediction *p = ((void **)data)[1];

	return job->state == JOB_CREATING && text_of_job(s, job) == p->text &&
	       strcmp(job->id, p->owner) == 0;
}

/* Not for another request of the same text, which the user has asked for, too. */
static bool is_sent_for_owner(struct sim *s, const struct prediction *p)
{
	void *data[] = { s, (void *)(uintptr_t)p };

	return !*p->owner || engine_each(s->house.engine, find_owner, data);
}

void audit_send(struct sim *s, struct text *t)
{
	audit_pressure(s);
	if (s->refused_life == s->house.life)
		violation(s, "something is bought after the service has refused the key or has "
			     "found no balance");
	if (t->granted <= t->spent)
		excuse_reuse(s, t);
	if (t->granted <= t->spent)
		violation(s, "'%s' is sent %d times, and was asked for %d times", t->prompt,
			  t->spent + 1, t->granted);
	list_each (p, &s->service.predictions) {
		const struct prediction *one = list_entry(p, struct prediction, in);

		if (one->text == t && t->submits <= 1 && is_owned(s, one) &&
		    is_sent_for_owner(s, one))
			violation(s, "'%s' is bought again, and %s is not over", t->prompt,
				  one->id);
	}
}

void audit_arrival(struct sim *s)
{
	struct service *v = &s->service;
	int64_t window = s->o.window_s * SECOND;
	unsigned n = 0;

	v->arrivals[v->n_arrivals++ % MANY] = s->mono_ms;
	for (unsigned i = v->n_arrivals; i-- > 0 && v->n_arrivals - i <= MANY;) {
		if (v->arrivals[i % MANY] <= s->mono_ms - window)
			break;
		n++;
	}
	if (n > (unsigned)s->o.per_window && s->mono_ms >= v->blind_until_ms)
		violation(s, "%u creates arrive within %d s; %d may", n, s->o.window_s,
			  s->o.per_window);
}

/* The job is of an earlier run, and this one does not poll it. Then nothing but the wall clock
 * tells its age, also where that was set in between: it is past its deadline when that says so.
 * Money is not at stake: the service may answer 429, and whoever polls it again gives it a whole
 * deadline. */
static bool seems_old(const struct sim *s, const struct job *job)
{
	const struct house *h = &s->house;
	int64_t age = h->start_wall_ms - job->submitted_ms;

	return job->since_ms == 0 &&
	       s->mono_ms - h->start_mono_ms + (age > 0 ? age : 0) >= s->o.deadline_s * SECOND;
}

/* The client had given it up when a create left: it asked for its end, and was told that there is
 * none, or for long. It may poll it again since. */
static bool is_let_go(const struct sim *s, const struct prediction *p, int64_t left_ms)
{
	const struct job *job = s->house.engine ? engine_find_prediction(s->house.engine, p->id)
						: NULL;
	bool wanted_end = p->late_poll || p->text->cancelled;
	bool polled = job && job->state == JOB_PROCESSING && job->since_ms <= left_ms;
	bool asked_for = polled || (job && job->cancel_owed);

	if (!asked_for &&
	    (s->mono_ms > p->answered_ms + s->o.deadline_s * SECOND || (job && seems_old(s, job))))
		return true;
	return wanted_end &&
	       (p->cancel_refused || s->mono_ms > p->answered_ms + 2 * s->o.deadline_s * SECOND);
}

void audit_taken(struct sim *s, const struct prediction *taken, int64_t left_ms)
{
	int running = 0, today = 0;

	list_each (p, &s->service.predictions) {
		const struct prediction *one = list_entry(p, struct prediction, in);

		if (one == taken || (one->answer != ANSWER_LOST && !prediction_is_over(s, one) &&
				     !is_let_go(s, one, left_ms)))
			running++;
		if (one->day == taken->day && !one->told_over && !one->forgotten)
			today++;
	}
	if (running > s->o.concurrent && s->house.engine)
		violation(s, "%d predictions run at once; %d may", running, s->o.concurrent);
	if (s->o.daily_images && taken->day && today > s->o.daily_images &&
	    s->service.lifted_day != taken->day)
		violation(s, "%d predictions on one day; %d may", today, s->o.daily_images);
}

/* --- jobs --- */

static void audit_failed(struct sim *s, const struct job *job, const struct prediction *p)
{
	bool timed_out = job->error && job->error->class == ERROR_TIMEOUT;

	if (job->prediction_over && !prediction_is_over(s, p))
		violation(s, "status of %s says that %s is over, and it is not", job->id, p->id);
	if (job->prediction_over && prediction_is_ready(s, p) && !p->text->cancelled)
		violation(s, "status of %s says that %s is over, and its picture is ready", job->id,
			  p->id);
	if (!timed_out || !p->stored || p->text->cancelled)
		return;
	if (!p->late_poll)
		violation(s, "%s is given up without a poll past its deadline", p->id);
	if (prediction_is_ready(s, p) && p->over_ms <= p->answered_ms + s->o.deadline_s * SECOND)
		violation(s, "%s is given up, and it was ready within its deadline", p->id);
}

void audit_change(struct sim *s, const struct job *job)
{
	struct prediction *p = job->prediction_id ? service_find(s, job->prediction_id) : NULL;

	if (p && job->blind >= JOB_MOST_BLIND)
		p->passed_over = true;
	if (job->state == JOB_READY)
		s->unkept_life = 0;
	/* Not when another request takes its name meanwhile. */
	else if (s->house.up && job->state == JOB_DOWNLOADING && job->error &&
		 job->error->advice == ADVICE_ROOM_AGAIN && p && p->waits != job->waits)
		s->unkept_life = s->house.life;
	if (p)
		p->waits = job->waits;
}

/* Its own, or the one whose picture it has. */
static const struct prediction *prediction_of(const struct sim *s, const struct job *job)
{
	const char *id = job->prediction_id ? job->prediction_id : job->reused_from;
	struct prediction *p = id ? service_find(s, id) : NULL;

	if (p && job->prediction_id)
		snprintf(p->owner, sizeof(p->owner), "%s", job->id);
	return p;
}

/* It lies where its job says; or the move out of the trash came through, and not what tells of it:
 * the start looks for it. */
static bool is_kept(struct sim *s, const struct job *job, const struct buf *picture)
{
	const char *path = job->picture_path;

	s->counts->pictures++;
	return path && (sim_disk_holds(s->disk, path, picture) ||
			(library_in_trash(path) && sim_disk_count(s->disk, picture) == 1));
}

void audit_job(struct sim *s, const struct job *job)
{
	const struct prediction *p = prediction_of(s, job);
	bool has_own = job->state == JOB_PROCESSING || job->state == JOB_DOWNLOADING ||
		       job->state == JOB_READY;

	if (job->prediction_id && !p)
		violation(s, "%s has a prediction that the service never gave", job->id);
	else if (has_own && !p)
		violation(s, "%s is %s without a prediction", job->id, job_state_name(job->state));
	else if (p && p->text != text_of_job(s, job))
		violation(s, "%s has the prediction of another text", job->id);
	if (!p || s->failed)
		return;
	if (job->state == JOB_READY && !job->dismissed && !is_kept(s, job, &p->picture))
		violation(s, "status of %s says ready, and the library does not have %s whole",
			  job->id, p->id);
	if (job->state == JOB_FAILED || job->state == JOB_CANCELLED)
		audit_failed(s, job, p);
}

static int audit_one(struct job *job, void *data)
{
	audit_job(data, job);
	return 0;
}

/* --- a start --- */

static void audit_registered(struct sim *s, const struct known *k)
{
	char id[64];

	snprintf(id, sizeof(id), "%.*s", (int)names_id_length(k->path), k->path);
	if (!engine_find(s->house.engine, id))
		violation(s, "the close of %s was answered, and after a start nothing has its id",
			  k->path);
}

/* From now on what is there is known. */
static void learn(struct known *k, const struct node *node)
{
	const struct reqfile *file = node && !k->folder ? node->data : NULL;
	const char *now = file ? buf_text(&file->text) : NULL;
	bool same = now && k->content && strcmp(now, k->content) == 0;
	bool sure = k->there != MAYBE && !k->limbo && !k->flying && (same || !now);

	k->there = node ? YES : NO;
	if (!now || (!same && !k->flying && !k->limbo))
		k->confirmed = NO;
	else if (!same || k->confirmed != YES)
		k->confirmed = k->confirmed == NO && !k->flying && !k->limbo ? NO : MAYBE;
	if (!same) {
		k->registered = false;
		free(k->prompt);
		k->prompt = now ? wants_of(k->path, now) : NULL;
		set_text(&k->content, now);
	}
	k->flying = k->dirty = false;
	/* What was read may come from a log that was not synced: only the next commit makes it
	 * last. */
	k->limbo = !sure;
}

static void audit_path(struct sim *s, struct known *k)
{
	const struct node *node = path_node(s, k->path);
	const struct reqfile *file = node && !k->folder ? node->data : NULL;

	if (k->limbo)
		k->there = MAYBE;
	if (k->there == YES && !node)
		violation(s, "%s was acknowledged, and is gone after a start", k->path);
	else if (k->there == NO && node)
		violation(s, "the removal of %s was acknowledged, and it is back", k->path);
	else if (k->there == YES && file && k->content && !k->dirty &&
		 strcmp(k->content, buf_text(&file->text)) != 0)
		violation(s, "%s holds '%s' after a start; '%s' was acknowledged", k->path,
			  buf_text(&file->text), k->content);
	else if (k->there == YES && k->registered && !k->limbo)
		audit_registered(s, k);
	learn(k, node);
}

/* Is a picture removed, as was answered? In doubt it is as it is now. */
static void audit_removed(struct sim *s, struct prediction *p)
{
	const struct job *job = engine_find_prediction(s->house.engine, p->id);
	bool known = p->removed != MAYBE && !p->removed_soft;
	bool excused = p->removed == NO && library_fired(s) != p->restore_fired;

	/* It may have another prediction by now. */
	if (!job || job->state != JOB_READY || !job->prediction_id ||
	    strcmp(job->prediction_id, p->id) != 0) {
		p->removed = NO;
		p->removed_soft = false;
		return;
	}
	if (known && !excused && job->dismissed != (p->removed == YES))
		violation(s, "the picture of %s was %s, and that is forgotten", p->id,
			  p->removed == YES ? "removed" : "not removed, or brought back");
	p->removed = job->dismissed ? YES : NO;
	p->removed_soft = false;
}

void audit_start(struct sim *s, bool crashed)
{
	struct engine_stats stats;

	(void)crashed;
	list_each (p, &s->known)
		audit_path(s, list_entry(p, struct known, in));
	engine_each(s->house.engine, audit_one, s);
	list_each (p, &s->service.predictions)
		audit_removed(s, list_entry(p, struct prediction, in));
	engine_stats(s->house.engine, &stats);
	if (s->paused_soft)
		s->paused = MAYBE;
	if (s->paused != MAYBE && stats.gate.paused != (s->paused == YES))
		violation(s, "pause or resume was acknowledged, and is forgotten after a start");
	s->paused_soft = s->paused == MAYBE; /* as with paths: until the next commit */
	s->paused = stats.gate.paused ? YES : NO;
	if (s->service.lift_limbo && stats.gate.budget.lifted)
		s->service.lifted_day = stats.gate.budget.lifted;
	s->service.lift_limbo = false;
	if (s->mono_ms - s->wall_jump_ms <= s->o.window_s * SECOND)
		s->service.blind_until_ms = s->mono_ms + s->o.window_s * SECOND;
}

/* --- the end --- */

static int audit_pending(struct job *job, void *data)
{
	if (job_pending(job) && (job->state != JOB_DRAFT || job->input))
		violation(data, "%s ('%s') is %s for ever%s%s", job->id,
			  job->prompt ? job->prompt : "", job_state_name(job->state),
			  job->error ? ": " : "", job->error ? job->error->message : "");
	return 0;
}

/* What is no longer current, or was removed, and failed in a way from which a retry would bring it
 * back: `retry failed` asks for none of it. */
static bool is_left_alone(const struct sim *s, const struct prediction *p)
{
	const struct job *job = engine_find_prediction(s->house.engine, p->id);

	return job && (!job->current || job_is_removed(job)) && !job->prediction_over &&
	       !job_pending(job) && job->state != JOB_READY &&
	       !(job->error && job->error->class == ERROR_TIMEOUT);
}

static void audit_prediction(struct sim *s, const struct prediction *p)
{
	bool in_time = p->over_ms <= p->answered_ms + s->o.deadline_s * SECOND;
	int copies = sim_disk_count(s->disk, &p->picture);

	/* What could never be read must not hold back what was paid for: one more is the price. */
	if (copies > 1 + p->text->reuses + p->passed_over)
		violation(s, "the picture of %s is in the library %d times", p->id, copies);
	if (!p->stored || p->text->cancelled || p->told_over || p->forgotten || is_left_alone(s, p))
		return;
	if (prediction_is_ready(s, p) && (in_time || p->told_done)) {
		if (!copies)
			violation(s,
				  "the picture of %s was ready in time, and is not in the "
				  "library",
				  p->id);
		return;
	}
	if (!p->late_poll)
		violation(s,
			  "%s was paid for, and is neither over nor was it polled past its "
			  "deadline",
			  p->id);
}

/* Each lies where it belongs. */
static int audit_place(struct job *job, void *data)
{
	if (job->state == JOB_READY && job->picture_path &&
	    job->dismissed != library_in_trash(job->picture_path))
		violation(data, "the picture of %s is %s, and lies in %s", job->id,
			  job->dismissed ? "removed" : "not removed", job->picture_path);
	return 0;
}

void audit_end(struct sim *s, bool settled)
{
	unsigned timers = world_timers_running(s);

	if (timers)
		violation(s, "nothing is left to do, and %u timers run", timers);
	engine_each(s->house.engine, audit_pending, s);
	engine_each(s->house.engine, audit_one, s);
	if (settled)
		engine_each(s->house.engine, audit_place, s);
	list_each (p, &s->service.predictions)
		audit_removed(s, list_entry(p, struct prediction, in));
	if (waiters_count(s->house.waiters))
		violation(s, "an open waits for ever");
	list_each (p, &s->service.predictions)
		audit_prediction(s, list_entry(p, struct prediction, in));
}
