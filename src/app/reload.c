/*
 * Settings and the log, at the start and again while mounted (ctl reload, SIGHUP).
 *
 * Happy path: file, environment and options are read as at the start; what can change while mounted
 * is put in force, and what cannot is named. Where the key is what a command prints, the settings
 * are read twice while mounted: once to know the command, which then runs beside the loop, and once
 * more with its answer.
 *
 * Failures: a setting that is wrong, or a command that gives no key, leaves all of them as they
 * were, and its sentence is the answer. One reload at a time: a second one of ctl is refused, a
 * SIGHUP is done when the first one is over.
 *
 * On close, and when whoever asked waits no more, the command is killed.
 */
#include <errno.h>
#include <string.h>

#include "app.h"
#include "pimagefs/inbox.h"
#include "pimagefs/log.h"
#include "pimagefs/models.h"
#include "pimagefs/secret.h"

int app_open_log(const struct app *app)
{
	const char *target = app->settings->log.target;

	if (strcmp(target, "auto") == 0)
		target = app->options->foreground ? "stderr" : "syslog";
	return log_open(target, app->options->debug ? LOG_LEVEL_DEBUG
						    : (enum log_level)app->settings->log.level);
}

/* --- the key's command --- */

static void forget(struct reload *reload)
{
	text_wipe(&reload->key);
	text_wipe(&reload->command);
}

/* For config: what is known of this command; else -EINPROGRESS, and it is the one to run. */
static int read_command(void *data, const char *command, char **out, struct error *err)
{
	struct reload *reload = data;

	if (!reload->command || strcmp(reload->command, command) != 0) {
		forget(reload);
		reload->command = strdup(command);
		error_set(err, ERROR_AUTH, "key_command: it has changed while it was run");
		return reload->command ? -EINPROGRESS : -ENOMEM;
	}
	if (reload->r < 0) {
		*err = reload->err;
		return reload->r;
	}
	*out = strdup(reload->key);
	return *out ? 0 : -ENOMEM;
}

static int load(const struct options *options, const struct config_sources *more,
		struct settings **settings, struct request_rules **rules, struct error *err)
{
	const struct config_sources from = {
		.is_secret = models_secret,
		.file = options->file,
		.name = options->name,
		.overrides = options->settings,
		.n_overrides = options->n_settings,
		.demo = options->demo,
		.environment_key = more->environment_key,
		.read_command = more->read_command,
		.data = more->data,
	};
	struct settings *s;
	int r = config_load(&s, &from, err);

	if (r < 0)
		return r;
	r = request_rules_new(rules, s, err);
	if (r < 0)
		settings_free(s);
	else
		*settings = s;
	return r;
}

static int run_command(void *data, const char *command, char **out, struct error *err)
{
	(void)data;
	return key_command_run(command, SECRET_COMMAND_MS, out, err);
}

int app_load(const struct options *options, struct settings **settings,
	     struct request_rules **rules, struct error *err)
{
	const struct config_sources more = { .read_command = run_command };

	return load(options, &more, settings, rules, err);
}

static int load_anew(struct app *app, struct settings **settings, struct request_rules **rules,
		     struct error *err)
{
	const struct config_sources more = {
		.environment_key = settings_environment_key(app->settings),
		.read_command = read_command,
		.data = &app->reload,
	};

	return load(app->options, &more, settings, rules, err);
}

/* --- what is read is put in force --- */

/* The fresh settings are in force: who keeps something of them hears it. */
static int renew(struct app *app, struct buf *said)
{
	int r = eachlabs_renew(app->api), log;

	if (r == 0)
		r = engine_renew(app->engine);
	log = app_open_log(app);
	if (r < 0)
		r = buf_printf(said, "the settings are read, but not all in force: %s",
			       strerror(-r)) < 0
			    ? -ENOMEM
			    : r;
	else if (log < 0)
		r = buf_printf(said, "; the log cannot be opened: %s", strerror(-log));
	return r;
}

static int run(void *data, struct buf *said)
{
	struct app *app = data;
	struct settings *fresh;
	struct request_rules *rules;
	struct buf kept = BUF_INIT;
	struct error err;
	int r = load_anew(app, &fresh, &rules, &err);

	if (r < 0) {
		buf_printf(said, "%s; nothing has changed", err.message);
		return r == -ENOMEM ? r : -EINVAL;
	}
	r = settings_renew(app->settings, fresh, &kept);
	if (r < 0) {
		request_rules_free(rules);
		goto out;
	}
	inbox_set_rules(app->inbox, rules);
	request_rules_free(app->rules);
	app->rules = rules;
	r = buf_puts(said, "done");
	if (r == 0 && kept.size)
		r = buf_printf(said, "; not while mounted: %s", kept.data);
	if (r == 0)
		r = renew(app, said);
	log_info("settings are read anew: %s", buf_text(said));
out:
	settings_free(fresh);
	buf_release(&kept);
	return r;
}

static void run_for_signal(struct app *app)
{
	struct buf said = BUF_INIT;

	if (run(app, &said) < 0)
		log_error("SIGHUP: the settings stay as they are: %s", buf_text(&said));
	buf_release(&said);
}

/* --- when --- */

static void on_key(int r, char *key, const struct error *err, void *data)
{
	struct app *app = data;
	struct reload *reload = &app->reload;

	reload->running = NULL;
	reload->r = r;
	reload->key = key;
	reload->err = *err;
	if (!reload->of_signal) {
		fs_command_ready(app->fs);
		return;
	}
	run_for_signal(app);
	reload->for_ctl.end(app);
}

static int begin(void *data)
{
	struct app *app = data;
	struct reload *reload = &app->reload;
	struct settings *settings;
	struct request_rules *rules;
	struct error err;
	int r;

	if (reload->running)
		return -EBUSY;
	forget(reload);
	r = load_anew(app, &settings, &rules, &err);
	if (r == 0) {
		settings_free(settings);
		request_rules_free(rules);
	}
	if (r != -EINPROGRESS)
		return 0; /* what is wrong is said by who reads them in earnest */
	reload->of_signal = false;
	reload->r = key_command_start(&reload->running, &reload->commands, &app->loop,
				      reload->command, SECRET_COMMAND_MS, on_key, app,
				      &reload->err);
	return reload->r < 0 ? 0 : -EINPROGRESS;
}

static void end(void *data)
{
	struct app *app = data;
	struct reload *reload = &app->reload;
	bool again = reload->again;

	key_command_stop(reload->running);
	reload->running = NULL;
	forget(reload);
	reload->again = false;
	if (again && !app->stopping)
		app_reload_signal(app);
}

void app_reload_signal(struct app *app)
{
	int r = app->stopping ? -ECANCELED : begin(app);

	app->reload.of_signal = app->reload.of_signal || r == -EINPROGRESS;
	if (r == -EBUSY)
		app->reload.again = true;
	else if (r == 0)
		run_for_signal(app);
}

void app_reload_init(struct app *app)
{
	list_init(&app->reload.commands);
	app->reload.for_ctl = (struct ctl_reload){ begin, run, end, app };
}

void app_reload_stop(struct app *app)
{
	end(app);
	key_command_leave(&app->reload.commands);
}
