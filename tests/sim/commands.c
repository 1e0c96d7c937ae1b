/*
 * What users write to control/ctl, and what that grants and takes away.
 *
 * Happy path: before a line is given it is noted which jobs it means; by its answer their texts may
 * be created once more, or no longer.
 *
 * Failures: what answered an error was not asked for, but a crash may bring it to light.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/batch.h"
#include "pimagefs/ctl.h"
#include "pimagefs/names.h"
#include "users.h"

void id_of(char *path)
{
	path[names_id_length(path)] = '\0';
}

/* --- which jobs a line means --- */

struct meant {
	struct sim *sim;
	const struct job *head;
	const struct reqfile *file; /* of several; NULL: the head alone */
	const char *gone;           /* the id of several whose file is gone, or NULL */
	bool all;
	void (*fn)(struct sim *s, struct job *job, void *data);
	void *data;
};

static bool is_part_of(const struct job *job, const char *id)
{
	const char *slash = job->part && job->current ? strrchr(job->id, '/') : NULL;

	return slash && (size_t)(slash - job->id) == strlen(id) &&
	       strncmp(job->id, id, strlen(id)) == 0;
}

static int look_at(struct job *job, void *data)
{
	struct meant *m = data;
	bool part = m->file && job->set == m->file->number && job != m->head;

	part = part || (m->gone && is_part_of(job, m->gone));
	if (m->all || part || (!m->file && job == m->head))
		m->fn(m->sim, job, m->data);
	return 0;
}

void each_meant(struct sim *s, const char *id,
		void (*fn)(struct sim *s, struct job *job, void *data), void *data)
{
	struct meant m = { .sim = s, .fn = fn, .data = data, .all = !strcmp(id, "all") };
	const struct node *node;

	m.all = m.all || strcmp(id, "failed") == 0;
	m.head = m.all ? NULL : engine_find(s->house.engine, id);
	node = m.head ? m.head->file : NULL;
	m.file = node ? node->data : NULL;
	if (m.file && (m.file->job != m.head || !m.file->batch))
		m.file = NULL;
	if (!m.head && !m.all && batch_first(s->house.engine, id))
		m.gone = id;
	if (m.head || m.all || m.gone)
		engine_each(s->house.engine, look_at, &m);
}

/* --- before and after --- */

struct asked {
	struct sim *sim;
	char verb[16];
	const char *id;
	struct text *texts[512];
	struct prediction *pictures[512];
	int owed[512];  /* by all jobs of the text, before */
	bool owes[512]; /* does this one */
	unsigned n, n_pictures;
	struct stood {
		uint64_t number;
		bool pending, dismissed;
	} stood[512]; /* how each stood before */
	unsigned n_stood;
	unsigned jobs; /* all there were */
};

static bool retried_with_all(const struct job *job)
{
	enum error_class class = job->error ? job->error->class : ERROR_NONE;

	return job->current && (job->state == JOB_FAILED || job->state == JOB_HELD) &&
	       class != ERROR_UNCERTAIN && class != ERROR_INTERRUPTED && class != ERROR_LOST;
}

static bool touches(const struct asked *w, const struct job *job)
{
	if (strcmp(w->verb, "retry") == 0)
		return strcmp(w->id, "failed") == 0 ? retried_with_all(job) : job_retryable(job);
	if (strcmp(w->verb, "again") == 0)
		return job->state != JOB_DRAFT;
	if (strcmp(w->verb, "cancel") == 0)
		return job_may(job, JOB_CANCEL);
	return strcmp(w->verb, "delete") == 0 && job_pending(job);
}

static void note_job(struct sim *s, struct job *job, void *data)
{
	struct asked *w = data;
	bool moves = strcmp(w->verb, "restore") == 0 || strcmp(w->verb, "delete") == 0;

	if (w->n_stood < 512)
		w->stood[w->n_stood++] =
			(struct stood){ job->number, job_pending(job), job->dismissed };
	if (moves && job->state == JOB_READY && job->prediction_id && w->n_pictures < 512)
		w->pictures[w->n_pictures++] = service_find(s, job->prediction_id);
	if (!job->prompt || !job->input || !touches(w, job) || w->n == 512)
		return;
	w->texts[w->n] = text_of_job(s, job);
	w->owes[w->n] = job_owes(job);
	w->owed[w->n++] = text_owed(s, text_of_job(s, job));
}

static void grant_more(struct asked *w, unsigned i, bool again, int r)
{
	struct text *t = w->texts[i];
	int more = t->spent + w->owed[i];

	/* Also if it failed: a retry may then ask for it. One that was held is asked for now. */
	t->submits += again || !t->submits;
	if (r < 0 && !w->sim->dead) {
		t->limbo = t->limbo || ledger_health(w->sim->house.ledger) < 0;
		return;
	}
	for (unsigned j = 0; j < w->n; j++)
		more += w->texts[j] == t;
	if (again)
		t->granted++;
	else if (t->granted < more)
		t->granted = more;
}

static void note_pause(struct sim *s, bool paused, int r)
{
	if (r == 0 && !s->dead)
		s->paused = paused ? YES : NO;
	else
		s->paused = MAYBE;
	if (!paused && (r == 0 || s->dead))
		s->service.lifted_day = budget_day(s->wall_ms);
	else if (!paused)
		s->service.lift_limbo = true;
}

static void note_pictures(struct asked *w, int r)
{
	bool back = strcmp(w->verb, "restore") == 0;

	for (unsigned i = 0; i < w->n_pictures; i++) {
		struct prediction *p = w->pictures[i];
		const struct job *job = p ? engine_find_prediction(w->sim->house.engine, p->id)
					  : NULL;

		if (job)
			note_removed(w->sim, job,
				     r < 0  ? MAYBE
				     : back ? NO
					    : YES,
				     r < 0 || w->sim->dead);
	}
}

/* The file of a name goes with it. */
static void note_deleted(struct sim *s, const char *path, int r)
{
	struct known *k = path ? known_at(s, path, true) : NULL;

	if (!k)
		return;
	k->there = r == 0 && !s->dead ? NO : MAYBE;
	if (k->confirmed == YES)
		k->confirmed = MAYBE;
	k->registered = false;
}

static int owed_by_others(const struct asked *w, unsigned i)
{
	int n = w->owed[i];

	for (unsigned j = 0; j < w->n; j++)
		n -= w->owes[j] && w->texts[j] == w->texts[i];
	return n;
}

static void note(struct asked *w, const char *path, int r)
{
	struct sim *s = w->sim;
	bool again = strcmp(w->verb, "again") == 0;

	for (unsigned i = 0; i < w->n; i++) {
		if (again || strcmp(w->verb, "retry") == 0)
			grant_more(w, i, again, r);
		else if (r == 0 && !s->dead)
			text_revoke(w->texts[i], owed_by_others(w, i));
		else
			w->texts[i]->cancelled = true;
	}
	note_pictures(w, r);
	if (strcmp(w->verb, "delete") == 0)
		note_deleted(s, path, r);
	if (strcmp(w->verb, "pause") == 0 || strcmp(w->verb, "resume") == 0)
		note_pause(s, w->verb[0] == 'p', r);
}

static int count_job(struct job *job, void *data)
{
	(void)job;
	++*(unsigned *)data;
	return 0;
}

/* A failed answer means not done. */
static void audit_undone(const struct asked *w, const char *line)
{
	struct sim *s = w->sim;
	unsigned jobs = 0;

	for (unsigned i = 0; i < w->n_stood; i++) {
		const struct job *job = engine_find_number(s->house.engine, w->stood[i].number);

		if (!job || job_pending(job) != w->stood[i].pending ||
		    job->dismissed != w->stood[i].dismissed)
			violation(s, "'%s' was answered with an error, and %s is %s", line,
				  job ? job->id : "a job",
				  job ? job_state_name(job->state) : "gone");
	}
	engine_each(s->house.engine, count_job, &jobs);
	if (jobs != w->jobs)
		violation(s, "'%s' was answered with an error, and there were %u jobs, now %u",
			  line, w->jobs, jobs);
}

/* --- giving it --- */

static int run_line(struct sim *s, const char *line)
{
	const struct ctl_ground ground = { .engine = s->house.engine,
					   .inbox = s->house.inbox,
					   .mountpoint = "/mnt" };
	struct ctl *ctl;
	int r = ctl_new(&ctl, &ground);

	if (r < 0)
		return r;
	r = ctl_run(ctl, s->wall_ms, line, strlen(line));
	ctl_free(ctl);
	return r;
}

/* The path of the file that a name's job stands for. */
static bool file_of(struct sim *s, const char *id, struct buf *out)
{
	const struct job *job = engine_find(s->house.engine, id);
	const struct node *node = job ? job->file : NULL;
	const struct reqfile *file = node ? node->data : NULL;

	return file && file->job == job && node_path(node, out) == 0;
}

void command(struct sim *s, const char *line)
{
	const char *space = strchr(line, ' ');
	struct asked w = { .sim = s, .id = space ? space + 1 : "" };
	struct buf path = BUF_INIT;
	const struct known *k;
	int r;

	snprintf(w.verb, sizeof(w.verb), "%.*s", (int)strcspn(line, " "), line);
	k = file_of(s, w.id, &path) ? known_at(s, buf_text(&path), true) : NULL;
	if (strcmp(w.verb, "delete") == 0 && k && k->holders) {
		buf_release(&path);
		return;
	}
	if (strcmp(w.verb, "retry") == 0 || strcmp(w.verb, "resume") == 0)
		s->refused_life = 0;
	each_meant(s, w.id, note_job, &w);
	engine_each(s->house.engine, count_job, &w.jobs);
	r = run_line(s, line);
	if (r < 0 && !s->dead)
		audit_undone(&w, line);
	tell(s, "ctl: %s: %s", line, r < 0 ? strerror(-r) : "ok");
	s->counts->steps++;
	note(&w, path.size ? buf_text(&path) : NULL, r);
	buf_release(&path);
}

/* One that this life's users know, or "". */
static const char *other_verb(struct user *u)
{
	static const char *const verbs[VERBS] = {
		[VERB_AGAIN] = "again", [VERB_DELETE] = "delete", [VERB_REMOVES] = "restore"
	};
	const char *chosen = "";
	uint64_t n = 0;

	for (int v = 0; v < VERBS; v++)
		if (verbs[v] && options_does(&u->sim->o, (enum verb)v) &&
		    chance_below(&u->chance, ++n) == 0)
			chosen = verbs[v];
	return chosen;
}

void user_commands(struct user *u)
{
	static const char *const named[] = { "cancel", "cancel", "retry", "retry", "retry" };
	static const char *const plain[] = { "cancel all",  "pause",        "resume",
					     "resume",      "retry failed", "retry failed",
					     "retry failed" };
	char path[64], line[100];
	const char *verb = other_verb(u);
	uint64_t i = chance_below(&u->chance, 12);

	user_path(u, (int)chance_below(&u->chance, PROPER), path);
	id_of(path);
	if (*verb && chance_of(&u->chance, 500))
		snprintf(line, sizeof(line), "%s %s", verb, path);
	else if (i < 5)
		snprintf(line, sizeof(line), "%s %s", named[i], path);
	else
		snprintf(line, sizeof(line), "%s", plain[i - 5]);
	command(u->sim, line);
	user_think(u);
}
