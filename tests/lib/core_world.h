/* core_world: everything below the mount as it really is (store, library, ledger, tree, views,
 * engine, inbox), in a folder of the test's own, on top of a fake service
 * and a simulated clock. */
#ifndef TESTS_CORE_WORLD_H
#define TESTS_CORE_WORLD_H

#include "fake_api.h"
#include "pimagefs/buf.h"
#include "pimagefs/engine.h"
#include "pimagefs/inbox.h"
#include "pimagefs/links.h"
#include "pimagefs/tree.h"
#include "pimagefs/views.h"
#include "scratch.h"
#include "sim_world.h"

struct core {
	char folder[SCRATCH_PATH];
	struct settings *settings; /* a test may change them; core_restart keeps them */
	struct request_rules *rules;
	struct fake_api api;
	struct buf png; /* a whole picture */

	struct sim_world sim; /* time passes only while something is waited for */
	bool idle;            /* all that is due was done */
	struct store *store;
	struct library *library;
	struct ledger *ledger;
	struct tree *tree;
	struct node *requests, *images, *status, *by_date, *by_id;
	struct views *views;
	struct links *links;
	struct engine *engine;
	struct inbox *inbox;
};

/* A cmocka fixture: *state is the core, started. Backoffs are 0, polls come each millisecond. */
int core_make(void **state);
int core_drop(void **state);

/* Everything, but nothing loaded yet. */
void core_build(struct core *c);
void core_open(struct core *c);
void core_start(struct core *c);
/* As the program ends: drained, last commit. */
void core_close(struct core *c);
/* core_close, then open and start again. */
void core_restart(struct core *c);
/* While it is closed: what a start does about a lost or damaged database. */
int core_rebuild(struct core *c, char **summary);
/* What a kill -9 at this moment leaves is what the next start finds. Only what was committed. */
void core_crash(struct core *c);

/* Let time pass until it is so; fail if it never will be. */
void core_wait_state(struct core *c, const struct job *job, enum job_state state);
void core_wait_calls(struct core *c, enum fake_kind kind, unsigned in_flight);
void core_wait_sent(struct core *c, enum fake_kind kind, unsigned sent);
/* Commit, and run what is due at this moment. */
void core_settle(struct core *c);
/* Settled, nothing is in flight, and no timer runs that could ever start anything. */
void core_assert_idle(struct core *c);

/* Let the next timer fire. */
void core_step(struct core *c);
/* Let so much time pass. */
void core_pass(struct core *c, int64_t ms);
/* The numbers of this moment. */
struct engine_stats core_stats(struct core *c);
unsigned core_count(struct core *c, enum job_state state);
/* Of all states. */
unsigned core_jobs(struct core *c);

/* A request parsed from a text; the caller's. */
void core_request(struct core *c, const char *text, struct request *out);
/* A job that was registered, and one that was submitted. */
struct job *core_register(struct core *c, const char *id);
struct job *core_submit(struct core *c, const char *id);
/* Submitted and accepted as this prediction: JOB_PROCESSING. */
struct job *core_processing(struct core *c, const char *id, const char *prediction_id);
/* And with a link: JOB_DOWNLOADING, its download in flight. */
struct job *core_downloading(struct core *c, const char *id, const char *prediction_id);
/* Let the oldest prediction go on to its picture. */
struct job *core_ready(struct core *c, const char *id, const char *prediction_id);

void core_assert_state(const struct job *job, enum job_state state);
void core_assert_error(const struct job *job, enum error_class class);
/* The current job of an id is in this state; returned. (From the queue it may first be created.) */
struct job *core_find(struct core *c, const char *id, enum job_state state);
/* Is there such a name below this folder? 0: no. 1: it resolves. 2: it is listed too. */
int core_name(struct node *folder, const char *path);

/* How many jobs the store holds; state -1: of any state. */
unsigned core_stored(struct core *c, int state);

/* Files as the kernel would write them. */
struct node *core_create(struct core *c, const char *name);
struct node *core_file(struct core *c, const char *name);
/* create or O_TRUNC, write, flush, release. The first errno. */
int core_echo(struct core *c, const char *text, const char *name);
/* Open without O_TRUNC, write at an offset, flush, release. */
int core_patch(struct core *c, const char *text, const char *name, int64_t offset);
int core_write(struct core *c, struct node *node, const char *text);
int core_rename(struct core *c, const char *from, const char *to);

#endif
