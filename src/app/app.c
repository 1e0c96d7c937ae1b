/*
 * One mount from the ground up: what stands on what, and the way back down.
 *
 * Happy path: app_start builds from the store to the session; app_run turns the loop until a signal
 * or an unmount.
 *
 * Failures: the first thing that cannot be had ends the start with one sentence; app_release takes
 * apart what is there.
 *
 * SIGHUP ends only what runs in the foreground of a terminal that is gone. Else the log's file is
 * opened anew, the settings are read anew, and all goes on.
 *
 * On close: readers are answered first, then the mount goes, then creates in flight get a moment
 * for their answers, then the last commit, and everything else from the top down.
 */
#include "app.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "daemon.h"
#include "pimagefs/claim.h"
#include "pimagefs/clock.h"
#include "pimagefs/inbox.h"
#include "pimagefs/ledger.h"
#include "pimagefs/library.h"
#include "pimagefs/log.h"
#include "pimagefs/models.h"
#include "pimagefs/real_world.h"
#include "pimagefs/rebuild.h"
#include "pimagefs/store.h"
#include "pimagefs/views.h"

#define ENDING_MS 2000 /* that an ending one gets after api.grace until its state is ours */
#define LOOK_EACH_MS 20
#define AWAY_MS 2000 /* between one look and the next at who still uses an unmounted folder */

static void on_job(struct job *job, enum jobs_change change, void *data)
{
	struct app *app = data;
	bool gone = change == JOBS_GONE;

	if (gone) {
		if (app->fs) /* first: who polls is found by the job */
			fs_job_changed(app->fs, job, true);
		links_forget(app->links, job);
		views_forget(app->views, job);
		return;
	}
	views_update(app->views, job);
	links_update(app->links, job);
	if (app->fs)
		fs_job_changed(app->fs, job, false);
}

static void on_node_freed(struct node *node, void *data)
{
	(void)data;
	if (node->kind == NODE_REQUEST)
		inbox_freed(node);
}

/* --- the end --- */

static void on_drained(void *data)
{
	struct app *app = data;

	uv_stop(&app->loop);
}

static void stop(struct app *app)
{
	if (app->stopping)
		return;
	app->stopping = true;
	session_take_rest(app->session);
	app->world.timer_free(app->away);
	app->away = NULL;
	courier_stop(app->courier);
	fs_let_go(app->fs);
	app_reload_stop(app);
	ledger_sync(app->ledger); /* answers the flushes of this turn while there is someone to
				     answer to */
	session_stop(app->session);
	app->session = NULL;
	engine_drain(app->engine, on_drained, app);
}

static void on_signal(uv_signal_t *handle, int number)
{
	log_info("%s: ending", strsignal(number));
	stop(handle->data);
}

static void on_hangup(uv_signal_t *handle, int number)
{
	struct app *app = handle->data;
	int r;

	(void)number;
	if (app->has_terminal && !daemon_has_terminal()) {
		app->hung_up = true;
		log_warn("the terminal is gone: ending");
		stop(app);
		return;
	}
	r = log_reopen();
	if (r < 0)
		log_warn("SIGHUP: the log's file cannot be opened anew: %s", strerror(-r));
	else
		log_info("SIGHUP: the log goes on");
	app_reload_signal(app);
}

/* A close is answered before its release comes, which an unmount right behind it may overtake. */
static void on_ended(void *data)
{
	struct app *app = data;

	log_info("unmounted: ending");
	if (session_is_away(app->session))
		fs_release_all(app->fs);
	stop(app);
}

/* The kernel tells of the end when the last copy of the mount has gone, and a copy may lie for long
 * in somebody else's namespace (a container's). */
static void on_away(void *data)
{
	struct app *app = data;

	if (!fs_is_idle(app->fs)) {
		app->world.timer_start(app->away, AWAY_MS);
		return;
	}
	log_info("unmounted, and nobody has anything open: ending");
	stop(app);
}

static void on_detached(void *data)
{
	struct app *app = data;

	app->away = app->world.timer_new(app->world.self, on_away, app);
	if (app->away)
		app->world.timer_start(app->away, AWAY_MS);

	log_info("unmounted: readers are let go");
	courier_stop(app->courier); /* it has a mount of its own, which must go too */
	fs_let_go(app->fs);
}

/* --- the start --- */

static int start_signal(struct app *app, uv_signal_t *handle, uv_signal_cb fn, int number)
{
	uv_signal_init(&app->loop, handle);
	handle->data = app;
	uv_unref((uv_handle_t *)handle);
	return uv_signal_start(handle, fn, number);
}

/* By nohup, or by who started it that way. */
static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static int start_loop(struct app *app)
{
	int r = uv_loop_init(&app->loop);

	if (r < 0)
		return r;
	app->loop_runs = true;
	app->has_terminal = app->options->foreground && daemon_has_terminal();
	r = start_signal(app, &app->sigterm, on_signal, SIGTERM);
	if (r == 0)
		r = start_signal(app, &app->sigint, on_signal, SIGINT);
	if (r == 0 && !is_ignored(SIGHUP))
		r = start_signal(app, &app->sighup, on_hangup, SIGHUP);
	return r;
}

/* Each picture being read and each connection needs a descriptor. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* After fusermount3 -u the former one waits for answers to its creates, so its end is waited for;
 * but not that of one that is mounted still. */
static int open_state(struct app *app, struct error *err)
{
	const char *folder = app->settings->library.state;
	int64_t until_ms = clock_mono_ms() + ENDING_MS + app->settings->api.grace_s * 1000LL;
	char *aside, noted[STORE_MOUNT];
	int r;

	for (;;) {
		r = store_open_mended(&app->store, folder, app->world.vfs, &aside, err);
		free(aside);
		if (r != -EBUSY || clock_mono_ms() >= until_ms)
			return r;
		store_read_mount(folder, noted);
		if (session_is_mounted(noted))
			return r;
		poll(NULL, 0, LOOK_EACH_MS);
	}
}

static int start_disk(struct app *app, struct error *err)
{
	const struct settings *s = app->settings;
	struct rebuild_ground ground = { .world = &app->world, .settings = s, .rules = app->rules };
	struct claim_ground claim = {
		.world = &app->world,
		.library = s->library.path,
		.state = s->library.state,
		.new_library = app->options->new_library,
	};
	int r = open_state(app, err);

	claim.store = ground.store = app->store;
	if (r == 0)
		r = claim_library(&claim, &app->library, err);
	ground.library = app->library;
	return r < 0 ? r : rebuild(&ground, &app->notice, err);
}

static int start_demo(struct app *app, struct error *err)
{
	char *url, *key, *folder;
	int r;

	if (!app->settings->demo)
		return 0;
	if (asprintf(&folder, "%s/demo", app->settings->library.state) < 0)
		return -ENOMEM;
	r = demo_start(&app->demo, folder, err);
	free(folder);
	if (r < 0)
		return r;
	app->demo_runs = true;
	url = strdup(app->demo.base_url);
	key = strdup("demo");
	if (!url || !key) {
		free(url);
		free(key);
		return -ENOMEM;
	}
	free(app->settings->api.base_url);
	free(app->settings->api.key);
	app->settings->api.base_url = url;
	app->settings->api.key = key;
	return 0;
}

static int start_service(struct app *app)
{
	const struct settings *s = app->settings;
	const struct http_settings http = {
		.connect_timeout_s = s->api.connect_timeout_s,
		.idle_timeout_s = s->api.idle_timeout_s,
		.timeout_s = s->api.timeout_s,
		.ca_file = s->api.ca_file,
	};
	int r = http_new(&app->http, &app->loop, &http);

	return r < 0 ? r : eachlabs_new(&app->api, app->http, s);
}

static int start_tree(struct app *app)
{
	int r;

	app->tree = tree_new(&app->world, on_node_freed, app);
	if (!app->tree)
		return -ENOMEM;
	r = fs_plant(app->tree, &app->folders);
	if (r == 0)
		r = views_new(&app->views, app->folders.images, app->folders.status,
			      app->folders.requests, app->settings->images.list_pending);
	if (r == 0)
		r = links_new(&app->links, app->folders.by_date, app->folders.by_id);
	return r;
}

static int start_core(struct app *app)
{
	const struct engine_ground ground = {
		.world = &app->world,
		.settings = app->settings,
		.service = &eachlabs_ops,
		.service_self = app->api,
		.ledger = app->ledger,
		.library = app->library,
	};
	struct texts_ground texts = {
		.settings = app->settings,
		.library = app->library,
		.mountpoint = app->options->mountpoint,
		.reload = &app->reload.for_ctl,
	};
	struct gallery_ground gallery = {
		.world = &app->world,
		.root = tree_root(app->tree),
		.mountpoint = app->options->mountpoint,
	};
	int r = library_start(app->library);

	if (r == 0)
		r = engine_new(&app->engine, &ground);
	texts.engine = gallery.engine = app->engine;
	if (r == 0)
		r = engine_listen(app->engine, on_job, app);
	if (r == 0)
		r = events_new(&app->events, &app->world, app->folders.events);
	if (r == 0)
		r = engine_listen(app->engine, events_on_job, app->events);
	if (r == 0)
		r = inbox_new(&app->inbox, &app->world, app->folders.requests, app->settings,
			      app->rules, app->engine, app->ledger);
	texts.inbox = app->inbox;
	if (r == 0)
		r = texts_new(&app->texts, &texts);
	if (r == 0)
		r = gallery_new(&app->gallery, &gallery);
	if (r == 0)
		r = engine_load(app->engine, app->store);
	if (r == 0)
		r = inbox_load(app->inbox, app->store);
	return r;
}

static int start_mount(struct app *app, struct error *err)
{
	const struct fs_ground ground = {
		.world = &app->world,
		.settings = app->settings,
		.rules = app->rules,
		.tree = app->tree,
		.ledger = app->ledger,
		.library = app->library,
		.engine = app->engine,
		.inbox = app->inbox,
		.views = app->views,
		.links = app->links,
		.texts = app->texts,
		.events = app->events,
		.shared = options_are_shared(app->options),
	};
	const struct session_options options = {
		.mountpoint = app->options->mountpoint,
		.mount = app->options->mount,
		.n_mount = app->options->n_mount,
		.shared = options_are_shared(app->options),
		.debug = app->options->debug,
	};
	int r = fs_new(&app->fs, &ground);

	if (session_hides(options.mountpoint))
		log_warn("%s is not empty: what is in it is hidden while this is mounted there",
			 options.mountpoint);
	if (r == 0)
		r = session_start(&app->session, &app->loop, &options, app->fs, on_ended,
				  on_detached, app, err);
	if (r == 0)
		store_note_mount(app->store, session_device(app->session), options.mountpoint);
	return r;
}

/* Without it windows are refreshed by hand, and names are not cached: no reason not to start. */
static void start_courier(struct app *app)
{
	const struct courier_ground ground = {
		.loop = &app->loop,
		.world = &app->world,
		.tree = app->tree,
		.mountpoint = app->options->mountpoint,
		.device = session_device(app->session),
		.version = fs_version,
	};

	if (ground.device[0] && courier_new(&app->courier, &ground) == 0)
		fs_set_courier(app->fs, app->courier);
}

int app_start(struct app *app, struct error *err)
{
	int r;

	error_set(err, ERROR_INVALID, "%s", "");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit on files is an errno (EFBIG), never the end */
	raise_limits();
	real_world_init(&app->world, &app->loop);
	app_reload_init(app);
	r = start_disk(app, err);
	if (r == 0)
		r = start_demo(app, err); /* before the loop: it forks */
	if (r == 0)
		r = start_loop(app);
	if (r == 0)
		r = ledger_new(&app->ledger, &app->world, app->store);
	if (r == 0)
		r = start_service(app);
	if (r == 0)
		r = start_tree(app);
	if (r == 0)
		r = start_core(app);
	if (r == 0)
		r = start_mount(app, err);
	if (r < 0 && !err->message[0])
		error_set(err, ERROR_INVALID, "cannot start: %s", strerror(-r));
	return r;
}

void app_run(struct app *app)
{
	start_courier(app);
	engine_start(app->engine);
	uv_run(&app->loop, UV_RUN_DEFAULT);
}

static void close_signal(uv_signal_t *handle)
{
	if (handle->data && !uv_is_closing((uv_handle_t *)handle))
		uv_close((uv_handle_t *)handle, NULL);
}

static void release_loop(struct app *app)
{
	close_signal(&app->sigterm);
	close_signal(&app->sigint);
	close_signal(&app->sighup);
	uv_run(&app->loop, UV_RUN_DEFAULT); /* every handle closes */
	uv_loop_close(&app->loop);
}

void app_release(struct app *app)
{
	session_stop(app->session);
	ledger_stop(app->ledger);
	gallery_stop(app->gallery);
	engine_free(app->engine);
	ledger_free(app->ledger);
	http_free(app->http, NULL, NULL);
	/* A disk that does not answer holds a thread, and so the loop's end: then nothing else is
	 * taken apart, for the process ends here. */
	app->stuck = app->library && library_works(app->library);
	library_close(app->library);
	if (app->loop_runs)
		uv_run(&app->loop, UV_RUN_NOWAIT);
	courier_stop(app->courier);
	fs_free(app->fs);
	if (app->loop_runs && !app->stuck)
		release_loop(app);
	eachlabs_free(app->api);
	inbox_free(app->inbox);
	texts_free(app->texts);
	courier_free(app->courier);
	gallery_free(app->gallery);
	events_free(app->events);
	tree_free(app->tree);
	views_free(app->views);
	links_free(app->links);
	store_close(app->store);
	if (app->demo_runs)
		demo_stop(&app->demo);
	free(app->notice);
	request_rules_free(app->rules);
	settings_free(app->settings);
}
