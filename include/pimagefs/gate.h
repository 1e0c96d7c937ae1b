/* gate: may another create be sent now, and if not, what holds it up. Everything that can hold
 * creates stands here: the user's pause, a key that is refused, 429, trouble, our disks, pictures
 * that wait for their download, the day's budget, the rate window, the number running. Floor 3. */
#ifndef PIMAGEFS_GATE_H
#define PIMAGEFS_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pimagefs/budget.h"
#include "pimagefs/config.h"
#include "pimagefs/jobs.h"
#include "pimagefs/library.h"

struct gate;

/* In the order in which they are told. */
enum gate_hold {
	GATE_OPEN,
	GATE_PAUSED,    /* by the user */
	GATE_REFUSED,   /* 401, 402, 403: every further create would fail too */
	GATE_STATE,     /* the state folder cannot be written */
	GATE_LIBRARY,   /* a picture could not be kept */
	GATE_DOWNLOADS, /* too many finished pictures wait for their download */
	GATE_BUDGET,    /* today's is used up */
	GATE_BUSY,      /* 429 */
	GATE_TROUBLE,   /* creates failed; the next one waits */
	GATE_WIDTH,     /* as many run as may */
	GATE_WINDOW,    /* creates per minute */
	GATE_FULL,      /* limits.queue: what is there is sent, but no more is taken */
	GATE_HOLDS
};

struct gate_ground {
	const struct world *world;
	const struct settings *settings;
	struct jobs *jobs;
	struct ledger *ledger;
	struct library *library;
};

/* All of the ground stays the caller's. It listens to the jobs. 0 or -ENOMEM. */
int gate_new(struct gate **out, const struct gate_ground *ground);
/* Takes NULL. */
void gate_free(struct gate *g);

/* What holds up the next create. *wait_ms becomes how long until it is worth while to look again;
 * -1: until something else changes. */
enum gate_hold gate_look(struct gate *g, int64_t *wait_ms);
/* The same for a person, whatever is queued: *why says in words why nothing is sent (or, GATE_FULL,
 * nothing more taken), and what can be done about it. GATE_OPEN, and empty words: all is well, but
 * for what the next create may have to wait for in the usual course (width, window). */
enum gate_hold gate_waits_for(struct gate *g, struct error *why);
/* Log what has begun or ended of that since the last call. Until the next one is worth while: ms,
 * never 0; -1: until something else changes. */
int64_t gate_watch(struct gate *g);
/* May another request be taken at all? 0; -EDQUOT (today's budget), -ENOSPC (limits.queue, or no
 * room on a disk), -EROFS, -EIO. */
int gate_may_accept(struct gate *g);
/* May so many of one request be taken? 0; -ENOSPC or -EDQUOT with err: they do not fit into
 * limits.queue, or, with all that is queued, into what is left of today's budget. registered: its
 * drafts that are there already. */
int gate_may_take(struct gate *g, size_t n, size_t registered, struct error *err);

/* A create is about to be sent: it is counted, and stored with the next commit. This (monotonic)
 * moment is its name in the window, so that a clock that is set opens or shuts nothing; *wall_ms
 * is what was stored. 0 or -ENOMEM. */
int gate_send(struct gate *g, int64_t mono_ms, int64_t *wall_ms);
/* Creates of earlier runs. */
void gate_sent_before(struct gate *g, int64_t wall_ms);
/* The answer to the create of that (monotonic) moment is here: the service counts from now at the
 * latest. */
void gate_answered(struct gate *g, int64_t sent_ms);
/* A create was sent at that moment and may run without our knowing: it takes a place among the
 * running ones until the deadline. */
void gate_uncertain(struct gate *g, int64_t wall_ms);
/* A create that is out has lost its job to a cancel, and takes its place among the running ones all
 * the same; or it has landed. */
void gate_stray(struct gate *g, bool out);
/* The service took a create: what was in the way is over. */
void gate_calm(struct gate *g);
/* A create failed for a reason that is not its own (no connection, 5xx): the next ones wait, and
 * only one at a time is tried. True for the first of a row. */
bool gate_trouble(struct gate *g, int64_t retry_after_ms, const struct error *why);
/* 429: nothing is created for a while, and fewer at once. */
void gate_busy(struct gate *g, int64_t retry_after_ms);
/* When that while is over, monotonic. */
int64_t gate_busy_until_ms(const struct gate *g);
/* A prediction was done: one more may run at once, now and then. */
void gate_success(struct gate *g);
/* The job's prediction came to nothing, but counts: as budget_spend. */
void gate_spent(struct gate *g, struct job *job);
/* A picture could not be kept (r: why), or could (0). */
void gate_library(struct gate *g, int r);
/* Nothing is sent until gate_reopen, and what is queued is held. */
void gate_refuse(struct gate *g, const struct error *why);
/* Why, or NULL. */
const struct error *gate_refused(const struct gate *g);
void gate_reopen(struct gate *g);

/* On disk when this returns 0; else nothing has changed. To resume what is not paused lifts today's
 * budget, if it is used up, until midnight. */
int gate_pause(struct gate *g, bool paused);
/* The settings have changed: the limits follow, and what the service refused is tried again. 0 or
 * -ENOMEM. */
int gate_renew(struct gate *g);
/* What the store remembers. 0 or a negative errno. */
int gate_load(struct gate *g, struct store *store);

struct gate_numbers {
	bool paused;
	size_t creates_left; /* of the window */
	unsigned running, running_limit;
	int64_t next_create_ms, busy_ms;
	int64_t busy_answers;
	struct budget budget;
};
void gate_numbers(struct gate *g, struct gate_numbers *out);
/* Between one try and the next of a step: full jitter, up to api.retry_max. */
int64_t gate_backoff_ms(const struct gate *g, unsigned tries);

#endif
