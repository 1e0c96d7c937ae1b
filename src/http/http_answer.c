/*
 * http_answer: what comes back on an easy handle, and what it means.
 *
 * The head is looked at line by line for the few headers that matter. The body of a 2xx goes to the
 * sink or is collected; that of an error is collected as far as it is worth reading. At the end of
 * a hop its outcome is judged by what was seen on the way.
 *
 * What is over a limit ends the transfer. A limit on an error's page does not make it less of an
 * answer.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http_internal.h"

void http_say(struct http_transfer *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(t->answer.reason, sizeof(t->answer.reason), fmt, args);
	va_end(args);
}

static long status_of(struct http_transfer *t)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* What a header says ends up in JSON and on terminals. */
static void copy_value(char *field, size_t room, const char *value, size_t size)
{
	size_t n = 0;

	while (size && isspace((unsigned char)value[size - 1]))
		size--;
	while (size && isspace((unsigned char)*value))
		value++, size--;
	for (; n < size && n + 1 < room; n++)
		field[n] = isascii((unsigned char)value[n]) && isprint((unsigned char)value[n])
				   ? value[n]
				   : '?';
	field[n] = '\0';
}

void http_forget_headers(struct http_transfer *t)
{
	t->answer.content_type[0] = '\0';
	t->answer.retry_after[0] = '\0';
	t->answer.request_id[0] = '\0';
	t->headers_done = false;
}

static void take_header(struct http_answer *a, const char *line, size_t size)
{
	const struct {
		const char *name;
		char *field;
		size_t room;
	} wanted[] = {
		{ "Content-Type:", a->content_type, sizeof(a->content_type) },
		{ "Retry-After:", a->retry_after, sizeof(a->retry_after) },
		{ "X-Request-Id:", a->request_id, sizeof(a->request_id) },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		size_t name = strlen(wanted[i].name);

		if (size > name && strncasecmp(line, wanted[i].name, name) == 0)
			copy_value(wanted[i].field, wanted[i].room, line + name, size - name);
	}
}

size_t http_take_header(char *line, size_t one, size_t size, void *data)
{
	struct http_transfer *t = data;

	(void)one;
	t->header_bytes += size;
	if (t->header_bytes > HTTP_MAX_HEADERS)
		return 0;
	if (size > 5 && strncasecmp(line, "HTTP/", 5) == 0)
		http_forget_headers(t);
	else if (t->headers_done)
		return size; /* a trailer */
	else if (size <= 2 && (line[0] == '\r' || line[0] == '\n'))
		t->headers_done = status_of(t) >= 200;
	else
		take_header(&t->answer, line, size);
	return size;
}

static bool announced_too_large(struct http_transfer *t)
{
	curl_off_t size = -1;

	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
	return size > 0 && (uint64_t)size > t->max_bytes;
}

/* An error's page is worth reading, not worth its whole length: what does not fit is left out. */
static size_t take_error_page(struct http_transfer *t, const char *bytes, size_t size)
{
	size_t most = t->max_bytes < HTTP_MAX_ERROR_BODY ? t->max_bytes : HTTP_MAX_ERROR_BODY;
	size_t room = most - t->got.size;
	size_t n = size < room ? size : room;

	if (n && buf_append(&t->got, bytes, n) < 0)
		return 0;
	t->truncated = n < size;
	return n;
}

size_t http_take_body(char *bytes, size_t one, size_t size, void *data)
{
	struct http_transfer *t = data;
	int r;

	(void)one;
	if (status_of(t) / 100 != 2)
		return take_error_page(t, bytes, size);
	if (size > t->max_bytes - t->answer.body_size ||
	    (!t->answer.body_size && announced_too_large(t))) {
		t->too_large = true;
		return 0;
	}
	r = t->sink ? t->sink(bytes, size, t->sink_data) : buf_append(&t->got, bytes, size);
	if (r && t->sink)
		t->answer.sink_error = r;
	if (r)
		return 0;
	t->answer.body_size += size;
	return size;
}

/* Did any byte of the request itself leave? What a proxy was told does not count. */
static bool has_left(struct http_transfer *t)
{
	long bytes = 0;

	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &bytes);
	return t->began && (bytes > 0 || t->body_given > 0);
}

static enum http_outcome outcome_of(struct http_transfer *t, CURLcode code)
{
	if (t->answer.sink_error)
		return HTTP_SINK;
	if (t->too_large)
		return HTTP_TOO_LARGE;
	/* curl is content with a head that breaks off. */
	if ((code == CURLE_OK && t->headers_done) || t->truncated)
		return HTTP_ANSWERED;
	/* A host with an address that may be asked and does not answer is no refusal. */
	if (t->barred && !t->tried)
		return HTTP_REFUSED;
	if (!has_left(t))
		return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE
			       ? HTTP_UNTRUSTED
			       : HTTP_NOT_SENT;
	return t->headers_done ? HTTP_CUT : HTTP_NO_ANSWER;
}

static void explain(struct http_transfer *t, CURLcode code)
{
	const char *why = t->curl_error[0] ? t->curl_error
			  : code           ? curl_easy_strerror(code)
					   : "the connection was closed";
	const char *who = t->target.origin;

	switch (t->answer.outcome) {
	case HTTP_NOT_SENT:
		http_say(t, "no connection to %s: %s", who, why);
		break;
	case HTTP_UNTRUSTED:
		http_say(t, "the certificate of %s cannot be trusted: %s", who, why);
		break;
	case HTTP_NO_ANSWER:
		http_say(t, "no answer from %s: %s", who, why);
		break;
	case HTTP_CUT:
		http_say(t, "the answer from %s broke off: %s", who, why);
		break;
	case HTTP_TOO_LARGE:
		http_say(t, "the answer from %s is larger than %zu bytes", who, t->max_bytes);
		break;
	case HTTP_REFUSED:
		http_say(t,
			 "refused to ask %s: it lies inside a private network or on this machine",
			 who);
		break;
	case HTTP_SINK:
		http_say(t, "the answer from %s could not be kept: %s", who,
			 strerror(t->answer.sink_error < 0 ? -t->answer.sink_error : EIO));
		break;
	default:
		t->answer.reason[0] = '\0';
	}
}

void http_transfer_judge(struct http_transfer *t, CURLcode code)
{
	struct http_answer *a = &t->answer;

	a->outcome = outcome_of(t, code);
	a->status = t->headers_done ? (int)status_of(t) : 0;
	a->body = buf_text(&t->got);
	a->body_size = t->got.size;
	explain(t, code);
}
