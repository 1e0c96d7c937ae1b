/*
 * request_text: reading a request file's text.
 *
 * A text is a plain prompt or JSON, by its name's ending or its first two marks: {" and {} begin
 * JSON, while a prompt may begin with {red, blue}, and \{ begins one that means the brace itself.
 * It must be UTF-8 without control characters but tabs and line ends. A plain prompt becomes
 * {"prompt": TEXT}; JSON is the input object itself, a create body around one, which may name its
 * model, or a document of status/, which asks for the same again.
 *
 * Refusals name the line and column, or the field. No message quotes the text, for there may be a
 * token in it.
 *
 * While a file is being written it is checked at each write, and there only a fault counts that no
 * further byte can mend. To keep that cheap for a text that comes byte by byte, a long text is
 * looked at as a whole only where it may be complete, and else at its end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pimagefs/models.h"
#include "pimagefs/names.h"
#include "pimagefs/suggest.h"
#include "pimagefs/utf8.h"
#include "pimagefs/value.h"
#include "request_internal.h"

#define DEEPEST 32
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define SMALL 2048 /* bytes that are checked as a whole at each write */

static const char bom[] = "\xef\xbb\xbf";

static size_t bom_size(const char *text, size_t size)
{
	return size >= 3 && memcmp(text, bom, 3) == 0 ? 3 : 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The first character that says something; size if none. */
static size_t first_mark(const char *text, size_t size)
{
	size_t n = bom_size(text, size);

	while (n < size && is_space(text[n]))
		n++;
	return n;
}

static bool ends_with(const char *name, const char *ending)
{
	size_t size = strlen(name), length = strlen(ending);

	return size >= length && strcmp(name + size - length, ending) == 0;
}

enum form {
	FORM_PLAIN,
	FORM_LITERAL, /* plain, without the backslash before its brace */
	FORM_JSON,
	FORM_OPEN, /* only the brace has come: it may become any */
};

static bool is_named_json(const char *name)
{
	return ends_with(name, ".json");
}

static enum form form_of(const char *name, const char *text, size_t size)
{
	size_t n = first_mark(text, size), next = n + 1;

	if (names_is_list(name))
		return FORM_PLAIN;
	if (is_named_json(name))
		return FORM_JSON;
	if (n + 1 < size && text[n] == '\\' && text[n + 1] == '{')
		return FORM_LITERAL;
	if (n == size || text[n] != '{')
		return FORM_PLAIN;
	while (next < size && is_space(text[next]))
		next++;
	if (next == size || !text[next]) /* a byte that is still to be written is NUL */
		return FORM_OPEN;
	return text[next] == '"' || text[next] == '}' ? FORM_JSON : FORM_PLAIN;
}

bool request_is_plain(const char *name, const char *text, size_t size)
{
	enum form form = form_of(name, text, size);

	return form == FORM_PLAIN || form == FORM_LITERAL;
}

bool request_is_blank(const char *text, size_t size)
{
	return first_mark(text, size) == size;
}

/* "WHAT at line 1, column 2BEHIND": columns count characters. */
static int refuse_at(const char *text, size_t offset, const char *what, const char *behind,
		     struct error *err)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	return error_invalid(err, "%s at line %u, column %u%s", what, line, column, behind);
}

static int refuse_bytes(const char *text, size_t size, size_t offset, struct error *err)
{
	char what[64];

	snprintf(what, sizeof(what), "the text is not UTF-8: byte 0x%02x",
		 (unsigned char)text[offset]);
	if (size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		error_set(err, ERROR_INVALID, "the text is UTF-16; write it as UTF-8");
	else
		refuse_at(text, offset, what, "", err);
	return -EILSEQ;
}

static int refuse_control(const char *text, size_t offset, struct error *err)
{
	char what[64];

	snprintf(what, sizeof(what), "there is a control character (0x%02x)",
		 (unsigned char)text[offset]);
	return refuse_at(text, offset, what, "; only tabs and line ends are allowed", err);
}

static bool is_refused(char c, bool unfinished)
{
	return (unsigned char)c < ' ' && c != '\t' && c != '\r' && c != '\n' && (c || !unfinished);
}

/* The bytes from `from` on; unfinished: NULs may still be filled in, and the last character may be
 * cut. */
static int check_bytes(const char *text, size_t from, size_t size, bool unfinished,
		       struct error *err)
{
	size_t valid = from + utf8_valid_prefix(text + from, size - from);

	for (size_t i = from; i < valid; i++)
		if (is_refused(text[i], unfinished))
			return refuse_control(text, i, err);
	if (valid == size || (unfinished && utf8_cut_short(text + valid, size - valid)))
		return 0;
	return refuse_bytes(text, size, valid, err);
}

/* jansson recurses; this does not. */
static int check_depth(const char *text, size_t size, struct error *err)
{
	bool in_string = false;
	unsigned depth = 0;

	for (size_t i = 0; i < size; i++) {
		char c = text[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '[') && ++depth > DEEPEST)
			return refuse_at(text, i, "the JSON is nested deeper than " TEXT(DEEPEST),
					 "", err);
		else if (!in_string && (c == '}' || c == ']') && depth)
			depth--;
	}
	return 0;
}

/* What is broken as JSON may have been meant as a prompt, where the name leaves it open. */
static int advise(const char *name, struct error *err)
{
	if (err && !is_named_json(name))
		err->advice = ADVICE_LITERAL;
	return -EINVAL;
}

/* jansson's own words stand without the piece of text that they quote. */
static int refuse_json(const char *name, const json_error_t *fault, struct error *err)
{
	const char *why = fault->text, *near = strstr(why, " near ");
	int size = near ? (int)(near - why) : (int)sizeof(fault->text);

	switch (json_error_code(fault)) {
	case json_error_premature_end_of_input:
		why = "it ends too early: a quote or a bracket is not closed";
		break;
	case json_error_end_of_input_expected:
		why = "there is something behind its last bracket";
		break;
	case json_error_duplicate_key:
		why = "a key is given twice";
		break;
	case json_error_null_character:
	case json_error_null_byte_in_key:
		why = "\\u0000 is not allowed";
		break;
	default:
		error_invalid(err, "the JSON is wrong at line %d, column %d: %.*s", fault->line,
			      fault->column, size, why);
		return advise(name, err);
	}
	error_invalid(err, "the JSON is wrong at line %d, column %d: %s", fault->line,
		      fault->column, why);
	return advise(name, err);
}

/* Where the first character alone tells that it is no request. */
static int check_start(const char *text, size_t size, struct error *err)
{
	size_t mark = first_mark(text, size);

	if (text[mark] == '{')
		return 0;
	return error_invalid(err, "a JSON request begins with {, not with \"%.*s\"",
			     (int)utf8_char(text + mark, size - mark), text + mark);
}

static int read_model(const json_t *whole, const struct schema **schema, struct error *err)
{
	const json_t *model = json_object_get(whole, "model");
	const char *slug = json_string_value(model);

	if (model && !slug)
		return error_invalid(err,
				     "model: is not text; write one as \"%s\", or leave it out",
				     (*schema)->slug);
	if (slug && !models_find(slug))
		return models_refuse("model", slug, err);
	if (slug)
		*schema = models_find(slug);
	return 0;
}

/* A create body: its model, if it names one, and that there is nothing else but an input. */
static int check_body(const json_t *body, const struct schema **schema, struct error *err)
{
	static const char *const keys[] = { "model", "input", NULL };
	const json_t *input = json_object_get(body, "input");
	int r;
	const char *key, *nearest;
	json_t *value;

	json_object_foreach ((json_t *)body, key, value) {
		if (value_choice(key, keys) >= 0)
			continue;
		nearest = suggest(key, keys, 2);
		return error_invalid(err, "%.80s: does not belong beside \"input\"; %s\"%s\"%s",
				     key, nearest ? "did you mean " : "only ",
				     nearest ? nearest : keys[0], nearest ? "?" : " does");
	}
	r = read_model(body, schema, err);
	if (r == 0 && !json_is_object(input))
		r = error_invalid(err,
				  "input: %s; a create body is {\"model\": ..., \"input\": "
				  "{\"prompt\": ...}}",
				  input ? "is not an object" : "is missing");
	return r;
}

/* A document of status/, of which model, request and seed count. Who changed only one of two that
 * say the same would get what was not meant. */
static int check_status(json_t *status, const struct schema **schema, struct error *err)
{
	static const char *const twice[] = { "prompt", "seed" };
	json_t *request = json_object_get(status, "request"), *seed;
	int r;

	if (!json_is_object(request))
		return error_invalid(err,
				     "request: %s; this document of status/ asks for no picture",
				     request ? "is not an object" : "is missing");
	for (size_t i = 0; i < sizeof(twice) / sizeof(*twice); i++) {
		const json_t *told = json_object_get(status, twice[i]),
			     *asked = json_object_get(request, twice[i]);

		if (told && asked && !json_equal(told, asked))
			return error_invalid(err,
					     "%s: is not the same as in \"request\", which is what "
					     "is sent; change it there, and leave this one out",
					     twice[i]);
	}
	r = read_model(status, schema, err);
	seed = json_object_get(status, "seed");
	if (r == 0 && seed && !json_object_get(request, "seed"))
		r = json_object_set(request, "seed", seed) < 0 ? -ENOMEM : 0;
	return r;
}

/* The input, and the model if one is named, of a create body or a document of status/; anything
 * else is an input itself, for our model. Takes whole, whatever it returns. */
static int open_body(json_t *whole, struct request_read *out, struct error *err)
{
	bool status = json_object_get(whole, "id") && json_object_get(whole, "state");
	json_t *input = json_object_get(whole, status ? "request" : "input");
	int r;

	out->names_model = json_object_get(whole, "model") != NULL;
	if (!status && !input && !out->names_model) {
		out->input = whole;
		return 0;
	}
	r = status ? check_status(whole, &out->schema, err) : check_body(whole, &out->schema, err);
	if (r == 0)
		out->input = json_incref(input);
	if (r == 0)
		json_decref(whole);
	else
		json_text_drop(whole);
	return r;
}

static int read_json(const char *name, const char *text, size_t size, struct request_read *out,
		     struct error *err)
{
	size_t from = bom_size(text, size);
	json_error_t fault;
	json_t *whole;
	int r = check_start(text, size, err);

	if (r == 0)
		r = check_depth(text, size, err);
	if (r < 0)
		return r;
	r = json_text_read(text + from, size - from, JSON_REJECT_DUPLICATES, &whole, &fault);
	if (r == -EINVAL)
		return refuse_json(name, &fault, err);
	return r < 0 ? r : open_body(whole, out, err);
}

size_t request_plain(const char *text, size_t *size)
{
	size_t from = bom_size(text, *size), end = *size;

	while (end > from && text[end - 1] == '\n') {
		end--;
		if (end > from && text[end - 1] == '\r')
			end--;
	}
	*size = end - from;
	return from;
}

static int read_plain(const char *text, size_t size, bool literal, json_t **out)
{
	size_t from = request_plain(text, &size), mark;
	struct buf prompt = BUF_INIT;
	json_t *input = NULL;
	int r;

	text += from;
	mark = literal ? first_mark(text, size) : 0;
	r = buf_append(&prompt, text, mark);
	if (r == 0) /* behind the backslash */
		r = buf_append(&prompt, text + mark + literal, size - mark - literal);
	if (r == 0)
		r = (input = json_object()) ? 0 : -ENOMEM;
	if (r == 0)
		r = json_object_set_new(input, "prompt",
					json_stringn(buf_text(&prompt), prompt.size));
	buf_wipe(&prompt);
	if (r < 0) {
		json_decref(input);
		return -ENOMEM;
	}
	*out = input;
	return 0;
}

int request_check_text(const char *text, size_t size, struct error *err)
{
	int r = check_bytes(text, 0, size, false, err);

	if (r == 0 && request_is_blank(text, size))
		r = error_invalid(err, "the request is empty; say what the picture shall show");
	return r;
}

int request_parse(const struct request_rules *rules, const char *name, const char *text,
		  size_t size, struct request *out, struct error *err)
{
	struct request_read read = { .schema = rules->schema };
	enum form form = form_of(name, text, size);
	int r = request_check_text(text, size, err);

	if (r < 0)
		return r;
	if (form == FORM_OPEN) {
		error_invalid(err, "the request is only a {; it is neither JSON nor a prompt");
		return advise(name, err);
	}
	if (form == FORM_JSON)
		r = read_json(name, text, size, &read, err);
	else
		r = read_plain(text, size, form == FORM_LITERAL, &read.input);
	read.plain = form != FORM_JSON;
	return r < 0 ? r : request_finish(rules, &read, out, err);
}

/* Where a look at the end will do: not cut in the middle of a character. */
static size_t tail_of(const char *text, size_t size)
{
	size_t from = size - SMALL;

	for (int i = 0; i < 3 && ((unsigned char)text[from] & 0xc0) == 0x80; i++)
		from++;
	return from;
}

static bool looks_complete(const char *text, size_t size)
{
	while (size && is_space(text[size - 1]))
		size--;
	return size && (text[size - 1] == '}' || text[size - 1] == ']');
}

/* Whether more bytes could mend this fault: it lies at the very end, within something that is not
 * yet whole. */
static bool is_unfinished(const json_error_t *fault, const char *text, size_t size)
{
	enum json_error_code code = json_error_code(fault);

	if (code == json_error_premature_end_of_input)
		return true;
	if (code == json_error_end_of_input_expected || code == json_error_duplicate_key)
		return false;
	return (size_t)fault->position >= size && !strchr("{}[],:\"", text[size - 1]);
}

static int check_json_part(const struct request_rules *rules, const char *name, const char *text,
			   size_t size, struct request *out, struct error *err)
{
	size_t from = bom_size(text, size), whole = utf8_valid_prefix(text, size);
	struct request_read read = { .schema = rules->schema };
	json_error_t fault;
	json_t *value;
	int r;

	if (whole == from || memchr(text, '\0', whole))
		return 0;
	r = check_depth(text, whole, err);
	if (r < 0)
		return r;
	r = json_text_read(text + from, whole - from, JSON_REJECT_DUPLICATES, &value, &fault);
	if (r == -EINVAL)
		return is_unfinished(&fault, text + from, whole - from)
			       ? 0
			       : refuse_json(name, &fault, err);
	if (r == 0 && whole < size) {
		json_text_drop(value);
		return refuse_bytes(text, size, whole, err);
	}
	if (r == 0)
		r = open_body(value, &read, err);
	if (r == 0)
		r = request_finish(rules, &read, out, err);
	return r < 0 ? r : 1;
}

int request_check_part(const struct request_rules *rules, const char *name, const char *text,
		       size_t size, struct request *out, struct error *err)
{
	bool whole = size <= SMALL || looks_complete(text, size) || text[size - 1] == '\n' ||
		     size % SMALL == 0;
	int r = check_bytes(text, whole ? 0 : tail_of(text, size), size, true, err);
	size_t mark = first_mark(text, size);

	if (r < 0 || mark == size || !text[mark] || form_of(name, text, size) != FORM_JSON)
		return r;
	/* A byte order mark that is still to come whole. */
	if (size < 3 && memcmp(text, bom, size) == 0)
		return 0;
	r = check_start(text, size, err);
	if (r < 0 || (size > SMALL && !looks_complete(text, size)))
		return r;
	r = check_json_part(rules, name, text, size, out, err);
	/* Memory may be there again when the file is closed. */
	return r == -ENOMEM ? 0 : r;
}
