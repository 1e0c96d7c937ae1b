/*
 * pimagefs: options, settings, into the background, run, exit status.
 *
 * Everything that can fail fails in the foreground: one sentence on standard error, exit status 1
 * (2 for the command line). Exit status 0: the mount is up (in the background), or has ended
 * cleanly (with -f); 129, as a shell has it, if its terminal went away.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "app.h"
#include "check.h"
#include "daemon.h"
#include "pimagefs/log.h"
#include "pimagefs/models.h"

#ifndef PIMAGEFS_VERSION
#define PIMAGEFS_VERSION "dev"
#endif

static int complain(const struct error *err)
{
	fprintf(stderr, "pimagefs: %s\n", err->message);
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
	int r = app_load(app->options, &app->settings, &app->rules, err);

	if (r == 0 && !app->options->check_config)
		r = session_check(app->options->mountpoint, err);
	return r;
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
	if (app_open_log(app) < 0)
		fprintf(stderr, "pimagefs: cannot log to %s; logging to standard error\n",
			app->settings->log.target);
	if (app->notice)
		give_notice(app);
	log_info("mounted at %s%s", app->options->mountpoint,
		 app->settings->demo ? " (demo: no model makes its pictures)" : "");
	if (ready_fd >= 0)
		daemon_ready(ready_fd);
	app_run(app);
	status = app->hung_up ? 128 + SIGHUP : 0;
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

	if (argc == 2 && strcmp(argv[1], COURIER_OPTION) == 0)
		return courier_main();
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
		status = check_config(&options, app.settings);
		app_release(&app);
	} else {
		status = mount_and_run(&app);
	}
	options_release(&options);
	if (app.stuck)
		_exit(status); /* exit() would wait for the disk that does not answer */
	return status;
}
