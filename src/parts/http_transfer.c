/*
 * http_transfer: one call as an easy handle, hop by hop.
 *
 * The call is copied, each hop is aimed at its target, and curl's callbacks give the body away, look at the headers and
 * collect the answer or pass it to the sink. At the end of a hop its outcome is judged by what was seen on the way.
 *
 * A body that must leave only once is given through a read callback that cannot be rewound: where curl would send it
 * again, because a kept connection died before its answer, it finds CURLE_SEND_FAIL_REWIND instead. The pre-request
 * callback guards the rest: a second start after any byte of the body was taken.
 *
 * On close the copies of headers and body are wiped: they may hold the key or a token.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "http_internal.h"
#include "pimagefs/clock.h"

#ifndef PIMAGEFS_VERSION
#define PIMAGEFS_VERSION "dev"
#endif

/* A kept connection that was idle for longer is not trusted with what must leave only once. */
#define ONCE_MAX_IDLE_S 15

static const struct {
	CURLoption option;
	long value;
} fixed[] = {
	{ CURLOPT_NOSIGNAL, 1 },
	{ CURLOPT_NOPROGRESS, 1 },
	/* Otherwise ending a transfer waits for a name server that does not answer. */
	{ CURLOPT_QUICK_EXIT, 1 },
	{ CURLOPT_FOLLOWLOCATION, 0 },
	{ CURLOPT_PATH_AS_IS, 1 },
	{ CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
	{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
	{ CURLOPT_SSL_VERIFYPEER, 1 },
	{ CURLOPT_SSL_VERIFYHOST, 2 },
	{ CURLOPT_LOW_SPEED_LIMIT, 1 },
};

void http_say(struct http_transfer *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(t->answer.reason, sizeof(t->answer.reason), fmt, args);
	va_end(args);
}

static void wipe_headers(struct curl_slist *headers)
{
	for (struct curl_slist *h = headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(headers);
}

static bool add_header(struct http_transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->headers, line);

	if (more)
		t->headers = more;
	return more;
}

static size_t give_body(char *out, size_t size, size_t n, void *data)
{
	struct http_transfer *t = data;
	size_t left = t->body.size - t->body_given;

	/* curl knows the size and asks for no more, unless it begins again without a rewind. */
	if (!left)
		return CURL_READFUNC_ABORT;
	if (left > size * n)
		left = size * n;
	memcpy(out, t->body.data + t->body_given, left);
	t->body_given += left;
	return left;
}

static int rewind_body(void *data, curl_off_t offset, int origin)
{
	struct http_transfer *t = data;

	if (origin != SEEK_SET || offset < 0 || (size_t)offset > t->body.size)
		return CURL_SEEKFUNC_FAIL;
	t->body_given = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static long http_status(struct http_transfer *t)
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
		field[n] = isascii((unsigned char)value[n]) && isprint((unsigned char)value[n]) ? value[n] : '?';
	field[n] = '\0';
}

static void forget_headers(struct http_transfer *t)
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

static size_t on_header(char *line, size_t one, size_t size, void *data)
{
	struct http_transfer *t = data;

	(void)one;
	t->header_bytes += size;
	if (t->header_bytes > HTTP_MAX_HEADERS)
		return 0;
	if (size > 5 && strncasecmp(line, "HTTP/", 5) == 0)
		forget_headers(t);
	else if (t->headers_done)
		return size; /* a trailer */
	else if (size <= 2 && (line[0] == '\r' || line[0] == '\n'))
		t->headers_done = http_status(t) >= 200;
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

static size_t on_body(char *bytes, size_t one, size_t size, void *data)
{
	struct http_transfer *t = data;
	int r;

	(void)one;
	if (http_status(t) / 100 != 2)
		return take_error_page(t, bytes, size);
	if (size > t->max_bytes - t->answer.body_size || (!t->answer.body_size && announced_too_large(t))) {
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

static curl_socket_t on_socket(void *data, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct http_transfer *t = data;

	(void)purpose;
	if (t->public_only && !t->by_proxy && !http_address_is_public(&to->addr)) {
		t->barred = true;
		return CURL_SOCKET_BAD;
	}
	t->tried = true;
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* Called at each start of a request, also on a connection that another call had opened and on curl's own retry. */
static int on_start(void *data, char *their_ip, char *our_ip, int their_port, int our_port)
{
	struct http_transfer *t = data;

	(void)our_ip;
	(void)their_port;
	(void)our_port;
	if (t->public_only && !t->by_proxy && !http_literal_is_public(their_ip)) {
		t->barred = true;
		t->tried = false;
		return CURL_PREREQFUNC_ABORT;
	}
	if (t->once && t->began && (t->body_given || !t->body.size))
		return CURL_PREREQFUNC_ABORT;
	t->began = true;
	return CURL_PREREQFUNC_OK;
}

static int copy_call(struct http_transfer *t, const struct http_call *call)
{
	t->post = strcmp(call->method, "POST") == 0;
	t->once = call->once;
	t->follow = call->follow;
	t->https_only = call->https_only;
	t->public_only = call->public_only;
	t->max_bytes = call->max_bytes;
	t->sink = call->sink;
	t->sink_data = call->sink_data;
	for (const char *const *line = call->headers; line && *line; line++)
		if (!add_header(t, *line))
			return -ENOMEM;
	/* Without it curl waits up to a second for a server to say "100 Continue". */
	if (t->post && !add_header(t, "Expect:"))
		return -ENOMEM;
	if (call->body && buf_append(&t->body, call->body, call->body_size) < 0)
		return -ENOMEM;
	return 0;
}

static bool set_callbacks(struct http_transfer *t)
{
	CURL *e = t->easy;

	return !curl_easy_setopt(e, CURLOPT_PRIVATE, t) && !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_error) &&
	       !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) && !curl_easy_setopt(e, CURLOPT_WRITEDATA, t) &&
	       !curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) &&
	       !curl_easy_setopt(e, CURLOPT_HEADERDATA, t) &&
	       !curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket) &&
	       !curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t) &&
	       !curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_start) && !curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
}

static bool set_body(struct http_transfer *t)
{
	CURL *e = t->easy;

	if (!t->post)
		return true;
	if (curl_easy_setopt(e, CURLOPT_POST, 1L) ||
	    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.size))
		return false;
	if (!t->body.size)
		return !curl_easy_setopt(e, CURLOPT_POSTFIELDS, "");
	if (!t->once &&
	    (curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, rewind_body) || curl_easy_setopt(e, CURLOPT_SEEKDATA, t)))
		return false;
	return !curl_easy_setopt(e, CURLOPT_READFUNCTION, give_body) && !curl_easy_setopt(e, CURLOPT_READDATA, t);
}

static bool set_options(struct http_transfer *t)
{
	const struct http_settings *s = &t->http->settings;
	CURL *e = t->easy;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		if (curl_easy_setopt(e, fixed[i].option, fixed[i].value))
			return false;
	return !curl_easy_setopt(e, CURLOPT_USERAGENT, "pimagefs/" PIMAGEFS_VERSION) &&
	       !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, t->https_only ? "https" : "http,https") &&
	       !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)s->connect_timeout_s) &&
	       !curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)s->idle_timeout_s) &&
	       (!t->once || !curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)ONCE_MAX_IDLE_S));
}

int http_transfer_new(struct http_transfer **out, struct http *h, const struct http_call *call)
{
	struct http_transfer *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->http = h;
	list_init(&t->in);
	if (h->settings.timeout_s)
		t->deadline_ms = clock_mono_ms() + h->settings.timeout_s * INT64_C(1000);
	t->easy = curl_easy_init();
	if (!t->easy || copy_call(t, call) < 0 || !set_callbacks(t) || !set_body(t) || !set_options(t)) {
		http_transfer_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void http_transfer_free(struct http_transfer *t)
{
	if (!t)
		return;
	curl_easy_cleanup(t->easy);
	wipe_headers(t->headers);
	buf_wipe(&t->body);
	buf_release(&t->got);
	http_target_release(&t->target);
	free(t);
}

bool http_transfer_allowed(struct http_transfer *t, const struct http_target *target)
{
	const char *why = NULL;

	if (t->https_only && strcmp(target->scheme, "https") != 0)
		why = "only https is allowed";
	else if (t->public_only && http_target_is_private(target))
		why = "this address lies inside a private network or on this machine";
	if (!why)
		return true;
	t->answer.outcome = HTTP_REFUSED;
	http_say(t, "refused to ask %s: %s", target->origin, why);
	return false;
}

static void forget_hop(struct http_transfer *t)
{
	t->body_given = t->header_bytes = 0;
	t->began = t->tried = t->barred = t->too_large = t->truncated = false;
	buf_release(&t->got);
	memset(&t->answer, 0, sizeof(t->answer));
	t->curl_error[0] = '\0';
	forget_headers(t);
}

static bool set_route(struct http_transfer *t)
{
	t->by_proxy = http_target_by_proxy(&t->target);
	/* Where connections are checked, who decides between proxy and direct must be this file alone. */
	if (t->by_proxy)
		return !curl_easy_setopt(t->easy, CURLOPT_PROXY, NULL) &&
		       (!t->public_only || !curl_easy_setopt(t->easy, CURLOPT_NOPROXY, ""));
	if (t->public_only || http_target_is_local(&t->target))
		return !curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
	return !curl_easy_setopt(t->easy, CURLOPT_PROXY, NULL);
}

int http_transfer_aim(struct http_transfer *t)
{
	bool tls = strcmp(t->target.scheme, "https") == 0;
	long timeout_ms = 0;

	forget_hop(t);
	if (t->deadline_ms) {
		int64_t left = t->deadline_ms - clock_mono_ms();

		timeout_ms = left < 1 ? 1 : (long)left;
	}
	if (curl_easy_setopt(t->easy, CURLOPT_URL, t->target.url) ||
	    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) ||
	    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, timeout_ms) ||
	    /* Plain HTTP never multiplexes: waiting for it would queue all calls behind the first. */
	    curl_easy_setopt(t->easy, CURLOPT_PIPEWAIT, (long)tls) ||
	    curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION,
			     (long)(tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1)) ||
	    !set_route(t))
		return -ENOMEM;
	return 0;
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
		return HTTP_NOT_SENT;
	return t->headers_done ? HTTP_CUT : HTTP_NO_ANSWER;
}

static void explain(struct http_transfer *t, CURLcode code)
{
	const char *why = t->curl_error[0] ? t->curl_error :
			  code	       ? curl_easy_strerror(code) :
					 "the connection was closed";
	const char *who = t->target.origin;

	switch (t->answer.outcome) {
	case HTTP_NOT_SENT:
		http_say(t, "no connection to %s: %s", who, why);
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
		http_say(t, "refused to ask %s: it lies inside a private network or on this machine", who);
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
	a->status = t->headers_done ? (int)http_status(t) : 0;
	a->body = buf_text(&t->got);
	a->body_size = t->got.size;
	explain(t, code);
}
