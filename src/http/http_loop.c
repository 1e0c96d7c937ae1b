/*
 * http_loop: curl's sockets and its one timer as handles of the loop.
 *
 * curl says which sockets to watch for what and when to be called next; each event is handed back
 * to it, and http_sweep then ends the transfers that are done. A socket that cannot be watched for
 * want of memory ends the transfer that asked for it: returning an error to curl instead would end
 * every transfer of the multi handle, for ever.
 *
 * On close every handle is closed here; the last of their callbacks frees the struct http.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "http_internal.h"

struct http_socket {
	struct http *http;
	struct list in;
	uv_poll_t poll;
	curl_socket_t fd;
};

static void handle_gone(struct http *h)
{
	void (*closed)(void *) = h->closed;
	void *data = h->closed_data;

	if (--h->handles)
		return;
	free(h->ca_file);
	free(h);
	curl_global_cleanup();
	if (closed)
		closed(data);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct http_socket *s = handle->data;
	struct http *h = s->http;

	free(s);
	handle_gone(h);
}

static void socket_close(struct http_socket *s)
{
	list_remove(&s->in);
	uv_close((uv_handle_t *)&s->poll, on_socket_closed);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct http_socket *s = poll->data;
	struct http *h = s->http;
	int flags = status < 0 ? CURL_CSELECT_ERR : 0, running;

	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(h->multi, s->fd, flags, &running);
	http_sweep(h);
}

static void on_timer(uv_timer_t *timer)
{
	struct http *h = timer->data;
	int running;

	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	http_sweep(h);
}

static int want_timer(CURLM *multi, long timeout_ms, void *data)
{
	struct http *h = data;

	(void)multi;
	if (h->closing || timeout_ms < 0)
		uv_timer_stop(&h->timer);
	else
		uv_timer_start(&h->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

static struct http_socket *socket_new(struct http *h, curl_socket_t fd)
{
	struct http_socket *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (uv_poll_init_socket(h->loop, &s->poll, fd) < 0) {
		free(s);
		return NULL;
	}
	s->http = h;
	s->fd = fd;
	s->poll.data = s;
	h->handles++;
	list_append(&h->sockets, &s->in);
	return s;
}

static void cannot_watch(CURL *easy)
{
	struct http_transfer *t = NULL;

	/* Closing a cached connection asks for no socket, so there is a transfer behind it. */
	if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t) != CURLE_OK || !t)
		return;
	http_transfer_judge(t, CURLE_OUT_OF_MEMORY);
	http_end_later(t);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
	struct http *h = data;
	struct http_socket *s = socket_data;
	int events = 0;

	if (what == CURL_POLL_REMOVE || h->closing) {
		if (s)
			socket_close(s);
		if (s && h->multi)
			curl_multi_assign(h->multi, fd, NULL);
		return 0;
	}
	if (!s) {
		s = socket_new(h, fd);
		if (!s) {
			cannot_watch(easy);
			return 0;
		}
		curl_multi_assign(h->multi, fd, s);
	}
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	if (uv_poll_start(&s->poll, events, on_event) < 0)
		cannot_watch(easy);
	return 0;
}

int http_loop_init(struct http *h)
{
	CURLM *m = h->multi;

	if (curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, want_socket) != CURLM_OK ||
	    curl_multi_setopt(m, CURLMOPT_SOCKETDATA, h) != CURLM_OK ||
	    curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, want_timer) != CURLM_OK ||
	    curl_multi_setopt(m, CURLMOPT_TIMERDATA, h) != CURLM_OK ||
	    curl_multi_setopt(m, CURLMOPT_MAX_HOST_CONNECTIONS,
			      (long)h->settings.max_connections) != CURLM_OK)
		return -ENOMEM;
	uv_timer_init(h->loop, &h->timer);
	uv_timer_init(h->loop, &h->later);
	h->timer.data = h;
	h->later.data = h;
	h->handles = 2;
	return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
	handle_gone(handle->data);
}

void http_loop_close(struct http *h)
{
	list_each_safe (l, next, &h->sockets)
		socket_close(list_entry(l, struct http_socket, in));
	uv_close((uv_handle_t *)&h->timer, on_timer_closed);
	uv_close((uv_handle_t *)&h->later, on_timer_closed);
}
