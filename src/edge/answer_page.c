/*
 * answer_page: what kind of body came back.
 *
 * Its bytes decide, not its Content-Type alone: JSON under a wrong type is JSON, and an HTML page
 * is one whatever it calls itself. The fields may lie one level down, in `data` or `prediction`.
 *
 * What is neither is kept as text, and only its start: it is only ever shown. A body for which
 * there was no memory to parse it may look like text; that is never taken for an answer that
 * decides.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "answer_internal.h"

#define START_BYTES 4096

static bool begins(const char *text, const char *with)
{
	return strncasecmp(text, with, strlen(with)) == 0;
}

static bool is_html(const char *text, const char *content_type)
{
	static const char *const openings[] = { "<!doctype html", "<html", "<head",   "<body",
						"<title",         "<!--",  "<script", "<meta" };

	if (content_type &&
	    (strcasestr(content_type, "text/html") || strcasestr(content_type, "xhtml")))
		return true;
	text += strspn(text, " \t\r\n\f\v");
	for (size_t i = 0; i < sizeof(openings) / sizeof(*openings); i++)
		if (begins(text, openings[i]))
			return true;
	return false;
}

static bool has_fields(const json_t *object)
{
	static const char *const names[] = { "predictionID", "id",    "status",
					     "output",       "error", "message" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (json_object_get(object, names[i]))
			return true;
	return false;
}

static const json_t *body_of(const json_t *root)
{
	static const char *const inside[] = { "data", "prediction" };

	if (!json_is_object(root) || has_fields(root))
		return json_is_object(root) ? root : NULL;
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
		const json_t *object = json_object_get(root, inside[i]);

		if (json_is_object(object) && has_fields(object))
			return object;
	}
	return root;
}

/* jansson does not tell every want of memory from a syntax error; these are the ones it tells. */
static bool is_no_memory(const json_error_t *error)
{
	enum json_error_code code = json_error_code(error);

	return code == json_error_out_of_memory || code == json_error_unknown;
}

static int keep_start(struct page *p, const char *bytes, size_t size, const char *content_type)
{
	int r = buf_append(&p->start, bytes, size < START_BYTES ? size : START_BYTES);

	if (r < 0)
		return r;
	/* What follows a NUL is not shown. */
	p->kind = is_html(buf_text(&p->start), content_type) ? PAGE_HTML : PAGE_TEXT;
	return 0;
}

int page_open(struct page *p, const char *bytes, size_t size, const char *content_type)
{
	json_error_t error = { 0 }; /* jansson leaves its code alone where memory fails early */

	memset(p, 0, sizeof(*p));
	if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
		bytes += 3, size -= 3;
	while (size && isspace((unsigned char)*bytes))
		bytes++, size--;
	if (!size)
		return 0;
	if (*bytes == '<')
		return keep_start(p, bytes, size, content_type);
	p->root = json_loadb(bytes, size, JSON_DECODE_ANY, &error);
	if (!p->root)
		return is_no_memory(&error) ? -ENOMEM : keep_start(p, bytes, size, content_type);
	p->kind = PAGE_JSON;
	p->body = body_of(p->root);
	return 0;
}

void page_release(struct page *p)
{
	json_decref(p->root);
	buf_release(&p->start);
	memset(p, 0, sizeof(*p));
}
