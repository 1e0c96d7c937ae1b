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
#define NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

struct load {
	struct settings *s;
	const struct config_sources *from;
	const char *path; /* the INI being read */
	bool file_is_secret;
};

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

/* where becomes the origin's or is freed. */
static int set_key(struct settings *s, const struct config_key *key, const char *value,
		   enum config_source source, char *where, struct error *err)
{
	struct config_origin *origin = &s->origins->of[config_key_place(key)];
	int r = config_value_set(key, s, value, err);

	if (r == -EINVAL && source == CONFIG_OPTION)
		error_prefix(err, "-o ");
	if (r < 0) {
		free(where);
		return r;
	}
	free(origin->where);
	origin->source = source;
	origin->where = where;
	return 0;
}

static bool is_secret(const struct load *l, const char *name)
{
	return l->from->is_secret && l->from->is_secret(name);
}

/* One setting of the INI file, at this line; or of the command line (0). */
static int take(struct load *l, const char *section, const char *name, const char *value,
		unsigned line, struct error *err)
{
	bool is_line = config_lines_has(section), secret;
	const struct config_default *old = is_line ? config_lines_find(l->s, section, name) : NULL;
	const struct config_origin *origin;
	const struct config_key *key;
	const char *before = old ? old->where : NULL;
	struct buf where = BUF_INIT;
	char full[128];

	snprintf(full, sizeof(full), "%s.%s", section, name);
	key = config_key_find(full);
	if (!is_line && !key)
		return config_refuse_key(section, name, err);
	if (key) {
		origin = &l->s->origins->of[config_key_place(key)];
		if (origin->source == CONFIG_FILE)
			before = origin->where;
	}
	secret = key ? key->type == CONFIG_KEY : is_secret(l, name);
	if (line && before)
		return error_invalid(err, "%s is given twice, first at %s", full, before);
	if (!line && secret)
		return error_invalid(err,
				     "-o %s: everyone can see a key on the command line; "
				     "use " KEY_VARIABLE
				     ", api.key_file or the settings file (chmod 600)",
				     full);
	l->file_is_secret |= secret && *value;
	if ((line ? buf_printf(&where, "%s:%u", l->path, line)
		  : buf_printf(&where, "-o %s", full)) < 0)
		return -ENOMEM;
	if (!key)
		return config_lines_set(l->s, section, name, value, where.data, secret, err);
	return set_key(l->s, key, value, line ? CONFIG_FILE : CONFIG_OPTION, where.data, err);
}

static int file_line(void *data, const char *section, const char *name, const char *value,
		     unsigned line, struct error *err)
{
	if (!name && !config_section_known(section, strlen(section)))
		return config_refuse_section(section, err);
	if (!name)
		return config_lines_check(section, err);
	if (!*section)
		return error_invalid(err, "\"%s\" stands before any [section]", name);
	return take(data, section, name, value, line, err);
}

static int load_file(struct load *l, const char *path, struct error *err)
{
	struct stat st;
	char *copy;
	int r;

	l->path = path;
	r = config_ini_read(path, file_line, l, &st, err);
	if (r == 0 && l->file_is_secret)
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

/* It is part of names of files, of units and of the demo's folders. */
static int check_name(const char *name, struct error *err)
{
	size_t size = strlen(name), good = strspn(name, NAME_LETTERS);

	if (!size || size > CONFIG_NAME_MAX || name[good] || *name == '.' || *name == '-')
		return error_invalid(err,
				     "--name %s: a name has 1 to %d letters, digits, '-', '_' and "
				     "'.', and begins with none of '-' and '.'",
				     name, CONFIG_NAME_MAX);
	if (strcmp(name, "demo") == 0 || (size > 5 && strcmp(name + size - 5, "-demo") == 0))
		return error_invalid(err, "--name %s: the folders of that name are a demo's", name);
	return 0;
}

static int load_named_file(struct load *l, struct error *err)
{
	char below[CONFIG_NAME_MAX + 32], *path;
	int r;

	snprintf(below, sizeof(below), "pimagefs/%s.ini", l->from->name);
	r = xdg_path("XDG_CONFIG_HOME", "~/.config", below, &path, err);
	if (r < 0)
		return r;
	r = load_file(l, path, err);
	if (r == -ENOENT && l->from->demo)
		r = 0;
	else if (r == -ENOENT)
		error_set(
			err, ERROR_INVALID,
			"there is no %s: a mount with a name has a settings file of its own; copy "
			"pimagefs.ini to it, and change there what is to differ",
			path);
	free(path);
	return r;
}

static int load_files(struct load *l, struct error *err)
{
	const char *path = l->from->file ? l->from->file : getenv(FILE_VARIABLE);

	if (l->from->name && !l->from->file)
		return load_named_file(l, err);
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

	if (strncmp(arg, CONFIG_LORA, strlen(CONFIG_LORA)) == 0)
		return true;
	return arg[n] == '.' && config_section_known(arg, n);
}

/* Splits "section.key=value" into its parts, trimmed as an INI's line would be. */
static int apply_option(struct load *l, const char *arg, struct error *err)
{
	const char *equals = strchr(arg, '='), *dot;
	char section[50], name[50]; /* as long as the INI allows */
	size_t size;
	char *value;
	int r;

	/* The last one: a LoRA's name may have some. */
	dot = equals ? memrchr(arg, '.', (size_t)(equals - arg)) : NULL;
	if (!dot || dot - arg >= (ptrdiff_t)sizeof(section) ||
	    equals - dot > (ptrdiff_t)sizeof(name))
		return error_invalid(err, "-o %.*s: a setting is written as section.key=value",
				     (int)strcspn(arg, "="), arg);
	if (utf8_has_control(arg, strlen(arg)))
		return error_invalid(err, "-o %.*s: there is a control character in it",
				     (int)(equals - arg), arg);
	snprintf(section, sizeof(section), "%.*s", (int)(dot - arg), arg);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - dot - 1), dot + 1);
	name[strcspn(name, " \t")] = '\0';
	if (!config_section_known(section, strlen(section)))
		return config_refuse_section(section, err);
	r = config_lines_check(section, err);
	if (r < 0)
		return r;
	equals += 1 + strspn(equals + 1, " \t");
	for (size = strlen(equals); size && strchr(" \t", equals[size - 1]);)
		size--;
	value = strndup(equals, size);
	r = value ? take(l, section, name, value, 0, err) : -ENOMEM;
	text_wipe(&value);
	return r;
}

static int apply_options(struct load *l, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < l->from->n_overrides && r == 0; i++)
		r = apply_option(l, l->from->overrides[i], err);
	return r;
}

static int finish_folder(struct load *l, const char *name, char **field, const char *variable,
			 const char *below_home, struct error *err)
{
	enum config_source source = origin_of(l->s, name)->source;
	const char *mount = l->from->name;
	char folder[CONFIG_NAME_MAX + 32], *path;
	struct buf demo = BUF_INIT;
	size_t size;
	int r;

	if (source == CONFIG_BUILTIN) {
		snprintf(folder, sizeof(folder), "pimagefs%s%s", mount ? "-" : "",
			 mount ? mount : "");
		r = xdg_path(variable, below_home, folder, &path, err);
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
	if (s->poll.min_ms > s->poll.max_ms)
		return error_invalid(err,
				     "poll.min (%d milliseconds, %s) is longer than poll.max (%d "
				     "milliseconds, %s)",
				     s->poll.min_ms, config_origin(s, "poll.min"), s->poll.max_ms,
				     config_origin(s, "poll.max"));
	if (strcmp(s->library.path, s->library.state) == 0)
		return error_invalid(
			err,
			"library.path (%s) and library.state (%s) are one folder; they must "
			"be two",
			config_origin(s, "library.path"), config_origin(s, "library.state"));
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

static int load_all(struct load *l, const char *environment_key, struct error *err)
{
	int r = l->from->name ? check_name(l->from->name, err) : 0;

	if (r == 0)
		r = load_builtins(l->s, err);
	if (r == 0)
		r = load_files(l, err);
	if (r == 0)
		r = apply_options(l, err);
	if (r == 0)
		r = finish(l, err);
	if (r == 0)
		r = config_fetch_key(l->s, l->from,
				     environment_key ? environment_key : l->from->environment_key,
				     err);
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
	if (config_lines_init(s) < 0 || !s->file || !s->origins) {
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
	text_wipe(&environment_key);
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
	config_lines_release(s);
	for (size_t i = 0; s->origins && i < s->origins->n; i++)
		free(s->origins->of[i].where);
	free(s->origins);
	free(s->file);
	free(s);
}
