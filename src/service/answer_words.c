/*
 * answer_words: a body of the service, and its own words about what went wrong.
 *
 * A body's bytes decide what it is, not its Content-Type alone: JSON under a wrong type is JSON,
 * and what begins with "<" is a page. What is no JSON is kept as text, and only its start: it is
 * only ever shown. Of a page only the title is, never its markup.
 *
 * The words stand in `message`, `error` and `error_message`, of the body or of a failed
 * prediction's `output`; the first is the message, the others and `details` (which may be of any
 * type) are details. A shape that nobody has seen is shown whole.
 *
 * The safety checker is recognised by codes and categories first, then by phrases in sentences that
 * are the service's own: what may echo the request (a details object, an input) is not judged, nor
 * is a checker that failed by itself a refusal.
 *
 * A body for which there was no memory to parse it may look like text; that is never taken for an
 * answer that decides. Want of memory for words is remembered in `failed` and told at the end.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "answer_internal.h"
#include "pimagefs/json_text.h"

#define START_BYTES 4096
#define MAX_TEXT 4096 /* of one sentence */
#define MAX_TITLE 120
#define TOKEN_DIGITS 8 /* hf_ and fewer is a word */

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

int body_open(struct body *p, const char *bytes, size_t size, const char *content_type)
{
	json_error_t error;
	int r;

	memset(p, 0, sizeof(*p));
	while (size && isspace((unsigned char)*bytes))
		bytes++, size--;
	if (!size)
		return 0;
	p->kind = BODY_JSON;
	r = json_text_read(bytes, size, JSON_DECODE_ANY, &p->json, &error);
	if (r != -EINVAL)
		return r;
	p->kind = *bytes == '<' || (content_type && strcasestr(content_type, "html")) ? BODY_HTML
										      : BODY_TEXT;
	r = buf_append(&p->start, bytes, size < START_BYTES ? size : START_BYTES);
	return r;
}

void body_release(struct body *p)
{
	json_decref(p->json);
	buf_release(&p->start);
	memset(p, 0, sizeof(*p));
}

static void put(struct words *w, struct buf *to, const char *text, size_t size)
{
	if (!w->failed && buf_append(to, text, size) < 0)
		w->failed = -ENOMEM;
}

static void judge(struct words *w, struct buf *to, const json_t *text)
{
	size_t from = to->size, size = json_string_length(text);

	if (!json_is_string(text))
		return;
	put(w, to, json_string_value(text), size < MAX_TEXT ? size : MAX_TEXT);
	put(w, to, "\n", 1);
	for (size_t i = from; i < to->size; i++)
		to->data[i] = (char)tolower((unsigned char)to->data[i]);
}

static void show(struct words *w, const char *text, size_t size)
{
	while (size && isspace((unsigned char)*text))
		text++, size--;
	while (size && isspace((unsigned char)text[size - 1]))
		size--;
	if (size > MAX_TEXT)
		size = MAX_TEXT;
	if (!size || memmem(buf_text(&w->message), w->message.size, text, size) ||
	    memmem(buf_text(&w->details), w->details.size, text, size))
		return;
	if (w->message.size && w->details.size)
		put(w, &w->details, "; ", 2);
	put(w, w->message.size ? &w->details : &w->message, text, size);
}

static void show_json(struct words *w, struct buf *to, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	if (!text)
		w->failed = -ENOMEM;
	else if (to)
		put(w, to, text, strlen(text));
	else
		show(w, text, strlen(text));
	free(text);
}

static void gather_text(struct words *w, const json_t *text)
{
	if (json_is_string(text))
		show(w, json_string_value(text), json_string_length(text));
	judge(w, &w->judged, text);
}

/* What the body of an error and the output of a failed prediction have in common. */
static void gather(struct words *w, const json_t *object)
{
	static const char *const sentences[] = { "message", "error_message", "error" };
	const json_t *details = json_object_get(object, "details");

	for (size_t i = 0; i < COUNT(sentences); i++)
		gather_text(w, json_object_get(object, sentences[i]));
	gather_text(w, details);
	if (details && !json_is_null(details) && !json_is_string(details) &&
	    (json_object_size(details) || json_array_size(details) ||
	     !(json_is_object(details) || json_is_array(details))))
		show_json(w, NULL, details);
	judge(w, &w->codes, json_object_get(object, "error_code"));
	judge(w, &w->codes, json_object_get(json_object_get(object, "classification"), "category"));
	w->retryable = w->retryable || json_is_true(json_object_get(object, "retryable"));
}

/* A failed prediction's output is its reason, unless it is a link. */
static void gather_output(struct words *w, const json_t *output)
{
	const char *text = json_string_value(output);

	if (text && strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
		gather_text(w, output);
	gather(w, output);
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
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Mask what looks like a Hugging Face token: hf_*** */
static void mask_tokens(struct buf *text)
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

int words_of_body(struct words *w, const struct body *p, bool with_output)
{
	const char *start = buf_text(&p->start);

	memset(w, 0, sizeof(*w));
	if (p->kind == BODY_HTML)
		gather_html(w, start);
	else if (p->kind == BODY_TEXT)
		show(w, start, strlen(start));
	else
		gather_text(w, p->json);
	gather(w, p->json);
	if (with_output)
		gather_output(w, json_object_get(p->json, "output"));
	if (!w->message.size && (json_object_size(p->json) > 1 || json_array_size(p->json)))
		show_json(w, &w->details, p->json);
	mask_tokens(&w->message);
	mask_tokens(&w->details);
	return w->failed;
}

void words_release(struct words *w)
{
	buf_release(&w->message);
	buf_release(&w->details);
	buf_release(&w->judged);
	buf_release(&w->codes);
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
