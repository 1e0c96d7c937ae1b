/*
 * request: from a file's text to a checked input for a model.
 *
 * What applies to a mount (the setting's model, [defaults], what to do about the seed) is built
 * once. A text is then read as a plain prompt or as JSON (request_text.c), the defaults that its
 * model knows fill in what it does not say, and the schema has the last word. What comes out is the
 * input object, byte for byte as it is stored and sent.
 *
 * -EINVAL and -EILSEQ are the text's fault and come with a sentence; -ENOMEM is ours. The input may
 * hold a token, so requests and defaults are overwritten when they are released, and request_masked
 * is what may be shown.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/models.h"
#include "pimagefs/suggest.h"
#include "request_internal.h"

static int refuse_seed(const char *text, struct error *err)
{
	static const char *const words[] = { "random", "service" };
	const char *nearest = suggest(text, words, 2);

	return error_invalid(
		err,
		"seed: \"%.64s\" is not allowed; use random, service or a whole number "
		"from 0%s%s%s",
		text, nearest ? ". Did you mean \"" : "", nearest ? nearest : "",
		nearest ? "\"?" : "");
}

/* The model whose word counts for a default: ours, or where that has no such field, one that has.
 */
static const struct schema *judge_of(const struct schema *ours, const char *field)
{
	const struct schema *s = ours;

	for (size_t i = 0; s; s = models_at(i++))
		if (schema_field(s, field))
			return s;
	return ours;
}

static int add_default(const struct request_rules *rules, const struct schema *s,
		       const struct config_default *d, json_t *defaults, struct error *err)
{
	bool seed = strcmp(d->key, "seed") == 0;
	json_t *value;
	int r;

	if (seed && (strcmp(d->value, "random") == 0 || strcmp(d->value, "service") == 0))
		return 0;
	if (strcmp(d->key, "prompt") == 0)
		return error_invalid(
			err, "prompt: is not allowed in [defaults]: each request has its own");
	r = schema_value_of_text(s, d->key, d->value, &value, err);
	if (r == -EINVAL && s != judge_of(rules->schema, d->key))
		return 0;
	if (r == -EINVAL && seed && schema_field(s, d->key))
		return refuse_seed(d->value, err);
	return r < 0 || json_object_set_new(defaults, d->key, value) == 0 ? r : -ENOMEM;
}

int request_add_default(const struct request_rules *rules, const struct schema *s,
			const struct config_default *d, json_t *defaults, struct error *err)
{
	int r = add_default(rules, s, d, defaults, err);

	if (r == -EINVAL)
		error_prefix(err, "%s: ", d->where);
	return r;
}

static const char *where_of(const struct settings *settings, const char *field)
{
	for (size_t i = 0; field && i < settings->n_defaults; i++)
		if (strcmp(settings->defaults[i].key, field) == 0)
			return settings->defaults[i].where;
	return "[defaults]";
}

/* Sizes that do not go together in a model that is not the setting's: it takes none of them. */
static int check_sizes(const struct request_rules *rules, const struct schema *s, json_t *defaults,
		       const struct settings *settings, struct error *err)
{
	const char *culprit = NULL;

	if (schema_check_together(s, defaults, &culprit, err) == 0)
		return 0;
	if (s == rules->schema) {
		error_prefix(err, "%s: ", where_of(settings, culprit));
		return -EINVAL;
	}
	json_object_del(defaults, s->sizes->field);
	for (size_t i = 0; i < sizeof(s->sizes->members) / sizeof(s->sizes->members[0]); i++)
		json_object_del(defaults, s->sizes->members[i]);
	return 0;
}

static int add_defaults(struct request_rules *rules, const struct schema *s,
			const struct settings *settings, struct error *err)
{
	json_t *defaults = json_object(), *origins = json_object();

	/* Both are taken, whatever becomes of the first. */
	int lost = json_object_set_new(rules->defaults, s->slug, defaults);

	lost |= json_object_set_new(rules->origins, s->slug, origins);
	if (lost)
		return -ENOMEM;
	for (size_t i = 0; i < settings->n_defaults; i++) {
		const struct config_default *d = &settings->defaults[i];
		int r = request_add_default(rules, s, d, defaults, err);

		if (r == 0 && json_object_set_new(origins, d->key, json_string(d->where)) < 0)
			r = -ENOMEM;
		if (r < 0)
			return r;
		if (strcmp(d->key, "seed") == 0)
			rules->random_seed = strcmp(d->value, "random") == 0;
	}
	return check_sizes(rules, s, defaults, settings, err);
}

static int refuse_slug(const struct settings *settings, struct error *err)
{
	models_refuse("model.slug", settings->model.slug, err);
	error_prefix(err, "%s: ", config_origin(settings, "model.slug"));
	return -EINVAL;
}

int request_rules_new(struct request_rules **out, const struct settings *settings,
		      struct error *err)
{
	struct request_rules *rules = calloc(1, sizeof(*rules));
	const struct schema *s;
	struct error unseen;
	int r;

	if (!rules)
		return -ENOMEM;
	if (!err)
		err = &unseen;
	rules->random_seed = true;
	rules->options = settings->requests.options;
	rules->most = (uint64_t)settings->limits.expand;
	rules->longest = (size_t)settings->limits.max_request_bytes;
	rules->defaults = json_object();
	rules->origins = json_object();
	rules->schema = models_find(settings->model.slug);
	if (!rules->defaults || !rules->origins)
		r = -ENOMEM;
	else
		r = rules->schema ? 0 : refuse_slug(settings, err);
	for (size_t i = 0; r == 0 && (s = models_at(i)); i++)
		r = add_defaults(rules, s, settings, err);
	if (r == 0)
		r = loras_new(&rules->loras, settings, err);
	if (r < 0) {
		request_rules_free(rules);
		return r;
	}
	*out = rules;
	return 0;
}

void request_rules_free(struct request_rules *rules)
{
	if (!rules)
		return;
	json_text_drop(rules->defaults);
	json_decref(rules->origins);
	free(rules->prefix);
	free(rules->suffix);
	free(rules->prefix_origin);
	free(rules->suffix_origin);
	free(rules->model_origin);
	if (!rules->below)
		loras_free(rules->loras);
	free(rules);
}

/* JSON may write any letter of a name as \u00XX; who writes ASCII so has something to hide. */
static bool has_escaped_ascii(const char *text, size_t size)
{
	static const char escape[] = "\\u00";
	size_t length = strlen(escape);
	const char *end = text + size;

	while (size && (text = memmem(text, (size_t)(end - text), escape, length))) {
		text += length;
		if (text < end && *text >= '2' && *text <= '7')
			return true;
	}
	return false;
}

bool request_may_hold_secret(const char *text, size_t size)
{
	const struct schema *s;

	if (has_escaped_ascii(text, size))
		return true;
	for (size_t i = 0; size && (s = models_at(i)); i++)
		for (const struct field *f = s->fields; f->name; f++)
			if (f->secret && memmem(text, size, f->name, strlen(f->name)))
				return true;
	return false;
}

void request_release(struct request *r)
{
	free(r->model);
	text_wipe(&r->prompt);
	text_wipe(&r->input);
	text_wipe(&r->line);
	free(r->origins);
	*r = (struct request){ .has_seed = false };
}

/* input, complete, as a request. */
static int fill(const struct request_rules *rules, const struct request_read *read,
		struct request *out)
{
	const json_t *seed = json_object_get(read->input, "seed");
	struct request new = {
		.has_seed = seed,
		.wants_seed = !seed && (rules->random_seed || read->random_seed) &&
			      schema_field(read->schema, "seed"),
		.seed = json_integer_value(seed),
	};

	new.model = strdup(read->schema->slug);
	new.prompt = strdup(json_string_value(json_object_get(read->input, "prompt")));
	new.input = json_text_write(read->input);
	if (!new.model || !new.prompt || !new.input) {
		request_release(&new);
		return -ENOMEM;
	}
	*out = new;
	return 0;
}

/* What the text said of the seed beside a number, when the defaults are there too. */
static int settle_seed(const struct request_read *read, struct error *err)
{
	json_t *seed = json_object_get(read->input, "seed");
	json_int_t number = json_integer_value(seed);

	if (read->random_seed)
		json_object_del(read->input, "seed");
	else if (seed && number > INT64_MAX - read->seed_step)
		return error_invalid(err, "seed: each picture's is one more than the one before, "
					  "and the last would be too large");
	else if (seed && json_integer_set(seed, number + read->seed_step) < 0)
		return -ENOMEM;
	return 0;
}

/* Where each value may come from that the text does not say. */
static int possible_origins(const struct request_rules *rules, const struct request_read *read,
			    json_t *o)
{
	json_t *known = json_object_get(rules->origins, read->schema->slug), *where;
	const char *key;
	int r = 0;

	json_object_foreach (known, key, where)
		if (r == 0 && !json_object_get(read->input, key))
			r = json_object_set(o, key, where);
	if (r == 0 && rules->model_origin && !read->names_model)
		r = json_object_set_new(o, "model", json_string(rules->model_origin));
	if (r == 0 && read->plain && rules->prefix)
		r = json_object_set_new(o, "prefix", json_string(rules->prefix_origin));
	if (r == 0 && read->plain && rules->suffix)
		r = json_object_set_new(o, "suffix", json_string(rules->suffix_origin));
	return r < 0 ? -ENOMEM : 0;
}

/* Those of values that came so; *out stays NULL when there are none. */
static int write_origins(json_t *o, const struct request_read *read, char **out)
{
	const char *key;
	json_t *where;
	void *tmp;

	json_object_foreach_safe(o, tmp, key, where)
	{
		if (schema_field(read->schema, key) && !json_object_get(read->input, key))
			json_object_del(o, key);
	}
	if (json_object_size(o))
		*out = json_dumps(o, JSON_COMPACT);
	return json_object_size(o) && !*out ? -ENOMEM : 0;
}

int request_finish(const struct request_rules *rules, struct request_read *read,
		   struct request *out, struct error *err)
{
	const struct schema *s = read->schema;
	json_t *origins = json_object();
	char *text = NULL;
	int r = origins ? loras_resolve(rules->loras, read, err) : -ENOMEM;

	if (r == 0 && read->plain)
		r = folder_rules_frame(rules, read->input);
	if (r == 0)
		r = possible_origins(rules, read, origins);
	if (r == 0)
		r = schema_merge(s, read->input, json_object_get(rules->defaults, s->slug));
	if (r == 0)
		r = schema_check(s, read->input, err);
	if (r == 0)
		r = settle_seed(read, err);
	if (r == 0)
		r = write_origins(origins, read, &text);
	if (r == 0)
		r = fill(rules, read, out);
	if (r == 0)
		out->origins = text;
	else
		free(text);
	json_decref(origins);
	json_text_drop(read->input);
	return r;
}

int request_set_seed(struct request *r, int64_t seed)
{
	/* The last brace; or what was picked before, which stands at the end. */
	const char *end = strrchr(r->input, r->picked_seed ? ',' : '}');
	struct buf text = BUF_INIT;

	if (buf_append(&text, r->input, (size_t)(end - r->input)) < 0 ||
	    buf_printf(&text, ",\"seed\":%" PRId64 "}", seed) < 0) {
		buf_wipe(&text);
		return -ENOMEM;
	}
	text_wipe(&r->input);
	r->input = text.data;
	r->seed = seed;
	r->has_seed = true;
	r->wants_seed = false;
	r->picked_seed = true;
	return 0;
}

int request_reseed(const char *model, const char *input, int64_t seed, char **out)
{
	const struct schema *s = models_find(model);
	json_t *object = NULL;
	json_error_t fault;
	int r;

	if (!s || !schema_field(s, "seed"))
		return 0;
	r = json_text_read(input, strlen(input), JSON_REJECT_DUPLICATES, &object, &fault);
	if (r == 0 && json_object_set_new(object, "seed", json_integer(seed)) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = (*out = json_text_write(object)) ? 1 : -ENOMEM;
	json_text_drop(object);
	return r;
}

int request_digest(const char *model, const char *input, char hex[DIGEST_HEX])
{
	struct buf text = BUF_INIT;
	json_t *object = NULL;
	json_error_t fault;
	char *sorted = NULL;
	int r = json_text_read(input, strlen(input), JSON_REJECT_DUPLICATES, &object, &fault);

	if (r == 0)
		r = (sorted = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS)) ? 0 : -ENOMEM;
	if (r == 0)
		r = buf_printf(&text, "%s\n%s", model, sorted);
	if (r == 0)
		r = digest_sha256(text.data, text.size, hex);
	json_text_drop(object);
	text_wipe(&sorted);
	buf_wipe(&text);
	return r;
}

json_t *request_masked(const char *input)
{
	json_t *shown = NULL, *value;
	json_error_t fault;
	const char *key;
	void *tmp;

	if (json_text_read(input, strlen(input), JSON_REJECT_DUPLICATES, &shown, &fault) < 0)
		return NULL;
	json_object_foreach_safe(shown, tmp, key, value)
	{
		if (!models_secret(key))
			continue;
		json_text_drop(json_incref(value));
		if (json_object_set_new(shown, key, json_string(SCHEMA_MASK)) < 0) {
			json_decref(shown);
			return NULL;
		}
	}
	return shown;
}

bool request_is_masked(const char *input)
{
	json_t *all = NULL, *value;
	bool masked = false;
	json_error_t fault;
	const char *key;

	if (!strstr(input, "\"" SCHEMA_MASK "\"") ||
	    json_text_read(input, strlen(input), JSON_REJECT_DUPLICATES, &all, &fault) < 0)
		return false;
	json_object_foreach (all, key, value) {
		const char *text = json_string_value(value);

		masked = masked || (models_secret(key) && text && strcmp(text, SCHEMA_MASK) == 0);
	}
	json_text_drop(all);
	return masked;
}
