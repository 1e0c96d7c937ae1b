/*
 * http_transfer: one call as an easy handle, hop by hop: what leaves, and where to.
 *
 * The call is copied, each hop is aimed at its target, and curl's callbacks give the body away and
 * look at each connection. What comes back is http_answer's.
 *
 * A body that must leave only once is given through a read callback that cannot be rewound: where
 * curl would send it again, because a kept connection died before its answer, it finds
 * CURLE_SEND_FAIL_REWIND instead. The pre-request callback guards the rest: a second start after
 * any byte of the body was taken.
 *
 * On close the copies of headers and body are wiped: they may hold the key or a token.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_internal.h"
#include "pimagefs/clock.h"

#ifndef PIMAGEFS_VERSION
#define PIMAGEFS_VERSION "dev"
#endif

/* A kept connection that was idle for longer is not trusted with what must leave only once. */
#define ONCE_MAX_IDLE_S 15

struct fixed_option {
	CURLoption option;
	long value;
};

static const struct fixed_option fixed[] = {
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

/* Called at each start of a request, also on a connection that another call had opened and on
 * curl's own retry. */
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

	return !curl_easy_setopt(e, CURLOPT_PRIVATE, t) &&
	       !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_error) &&
	       !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, http_take_body) &&
	       !curl_easy_setopt(e, CURLOPT_WRITEDATA, t) &&
	       !curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, http_take_header) &&
	       !curl_easy_setopt(e, CURLOPT_HEADERDATA, t) &&
	       !curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket) &&
	       !curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t) &&
	       !curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_start) &&
	       !curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
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
	if (!t->once && (curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, rewind_body) ||
			 curl_easy_setopt(e, CURLOPT_SEEKDATA, t)))
		return false;
	return !curl_easy_setopt(e, CURLOPT_READFUNCTION, give_body) &&
	       !curl_easy_setopt(e, CURLOPT_READDATA, t);
}

static bool set_options(struct http_transfer *t)
{
	const struct http_settings *s = &t->http->settings;
	CURL *e = t->easy;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		if (curl_easy_setopt(e, fixed[i].option, fixed[i].value))
			return false;
	return !curl_easy_setopt(e, CURLOPT_USERAGENT, "pimagefs/" PIMAGEFS_VERSION) &&
	       !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR,
				 t->https_only ? "https" : "http,https") &&
	       !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)s->connect_timeout_s) &&
	       !curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)s->idle_timeout_s) &&
	       (!s->ca_file || !*s->ca_file || !curl_easy_setopt(e, CURLOPT_CAINFO, s->ca_file)) &&
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
	if (!t->easy || copy_call(t, call) < 0 || !set_callbacks(t) || !set_body(t) ||
	    !set_options(t)) {
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
	http_forget_headers(t);
}

static bool set_route(struct http_transfer *t)
{
	t->by_proxy = http_target_by_proxy(&t->target);
	/* Where connections are checked, who decides between proxy and direct must be this file
	 * alone. */
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
	    /* Plain HTTP never multiplexes: waiting for it would queue all calls behind the first.
	     */
	    curl_easy_setopt(t->easy, CURLOPT_PIPEWAIT, (long)tls) ||
	    curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION,
			     (long)(tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1)) ||
	    !set_route(t))
		return -ENOMEM;
	return 0;
}
