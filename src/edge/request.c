/*
 * request: from a file's text to a checked input for the model.
 *
 * The rules of a mount (model, [defaults], what to do about the seed) are built once. A text is
 * then read as a plain prompt or as JSON (request_text does that), the defaults fill in what it
 * does not say, and the schema has the last word. What comes out is the input object as it will be
 * sent.
 *
 * -EINVAL and -EILSEQ are the text's fault and come with a sentence; -ENOMEM is ours. The input may
 * hold a token, so requests and rules are overwritten when they are released, and request_masked is
 * what may be shown.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/suggest.h"
#include "request_internal.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(15))

static void prefix(struct error *err, const char *where)
{
	struct error old = *err;

	error_set(err, old.class, "%s: %s", where, old.message);
	error_hint(err, "%s", old.hint);
}

static int refuse_slug(const struct settings *settings, struct error *err)
{
	const char *slugs[16], *nearest;
	size_t n = 0;

	while (n < sizeof(slugs) / sizeof(slugs[0]) && (slugs[n] = schema_slug_at(n)))
		n++;
	nearest = suggest(settings->model.slug, slugs, n);
	error_set(err, ERROR_INVALID, "%s: model.slug: \"%.100s\" is not known; %s \"%s\"?",
		  config_origin(settings, "model.slug"), settings->model.slug,
		  nearest ? "did you mean" : "how about", nearest ? nearest : slugs[0]);
	return -EINVAL;
}

static int refuse_seed(const char *text, struct error *err)
{
	static const char *const words[] = { "random", "service" };
	const char *nearest = suggest(text, words, 2);

	error_set(err, ERROR_INVALID,
		  "seed: \"%.64s\" is not allowed; use random, service or a whole number "
		  "from 0%s%s%s",
		  text, nearest ? ". Did you mean \"" : "", nearest ? nearest : "",
		  nearest ? "\"?" : "");
	return -EINVAL;
}

static int add_value(struct request_rules *rules, const struct config_default *d, struct error *err)
{
	json_t *value = schema_value_of_text(rules->schema, d->key, d->value, err);

	if (!value)
		return err->class == ERROR_NONE ? -ENOMEM : -EINVAL;
	return json_object_set_new(rules->defaults, d->key, value) < 0 ? -ENOMEM : 0;
}

static int add_default(struct request_rules *rules, const struct config_default *d,
		       struct error *err)
{
	int r;

	if (strcmp(d->key, "prompt") == 0) {
		error_set(err, ERROR_INVALID,
			  "prompt: is not allowed in [defaults]: each request has its own");
		return -EINVAL;
	}
	if (strcmp(d->key, "seed") != 0)
		return add_value(rules, d, err);
	rules->random_seed = strcmp(d->value, "random") == 0;
	if (rules->random_seed || strcmp(d->value, "service") == 0)
		return 0;
	r = add_value(rules, d, err);
	return r == -EINVAL ? refuse_seed(d->value, err) : r;
}

static const char *where_of(const struct settings *settings, const char *field)
{
	for (size_t i = 0; field && i < settings->n_defaults; i++)
		if (strcmp(settings->defaults[i].key, field) == 0)
			return settings->defaults[i].where;
	return "[defaults]";
}

static int add_defaults(struct request_rules *rules, const struct settings *settings,
			struct error *err)
{
	const char *culprit = NULL;
	int r;

	for (size_t i = 0; i < settings->n_defaults; i++) {
		r = add_default(rules, &settings->defaults[i], err);
		if (r == -EINVAL)
			prefix(err, settings->defaults[i].where);
		if (r < 0)
			return r;
	}
	r = schema_check_together(rules->schema, rules->defaults, &culprit, err);
	if (r == -EINVAL)
		prefix(err, where_of(settings, culprit));
	return r;
}

int request_rules_new(struct request_rules **out, const struct settings *settings,
		      struct error *err)
{
	struct request_rules *rules = calloc(1, sizeof(*rules));
	struct error unseen;
	int r;

	if (!rules)
		return -ENOMEM;
	if (!err)
		err = &unseen;
	rules->random_seed = true;
	rules->defaults = json_object();
	rules->schema = schema_find(settings->model.slug);
	if (!rules->defaults)
		r = -ENOMEM;
	else if (!rules->schema)
		r = refuse_slug(settings, err);
	else
		r = add_defaults(rules, settings, err);
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
	request_drop(rules->defaults);
	free(rules);
}

const char *request_model(const struct request_rules *rules)
{
	return schema_slug(rules->schema);
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

bool request_may_hold_secret(const struct request_rules *rules, const char *text, size_t size)
{
	const char *field;

	if (has_escaped_ascii(text, size))
		return true;
	for (size_t i = 0; (field = schema_field(rules->schema, i)); i++)
		if (schema_is_secret(rules->schema, field) && size &&
		    memmem(text, size, field, strlen(field)))
			return true;
	return false;
}

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void request_release(struct request *r)
{
	wipe(&r->prompt);
	wipe(&r->input);
	*r = (struct request){ .has_seed = false };
}

/* input, complete, as a request. */
static int fill(const struct request_rules *rules, const json_t *input, struct request *out)
{
	const json_t *seed = json_object_get(input, "seed");
	struct request new = {
		.has_seed = seed,
		.wants_seed = !seed && rules->random_seed,
		.seed = json_integer_value(seed),
	};

	new.prompt = strdup(json_string_value(json_object_get(input, "prompt")));
	new.input = json_dumps(input, DUMP_FLAGS);
	if (!new.prompt || !new.input) {
		request_release(&new);
		return -ENOMEM;
	}
	*out = new;
	return 0;
}

int request_parse(const struct request_rules *rules, const char *name, const char *text,
		  size_t size, struct request *out, struct error *err)
{
	json_t *input = NULL;
	int r = request_read(rules, name, text, size, &input, err);

	if (r == 0)
		r = schema_merge(rules->schema, input, rules->defaults);
	if (r == 0)
		r = schema_check(rules->schema, input, err);
	if (r == 0)
		r = fill(rules, input, out);
	request_drop(input);
	return r;
}

int request_set_seed(struct request *r, int64_t seed)
{
	json_t *input = NULL;
	json_error_t fault;
	char *text = NULL;

	if (request_load(r->input, strlen(r->input), &input, &fault) == 0 &&
	    json_object_set_new(input, "seed", json_integer(seed)) == 0)
		text = json_dumps(input, DUMP_FLAGS);
	request_drop(input);
	if (!text)
		return -ENOMEM;
	wipe(&r->input);
	r->input = text;
	r->seed = seed;
	r->has_seed = true;
	r->wants_seed = false;
	r->picked_seed = true;
	return 0;
}

int request_digest(const struct request_rules *rules, const char *input, char hex[DIGEST_HEX])
{
	struct buf text = BUF_INIT;
	json_t *object = NULL;
	json_error_t fault;
	char *sorted = NULL;
	int r = request_load(input, strlen(input), &object, &fault);

	if (r == 0)
		r = (sorted = json_dumps(object, DUMP_FLAGS | JSON_SORT_KEYS)) ? 0 : -ENOMEM;
	if (r == 0)
		r = buf_printf(&text, "%s\n%s", request_model(rules), sorted);
	if (r == 0)
		r = digest_sha256(text.data, text.size, hex);
	request_drop(object);
	wipe(&sorted);
	buf_wipe(&text);
	return r;
}

json_t *request_masked(const struct request_rules *rules, const char *input)
{
	json_t *shown = NULL;
	json_error_t fault;
	const char *field;

	if (request_load(input, strlen(input), &shown, &fault) < 0)
		return NULL;
	for (size_t i = 0; (field = schema_field(rules->schema, i)); i++) {
		json_t *value = json_object_get(shown, field);

		if (!value || !schema_is_secret(rules->schema, field))
			continue;
		request_drop(json_incref(value));
		if (json_object_set_new(shown, field, json_string("***")) < 0) {
			json_decref(shown);
			return NULL;
		}
	}
	return shown;
}
