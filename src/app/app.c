/*
 * One mount from the ground up: what stands on what, and the way back down.
 *
 * Happy path: app_start builds from the store to the session; app_run turns the loop until a signal
 * or an unmount.
 *
 * Failures: the first thing that cannot be had ends the start with one sentence; app_release takes
 * apart what is there.
 *
 * On close: readers are answered first, then the mount goes, then creates in flight get a moment
 * for their answers, then the last commit, and everything else from the top down.
 */
#include "app.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "pimagefs/inbox.h"
#include "pimagefs/ledger.h"
#include "pimagefs/library.h"
#include "pimagefs/log.h"
#include "pimagefs/rebuild.h"
#include "pimagefs/store.h"
#include "pimagefs/views.h"

static void on_job_changed(struct job *job, bool gone, void *data)
{
	struct app *app = data;

	if (gone)
		views_forget(app->views, job);
	else
		views_update(app->views, job);
	if (app->fs)
		fs_job_changed(app->fs, job, gone);
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
	fs_let_go(app->fs);
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

static void on_ended(void *data)
{
	log_info("unmounted: ending");
	stop(data);
}

static void on_detached(void *data)
{
	struct app *app = data;

	log_info("unmounted: readers are let go");
	fs_let_go(app->fs);
}

/* --- the start --- */

static int start_loop(struct app *app)
{
	uv_signal_t *signals[] = { &app->sigterm, &app->sigint, &app->sighup };
	const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	int r = uv_loop_init(&app->loop);

	if (r < 0)
		return r;
	app->loop_runs = true;
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; r == 0 && i < 3; i++) {
		uv_signal_init(&app->loop, signals[i]);
		signals[i]->data = app;
		uv_unref((uv_handle_t *)signals[i]);
		r = uv_signal_start(signals[i], on_signal, numbers[i]);
	}
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

static int start_disk(struct app *app, struct error *err)
{
	const struct settings *s = app->settings;
	struct rebuild_ground ground = { .settings = s, .rules = app->rules };
	char *aside;
	int r = store_open_mended(&app->store, s->library.state, &aside, err);

	free(aside);
	if (r == 0)
		r = library_open(&app->library, s->library.path, err);
	ground.store = app->store;
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
	};
	int r = http_new(&app->http, &app->loop, &http);

	return r < 0 ? r : api_new(&app->api, app->http, s);
}

static int start_tree(struct app *app)
{
	int r;

	app->tree = tree_new(on_node_freed, app);
	if (!app->tree)
		return -ENOMEM;
	r = fs_plant(app->tree, &app->folders);
	if (r == 0)
		r = views_new(&app->views, app->folders.images, app->folders.status,
			      app->settings->images.list_pending);
	return r;
}

static int start_core(struct app *app)
{
	const struct engine_ground ground = {
		.loop = &app->loop,
		.settings = app->settings,
		.rules = app->rules,
		.ops = &api_http_ops,
		.api = app->api,
		.ledger = app->ledger,
		.library = app->library,
		.changed = on_job_changed,
		.changed_data = app,
	};
	int r = engine_new(&app->engine, &ground);

	if (r == 0)
		r = inbox_new(&app->inbox, app->folders.requests, app->settings, app->rules,
			      app->engine, app->ledger);
	if (r == 0)
		r = engine_load(app->engine, app->store);
	if (r == 0)
		r = inbox_load(app->inbox, app->store);
	return r;
}

static bool is_shared(const struct options *options)
{
	for (size_t i = 0; i < options->n_mount; i++)
		if (strcmp(options->mount[i], "allow_other") == 0)
			return true;
	return false;
}

static int start_mount(struct app *app, struct error *err)
{
	const struct fs_ground ground = {
		.loop = &app->loop,
		.settings = app->settings,
		.rules = app->rules,
		.tree = app->tree,
		.ledger = app->ledger,
		.library = app->library,
		.engine = app->engine,
		.inbox = app->inbox,
		.views = app->views,
		.mountpoint = app->options->mountpoint,
		.shared = is_shared(app->options),
	};
	const struct session_options options = {
		.mountpoint = app->options->mountpoint,
		.mount = app->options->mount,
		.n_mount = app->options->n_mount,
		.debug = app->options->debug,
	};
	int r = fs_new(&app->fs, &ground);

	return r < 0 ? r
		     : session_start(&app->session, &app->loop, &options, app->fs, on_ended,
				     on_detached, app, err);
}

int app_start(struct app *app, struct error *err)
{
	int r;

	error_set(err, ERROR_INVALID, "%s", "");
	raise_limits();
	r = start_disk(app, err);
	if (r == 0)
		r = start_demo(app, err); /* before the loop: it forks */
	if (r == 0)
		r = start_loop(app);
	if (r == 0)
		r = ledger_new(&app->ledger, &app->loop, app->store);
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
	ledger_free(app->ledger);
	engine_free(app->engine);
	http_free(app->http, NULL, NULL);
	if (app->loop_runs)
		uv_run(&app->loop, UV_RUN_NOWAIT);
	fs_free(app->fs);
	if (app->loop_runs)
		release_loop(app);
	api_free(app->api);
	inbox_free(app->inbox);
	tree_free(app->tree);
	views_free(app->views);
	library_close(app->library);
	store_close(app->store);
	if (app->demo_runs)
		demo_stop(&app->demo);
	free(app->notice);
	request_rules_free(app->rules);
	settings_free(app->settings);
}
