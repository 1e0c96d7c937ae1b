/* What the engine's own files share: engine.c (jobs and their names), queue.c (creates), watch.c
 * (polls), fetch.c (downloads), recover.c (start), stats.c, spend.c (the budget), reuse.c. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "pimagefs/budget.h"
#include "pimagefs/engine.h"
#include "pimagefs/map.h"
#include "pimagefs/pace.h"

#define ENGINE_BACKOFF_MS 500 /* the first pause after a failure; the last is api.retry_max */
#define ENGINE_SLACK_MS \
	2 /* of the window: our clock is cut to milliseconds, and is not the service's */
#define ENGINE_LATENCIES 256

struct engine {
	struct engine_ground on;
	struct map *numbers;     /* all jobs */
	struct map *currents;    /* by id */
	struct map *predictions; /* by prediction id */
	struct map *pictures;    /* ready jobs by the digest of their input: one of each ring */
	uint64_t last_number, last_order;
	unsigned count[JOB_STATES];
	struct list queue;  /* queued jobs, by order */
	struct list active; /* creating, processing, downloading */
	struct list loose;  /* flights without a job: cancels */

	struct pace_window window;
	struct pace_width width;
	struct pace_poll poll;
	struct budget budget;
	bool started, paused, draining, freed;
	bool spent;             /* it was told that the budget is used up */
	struct error *stopped;  /* 401/403: why nothing is sent until a retry; NULL: all is well */
	int64_t busy_until_ms;  /* monotonic; after a 429 */
	int64_t quiet_until_ms; /* monotonic; after trouble */
	unsigned trouble;       /* creates that failed in a row */
	unsigned afloat;        /* creates out, those of cancelled jobs too */
	unsigned creating;      /* POSTs in flight or about to be */

	uv_timer_t tick, grace;
	unsigned open_handles;
	void (*drained)(void *data);
	void *drained_data;

	/* for stats */
	int64_t started_wall_ms;
	int64_t latencies_ms[ENGINE_LATENCIES];
	unsigned latencies;
	uint64_t creates, polls, downloads, busy_answers;
	double cost_usd;
};

/* One call in flight. job is NULL when nobody waits for the answer (a cancel). */
struct flight {
	struct list in; /* of loose */
	struct engine *engine;
	struct job *job;
	struct api_call *call;
	struct library_draft *draft; /* a download's */
	int64_t began_ms;            /* monotonic */
};

/* Every change of a job's state goes through here: counts, ledger, listener. 0 or -EINVAL. */
int engine_move(struct engine *e, struct job *job, enum job_event event);
/* Anything else of a job that is stored or shown has changed. */
void engine_touch(struct engine *e, struct job *job);
/* The id's names in images/ and status/ become this job's. 0 or -ENOMEM. */
int engine_make_current(struct engine *e, struct job *job);
/* A job enters the tables; its state is counted. 0 or -ENOMEM. */
int engine_adopt(struct engine *e, struct job *job);
/* It ends without a picture. event is JOB_FAIL, JOB_HOLD or JOB_CANCEL. */
void engine_end(struct engine *e, struct job *job, enum job_event event, const struct error *error);
void engine_note_prediction(struct engine *e, struct job *job);

/* Look at everything that is due, and set the timer for the next. Cheap; called after each change.
 */
void engine_turn(struct engine *e);
/* Due at this moment, for the timer. */
void engine_due(int64_t *next, int64_t at);

struct flight *flight_new(struct engine *e, struct job *job);
/* Take the job off the flight, end the call. The flight is gone afterwards. */
void flight_stop(struct job *job);
/* The answer is here: the flight is freed, its job returned (NULL: nobody waits). */
struct job *flight_land(struct flight *f);
int64_t engine_backoff(const struct engine *e, unsigned tries);
/* 401/403: hold what is queued and send nothing more. */
void engine_stop_queue(struct engine *e, const struct error *error);
/* 429: nothing is created for a while, and fewer at once. */
void engine_busy(struct engine *e, const struct api_answer *answer);

/* queue.c */
void queue_insert(struct engine *e, struct job *job);
void queue_pump(struct engine *e, int64_t now, int64_t *next);
/* watch.c */
void watch_begin(struct engine *e, struct job *job);
void watch_step(struct engine *e, struct job *job);
void watch_cancel_at_service(struct engine *e, struct job *job);
/* fetch.c */
void fetch_begin(struct engine *e, struct job *job);
void fetch_step(struct engine *e, struct job *job);
/* The text of the note beside its picture, as the job will be when that is kept; heap, NULL when
 * out of memory. */
char *engine_note(const struct engine *e, const struct job *job, const struct library_entry *entry,
		  int64_t now);
/* spend.c */
void spend_init(struct engine *e);
void spend_load(struct engine *e, struct store *store);
/* A job has changed in what it has taken of today's budget. */
void spend_count(struct engine *e, struct job *job);
/* May another create be sent now? If not, next becomes when to look again. */
bool spend_may(struct engine *e, int64_t now, int64_t *next);
/* If today's budget is used up, it is lifted until midnight. 0 or -ENOMEM. */
int spend_lift(struct engine *e);
json_t *spend_stats(struct engine *e);
/* reuse.c */
/* The picture of a ready job may serve others. */
void reuse_offer(struct engine *e, struct job *job);
/* True if a queued job has become ready with a picture that was there. */
bool reuse_picture(struct engine *e, struct job *job);

#endif
