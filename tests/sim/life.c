/*
 * One life: a house, its users and its service from one seed.
 *
 * Happy path: the first phase has faults, and lasts until the users have done what they do; then
 * the faults stop, everyone closes what is open, and what is left must come to an end: the queue of
 * events runs dry within bounded time. Then a clean restart and a power cut must change nothing.
 *
 * Failures: the first violation ends the life.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pimagefs/log.h"
#include "pimagefs/models.h"
#include "users.h"

#define MOST_EVENTS 400000
#define MOST_STARTS 2000 /* in a row that fail */
#define MOST_FIRST (400 * DAY)
#define MOST_SECOND (60 * DAY)

/* Of the process: what no seed changes. */
static struct settings *settings;
static struct request_rules *rules;
/* A database and a library's marker, as the first start leaves them. */
static struct buf made_before, marked_before;

static void on_again(void *data)
{
	house_start_soon(data);
}

static bool step(struct sim *s)
{
	if (s->dead) {
		house_note_commits(s);
		house_crash(s);
		event_at(s, chance_span(&s->chance, SECOND, HOUR), on_again, s);
	}
	return world_step(s);
}

static void settle(struct sim *s)
{
	struct settings *set = settings;
	const struct options *o = &s->o;

	set->limits.concurrent = o->concurrent;
	set->limits.creates_per_minute = o->per_window;
	set->limits.window_s = o->window_s;
	set->limits.downloads = o->downloads;
	set->limits.daily_images = o->daily_images;
	set->limits.queue = o->queue;
	set->poll.deadline_s = o->deadline_s;
	set->poll.deadline_counts = o->deadline_always ? CONFIG_DEADLINE_ALWAYS
						       : CONFIG_DEADLINE_REACHABLE;
	set->api.retries = o->retries;
	set->api.retry_max_s = o->retry_max_s;
	set->api.busy_pause_s = o->busy_pause_s;
	set->api.ambiguous_create = o->ambiguous_retry ? CONFIG_AMBIGUOUS_RETRY
						       : CONFIG_AMBIGUOUS_FAIL;
	set->api.offline = o->offline_fail ? CONFIG_OFFLINE_FAIL : CONFIG_OFFLINE_WAIT;
	set->requests.reuse = o->reuse ? CONFIG_REUSE_SAME_SEED : CONFIG_REUSE_OFF;
	set->library.trash_days = 20000; /* what was removed can be restored all the life long */
	set->images.wait_timeout_s = o->wait_timeout_s;
	s->settings = set;
	s->rules = rules;
}

static void on_last_commands(void *data)
{
	struct sim *s = data;

	if (!s->house.up) {
		event_at(s, 10 * SECOND, on_last_commands, s);
		return;
	}
	command(s, "resume");
	command(s, "retry failed");
}

static void first_phase(struct sim *s)
{
	house_start_soon(s);
	while (users_busy(s) && !s->failed && step(s))
		if (s->counts->events > MOST_EVENTS || s->mono_ms > MOST_FIRST ||
		    s->failed_starts > MOST_STARTS)
			break;
}

static void second_phase(struct sim *s)
{
	int64_t until;

	s->calm = true;
	s->plug_in = 0;
	tell(s, "--- from now on there are no faults ---");
	if (s->dead)
		house_crash(s);
	event_at(s, 1, on_again, s);
	users_finish(s);
	event_at(s, MINUTE, on_last_commands, s);
	event_at(s, 2 * HOUR, on_last_commands, s); /* for what was still under way */
	until = s->mono_ms + MOST_SECOND;
	while (!s->failed && step(s))
		if (s->mono_ms > until || s->counts->events > 3 * MOST_EVENTS ||
		    s->failed_starts > 2 * MOST_STARTS) {
			if (s->house.up)
				audit_end(s, false);
			violation(s, "it does not come to an end");
		}
}

static void last_things(struct sim *s)
{
	audit_end(s, false);
	if (!s->failed)
		house_stop(s);
	while (!s->failed && step(s)) /* what was in flight */
		;
	if (!s->failed)
		house_start_soon(s);
	while (!s->failed && step(s))
		;
	if (!s->failed)
		audit_end(s, true);
	if (!s->failed)
		house_crash(s);
	if (!s->failed)
		house_start_soon(s);
	while (!s->failed && step(s))
		;
	if (!s->failed)
		audit_end(s, true);
}

static void end(struct sim *s)
{
	if (s->house.store) {
		s->dead = true;
		house_crash(s);
	}
	users_release(s);
	service_release(s);
	world_release(s);
	sim_disk_free(s->disk);
	files_free(s->files);
}

static void begin(struct sim *s, const struct options *o)
{
	memset(s, 0, sizeof(*s));
	s->o = *o;
	s->wall_jump_ms = -DAY;
	s->disk = sim_disk_new(s);
	s->files = files_new(s);
	files_use(s->files);
	world_init(s);
	service_init(s);
	settle(s);
	users_init(s);
}

static void add(struct counts *to, const struct counts *from, const struct sim *s)
{
	to->seeds++;
	to->creates += from->creates;
	to->accepted += from->accepted;
	to->pictures += from->pictures;
	to->crashes += from->crashes;
	to->restarts += from->restarts;
	to->events += from->events;
	to->steps += from->steps;
	to->acks += from->acks;
	to->errors += from->errors;
	to->ms += (uint64_t)(s->mono_ms - s->begin_ms);
	to->violations += s->failed;
	for (int f = 0; f < FAULTS; f++)
		to->faults[f] += s->storms[f].fired;
}

static void begin_again(struct sim *s)
{
	files_load(s->files, &made_before);
	sim_disk_load(s->disk, &marked_before);
}

void life(const struct options *o, struct counts *counts, bool telling, struct outcome *out)
{
	struct counts mine = { 0 };
	struct sim *s = malloc(sizeof(*s));

	begin(s, o);
	s->counts = &mine;
	s->telling = telling;
	if (!o->fresh && made_before.size)
		begin_again(s);
	first_phase(s);
	second_phase(s);
	if (!s->failed)
		last_things(s);
	out->failed = s->failed;
	memcpy(out->kind, s->kind, sizeof(out->kind));
	memcpy(out->violation, s->violation, sizeof(out->violation));
	s->telling = false;
	end(s);
	add(counts, &mine, s);
	free(s);
}

/* The database that nearly every life begins with. */
static void make_database(void)
{
	struct options o = { .users = 0, .concurrent = 1, .per_window = 1, .window_s = 1 };
	struct counts counts = { 0 };
	struct sim *s = malloc(sizeof(*s));

	begin(s, &o);
	s->counts = &counts;
	s->calm = true;
	house_start_soon(s);
	house_stop(s);
	files_save(s->files, &made_before);
	sim_disk_save(s->disk, &marked_before);
	end(s);
	free(s);
}

int life_prepare(const char *scratch)
{
	char state[200], path[200];
	const char *overrides[] = { state, path };
	const struct config_sources from = {
		.is_secret = models_secret,
		.file = "/dev/null",
		.overrides = overrides,
		.n_overrides = 2,
		.demo = true,
	};
	struct error err = { .message = "" };
	int r;

	/* The store's lock is the one thing that lies on the real disk. */
	snprintf(state, sizeof(state), "library.state=%s/%ld", scratch, (long)getpid());
	snprintf(path, sizeof(path), "library.path=/library");
	setenv("TZ", "UTC", 1);
	log_open("/dev/null", LOG_LEVEL_ERROR);
	vfs_register();
	r = config_load(&settings, &from, &err);
	if (r == 0)
		r = request_rules_new(&rules, settings, &err);
	if (r < 0) {
		fprintf(stderr, "sim: %s\n", err.message);
		return r;
	}
	free(settings->api.base_url);
	free(settings->api.key);
	settings->api.base_url = strdup("https://api.test/v1");
	settings->api.key = strdup("simulated-key");
	settings->limits.min_free_bytes = 1 << 20;
	make_database();
	return 0;
}
