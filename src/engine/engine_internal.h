/* What the engine's own files share. Each of the steps begins one call and ends in a move or a
 * change of its job (jobs.h), of which the schedule hears; none knows another. The schedule alone
 * knows which step belongs to which state. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "pimagefs/buf.h"
#include "pimagefs/engine.h"
#include "pimagefs/gate.h"
#include "pimagefs/jobs.h"
#include "pimagefs/map.h"
#include "pimagefs/pace.h"

#define ENGINE_LATENCIES 256
#define ENGINE_AGAIN_MS 500 /* when not even a call could be begun */

struct engine {
	struct engine_ground on;
	struct jobs *jobs;
	struct gate *gate;
	struct pace_poll poll;
	struct map *pictures; /* ready jobs by the digest of their request: one of each ring */
	struct map *shelves;  /* by id: how many pictures it has (earlier.c) */
	struct list loose;    /* calls whose job has let go of them */
	struct timer *tick, *grace;
	bool started, draining, freed;
	unsigned afloat;      /* creates out, those of cancelled jobs too */
	unsigned downloading; /* downloads out */
	unsigned keeping;     /* pictures on their way to the library's disk */
	struct list chores;   /* pictures on their way to the trash or back */
	struct list unwanted; /* pictures that are being kept, and whose job has let go */
	void (*drained)(void *data);
	void *drained_data;

	/* for the numbers */
	int64_t started_wall_ms;
	int64_t latencies_ms[ENGINE_LATENCIES];
	unsigned latencies;
	int64_t latency_sum_ms; /* of all of them */
	uint64_t creates, polls, downloads;
	int64_t cost; /* in units of budget.h */
};

/* --- call.c: one call to the service that is under way --- */

struct call {
	struct list in; /* of loose */
	struct engine *engine;
	struct job *job; /* NULL: it has let go */
	uint64_t number; /* its number, also then */
	struct service_call *service;
	struct keep *keep;                 /* while the library has it ... */
	void (*keep_stop)(struct call *c); /* ... and how it lets go */
	struct buf bytes;                  /* a download's */
	int64_t began_ms;                  /* monotonic */
};

/* job->call becomes the new call. NULL when out of memory. */
struct call *call_new(struct engine *e, struct job *job);
/* The job lets go of its call; the call goes on (a cancel), and its answer is nobody's. */
void call_let_go(struct call *c);
/* End it; the call is gone afterwards. Nothing happens without one. */
void call_stop(struct job *job);
/* The answer is here: the call is freed, its job returned. NULL: it has let go. */
struct job *call_land(struct call *c);

/* --- the steps: called when a job comes into a state, and when it is due there --- */

void create_begin(struct engine *e, struct job *job);
void poll_enter(struct engine *e, struct job *job);
void poll_begin(struct engine *e, struct job *job);
void download_enter(struct engine *e, struct job *job);
bool download_may_begin(const struct engine *e);
void download_begin(struct engine *e, struct job *job);
/* Tell the service that nobody wants the job's prediction any more. */
void cancel_begin(struct engine *e, struct job *job);

/* --- adopt.c: a picture that is in the library already --- */

struct adopt {
	char *id, *prediction_id, *path; /* path NULL: the job remembers none */
	int64_t since_ms;
	bool strict;
	const struct library_entry *made; /* what would be kept, and how; NULL: nothing is */
	const struct library_name *name;

	struct library *library;
	struct library_entry entry; /* what was found */
	int64_t completed_ms;
};

/* Of a job with a prediction. 0 or -ENOMEM; then nothing is to be released. */
int adopt_init(struct adopt *a, const struct job *job);
void adopt_release(struct adopt *a);
/* 1: it is entry. 0: there is none. -EIO, ...: that cannot be said now. (W) */
int adopt_look(struct adopt *a, struct library *l);

/* --- keep.c: a picture on its way to the library's disk --- */

struct kept {
	int r; /* 0; -EILSEQ, -ENODATA: it is no picture; else the disk's errno */
	struct library_entry entry; /* of a failure: its path, where it stays all the same */
	int64_t wall_ms;
	struct error why; /* of -EILSEQ and -ENODATA */
};

/* The call is over; what is kept becomes the job's by keep_picture, and entry.path with it. */
typedef void (*keep_done_fn)(struct engine *e, struct job *job, struct kept *kept);

/* Check the call's bytes and keep them as its job's picture, or take the one that is there already.
 * If the call is stopped before it is done, the picture goes again. 0, -ENOMEM, or -EBUSY (an
 * earlier one of this job is still on its way out): then the call is as it was. */
int keep_bytes(struct call *c, keep_done_fn done);
/* The same of a picture that is there already. */
int keep_again(struct call *c, const struct library_entry *from, keep_done_fn done);
/* The job gets another id: where its picture gets its name just now is remembered. */
void keep_renames(struct engine *e, struct job *job);
/* What nobody wants ends without the engine. */
void keep_end(struct engine *e);
/* Where its picture lies, or may lie; *path becomes its own. */
void keep_place(struct job *job, char **path);
/* The job has this picture from now on; entry->path becomes its own. */
void keep_picture(struct job *job, const struct library_entry *entry, int64_t wall_ms);

/* --- wishes.c --- */

/* 0, or -EINVAL: there is nothing to retry, to restore. */
int wish_may_retry(const struct engine *e, const struct job *job);
int wish_may_restore(const struct engine *e, const struct job *job);
/* Its prediction may run at the service: it is to be cancelled there. */
bool wish_may_run(const struct job *job);
/* A retry goes on with its prediction. */
bool wish_resumes(const struct job *job);

/* --- trash.c --- */

/* A ready job's picture belongs where its job says: in the library, or, dismissed, in the trash. It
 * is moved if need be; and its sidecar says what its job does. */
void trash_settle(struct engine *e, struct job *job);
/* The same, when what its job says is on disk. */
void trash_later(struct engine *e, struct job *job);
/* Its file is gone: a retry downloads it again. */
void trash_lose(struct engine *e, struct job *job);
/* All of them, and what has lain there long enough goes. */
void trash_begin(struct engine *e);
void trash_end(struct engine *e);

/* --- schedule.c --- */

/* 0 or -ENOMEM. */
int schedule_init(struct engine *e);
void schedule_release(struct engine *e);
/* Something has changed: look at all that is due, soon. */
void schedule_wake(struct engine *e);

/* --- recover.c, reuse.c, earlier.c --- */

/* Is an earlier picture the same? Then the job takes it, or is created after all, soon. */
bool reuse_picture(struct engine *e, struct job *job);
/* The picture of a ready job may serve others. */
void reuse_offer(struct engine *e, struct job *job);
/* From now on each name's pictures are counted. 0 or -ENOMEM. */
int earlier_init(struct engine *e);
static inline int64_t engine_now_ms(const struct engine *e)
{
	return world_mono_ms(e->on.world);
}

#endif
