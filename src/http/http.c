/*
 * http: calls over HTTP on the loop, from start to their one answer.
 *
 * A call becomes a transfer (http_transfer) on curl's multi handle, whose sockets and timer are the
 * loop's (http_loop). When curl says that a hop is over, it is judged; a redirect that the call
 * allows (http_guard knows where one may go) becomes the next hop of the same transfer, anything
 * else goes to the caller. Redirects are taken here rather than by curl, because each hop must be
 * checked before a connection is made, and because curl would take headers that hold a key along to
 * another host.
 *
 * Every failure is an outcome of the call; what matters most is whether the request may have been
 * seen. Only want of memory, or a closed http, is an error of http_start.
 *
 * On close every transfer is answered with HTTP_CLOSED, then the handles close, then the struct is
 * freed by the last of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http_internal.h"

static void finish(struct http_transfer *t)
{
	struct http *h = t->http;

	list_remove(&t->in);
	if (t->added)
		curl_multi_remove_handle(h->multi, t->easy);
	t->added = false;
	if (!t->answer.body)
		t->answer.body = "";
	t->done(&t->answer, t->data);
	http_transfer_free(t);
}

static void on_later(uv_timer_t *timer)
{
	struct http *h = timer->data;

	while (!list_empty(&h->over))
		finish(list_entry(h->over.next, struct http_transfer, in));
}

void http_end_later(struct http_transfer *t)
{
	list_remove(&t->in);
	list_append(&t->http->over, &t->in);
	uv_timer_start(&t->http->later, on_later, 0, 0);
}

static int launch(struct http_transfer *t)
{
	struct http *h = t->http;

	if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
		return -ENOMEM;
	t->added = true;
	list_remove(&t->in);
	list_append(&h->running, &t->in);
	return 0;
}

/* True if the answer sends the call elsewhere. 303 is "done, look there", and 301 and 302 make a
 * GET of a POST: for that they are the answer. */
static bool is_redirect(const struct http_transfer *t)
{
	int status = t->answer.status;

	return status == 307 || status == 308 || (status >= 301 && status <= 303 && !t->post);
}

static bool may_go(struct http_transfer *t, const struct http_target *next)
{
	t->answer.outcome = HTTP_REFUSED;
	if (t->hops >= HTTP_MAX_HOPS) {
		http_say(t, "%s redirects too often", t->target.origin);
		return false;
	}
	if (!t->follow && !http_same_origin(&t->target, next)) {
		http_say(t, "%s redirects to %s, where this call must not follow", t->target.origin,
			 next->origin);
		return false;
	}
	return http_transfer_allowed(t, next);
}

static int go(struct http_transfer *t, struct http_target *next)
{
	struct http_target last = t->target;
	int r;

	t->hops++;
	curl_multi_remove_handle(t->http->multi, t->easy);
	t->added = false;
	t->target = *next;
	*next = last;
	r = http_transfer_aim(t);
	return r < 0 ? r : launch(t);
}

/* True if the transfer goes on with another hop; otherwise answer tells how it ended. */
static bool redirect(struct http_transfer *t)
{
	struct http_target next;
	char *url = NULL;
	int r;

	curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &url);
	if (!is_redirect(t) || !url)
		return false;
	r = http_target_parse(&next, url);
	if (r == -EINVAL || r == -EPROTONOSUPPORT) {
		t->answer.outcome = HTTP_REFUSED;
		http_say(t, "%s redirects to something that is no http or https address",
			 t->target.origin);
	}
	if (r == 0 && may_go(t, &next)) {
		r = go(t, &next);
		if (r == 0) {
			http_target_release(&next);
			return true;
		}
	}
	http_target_release(&next);
	if (r == -ENOMEM) {
		/* The hop that was answered took nothing, and the next one was not sent. */
		t->answer.outcome = HTTP_NOT_SENT;
		http_say(t, "out of memory");
	}
	return false;
}

void http_sweep(struct http *h)
{
	CURLMsg *m;
	int left;

	/* What done calls may close h. */
	while (h->multi && (m = curl_multi_info_read(h->multi, &left))) {
		struct http_transfer *t = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		http_transfer_judge(t, m->data.result);
		if (t->answer.outcome != HTTP_ANSWERED || !redirect(t))
			finish(t);
	}
}

int http_new(struct http **out, uv_loop_t *loop, const struct http_settings *settings)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(h);
		return -ENOMEM;
	}
	h->loop = loop;
	h->settings = *settings;
	list_init(&h->running);
	list_init(&h->over);
	list_init(&h->sockets);
	/* The settings may be read anew while calls go on. */
	if (settings->ca_file)
		h->settings.ca_file = h->ca_file = strdup(settings->ca_file);
	h->multi = curl_multi_init();
	if (!h->multi || (settings->ca_file && !h->ca_file) || http_loop_init(h) < 0) {
		curl_multi_cleanup(h->multi);
		curl_global_cleanup();
		free(h->ca_file);
		free(h);
		return -ENOMEM;
	}
	*out = h;
	return 0;
}

void http_free(struct http *h, void (*closed)(void *data), void *data)
{
	CURLM *multi;

	if (!h) {
		if (closed)
			closed(data);
		return;
	}
	h->closing = true;
	h->closed = closed;
	h->closed_data = data;
	while (!list_empty(&h->running))
		http_cancel(list_entry(h->running.next, struct http_transfer, in));
	while (!list_empty(&h->over))
		http_cancel(list_entry(h->over.next, struct http_transfer, in));
	multi = h->multi;
	h->multi = NULL;
	curl_multi_cleanup(multi);
	http_loop_close(h);
}

/* The first hop: what is refused before a connection is made is told by `later`, as done never
 * comes from http_start. */
static int first_hop(struct http_transfer *t, const char *url)
{
	int r = http_target_parse(&t->target, url);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		t->answer.outcome = HTTP_REFUSED;
		http_say(t, r == -EPROTONOSUPPORT
				    ? "refused to ask an address that is neither http nor https"
				    : "refused to ask an address that is no usable URL");
	} else if (http_transfer_allowed(t, &t->target)) {
		r = http_transfer_aim(t);
		return r < 0 ? r : launch(t);
	}
	http_end_later(t);
	return 0;
}

int http_start(struct http *h, const struct http_call *call, http_done_fn done, void *data,
	       struct http_transfer **out)
{
	struct http_transfer *t;
	int r;

	if (h->closing)
		return -ECANCELED;
	r = http_transfer_new(&t, h, call);
	if (r < 0)
		return r;
	t->done = done;
	t->data = data;
	r = first_hop(t, call->url);
	if (r < 0) {
		http_transfer_free(t);
		return r;
	}
	if (out)
		*out = t;
	return 0;
}

void http_cancel(struct http_transfer *t)
{
	memset(&t->answer, 0, sizeof(t->answer));
	t->answer.outcome = HTTP_CLOSED;
	http_say(t, "cancelled");
	finish(t);
}
