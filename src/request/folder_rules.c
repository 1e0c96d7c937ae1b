/*
 * folder_rules: the rules of one folder of requests/, by its .pimagefs.ini.
 *
 * Happy path: the lines are read like those of the settings, and what they say takes the place of
 * what counts in the folder above. A prefix and a suffix stand around each plain prompt there; JSON
 * says itself what it wants.
 *
 * Failures: -EINVAL with the file and the line; a key that there is not with the nearest one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/models.h"
#include "pimagefs/suggest.h"
#include "pimagefs/utf8.h"
#include "request_internal.h"

#define MOST_LINES 64
#define WEIGHTS "lora_weights"
#define SECTION "defaults" /* may stand above the keys, as in the settings */

struct folder {
	struct request_rules *rules;
	const struct request_rules *above;
	const char *path;
	struct config_default lines[MOST_LINES]; /* of fields of the input */
	size_t n;
	char *lora, *lora_where;
	bool gives_prefix, gives_suffix, gives_lora, gives_model;
};

static int refuse_key(const char *key, struct error *err)
{
	const char *names[SCHEMA_MOST_FIELDS * 4] = { "model", "lora", "prefix", "suffix" };
	size_t n = 4;
	const struct schema *s;
	const char *nearest;

	for (size_t i = 0; (s = models_at(i)); i++)
		for (const struct field *f = s->fields; f->name; f++)
			if (n < sizeof(names) / sizeof(*names) && strcmp(f->name, "prompt") != 0)
				names[n++] = f->name;
	nearest = suggest(key, names, n);
	return error_invalid(err, "%s: there is no such key%s%s%s", key,
			     nearest ? "; did you mean " : "", nearest ? nearest : "",
			     nearest ? "?" : "");
}

static bool is_field(const char *key)
{
	const struct schema *s;

	for (size_t i = 0; (s = models_at(i)); i++)
		if (schema_field(s, key))
			return true;
	return false;
}

/* A copy of where a value stands, and, if value, of itself. */
static int keep(const struct folder *f, char **value, char **where, const char *text, unsigned line)
{
	struct buf at = BUF_INIT;

	if (buf_printf(&at, "%s:%u", f->path, line) < 0)
		return -ENOMEM;
	free(*where);
	*where = at.data;
	if (!value)
		return 0;
	free(*value);
	*value = strdup(text);
	return *value ? 0 : -ENOMEM;
}

/* The same of a key that is no field: once. */
static int keep_once(const struct folder *f, bool *given, char **value, char **where,
		     const char *text, const char *key, unsigned line, struct error *err)
{
	if (*given)
		return error_invalid(err, "%s: is given twice", key);
	*given = true;
	return keep(f, value, where, text, line);
}

static int keep_field(struct folder *f, const char *key, const char *value, unsigned line,
		      struct error *err)
{
	struct config_default *d = &f->lines[f->n];

	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->lines[i].key, key) == 0)
			return error_invalid(err, "%s: is given twice", key);
	if (f->n == MOST_LINES)
		return error_invalid(err, "there are over %d lines", MOST_LINES);
	f->n++;
	d->key = strdup(key);
	return d->key ? keep(f, &d->value, &d->where, value, line) : -ENOMEM;
}

static int read_line(void *data, const char *section, const char *key, const char *value,
		     unsigned line, struct error *err)
{
	struct folder *f = data;
	struct request_rules *r = f->rules;

	if (*section && strcmp(section, SECTION) != 0)
		return error_invalid(err, "[%s]: there are no sections here; leave the line out",
				     section);
	if (!key)
		return 0;
	if (strcmp(key, "prefix") == 0)
		return keep_once(f, &f->gives_prefix, &r->prefix, &r->prefix_origin, value, key,
				 line, err);
	if (strcmp(key, "suffix") == 0)
		return keep_once(f, &f->gives_suffix, &r->suffix, &r->suffix_origin, value, key,
				 line, err);
	if (strcmp(key, "lora") == 0)
		return keep_once(f, &f->gives_lora, &f->lora, &f->lora_where, value, key, line,
				 err);
	if (strcmp(key, "model") == 0) {
		r->schema = models_find(value);
		return r->schema ? keep_once(f, &f->gives_model, NULL, &r->model_origin, value, key,
					     line, err)
				 : models_refuse("model", value, err);
	}
	return is_field(key) ? keep_field(f, key, value, line, err) : refuse_key(key, err);
}

/* By name, or an address; a scale of the folder's own counts more than the settings'. */
static int add_lora(const struct folder *f, const struct schema *s, json_t *own, json_t *origins,
		    struct error *err)
{
	struct request_read read = { .schema = s, .input = own };
	bool scaled = json_object_get(own, "lora_scale");
	int r;

	if (!f->lora || !schema_field(s, WEIGHTS))
		return 0;
	if (json_object_get(own, WEIGHTS))
		r = error_invalid(err, "lora: says the same as " WEIGHTS "; leave out one of the "
				       "two");
	else
		r = loras_put(f->rules->loras, f->lora, &read, err);
	if (r == -EINVAL)
		error_prefix(err, "%s: ", f->lora_where);
	if (r == 0)
		r = json_object_set_new(origins, WEIGHTS, json_string(f->lora_where));
	if (r == 0 && !scaled && json_object_get(own, "lora_scale"))
		r = json_object_set_new(origins, "lora_scale", json_string(f->lora_where));
	return r == -1 ? -ENOMEM : r;
}

/* What lines imply (sizes a custom aspect ratio) comes from this file too. */
static int note_implied(const struct folder *f, const struct schema *s, json_t *own,
			json_t *origins)
{
	const json_t *before = json_object_get(f->above->defaults, s->slug);
	const json_t *known = json_object_get(f->above->origins, s->slug);
	const char *key;
	json_t *value;
	int r = 0;

	json_object_foreach (own, key, value)
		if (r == 0 && json_object_get(origins, key) == json_object_get(known, key) &&
		    !json_equal(value, json_object_get(before, key)))
			r = json_object_set_new(origins, key, json_string(f->path));
	return r;
}

/* What one model's requests need not say here. */
static int add_model(struct folder *f, const struct schema *s, struct error *err)
{
	struct request_rules *rules = f->rules;
	json_t *own = json_object();
	json_t *origins = json_object();
	const char *culprit = NULL;
	int r;

	if (json_object_set_new(rules->defaults, s->slug, own) < 0)
		own = NULL;
	if (json_object_set_new(rules->origins, s->slug, origins) < 0)
		origins = NULL;
	if (!own || !origins)
		return -ENOMEM;
	r = json_object_update(origins, json_object_get(f->above->origins, s->slug));
	for (size_t i = 0; r == 0 && i < f->n; i++) {
		r = request_add_default(rules, s, &f->lines[i], own, err);
		if (r == 0 && json_object_set_new(origins, f->lines[i].key,
						  json_string(f->lines[i].where)) < 0)
			r = -ENOMEM;
	}
	if (r == 0)
		r = add_lora(f, s, own, origins, err);
	if (r == 0)
		r = schema_merge(s, own, json_object_get(f->above->defaults, s->slug));
	if (r == 0)
		r = note_implied(f, s, own, origins);
	if (r == 0 && rules->random_seed)
		json_object_del(own, "seed");
	if (r < 0 || s != rules->schema)
		return r == -1 ? -ENOMEM : r;
	r = schema_check_together(s, own, &culprit, err);
	if (r == -EINVAL)
		error_prefix(err, "%s: ", f->path);
	return r == -1 ? -ENOMEM : r;
}

/* seed = random in place of a number from above, or the reverse. */
static void settle_random(struct folder *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->lines[i].key, "seed") == 0)
			f->rules->random_seed = strcmp(f->lines[i].value, "random") == 0;
}

static int copy_text(char **out, const char *text)
{
	*out = text ? strdup(text) : NULL;
	return text && !*out ? -ENOMEM : 0;
}

static struct request_rules *inherit(const struct request_rules *above)
{
	struct request_rules *r = malloc(sizeof(*r));

	if (!r)
		return NULL;
	*r = *above;
	r->below = true;
	r->defaults = json_object();
	r->origins = json_object();
	r->prefix = r->suffix = r->prefix_origin = r->suffix_origin = r->model_origin = NULL;
	if (!r->defaults || !r->origins || copy_text(&r->prefix, above->prefix) < 0 ||
	    copy_text(&r->suffix, above->suffix) < 0 ||
	    copy_text(&r->prefix_origin, above->prefix_origin) < 0 ||
	    copy_text(&r->suffix_origin, above->suffix_origin) < 0 ||
	    copy_text(&r->model_origin, above->model_origin) < 0) {
		request_rules_free(r);
		return NULL;
	}
	return r;
}

static void release(struct folder *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->lines[i].key);
		text_wipe(&f->lines[i].value); /* it may be a token */
		free(f->lines[i].where);
	}
	free(f->lora);
	free(f->lora_where);
}

/* It becomes part of prompts. */
static int check_text(const char *path, const char *text, size_t size, struct error *err)
{
	size_t valid = utf8_valid_prefix(text, size);
	unsigned line = 1;

	if (valid == size)
		return 0;
	for (size_t i = 0; i < valid; i++)
		line += text[i] == '\n';
	return error_invalid(err, "%s:%u: there is a byte that is no UTF-8 text", path, line);
}

int request_rules_below(struct request_rules **out, const struct request_rules *above,
			const char *path, const char *text, size_t size, struct error *err)
{
	struct folder f = { .rules = inherit(above), .above = above, .path = path };
	const struct schema *s;
	int r = f.rules ? check_text(path, text, size, err) : -ENOMEM;

	if (r == 0)
		r = config_read_text(path, text, size, read_line, &f, err);
	if (r == 0)
		settle_random(&f);
	for (size_t i = 0; r == 0 && (s = models_at(i)); i++)
		r = add_model(&f, s, err);
	release(&f);
	if (r < 0)
		request_rules_free(f.rules);
	else
		*out = f.rules;
	return r;
}

int folder_rules_frame(const struct request_rules *rules, json_t *input)
{
	const char *prompt = json_string_value(json_object_get(input, "prompt"));
	struct buf text = BUF_INIT;
	int r = 0;

	if (!rules->prefix && !rules->suffix)
		return 0;
	if (rules->prefix && *rules->prefix)
		r = buf_printf(&text, "%s ", rules->prefix);
	if (r == 0)
		r = buf_puts(&text, prompt);
	/* INI takes the space away that a suffix may begin with; ", in oil" needs none. */
	if (r == 0 && rules->suffix && *rules->suffix)
		r = buf_printf(&text, "%s%s", strchr(",.;:!?)", *rules->suffix) ? "" : " ",
			       rules->suffix);
	if (r == 0)
		r = json_object_set_new(input, "prompt", json_string(text.data)) < 0 ? -ENOMEM : 0;
	buf_wipe(&text);
	return r;
}
