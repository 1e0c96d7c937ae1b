/* core_world: see core_world.h. */
#include "core_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/log.h"
#include "pimagefs/models.h"
#include "pimagefs/rebuild.h"
#include "samples.h"

#define MOST_STEPS 500000

/* --- settings --- */

static void quicken(struct settings *s)
{
	s->api.retries = 2;
	s->api.retry_max_s = 0;
	s->api.busy_pause_s = 0;
	s->api.grace_s = 30;
	s->limits.creates_per_minute = 1000;
	s->limits.concurrent = 10;
	s->limits.downloads = 8;
	s->limits.queue = 100;
	s->limits.files = 10000;
	s->limits.min_free_bytes = 0;
	s->poll.first_ms = s->poll.min_ms = s->poll.max_ms = 1;
	s->poll.deadline_s = 600;
}

static int load_settings(struct core *c)
{
	char path[SCRATCH_PATH + 64], state[SCRATCH_PATH + 64];
	const char *overrides[] = { path, state };
	const struct config_sources from = {
		.is_secret = models_secret,
		.file = scratch_path(c->folder, "test.ini"),
		.overrides = overrides,
		.n_overrides = 2,
		.demo = true,
	};
	struct error err = { .message = "" };

	scratch_write(c->folder, "test.ini", "", 0);
	snprintf(path, sizeof(path), "library.path=%s/pictures", c->folder);
	snprintf(state, sizeof(state), "library.state=%s/state", c->folder);
	if (config_load(&c->settings, &from, &err) < 0 ||
	    request_rules_new(&c->rules, c->settings, &err) < 0) {
		print_error("%s\n", err.message);
		return -1;
	}
	quicken(c->settings);
	return 0;
}

/* --- up and down --- */

static void on_job(struct job *job, enum jobs_change change, void *data)
{
	struct core *c = data;

	if (change == JOBS_GONE) {
		links_forget(c->links, job);
		views_forget(c->views, job);
	} else {
		views_update(c->views, job);
		links_update(c->links, job);
	}
}

static void on_freed(struct node *node, void *data)
{
	(void)data;
	if (node->kind == NODE_REQUEST)
		inbox_freed(node);
}

static struct node *plant(struct core *c, enum node_area area, const char *name)
{
	struct node *node;

	assert_int_equal(tree_make(c->tree, NODE_FOLDER, area, 0755, &node), 0);
	assert_int_equal(tree_link(tree_root(c->tree), name, node, true, NULL), 0);
	node_unpin(node);
	return node;
}

void core_build(struct core *c)
{
	struct engine_ground ground = {
		.world = &c->sim.world,
		.settings = c->settings,
		.service = &fake_ops,
		.service_self = &c->api,
	};

	fake_init(&c->api);
	c->api.sim = &c->sim;
	assert_int_equal(store_open(&c->store, c->settings->library.state, c->sim.world.vfs, NULL),
			 0);
	assert_int_equal(library_open(&c->library, &c->sim.world, c->settings->library.path, NULL),
			 0);
	assert_int_equal(ledger_new(&c->ledger, &c->sim.world, c->store), 0);
	c->tree = tree_new(&c->sim.world, on_freed, c);
	assert_non_null(c->tree);
	c->requests = plant(c, AREA_REQUESTS, "requests");
	c->images = plant(c, AREA_IMAGES, "images");
	c->status = plant(c, AREA_STATUS, "status");
	c->by_date = plant(c, AREA_BY_DATE, "by-date");
	c->by_id = plant(c, AREA_BY_ID, "by-id");
	assert_int_equal(views_new(&c->views, c->images, c->status, c->requests, true), 0);
	assert_int_equal(links_new(&c->links, c->by_date, c->by_id), 0);
	assert_int_equal(library_start(c->library), 0);
	ground.ledger = c->ledger;
	ground.library = c->library;
	assert_int_equal(engine_new(&c->engine, &ground), 0);
	assert_int_equal(engine_listen(c->engine, on_job, c), 0);
	assert_int_equal(inbox_new(&c->inbox, &c->sim.world, c->requests, c->settings, c->rules,
				   c->engine, c->ledger),
			 0);
}

void core_open(struct core *c)
{
	core_build(c);
	assert_int_equal(engine_load(c->engine, c->store), 0);
	assert_int_equal(inbox_load(c->inbox, c->store), 0);
}

void core_start(struct core *c)
{
	engine_start(c->engine);
}

void core_close(struct core *c)
{
	engine_free(c->engine);
	assert_true(list_empty(&c->api.calls));
	ledger_free(c->ledger);
	library_close(c->library);
	c->sim.disk_hangs = false;
	sim_world_work(&c->sim); /* what was on its way to the disk */
	sim_world_check_free(&c->sim);
	inbox_free(c->inbox);
	tree_free(c->tree);
	views_free(c->views);
	links_free(c->links);
	store_close(c->store);
	c->engine = NULL;
}

void core_restart(struct core *c)
{
	core_close(c);
	core_open(c);
	core_start(c);
}

int core_rebuild(struct core *c, char **summary)
{
	struct rebuild_ground ground = { .world = &c->sim.world,
					 .settings = c->settings,
					 .rules = c->rules };
	const struct settings *s = c->settings;
	struct error err = { .message = "" };
	int r;

	assert_int_equal(store_open(&ground.store, s->library.state, NULL, NULL), 0);
	assert_int_equal(library_open(&ground.library, ground.world, s->library.path, NULL), 0);
	r = rebuild(&ground, summary, &err);
	if (r < 0)
		assert_true(err.message[0]);
	library_close(ground.library);
	store_close(ground.store);
	return r;
}

void core_crash(struct core *c)
{
	char command[3 * SCRATCH_PATH + 64];

	snprintf(command, sizeof(command), "cp -r '%s/state' '%s/left'", c->folder, c->folder);
	assert_int_equal(system(command), 0);
	core_close(c);
	snprintf(command, sizeof(command), "rm -r '%s/state' && mv '%s/left' '%s/state'", c->folder,
		 c->folder, c->folder);
	assert_int_equal(system(command), 0);
	core_open(c);
	core_start(c);
}

int core_make(void **state)
{
	struct core *c = calloc(1, sizeof(*c));

	if (!c)
		return -1;
	umask(022);
	scratch_make(c->folder);
	log_open(scratch_path(c->folder, "log"), LOG_LEVEL_INFO);
	if (load_settings(c) < 0)
		return -1;
	sim_world_init(&c->sim, 4711);
	sample_png(&c->png, 20, 10, SAMPLE_RGB);
	core_open(c);
	core_start(c);
	*state = c;
	return 0;
}

int core_drop(void **state)
{
	struct core *c = *state;

	if (c->engine)
		core_close(c);
	log_open("stderr", LOG_LEVEL_ERROR);
	request_rules_free(c->rules);
	settings_free(c->settings);
	buf_release(&c->png);
	scratch_remove(c->folder);
	free(c);
	return 0;
}

/* --- waiting --- */

/* What is due now comes first; only when that has changed nothing does time pass. */
static void step(struct core *c, unsigned *steps)
{
	bool now = sim_world_step_now(&c->sim);

	if (!now && c->idle && !sim_world_step(&c->sim))
		fail_msg("what was waited for does not come");
	c->idle = !now && !c->idle;
	assert_true(++*steps < MOST_STEPS);
}

void core_wait_state(struct core *c, const struct job *job, enum job_state state)
{
	unsigned steps = 0;

	while (job->state != state)
		step(c, &steps);
}

void core_wait_calls(struct core *c, enum fake_kind kind, unsigned in_flight)
{
	unsigned steps = 0;

	while (fake_in_flight(&c->api, kind) != in_flight)
		step(c, &steps);
}

void core_wait_sent(struct core *c, enum fake_kind kind, unsigned sent)
{
	unsigned steps = 0;

	while (c->api.sent[kind] < sent)
		step(c, &steps);
	assert_int_equal(c->api.sent[kind], sent);
}

void core_settle(struct core *c)
{
	unsigned steps = 0;

	do {
		while (sim_world_step_now(&c->sim))
			assert_true(++steps < MOST_STEPS);
		ledger_sync(c->ledger); /* also what gathers for a moment */
	} while (sim_world_step_now(&c->sim));
}

void core_step(struct core *c)
{
	sim_world_step(&c->sim);
}

void core_pass(struct core *c, int64_t ms)
{
	sim_world_pass(&c->sim, ms);
}

void core_assert_idle(struct core *c)
{
	core_settle(c);
	core_pass(c, 100); /* a commit that was put off */
	assert_true(list_empty(&c->api.calls));
	assert_int_equal(sim_world_next_ms(&c->sim), -1);
}

struct engine_stats core_stats(struct core *c)
{
	struct engine_stats stats;

	engine_stats(c->engine, &stats);
	return stats;
}

unsigned core_count(struct core *c, enum job_state state)
{
	return core_stats(c).states[state];
}

unsigned core_jobs(struct core *c)
{
	struct engine_stats stats = core_stats(c);
	unsigned n = 0;

	for (int i = 0; i < JOB_STATES; i++)
		n += stats.states[i];
	return n;
}

/* --- jobs --- */

void core_request(struct core *c, const char *text, struct request *out)
{
	struct error err;

	if (request_parse(c->rules, "test.txt", text, strlen(text), out, &err) < 0)
		fail_msg("%s", err.message);
	if (out->wants_seed)
		assert_int_equal(request_set_seed(out, 4711), 0);
}

struct job *core_register(struct core *c, const char *id)
{
	struct job *job = engine_draft(c->engine, id);
	struct request request;
	char text[128];

	assert_non_null(job);
	snprintf(text, sizeof(text), "prompt of %s", id);
	core_request(c, text, &request);
	engine_filed(c->engine, job, c->requests);
	assert_int_equal(engine_register(c->engine, job, &request), 0);
	request_release(&request);
	core_assert_state(job, JOB_DRAFT);
	return job;
}

struct job *core_submit(struct core *c, const char *id)
{
	struct job *job = core_register(c, id);

	assert_int_equal(engine_submit(c->engine, job), 0);
	return job;
}

struct job *core_processing(struct core *c, const char *id, const char *prediction_id)
{
	struct job *job;

	assert_int_equal(fake_in_flight(&c->api, FAKE_CREATE), 0);
	job = core_submit(c, id);
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_accept(&c->api, prediction_id);
	core_assert_state(job, JOB_PROCESSING);
	return job;
}

struct job *core_downloading(struct core *c, const char *id, const char *prediction_id)
{
	struct job *job = core_processing(c, id, prediction_id);

	core_wait_calls(c, FAKE_POLL, 1);
	fake_done(&c->api, "https://cdn.test/picture.png");
	core_assert_state(job, JOB_DOWNLOADING);
	core_wait_calls(c, FAKE_DOWNLOAD, 1);
	return job;
}

struct job *core_ready(struct core *c, const char *id, const char *prediction_id)
{
	struct job *job = core_downloading(c, id, prediction_id);

	fake_deliver(&c->api, c->png.data, c->png.size);
	core_assert_state(job, JOB_READY);
	return job;
}

void core_assert_state(const struct job *job, enum job_state state)
{
	assert_non_null(job);
	assert_string_equal(job_state_name(job->state), job_state_name(state));
}

void core_assert_error(const struct job *job, enum error_class class)
{
	assert_non_null(job);
	assert_non_null(job->error);
	assert_string_equal(error_class_name(job->error->class), error_class_name(class));
}

struct job *core_find(struct core *c, const char *id, enum job_state state)
{
	struct job *job = engine_find(c->engine, id);

	if (state == JOB_CREATING && job && job->state == JOB_QUEUED)
		core_settle(c);
	core_assert_state(job, state);
	assert_string_equal(job->id, id);
	assert_true(job->current);
	return job;
}

int core_name(struct node *folder, const char *path)
{
	const char *slash = strrchr(path, '/');
	char above[256];
	struct entry *entry;

	if (slash) {
		snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
		if (tree_walk(folder, above, false, 0, &folder) < 0)
			return 0;
		path = slash + 1;
	}
	entry = tree_entry(folder, path);
	return entry ? 1 + entry->listed : 0;
}

/* --- files --- */

static struct node *folder_of(struct core *c, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	struct node *folder = c->requests;
	char above[256];

	*name = slash ? slash + 1 : path;
	if (slash) {
		snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
		oom_pause();
		assert_int_equal(tree_walk(c->requests, above, false, 0, &folder), 0);
		oom_resume();
	}
	return folder;
}

struct node *core_create(struct core *c, const char *path)
{
	const char *name;
	struct node *folder = folder_of(c, path, &name), *node;

	assert_int_equal(inbox_create(c->inbox, folder, name, 0644, &node), 0);
	return node;
}

struct tally {
	int state;
	unsigned n;
};

static int count_stored(struct job *job, void *data)
{
	struct tally *t = data;

	t->n += t->state < 0 || (int)job->state == t->state;
	job_free(job);
	return 0;
}

unsigned core_stored(struct core *c, int state)
{
	struct tally t = { .state = state };

	ledger_sync(c->ledger);
	assert_int_equal(store_each_job(c->store, count_stored, &t), 0);
	return t.n;
}

struct node *core_file(struct core *c, const char *path)
{
	const char *name;
	struct node *folder = folder_of(c, path, &name);
	struct entry *entry = tree_entry(folder, name);

	assert_non_null(entry);
	return entry->node;
}

int core_write(struct core *c, struct node *node, const char *text)
{
	const struct reqfile *file = node->data;

	return inbox_write(c->inbox, node, text, strlen(text), file->text.size);
}

/* As an open handle ends. */
static int let_go(struct core *c, struct node *node, int r)
{
	int flushed = inbox_flush(c->inbox, node);

	ledger_sync(c->ledger);
	inbox_release_writer(c->inbox, node);
	node_unpin(node);
	return r < 0 ? r : flushed;
}

int core_echo(struct core *c, const char *text, const char *path)
{
	const char *name;
	struct node *folder = folder_of(c, path, &name), *node;
	struct entry *entry = tree_entry(folder, name);
	int r = 0;

	if (entry)
		node = entry->node;
	else
		r = inbox_create(c->inbox, folder, name, 0644, &node);
	if (r < 0)
		return r;
	node_pin(node);
	inbox_open_writer(c->inbox, node);
	if (entry)
		r = inbox_truncate(c->inbox, node, 0);
	if (r == 0)
		r = inbox_flush(c->inbox, node); /* dash and bash dup2 the descriptor first */
	if (r == 0)
		r = core_write(c, node, text);
	r = let_go(c, node, r);
	sim_world_work(&c->sim);
	return r;
}

int core_patch(struct core *c, const char *text, const char *path, int64_t offset)
{
	struct node *node = core_file(c, path);
	int r;

	node_pin(node);
	inbox_open_writer(c->inbox, node);
	r = inbox_write(c->inbox, node, text, strlen(text), offset);
	return let_go(c, node, r);
}

int core_rename(struct core *c, const char *from, const char *to)
{
	const char *name, *to_name;
	struct node *folder = folder_of(c, from, &name), *to_folder = folder_of(c, to, &to_name);

	return inbox_rename(c->inbox, folder, name, to_folder, to_name, 0);
}
