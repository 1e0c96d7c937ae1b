/*
 * config: the settings in force.
 *
 * Built-in values first, then the INI file, the environment and the options, each over the one
 * before; a value's origin is kept beside it. Then what hangs together is checked, the folders are
 * worked out, and the key is fetched from where the last of those sources says it is. After that
 * nothing changes.
 *
 * Any fault ends the load with a sentence that names its place (FILE:LINE, option, variable); what
 * was read so far is wiped and freed. EACHLABS_API_KEY leaves the environment in any case, so that
 * no child inherits it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "pimagefs/secret.h"
#include "pimagefs/utf8.h"

#define KEY_VARIABLE "EACHLABS_API_KEY"
#define FILE_VARIABLE "PIMAGEFS_CONFIG"
#define MOST_DEFAULTS 64

struct load {
	struct settings *s;
	const struct config_sources *from;
	const char *path;     /* the INI being read */
	unsigned secret_line; /* 0: no secret in it */
};

bool config_default_is_secret(const char *key)
{
	return strcmp(key, "hf_api_token") == 0;
}

static struct config_origin *origin_of(const struct settings *s, const char *name)
{
	const struct config_key *key = config_key_find(name);

	return key && s->origins ? &s->origins->of[config_key_place(key)] : NULL;
}

const char *config_origin(const struct settings *s, const char *key)
{
	const struct config_origin *origin = origin_of(s, key);

	return origin && origin->where ? origin->where : "built-in";
}

static char *place_of(const char *path, unsigned line)
{
	struct buf text = BUF_INIT;

	return buf_printf(&text, "%s:%u", path, line) < 0 ? NULL : text.data;
}

/* where becomes the origin's or is freed. */
static int set_key(struct settings *s, const struct config_key *key, const char *value,
		   enum config_source source, char *where, struct error *err)
{
	struct config_origin *origin = &s->origins->of[config_key_place(key)];
	int r = config_value_set(key, s, value, err);

	if (r < 0) {
		free(where);
		return r;
	}
	free(origin->where);
	origin->source = source;
	origin->where = where;
	return 0;
}

static struct config_default *find_default(struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->n_defaults; i++)
		if (strcmp(s->defaults[i].key, name) == 0)
			return &s->defaults[i];
	return NULL;
}

static void release_default(struct config_default *d)
{
	free(d->key);
	secret_free(d->value);
	free(d->where);
}

/* where becomes the default's or is freed. */
static int set_default(struct settings *s, const char *name, const char *value, char *where)
{
	struct config_default new = { strdup(name), strdup(value), where };
	struct config_default *old = find_default(s, name), *all;

	if (!new.key || !new.value)
		goto out;
	if (!old) {
		all = realloc(s->defaults, (s->n_defaults + 1) * sizeof(*all));
		if (!all)
			goto out;
		s->defaults = all;
		all[s->n_defaults++] = new;
		return 0;
	}
	release_default(old);
	*old = new;
	return 0;
out:
	release_default(&new);
	return -ENOMEM;
}

static int refuse_again(const char *section, const char *name, const char *where, struct error *err)
{
	error_set(err, ERROR_INVALID, "%s.%s is given twice, first at %s", section, name, where);
	return -EINVAL;
}

static int file_default(struct load *l, const char *name, const char *value, unsigned line,
			struct error *err)
{
	const struct config_default *old = find_default(l->s, name);
	char *where;

	if (old)
		return refuse_again(CONFIG_DEFAULTS, name, old->where, err);
	if (l->s->n_defaults == MOST_DEFAULTS) {
		error_set(err, ERROR_INVALID, "there are over %d lines in [defaults]",
			  MOST_DEFAULTS);
		return -EINVAL;
	}
	if (config_default_is_secret(name) && *value)
		l->secret_line = line;
	where = place_of(l->path, line);
	return where ? set_default(l->s, name, value, where) : -ENOMEM;
}

static int file_key(struct load *l, const char *section, const char *name, const char *value,
		    unsigned line, struct error *err)
{
	char full[128];
	const struct config_key *key;
	const struct config_origin *origin;
	char *where;

	snprintf(full, sizeof(full), "%s.%s", section, name);
	key = config_key_find(full);
	if (!key)
		return config_refuse_key(section, name, err);
	origin = &l->s->origins->of[config_key_place(key)];
	if (origin->source == CONFIG_FILE)
		return refuse_again(section, name, origin->where, err);
	if (key->type == CONFIG_KEY && *value)
		l->secret_line = line;
	where = place_of(l->path, line);
	return where ? set_key(l->s, key, value, CONFIG_FILE, where, err) : -ENOMEM;
}

static int file_line(void *data, const char *section, const char *name, const char *value,
		     unsigned line, struct error *err)
{
	struct load *l = data;

	if (!name)
		return config_section_known(section, strlen(section))
			       ? 0
			       : config_refuse_section(section, err);
	if (!*section) {
		error_set(err, ERROR_INVALID, "\"%s\" stands before any [section]", name);
		return -EINVAL;
	}
	if (strcmp(section, CONFIG_DEFAULTS) == 0)
		return file_default(l, name, value, line, err);
	return file_key(l, section, name, value, line, err);
}

static int load_file(struct load *l, const char *path, struct error *err)
{
	struct stat st;
	char *copy;
	int r;

	l->path = path;
	r = config_ini_read(path, file_line, l, &st, err);
	if (r == 0 && l->secret_line)
		r = secret_check_private(&st, path, err);
	if (r < 0)
		return r;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	free(l->s->file);
	l->s->file = copy;
	return 0;
}

/* A folder of the XDG specification: the variable if it is an absolute path, else one below the
 * home. */
static int xdg_path(const char *variable, const char *below_home, const char *name, char **out,
		    struct error *err)
{
	const char *folder = getenv(variable);
	struct buf path = BUF_INIT;

	if (buf_printf(&path, "%s/%s", folder && *folder == '/' ? folder : below_home, name) < 0)
		return -ENOMEM;
	if (*path.data == '~') {
		int r = config_expand_home(path.data, out, err);

		buf_release(&path);
		return r;
	}
	*out = path.data;
	return 0;
}

static int load_usual_files(struct load *l, struct error *err)
{
	struct error ignored;
	char *path;
	int r;

	/* Without a home there is no such file to miss. */
	r = xdg_path("XDG_CONFIG_HOME", "~/.config", "pimagefs/pimagefs.ini", &path, &ignored);
	if (r == 0) {
		r = load_file(l, path, err);
		free(path);
	} else if (r == -EINVAL) {
		r = -ENOENT;
	}
	if (r == -ENOENT)
		r = load_file(l, "/etc/pimagefs.ini", err);
	return r == -ENOENT ? 0 : r;
}

static int load_files(struct load *l, struct error *err)
{
	const char *path = l->from->file ? l->from->file : getenv(FILE_VARIABLE);

	return path && *path ? load_file(l, path, err) : load_usual_files(l, err);
}

static int load_builtins(struct settings *s, struct error *err)
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key_at(i)); i++) {
		/* What needs a home is worked out at the end: a home may be missing when the path
		 * is given. */
		const char *text = *key->builtin == '~' ? "/" : key->builtin;
		int r = config_value_set(key, s, text, err);

		if (r < 0)
			return r;
	}
	return 0;
}

bool config_is_override(const char *arg)
{
	size_t n = strcspn(arg, ".=");

	return arg[n] == '.' && config_section_known(arg, n);
}

static int refuse_visible(const char *name, struct error *err)
{
	error_set(err, ERROR_INVALID,
		  "-o %s: everyone can see a key on the command line; use " KEY_VARIABLE
		  ", api.key_file or the settings file (chmod 600)",
		  name);
	return -EINVAL;
}

static int set_option(struct settings *s, const char *section, const char *name, const char *value,
		      struct error *err)
{
	char full[160], where[200];
	const struct config_key *key;
	char *copy;
	int r;

	snprintf(full, sizeof(full), "%s.%s", section, name);
	snprintf(where, sizeof(where), "-o %s", full);
	key = config_key_find(full);
	if (strcmp(section, CONFIG_DEFAULTS) == 0 ? config_default_is_secret(name)
						  : key && key->type == CONFIG_KEY)
		return refuse_visible(full, err);
	copy = strdup(where);
	if (!copy)
		return -ENOMEM;
	if (strcmp(section, CONFIG_DEFAULTS) == 0)
		return set_default(s, name, value, copy);
	if (!key) {
		free(copy);
		return config_refuse_key(section, name, err);
	}
	r = set_key(s, key, value, CONFIG_OPTION, copy, err);
	if (r == -EINVAL)
		config_prefix(err, "-o ");
	return r;
}

/* Splits "section.key=value" into its parts, trimmed as an INI's line would be. */
static int apply_option(struct settings *s, const char *arg, struct error *err)
{
	const char *dot = strchr(arg, '.'), *equals = strchr(arg, '=');
	char section[50], name[50]; /* as long as the INI allows */
	size_t size;
	char *value;
	int r;

	if (!dot || !equals || dot > equals || dot - arg >= (ptrdiff_t)sizeof(section) ||
	    equals - dot > (ptrdiff_t)sizeof(name)) {
		error_set(err, ERROR_INVALID, "-o %.*s: a setting is written as section.key=value",
			  (int)strcspn(arg, "="), arg);
		return -EINVAL;
	}
	if (utf8_has_control(arg, strlen(arg))) {
		error_set(err, ERROR_INVALID, "-o %.*s: there is a control character in it",
			  (int)(equals - arg), arg);
		return -EINVAL;
	}
	snprintf(section, sizeof(section), "%.*s", (int)(dot - arg), arg);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - dot - 1), dot + 1);
	name[strcspn(name, " \t")] = '\0';
	if (!config_section_known(section, strlen(section)))
		return config_refuse_section(section, err);
	equals += 1 + strspn(equals + 1, " \t");
	for (size = strlen(equals); size && strchr(" \t", equals[size - 1]);)
		size--;
	value = strndup(equals, size);
	r = value ? set_option(s, section, name, value, err) : -ENOMEM;
	secret_free(value);
	return r;
}

static int apply_options(struct load *l, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < l->from->n_overrides && r == 0; i++)
		r = apply_option(l->s, l->from->overrides[i], err);
	return r;
}

static int finish_folder(struct load *l, const char *name, char **field, const char *variable,
			 const char *below_home, struct error *err)
{
	enum config_source source = origin_of(l->s, name)->source;
	struct buf demo = BUF_INIT;
	char *path;
	size_t size;
	int r;

	if (source == CONFIG_BUILTIN) {
		r = xdg_path(variable, below_home, "pimagefs", &path, err);
		if (r < 0)
			return r;
		free(*field);
		*field = path;
	}
	for (size = strlen(*field); size > 1 && (*field)[size - 1] == '/';)
		(*field)[--size] = '\0';
	if (!l->from->demo || source == CONFIG_OPTION)
		return 0;
	if (buf_printf(&demo, "%s-demo", *field) < 0)
		return -ENOMEM;
	free(*field);
	*field = demo.data;
	return 0;
}

static int check_together(const struct settings *s, struct error *err)
{
	if (s->poll.min_ms > s->poll.max_ms) {
		error_set(err, ERROR_INVALID,
			  "poll.min (%d milliseconds, %s) is longer than poll.max (%d "
			  "milliseconds, %s)",
			  s->poll.min_ms, config_origin(s, "poll.min"), s->poll.max_ms,
			  config_origin(s, "poll.max"));
		return -EINVAL;
	}
	if (strcmp(s->library.path, s->library.state) == 0) {
		error_set(err, ERROR_INVALID,
			  "library.path (%s) and library.state (%s) are one folder; they must "
			  "be two",
			  config_origin(s, "library.path"), config_origin(s, "library.state"));
		return -EINVAL;
	}
	return 0;
}

static int finish(struct load *l, struct error *err)
{
	struct settings *s = l->s;
	int r = finish_folder(l, "library.path", &s->library.path, "XDG_DATA_HOME",
			      "~/.local/share", err);

	if (r == 0)
		r = finish_folder(l, "library.state", &s->library.state, "XDG_STATE_HOME",
				  "~/.local/state", err);
	return r < 0 ? r : check_together(s, err);
}

static int load_all(struct load *l, char *environment_key, struct error *err)
{
	int r = load_builtins(l->s, err);

	if (r == 0)
		r = load_files(l, err);
	if (r == 0)
		r = apply_options(l, err);
	if (r == 0)
		r = finish(l, err);
	if (r == 0)
		r = config_fetch_key(l->s, environment_key, err);
	return r;
}

static struct settings *settings_new(bool demo)
{
	struct settings *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->demo = demo;
	s->key_origin = "none";
	s->file = strdup("");
	s->origins =
		calloc(1, sizeof(*s->origins) + config_key_count() * sizeof(s->origins->of[0]));
	if (!s->file || !s->origins) {
		settings_free(s);
		return NULL;
	}
	s->origins->n = config_key_count();
	return s;
}

int config_load(struct settings **out, const struct config_sources *from, struct error *err)
{
	struct load l = { .from = from };
	char *environment_key = NULL;
	int r = secret_take_environment(KEY_VARIABLE, &environment_key);

	if (r < 0)
		return r;
	l.s = settings_new(from->demo);
	r = l.s ? load_all(&l, environment_key, err) : -ENOMEM;
	secret_free(environment_key);
	if (r == -ENOMEM)
		error_set(err, ERROR_INVALID, "there is not enough memory");
	if (r < 0) {
		settings_free(l.s);
		return r;
	}
	*out = l.s;
	return 0;
}

void settings_free(struct settings *s)
{
	const struct config_key *key;

	if (!s)
		return;
	for (size_t i = 0; (key = config_key_at(i)); i++)
		config_value_clear(key, s);
	for (size_t i = 0; i < s->n_defaults; i++)
		release_default(&s->defaults[i]);
	free(s->defaults);
	for (size_t i = 0; s->origins && i < s->origins->n; i++)
		free(s->origins->of[i].where);
	free(s->origins);
	free(s->file);
	free(s);
}
