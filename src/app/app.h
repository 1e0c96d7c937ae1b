#ifndef APP_H
#define APP_H

#include <uv.h>

#include "key_command.h"
#include "options.h"
#include "pimagefs/config.h"
#include "pimagefs/courier.h"
#include "pimagefs/demo.h"
#include "pimagefs/engine.h"
#include "pimagefs/fs.h"
#include "pimagefs/gallery.h"
#include "pimagefs/http.h"
#include "pimagefs/service.h"
#include "pimagefs/session.h"
#include "pimagefs/world.h"

/* The settings being read anew: reload.c. */
struct reload {
	struct ctl_reload for_ctl;
	struct list commands;        /* all whose processes have not ended */
	struct key_command *running; /* NULL: none */
	char *command;               /* whose answer that is; NULL: none is known */
	int r;                       /* its answer */
	char *key;
	struct error err;
	bool of_signal; /* it runs for SIGHUP, not for a write to ctl */
	bool again;     /* a SIGHUP came meanwhile */
};

/* Everything that one mount consists of, from the ground up. */
struct app {
	const struct options *options;
	struct settings *settings;
	struct request_rules *rules;
	uv_loop_t loop;
	struct world world;
	uv_signal_t sigterm, sigint, sighup;
	struct demo demo;
	struct http *http;
	struct eachlabs *api;
	struct store *store;
	struct library *library;
	struct ledger *ledger;
	struct tree *tree;
	struct fs_folders folders;
	struct views *views;
	struct links *links;
	struct engine *engine;
	struct inbox *inbox;
	struct texts *texts;
	struct gallery *gallery;
	struct events *events;
	struct fs *fs;
	struct courier *courier;
	struct session *session;
	struct timer *away; /* unmounted while it was in use */
	char *notice;       /* what the start found and mended, for a person; NULL: nothing */
	struct reload reload;
	bool has_terminal; /* in the foreground, at the start */
	bool hung_up;      /* the terminal went away, and so it ended */
	bool demo_runs, loop_runs, stopping;
	bool stuck; /* after app_release: the process must end by _exit */
};

/* The settings that these options name, and what they mean for requests. 0 or as config_load and
 * request_rules_new; both are the caller's. */
int app_load(const struct options *options, struct settings **settings,
	     struct request_rules **rules, struct error *err);
/* As the settings say; as log_open. */
int app_open_log(const struct app *app);
/* Builds it all up to the mount. settings and rules become the app's. 0 or a negative errno with
 * err; app_stop in any case. */
int app_start(struct app *app, struct error *err);
/* Runs until a signal or an unmount ends it. */
void app_run(struct app *app);
/* Takes apart what was built. */
void app_release(struct app *app);

/* Before the tree: how ctl reads the settings anew. */
void app_reload_init(struct app *app);
/* SIGHUP: as reload of ctl; what comes of it is told in the log. */
void app_reload_signal(struct app *app);
/* What still runs is ended. */
void app_reload_stop(struct app *app);

#endif
