/*
 * schema: a model's input fields as data.
 *
 * A model is a table: per field its kind, what is allowed and whether it is a secret, and beside
 * them the rule by which its sizes hang together, if there is one (a field whose value `custom`
 * needs its members, which nothing else may have). The tables themselves are in models.c.
 *
 * An input is checked for what the service would refuse, and the refusal is -EINVAL with a sentence
 * that names the field, the value, what is allowed and what was probably meant. A secret's value is
 * in no sentence. -ENOMEM is told apart. Values belong to the caller.
 */
#include <errno.h>
#include <string.h>

#include "pimagefs/schema.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct field *schema_field(const struct schema *s, const char *name)
{
	for (const struct field *f = s->fields; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static bool is_custom(const struct size_rule *rule, const json_t *input)
{
	const char *value = json_string_value(json_object_get(input, rule->field));

	return value && strcmp(value, rule->value) == 0;
}

/* How many of the rule's members the input has; *missing is one that it has not, *given one that it
 * has. */
static size_t members_in(const struct size_rule *rule, const json_t *input, const char **missing,
			 const char **given)
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT(rule->members); i++) {
		bool there = json_object_get(input, rule->members[i]);

		*(there ? given : missing) = rule->members[i];
		n += there;
	}
	return n;
}

int schema_check_together(const struct schema *s, const json_t *input, const char **culprit,
			  struct error *err)
{
	const struct size_rule *rule = s->sizes;
	const char *missing = NULL, *given = NULL;
	const json_t *field = rule ? json_object_get(input, rule->field) : NULL;
	bool custom = rule && is_custom(rule, input);
	size_t n = rule ? members_in(rule, input, &missing, &given) : 0;

	if (field && !custom && n > 0) {
		error_set(err, ERROR_INVALID,
			  "%s: is only allowed with %s \"%s\", and %s is \"%s\"; leave out one of "
			  "the two",
			  given, rule->field, rule->value, rule->field, json_string_value(field));
	} else if (missing && n > 0) {
		error_set(err, ERROR_INVALID, "%s: is missing; %s needs it", missing, given);
	} else if (missing && custom) {
		given = rule->field;
		error_set(err, ERROR_INVALID, "%s: \"%s\" needs both %s and %s", rule->field,
			  rule->value, rule->members[0], rule->members[1]);
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

	if (!json_is_object(input))
		return error_invalid(err, "the input is not a JSON object");
	json_object_foreach ((json_t *)input, key, value) {
		int r = schema_check_field(s, key, value, err);

		if (r < 0)
			return r;
	}
	for (const struct field *f = s->fields; f->name; f++) {
		if (f->required && !json_object_get(input, f->name))
			return error_invalid(err, "%s: is missing, and the model needs it",
					     f->name);
	}
	return schema_check_together(s, input, NULL, err);
}

/* Whether a default for this field would say something about what the input has decided. */
static bool is_decided(const struct schema *s, const json_t *input, const json_t *defaults,
		       const char *field)
{
	const struct size_rule *rule = s->sizes;
	const char *missing, *given;

	if (json_object_get(input, field))
		return true;
	if (rule && strcmp(field, rule->field) == 0)
		return members_in(rule, input, &missing, &given) && !is_custom(rule, defaults);
	for (size_t i = 0; rule && i < COUNT(rule->members); i++)
		if (strcmp(field, rule->members[i]) == 0)
			return json_object_get(input, rule->field) && !is_custom(rule, input);
	return false;
}

int schema_merge(const struct schema *s, json_t *input, const json_t *defaults)
{
	const struct size_rule *rule = s->sizes;
	const char *missing, *given;
	bool decided[SCHEMA_MOST_FIELDS];

	/* All are decided before any is put in: a default must not decide about the next one. */
	for (size_t i = 0; s->fields[i].name; i++)
		decided[i] = is_decided(s, input, defaults, s->fields[i].name);
	for (size_t i = 0; s->fields[i].name; i++) {
		const char *field = s->fields[i].name;
		const json_t *value = json_object_get(defaults, field);

		if (value && !decided[i] &&
		    json_object_set_new(input, field, json_deep_copy(value)) < 0)
			return -ENOMEM;
	}
	if (!rule || json_object_get(input, rule->field) ||
	    members_in(rule, input, &missing, &given) < COUNT(rule->members))
		return 0;
	return json_object_set_new(input, rule->field, json_string(rule->value)) < 0 ? -ENOMEM : 0;
}
