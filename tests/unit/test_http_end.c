/*
 * http: how calls end. Was it sent, was it seen, was it answered; that the end is told once, and
 * that a body which must leave once does so.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_world.h"
#include "oom.h"
#include "pimagefs/http.h"

#define HELLO \
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" \
	"X-Request-Id: req-7\r\nContent-Length: 5\r\n\r\nhello"
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void test_never_sent(void **state)
{
	struct world *w = *state;
	struct http_call call;
	char url[64];

	world_listen(w, NULL, 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/?token=secret", w->peer.port);
	peer_stop(&w->peer);
	w->has_peer = false;
	uv_run(&w->loop, UV_RUN_NOWAIT);
	call = world_post(url, true);
	world_expect(world_ask(w, &call), HTTP_NOT_SENT, 0);
	call = world_post("http://nonexistent.invalid/secret?a=secret", true);
	world_expect(world_ask(w, &call), HTTP_NOT_SENT, 0);
}

static void test_tls_fails_before_anything_is_sent(void **state)
{
	static const struct peer_reply replies[] = { { "HTTP/1.1 400 Bad\r\n\r\n", PEER_CLOSE },
						     { NULL, PEER_RESET } };
	struct world *w = *state;
	struct http_call call;
	char url[64];

	world_listen(w, replies, COUNT(replies));
	w->peer.raw = true;
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", w->peer.port);
	call = world_post(url, true);
	call.https_only = true;
	world_expect(world_ask(w, &call), HTTP_NOT_SENT, 0);
	world_expect(world_ask(w, &call), HTTP_NOT_SENT, 0);
	assert_int_equal(peer_heard(&w->peer, "secret"), 0);
}

static void test_stalled_handshake(void **state)
{
	const struct http_settings quick = { .connect_timeout_s = 1,
					     .idle_timeout_s = 20,
					     .timeout_s = 20 };
	struct world *w = *state;
	struct http_call call;
	char url[64];

	world_open_http(w, &quick);
	world_listen(w, NULL, 0);
	w->peer.raw = true;
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", w->peer.port);
	call = world_post(url, true);
	world_expect(world_ask(w, &call), HTTP_NOT_SENT, 0);
}

static void test_idle(void **state)
{
	const struct http_settings idle = { .connect_timeout_s = 9,
					    .idle_timeout_s = 1,
					    .timeout_s = 25 };
	struct world *w = *state;
	struct http_call call;

	world_open_http(w, &idle);
	world_listen(w, NULL, 0);
	call = world_get(w->url);
	world_expect(world_ask(w, &call), HTTP_NO_ANSWER, 0);
	assert_int_equal(w->peer.requests, 1);
}

static void test_timeout(void **state)
{
	static const struct peer_reply replies[] = {
		{ NULL, PEER_KEEP },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", PEER_KEEP }
	};
	const struct http_settings quick = { .connect_timeout_s = 9,
					     .idle_timeout_s = 20,
					     .timeout_s = 5 };
	struct world *w = *state;
	struct seen *s = calloc(2, sizeof(*s));
	struct http_call call;

	world_open_http(w, &quick);
	world_listen(w, replies, COUNT(replies));
	call = world_post(w->url, true);
	world_start(w, &call, &s[0]);
	while (!w->peer.requests && !w->alarmed)
		uv_run(&w->loop, UV_RUN_ONCE);
	world_start(w, &call, &s[1]);
	world_wait(w, &s[0]);
	world_wait(w, &s[1]);
	world_expect(&s[0], HTTP_NO_ANSWER, 0);
	world_expect(&s[1], HTTP_CUT, 200);
	free(s);
}

static void test_once_on_a_dead_connection(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP },
						     { NULL, PEER_CLOSE },
						     { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;

	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
	call = world_post(w->url, true);
	world_expect(world_ask(w, &call), HTTP_NO_ANSWER, 0);
	assert_int_equal(peer_heard(&w->peer, "POST"), 1);
	assert_int_equal(peer_heard(&w->peer, "{\"n\":1}"), 1);
}

static void test_once_without_body_on_a_dead_connection(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP },
						     { NULL, PEER_CLOSE },
						     { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;

	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
	call = world_post(w->url, true);
	call.body_size = 0;
	call.body = NULL;
	world_expect(world_ask(w, &call), HTTP_NO_ANSWER, 0);
	assert_int_equal(peer_heard(&w->peer, "POST"), 1);
}

/* The same where it does no harm: curl's own retry is welcome. */
static void test_dead_connection_is_replaced(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP },
						     { NULL, PEER_CLOSE },
						     { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;

	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
	call = world_post(w->url, false);
	world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
	assert_int_equal(peer_heard(&w->peer, "{\"n\":1}"), 2);
	assert_int_equal(w->peer.connections, 2);
}

static void test_sent_and_never_answered(void **state)
{
	static const struct peer_reply replies[] = {
		{ NULL, PEER_CLOSE },
		{ NULL, PEER_RESET },
		{ "HTTP/1.1 200 OK\r\nContent-Le", PEER_CLOSE },
		{ "HTTP/1.1 100 Continue\r\n\r\n", PEER_CLOSE },
		{ "what is this\r\n\r\n", PEER_CLOSE }
	};
	struct world *w = *state;
	struct http_call call;

	world_listen(w, replies, COUNT(replies));
	call = world_post(w->url, true);
	for (size_t i = 0; i < COUNT(replies); i++)
		world_expect(world_ask(w, &call), HTTP_NO_ANSWER, 0);
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

	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	for (size_t i = 0; i < COUNT(replies); i++)
		world_expect(world_ask(w, &call), HTTP_CUT, 200);
}

static void test_cancel(void **state)
{
	struct world *w = *state;
	struct seen *s = calloc(2, sizeof(*s));
	struct http_call call;

	world_listen(w, NULL, 0);
	call = world_post(w->url, true);
	http_cancel(world_start(w, &call, &s[0]));
	assert_int_equal(s[0].times, 1);
	world_expect(&s[0], HTTP_CLOSED, 0);
	http_cancel(
		world_start(w, &(struct http_call){ .method = "GET", .url = "rubbish" }, &s[1]));
	world_expect(&s[1], HTTP_CLOSED, 0);
	memset(s, 0, sizeof(*s));
	{
		struct http_transfer *t = world_start(w, &call, &s[0]);

		while (!w->peer.requests && !w->alarmed)
			uv_run(&w->loop, UV_RUN_ONCE);
		http_cancel(t);
	}
	assert_int_equal(s[0].times, 1);
	world_expect(&s[0], HTTP_CLOSED, 0);
	free(s);
}

static void test_cancel_while_resolving_does_not_wait(void **state)
{
	struct world *w = *state;
	struct seen *s = calloc(1, sizeof(*s));
	struct http_call call = world_get("http://nonexistent.invalid/");
	struct http_transfer *t = world_start(w, &call, s);

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

	world_listen(w, replies, COUNT(replies));
	world_listen_other(w, NULL, 0);
	call = world_get(w->url);
	silent = world_get(w->other_url);
	s[0].other = world_start(w, &silent, &s[1]);
	s[0].again = w->http;
	s[0].again_url = w->url;
	s[0].again_seen = &s[2];
	world_start(w, &call, &s[0]);
	world_wait(w, &s[0]);
	world_expect(&s[1], HTTP_CLOSED, 0);
	world_wait(w, &s[2]);
	world_expect(&s[2], HTTP_ANSWERED, 200);
	assert_int_equal(s[0].times + s[1].times + s[2].times, 3);
	free(s);
}

static void free_from_done(const struct http_answer *a, void *data)
{
	struct world *w = data;

	if (a->outcome != HTTP_CLOSED)
		world_close_http(w);
}

static void test_free_from_done(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct seen *s = calloc(1, sizeof(*s));
	struct http_call call, silent;

	world_listen(w, replies, COUNT(replies));
	world_listen_other(w, NULL, 0);
	call = world_get(w->url);
	silent = world_get(w->other_url);
	world_start(w, &silent, s);
	assert_int_equal(http_start(w->http, &call, free_from_done, w, NULL), 0);
	while (!w->closed && !w->alarmed)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_true(w->closed);
	world_expect(s, HTTP_CLOSED, 0);
	free(s);
}

static void start_when_closed(const struct http_answer *a, void *data)
{
	struct world *w = data;
	struct http_call call = world_get(w->url);

	assert_int_equal(a->outcome, HTTP_CLOSED);
	assert_int_equal(http_start(w->http, &call, seen_done, NULL, NULL), -ECANCELED);
	w->alarmed = true;
}

static void test_free_answers_all(void **state)
{
	struct world *w = *state;
	struct seen *s = calloc(12, sizeof(*s));
	struct http_call call, refused = world_get("rubbish");

	world_listen(w, NULL, 0);
	call = world_post(w->url, true);
	for (int i = 0; i < 10; i++)
		world_start(w, &call, &s[i]);
	while (w->peer.requests < 5 && !w->alarmed)
		uv_run(&w->loop, UV_RUN_ONCE);
	world_start(w, &refused, &s[10]);
	assert_int_equal(http_start(w->http, &call, start_when_closed, w, NULL), 0);
	world_close_http(w);
	for (int i = 0; i < 11; i++) {
		assert_int_equal(s[i].times, 1);
		world_expect(&s[i], HTTP_CLOSED, 0);
	}
	assert_true(w->alarmed);
	free(s);
}

/* Whatever allocation of ours fails, the call either does not start or ends once. */
static void test_out_of_memory(void **state)
{
	const struct http_settings settings = { .connect_timeout_s = 5, .timeout_s = 20 };
	static struct peer_reply replies[64];
	struct world *w = *state;
	struct http_call call;
	unsigned failed = 1;

	for (size_t i = 0; i < COUNT(replies); i++)
		replies[i] = (struct peer_reply){
			"HTTP/1.1 307 T\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", PEER_KEEP
		};
	for (size_t i = 1; i < COUNT(replies); i += 2)
		replies[i].bytes = HELLO;
	for (unsigned n = 0; failed && n < 30; n++) {
		struct http *h = NULL;
		struct seen *s = calloc(1, sizeof(*s));

		world_listen(w, replies, COUNT(replies));
		call = world_post(w->url, true);
		oom_fail_once(n);
		if (http_new(&h, &w->loop, &settings) == 0 &&
		    http_start(h, &call, seen_done, s, NULL) == 0) {
			while (!s->times && !w->alarmed)
				uv_run(&w->loop, UV_RUN_ONCE);
			assert_int_equal(s->times, 1);
		}
		failed = oom_off();
		assert_int_equal(s->times, failed ? s->times : 1);
		if (!failed)
			world_expect(s, HTTP_ANSWERED, 200);
		http_free(h, NULL, NULL);
		peer_stop(&w->peer);
		uv_run(&w->loop, UV_RUN_DEFAULT);
		w->has_peer = false;
		free(s);
	}
	assert_int_equal(failed, 0);
}

static void on_closed(void *data)
{
	((struct world *)data)->closed = true;
}

static void test_free_nothing(void **state)
{
	struct world w = { 0 };

	(void)state;
	http_free(NULL, on_closed, &w);
	assert_true(w.closed);
	http_free(NULL, NULL, NULL);
}

#define WITH_HTTP(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
#define BARE(name) cmocka_unit_test_setup_teardown(name, world_setup_bare, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HTTP(test_never_sent),
		WITH_HTTP(test_tls_fails_before_anything_is_sent),
		BARE(test_stalled_handshake),
		BARE(test_idle),
		BARE(test_timeout),
		WITH_HTTP(test_once_on_a_dead_connection),
		WITH_HTTP(test_once_without_body_on_a_dead_connection),
		WITH_HTTP(test_dead_connection_is_replaced),
		WITH_HTTP(test_sent_and_never_answered),
		WITH_HTTP(test_cut),
		WITH_HTTP(test_cancel),
		WITH_HTTP(test_cancel_while_resolving_does_not_wait),
		WITH_HTTP(test_done_may_start_and_cancel),
		WITH_HTTP(test_free_from_done),
		WITH_HTTP(test_free_answers_all),
		BARE(test_out_of_memory),
		cmocka_unit_test(test_free_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
