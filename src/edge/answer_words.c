/*
 * answer_words: the service's own words about what went wrong, from whatever shape they come in.
 *
 * A sentence may be a text, an object with a message in it, or a list; the first one found is the
 * message, the others are details. Objects without a known field, and `details` of any type, are
 * shown as compact JSON. Of an HTML page only the title is taken, never its markup.
 *
 * The safety checker is recognised by codes and categories first, then by phrases in sentences that
 * are the service's own: what may echo the request (a details object, an input) is not judged, nor
 * is a checker that failed by itself a refusal.
 *
 * Want of memory is remembered in `failed` and told at the end. Nothing here is logged.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "answer_internal.h"

#define MAX_DEPTH 4
#define MAX_TEXT 4096 /* of one sentence */
#define MAX_TITLE 120
#define TOKEN_DIGITS 8 /* hf_ and fewer is a word */

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void put(struct words *w, struct buf *to, const char *text, size_t size)
{
	if (!w->failed && buf_append(to, text, size) < 0)
		w->failed = -ENOMEM;
}

static void put_lower(struct words *w, struct buf *to, const char *text, size_t size)
{
	size_t from = to->size;

	put(w, to, text, size);
	put(w, to, "\n", 1);
	for (size_t i = from; i < to->size; i++)
		to->data[i] = (char)tolower((unsigned char)to->data[i]);
}

static bool says_already(const struct words *w, const char *text, size_t size)
{
	return memmem(buf_text(&w->message), w->message.size, text, size) ||
	       memmem(buf_text(&w->details), w->details.size, text, size);
}

static void show(struct words *w, const char *text, size_t size)
{
	while (size && isspace((unsigned char)*text))
		text++, size--;
	while (size && isspace((unsigned char)text[size - 1]))
		size--;
	if (size > MAX_TEXT)
		size = MAX_TEXT;
	if (!size)
		return;
	w->found = true;
	if (says_already(w, text, size))
		return;
	if (!w->message.size) {
		put(w, &w->message, text, size);
		return;
	}
	if (w->details.size)
		put(w, &w->details, "; ", 2);
	put(w, &w->details, text, size);
}

static char *dump(struct words *w, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	if (!text)
		w->failed = -ENOMEM;
	return text;
}

static void show_json(struct words *w, const json_t *value)
{
	char *text = dump(w, value);

	if (text)
		show(w, text, strlen(text));
	free(text);
}

static void judge(struct words *w, const json_t *text)
{
	size_t size = json_string_length(text);

	put_lower(w, &w->judged, json_string_value(text), size < MAX_TEXT ? size : MAX_TEXT);
}

/* Codes of this object, and whether trying again may help. */
static void take_codes(struct words *w, const json_t *object)
{
	static const char *const names[] = { "error_code", "code", "category", "type",
					     "error_type" };

	for (size_t i = 0; i < COUNT(names); i++) {
		const json_t *code = json_object_get(object, names[i]);
		size_t size = json_string_length(code);

		if (json_is_string(code))
			put_lower(w, &w->codes, json_string_value(code),
				  size < MAX_TEXT ? size : MAX_TEXT);
	}
	if (json_is_true(json_object_get(object, "retryable")))
		w->retryable = true;
	object = json_object_get(object, "classification");
	if (json_is_object(object))
		take_codes(w, object);
}

static const char *const sentences[] = { "message", "error_message", "error", "reason",
					 "detail",  "errors",        "msg",   "title" };

/* The sentences of an object that is shown as a whole, and may echo the request: only known fields
 * count. */
static void judge_object(struct words *w, const json_t *object)
{
	take_codes(w, object);
	for (size_t i = 0; i < COUNT(sentences); i++) {
		const json_t *text = json_object_get(object, sentences[i]);

		if (json_is_string(text))
			judge(w, text);
	}
}

static bool all_texts(const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (!json_is_string(json_array_get(array, i)))
			return false;
	return json_array_size(array) > 0;
}

static void gather(struct words *w, const json_t *value, unsigned depth);

static void gather_array(struct words *w, const json_t *array, unsigned depth)
{
	bool texts = all_texts(array);

	if (!texts && json_array_size(array))
		show_json(w, array);
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *item = json_array_get(array, i);

		if (texts)
			gather(w, item, depth);
		else if (json_is_object(item))
			judge_object(w, item);
	}
}

static void gather_details(struct words *w, const json_t *details, unsigned depth)
{
	if (json_is_object(details) && json_object_size(details)) {
		show_json(w, details);
		judge_object(w, details);
	} else if (!json_is_object(details)) {
		gather(w, details, depth);
	}
}

static void gather_object(struct words *w, const json_t *object, unsigned depth)
{
	take_codes(w, object);
	for (size_t i = 0; i < COUNT(sentences); i++)
		gather(w, json_object_get(object, sentences[i]), depth);
	gather_details(w, json_object_get(object, "details"), depth);
}

static void gather(struct words *w, const json_t *value, unsigned depth)
{
	bool before = w->found;

	if (!value || depth > MAX_DEPTH)
		return;
	switch (json_typeof(value)) {
	case JSON_STRING:
		show(w, json_string_value(value), json_string_length(value));
		judge(w, value);
		break;
	case JSON_OBJECT:
		w->found = false;
		gather_object(w, value, depth + 1);
		if (!w->found && json_object_size(value))
			show_json(w, value);
		w->found = w->found || before;
		break;
	case JSON_ARRAY:
		gather_array(w, value, depth + 1);
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		show_json(w, value);
		break;
	default:
		break;
	}
}

static bool is_link(const char *text)
{
	return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

/* A failed prediction's output is its reason, unless it is a link. */
static void gather_output(struct words *w, const json_t *output)
{
	const char *text = json_string_value(output);

	if (json_is_object(output) || (text && !is_link(text)))
		gather(w, output, 0);
}

static void gather_html(struct words *w, const char *page)
{
	const char *title = strcasestr(page, "<title"), *end;
	size_t size;

	title = title ? strchr(title, '>') : NULL;
	end = title ? strchr(++title, '<') : NULL;
	size = end ? (size_t)(end - title) : 0;
	while (size && isspace((unsigned char)*title))
		title++, size--;
	while (size && isspace((unsigned char)title[size - 1]))
		size--;
	if (!size) {
		show(w, "an HTML page", 12);
		return;
	}
	put(w, &w->message, "an HTML page titled \"", 21);
	put(w, &w->message, title, size < MAX_TITLE ? size : MAX_TITLE);
	put(w, &w->message, "\"", 1);
	w->found = true;
}

static void detail_whole(struct words *w, const json_t *body)
{
	char *text = dump(w, body);

	if (text)
		put(w, &w->details, text, strlen(text));
	free(text);
}

int words_of_page(struct words *w, const struct page *p, bool with_output)
{
	const char *start = buf_text(&p->start);

	memset(w, 0, sizeof(*w));
	if (p->kind == PAGE_HTML)
		gather_html(w, start);
	else if (p->kind == PAGE_TEXT)
		show(w, start, strlen(start));
	else if (p->body)
		gather_object(w, p->body, 0);
	else if (p->kind == PAGE_JSON)
		gather(w, p->root, 0);
	if (p->body && with_output)
		gather_output(w, json_object_get(p->body, "output"));
	/* A shape that nobody has seen yet: better shown than hidden. */
	if (!w->found && json_object_size(p->body) > 1)
		detail_whole(w, p->body);
	words_mask(&w->message);
	words_mask(&w->details);
	return w->failed;
}

void words_release(struct words *w)
{
	buf_release(&w->message);
	buf_release(&w->details);
	buf_release(&w->judged);
	buf_release(&w->codes);
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

void words_mask(struct buf *text)
{
	size_t to = 0;

	for (size_t from = 0; from < text->size;) {
		size_t digits = from + 3;

		if (strncasecmp(text->data + from, "hf_", 3) != 0 ||
		    (from && in_word(text->data[from - 1]))) {
			text->data[to++] = text->data[from++];
			continue;
		}
		while (digits < text->size && isalnum((unsigned char)text->data[digits]))
			digits++;
		if (digits - from - 3 < TOKEN_DIGITS) {
			text->data[to++] = text->data[from++];
			continue;
		}
		memcpy(text->data + to, "hf_***", 6);
		to += 6;
		from = digits;
	}
	/* It only became shorter, so there is room. */
	buf_resize(text, to);
}

static bool begins_word(const char *all, const char *at)
{
	return at == all || !in_word(at[-1]);
}

/* disable_safety_checker is a field's name. */
static bool is_field(const char *all, const char *at)
{
	return at - all >= 8 && memcmp(at - 8, "disable_", 8) == 0;
}

static bool holds(const struct buf *text, const char *phrase, bool words_only)
{
	const char *all = buf_text(text);

	for (const char *at = all; (at = strstr(at, phrase)); at++)
		if (words_only ? begins_word(all, at) : !is_field(all, at))
			return true;
	return false;
}

static bool holds_any(const struct buf *text, const char *const *phrases, size_t n, bool words_only)
{
	for (size_t i = 0; i < n; i++)
		if (holds(text, phrases[i], words_only))
			return true;
	return false;
}

bool words_mean_moderation(const struct words *w)
{
	static const char *const codes[] = { "safety",         "nsfw",           "moderation",
					     "content_policy", "content-policy", "content policy",
					     "content_filter", "flagged",        "sensitive" };
	static const char *const phrases[] = { "nsfw",
					       "content policy",
					       "content_policy",
					       "content moderation",
					       "moderation",
					       "safety checker",
					       "safety filter",
					       "safety system",
					       "safety guidelines",
					       "safety policy",
					       "safety policies",
					       "flagged",
					       "sensitive content",
					       "sensitive image",
					       "sensitive material",
					       "sensitive word",
					       "contains sensitive",
					       "inappropriate content" };
	/* The checker itself failed, or something else was flagged. */
	static const char *const troubles[] = { "timeout",        "timed out",     "time out",
						"unavailable",    "not loaded",    "failed to load",
						"could not load", "not available", "crashed",
						"out of memory",  "account" };

	if (holds_any(&w->codes, troubles, COUNT(troubles), false) ||
	    holds_any(&w->judged, troubles, COUNT(troubles), true))
		return false;
	return holds_any(&w->codes, codes, COUNT(codes), false) ||
	       holds_any(&w->judged, phrases, COUNT(phrases), true);
}
