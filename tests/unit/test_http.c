/*
 * http against a scripted peer on loopback, on one loop: what a call sends, how it ends, and that its end is told once.
 * Nothing here leaves the machine; what must not be reached is a peer whose connections stay at 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/parts/http_internal.h"
#include "oom.h"
#include "peer.h"

#define HELLO "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: req-7\r\nContent-Length: 5\r\n\r\nhello"
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct world {
	uv_loop_t loop;
	uv_timer_t alarm;
	struct http *http;
	struct peer peer, other;
	bool has_peer, has_other, freed, closed, alarmed;
	char url[64], other_url[64];
};

struct seen {
	unsigned times;
	bool inside; /* done came while http_start ran */
	struct http_answer answer;
	char body[70000];
	struct buf sunk;
	int sink_says;
	struct http_transfer *other; /* to cancel from done */
	struct http *again;          /* to start another from done */
	const char *again_url;
	struct seen *again_seen;
};

static bool starting;
static uv_loop_t *turning;

static void on_done(const struct http_answer *a, void *data)
{
	struct seen *s = data;

	s->times++;
	s->inside = starting;
	/* A turn runs timers first and then waits for events: it must see that it is over. */
	uv_stop(turning);
	s->answer = *a;
	assert_true(a->body_size < sizeof(s->body));
	memcpy(s->body, a->body, a->body_size + 1);
	assert_int_equal(s->body[a->body_size], '\0');
	if (s->other)
		http_cancel(s->other);
	if (s->again) {
		struct http_call call = { .method = "GET", .url = s->again_url, .max_bytes = 100 };

		assert_int_equal(http_start(s->again, &call, on_done, s->again_seen, NULL), 0);
	}
}

static void on_closed(void *data)
{
	((struct world *)data)->closed = true;
}

static void on_alarm(uv_timer_t *timer)
{
	((struct world *)timer->data)->alarmed = true;
}

static const struct http_settings settings = {
	.connect_timeout_s = 5, .idle_timeout_s = 10, .timeout_s = 20, .max_connections = 0
};

static void open_http(struct world *w, const struct http_settings *s)
{
	assert_int_equal(http_new(&w->http, &w->loop, s), 0);
}

static int setup_bare(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&w->loop);
	turning = &w->loop;
	uv_timer_init(&w->loop, &w->alarm);
	w->alarm.data = w;
	uv_timer_start(&w->alarm, on_alarm, 30000, 0);
	uv_unref((uv_handle_t *)&w->alarm);
	*state = w;
	return 0;
}

static int setup(void **state)
{
	setup_bare(state);
	open_http(*state, &settings);
	return 0;
}

static void close_http(struct world *w)
{
	if (w->http)
		http_free(w->http, on_closed, w);
	w->freed = w->freed || w->http;
	w->http = NULL;
}

static int teardown(void **state)
{
	struct world *w = *state;

	close_http(w);
	if (w->has_peer)
		peer_stop(&w->peer);
	if (w->has_other)
		peer_stop(&w->other);
	uv_close((uv_handle_t *)&w->alarm, NULL);
	while (uv_run(&w->loop, UV_RUN_DEFAULT))
		continue;
	assert_int_equal(uv_loop_close(&w->loop), 0);
	assert_true(w->closed == w->freed);
	free(w);
	return 0;
}

static void listen_to(struct world *w, const struct peer_reply *replies, size_t n)
{
	assert_int_equal(peer_start(&w->peer, &w->loop, false, replies, n), 0);
	w->has_peer = true;
	snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d/a", w->peer.port);
}

static void listen_other(struct world *w, const struct peer_reply *replies, size_t n)
{
	assert_int_equal(peer_start(&w->other, &w->loop, false, replies, n), 0);
	w->has_other = true;
	snprintf(w->other_url, sizeof(w->other_url), "http://127.0.0.1:%d/b", w->other.port);
}

static struct http_transfer *start(struct world *w, const struct http_call *call, struct seen *s)
{
	struct http_transfer *t = NULL;

	starting = true;
	assert_int_equal(http_start(w->http, call, on_done, s, &t), 0);
	starting = false;
	assert_non_null(t);
	return t;
}

static void wait_for(struct world *w, const struct seen *s)
{
	while (!s->times && !w->alarmed)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_false(w->alarmed);
	assert_int_equal(s->times, 1);
	assert_false(s->inside);
}

static struct seen *ask(struct world *w, const struct http_call *call)
{
	static struct seen s;

	memset(&s, 0, sizeof(s));
	start(w, call, &s);
	wait_for(w, &s);
	return &s;
}

static struct http_call get(const char *url)
{
	return (struct http_call){ .method = "GET", .url = url, .max_bytes = 1000 };
}

static struct http_call post(const char *url, bool once)
{
	static const char *const headers[] = { "X-API-Key: secret-key-1", "Content-Type: application/json", NULL };

	return (struct http_call){ .method = "POST", .url = url, .headers = headers, .body = "{\"n\":1}",
				   .body_size = 7, .once = once, .max_bytes = 1000 };
}

static void expect(const struct seen *s, enum http_outcome outcome, int status)
{
	if (s->answer.outcome != outcome || s->answer.status != status)
		print_error("outcome %d, status %d: %s\n", s->answer.outcome, s->answer.status, s->answer.reason);
	assert_int_equal(s->answer.outcome, outcome);
	assert_int_equal(s->answer.status, status);
	assert_null(strstr(s->answer.reason, "secret"));
	assert_true(outcome == HTTP_ANSWERED || s->answer.reason[0]);
}

static void test_get(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;
	struct seen *s;

	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	s = ask(w, &call);
	expect(s, HTTP_ANSWERED, 200);
	assert_string_equal(s->body, "hello");
	assert_int_equal(s->answer.body_size, 5);
	assert_string_equal(s->answer.content_type, "text/plain");
	assert_string_equal(s->answer.request_id, "req-7");
	assert_string_equal(s->answer.retry_after, "");
	assert_int_equal(peer_heard(&w->peer, "GET /a HTTP/1.1\r\n"), 1);
	assert_int_equal(peer_heard(&w->peer, "User-Agent: pimagefs/"), 1);
}

static void test_post_sends_what_it_was_given(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP }, { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;

	listen_to(w, replies, COUNT(replies));
	for (int once = 0; once < 2; once++) {
		call = post(w->url, once);
		expect(ask(w, &call), HTTP_ANSWERED, 200);
	}
	assert_int_equal(peer_heard(&w->peer, "POST /a HTTP/1.1\r\n"), 2);
	assert_int_equal(peer_heard(&w->peer, "X-API-Key: secret-key-1\r\n"), 2);
	assert_int_equal(peer_heard(&w->peer, "Content-Type: application/json\r\n"), 2);
	assert_int_equal(peer_heard(&w->peer, "Content-Length: 7\r\n"), 2);
	assert_int_equal(peer_heard(&w->peer, "\r\n\r\n{\"n\":1}"), 2);
	assert_int_equal(peer_heard(&w->peer, "Expect"), 0);
	assert_int_equal(w->peer.connections, 1);
}

static void test_post_without_body(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;

	listen_to(w, replies, COUNT(replies));
	call = post(w->url, false);
	call.body = NULL;
	call.body_size = 0;
	expect(ask(w, &call), HTTP_ANSWERED, 200);
	assert_int_equal(peer_heard(&w->peer, "Content-Length: 0\r\n"), 1);
}

/* 200 KB: more than curl's buffer, so that the body leaves in pieces. */
static void test_large_body_leaves_whole(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;
	char *body = malloc(200001);

	listen_to(w, replies, COUNT(replies));
	memset(body, 'x', 200000);
	body[0] = 'A';
	body[199999] = 'Z';
	body[200000] = '\0';
	call = post(w->url, true);
	call.body = body;
	call.body_size = 200000;
	expect(ask(w, &call), HTTP_ANSWERED, 200);
	assert_int_equal(peer_heard(&w->peer, body), 1);
	free(body);
}

static void test_shapes_of_answers(void **state)
{
	static const struct {
		struct peer_reply reply;
		int status;
		const char *body;
	} rows[] = {
		{ { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Request-Id: no\r\n\r\n",
		    PEER_KEEP }, 200, "abcde" },
		{ { "HTTP/1.0 200 OK\r\n\r\nto the end", PEER_CLOSE }, 200, "to the end" },
		{ { "HTTP/1.1 100 Continue\r\nX-Request-Id: no\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
		    PEER_KEEP }, 201, "ok" },
		{ { "HTTP/1.1 204 No Content\r\n\r\n", PEER_KEEP }, 204, "" },
		{ { "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", PEER_KEEP }, 404, "gone" },
		{ { "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", PEER_KEEP }, 503, "" },
		{ { "HTTP/1.1 304 Not Modified\r\nLocation: /x\r\n\r\n", PEER_KEEP }, 304, "" },
		{ { "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", PEER_KEEP }, 302, "" },
	};
	struct peer_reply replies[COUNT(rows)];
	struct world *w = *state;
	struct http_call call;

	for (size_t i = 0; i < COUNT(rows); i++)
		replies[i] = rows[i].reply;
	listen_to(w, replies, COUNT(rows));
	call = get(w->url);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct seen *s = ask(w, &call);

		expect(s, HTTP_ANSWERED, rows[i].status);
		assert_string_equal(s->body, rows[i].body);
		assert_string_equal(s->answer.request_id, "");
	}
}

static void test_headers_are_tamed(void **state)
{
	static const struct peer_reply replies[] = {
		{ "HTTP/1.1 429 Slow\r\nretry-after:\t 12 \r\nX-REQUEST-ID: a\x1b[31m\xff"
		  "b\r\nContent-Length: 0\r\n\r\n", PEER_KEEP },
	};
	struct world *w = *state;
	struct http_call call;
	struct seen *s;

	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	s = ask(w, &call);
	expect(s, HTTP_ANSWERED, 429);
	assert_string_equal(s->answer.retry_after, "12");
	assert_string_equal(s->answer.request_id, "a?[31m?b");
}

static void test_endless_headers(void **state)
{
	char *page = malloc(120000);
	struct peer_reply replies[] = { { page, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;
	size_t n = (size_t)sprintf(page, "HTTP/1.1 200 OK\r\n");

	while (n < 110000)
		n += (size_t)sprintf(page + n, "X-Padding: %01000d\r\n", 1);
	sprintf(page + n, "Content-Length: 0\r\n\r\n");
	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	expect(ask(w, &call), HTTP_NO_ANSWER, 0);
	free(page);
}

static void test_never_sent(void **state)
{
	struct world *w = *state;
	struct http_call call;
	char url[64];

	listen_to(w, NULL, 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/?token=secret", w->peer.port);
	peer_stop(&w->peer);
	w->has_peer = false;
	uv_run(&w->loop, UV_RUN_NOWAIT);
	call = post(url, true);
	expect(ask(w, &call), HTTP_NOT_SENT, 0);
	call = post("http://nonexistent.invalid/secret?a=secret", true);
	expect(ask(w, &call), HTTP_NOT_SENT, 0);
}

static void test_tls_fails_before_anything_is_sent(void **state)
{
	static const struct peer_reply replies[] = { { "HTTP/1.1 400 Bad\r\n\r\n", PEER_CLOSE }, { NULL, PEER_RESET } };
	struct world *w = *state;
	struct http_call call;
	char url[64];

	listen_to(w, replies, COUNT(replies));
	w->peer.raw = true;
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", w->peer.port);
	call = post(url, true);
	call.https_only = true;
	expect(ask(w, &call), HTTP_NOT_SENT, 0);
	expect(ask(w, &call), HTTP_NOT_SENT, 0);
	assert_int_equal(peer_heard(&w->peer, "secret"), 0);
}

static void test_stalled_handshake(void **state)
{
	const struct http_settings quick = { .connect_timeout_s = 1, .idle_timeout_s = 20, .timeout_s = 20 };
	struct world *w = *state;
	struct http_call call;
	char url[64];

	open_http(w, &quick);
	listen_to(w, NULL, 0);
	w->peer.raw = true;
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", w->peer.port);
	call = post(url, true);
	expect(ask(w, &call), HTTP_NOT_SENT, 0);
}

static void test_silence(void **state)
{
	static const struct http_settings rows[] = {
		{ .connect_timeout_s = 9, .idle_timeout_s = 1, .timeout_s = 20 },
		{ .connect_timeout_s = 9, .idle_timeout_s = 20, .timeout_s = 1 },
	};
	static const struct peer_reply replies[] = {
		{ NULL, PEER_KEEP }, { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", PEER_KEEP }
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_call call;

		open_http(w, &rows[i]);
		listen_to(w, replies, COUNT(replies));
		call = post(w->url, true);
		expect(ask(w, &call), HTTP_NO_ANSWER, 0);
		expect(ask(w, &call), HTTP_CUT, 200);
		assert_int_equal(w->peer.requests, 2);
		if (i + 1 == COUNT(rows))
			break;
		close_http(w);
		peer_stop(&w->peer);
		uv_run(&w->loop, UV_RUN_DEFAULT);
	}
}

static void test_once_on_a_dead_connection(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP }, { NULL, PEER_CLOSE }, { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;

	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	expect(ask(w, &call), HTTP_ANSWERED, 200);
	call = post(w->url, true);
	expect(ask(w, &call), HTTP_NO_ANSWER, 0);
	assert_int_equal(peer_heard(&w->peer, "POST"), 1);
	assert_int_equal(peer_heard(&w->peer, "{\"n\":1}"), 1);
}

static void test_once_without_body_on_a_dead_connection(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP }, { NULL, PEER_RESET }, { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;

	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	expect(ask(w, &call), HTTP_ANSWERED, 200);
	call = post(w->url, true);
	call.body_size = 0;
	call.body = NULL;
	expect(ask(w, &call), HTTP_NO_ANSWER, 0);
	assert_int_equal(peer_heard(&w->peer, "POST"), 1);
}

/* The same where it does no harm: curl's own retry is welcome. */
static void test_dead_connection_is_replaced(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP }, { NULL, PEER_CLOSE }, { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;

	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	expect(ask(w, &call), HTTP_ANSWERED, 200);
	call = post(w->url, false);
	expect(ask(w, &call), HTTP_ANSWERED, 200);
	assert_int_equal(peer_heard(&w->peer, "{\"n\":1}"), 2);
	assert_int_equal(w->peer.connections, 2);
}

static void test_sent_and_never_answered(void **state)
{
	static const struct peer_reply replies[] = {
		{ NULL, PEER_CLOSE }, { NULL, PEER_RESET }, { "HTTP/1.1 200 OK\r\nContent-Le", PEER_CLOSE },
		{ "HTTP/1.1 100 Continue\r\n\r\n", PEER_CLOSE }, { "what is this\r\n\r\n", PEER_CLOSE }
	};
	struct world *w = *state;
	struct http_call call;

	listen_to(w, replies, COUNT(replies));
	call = post(w->url, true);
	for (size_t i = 0; i < COUNT(replies); i++)
		expect(ask(w, &call), HTTP_NO_ANSWER, 0);
	assert_int_equal(peer_heard(&w->peer, "POST"), COUNT(replies));
}

static void test_cut(void **state)
{
	static const struct peer_reply replies[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", PEER_CLOSE },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", PEER_CLOSE },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", PEER_CLOSE },
	};
	struct world *w = *state;
	struct http_call call;

	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	for (size_t i = 0; i < COUNT(replies); i++)
		expect(ask(w, &call), HTTP_CUT, 200);
}

static void test_too_large(void **state)
{
	static const struct peer_reply replies[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890", PEER_KEEP },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n", PEER_KEEP },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", PEER_KEEP },
	};
	struct world *w = *state;
	struct http_call call;

	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	call.max_bytes = 10;
	expect(ask(w, &call), HTTP_TOO_LARGE, 200);
	expect(ask(w, &call), HTTP_TOO_LARGE, 200);
	expect(ask(w, &call), HTTP_ANSWERED, 200);
}

static void test_long_error_page_is_cut(void **state)
{
	char *page = malloc(70100);
	struct peer_reply replies[] = { { page, PEER_CLOSE } };
	struct world *w = *state;
	struct http_call call;
	struct seen *s;
	int n = sprintf(page, "HTTP/1.1 500 Oh\r\nContent-Length: 70000\r\n\r\n");

	memset(page + n, 'x', 70000);
	page[n + 70000] = '\0';
	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	call.max_bytes = 1 << 20;
	s = ask(w, &call);
	expect(s, HTTP_ANSWERED, 500);
	assert_int_equal(s->answer.body_size, HTTP_MAX_ERROR_BODY);
	free(page);
}

static int sink(const void *bytes, size_t size, void *data)
{
	struct seen *s = data;

	return s->sink_says ? s->sink_says : buf_append(&s->sunk, bytes, size);
}

static void test_sink(void **state)
{
	static const struct peer_reply replies[] = {
		{ "HTTP/1.1 302 Found\r\nLocation: /c\r\nContent-Length: 4\r\n\r\nmove", PEER_KEEP },
		{ HELLO, PEER_KEEP },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", PEER_KEEP },
		{ HELLO, PEER_KEEP },
	};
	struct world *w = *state;
	struct http_call call;
	struct seen *s = calloc(1, sizeof(*s));
	static const struct {
		int says, status;
		enum http_outcome outcome;
		const char *sunk, *body;
	} rows[] = {
		{ 0, 200, HTTP_ANSWERED, "hello", "" },
		{ 0, 404, HTTP_ANSWERED, "", "gone" },
		{ -ENOSPC, 200, HTTP_SINK, "", "" },
	};

	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	call.sink = sink;
	call.sink_data = s;
	call.follow = true;
	for (size_t i = 0; i < COUNT(rows); i++) {
		memset(s, 0, sizeof(*s));
		s->sink_says = rows[i].says;
		start(w, &call, s);
		wait_for(w, s);
		expect(s, rows[i].outcome, rows[i].status);
		assert_string_equal(buf_text(&s->sunk), rows[i].sunk);
		assert_string_equal(s->body, rows[i].body);
		assert_int_equal(s->answer.sink_error, rows[i].says);
		buf_release(&s->sunk);
	}
	free(s);
}

static void test_redirect_keeps_method_and_body(void **state)
{
	static const struct peer_reply replies[] = {
		{ "HTTP/1.1 301 Moved\r\nLocation: /1\r\nContent-Length: 0\r\n\r\n", PEER_KEEP },
		{ "HTTP/1.1 302 Found\r\nLocation: 2\r\nContent-Length: 0\r\n\r\n", PEER_KEEP },
		{ "HTTP/1.1 307 There\r\nLocation: /3\r\nContent-Length: 0\r\n\r\n", PEER_CLOSE },
		{ "HTTP/1.1 308 There\r\nLocation: /4\r\nContent-Length: 0\r\n\r\n", PEER_KEEP },
		{ HELLO, PEER_KEEP },
		{ "HTTP/1.1 303 See Other\r\nLocation: /5\r\nContent-Length: 0\r\n\r\n", PEER_KEEP },
	};
	struct world *w = *state;
	struct http_call call;

	listen_to(w, replies, COUNT(replies));
	call = post(w->url, true);
	expect(ask(w, &call), HTTP_ANSWERED, 200);
	assert_int_equal(peer_heard(&w->peer, "POST /"), 5);
	assert_int_equal(peer_heard(&w->peer, "POST /4 "), 1);
	assert_int_equal(peer_heard(&w->peer, "{\"n\":1}"), 5);
	assert_int_equal(peer_heard(&w->peer, "X-API-Key: secret-key-1"), 5);
	expect(ask(w, &call), HTTP_ANSWERED, 303);
	assert_int_equal(w->peer.requests, 6);
}

static void test_redirect_off_the_host(void **state)
{
	static const struct peer_reply hello[] = { { HELLO, PEER_KEEP } };
	struct world *w = *state;
	char page[200];
	struct peer_reply replies[] = { { page, PEER_KEEP }, { page, PEER_KEEP } };
	struct http_call call;
	struct seen *s;

	listen_to(w, replies, COUNT(replies));
	listen_other(w, hello, COUNT(hello));
	snprintf(page, sizeof(page), "HTTP/1.1 302 Found\r\nLocation: %s?secret\r\nContent-Length: 0\r\n\r\n", w->other_url);
	call = post(w->url, true);
	expect(ask(w, &call), HTTP_REFUSED, 302);
	assert_int_equal(w->other.connections, 0);
	call = get(w->url);
	call.follow = true;
	s = ask(w, &call);
	expect(s, HTTP_ANSWERED, 200);
	assert_string_equal(s->body, "hello");
	assert_int_equal(peer_heard(&w->other, "GET /b?secret "), 1);
}

static void test_redirects_that_are_refused(void **state)
{
	static const char *const places[] = { "file:///etc/passwd", "ftp://127.0.0.1/", "javascript:1", "http://",
					      "http://user:pw@127.0.0.1/" };
	struct world *w = *state;
	char pages[COUNT(places)][200];
	struct peer_reply replies[COUNT(places)];
	struct http_call call;

	for (size_t i = 0; i < COUNT(places); i++) {
		snprintf(pages[i], sizeof(pages[i]), "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
			 places[i]);
		replies[i] = (struct peer_reply){ pages[i], PEER_KEEP };
	}
	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	call.follow = true;
	for (size_t i = 0; i < COUNT(places); i++)
		expect(ask(w, &call), HTTP_REFUSED, 302);
	assert_int_equal(w->peer.requests, COUNT(places));
}

static void test_endless_redirects(void **state)
{
	struct world *w = *state;
	struct peer_reply replies[10];
	struct http_call call;

	for (size_t i = 0; i < COUNT(replies); i++)
		replies[i] = (struct peer_reply){ "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", PEER_KEEP };
	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	call.follow = true;
	expect(ask(w, &call), HTTP_REFUSED, 302);
	assert_int_equal(w->peer.requests, 6);
}

static void test_refused_without_a_connection(void **state)
{
	static const struct {
		const char *before, *after; /* the port */
		bool https_only, public_only;
	} rows[] = {
		{ "http://127.0.0.1:", "/", true, false },
		{ "http://127.0.0.1:", "/", false, true },
		{ "http://0x7f.1:", "/", false, true },
		{ "http://2130706433:", "/", false, true },
		{ "http://0177.0.0.1:", "/", false, true },
		{ "http://127.1:", "/", false, true },
		{ "http://localhost:", "/", false, true },
		{ "http://LOCALHOST.:", "/", false, true },
		{ "http://a.localhost:", "/", false, true },
		{ "http://[::ffff:127.0.0.1]:", "/", false, true },
		{ "http://[::1]:", "/", false, true },
		{ "http://0.0.0.0:", "/", false, true },
		{ "file:///etc/passwd#", "", false, false },
		{ "gopher://127.0.0.1:", "/", false, false },
		{ "data:text/plain,", "", false, false },
		{ "//127.0.0.1:", "/", false, false },
		{ "127.0.0.1:", "", false, false },
		{ "http://127.0.0.1:", "0000/", false, false },
		{ "http://me:pw@127.0.0.1:", "/", false, false },
		{ "", "", false, false },
	};
	struct world *w = *state;

	listen_to(w, NULL, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_call call;
		char url[64];

		snprintf(url, sizeof(url), "%s%d%s", rows[i].before, w->peer.port, rows[i].after);
		call = get(url);
		call.https_only = rows[i].https_only;
		call.public_only = rows[i].public_only;
		expect(ask(w, &call), HTTP_REFUSED, 0);
	}
	assert_int_equal(w->peer.connections, 0);
}

/* A name that is not known to be local, but resolves to this machine. */
static const char *local_name(void)
{
	static const char *const names[] = { "ip6-loopback", "ip6-localhost" };
	const struct addrinfo hints = { .ai_family = AF_INET6, .ai_socktype = SOCK_STREAM };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct addrinfo *found = NULL;

		if (getaddrinfo(names[i], NULL, &hints, &found) == 0) {
			bool is = IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_addr);

			freeaddrinfo(found);
			if (is)
				return names[i];
		}
	}
	return NULL;
}

static void test_public_only_looks_at_the_socket(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP }, { HELLO, PEER_KEEP } };
	struct world *w = *state;
	const char *name = local_name();
	struct http_call call;
	char url[64];

	if (!name || peer_start(&w->peer, &w->loop, true, replies, COUNT(replies)) < 0)
		skip();
	w->has_peer = true;
	snprintf(url, sizeof(url), "http://%s:%d/", name, w->peer.port);
	call = get(url);
	call.public_only = true;
	expect(ask(w, &call), HTTP_REFUSED, 0);
	assert_int_equal(w->peer.connections, 0);
	/* Nor may it take over the connection that another call has opened. */
	call.public_only = false;
	expect(ask(w, &call), HTTP_ANSWERED, 200);
	call.public_only = true;
	expect(ask(w, &call), HTTP_REFUSED, 0);
	assert_int_equal(w->peer.requests, 1);
}

static void test_proxy(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP }, { HELLO, PEER_KEEP } };
	static const struct peer_reply direct[] = { { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;

	listen_to(w, replies, COUNT(replies));
	listen_other(w, direct, COUNT(direct));
	setenv("http_proxy", w->url, 1);
	call = get("http://nonexistent.invalid/x");
	expect(ask(w, &call), HTTP_ANSWERED, 200);
	assert_int_equal(peer_heard(&w->peer, "GET http://nonexistent.invalid/x HTTP/1.1"), 1);
	call.public_only = true;
	expect(ask(w, &call), HTTP_ANSWERED, 200);
	call = get("http://10.0.0.1/");
	call.public_only = true;
	expect(ask(w, &call), HTTP_REFUSED, 0);
	assert_int_equal(w->peer.requests, 2);
	call = get(w->other_url);
	expect(ask(w, &call), HTTP_ANSWERED, 200);
	assert_int_equal(w->other.requests, 1);
	setenv("no_proxy", "example.org, .invalid", 1);
	call = get("http://nonexistent.invalid/x");
	call.public_only = true;
	expect(ask(w, &call), HTTP_NOT_SENT, 0);
	unsetenv("no_proxy");
	unsetenv("http_proxy");
}

static void test_proxy_that_says_no(void **state)
{
	static const struct peer_reply replies[] = { { "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", PEER_CLOSE } };
	struct world *w = *state;
	struct http_call call;

	listen_to(w, replies, COUNT(replies));
	setenv("https_proxy", w->url, 1);
	call = post("https://nonexistent.invalid/x", true);
	expect(ask(w, &call), HTTP_NOT_SENT, 0);
	assert_int_equal(peer_heard(&w->peer, "CONNECT nonexistent.invalid:443"), 1);
	assert_int_equal(peer_heard(&w->peer, "secret"), 0);
	unsetenv("https_proxy");
}

static void test_cancel(void **state)
{
	struct world *w = *state;
	struct seen *s = calloc(2, sizeof(*s));
	struct http_call call;

	listen_to(w, NULL, 0);
	call = post(w->url, true);
	http_cancel(start(w, &call, &s[0]));
	assert_int_equal(s[0].times, 1);
	expect(&s[0], HTTP_CLOSED, 0);
	http_cancel(start(w, &(struct http_call){ .method = "GET", .url = "rubbish" }, &s[1]));
	expect(&s[1], HTTP_CLOSED, 0);
	memset(s, 0, sizeof(*s));
	{
		struct http_transfer *t = start(w, &call, &s[0]);

		while (!w->peer.requests && !w->alarmed)
			uv_run(&w->loop, UV_RUN_ONCE);
		http_cancel(t);
	}
	assert_int_equal(s[0].times, 1);
	expect(&s[0], HTTP_CLOSED, 0);
	free(s);
}

static void test_cancel_while_resolving_does_not_wait(void **state)
{
	struct world *w = *state;
	struct seen *s = calloc(1, sizeof(*s));
	struct http_call call = get("http://nonexistent.invalid/");
	struct http_transfer *t = start(w, &call, s);

	uv_run(&w->loop, UV_RUN_NOWAIT);
	if (!s->times)
		http_cancel(t);
	assert_int_equal(s->times, 1);
	free(s);
}

static void test_done_may_start_and_cancel(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP }, { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct seen *s = calloc(3, sizeof(*s));
	struct http_call call, silent;

	listen_to(w, replies, COUNT(replies));
	listen_other(w, NULL, 0);
	call = get(w->url);
	silent = get(w->other_url);
	s[0].other = start(w, &silent, &s[1]);
	s[0].again = w->http;
	s[0].again_url = w->url;
	s[0].again_seen = &s[2];
	start(w, &call, &s[0]);
	wait_for(w, &s[0]);
	expect(&s[1], HTTP_CLOSED, 0);
	wait_for(w, &s[2]);
	expect(&s[2], HTTP_ANSWERED, 200);
	assert_int_equal(s[0].times + s[1].times + s[2].times, 3);
	free(s);
}

static void free_from_done(const struct http_answer *a, void *data)
{
	struct world *w = data;

	if (a->outcome != HTTP_CLOSED)
		close_http(w);
}

static void test_free_from_done(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct seen *s = calloc(1, sizeof(*s));
	struct http_call call, silent;

	listen_to(w, replies, COUNT(replies));
	listen_other(w, NULL, 0);
	call = get(w->url);
	silent = get(w->other_url);
	start(w, &silent, s);
	assert_int_equal(http_start(w->http, &call, free_from_done, w, NULL), 0);
	while (!w->closed && !w->alarmed)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_true(w->closed);
	expect(s, HTTP_CLOSED, 0);
	free(s);
}

static void start_when_closed(const struct http_answer *a, void *data)
{
	struct world *w = data;
	struct http_call call = get(w->url);

	assert_int_equal(a->outcome, HTTP_CLOSED);
	assert_int_equal(http_start(w->http, &call, on_done, NULL, NULL), -ECANCELED);
	w->alarmed = true;
}

static void test_free_answers_all(void **state)
{
	struct world *w = *state;
	struct seen *s = calloc(12, sizeof(*s));
	struct http_call call, refused = get("rubbish");

	listen_to(w, NULL, 0);
	call = post(w->url, true);
	for (int i = 0; i < 10; i++)
		start(w, &call, &s[i]);
	while (w->peer.requests < 5 && !w->alarmed)
		uv_run(&w->loop, UV_RUN_ONCE);
	start(w, &refused, &s[10]);
	assert_int_equal(http_start(w->http, &call, start_when_closed, w, NULL), 0);
	close_http(w);
	for (int i = 0; i < 11; i++) {
		assert_int_equal(s[i].times, 1);
		expect(&s[i], HTTP_CLOSED, 0);
	}
	assert_true(w->alarmed);
	free(s);
}

static void test_free_nothing(void **state)
{
	struct world w = { 0 };

	(void)state;
	http_free(NULL, on_closed, &w);
	assert_true(w.closed);
	http_free(NULL, NULL, NULL);
}

static void test_connection_limit(void **state)
{
	const struct http_settings two = { .connect_timeout_s = 5, .idle_timeout_s = 9, .timeout_s = 9, .max_connections = 2 };
	struct world *w = *state;
	struct peer_reply replies[8];
	struct seen *s = calloc(8, sizeof(*s));
	struct http_call call;

	for (int i = 0; i < 8; i++)
		replies[i] = (struct peer_reply){ HELLO, PEER_KEEP };
	open_http(w, &two);
	listen_to(w, replies, 8);
	call = get(w->url);
	for (int i = 0; i < 8; i++)
		start(w, &call, &s[i]);
	for (int i = 0; i < 8; i++) {
		wait_for(w, &s[i]);
		expect(&s[i], HTTP_ANSWERED, 200);
	}
	assert_true(w->peer.connections <= 2);
	free(s);
}

static void check_sockets(const struct http_answer *a, void *data)
{
	unsigned sockets = 0;

	(void)a;
	for (int fd = 3; fd < 200; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
			continue;
		sockets++;
		if (!(fcntl(fd, F_GETFD) & FD_CLOEXEC)) { char c[64],l[100]={0}; sprintf(c,"/proc/self/fd/%d",fd); if(readlink(c,l,99)<0)c[0]=0; struct sockaddr_in aa={0}, b={0}; socklen_t n=sizeof aa; getsockname(fd,(void*)&aa,&n); n=sizeof b; getpeername(fd,(void*)&b,&n); fprintf(stderr,"%d %s %d %d %d\n",fd,l,aa.sin_family,ntohs(aa.sin_port),ntohs(b.sin_port)); }
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	*(unsigned *)data = sockets;
}

static void test_sockets_do_not_survive_exec(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP } };
	struct world *w = *state;
	unsigned sockets = 0;
	struct http_call call;

	listen_to(w, replies, COUNT(replies));
	call = get(w->url);
	assert_int_equal(http_start(w->http, &call, check_sockets, &sockets, NULL), 0);
	while (!sockets && !w->alarmed)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_true(sockets >= 3); /* listener, and both ends of the connection */
}

/* Whatever allocation of ours fails, the call either does not start or ends once. */
static void test_out_of_memory(void **state)
{
	static struct peer_reply replies[64];
	struct world *w = *state;
	struct http_call call;
	unsigned failed = 1;

	for (size_t i = 0; i < COUNT(replies); i++)
		replies[i] = (struct peer_reply){ "HTTP/1.1 307 T\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", PEER_KEEP };
	for (size_t i = 1; i < COUNT(replies); i += 2)
		replies[i].bytes = HELLO;
	for (unsigned n = 0; failed && n < 30; n++) {
		struct http *h = NULL;
		struct seen *s = calloc(1, sizeof(*s));

		listen_to(w, replies, COUNT(replies));
		call = post(w->url, true);
		oom_fail_once(n);
		if (http_new(&h, &w->loop, &settings) == 0 && http_start(h, &call, on_done, s, NULL) == 0) {
			while (!s->times && !w->alarmed)
				uv_run(&w->loop, UV_RUN_ONCE);
			assert_int_equal(s->times, 1);
		}
		failed = oom_off();
		assert_int_equal(s->times, failed ? s->times : 1);
		if (!failed)
			expect(s, HTTP_ANSWERED, 200);
		http_free(h, NULL, NULL);
		peer_stop(&w->peer);
		uv_run(&w->loop, UV_RUN_DEFAULT);
		w->has_peer = false;
		free(s);
	}
	assert_int_equal(failed, 0);
}

static void test_retry_after(void **state)
{
	/* 2026-11-22 14:15:00 UTC */
	const int64_t now = INT64_C(1795356900000);
	static const struct {
		const char *value;
		int64_t ms;
	} rows[] = {
		{ "0", 0 },
		{ "120", 120000 },
		{ " 7 ", 7000 },
		{ "1.5", 1000 },
		{ "86400", 86400000 },
		{ "86401", 86400000 },
		{ "99999999999999999999999", 86400000 },
		{ "Sun, 22 Nov 2026 14:16:30 GMT", 90000 },
		{ "Sunday, 22-Nov-26 14:16:30 GMT", 90000 },
		{ "Sun Nov 22 14:16:30 2026", 90000 },
		{ "Sun, 22 Nov 2026 14:14:00 GMT", 0 },
		{ "Tue, 22 Nov 2033 14:14:00 GMT", 86400000 },
		{ "", -1 },
		{ "-5", -1 },
		{ "soon", -1 },
		{ "12 minutes", -1 },
		{ "0x10", -1 },
		{ "1e9", -1 },
		{ "\xff\xfe", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (http_retry_after_ms(rows[i].value, now) != rows[i].ms)
			fail_msg("'%s': %lld", rows[i].value, (long long)http_retry_after_ms(rows[i].value, now));
}

static void test_encode(void **state)
{
	static const struct {
		const char *text, *coded;
	} rows[] = {
		{ "0b1c2d3e-aaaa-bbbb", "x0b1c2d3e-aaaa-bbbb" },
		{ "a/b?c#d%e f", "xa%2Fb%3Fc%23d%25e%20f" },
		{ "..", "x%2E%2E" },
		{ ".", "x%2E" },
		{ "a..b_~", "xa..b_~" },
		{ "f\xc3\xbcr", "xf%C3%BCr" },
		{ "\r\n\x01", "x%0D%0A%01" },
		{ "", "x" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(buf_puts(&b, "x"), 0);
		assert_int_equal(http_encode_segment(&b, rows[i].text), 0);
		assert_string_equal(buf_text(&b), rows[i].coded);
		buf_release(&b);
	}
}

static void test_encode_out_of_memory(void **state)
{
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		struct buf b = BUF_INIT;
		int r;

		oom_fail_after(n);
		r = http_encode_segment(&b, "a/b");
		failed = oom_off();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		assert_string_equal(buf_text(&b), failed ? "" : "a%2Fb");
		buf_release(&b);
	}
}

static void test_loopback(void **state)
{
	static const char *const yes[] = { "http://127.0.0.1:80/v1", "http://localhost", "https://LOCALHOST./x", "http://[::1]:8/",
					   "http://127.9.9.9", "http://0x7f.1/", "http://[::ffff:127.0.0.1]/" };
	static const char *const no[] = { "http://128.0.0.1", "https://api.eachlabs.ai/v1", "http://127.0.0.1.example.org",
					  "http://localhost.example.org", "http://[::2]/", "", "localhost", "http://0.0.0.0/",
					  "https://example.org/http://127.0.0.1/", "https://127.0.0.1@example.org/" };

	(void)state;
	for (size_t i = 0; i < COUNT(yes); i++)
		if (!http_is_loopback(yes[i]))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < COUNT(no); i++)
		if (http_is_loopback(no[i]))
			fail_msg("%s", no[i]);
}

static void test_public_addresses(void **state)
{
	static const char *const yes[] = { "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
					   "126.255.255.255", "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0",
					   "192.0.1.1", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
					   "223.255.255.255", "2606:4700::1111", "2a00::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
					   "2002:808:808::1" };
	static const char *const no[] = { "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255",
					  "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255",
					  "192.0.0.8", "192.168.0.1", "198.18.0.1", "198.19.255.255", "224.0.0.1", "239.1.1.1",
					  "240.0.0.1", "255.255.255.255", "::", "::1", "fc00::1", "fdff::1", "fe80::1", "febf::1",
					  "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "64:ff9b::7f00:1",
					  "64:ff9b::a00:1", "64:ff9b:1::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "::7f00:1",
					  "", "example.org", "1.1.1", "fe80::1%eth0" };

	(void)state;
	for (size_t i = 0; i < COUNT(yes); i++)
		if (!http_literal_is_public(yes[i]))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < COUNT(no); i++)
		if (http_literal_is_public(no[i]))
			fail_msg("%s", no[i]);
	assert_false(http_address_is_public(&(struct sockaddr){ .sa_family = AF_UNIX }));
}

static void test_targets(void **state)
{
	static const struct {
		const char *url;
		int r;
		const char *whole, *host, *origin;
		unsigned port;
	} rows[] = {
		{ "https://Example.ORG/a b?q=1#frag", 0, "https://Example.ORG/a%20b?q=1", "example.org", "https://Example.ORG", 443 },
		{ "HTTP://example.org:8080", 0, "http://example.org:8080/", "example.org", "http://example.org", 8080 },
		{ "https://[2001:DB8::1]:99/x", 0, "https://[2001:db8::1]:99/x", "2001:db8::1", NULL, 99 },
		{ "https://example.org/a/../b/%2e%2e/c", 0, "https://example.org/a/../b/%2e%2e/c", "example.org", NULL, 443 },
		{ "ftp://example.org/", -EPROTONOSUPPORT, NULL, NULL, NULL, 0 },
		{ "mailto:a@example.org", -EPROTONOSUPPORT, NULL, NULL, NULL, 0 },
		{ "https://a:b@example.org/", -EINVAL, NULL, NULL, NULL, 0 },
		{ "https://a@example.org/", -EINVAL, NULL, NULL, NULL, 0 },
		{ "https://exa mple.org/", -EINVAL, NULL, NULL, NULL, 0 },
		{ "https://example.org/\r\nX: y", -EINVAL, NULL, NULL, NULL, 0 },
		{ "https://", -EINVAL, NULL, NULL, NULL, 0 },
		{ "/path", -EINVAL, NULL, NULL, NULL, 0 },
		{ "", -EINVAL, NULL, NULL, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_target t;
		int r = http_target_parse(&t, rows[i].url);

		if (r != rows[i].r)
			fail_msg("%s: %d", rows[i].url, r);
		if (r == 0) {
			if (i != 2)
				assert_string_equal(t.url, rows[i].whole);
			if (i != 2)
				assert_string_equal(t.host, rows[i].host);
			if (rows[i].origin)
				assert_string_equal(t.origin, rows[i].origin);
			assert_int_equal(t.port, rows[i].port);
		}
		http_target_release(&t);
	}
}

#define HTTP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define BARE_TEST(name) cmocka_unit_test_setup_teardown(name, setup_bare, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(test_get),
		HTTP_TEST(test_post_sends_what_it_was_given),
		HTTP_TEST(test_post_without_body),
		HTTP_TEST(test_large_body_leaves_whole),
		HTTP_TEST(test_shapes_of_answers),
		HTTP_TEST(test_headers_are_tamed),
		HTTP_TEST(test_endless_headers),
		HTTP_TEST(test_never_sent),
		HTTP_TEST(test_tls_fails_before_anything_is_sent),
		BARE_TEST(test_stalled_handshake),
		BARE_TEST(test_silence),
		HTTP_TEST(test_once_on_a_dead_connection),
		HTTP_TEST(test_once_without_body_on_a_dead_connection),
		HTTP_TEST(test_dead_connection_is_replaced),
		HTTP_TEST(test_sent_and_never_answered),
		HTTP_TEST(test_cut),
		HTTP_TEST(test_too_large),
		HTTP_TEST(test_long_error_page_is_cut),
		HTTP_TEST(test_sink),
		HTTP_TEST(test_redirect_keeps_method_and_body),
		HTTP_TEST(test_redirect_off_the_host),
		HTTP_TEST(test_redirects_that_are_refused),
		HTTP_TEST(test_endless_redirects),
		HTTP_TEST(test_refused_without_a_connection),
		HTTP_TEST(test_public_only_looks_at_the_socket),
		HTTP_TEST(test_proxy),
		HTTP_TEST(test_proxy_that_says_no),
		HTTP_TEST(test_cancel),
		HTTP_TEST(test_cancel_while_resolving_does_not_wait),
		HTTP_TEST(test_done_may_start_and_cancel),
		HTTP_TEST(test_free_from_done),
		HTTP_TEST(test_free_answers_all),
		HTTP_TEST(test_sockets_do_not_survive_exec),
		BARE_TEST(test_connection_limit),
		BARE_TEST(test_out_of_memory),
		cmocka_unit_test(test_free_nothing),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_encode_out_of_memory),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_public_addresses),
		cmocka_unit_test(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
