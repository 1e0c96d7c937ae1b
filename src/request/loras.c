/*
 * loras: LoRA weights by a name of the settings.
 *
 * A [lora.NAME] gives an address and perhaps a scale a short name. It is checked as a model's own
 * fields are when the rules are made; a request then names it, and its input has what it stands
 * for. What is no name, but looks like an address, is one.
 *
 * -EINVAL comes with a sentence: at first with the line of the settings, later with the nearest
 * name. loras_free takes NULL.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/models.h"
#include "pimagefs/suggest.h"
#include "pimagefs/utf8.h"
#include "request_internal.h"

#define WEIGHTS "lora_weights"
#define SCALE "lora_scale"
#define LONGEST_SHOWN 60

struct loras {
	size_t n;
	const char **names; /* of `of`, for suggest */
	struct lora {
		char *name;
		json_t *weights, *scale; /* scale may be NULL */
	} of[];
};

/* The first model that takes LoRAs. */
static const struct schema *judge(void)
{
	const struct schema *s;

	for (size_t i = 0; (s = models_at(i)); i++)
		if (schema_field(s, WEIGHTS))
			return s;
	return NULL;
}

static int read_line(const struct config_default *line, const char *field, json_t **out,
		     struct error *err)
{
	int r = 0;

	if (line->value)
		r = schema_value_of_text(judge(), field, line->value, out, err);
	if (r == -EINVAL)
		error_prefix(err, "%s: ", line->where);
	return r;
}

static int read_lora(const struct config_lora *from, struct lora *out, struct error *err)
{
	int r = read_line(&from->weights, WEIGHTS, &out->weights, err);

	if (r == 0)
		r = read_line(&from->scale, SCALE, &out->scale, err);
	if (r == 0 && !out->weights)
		r = error_invalid(err, "%s: [lora.%s] has no weights", from->scale.where,
				  from->name);
	if (r == 0 && !(out->name = strdup(from->name)))
		r = -ENOMEM;
	return r;
}

int loras_new(struct loras **out, const struct settings *settings, struct error *err)
{
	struct loras *l = calloc(1, sizeof(*l) + settings->n_loras * sizeof(l->of[0]));
	int r = l ? 0 : -ENOMEM;

	if (l && settings->n_loras)
		l->names = calloc(settings->n_loras, sizeof(*l->names));
	if (l && settings->n_loras && !l->names)
		r = -ENOMEM;
	for (; r == 0 && l->n < settings->n_loras; l->n++) {
		r = read_lora(&settings->loras[l->n], &l->of[l->n], err);
		l->names[l->n] = l->of[l->n].name;
	}
	if (r < 0)
		loras_free(l);
	else
		*out = l;
	return r;
}

void loras_free(struct loras *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++) {
		free(l->of[i].name);
		json_decref(l->of[i].weights);
		json_decref(l->of[i].scale);
	}
	free(l->names);
	free(l);
}

static int refuse_name(const struct loras *l, const char *name, struct error *err)
{
	int shown = (int)utf8_cut(name, strlen(name), LONGEST_SHOWN);
	const char *nearest = suggest(name, l->names, l->n);

	if (nearest)
		return error_invalid(err,
				     "lora: there is no [lora.%.*s] in the settings; did you mean "
				     "\"%s\"?",
				     shown, name, nearest);
	return error_invalid(err,
			     "lora: there is no [lora.%.*s] in the settings; name one that is, or "
			     "give an address: huggingface.co/OWNER/REPO",
			     shown, name);
}

/* A copy: an input's texts are overwritten when it goes. */
static int put(json_t *input, const char *field, const json_t *value)
{
	return !value || json_object_set_new(input, field, json_deep_copy(value)) == 0 ? 0
										       : -ENOMEM;
}

int loras_put(const struct loras *l, const char *name, const struct request_read *read,
	      struct error *err)
{
	json_t *address = NULL;
	int r;

	if (!schema_field(read->schema, WEIGHTS))
		return error_invalid(err, "lora: the model %s takes none", read->schema->slug);
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->of[i].name, name) != 0)
			continue;
		r = put(read->input, WEIGHTS, l->of[i].weights);
		/* A scale of the request's own counts more. */
		if (r == 0 && !json_object_get(read->input, SCALE))
			r = put(read->input, SCALE, l->of[i].scale);
		return r;
	}
	if (!strchr(name, '/'))
		return refuse_name(l, name, err);
	r = schema_value_of_text(read->schema, WEIGHTS, name, &address, err);
	if (r == 0)
		r = put(read->input, WEIGHTS, address);
	json_decref(address);
	return r;
}

int loras_resolve(const struct loras *l, const struct request_read *read, struct error *err)
{
	json_t *name = json_object_get(read->input, "lora");
	int r;

	if (!name)
		return 0;
	if (!json_is_string(name))
		return error_invalid(err, "lora: is not text; write the name of a [lora.NAME] of "
					  "the settings");
	if (json_object_get(read->input, WEIGHTS))
		return error_invalid(err, "lora: says the same as " WEIGHTS "; leave out one of "
					  "the two");
	r = loras_put(l, json_string_value(name), read, err);
	if (r == 0)
		json_object_del(read->input, "lora");
	return r;
}
