/*
 * peer: models a server by a list of replies. Accepts, reads whole requests (a head and
 * Content-Length bytes), answers each with the next reply and keeps, closes or resets the
 * connection. What fails in it fails the test, by an answer that never comes. On peer_stop every
 * handle is closed; p must live until the loop has run.
 */
#include "peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "oom.h"

struct peer_connection {
	struct peer *peer;
	struct list in;
	uv_tcp_t tcp;
	uv_write_t write;
	struct buf pending;
	enum peer_then then;
	char room[4096];
};

static void on_gone(uv_handle_t *handle)
{
	struct peer_connection *c = handle->data;

	buf_release(&c->pending);
	free(c);
}

static void hang_up(struct peer_connection *c)
{
	if (uv_is_closing((uv_handle_t *)&c->tcp))
		return;
	list_remove(&c->in);
	if (c->then == PEER_RESET)
		uv_tcp_close_reset(&c->tcp, on_gone);
	else
		uv_close((uv_handle_t *)&c->tcp, on_gone);
}

static void after_reply(struct peer_connection *c)
{
	if (c->then != PEER_KEEP)
		hang_up(c);
}

static void on_written(uv_write_t *write, int status)
{
	if (status == 0)
		after_reply(write->data);
}

static void reply(struct peer_connection *c)
{
	struct peer *p = c->peer;
	const struct peer_reply *r;
	uv_buf_t bytes;

	if (p->requests++ >= p->n_replies)
		return;
	r = &p->replies[p->requests - 1];
	c->then = r->then;
	if (!r->bytes) {
		after_reply(c);
		return;
	}
	bytes = uv_buf_init((char *)(uintptr_t)r->bytes, (unsigned)strlen(r->bytes));
	c->write.data = c;
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &bytes, 1, on_written) < 0)
		hang_up(c);
}

/* How many bytes of pending are one whole request; 0: none yet. */
static size_t whole_request(const struct peer_connection *c)
{
	const char *text = buf_text(&c->pending), *end = strstr(text, "\r\n\r\n"), *length;
	size_t size;

	if (c->peer->raw)
		return c->pending.size;
	if (!end)
		return 0;
	size = (size_t)(end + 4 - text);
	length = strcasestr(text, "\r\nContent-Length:");
	if (length && length < end)
		size += strtoul(length + 17, NULL, 10);
	return size <= c->pending.size ? size : 0;
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *out)
{
	struct peer_connection *c = handle->data;

	(void)wanted;
	*out = uv_buf_init(c->room, sizeof(c->room));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct peer_connection *c = stream->data;
	size_t size;

	if (n < 0) {
		hang_up(c);
		return;
	}
	oom_pause();
	buf_append(&c->peer->heard, bytes->base, (size_t)n);
	buf_append(&c->pending, bytes->base, (size_t)n);
	oom_resume();
	while ((size = whole_request(c)) && !uv_is_closing((uv_handle_t *)stream)) {
		memmove(c->pending.data, c->pending.data + size, c->pending.size - size);
		buf_resize(&c->pending, c->pending.size - size);
		reply(c);
	}
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct peer *p = listener->data;
	struct peer_connection *c;

	oom_pause();
	c = status < 0 ? NULL : calloc(1, sizeof(*c));
	oom_resume();
	if (!c)
		return;
	p->connections++;
	c->peer = p;
	c->tcp.data = c;
	uv_tcp_init(listener->loop, &c->tcp);
	list_append(&p->open, &c->in);
	if (uv_accept(listener, (uv_stream_t *)&c->tcp) < 0 ||
	    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) < 0)
		hang_up(c);
}

int peer_start(struct peer *p, uv_loop_t *loop, bool v6, const struct peer_reply *replies,
	       size_t n_replies)
{
	struct sockaddr_storage address = { 0 };
	int size = sizeof(address), r;

	memset(p, 0, sizeof(*p));
	list_init(&p->open);
	p->replies = replies;
	p->n_replies = n_replies;
	p->listener.data = p;
	r = v6 ? uv_ip6_addr("::1", 0, (struct sockaddr_in6 *)&address)
	       : uv_ip4_addr("127.0.0.1", 0, (struct sockaddr_in *)&address);
	if (r == 0)
		r = uv_tcp_init(loop, &p->listener);
	if (r == 0)
		r = uv_tcp_bind(&p->listener, (struct sockaddr *)&address, 0);
	if (r == 0)
		r = uv_listen((uv_stream_t *)&p->listener, 16, on_connection);
	if (r == 0)
		r = uv_tcp_getsockname(&p->listener, (struct sockaddr *)&address, &size);
	p->port = ntohs(v6 ? ((struct sockaddr_in6 *)&address)->sin6_port
			   : ((struct sockaddr_in *)&address)->sin_port);
	return r;
}

void peer_stop(struct peer *p)
{
	list_each_safe (l, next, &p->open) {
		struct peer_connection *c = list_entry(l, struct peer_connection, in);

		c->then = PEER_CLOSE;
		hang_up(c);
	}
	uv_close((uv_handle_t *)&p->listener, NULL);
	buf_release(&p->heard);
}

unsigned peer_heard(const struct peer *p, const char *text)
{
	unsigned n = 0;

	for (const char *at = buf_text(&p->heard); (at = strstr(at, text)); at += strlen(text))
		n++;
	return n;
}
