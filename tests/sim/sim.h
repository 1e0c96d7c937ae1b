/* sim: what the parts of the simulation share. One struct sim is one life from one seed: a world
 * (clock, timers, chance), a disk under the library, files under SQLite, a service with its own
 * books, users, and the program itself ("the house") that lives between them; the auditor sees all
 * of it. Everything that happens comes from the seed, so the same seed gives the same life. */
#ifndef TESTS_SIM_H
#define TESTS_SIM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "pimagefs/budget.h"
#include "pimagefs/buf.h"
#include "pimagefs/disk.h"
#include "pimagefs/engine.h"
#include "pimagefs/inbox.h"
#include "pimagefs/list.h"
#include "pimagefs/service.h"
#include "pimagefs/tree.h"
#include "pimagefs/views.h"
#include "pimagefs/waiters.h"
#include "pimagefs/world.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* --- options.c: what a seed expands into --- */

enum fault {
	FAULT_OFFLINE,
	FAULT_LOST,
	FAULT_HTML,
	FAULT_TROUBLE,
	FAULT_GATEWAY,
	FAULT_BUSY,
	FAULT_LAG,
	FAULT_FORGET,
	FAULT_AUTH,
	FAULT_BALANCE,
	FAULT_REFUSE,
	FAULT_REDIRECT,
	FAULT_STRANGE,
	FAULT_FAIL,
	FAULT_SLOW,
	FAULT_NEVER,
	FAULT_LINK,
	FAULT_DOWNLOAD,
	FAULT_CANCEL,
	FAULT_LATENCY,
	FAULT_LIBRARY_IO,
	FAULT_LIBRARY_FULL,
	FAULT_LIBRARY_RO,
	FAULT_WORK,
	FAULT_STATE_IO,
	FAULT_STATE_FULL,
	FAULT_STATE_RO,
	FAULT_CLOCK,
	FAULT_RESTART,
	FAULT_CRASH,
	FAULT_PLUG,
	FAULT_TICK, /* the last: chosen last */
	FAULTS
};

/* What users do beyond writing, renaming, removing and commanding files that ask for one picture.
 */
enum verb {
	VERB_SETS,    /* prompts that ask for several */
	VERB_LISTS,   /* NAME.prompts */
	VERB_SEEDS,   /* --seed N, and the same request under another name */
	VERB_AGAIN,   /* again NAME */
	VERB_DELETE,  /* delete NAME */
	VERB_REMOVES, /* rm images/NAME.png, and restore NAME */
	VERB_HOLDS,   /* a second writer has the file open */
	VERBS
};

struct options {
	uint64_t seed;
	unsigned faults;  /* a bit each */
	unsigned verbs;   /* a bit each */
	bool reuse;       /* requests.reuse = same-seed */
	int users, steps; /* steps of each user */
	bool hurried;     /* users think for seconds, not for hours */
	bool fresh;       /* the first start makes the database itself */
	int concurrent, per_window, window_s, downloads, daily_images, queue;
	int deadline_s, retries, retry_max_s, busy_pause_s, wait_timeout_s;
	int service_width; /* what the service lets run at once */
	bool ambiguous_retry, offline_fail, deadline_always;
};

extern const char *const fault_names[FAULTS];
extern const char *const verb_names[VERBS];

void options_expand(struct options *o, uint64_t seed);
void options_print(const struct options *o);
static inline bool options_has(const struct options *o, enum fault f)
{
	return o->faults >> f & 1;
}
static inline bool options_does(const struct options *o, enum verb v)
{
	return o->verbs >> v & 1;
}

/* --- the parts --- */

struct event {
	struct list in;
	int64_t due_ms;
	uint64_t number;
	void (*fn)(void *data);
	void *data;
	bool house; /* goes when the plug is pulled */
};

/* A storm of one kind of fault, and its own chance. */
struct storm {
	uint64_t chance;
	int64_t until_ms;
	unsigned once;   /* of 1000 times */
	unsigned storms; /* of 1000 times */
	uint64_t fired;
};

enum truth { NO, YES, MAYBE };

/* A text that a user wants a picture of; the money is counted by text. */
struct text {
	struct list in;
	char *prompt;
	int granted; /* creates that the user has asked for */
	int spent;   /* creates sent, but those that were surely not taken */
	int submits;
	bool limbo;     /* answered with an error, but a crash may still bring it back */
	bool cancelled; /* by the user, at least tried */

	/* An earlier picture is to be used for it: no create. */
	bool reusable;      /* by one that is submitted just now */
	int reuse_open;     /* and it was not yet done */
	int reuses;         /* ever */
	int reuse_unstored; /* done, and not yet on the state's disk */
	uint64_t reuse_fired, reuse_removals;
};

enum fate { FATE_SUCCESS, FATE_FAILURE, FATE_NEVER };

/* A prediction in the service's books. */
struct prediction {
	struct list in;
	char id[48];
	struct text *text;
	char owner[96]; /* the id of the job that has it, or had it last */
	int64_t accepted_ms, over_ms;
	enum fate fate;
	bool cancelled, forgotten;
	int64_t lag_until_ms;
	enum { ANSWER_FLIES, ANSWER_KNOWN, ANSWER_LOST } answer;
	int64_t answered_ms;
	uint64_t commits; /* of the ledger when it was answered */
	int life;         /* of the house that was answered */
	bool stored;      /* and committed: from now on it is to be polled to its end */
	bool told_over;   /* the client knows that it is over */
	bool told_done;
	bool cancel_refused;
	unsigned waits;   /* of its job, as it changed last */
	bool passed_over; /* its place in the library could not be read, time and again */
	bool late_poll;   /* a poll that began past the deadline was answered "pending" */
	int unknowns;     /* answered polls that did not know it */
	int64_t unknown_ms;
	int polls, links;
	int day;            /* of the client's calendar; 0: of none for sure */
	enum truth removed; /* its picture, by the user, from images/ ... */
	bool removed_soft;  /* ... which a crash may still change */
	uint64_t restore_fired;
	struct buf picture;
};

struct service {
	struct list predictions, texts, calls;
	unsigned n;
	int64_t arrivals[4096]; /* of creates */
	unsigned n_arrivals;
	int64_t blind_until_ms; /* the window cannot be judged before */
	int lifted_day;
	bool lift_limbo; /* answered with an error; a crash may bring it back */
};

/* What a user knows about a path. */
struct known {
	struct list in;
	char path[64];
	bool folder;
	enum truth there;
	enum truth confirmed; /* a FLUSH of this very text was answered with success */
	bool registered;      /* ... under a name that is no draft's: its picture's name resolves */
	char *content, *prompt; /* prompt: its wants (texts.c); NULL: no request */
	int holders;            /* others who have it open for writing, and write nothing */
	char *owed;             /* the wants that the last of them submits */
	bool fresh;  /* written anew since it was submitted last: the same text counts again */
	bool dirty;  /* written to since that FLUSH */
	bool flying; /* a FLUSH is not yet answered */
	bool limbo;  /* what answered an error may be there after a crash all the same */
};

struct user;
struct files; /* of SQLite */

struct house {
	bool up, starting;
	bool crashed_before; /* this start comes after a crash */
	struct store *store;
	struct library *library;
	struct ledger *ledger;
	struct eachlabs *api;
	struct tree *tree;
	struct node *requests, *images, *status;
	struct views *views;
	struct engine *engine;
	struct inbox *inbox;
	struct waiters *waiters;
	int life;
	int64_t start_mono_ms, start_wall_ms;
	bool drained;
	uint64_t commits;
};

struct counts {
	uint64_t seeds, creates, accepted, pictures, crashes, restarts, events, violations;
	uint64_t ms; /* simulated */
	uint64_t steps, acks, errors;
	uint64_t faults[FAULTS];
};

struct sim {
	struct options o;
	struct world world;
	int64_t mono_ms, wall_ms, begin_ms;
	uint64_t chance; /* the world's, the users' are their own */
	struct list events, timers, hooks;
	uint64_t starts;
	struct storm storms[FAULTS];
	bool calm;            /* the second phase */
	bool dead;            /* the plug is pulled: nothing reaches a disk or a wire any more */
	int plug_in;          /* disk operations until that; 0: never */
	int64_t wall_jump_ms; /* monotonic: when the wall clock was set last */

	struct settings *settings; /* the process's, with this life's values */
	struct request_rules *rules;
	struct sim_disk *disk;
	struct files *files;
	struct service service;
	struct house house;
	struct list known; /* all users' */
	struct user *users;
	int failed_starts; /* in a row */
	int refused_life;  /* of the house that was answered 401, 402 or 403 */
	int unkept_life;   /* of the house whose last picture could not be kept */
	enum truth paused;
	bool paused_soft;  /* as it was read, which a crash may still change */
	uint64_t removals; /* of pictures by users */
	int busy;          /* users with steps left */
	struct counts *counts;

	bool telling; /* the story is printed */
	bool failed;
	char kind[200], violation[600];
};

/* The story, in plain words. */
void tell(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What must not be. The first one counts. */
void violation(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- world.c --- */

void world_init(struct sim *s);
void world_release(struct sim *s);
/* Even in [0, below). */
uint64_t chance_below(uint64_t *chance, uint64_t below);
/* Of 1000 times. */
bool chance_of(uint64_t *chance, unsigned permille);
/* From low to high, the small ones as likely as the large ones. */
int64_t chance_span(uint64_t *chance, int64_t low, int64_t high);
/* Does this fault happen here and now? It is counted then. */
bool fault(struct sim *s, enum fault f);
/* Will be called after so many ms. The event is gone when it is called. */
struct event *event_at(struct sim *s, int64_t delay_ms, void (*fn)(void *), void *data);
void event_drop(struct event *e);
/* One step of the loop; false: nothing is left. */
bool world_step(struct sim *s);
/* What belongs to a house that is gone. */
void world_end_house(struct sim *s);
unsigned world_timers_running(const struct sim *s);

/* --- disk.c: below the library --- */

struct sim_disk *sim_disk_new(struct sim *s);
void sim_disk_free(struct sim_disk *d);
const struct disk *sim_disk_table(struct sim_disk *d);
/* Begin with a library that is there already: its marker. */
void sim_disk_load(struct sim_disk *d, const struct buf *marker);
void sim_disk_save(const struct sim_disk *d, struct buf *marker);
/* The power goes: what was not synced is lost, or not. */
void sim_disk_crash(struct sim_disk *d);
/* Whether a file of the library has just these bytes. */
bool sim_disk_holds(const struct sim_disk *d, const char *path, const struct buf *bytes);
/* How many pictures (no sidecars, nothing in .tmp) hold these bytes; *durable: after a crash too.
 */
int sim_disk_count(const struct sim_disk *d, const struct buf *bytes);

/* --- vfs.c: below SQLite --- */

#define SIM_VFS "sim"
/* Once a process. */
void vfs_register(void);
struct files *files_new(struct sim *s);
void files_free(struct files *f);
void files_crash(struct files *f);
/* The life whose files the VFS serves now. */
void files_use(struct files *f);
/* Begin with a database that is there already. */
void files_load(struct files *f, const struct buf *database);
void files_save(const struct files *f, struct buf *database);
/* One disk operation more: the plug may be pulled by it. True: it is pulled. */
bool plug(struct sim *s);

/* --- service.c, answers.c, picture.c --- */

void service_init(struct sim *s);
void service_release(struct sim *s);
/* What was in flight when the house ended, and what it had not stored. */
void service_house_gone(struct sim *s, bool crashed);
/* A commit has succeeded: what was answered before it is stored. */
void service_committed(struct sim *s);
struct prediction *service_find(const struct sim *s, const char *id);
bool prediction_is_over(const struct sim *s, const struct prediction *p);
bool prediction_is_ready(const struct sim *s, const struct prediction *p);
/* How many faults of the library's disk there were. */
uint64_t library_fired(const struct sim *s);
void picture_make(struct buf *out, const char *id);
void service_on_poll(struct sim *s, struct prediction *p);

/* --- texts.c --- */

struct text *text_of(struct sim *s, const char *prompt, bool make);
/* Users name small seeds, chance never does: a small one belongs to the text. */
#define USERS_SEEDS 20
struct text *text_with_seed(struct sim *s, const char *prompt, int64_t seed, bool make);
struct text *text_of_job(struct sim *s, const struct job *job);

/* --- house.c --- */

/* 0 or why it does not start. */
int house_start(struct sim *s);
/* As a signal ends it; runs the loop until it is drained. */
void house_stop(struct sim *s);
/* As a power cut. */
void house_crash(struct sim *s);
/* If there was a commit, what it stored is stored. */
void house_note_commits(struct sim *s);
/* Try to start until it does. */
void house_start_soon(struct sim *s);

/* --- users.c --- */

void users_init(struct sim *s);
void users_release(struct sim *s);
/* Their open files and waits are gone with the house. */
void users_house_gone(struct sim *s);
/* Everyone closes what is open and does nothing more. */
void users_finish(struct sim *s);
bool users_busy(const struct sim *s);
/* For the waiters. */
void users_finish_wait(fuse_req_t req, void *payload, int r, void *data);
struct known *known_at(struct sim *s, const char *path, bool make);

/* --- audit.c --- */

void audit_job(struct sim *s, const struct job *job);
/* Any change of a job. */
void audit_change(struct sim *s, const struct job *job);
/* After a start: what was acknowledged is there. */
void audit_start(struct sim *s, bool crashed);
/* settled: after a start of the second phase, when all that a start does is done too. */
void audit_end(struct sim *s, bool settled);
/* An earlier picture was used. */
void audit_reused(struct sim *s, const struct job *job);
/* A create leaves the house; it arrives; it is taken. */
void audit_send(struct sim *s, struct text *t);
void audit_arrival(struct sim *s);
void audit_taken(struct sim *s, const struct prediction *p, int64_t left_ms);

/* --- life.c --- */

struct outcome {
	bool failed;
	char kind[200], violation[600];
};
/* One life. */
void life(const struct options *o, struct counts *counts, bool telling, struct outcome *out);
/* Once a process: settings, rules, the VFS. scratch: a folder for the store's lock. */
int life_prepare(const char *scratch);

#endif
