/*
 * schema_value: is this value right for this field?
 *
 * Each kind of field has one function that says what is wrong, in a sentence that can be acted on:
 * it names the field and the value, and gives the value to write where there is a nearest one.
 * Types are JSON's own: a number in quotes is text, and the sentence shows it without the quotes.
 *
 * Refusals are -EINVAL, and -ENOMEM is told apart. Values are shown cut to a line; secrets are not
 * shown at all, nor an address with a user name in it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pimagefs/schema.h"
#include "pimagefs/suggest.h"
#include "pimagefs/utf8.h"
#include "schema_internal.h"

#define SHOWN 64

struct shown {
	char text[SHOWN + sizeof("...")];
	size_t size;
	bool cut;
};

static int show_piece(const char *piece, size_t size, void *data)
{
	struct shown *out = data;
	size_t taken;

	if (out->cut)
		return 0;
	taken = utf8_cut(piece, size, SHOWN - out->size);
	out->cut = taken < size;
	memcpy(out->text + out->size, piece, taken);
	out->size += taken;
	return 0;
}

/* The value as JSON, cut to SHOWN bytes. */
static int show(const json_t *value, struct shown *out)
{
	const char *rest;

	*out = (struct shown){ .size = 0 };
	if (json_dump_callback(value, show_piece, out,
			       JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15)) < 0)
		return -ENOMEM;
	rest = out->cut ? "..." : "";
	memcpy(out->text + out->size, rest, strlen(rest) + 1);
	return 0;
}

/* "use a whole number from 1 to 9": what a value of this field must be. */
static void describe(const struct field *f, char *out, size_t room)
{
	size_t used = 0;

	switch (f->kind) {
	case FIELD_CHOICE:
		used = (size_t)snprintf(out, room, "use one of");
		for (size_t i = 0; f->choices[i] && used < room; i++)
			used += (size_t)snprintf(out + used, room - used, "%s %s", i ? "," : "",
						 f->choices[i]);
		break;
	case FIELD_INTEGER:
		if (f->multiple)
			snprintf(out, room,
				 "use a multiple of %" PRId64 " from %" PRId64 " to %" PRId64,
				 f->multiple, f->min, f->max);
		else
			snprintf(out, room, "use a whole number from %" PRId64 " to %" PRId64,
				 f->min, f->max);
		break;
	case FIELD_NUMBER:
		snprintf(out, room, "use a number from %" PRId64 " to %" PRId64, f->min, f->max);
		break;
	case FIELD_BOOLEAN:
		snprintf(out, room, "use true or false");
		break;
	default:
		snprintf(out, room, "use text, in quotes");
	}
}

/* FIELD: VALUE fault; what is allowed. */
static int refuse(const struct field *f, const json_t *value, const char *fault, struct error *err)
{
	struct shown shown;
	char allowed[160];

	describe(f, allowed, sizeof(allowed));
	if (f->secret) {
		error_set(err, ERROR_INVALID, "%s: its value (not shown) %s; %s", f->name, fault,
			  allowed);
		return -EINVAL;
	}
	if (show(value, &shown) < 0)
		return -ENOMEM;
	error_set(err, ERROR_INVALID, "%s: %s %s; %s", f->name, shown.text, fault, allowed);
	return -EINVAL;
}

/* FIELD: VALUE fault; write INSTEAD. */
static int refuse_with(const struct field *f, const json_t *value, const char *fault,
		       const json_t *instead, struct error *err)
{
	struct shown given, right;

	if (show(value, &given) < 0 || show(instead, &right) < 0)
		return -ENOMEM;
	error_set(err, ERROR_INVALID, "%s: %s %s; write %s", f->name, given.text, fault,
		  right.text);
	return -EINVAL;
}

static json_t *boolean_of(const char *text)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(words[i], text) == 0)
			return json_boolean(i % 2);
	return NULL;
}

static bool read_integer(const char *text, json_int_t *out)
{
	char *end;

	if (text[strspn(text, "-0123456789")])
		return false;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return end != text && !*end && !errno;
}

static bool read_real(const char *text, double *out)
{
	char *end;

	if (text[strspn(text, "-0123456789.eE+")])
		return false;
	errno = 0;
	*out = strtod(text, &end);
	return end != text && !*end && !errno;
}

/* What a text says for this field: 0 and a new value, -EINVAL if nothing, -ENOMEM. */
static int value_of(const struct field *f, const char *text, json_t **out)
{
	json_int_t integer;
	double real;

	switch (f->kind) {
	case FIELD_BOOLEAN:
		*out = boolean_of(text);
		return *out ? 0 : -EINVAL;
	case FIELD_INTEGER:
		if (!read_integer(text, &integer))
			return -EINVAL;
		*out = json_integer(integer);
		break;
	case FIELD_NUMBER:
		if (!read_real(text, &real))
			return -EINVAL;
		*out = read_integer(text, &integer) ? json_integer(integer) : json_real(real);
		break;
	default:
		if (!utf8_valid(text, strlen(text)))
			return -EINVAL;
		*out = json_string(text);
	}
	return *out ? 0 : -ENOMEM;
}

/* Text where JSON has a type of its own: show it without the quotes, if it then means something. */
static int refuse_text(const struct field *f, const json_t *value, struct error *err)
{
	json_t *instead = NULL;
	int r = value_of(f, json_string_value(value), &instead);

	if (r == 0)
		r = refuse_with(f, value, "is text", instead, err);
	else if (r == -EINVAL)
		r = refuse(f, value, "is text", err);
	json_decref(instead);
	return r;
}

/* A number or a boolean where text is wanted. */
static int refuse_scalar(const struct field *f, const json_t *value, struct error *err)
{
	struct shown shown;

	if (f->secret)
		return refuse(f, value, "is not text", err);
	if (show(value, &shown) < 0)
		return -ENOMEM;
	error_set(err, ERROR_INVALID, "%s: %s is not text; write \"%s\"", f->name, shown.text,
		  shown.text);
	return -EINVAL;
}

static int refuse_type(const struct field *f, const json_t *value, struct error *err)
{
	bool text = f->kind == FIELD_PROMPT || f->kind == FIELD_TEXT || f->kind == FIELD_LORA;

	if (json_is_null(value))
		return refuse(f, value, "is no value: leave the field out", err);
	if (json_is_object(value))
		return refuse(f, value, "is an object", err);
	if (json_is_array(value))
		return refuse(f, value, "is an array", err);
	if (text)
		return refuse_scalar(f, value, err);
	if (json_is_string(value) && f->kind != FIELD_CHOICE)
		return refuse_text(f, value, err);
	return refuse(f, value, json_is_boolean(value) ? "is a boolean" : "is a number", err);
}

static int check_prompt(const struct field *f, const json_t *value, struct error *err)
{
	const char *text = json_string_value(value);

	if (!text)
		return refuse_type(f, value, err);
	if (!text[strspn(text, " \t\r\n")]) {
		error_set(err, ERROR_INVALID, "%s: is empty; say what the picture shall show",
			  f->name);
		return -EINVAL;
	}
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' && !strchr("\t\r\n", *text)) {
			error_set(err, ERROR_INVALID,
				  "%s: has a control character in it (U+%04X); only tabs and "
				  "line ends are allowed",
				  f->name, (unsigned char)*text);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_text(const struct field *f, const json_t *value, struct error *err)
{
	const char *text = json_string_value(value);

	if (!text)
		return refuse_type(f, value, err);
	for (const char *p = text; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f) {
			error_set(err, ERROR_INVALID,
				  "%s: may only have printable ASCII characters without spaces",
				  f->name);
			return -EINVAL;
		}
	}
	if (*text)
		return 0;
	error_set(err, ERROR_INVALID, "%s: is empty; leave the field out or give it a value",
		  f->name);
	return -EINVAL;
}

static int check_choice(const struct field *f, const json_t *value, struct error *err)
{
	const char *text = json_string_value(value), *nearest;
	char fault[64] = "is not allowed";
	size_t n = 0;
	int r;

	if (!text)
		return refuse_type(f, value, err);
	for (; f->choices[n]; n++)
		if (strcmp(f->choices[n], text) == 0)
			return 0;
	r = refuse(f, value, fault, err);
	nearest = suggest(text, f->choices, n);
	if (r == -EINVAL && nearest && err) {
		struct error plain = *err;

		error_set(err, ERROR_INVALID, "%s. Did you mean \"%s\"?", plain.message, nearest);
	}
	return r;
}

static int refuse_multiple(const struct field *f, json_int_t given, struct error *err)
{
	json_int_t below = given - given % f->multiple;

	error_set(err, ERROR_INVALID,
		  "%s: %" JSON_INTEGER_FORMAT " is not a multiple of %" PRId64
		  "; %" JSON_INTEGER_FORMAT " and %" JSON_INTEGER_FORMAT " are the nearest",
		  f->name, given, f->multiple, below, below + (json_int_t)f->multiple);
	return -EINVAL;
}

static int refuse_real(const struct field *f, const json_t *value, struct error *err)
{
	double real = json_real_value(value);
	json_t *instead;
	int r;

	if (real < -1e15 || real > 1e15 || real != (double)(json_int_t)real)
		return refuse(f, value, "is not a whole number", err);
	instead = json_integer((json_int_t)real);
	r = instead ? refuse_with(f, value, "is not written as a whole number", instead, err)
		    : -ENOMEM;
	json_decref(instead);
	return r;
}

static int check_integer(const struct field *f, const json_t *value, struct error *err)
{
	json_int_t given = json_integer_value(value);

	if (json_is_real(value))
		return refuse_real(f, value, err);
	if (!json_is_integer(value))
		return refuse_type(f, value, err);
	if (given < f->min || given > f->max)
		return refuse(f, value, "is out of range", err);
	if (f->multiple && given % f->multiple)
		return refuse_multiple(f, given, err);
	return 0;
}

static int check_number(const struct field *f, const json_t *value, struct error *err)
{
	double given = json_number_value(value);

	if (!json_is_number(value))
		return refuse_type(f, value, err);
	if (!(given >= (double)f->min && given <= (double)f->max))
		return refuse(f, value, "is out of range", err);
	return 0;
}

static int check_boolean(const struct field *f, const json_t *value, struct error *err)
{
	json_int_t number = json_integer_value(value);

	if (json_is_boolean(value))
		return 0;
	if (json_is_integer(value) && (number == 0 || number == 1))
		return refuse_with(f, value, "is a number", json_boolean(number), err);
	return refuse_type(f, value, err);
}

int schema_check_field(const struct schema *s, const char *field, const json_t *value,
		       struct error *err)
{
	static int (*const checks[])(const struct field *, const json_t *, struct error *) = {
		[FIELD_PROMPT] = check_prompt,    [FIELD_TEXT] = check_text,
		[FIELD_LORA] = schema_check_lora, [FIELD_CHOICE] = check_choice,
		[FIELD_INTEGER] = check_integer,  [FIELD_NUMBER] = check_number,
		[FIELD_BOOLEAN] = check_boolean,
	};
	const struct field *f = schema_field_find(s, field);

	if (!f)
		return schema_refuse_field(s, field, err);
	if (f->kind == FIELD_LORA && !json_is_string(value))
		return refuse_type(f, value, err);
	return checks[f->kind](f, value, err);
}

json_t *schema_value_of_text(const struct schema *s, const char *field, const char *text,
			     struct error *err)
{
	const struct field *f = schema_field_find(s, field);
	json_t *value = NULL;
	char allowed[160];
	int r;

	error_set(err, ERROR_NONE, "there is not enough memory");
	r = f ? value_of(f, text, &value) : schema_refuse_field(s, field, err);
	if (r == 0)
		r = schema_check_field(s, field, value, err);
	else if (f && r == -EINVAL && !f->secret) {
		describe(f, allowed, sizeof(allowed));
		error_set(err, ERROR_INVALID, "%s: \"%.64s\" is not allowed; %s", f->name, text,
			  allowed);
	}
	if (r == 0)
		return value;
	json_decref(value);
	return NULL;
}
