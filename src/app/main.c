/*
 * pimagefs: options, settings, into the background, run, exit status.
 *
 * Everything that can fail fails in the foreground: one sentence on standard error, exit status 1
 * (2 for the command line). Exit status 0: the mount is up (in the background), or has ended
 * cleanly (with -f).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "app.h"
#include "daemon.h"
#include "pimagefs/log.h"

#ifndef PIMAGEFS_VERSION
#define PIMAGEFS_VERSION "dev"
#endif

static int complain(const struct error *err)
{
	fprintf(stderr, "pimagefs: %s\n", err->message);
	if (err->hint[0])
		fprintf(stderr, "pimagefs: %s\n", err->hint);
	return 1;
}

/* No core file and no debugger of another process may see the key. Sanitizers need what this
 * forbids. */
static void keep_memory_private(void)
{
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

static int load(struct app *app, struct error *err)
{
	const struct config_sources from = {
		.file = app->options->file,
		.overrides = app->options->settings,
		.n_overrides = app->options->n_settings,
		.demo = app->options->demo,
	};
	int r = config_load(&app->settings, &from, err);

	if (r == 0)
		r = request_rules_new(&app->rules, app->settings, err);
	if (r == 0 && !app->options->check_config)
		r = session_check(app->options->mountpoint, err);
	return r;
}

static void open_log(const struct app *app)
{
	const char *target = app->settings->log.target;

	if (strcmp(target, "auto") == 0)
		target = app->options->foreground ? "stderr" : "syslog";
	if (log_open(target, app->options->debug ? LOG_LEVEL_DEBUG
						 : (enum log_level)app->settings->log.level) < 0)
		fprintf(stderr, "pimagefs: cannot log to %s; logging to standard error\n", target);
}

/* Where the start is watched, and where it is looked up later. */
static void give_notice(const struct app *app)
{
	const char *target = app->settings->log.target;
	bool watched = strcmp(target, "stderr") == 0 ||
		       (app->options->foreground && strcmp(target, "auto") == 0);

	log_warn("%s", app->notice);
	if (!watched)
		fprintf(stderr, "pimagefs: %s\n", app->notice);
}

static int mount_and_run(struct app *app)
{
	struct error err;
	int ready_fd = -1, status = 1;

	if (!app->options->foreground && daemon_begin(&ready_fd) < 0) {
		perror("pimagefs: cannot go into the background");
		goto out;
	}
	if (app_start(app, &err) < 0) {
		complain(&err);
		goto out;
	}
	open_log(app);
	if (app->notice)
		give_notice(app);
	log_info("mounted at %s%s", app->options->mountpoint,
		 app->settings->demo ? " (demo: no model makes its pictures)" : "");
	if (ready_fd >= 0)
		daemon_ready(ready_fd);
	app_run(app);
	status = 0;
out:
	app_release(app);
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	struct app app = { .options = &options };
	struct error err;
	int status = 2;

	keep_memory_private();
	if (options_parse(&options, argc, argv, &err) < 0) {
		complain(&err);
	} else if (options.help) {
		status = fputs(options_help, stdout) < 0;
	} else if (options.version) {
		status = printf("pimagefs %s\n", PIMAGEFS_VERSION) < 0;
	} else if (load(&app, &err) < 0) {
		status = complain(&err);
		app_release(&app);
	} else if (options.check_config) {
		printf("the settings are fine%s%s\n", app.settings->file[0] ? ": " : "",
		       app.settings->file);
		app_release(&app);
		status = 0;
	} else {
		status = mount_and_run(&app);
	}
	options_release(&options);
	return status;
}
