#ifndef APP_H
#define APP_H

#include <uv.h>

#include "options.h"
#include "pimagefs/api.h"
#include "pimagefs/config.h"
#include "pimagefs/demo.h"
#include "pimagefs/engine.h"
#include "pimagefs/fs.h"
#include "pimagefs/http.h"
#include "pimagefs/session.h"

/* Everything that one mount consists of, from the ground up. */
struct app {
	const struct options *options;
	struct settings *settings;
	struct request_rules *rules;
	uv_loop_t loop;
	uv_signal_t sigterm, sigint, sighup;
	struct demo demo;
	struct http *http;
	struct api *api;
	struct store *store;
	struct library *library;
	struct ledger *ledger;
	struct tree *tree;
	struct fs_folders folders;
	struct views *views;
	struct engine *engine;
	struct inbox *inbox;
	struct fs *fs;
	struct session *session;
	char *notice; /* what the start found and mended, for a person; NULL: nothing */
	bool demo_runs, loop_runs, stopping;
};

/* Builds it all up to the mount. settings and rules become the app's. 0 or a negative errno with
 * err; app_stop in any case. */
int app_start(struct app *app, struct error *err);
/* Runs until a signal or an unmount ends it. */
void app_run(struct app *app);
/* Takes apart what was built. */
void app_release(struct app *app);

#endif
