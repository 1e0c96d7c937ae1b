/*
 * What lets creates out, one by one, and what holds them up.
 *
 * Happy path: before each create gate_look finds nothing in the way; gate_send counts it in the
 * window and has it stored; the answer moves it to the moment at which the service counts it at the
 * latest.
 *
 * Failures: each has its hold. 429 pauses all creates and narrows the width; creates that fail one
 * after the other are tried one at a time, with a backoff, so that an outage does not burn every
 * job's tries; what cannot be stored is not sent; a picture that could not be kept, or downloads
 * that do not come through, stop the buying; 401, 402 and 403 stop it until the user asks again.
 * That the user lifted the budget, or paused, is stored, so a restart keeps to it.
 */
#include "gate_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/log.h"
#include "pimagefs/store.h"
#include "pimagefs/unseen.h"

#define BACKOFF_MS 500 /* the first pause after a failure; the last is api.retry_max */
/* Of the window: our clock is cut to milliseconds, and is not the service's. */
#define SLACK_MS 2
/* Stored is when a create left; the service saw it a little later. */
#define ANSWER_MS 500
#define LOOK_AGAIN_MS 1000 /* at a disk */
#define MOST_TROUBLE 16

#define FACT_PAUSED "paused"
#define FACT_LIFTED "budget_lifted"

/* --- the day's budget --- */

static int count_one(struct job *job, void *data)
{
	struct gate *g = data;

	budget_count(&g->budget, job);
	return 0;
}

static bool is_spent(struct gate *g)
{
	int64_t wall = world_wall_ms(g->on.world);

	if (budget_turn(&g->budget, wall))
		jobs_each(g->on.jobs, count_one, g);
	return budget_is_used_up(&g->budget, wall);
}

static void on_job(struct job *job, enum jobs_change change, void *data)
{
	struct gate *g = data;

	unseen_watch(g->unseen, job, change == JOBS_GONE);
	if (change != JOBS_GONE)
		count_one(job, g);
}

/* --- life --- */

int gate_new(struct gate **out, const struct gate_ground *ground)
{
	const struct settings *s = ground->settings;
	struct gate *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	g->on = *ground;
	r = unseen_new(&g->unseen, ground->world, s->poll.deadline_s * 1000LL);
	if (r == 0)
		r = pace_window_init(&g->window, s->limits.creates_per_minute,
				     s->limits.window_s * 1000LL + SLACK_MS);
	if (r == 0)
		r = jobs_listen(ground->jobs, on_job, g);
	if (r < 0) {
		gate_free(g);
		return r;
	}
	pace_width_init(&g->width, s->limits.concurrent);
	budget_init(&g->budget, s->limits.daily_images, s->limits.daily_cost,
		    s->limits.cost_per_image, world_wall_ms(ground->world));
	*out = g;
	return 0;
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	unseen_free(g->unseen);
	pace_window_release(&g->window);
	free(g->refused);
	free(g);
}

int gate_renew(struct gate *g)
{
	const struct settings *s = g->on.settings;
	int r = pace_window_resize(&g->window, s->limits.creates_per_minute,
				   s->limits.window_s * 1000LL + SLACK_MS);

	if (r < 0)
		return r;
	pace_width_limit(&g->width, s->limits.concurrent);
	budget_set(&g->budget, s->limits.daily_images, s->limits.daily_cost,
		   s->limits.cost_per_image);
	gate_reopen(g);
	return 0;
}

static int load_create(int64_t wall_ms, void *data)
{
	gate_sent_before(data, wall_ms);
	return 0;
}

int gate_load(struct gate *g, struct store *store)
{
	char *paused = NULL, *lifted = NULL;
	int r = store_each_create(store, load_create, g);

	if (r == 0 && store_get_fact(store, FACT_PAUSED, &paused) == 0)
		g->paused = true;
	if (r == 0 && store_get_fact(store, FACT_LIFTED, &lifted) == 0)
		g->budget.lifted = (int)strtol(lifted, NULL, 10);
	free(paused);
	free(lifted);
	return r;
}

/* A fact that is on disk when this returns 0; else the one from before stays. */
static int store_fact(struct gate *g, const char *fact, const char *value, const char *before)
{
	int r = ledger_fact(g->on.ledger, fact, value);

	if (r == 0)
		r = ledger_sync(g->on.ledger);
	/* It may have been written all the same. */
	if (r < 0 && ledger_fact(g->on.ledger, fact, before) < 0)
		log_error("out of memory: a restart may find %s otherwise", fact);
	return r;
}

static int lift_budget(struct gate *g)
{
	char day[16], before[16];
	int r;

	snprintf(day, sizeof(day), "%d", g->budget.today);
	snprintf(before, sizeof(before), "%d", g->budget.lifted);
	r = store_fact(g, FACT_LIFTED, day, g->budget.lifted ? before : NULL);
	if (r < 0)
		return r;
	budget_lift(&g->budget, world_wall_ms(g->on.world));
	log_info("today's budget is lifted until midnight");
	return 0;
}

int gate_pause(struct gate *g, bool paused)
{
	int r;

	/* A pause that could not be stored may have been all the same: the sync undoes it. */
	if (!paused && !g->paused)
		return is_spent(g) ? lift_budget(g) : ledger_sync(g->on.ledger);
	r = store_fact(g, FACT_PAUSED, paused ? "yes" : NULL, g->paused ? "yes" : NULL);
	if (r == 0)
		g->paused = paused;
	return r;
}

/* --- what is in the way --- */

/* Creating and processing count, what is to be cancelled and is not yet, and what may run without
 * our knowing: the service is busy with them for us. */
static unsigned running(struct gate *g)
{
	return jobs_count(g->on.jobs, JOB_CREATING) + jobs_count(g->on.jobs, JOB_PROCESSING) +
	       jobs_count_owing(g->on.jobs) + g->strays + unseen_count(g->unseen);
}

static bool has_width(struct gate *g)
{
	/* In trouble one create at a time. */
	return running(g) < g->width.now && !(g->trouble && jobs_count(g->on.jobs, JOB_CREATING));
}

/* While a picture waits to be kept, only its success says that all is well. */
static int library_health(struct gate *g)
{
	if (g->library)
		library_is_known(g->on.library); /* asks again; who listens hears the answer */
	if (!g->library || !jobs_count(g->on.jobs, JOB_DOWNLOADING))
		gate_library(g, library_may_write(g->on.library,
						  g->on.settings->limits.min_free_bytes));
	return g->library;
}

static bool downloads_pile_up(const struct gate *g)
{
	unsigned many = 2 * (unsigned)g->on.settings->limits.downloads;

	return jobs_count(g->on.jobs, JOB_DOWNLOADING) > many;
}

enum gate_hold gate_lasting(struct gate *g)
{
	if (g->paused)
		return GATE_PAUSED;
	if (g->refused)
		return GATE_REFUSED;
	/* What cannot be stored is not sent. */
	if (ledger_health(g->on.ledger) < 0)
		return GATE_STATE;
	if (library_health(g) < 0)
		return GATE_LIBRARY;
	if (downloads_pile_up(g))
		return GATE_DOWNLOADS;
	return is_spent(g) ? GATE_BUDGET : GATE_OPEN;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A create that is not yet answered may have been seen later than it was sent. */
static int64_t window_wait(struct gate *g)
{
	bool out = jobs_count(g->on.jobs, JOB_CREATING) + g->strays > 0;

	return pace_window_wait_more(&g->window, gate_now_ms(g), out ? ANSWER_MS : 0);
}

int64_t gate_wait_ms(struct gate *g, enum gate_hold hold)
{
	int64_t now = gate_now_ms(g);

	switch (hold) {
	case GATE_BUSY:
	case GATE_TROUBLE:
		return later(g->busy_until_ms, g->quiet_until_ms) - now;
	case GATE_STATE:
	case GATE_LIBRARY:
		return LOOK_AGAIN_MS;
	case GATE_BUDGET:
		return budget_wait_ms(world_wall_ms(g->on.world));
	case GATE_WIDTH:
		return unseen_wait_ms(g->unseen);
	case GATE_WINDOW:
		return window_wait(g);
	default:
		return -1;
	}
}

enum gate_hold gate_look(struct gate *g, int64_t *wait_ms)
{
	bool known = library_is_known(g->on.library);
	enum gate_hold hold = gate_lasting(g);

	*wait_ms = -1;
	if (hold == GATE_OPEN && !known)
		return GATE_LIBRARY; /* for a moment: its answer wakes the schedule */
	if (hold == GATE_OPEN && g->busy_until_ms > gate_now_ms(g))
		hold = GATE_BUSY;
	if (hold == GATE_OPEN && g->quiet_until_ms > gate_now_ms(g))
		hold = GATE_TROUBLE;
	if (hold == GATE_OPEN && !has_width(g))
		hold = GATE_WIDTH;
	if (hold == GATE_OPEN && window_wait(g) > 0)
		hold = GATE_WINDOW;
	*wait_ms = gate_wait_ms(g, hold);
	return hold;
}

int gate_may_take(struct gate *g, size_t n, size_t registered, struct error *err)
{
	size_t queue = (size_t)g->on.settings->limits.queue;
	size_t unfinished = jobs_unfinished(g->on.jobs) - registered;

	if (n > 1 && unfinished + n > queue) {
		error_set(err, ERROR_INVALID,
			  "this asks for %zu pictures; %zu more may wait now, of %zu "
			  "(limits.queue)",
			  n, unfinished < queue ? queue - unfinished : 0, queue);
		return -ENOSPC;
	}
	is_spent(g); /* counts anew when the day has changed */
	return budget_may_take(&g->budget, world_wall_ms(g->on.world), n,
			       jobs_count(g->on.jobs, JOB_QUEUED), err);
}

int gate_may_accept(struct gate *g)
{
	const struct settings *s = g->on.settings;
	int r;

	if (jobs_unfinished(g->on.jobs) >= (unsigned)s->limits.queue)
		return -ENOSPC;
	if (is_spent(g))
		return -EDQUOT;
	if (ledger_health(g->on.ledger) < 0)
		return ledger_health(g->on.ledger);
	/* A disk that does not answer now may do so when the picture is there; it is not created
	 * before. */
	r = library_may_write(g->on.library, s->limits.min_free_bytes);
	return r == -ETIMEDOUT ? 0 : r;
}

/* --- creates, one by one --- */

int gate_send(struct gate *g, int64_t mono_ms, int64_t *wall_ms)
{
	int64_t wall = world_wall_ms(g->on.world);
	int r = ledger_create_sent(g->on.ledger, wall, wall - g->window.window_ms - ANSWER_MS);

	if (r < 0)
		return r;
	pace_window_add(&g->window, mono_ms);
	*wall_ms = wall;
	return 0;
}

void gate_sent_before(struct gate *g, int64_t wall_ms)
{
	int64_t age = world_wall_ms(g->on.world) - wall_ms - ANSWER_MS;

	pace_window_add(&g->window, gate_now_ms(g) - later(age, 0));
}

void gate_answered(struct gate *g, int64_t sent_ms)
{
	pace_window_move(&g->window, sent_ms, gate_now_ms(g));
}

void gate_uncertain(struct gate *g, int64_t wall_ms)
{
	unseen_add(g->unseen, wall_ms, 0);
}

void gate_stray(struct gate *g, bool out)
{
	g->strays += out ? 1 : -1;
}

void gate_calm(struct gate *g)
{
	g->trouble = 0;
}

int64_t gate_backoff_ms(const struct gate *g, unsigned tries)
{
	return pace_backoff(tries, BACKOFF_MS, g->on.settings->api.retry_max_s * 1000LL,
			    g->on.world->random(g->on.world->self));
}

bool gate_trouble(struct gate *g, int64_t retry_after_ms, const struct error *why)
{
	int64_t pause = later(gate_backoff_ms(g, g->trouble), retry_after_ms);

	if (g->trouble < MOST_TROUBLE)
		g->trouble++;
	g->quiet_until_ms = gate_now_ms(g) + pause;
	g->failed = *why;
	return g->trouble == 1;
}

void gate_busy(struct gate *g, int64_t retry_after_ms)
{
	int64_t pause = retry_after_ms, now = gate_now_ms(g);

	g->busy_answers++;
	if (now >= g->busy_until_ms) /* once for a burst of them */
		pace_width_busy(&g->width);
	if (pause < 0) {
		/* Spread by a tenth, so that clients that share a key do not come back together. */
		pause = g->on.settings->api.busy_pause_s * 1000LL;
		pause += (int64_t)world_below(g->on.world, (uint64_t)pause / 10 + 1);
	}
	g->busy_until_ms = later(g->busy_until_ms, now + pause);
	log_warn("the service says that there are too many requests; no creates for %lld s",
		 (long long)(pause + 999) / 1000);
}

int64_t gate_busy_until_ms(const struct gate *g)
{
	return g->busy_until_ms;
}

void gate_success(struct gate *g)
{
	pace_width_success(&g->width);
}

void gate_spent(struct gate *g, struct job *job)
{
	budget_spend(&g->budget, job);
}

const char *gate_fault(int r)
{
	return r == -ETIMEDOUT ? "its disk does not answer" : strerror(-r);
}

void gate_library(struct gate *g, int r)
{
	if (r < 0 && r != g->library)
		log_error("pictures cannot be kept: %s; nothing more is created", gate_fault(r));
	if (r == 0 && g->library < 0)
		log_info("pictures can be kept again");
	g->library = r;
}

void gate_refuse(struct gate *g, const struct error *why)
{
	struct error *copy = malloc(sizeof(*copy));

	log_error("nothing more is sent: %s", why->message);
	if (copy) {
		*copy = *why;
		free(g->refused);
		g->refused = copy;
	}
	list_each_safe (p, tmp, jobs_queue(g->on.jobs))
		jobs_end(g->on.jobs, list_entry(p, struct job, link_in), JOB_HOLD, why);
}

const struct error *gate_refused(const struct gate *g)
{
	return g->refused;
}

void gate_reopen(struct gate *g)
{
	free(g->refused);
	g->refused = NULL;
}

void gate_numbers(struct gate *g, struct gate_numbers *out)
{
	int64_t now = gate_now_ms(g);

	is_spent(g); /* counts anew when the day has changed */
	*out = (struct gate_numbers){
		.paused = g->paused,
		.creates_left = pace_window_left(&g->window, now),
		.running = jobs_count(g->on.jobs, JOB_CREATING) +
			   jobs_count(g->on.jobs, JOB_PROCESSING),
		.running_limit = g->width.now,
		.next_create_ms = window_wait(g),
		.busy_ms = later(g->busy_until_ms - now, 0),
		.busy_answers = g->busy_answers,
		.budget = g->budget,
	};
}
