/*
 * request_text: reading a request file's text.
 *
 * A text is a plain prompt or JSON, by its name's ending or its first character. It must be UTF-8
 * without control characters but tabs and line ends. A plain prompt becomes {"prompt": TEXT}; JSON
 * is the input object itself or a create body around one.
 *
 * Refusals name the line and column, or the field. jansson's own words are used without the piece
 * of text that it quotes, for that may be a token.
 *
 * While a file is being written it is checked at each write, and there only a fault counts that no
 * further byte can mend. To keep that cheap for a text that comes byte by byte, a long text is
 * looked at as a whole only where it may be complete, and else at its end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/suggest.h"
#include "pimagefs/utf8.h"
#include "request_internal.h"

#define DEEPEST 32
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

static bool is_json_name(const char *name)
{
	return ends_with(name, ".json");
}

static bool is_plain_name(const char *name)
{
	return ends_with(name, ".txt") || ends_with(name, ".prompt") || ends_with(name, ".md");
}

bool request_is_json(const char *name, const char *text, size_t size)
{
	size_t n = first_mark(text, size);

	if (is_json_name(name))
		return true;
	return !is_plain_name(name) && n < size && text[n] == '{';
}

bool request_is_blank(const char *text, size_t size)
{
	return first_mark(text, size) == size;
}

struct position {
	unsigned line, column; /* from 1; columns count characters */
};

static struct position position_of(const char *text, size_t offset)
{
	struct position at = { 1, 1 };

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n')
			at = (struct position){ at.line + 1, 1 };
		else if (((unsigned char)text[i] & 0xc0) != 0x80)
			at.column++;
	}
	return at;
}

static int refuse_bytes(const char *text, size_t size, size_t offset, struct error *err)
{
	struct position at = position_of(text, offset);

	error_set(err, ERROR_INVALID, "the text is not UTF-8: byte 0x%02x at line %u, column %u",
		  (unsigned char)text[offset], at.line, at.column);
	if (size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		error_set(err, ERROR_INVALID, "the text is UTF-16; write it as UTF-8");
	return -EILSEQ;
}

static int refuse_control(const char *text, size_t offset, struct error *err)
{
	struct position at = position_of(text, offset);

	error_set(err, ERROR_INVALID,
		  "there is a control character (0x%02x) at line %u, column %u; only tabs and "
		  "line ends are allowed",
		  (unsigned char)text[offset], at.line, at.column);
	return -EINVAL;
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

static int refuse_depth(const char *text, size_t offset, struct error *err)
{
	struct position at = position_of(text, offset);

	error_set(err, ERROR_INVALID, "the JSON is nested deeper than %d at line %u, column %u",
		  DEEPEST, at.line, at.column);
	return -EINVAL;
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
			return refuse_depth(text, i, err);
		else if (!in_string && (c == '}' || c == ']') && depth)
			depth--;
	}
	return 0;
}

static const char *fault_of(const json_error_t *fault)
{
	switch (json_error_code(fault)) {
	case json_error_premature_end_of_input:
		return "it ends too early: a quote or a bracket is not closed";
	case json_error_end_of_input_expected:
		return "there is something behind its last bracket";
	case json_error_duplicate_key:
		return "a key is given twice";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "\\u0000 is not allowed";
	default:
		return NULL;
	}
}

static int refuse_json(const json_error_t *fault, struct error *err)
{
	const char *known = fault_of(fault), *near = strstr(fault->text, " near ");
	int size = near ? (int)(near - fault->text) : (int)strlen(fault->text);

	if (known)
		error_set(err, ERROR_INVALID, "the JSON is wrong at line %d, column %d: %s",
			  fault->line, fault->column, known);
	else
		error_set(err, ERROR_INVALID, "the JSON is wrong at line %d, column %d: %.*s",
			  fault->line, fault->column, size, fault->text);
	return -EINVAL;
}

/*
 * Read twice, for without memory jansson 2.14 calls right text wrong, or drops a byte of a long
 * text and says nothing: what is true is found both times.
 */
int request_load(const char *text, size_t size, json_t **out, json_error_t *fault)
{
	json_t *first = json_loadb(text, size, JSON_REJECT_DUPLICATES, fault);
	json_t *second = json_loadb(text, size, JSON_REJECT_DUPLICATES, fault);
	struct buf probe = BUF_INIT;
	bool same = first && json_equal(first, second);
	int r = 0;

	if (!first && !second)
		r = buf_resize(&probe, size) < 0 ? -ENOMEM : -EINVAL;
	else if (!same)
		r = -ENOMEM;
	buf_release(&probe);
	request_drop(second);
	if (r < 0)
		request_drop(first);
	else
		*out = first;
	return r;
}

void request_drop(json_t *value)
{
	json_t *inner;
	const char *key;

	if (json_is_string(value))
		explicit_bzero((char *)json_string_value(value), json_string_length(value));
	json_object_foreach (value, key, inner) {
		request_drop(json_incref(inner));
	}
	json_decref(value);
}

/* Where the first character alone tells that it is no request. */
static int check_start(const char *text, size_t size, struct error *err)
{
	size_t mark = first_mark(text, size);

	if (text[mark] == '{')
		return 0;
	error_set(err, ERROR_INVALID, "a JSON request begins with {, not with \"%.*s\"",
		  (int)utf8_char(text + mark, size - mark), text + mark);
	return -EINVAL;
}

static int refuse_body_key(const char *key, struct error *err)
{
	static const char *const keys[] = { "model", "input" };
	const char *nearest = suggest(key, keys, 2);

	if (nearest)
		error_set(err, ERROR_INVALID,
			  "%.80s: does not belong beside \"input\"; did you mean \"%s\"?", key,
			  nearest);
	else
		error_set(err, ERROR_INVALID,
			  "%.80s: does not belong beside \"input\"; only \"model\" does", key);
	return -EINVAL;
}

static int check_model(const struct request_rules *rules, const json_t *model, struct error *err)
{
	const char *slug = json_string_value(model), *ours = schema_slug(rules->schema);

	if (!model || (slug && strcmp(slug, ours) == 0))
		return 0;
	if (slug)
		error_set(err, ERROR_INVALID,
			  "model: \"%.100s\" is not this mount's model; that is \"%s\"", slug,
			  ours);
	else
		error_set(err, ERROR_INVALID, "model: is not text; write \"%s\" or leave it out",
			  ours);
	return -EINVAL;
}

/* Of a create body the input; of anything else itself. A new reference. */
static int open_body(const struct request_rules *rules, json_t *whole, json_t **out,
		     struct error *err)
{
	json_t *input = json_object_get(whole, "input"), *value;
	const char *key;
	int r;

	if (!input && !json_object_get(whole, "model")) {
		*out = json_incref(whole);
		return 0;
	}
	json_object_foreach (whole, key, value) {
		if (strcmp(key, "model") != 0 && strcmp(key, "input") != 0)
			return refuse_body_key(key, err);
	}
	r = check_model(rules, json_object_get(whole, "model"), err);
	if (r < 0)
		return r;
	if (!json_is_object(input)) {
		error_set(err, ERROR_INVALID,
			  "input: %s; a create body is {\"model\": ..., \"input\": {\"prompt\": "
			  "...}}",
			  input ? "is not an object" : "is missing");
		return -EINVAL;
	}
	*out = json_incref(input);
	return 0;
}

static int read_json(const struct request_rules *rules, const char *text, size_t size, json_t **out,
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
	r = request_load(text + from, size - from, &whole, &fault);
	if (r == -EINVAL)
		return refuse_json(&fault, err);
	if (r < 0)
		return r;
	r = open_body(rules, whole, out, err);
	if (r < 0)
		request_drop(whole);
	else
		json_decref(whole);
	return r;
}

static int read_plain(const char *text, size_t size, json_t **out)
{
	size_t from = bom_size(text, size);
	json_t *input;

	while (size > from && text[size - 1] == '\n') {
		size--;
		if (size > from && text[size - 1] == '\r')
			size--;
	}
	input = json_object();
	if (!input ||
	    json_object_set_new(input, "prompt", json_stringn(text + from, size - from)) < 0) {
		json_decref(input);
		return -ENOMEM;
	}
	*out = input;
	return 0;
}

int request_read(const struct request_rules *rules, const char *name, const char *text, size_t size,
		 json_t **out, struct error *err)
{
	int r = check_bytes(text, 0, size, false, err);

	if (r < 0)
		return r;
	if (request_is_blank(text, size)) {
		error_set(err, ERROR_INVALID,
			  "the request is empty; say what the picture shall show");
		return -EINVAL;
	}
	if (request_is_json(name, text, size))
		return read_json(rules, text, size, out, err);
	return read_plain(text, size, out);
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
			   size_t size, struct error *err)
{
	size_t from = bom_size(text, size), whole = utf8_valid_prefix(text, size);
	struct request request;
	json_error_t fault;
	json_t *value;
	int r;

	if (whole == from || memchr(text, '\0', whole))
		return 0;
	r = check_depth(text, whole, err);
	if (r < 0)
		return r;
	r = request_load(text + from, whole - from, &value, &fault);
	if (r == -EINVAL)
		return is_unfinished(&fault, text + from, whole - from) ? 0
									: refuse_json(&fault, err);
	if (r < 0)
		return r;
	request_drop(value);
	r = request_parse(rules, name, text, size, &request, err);
	if (r == 0)
		request_release(&request);
	return r;
}

int request_check_part(const struct request_rules *rules, const char *name, const char *text,
		       size_t size, struct error *err)
{
	bool whole = size <= SMALL || looks_complete(text, size) || text[size - 1] == '\n' ||
		     size % SMALL == 0;
	int r = check_bytes(text, whole ? 0 : tail_of(text, size), size, true, err);
	size_t mark = first_mark(text, size);

	if (r < 0 || mark == size || !text[mark] || !request_is_json(name, text, size))
		return r;
	/* A byte order mark that is still to come whole. */
	if (size < 3 && memcmp(text, bom, size) == 0)
		return 0;
	r = check_start(text, size, err);
	if (r < 0 || (size > SMALL && !looks_complete(text, size)))
		return r;
	r = check_json_part(rules, name, text, size, err);
	/* Memory may be there again when the file is closed. */
	return r == -ENOMEM ? 0 : r;
}
