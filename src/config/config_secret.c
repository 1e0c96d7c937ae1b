/*
 * config_secret: which key is in force.
 *
 * A key may come from four places. They rank as all settings do: an option (api.key_file,
 * api.key_command), then EACHLABS_API_KEY, then the INI file's key, key_file or key_command. The
 * first that says something is taken and the others are cleared, so that what is shown as in force
 * is what was used; no file is read and no command run for nothing. A demo needs no key and gets
 * none.
 *
 * Two places of the same rank are an error, as is none at all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "pimagefs/secret.h"

enum way { WAY_KEY, WAY_FILE, WAY_COMMAND, WAYS };

static const char *const way_names[WAYS] = { "api.key", "api.key_file", "api.key_command" };

static char **way_field(struct settings *s, enum way way)
{
	return way == WAY_KEY    ? &s->api.key
	       : way == WAY_FILE ? &s->api.key_file
				 : &s->api.key_command;
}

static struct config_origin *way_origin(struct settings *s, enum way way)
{
	return &s->origins->of[config_key_place(config_key_find(way_names[way]))];
}

/* WAYS if this source names none; -EINVAL if it names two. */
static int way_of(struct settings *s, enum config_source source, struct error *err)
{
	int found = WAYS;

	for (int way = 0; way < WAYS; way++) {
		if (way_origin(s, (enum way)way)->source != source ||
		    !**way_field(s, (enum way)way))
			continue;
		if (found != WAYS)
			return error_invalid(err, "give only one of %s (%s) and %s (%s)",
					     way_names[found],
					     way_origin(s, (enum way)found)->where, way_names[way],
					     way_origin(s, (enum way)way)->where);
		found = way;
	}
	return found;
}

/* Forget what the other ways say; the keys' built-in values are empty. */
static int clear_others(struct settings *s, int keep)
{
	for (int way = 0; way < WAYS; way++) {
		struct config_origin *origin = way_origin(s, (enum way)way);
		int r;

		if (way == keep)
			continue;
		r = config_value_set(config_key_find(way_names[way]), s, "", NULL);
		if (r < 0)
			return r;
		free(origin->where);
		*origin = (struct config_origin){ CONFIG_BUILTIN, NULL };
	}
	return 0;
}

static int take_environment(struct settings *s, const char *key, struct error *err)
{
	struct config_origin *origin = way_origin(s, WAY_KEY);
	int r = clear_others(s, WAYS);

	if (r < 0)
		return r;
	if (!secret_is_usable(key)) {
		error_set(err, ERROR_AUTH,
			  "EACHLABS_API_KEY is no key: it must be 1 to %d printable ASCII "
			  "characters without spaces",
			  SECRET_MAX);
		return -EINVAL;
	}
	s->key_origin = "EACHLABS_API_KEY";
	origin->where = strdup(s->key_origin);
	if (!origin->where)
		return -ENOMEM;
	origin->source = CONFIG_ENVIRONMENT;
	return config_value_set(config_key_find("api.key"), s, key, err);
}

static int take_way(struct settings *s, const struct config_sources *from, enum way way,
		    struct error *err)
{
	static const char *const origins[WAYS] = { "key", "key_file", "key_command" };
	char *key;
	int r = clear_others(s, way);

	s->key_origin = origins[way];
	if (r < 0 || way == WAY_KEY)
		return r;
	if (way == WAY_FILE)
		r = secret_read_file(s->api.key_file, &key, err);
	else
		r = from->read_command(from->data, s->api.key_command, &key, err);
	if (r < 0) {
		error_prefix(err, "%s: ", way_origin(s, way)->where);
		return r;
	}
	text_wipe(&s->api.key);
	s->api.key = key;
	return 0;
}

static int refuse_none(const struct settings *s, struct error *err)
{
	error_set(err, ERROR_AUTH,
		  "there is no API key: set EACHLABS_API_KEY, or in the section [api] of %s one of "
		  "key_file = FILE, key_command = COMMAND, or key = KEY (then chmod 600); "
		  "keys: https://www.eachlabs.ai/dashboard/api-keys; without one, try --demo",
		  *s->file ? s->file : "~/.config/pimagefs/pimagefs.ini");
	return -ENOENT;
}

const char *settings_environment_key(const struct settings *s)
{
	return way_origin((struct settings *)s, WAY_KEY)->source == CONFIG_ENVIRONMENT ? s->api.key
										       : NULL;
}

int config_fetch_key(struct settings *s, const struct config_sources *from,
		     const char *environment_key, struct error *err)
{
	int way;

	if (s->demo)
		return clear_others(s, WAYS);
	way = way_of(s, CONFIG_OPTION, err);
	if (way == WAYS && environment_key)
		return take_environment(s, environment_key, err);
	if (way == WAYS)
		way = way_of(s, CONFIG_FILE, err);
	if (way < 0)
		return way;
	return way == WAYS ? refuse_none(s, err) : take_way(s, from, (enum way)way, err);
}
