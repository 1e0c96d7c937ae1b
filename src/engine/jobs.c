/*
 * Every job of a mount: its tables, its lists, and every change of a state.
 *
 * Happy path: a job is added as a draft, becomes current for its id, and moves from state to state
 * (job.h has the legal moves). A move files it in the list of its new state, marks it for the next
 * commit, and tells who listens: the schedule, the budget, the names in images/ and status/.
 *
 * Failures: a move that the table does not have changes nothing. Without memory a name by
 * prediction id may be missing; the job itself goes on.
 *
 * On close every job goes, and who listens is told.
 */
#include "pimagefs/jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/log.h"
#include "pimagefs/map.h"

#define LISTENERS 8

struct jobs {
	const struct world *world;
	struct ledger *ledger;
	struct map *numbers;     /* all of them */
	struct map *currents;    /* by id */
	struct map *predictions; /* by prediction id */
	struct list drafts;
	struct list queue;    /* queued, by order */
	struct list active;   /* creating, processing, downloading */
	struct list owing;    /* failed or cancelled; the service is to be told */
	struct list pictures; /* ready, by completed_ms */
	unsigned count[JOB_STATES];
	uint64_t last_number, last_order;
	uint64_t queue_age; /* grows whenever a place in the queue changes */

	struct {
		jobs_fn fn;
		void *data;
	} listener[LISTENERS];
	unsigned listeners;
};

int jobs_new(struct jobs **out, const struct world *world, struct ledger *ledger)
{
	struct jobs *js = calloc(1, sizeof(*js));

	if (!js)
		return -ENOMEM;
	js->world = world;
	js->ledger = ledger;
	js->queue_age = 1;
	list_init(&js->drafts);
	list_init(&js->queue);
	list_init(&js->active);
	list_init(&js->owing);
	list_init(&js->pictures);
	js->numbers = map_new();
	js->currents = map_new();
	js->predictions = map_new();
	if (!js->numbers || !js->currents || !js->predictions) {
		jobs_free(js);
		return -ENOMEM;
	}
	*out = js;
	return 0;
}

static void tell(struct jobs *js, struct job *job, enum jobs_change change)
{
	for (unsigned i = 0; i < js->listeners; i++)
		js->listener[i].fn(job, change, js->listener[i].data);
}

static int free_job(void *value, void *data)
{
	struct jobs *js = data;
	struct job *job = value;

	tell(js, job, JOBS_GONE);
	map_remove_u64(js->numbers, job->number);
	if (job->prediction_id && map_get(js->predictions, job->prediction_id) == job)
		map_remove(js->predictions, job->prediction_id);
	list_remove(&job->link_in);
	list_remove(&job->twins);
	list_remove(&job->item.in);
	job_free(job);
	return 0;
}

void jobs_free(struct jobs *js)
{
	if (!js)
		return;
	if (js->numbers)
		map_each(js->numbers, free_job, js);
	map_free(js->numbers);
	map_free(js->currents);
	map_free(js->predictions);
	free(js);
}

int jobs_listen(struct jobs *js, jobs_fn fn, void *data)
{
	if (js->listeners == LISTENERS)
		return -ENOMEM;
	js->listener[js->listeners].fn = fn;
	js->listener[js->listeners].data = data;
	js->listeners++;
	return 0;
}

/* --- lists --- */

static int64_t place_in_queue(const struct job *job)
{
	return (int64_t)job->order;
}

static int64_t place_in_pictures(const struct job *job)
{
	return job->completed_ms;
}

/* Nearly always at the end. */
static void insert(struct list *list, struct job *job, int64_t (*place)(const struct job *job))
{
	struct list *pos = list;

	while (pos->prev != list && place(list_entry(pos->prev, struct job, link_in)) > place(job))
		pos = pos->prev;
	list_insert_before(pos, &job->link_in);
}

static void file_job(struct jobs *js, struct job *job)
{
	list_remove(&job->link_in);
	js->queue_age++;
	switch (job->state) {
	case JOB_DRAFT:
		list_append(&js->drafts, &job->link_in);
		break;
	case JOB_QUEUED:
		insert(&js->queue, job, place_in_queue);
		break;
	case JOB_CREATING:
	case JOB_PROCESSING:
	case JOB_DOWNLOADING:
		list_append(&js->active, &job->link_in);
		break;
	case JOB_READY:
		insert(&js->pictures, job, place_in_pictures);
		break;
	default:
		if (job->cancel_owed)
			list_append(&js->owing, &job->link_in);
	}
}

struct list *jobs_owing(struct jobs *js)
{
	return &js->owing;
}

struct list *jobs_queue(struct jobs *js)
{
	return &js->queue;
}

struct list *jobs_active(struct jobs *js)
{
	return &js->active;
}

unsigned jobs_position(struct jobs *js, struct job *job)
{
	unsigned n = 0;

	if (job->state != JOB_QUEUED)
		return 0;
	if (job->position_age != js->queue_age) {
		list_each (p, &js->queue) {
			struct job *queued = list_entry(p, struct job, link_in);

			queued->position = ++n;
			queued->position_age = js->queue_age;
		}
	}
	return job->position;
}

/* --- tables --- */

int jobs_adopt(struct jobs *js, struct job *job)
{
	int r = map_set_u64(js->numbers, job->number, job);

	if (r == 0 && job->current && (r = map_set(js->currents, job->id, job)) < 0)
		map_remove_u64(js->numbers, job->number);
	if (r < 0)
		return r;
	if (job->number > js->last_number)
		js->last_number = job->number;
	if (job->order > js->last_order)
		js->last_order = job->order;
	js->count[job->state]++;
	job->owing_ms = world_mono_ms(js->world);
	if (job->prediction_id && map_set(js->predictions, job->prediction_id, job) < 0)
		log_warn("out of memory: no name by prediction id for %s", job->id);
	file_job(js, job);
	return 0;
}

struct job *jobs_add(struct jobs *js, const char *id)
{
	struct job *job = job_new(js->last_number + 1, id, world_wall_ms(js->world));

	if (job && jobs_adopt(js, job) < 0) {
		job_free(job);
		return NULL;
	}
	return job;
}

void jobs_discard(struct jobs *js, struct job *job)
{
	if (job->current)
		map_remove(js->currents, job->id);
	ledger_forget_job(js->ledger, job);
	js->count[job->state]--;
	free_job(job, js);
}

static void step_down(struct jobs *js, struct job *job)
{
	bool worthless = job->state == JOB_DRAFT || job->state == JOB_INVALID;

	job->current = false;
	if (worthless && !job->file) {
		/* its text is gone, and it never cost anything: nobody can ask for it again */
		jobs_discard(js, job);
		return;
	}
	if (worthless)
		ledger_forget_job(js->ledger, job);
	else
		ledger_job(js->ledger, job);
	tell(js, job, JOBS_CHANGED);
}

int jobs_make_current(struct jobs *js, struct job *job)
{
	struct job *old = map_get(js->currents, job->id);
	int r = old == job ? 0 : map_set(js->currents, job->id, job);

	if (r < 0)
		return r;
	if (old && old != job)
		step_down(js, old);
	job->current = true;
	return 0;
}

void jobs_step_aside(struct jobs *js, struct job *job)
{
	if (!job->current)
		return;
	map_remove(js->currents, job->id);
	step_down(js, job);
}

int jobs_rename(struct jobs *js, struct job *job, const char *id)
{
	char *copy = strdup(id), *old = job->id;
	int r;

	if (!copy)
		return -ENOMEM;
	job->id = copy;
	r = jobs_make_current(js, job);
	if (r < 0) {
		job->id = old;
		free(copy);
		return r;
	}
	if (map_get(js->currents, old) == job && strcmp(old, copy) != 0)
		map_remove(js->currents, old);
	free(old);
	jobs_touch(js, job);
	return 0;
}

int jobs_set_prediction(struct jobs *js, struct job *job, const char *prediction_id)
{
	int r = job_set_text(&job->prediction_id, prediction_id);

	if (r == 0 && map_set(js->predictions, prediction_id, job) < 0)
		log_warn("out of memory: no name by prediction id for %s", job->id);
	return r;
}

struct job *jobs_find(const struct jobs *js, const char *id)
{
	return map_get(js->currents, id);
}

struct job *jobs_find_number(const struct jobs *js, uint64_t number)
{
	return map_get_u64(js->numbers, number);
}

struct job *jobs_find_prediction(const struct jobs *js, const char *prediction_id)
{
	return map_get(js->predictions, prediction_id);
}

/* --- changes --- */

void jobs_show(struct jobs *js, struct job *job)
{
	tell(js, job, JOBS_CHANGED);
}

void jobs_touch(struct jobs *js, struct job *job)
{
	ledger_job(js->ledger, job);
	tell(js, job, JOBS_CHANGED);
}

int jobs_move(struct jobs *js, struct job *job, enum job_event event)
{
	enum job_state before = job->state;
	int r = job_move(job, event);

	if (r < 0)
		return r;
	js->count[before]--;
	js->count[job->state]++;
	if (job->state == JOB_PROCESSING || job->state == JOB_DOWNLOADING ||
	    job->state == JOB_READY)
		job_set_error(job, NULL); /* what it waited for has come */
	file_job(js, job);
	ledger_job(js->ledger, job);
	log_debug("%s: %s", job->id, job_state_name(job->state));
	tell(js, job, JOBS_MOVED);
	return 0;
}

void jobs_end(struct jobs *js, struct job *job, enum job_event event, const struct error *error)
{
	if (job_set_error(job, error) < 0)
		log_warn("out of memory: the reason of %s is lost", job->id);
	/* What was tried again is not any more. */
	if (event == JOB_FAIL && job->error && job->error->advice == ADVICE_WAIT)
		job->error->advice = job->prediction_id && !job->prediction_over ? ADVICE_GO_ON
										 : ADVICE_RETRY;
	job->completed_ms = world_wall_ms(js->world);
	jobs_move(js, job, event);
	log_info("%s: %s: %s", job->id, job_state_name(job->state), error->message);
}

void jobs_owe_cancel(struct jobs *js, struct job *job, bool owes)
{
	job->cancel_owed = owes && job->prediction_id;
	job->owing_ms = world_mono_ms(js->world);
	job->due_ms = 0;
	job->tries = 0;
	file_job(js, job);
	ledger_job(js->ledger, job);
	tell(js, job, JOBS_CHANGED);
}

uint64_t jobs_next_order(struct jobs *js)
{
	return ++js->last_order;
}

unsigned jobs_count(const struct jobs *js, enum job_state state)
{
	return js->count[state];
}

unsigned jobs_count_owing(const struct jobs *js)
{
	unsigned n = 0;

	list_each (p, &js->owing)
		n++;
	return n;
}

unsigned jobs_unfinished(const struct jobs *js)
{
	unsigned n = js->count[JOB_QUEUED] + js->count[JOB_CREATING] + js->count[JOB_PROCESSING] +
		     js->count[JOB_DOWNLOADING];

	/* An empty file asks for nothing. */
	list_each (p, &js->drafts)
		n += list_entry(p, struct job, link_in)->input != NULL;
	return n;
}

/* --- walks --- */

struct walk {
	int (*fn)(struct job *job, void *data);
	void *data;
};

static int visit(void *value, void *data)
{
	const struct walk *walk = data;

	return walk->fn(value, walk->data);
}

int jobs_each(struct jobs *js, int (*fn)(struct job *job, void *data), void *data)
{
	struct walk walk = { fn, data };

	return map_each(js->numbers, visit, &walk);
}

int jobs_each_picture(struct jobs *js, int (*fn)(struct job *job, void *data), void *data)
{
	int r = 0;

	for (struct list *p = js->pictures.prev, *before; r == 0 && p != &js->pictures;
	     p = before) {
		before = p->prev;
		r = fn(list_entry(p, struct job, link_in), data);
	}
	return r;
}
