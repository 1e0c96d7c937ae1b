/*
 * http_world: the stage of the tests of http and api. Sets up a loop with an http on it, lets peers
 * listen, asks and waits for the end of a call. A wait that takes half a minute fails the test. The
 * teardown closes all and checks that the loop is empty.
 */
#include "http_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool starting;      /* http_start runs */
static uv_loop_t *turning; /* the loop of this test */

void seen_done(const struct http_answer *a, void *data)
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

		assert_int_equal(http_start(s->again, &call, seen_done, s->again_seen, NULL), 0);
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

static const struct http_settings settings = { .connect_timeout_s = 5,
					       .idle_timeout_s = 10,
					       .timeout_s = 20,
					       .max_connections = 0 };

void world_open_http(struct world *w, const struct http_settings *s)
{
	assert_int_equal(http_new(&w->http, &w->loop, s), 0);
}

int world_setup_bare(void **state)
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

int world_setup(void **state)
{
	world_setup_bare(state);
	world_open_http(*state, &settings);
	return 0;
}

void world_close_http(struct world *w)
{
	if (w->http)
		http_free(w->http, on_closed, w);
	w->freed = w->freed || w->http;
	w->http = NULL;
}

int world_teardown(void **state)
{
	struct world *w = *state;

	world_close_http(w);
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

void world_listen(struct world *w, const struct peer_reply *replies, size_t n)
{
	assert_int_equal(peer_start(&w->peer, &w->loop, false, replies, n), 0);
	w->has_peer = true;
	snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d/a", w->peer.port);
}

void world_listen_other(struct world *w, const struct peer_reply *replies, size_t n)
{
	assert_int_equal(peer_start(&w->other, &w->loop, false, replies, n), 0);
	w->has_other = true;
	snprintf(w->other_url, sizeof(w->other_url), "http://127.0.0.1:%d/b", w->other.port);
}

struct http_transfer *world_start(struct world *w, const struct http_call *call, struct seen *s)
{
	struct http_transfer *t = NULL;

	starting = true;
	assert_int_equal(http_start(w->http, call, seen_done, s, &t), 0);
	starting = false;
	assert_non_null(t);
	return t;
}

void world_wait(struct world *w, const struct seen *s)
{
	while (!s->times && !w->alarmed)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_false(w->alarmed);
	assert_int_equal(s->times, 1);
	assert_false(s->inside);
}

struct seen *world_ask(struct world *w, const struct http_call *call)
{
	static struct seen s;

	memset(&s, 0, sizeof(s));
	world_start(w, call, &s);
	world_wait(w, &s);
	return &s;
}

struct http_call world_get(const char *url)
{
	return (struct http_call){ .method = "GET", .url = url, .max_bytes = 1000 };
}

struct http_call world_post(const char *url, bool once)
{
	static const char *const headers[] = { "X-API-Key: secret-key-1",
					       "Content-Type: application/json", NULL };

	return (struct http_call){ .method = "POST",
				   .url = url,
				   .headers = headers,
				   .body = "{\"n\":1}",
				   .body_size = 7,
				   .once = once,
				   .max_bytes = 1000 };
}

void world_expect(const struct seen *s, enum http_outcome outcome, int status)
{
	if (s->answer.outcome != outcome || s->answer.status != status)
		print_error("outcome %d, status %d: %s\n", s->answer.outcome, s->answer.status,
			    s->answer.reason);
	assert_int_equal(s->answer.outcome, outcome);
	assert_int_equal(s->answer.status, status);
	assert_null(strstr(s->answer.reason, "secret"));
	assert_true(outcome == HTTP_ANSWERED || s->answer.reason[0]);
}
