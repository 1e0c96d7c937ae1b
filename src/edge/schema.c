/*
 * schema: a model's input fields as data.
 *
 * A model is a table: per field its kind, what is allowed and whether it is a secret, and beside
 * them the one rule by which fields hang together (a field whose value `custom` needs its members,
 * which nothing else may have). Another text-to-image model of the service is a table more.
 *
 * A value is checked for what the service would refuse, and the refusal is -EINVAL with a sentence
 * that names the field, the value, what is allowed and what was probably meant. A secret's value is
 * in no sentence. -ENOMEM is told apart. The tables are constant; values belong to the caller.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "pimagefs/schema.h"
#include "pimagefs/suggest.h"
#include "schema_internal.h"

static const char *const aspect_ratios[] = { "1:1", "16:9", "9:16",   "4:3", "3:4",
					     "3:2", "2:3",  "custom", NULL };

static const struct field p_image_lora_fields[] = {
	{ .name = "prompt", .kind = FIELD_PROMPT, .required = true },
	{ .name = "lora_weights", .kind = FIELD_LORA },
	{ .name = "lora_scale", .kind = FIELD_NUMBER, .min = -1, .max = 3 },
	{ .name = "hf_api_token", .kind = FIELD_TEXT, .secret = true },
	{ .name = "aspect_ratio", .kind = FIELD_CHOICE, .choices = aspect_ratios },
	{ .name = "width", .kind = FIELD_INTEGER, .min = 256, .max = 1440, .multiple = 16 },
	{ .name = "height", .kind = FIELD_INTEGER, .min = 256, .max = 1440, .multiple = 16 },
	{ .name = "seed", .kind = FIELD_INTEGER, .min = 0, .max = INT64_MAX },
	{ .name = "prompt_upsampling", .kind = FIELD_BOOLEAN },
	{ .name = "disable_safety_checker", .kind = FIELD_BOOLEAN },
	{ .name = NULL },
};

static const struct schema schemas[] = {
	{ .slug = "p-image-lora-text-to-image",
	  .fields = p_image_lora_fields,
	  .rule = { "aspect_ratio", "custom", { "width", "height" } } },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct schema *schema_find(const char *slug)
{
	for (size_t i = 0; i < COUNT(schemas); i++)
		if (strcmp(schemas[i].slug, slug) == 0)
			return &schemas[i];
	return NULL;
}

const char *schema_slug(const struct schema *s)
{
	return s->slug;
}

const char *schema_slug_at(size_t i)
{
	return i < COUNT(schemas) ? schemas[i].slug : NULL;
}

static size_t field_count(const struct schema *s)
{
	size_t n = 0;

	while (s->fields[n].name)
		n++;
	return n;
}

const char *schema_field(const struct schema *s, size_t i)
{
	return i < field_count(s) ? s->fields[i].name : NULL;
}

const struct field *schema_field_find(const struct schema *s, const char *name)
{
	for (const struct field *f = s->fields; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

bool schema_is_secret(const struct schema *s, const char *field)
{
	const struct field *f = schema_field_find(s, field);

	return f && f->secret;
}

int schema_refuse_field(const struct schema *s, const char *name, struct error *err)
{
	const char *names[MOST_FIELDS] = { NULL }, *nearest;
	char all[400] = "";
	size_t n = field_count(s), used = 0;

	for (size_t i = 0; i < n; i++)
		names[i] = s->fields[i].name;
	nearest = suggest(name, names, n);
	for (size_t i = 0; i < n && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
					 names[i]);
	if (nearest)
		error_set(err, ERROR_INVALID, "%.80s: there is no such field; did you mean \"%s\"?",
			  name, nearest);
	else
		error_set(err, ERROR_INVALID, "%.80s: there is no such field; the fields are %s",
			  name, all);
	return -EINVAL;
}

static bool rule_is_custom(const struct schema *s, const json_t *input)
{
	const char *value = json_string_value(json_object_get(input, s->rule.field));

	return value && strcmp(value, s->rule.value) == 0;
}

/* How many of the rule's members the input has; *missing is one that it has not, *given one that it
 * has. */
static size_t rule_members(const struct schema *s, const json_t *input, const char **missing,
			   const char **given)
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT(s->rule.members); i++) {
		bool there = json_object_get(input, s->rule.members[i]);

		*(there ? given : missing) = s->rule.members[i];
		n += there;
	}
	return n;
}

int schema_check_together(const struct schema *s, const json_t *input, const char **culprit,
			  struct error *err)
{
	const char *missing = NULL, *given = NULL;
	const json_t *field = json_object_get(input, s->rule.field);
	bool custom = rule_is_custom(s, input);
	size_t n = rule_members(s, input, &missing, &given);

	if (field && !custom && n > 0) {
		error_set(err, ERROR_INVALID,
			  "%s: is only allowed with %s \"%s\", and %s is \"%s\"; leave out one of "
			  "the two",
			  given, s->rule.field, s->rule.value, s->rule.field,
			  json_string_value(field));
	} else if (missing && n > 0) {
		error_set(err, ERROR_INVALID, "%s: is missing; %s needs it", missing, given);
	} else if (missing && custom) {
		given = s->rule.field;
		error_set(err, ERROR_INVALID, "%s: \"%s\" needs both %s and %s", s->rule.field,
			  s->rule.value, s->rule.members[0], s->rule.members[1]);
	} else {
		return 0;
	}
	if (culprit)
		*culprit = given;
	return -EINVAL;
}

int schema_check(const struct schema *s, const json_t *input, struct error *err)
{
	const char *key;
	json_t *value;

	if (!json_is_object(input)) {
		error_set(err, ERROR_INVALID, "the input is not a JSON object");
		return -EINVAL;
	}
	json_object_foreach ((json_t *)input, key, value) {
		int r = schema_check_field(s, key, value, err);

		if (r < 0)
			return r;
	}
	for (const struct field *f = s->fields; f->name; f++) {
		if (f->required && !json_object_get(input, f->name)) {
			error_set(err, ERROR_INVALID, "%s: is missing, and the model needs it",
				  f->name);
			return -EINVAL;
		}
	}
	return schema_check_together(s, input, NULL, err);
}

/* Whether a default for this field would say something about what the input has decided. */
static bool is_decided(const struct schema *s, const json_t *input, const json_t *defaults,
		       const char *field)
{
	const char *missing, *given;

	if (json_object_get(input, field))
		return true;
	if (strcmp(field, s->rule.field) == 0)
		return rule_members(s, input, &missing, &given) && !rule_is_custom(s, defaults);
	for (size_t i = 0; i < COUNT(s->rule.members); i++)
		if (strcmp(field, s->rule.members[i]) == 0)
			return json_object_get(input, s->rule.field) && !rule_is_custom(s, input);
	return false;
}

static int merge_field(json_t *input, const char *field, const json_t *value)
{
	json_t *copy = json_deep_copy(value);

	return copy && json_object_set_new(input, field, copy) == 0 ? 0 : -ENOMEM;
}

int schema_merge(const struct schema *s, json_t *input, const json_t *defaults)
{
	const char *missing, *given;
	bool decided[MOST_FIELDS];

	/* First all questions, then the answers: a default must not decide about the next one. */
	for (size_t i = 0; s->fields[i].name; i++)
		decided[i] = is_decided(s, input, defaults, s->fields[i].name);
	for (size_t i = 0; s->fields[i].name; i++) {
		const json_t *value = json_object_get(defaults, s->fields[i].name);

		if (value && !decided[i] && merge_field(input, s->fields[i].name, value) < 0)
			return -ENOMEM;
	}
	if (json_object_get(input, s->rule.field) ||
	    rule_members(s, input, &missing, &given) < COUNT(s->rule.members))
		return 0;
	return json_object_set_new(input, s->rule.field, json_string(s->rule.value)) < 0 ? -ENOMEM
											 : 0;
}
