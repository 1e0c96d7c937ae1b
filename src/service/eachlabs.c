/*
 * eachlabs: the service's endpoints over http.
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
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/buf.h"
#include "pimagefs/clock.h"
#include "pimagefs/log.h"
#include "pimagefs/service.h"

#define MAX_ANSWER ((size_t)1 << 20)
/* A shorter text is no key, and would be found in many a word. */
#define SHORTEST_KEY 6

enum kind { CREATE, POLL, CANCEL, DOWNLOAD };

static const char *const kind_names[] = { "create", "poll", "cancel", "download" };

struct eachlabs {
	struct http *http;
	const struct settings *settings;
	struct buf key;
	struct buf auth; /* the header; empty without a key */
};

static bool is_local(const struct eachlabs *api)
{
	return http_is_loopback(api->settings->api.base_url);
}

struct service_call {
	struct eachlabs *api;
	enum kind kind;
	struct http_transfer *transfer;
	service_done_fn done;
	void *data;
};

static bool usable_key(const char *key)
{
	for (; *key; key++)
		if ((unsigned char)*key < ' ' || *key == 0x7f)
			return false;
	return true;
}

int eachlabs_renew(struct eachlabs *api)
{
	const char *text = api->settings->api.key;
	bool bearer = api->settings->api.auth == CONFIG_AUTH_BEARER;
	struct buf key = BUF_INIT, auth = BUF_INIT;
	int r = usable_key(text) ? buf_puts(&key, text) : -EINVAL; /* a line end would begin a
								      header of its own */

	if (r == 0 && *text)
		r = buf_printf(&auth, "%s%s",
			       bearer ? "Authorization: Bearer " : "X-API-Key: ", text);
	if (r < 0) {
		buf_wipe(&key);
		buf_wipe(&auth);
		return r;
	}
	buf_wipe(&api->key);
	buf_wipe(&api->auth);
	api->key = key;
	api->auth = auth;
	return 0;
}

int eachlabs_new(struct eachlabs **out, struct http *http, const struct settings *settings)
{
	struct eachlabs *api = calloc(1, sizeof(*api));
	int r;

	if (!api)
		return -ENOMEM;
	api->http = http;
	api->settings = settings;
	r = eachlabs_renew(api);
	if (r < 0)
		eachlabs_free(api);
	else
		*out = api;
	return r;
}

void eachlabs_free(struct eachlabs *api)
{
	if (!api)
		return;
	buf_wipe(&api->key);
	buf_wipe(&api->auth);
	free(api);
}

static void mask(const struct eachlabs *api, char *text, size_t size)
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
	enum service_verdict verdict;
	enum error_class class;
	enum advice advice;
};

/* No whole answer came: what that means depends on the call. */
static struct outcome outcome_of(enum kind kind, enum http_outcome outcome)
{
	bool download = kind == DOWNLOAD;

	switch (outcome) {
	case HTTP_CLOSED:
		return (struct outcome){ SERVICE_CLOSED, ERROR_CANCELLED, ADVICE_NONE };
	case HTTP_UNTRUSTED:
		return (struct outcome){ kind == CREATE ? SERVICE_AUTH : SERVICE_TROUBLE,
					 ERROR_NETWORK, ADVICE_CERTIFICATE };
	case HTTP_NO_ANSWER:
	case HTTP_CUT:
	case HTTP_TOO_LARGE:
		if (kind == CREATE)
			return (struct outcome){ SERVICE_UNCERTAIN, ERROR_UNCERTAIN,
						 ADVICE_RETRY_UNCERTAIN };
		if (download && outcome != HTTP_NO_ANSWER)
			return (struct outcome){ SERVICE_BAD_BODY, ERROR_DOWNLOAD, ADVICE_LARGER };
		if (outcome == HTTP_TOO_LARGE)
			return (struct outcome){ SERVICE_TROUBLE, ERROR_SERVICE, ADVICE_WAIT };
		break;
	case HTTP_REFUSED:
		if (download)
			return (struct outcome){ SERVICE_BAD_BODY, ERROR_DOWNLOAD, ADVICE_LINK };
		return (struct outcome){ SERVICE_OFFLINE, ERROR_NETWORK, ADVICE_SIGN_IN };
	case HTTP_SINK:
		return (struct outcome){ SERVICE_SINK, ERROR_DOWNLOAD, ADVICE_ROOM };
	default:
		break;
	}
	return (struct outcome){ SERVICE_OFFLINE, ERROR_NETWORK, ADVICE_WAIT };
}

static void tell(struct service_answer *out, struct outcome o, const char *reason)
{
	out->verdict = o.verdict;
	error_set(&out->error, o.class, "%s", reason);
	out->error.advice = o.advice;
}

static void read_downloaded(int status, struct service_answer *out)
{
	bool later = status == 408 || status == 425 || status == 429;
	bool dead = status >= 400 && status < 500 && !later;

	if (status >= 200 && status < 300) {
		out->verdict = SERVICE_DONE;
		return;
	}
	out->verdict = dead ? SERVICE_UNKNOWN : SERVICE_TROUBLE;
	error_set(&out->error, ERROR_DOWNLOAD,
		  dead ? "the link of the picture is dead (HTTP %d)"
		       : "the picture's host has a problem (HTTP %d)",
		  status);
	out->error.advice = dead ? ADVICE_NEW_PICTURE : ADVICE_WAIT;
}

/* An error's status counts even where its page broke off: a refused create is decided. */
static bool is_answered(const struct http_answer *h)
{
	return h->outcome == HTTP_ANSWERED || (h->outcome == HTTP_CUT && h->status >= 400);
}

/* 0 or -ENOMEM. */
static int read_body(const struct service_call *c, const struct http_answer *h,
		     struct service_answer *out)
{
	const char *type = h->content_type;
	struct buf body = BUF_INIT;
	int r = buf_append(&body, h->body, h->body_size);

	if (r == 0) {
		mask(c->api, body.data, body.size);
		if (c->kind == CREATE)
			r = answer_read_create(h->status, buf_text(&body), body.size, type,
					       !is_local(c->api), out);
		else if (c->kind == POLL)
			r = answer_read_poll(h->status, buf_text(&body), body.size, type, out);
		else
			r = answer_read_cancel(h->status, buf_text(&body), body.size, type, out);
	}
	buf_wipe(&body);
	return r;
}

static void read_answer(const struct service_call *c, const struct http_answer *h,
			struct service_answer *out)
{
	bool answered = is_answered(h);

	memset(out, 0, sizeof(*out));
	out->predict_time_s = out->cost_usd = -1;
	out->sink_error = h->sink_error;
	if (!answered)
		tell(out, outcome_of(c->kind, h->outcome), h->reason);
	else if (c->kind == DOWNLOAD)
		read_downloaded(h->status, out);
	else if (read_body(c, h, out) < 0)
		/* To a create that is as good as no answer; a GET is asked again. */
		tell(out, outcome_of(c->kind, c->kind == CREATE ? HTTP_NO_ANSWER : HTTP_TOO_LARGE),
		     "out of memory while reading the service's answer");
	out->retry_after_ms = answered ? http_retry_after_ms(h->retry_after, clock_wall_ms()) : -1;
	out->error.http_status = h->status;
	error_text(out->error.request_id, sizeof(out->error.request_id), h->request_id);
	/* Escapes in JSON can hide it from the first look. */
	mask(c->api, out->error.message, strlen(out->error.message));
	mask(c->api, out->error.details, strlen(out->error.details));
	mask(c->api, out->error.request_id, strlen(out->error.request_id));
}

static void on_done(const struct http_answer *h, void *data)
{
	struct service_call *c = data;
	struct service_answer answer;

	read_answer(c, h, &answer);
	log_debug("%s: HTTP %d, %zu bytes, request id '%s'%s%s", kind_names[c->kind], h->status,
		  h->body_size, answer.error.request_id, h->reason[0] ? ": " : "", h->reason);
	c->done(&answer, c->data);
	answer_release(&answer);
	free(c);
}

static int start(struct eachlabs *api, enum kind kind, const struct http_call *call,
		 service_done_fn done, void *data, struct service_call **out)
{
	struct service_call *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->api = api;
	c->kind = kind;
	c->done = done;
	c->data = data;
	r = http_start(api->http, call, on_done, c, &c->transfer);
	if (r < 0)
		free(c);
	else if (out)
		*out = c;
	return r;
}

/* BASE/prediction/, then the id as one segment and what follows it. */
static int start_keyed(struct eachlabs *api, enum kind kind, const char *id, const char *after,
		       const char *body, service_done_fn done, void *data,
		       struct service_call **out)
{
	struct buf url = BUF_INIT;
	const char *headers[4] = { "Accept: application/json" };
	struct http_call call = {
		.method = kind == POLL ? "GET" : "POST",
		.headers = headers,
		.body = body,
		.body_size = body ? strlen(body) : 0,
		.once = kind == CREATE,
		.https_only = !is_local(api),
		.max_bytes = MAX_ANSWER,
	};
	unsigned n = 1;
	int r = buf_printf(&url, "%s/prediction/", api->settings->api.base_url);

	if (r == 0 && id)
		r = http_encode_segment(&url, id);
	if (r == 0)
		r = buf_puts(&url, after);
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

static int eachlabs_create(void *self, const char *model, const char *input, service_done_fn done,
			   void *data, struct service_call **out)
{
	json_t *name = json_string(model);
	char *quoted = json_dumps(name, JSON_ENCODE_ANY);
	struct buf body = BUF_INIT;
	int r = -ENOMEM;

	if (quoted)
		r = buf_printf(&body, "{\"model\":%s,\"input\":%s}", quoted, input);
	if (r == 0)
		r = start_keyed(self, CREATE, NULL, "", buf_text(&body), done, data, out);
	buf_wipe(&body); /* it may hold a token */
	free(quoted);
	json_decref(name);
	return r;
}

static int eachlabs_poll(void *self, const char *id, service_done_fn done, void *data,
			 struct service_call **out)
{
	return start_keyed(self, POLL, id, "", NULL, done, data, out);
}

static int eachlabs_cancel(void *self, const char *id, service_done_fn done, void *data,
			   struct service_call **out)
{
	return start_keyed(self, CANCEL, id, "/cancel", NULL, done, data, out);
}

static int eachlabs_download(void *self, const char *link,
			     int (*sink)(const void *, size_t, void *), void *sink_data,
			     service_done_fn done, void *data, struct service_call **out)
{
	struct eachlabs *api = self;
	bool local = is_local(api);
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

static void eachlabs_stop(void *self, struct service_call *call)
{
	(void)self;
	http_cancel(call->transfer);
}

const struct service_ops eachlabs_ops = {
	.create = eachlabs_create,
	.poll = eachlabs_poll,
	.cancel = eachlabs_cancel,
	.download = eachlabs_download,
	.stop = eachlabs_stop,
};
