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
#include "pimagefs/value.h"

#define SHOWN 64
#define HOST "huggingface.co/"

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

/* "use a whole number from 1 to 9": what a value of this field must be; given may be NULL. */
static void describe(const struct field *f, const char *given, char *out, size_t room)
{
	char least[VALUE_REAL], most[VALUE_REAL];

	switch (f->kind) {
	case FIELD_CHOICE:
		value_choices(f->choices, given, out, room);
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
		value_real_text(f->least, least);
		value_real_text(f->most, most);
		snprintf(out, room, "use a number from %s to %s", least, most);
		break;
	case FIELD_BOOLEAN:
		snprintf(out, room, "use true or false");
		break;
	default:
		snprintf(out, room, "use text, in quotes");
	}
}

/* FIELD: VALUE fault; advice, or what is allowed. */
static int refuse(const struct field *f, const json_t *value, const char *fault, const char *advice,
		  struct error *err)
{
	struct shown shown;
	char allowed[200];

	if (!advice)
		describe(f, json_string_value(value), allowed, sizeof(allowed));
	if (!f->secret && show(value, &shown) < 0)
		return -ENOMEM;
	return error_invalid(err, "%s: %s %s; %s", f->name,
			     f->secret ? "its value (not shown)" : shown.text, fault,
			     advice ? advice : allowed);
}

/* FIELD: VALUE fault; write INSTEAD, which it takes. */
static int refuse_with(const struct field *f, const json_t *value, const char *fault,
		       json_t *instead, struct error *err)
{
	struct shown right;
	char advice[SHOWN + 16];
	int r = instead ? show(instead, &right) : -ENOMEM;

	json_decref(instead);
	if (r < 0)
		return r;
	snprintf(advice, sizeof(advice), "write %s", right.text);
	return refuse(f, value, fault, advice, err);
}

/* What a text says for this field: 0 and a new value, -EINVAL if nothing, -ENOMEM. */
static int value_of(const struct field *f, const char *text, json_t **out)
{
	int64_t integer;
	double real;
	bool yes;

	if (f->kind == FIELD_BOOLEAN && value_bool(text, &yes))
		*out = json_boolean(yes);
	else if ((f->kind == FIELD_INTEGER || f->kind == FIELD_NUMBER) &&
		 value_integer(text, &integer))
		*out = json_integer(integer);
	else if (f->kind == FIELD_NUMBER && value_real(text, &real))
		*out = json_real(real);
	else if (f->kind < FIELD_INTEGER && utf8_valid(text, strlen(text)))
		*out = json_string(text);
	else
		return -EINVAL;
	return *out ? 0 : -ENOMEM;
}

/* The value is of another type than the field's; what was probably meant is told. */
static int refuse_type(const struct field *f, const json_t *value, struct error *err)
{
	json_t *instead = NULL;
	struct shown shown;
	int r;

	if (json_is_null(value))
		return refuse(f, value, "is no value: leave the field out", NULL, err);
	if (json_is_object(value))
		return refuse(f, value, "is an object", NULL, err);
	if (json_is_array(value))
		return refuse(f, value, "is an array", NULL, err);
	if (f->kind < FIELD_CHOICE) {
		if (f->secret)
			return refuse(f, value, "is not text", NULL, err);
		r = show(value, &shown);
		return r < 0 ? r
			     : refuse_with(f, value, "is not text", json_string(shown.text), err);
	}
	if (json_is_string(value)) {
		r = value_of(f, json_string_value(value), &instead);
		return r == 0         ? refuse_with(f, value, "is text", instead, err)
		       : r == -EINVAL ? refuse(f, value, "is text", NULL, err)
				      : r;
	}
	return refuse(f, value, json_is_boolean(value) ? "is a boolean" : "is a number", NULL, err);
}

static int check_prompt(const struct field *f, const json_t *value, struct error *err)
{
	const char *text = json_string_value(value);

	if (!text)
		return refuse_type(f, value, err);
	if (!text[strspn(text, " \t\r\n")])
		return error_invalid(err, "%s: is empty; say what the picture shall show", f->name);
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' && !strchr("\t\r\n", *text))
			return error_invalid(
				err,
				"%s: has a control character in it (U+%04X); only tabs and "
				"line ends are allowed",
				f->name, (unsigned char)*text);
	}
	return 0;
}

static int check_text(const struct field *f, const json_t *value, struct error *err)
{
	const char *text = json_string_value(value);

	if (!text)
		return refuse_type(f, value, err);
	if (f->secret && strcmp(text, SCHEMA_MASK) == 0)
		return error_invalid(err,
				     "%s: is masked (%s), as status/ shows it; write the secret "
				     "itself in its place, or leave the field out",
				     f->name, SCHEMA_MASK);
	for (const char *p = text; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f)
			return error_invalid(
				err, "%s: may only have printable ASCII characters without spaces",
				f->name);
	}
	if (*text)
		return 0;
	return error_invalid(err, "%s: is empty; leave the field out or give it a value", f->name);
}

static int check_choice(const struct field *f, const json_t *value, struct error *err)
{
	const char *text = json_string_value(value);

	if (!text)
		return refuse_type(f, value, err);
	return value_choice(text, f->choices) < 0 ? refuse(f, value, "is not allowed", NULL, err)
						  : 0;
}

static int check_integer(const struct field *f, const json_t *value, struct error *err)
{
	json_int_t given = json_integer_value(value), below;
	double real = json_real_value(value);

	if (json_is_real(value) && real >= -1e15 && real <= 1e15 &&
	    real == (double)(json_int_t)real)
		return refuse_with(f, value, "is not written as a whole number",
				   json_integer((json_int_t)real), err);
	if (json_is_real(value))
		return refuse(f, value, "is not a whole number", NULL, err);
	if (!json_is_integer(value))
		return refuse_type(f, value, err);
	if (given < f->min || given > f->max)
		return refuse(f, value, "is out of range", NULL, err);
	if (!f->multiple || given % f->multiple == 0)
		return 0;
	below = given - given % f->multiple;
	return error_invalid(err,
			     "%s: %" JSON_INTEGER_FORMAT " is not a multiple of %" PRId64
			     "; %" JSON_INTEGER_FORMAT " and %" JSON_INTEGER_FORMAT
			     " are the nearest",
			     f->name, given, f->multiple, below, below + (json_int_t)f->multiple);
}

static int check_number(const struct field *f, const json_t *value, struct error *err)
{
	double given = json_number_value(value);

	if (!json_is_number(value))
		return refuse_type(f, value, err);
	if (!(given >= f->least && given <= f->most))
		return refuse(f, value, "is out of range", NULL, err);
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

static const char *after(const char *text, const char *prefix)
{
	size_t size = strlen(prefix);

	return strncasecmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* OWNER/REPO, or OWNER/REPO/FILE where FILE may have folders. */
static bool path_is_right(const char *path)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+=,()";

	for (unsigned parts = 1;; parts++) {
		size_t size = strcspn(path, "/"), dots = strspn(path, ".");

		if (size == 0 || (dots == size && size <= 2) || strspn(path, letters) < size)
			return false;
		if (!path[size])
			return parts >= 2;
		path += size + 1;
	}
}

/* The address names a repository at Hugging Face and perhaps a file in it, with https:// or
 * without. It is passed on as given; an address with a user name in it is not shown, for that may
 * be a token.
 */
static int check_lora(const struct field *f, const json_t *value, struct error *err)
{
	static const char form[] = "write " HOST "OWNER/REPO or " HOST "OWNER/REPO/FILE";
	const char *text = json_string_value(value), *rest;
	/* A query is not shown: it may be a signature or a token. */
	size_t query = strcspn(text, "?#");
	int shown = query < 100 ? (int)query : 100;

	if (strchr(text, '@'))
		return error_invalid(
			err,
			"%s: the address (not shown) has a user name in it; %s, and give a "
			"token as hf_api_token",
			f->name, form);
	rest = after(text, "https://");
	if (!rest)
		rest = text;
	if (after(rest, HOST) && path_is_right(after(rest, HOST)))
		return 0;
	rest = after(text, "http://");
	if (rest && after(rest, HOST) && path_is_right(after(rest, HOST)))
		return error_invalid(err, "%s: plain http is refused; write https://%.100s",
				     f->name, rest);
	if (path_is_right(text) && !memchr(text, '.', strcspn(text, "/")))
		return error_invalid(err, "%s: \"%.100s\" names no host; write " HOST "%.100s",
				     f->name, text, text);
	return error_invalid(
		err,
		"%s: \"%.*s\" is not allowed: only public addresses at huggingface.co, "
		"without a query, are; %s",
		f->name, shown, text, form);
}

/* There is no field of this name; the nearest right one. */
static int refuse_field(const struct schema *s, const char *name, struct error *err)
{
	const char *names[SCHEMA_MOST_FIELDS] = { NULL }, *nearest;
	char all[400] = "";
	size_t n = 0, used = 0;

	for (const struct field *f = s->fields; f->name; f++) {
		names[n] = f->name;
		if (used < sizeof(all))
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s",
						 n ? ", " : "", f->name);
		n++;
	}
	nearest = suggest(name, names, n);
	if (nearest)
		return error_invalid(err, "%.80s: there is no such field; did you mean \"%s\"?",
				     name, nearest);
	return error_invalid(err, "%.80s: there is no such field; the fields are %s", name, all);
}

int schema_check_field(const struct schema *s, const char *field, const json_t *value,
		       struct error *err)
{
	static int (*const checks[])(const struct field *, const json_t *, struct error *) = {
		[FIELD_PROMPT] = check_prompt,   [FIELD_TEXT] = check_text,
		[FIELD_LORA] = check_lora,       [FIELD_CHOICE] = check_choice,
		[FIELD_INTEGER] = check_integer, [FIELD_NUMBER] = check_number,
		[FIELD_BOOLEAN] = check_boolean,
	};
	const struct field *f = schema_field(s, field);

	if (!f)
		return refuse_field(s, field, err);
	if (f->kind == FIELD_LORA && !json_is_string(value))
		return refuse_type(f, value, err);
	return checks[f->kind](f, value, err);
}

int schema_value_of_text(const struct schema *s, const char *field, const char *text, json_t **out,
			 struct error *err)
{
	const struct field *f = schema_field(s, field);
	json_t *value = NULL;
	char allowed[200];
	int r = f ? value_of(f, text, &value) : refuse_field(s, field, err);

	if (r == 0)
		r = schema_check_field(s, field, value, err);
	else if (f && r == -EINVAL) {
		describe(f, text, allowed, sizeof(allowed));
		error_set(err, ERROR_INVALID, "%s: \"%.64s\" is not allowed; %s", f->name,
			  f->secret ? SCHEMA_MASK : text, allowed);
	}
	if (r == 0)
		*out = value;
	else
		json_decref(value);
	return r;
}
