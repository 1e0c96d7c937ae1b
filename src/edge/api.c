/*
 * api: the service's endpoints over http.
 *
 * A call is started with the key in one header and ends with one answer: what http found out about
 * its way, or what answer.c reads in its body. A create is sent once at most; where it is not known
 * whether it was taken, it says so. A picture is fetched without the key from wherever the
 * service's link points, but not from inside this machine's own network.
 *
 * Before a body is read the key is masked in it, so that no text of an answer can carry it on.
 * Failures are verdicts; only want of memory is an error of a start.
 *
 * On close the key is wiped. Calls end before: by their answer, by stop, or with the http.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/api.h"
#include "pimagefs/buf.h"
#include "pimagefs/clock.h"
#include "pimagefs/log.h"

#define MAX_ANSWER ((size_t)1 << 20)
/* A shorter text is no key, and would be found in many a word. */
#define SHORTEST_KEY 6

#define HINT_WAIT "nothing to do: it is tried again"

enum kind { CREATE, POLL, CANCEL, DOWNLOAD };

static const char *const kind_names[] = { "create", "poll", "cancel", "download" };

struct api {
	struct http *http;
	const struct settings *settings;
	struct buf key;
	struct buf auth; /* the header; empty without a key */
};

struct api_call {
	struct api *api;
	enum kind kind;
	struct http_transfer *transfer;
	api_done_fn done;
	void *data;
};

static bool usable_key(const char *key)
{
	for (; *key; key++)
		if ((unsigned char)*key < ' ' || *key == 0x7f)
			return false;
	return true;
}

int api_new(struct api **out, struct http *http, const struct settings *settings)
{
	const char *key = settings->api.key;
	bool bearer = settings->api.auth == CONFIG_AUTH_BEARER;
	struct api *api;
	int r;

	/* A line end would begin a header of its own. */
	if (!usable_key(key))
		return -EINVAL;
	api = calloc(1, sizeof(*api));
	if (!api)
		return -ENOMEM;
	api->http = http;
	api->settings = settings;
	r = buf_puts(&api->key, key);
	if (r == 0 && *key)
		r = buf_printf(&api->auth, "%s%s",
			       bearer ? "Authorization: Bearer " : "X-API-Key: ", key);
	if (r < 0) {
		api_free(api);
		return r;
	}
	*out = api;
	return 0;
}

void api_free(struct api *api)
{
	if (!api)
		return;
	buf_wipe(&api->key);
	buf_wipe(&api->auth);
	free(api);
}

static void mask(const struct api *api, char *text, size_t size)
{
	const struct buf *key = &api->key;
	char *at;

	if (!size || key->size < SHORTEST_KEY)
		return;
	while ((at = memmem(text, size, key->data, key->size))) {
		memset(at, '*', key->size);
		size -= (size_t)(at - text) + key->size;
		text = at + key->size;
	}
}

struct outcome {
	enum api_verdict verdict;
	enum error_class class;
	const char *hint;
};

static struct outcome create_outcome(enum http_outcome outcome)
{
	switch (outcome) {
	case HTTP_NO_ANSWER:
	case HTTP_CUT:
	case HTTP_TOO_LARGE:
		return (struct outcome){
			API_UNCERTAIN, ERROR_UNCERTAIN,
			"it may run and be billed; to ask again: echo 'retry ID' > control/ctl"
		};
	default:
		return (struct outcome){ API_OFFLINE, ERROR_NETWORK, HINT_WAIT };
	}
}

static struct outcome download_outcome(enum http_outcome outcome)
{
	switch (outcome) {
	case HTTP_CUT:
	case HTTP_TOO_LARGE:
		return (struct outcome){
			API_BAD_BODY, ERROR_DOWNLOAD,
			"if it is larger than [limits] max_image_bytes, raise that"
		};
	case HTTP_REFUSED:
		return (struct outcome){
			API_BAD_BODY, ERROR_DOWNLOAD,
			"links must be https and public, unless [api] base_url is on loopback"
		};
	case HTTP_SINK:
		return (struct outcome){ API_SINK, ERROR_DOWNLOAD,
					 "see that the library's disk has room" };
	default:
		return (struct outcome){ API_OFFLINE, ERROR_NETWORK, HINT_WAIT };
	}
}

static struct outcome get_outcome(enum http_outcome outcome)
{
	if (outcome == HTTP_TOO_LARGE)
		return (struct outcome){ API_TROUBLE, ERROR_SERVICE, HINT_WAIT };
	return (struct outcome){ API_OFFLINE, ERROR_NETWORK, HINT_WAIT };
}

/* No whole answer came: what that means depends on the call. */
static void read_outcome(enum kind kind, const struct http_answer *h, struct api_answer *out)
{
	struct outcome o = kind == CREATE     ? create_outcome(h->outcome)
			   : kind == DOWNLOAD ? download_outcome(h->outcome)
					      : get_outcome(h->outcome);

	if (h->outcome == HTTP_CLOSED)
		o = (struct outcome){ API_CLOSED, ERROR_CANCELLED, "" };
	out->verdict = o.verdict;
	out->sink_error = h->sink_error;
	error_set(&out->error, o.class, "%s", h->reason);
	error_hint(&out->error, "%s",
		   h->outcome == HTTP_REFUSED && kind != DOWNLOAD
			   ? "sign in to the network if it asks for that, or check [api] base_url"
			   : o.hint);
}

static void read_downloaded(int status, struct api_answer *out)
{
	bool later = status == 408 || status == 425 || status == 429;

	if (status >= 200 && status < 300) {
		out->verdict = API_DONE;
	} else if (status >= 400 && status < 500 && !later) {
		out->verdict = API_UNKNOWN;
		error_set(&out->error, ERROR_DOWNLOAD, "the link of the picture is dead (HTTP %d)",
			  status);
		error_hint(&out->error, "to ask for a new picture: echo 'retry ID' > control/ctl");
	} else {
		out->verdict = API_TROUBLE;
		error_set(&out->error, ERROR_DOWNLOAD, "the picture's host has a problem (HTTP %d)",
			  status);
		error_hint(&out->error, HINT_WAIT);
	}
}

/* An error's status counts even where its page broke off: a refused create is decided. */
static bool is_answered(const struct http_answer *h)
{
	return h->outcome == HTTP_ANSWERED || (h->outcome == HTTP_CUT && h->status >= 400);
}

static int read_page(const struct api_call *c, const struct http_answer *h, struct api_answer *out)
{
	static int (*const readers[])(int, const char *, size_t, const char *,
				      struct api_answer *) = {
		[CREATE] = api_read_create,
		[POLL] = api_read_poll,
		[CANCEL] = api_read_cancel,
	};
	struct buf body = BUF_INIT;
	int r = buf_append(&body, h->body, h->body_size);

	if (r == 0) {
		mask(c->api, body.data, body.size);
		r = readers[c->kind](h->status, buf_text(&body), body.size, h->content_type, out);
	}
	buf_wipe(&body);
	return r;
}

/* There is an answer and no memory to read it. To a create that is as good as none. */
static void read_nothing(enum kind kind, struct api_answer *out)
{
	bool create = kind == CREATE;

	memset(out, 0, sizeof(*out));
	out->predict_time_s = out->cost_usd = -1;
	out->verdict = create ? API_UNCERTAIN : API_TROUBLE;
	error_set(&out->error, create ? ERROR_UNCERTAIN : ERROR_SERVICE,
		  "out of memory while reading the service's answer");
	error_hint(&out->error,
		   create ? "it may run and be billed; to ask again: echo 'retry ID' > control/ctl"
			  : HINT_WAIT);
}

static void read_answer(const struct api_call *c, const struct http_answer *h,
			struct api_answer *out)
{
	memset(out, 0, sizeof(*out));
	out->predict_time_s = out->cost_usd = -1;
	if (!is_answered(h))
		read_outcome(c->kind, h, out);
	else if (c->kind == DOWNLOAD)
		read_downloaded(h->status, out);
	else if (read_page(c, h, out) < 0)
		read_nothing(c->kind, out);
	out->retry_after_ms = -1;
	if (is_answered(h))
		out->retry_after_ms = http_retry_after_ms(h->retry_after, clock_wall_ms());
	out->error.http_status = h->status;
	error_text(out->error.request_id, sizeof(out->error.request_id), h->request_id);
	/* Escapes in JSON can hide it from the first look. */
	mask(c->api, out->error.message, strlen(out->error.message));
	mask(c->api, out->error.details, strlen(out->error.details));
	mask(c->api, out->error.request_id, strlen(out->error.request_id));
}

static void on_done(const struct http_answer *h, void *data)
{
	struct api_call *c = data;
	struct api_answer answer;

	read_answer(c, h, &answer);
	log_debug("%s: HTTP %d, %zu bytes, request id '%s'%s%s", kind_names[c->kind], h->status,
		  h->body_size, answer.error.request_id, h->reason[0] ? ": " : "", h->reason);
	c->done(&answer, c->data);
	api_answer_release(&answer);
	free(c);
}

static int start(struct api *api, enum kind kind, const struct http_call *call, api_done_fn done,
		 void *data, struct api_call **out)
{
	struct api_call *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->api = api;
	c->kind = kind;
	c->done = done;
	c->data = data;
	r = http_start(api->http, call, on_done, c, &c->transfer);
	if (r < 0) {
		free(c);
		return r;
	}
	if (out)
		*out = c;
	return 0;
}

/* BASE/prediction/, then the id as one segment and what follows it. */
static int make_url(const struct api *api, const char *id, const char *after, struct buf *url)
{
	int r = buf_printf(url, "%s/prediction/", api->settings->api.base_url);

	if (r == 0 && id)
		r = http_encode_segment(url, id);
	return r < 0 ? r : buf_puts(url, after);
}

static int start_keyed(struct api *api, enum kind kind, const char *id, const char *after,
		       const char *body, api_done_fn done, void *data, struct api_call **out)
{
	struct buf url = BUF_INIT;
	const char *headers[4] = { "Accept: application/json" };
	struct http_call call = {
		.method = kind == POLL ? "GET" : "POST",
		.headers = headers,
		.body = body,
		.body_size = body ? strlen(body) : 0,
		.once = kind == CREATE,
		.https_only = !http_is_loopback(api->settings->api.base_url),
		.max_bytes = MAX_ANSWER,
	};
	unsigned n = 1;
	int r = make_url(api, id, after, &url);

	if (kind != POLL)
		headers[n++] = "Content-Type: application/json";
	if (api->auth.size)
		headers[n++] = buf_text(&api->auth);
	call.url = buf_text(&url);
	if (r == 0)
		r = start(api, kind, &call, done, data, out);
	buf_release(&url);
	return r;
}

static int api_create(void *self, const char *body, api_done_fn done, void *data,
		      struct api_call **out)
{
	return start_keyed(self, CREATE, NULL, "", body, done, data, out);
}

static int api_poll(void *self, const char *id, api_done_fn done, void *data, struct api_call **out)
{
	return start_keyed(self, POLL, id, "", NULL, done, data, out);
}

static int api_cancel(void *self, const char *id, api_done_fn done, void *data,
		      struct api_call **out)
{
	return start_keyed(self, CANCEL, id, "/cancel", NULL, done, data, out);
}

static int api_download(void *self, const char *link, int (*sink)(const void *, size_t, void *),
			void *sink_data, api_done_fn done, void *data, struct api_call **out)
{
	struct api *api = self;
	bool local = http_is_loopback(api->settings->api.base_url);
	struct http_call call = {
		.method = "GET",
		.url = link,
		.follow = true,
		.https_only = !local,
		.public_only = !local,
		.max_bytes = (size_t)api->settings->limits.max_image_bytes,
		.sink = sink,
		.sink_data = sink_data,
	};

	return start(api, DOWNLOAD, &call, done, data, out);
}

static void api_stop(void *self, struct api_call *call)
{
	(void)self;
	http_cancel(call->transfer);
}

const struct api_ops api_http_ops = {
	.create = api_create,
	.poll = api_poll,
	.cancel = api_cancel,
	.download = api_download,
	.stop = api_stop,
};
