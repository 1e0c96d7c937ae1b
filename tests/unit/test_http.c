/*
 * http against a scripted peer on loopback: what a call sends, what comes back of an answer, and
 * where a call never goes. What must not be reached is a peer whose connections stay at 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_world.h"
#include "oom.h"
#include "pimagefs/http.h"

#define HELLO \
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" \
	"X-Request-Id: req-7\r\nContent-Length: 5\r\n\r\nhello"
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void test_get(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;
	struct seen *s;

	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	s = world_ask(w, &call);
	world_expect(s, HTTP_ANSWERED, 200);
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

	world_listen(w, replies, COUNT(replies));
	for (int once = 0; once < 2; once++) {
		call = world_post(w->url, once);
		world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
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

	world_listen(w, replies, COUNT(replies));
	call = world_post(w->url, false);
	call.body = NULL;
	call.body_size = 0;
	world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
	assert_int_equal(peer_heard(&w->peer, "Content-Length: 0\r\n"), 1);
}

/* 200 KB: more than curl's buffer, so that the body leaves in pieces. */
static void test_large_body_leaves_whole(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;
	char *body = malloc(200001);

	world_listen(w, replies, COUNT(replies));
	memset(body, 'x', 200000);
	body[0] = 'A';
	body[199999] = 'Z';
	body[200000] = '\0';
	call = world_post(w->url, true);
	call.body = body;
	call.body_size = 200000;
	world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
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
		{ { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Request-Id: no\r\n\r\n",
		    PEER_KEEP },
		  200,
		  "abcde" },
		{ { "HTTP/1.0 200 OK\r\n\r\nto the end", PEER_CLOSE }, 200, "to the end" },
		{ { "HTTP/1.1 100 Continue\r\nX-Request-Id: no\r\n\r\n"
		    "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
		    PEER_KEEP },
		  201,
		  "ok" },
		{ { "HTTP/1.1 204 No Content\r\n\r\n", PEER_KEEP }, 204, "" },
		{ { "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", PEER_KEEP },
		  404,
		  "gone" },
		{ { "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", PEER_KEEP }, 503, "" },
		{ { "HTTP/1.1 304 Not Modified\r\nLocation: /x\r\n\r\n", PEER_KEEP }, 304, "" },
		{ { "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", PEER_KEEP }, 302, "" },
	};
	struct peer_reply replies[COUNT(rows)];
	struct world *w = *state;
	struct http_call call;

	for (size_t i = 0; i < COUNT(rows); i++)
		replies[i] = rows[i].reply;
	world_listen(w, replies, COUNT(rows));
	call = world_get(w->url);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct seen *s = world_ask(w, &call);

		world_expect(s, HTTP_ANSWERED, rows[i].status);
		assert_string_equal(s->body, rows[i].body);
		assert_string_equal(s->answer.request_id, "");
	}
}

static void test_headers_are_tamed(void **state)
{
	static const struct peer_reply replies[] = {
		{ "HTTP/1.1 429 Slow\r\nretry-after:\t 12 \r\nX-REQUEST-ID: a\x1b[31m\xff"
		  "b\r\nContent-Length: 0\r\n\r\n",
		  PEER_KEEP },
	};
	struct world *w = *state;
	struct http_call call;
	struct seen *s;

	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	s = world_ask(w, &call);
	world_expect(s, HTTP_ANSWERED, 429);
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
	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	world_expect(world_ask(w, &call), HTTP_NO_ANSWER, 0);
	free(page);
}

static void test_too_large(void **state)
{
	static const struct peer_reply replies[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890", PEER_KEEP },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n",
		  PEER_KEEP },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", PEER_KEEP },
	};
	struct world *w = *state;
	struct http_call call;

	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	call.max_bytes = 10;
	world_expect(world_ask(w, &call), HTTP_TOO_LARGE, 200);
	world_expect(world_ask(w, &call), HTTP_TOO_LARGE, 200);
	world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
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
	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	call.max_bytes = 1 << 20;
	s = world_ask(w, &call);
	world_expect(s, HTTP_ANSWERED, 500);
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
		{ "HTTP/1.1 302 Found\r\nLocation: /c\r\nContent-Length: 4\r\n\r\nmove",
		  PEER_KEEP },
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

	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	call.sink = sink;
	call.sink_data = s;
	call.follow = true;
	for (size_t i = 0; i < COUNT(rows); i++) {
		memset(s, 0, sizeof(*s));
		s->sink_says = rows[i].says;
		world_start(w, &call, s);
		world_wait(w, s);
		world_expect(s, rows[i].outcome, rows[i].status);
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
		{ "HTTP/1.1 307 There\r\nLocation: 2\r\nContent-Length: 0\r\n\r\n", PEER_KEEP },
		{ "HTTP/1.1 307 There\r\nLocation: /3\r\nContent-Length: 0\r\n\r\n", PEER_CLOSE },
		{ "HTTP/1.1 308 There\r\nLocation: /4\r\nContent-Length: 0\r\n\r\n", PEER_KEEP },
		{ HELLO, PEER_KEEP },
		{ "HTTP/1.1 301 Moved\r\nLocation: /5\r\nContent-Length: 0\r\n\r\n", PEER_KEEP },
		{ "HTTP/1.1 302 Found\r\nLocation: /5\r\nContent-Length: 0\r\n\r\n", PEER_KEEP },
		{ "HTTP/1.1 303 See Other\r\nLocation: /5\r\nContent-Length: 0\r\n\r\n",
		  PEER_KEEP },
	};
	struct world *w = *state;
	struct http_call call;

	world_listen(w, replies, COUNT(replies));
	call = world_post(w->url, true);
	world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
	assert_int_equal(peer_heard(&w->peer, "POST /"), 4);
	assert_int_equal(peer_heard(&w->peer, "POST /4 "), 1);
	assert_int_equal(peer_heard(&w->peer, "{\"n\":1}"), 4);
	assert_int_equal(peer_heard(&w->peer, "X-API-Key: secret-key-1"), 4);
	for (int status = 301; status <= 303; status++)
		world_expect(world_ask(w, &call), HTTP_ANSWERED, status);
	assert_int_equal(w->peer.requests, 7);
}

static void test_redirect_off_the_host(void **state)
{
	static const struct peer_reply hello[] = { { HELLO, PEER_KEEP } };
	struct world *w = *state;
	char page[200];
	struct peer_reply replies[] = { { page, PEER_KEEP }, { page, PEER_KEEP } };
	struct http_call call;
	struct seen *s;

	world_listen(w, replies, COUNT(replies));
	world_listen_other(w, hello, COUNT(hello));
	snprintf(page, sizeof(page),
		 "HTTP/1.1 307 There\r\nLocation: %s?secret\r\nContent-Length: 0\r\n\r\n",
		 w->other_url);
	call = world_post(w->url, true);
	world_expect(world_ask(w, &call), HTTP_REFUSED, 307);
	assert_int_equal(w->other.connections, 0);
	call = world_get(w->url);
	call.follow = true;
	s = world_ask(w, &call);
	world_expect(s, HTTP_ANSWERED, 200);
	assert_string_equal(s->body, "hello");
	assert_int_equal(peer_heard(&w->other, "GET /b?secret "), 1);
}

static void test_redirects_that_are_refused(void **state)
{
	static const char *const places[] = { "file:///etc/passwd", "ftp://127.0.0.1/",
					      "javascript:1", "http://",
					      "http://user:pw@127.0.0.1/" };
	struct world *w = *state;
	char pages[COUNT(places)][200];
	struct peer_reply replies[COUNT(places)];
	struct http_call call;

	for (size_t i = 0; i < COUNT(places); i++) {
		snprintf(pages[i], sizeof(pages[i]),
			 "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
			 places[i]);
		replies[i] = (struct peer_reply){ pages[i], PEER_KEEP };
	}
	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	call.follow = true;
	for (size_t i = 0; i < COUNT(places); i++)
		world_expect(world_ask(w, &call), HTTP_REFUSED, 302);
	assert_int_equal(w->peer.requests, COUNT(places));
}

static void test_endless_redirects(void **state)
{
	struct world *w = *state;
	struct peer_reply replies[10];
	struct http_call call;

	for (size_t i = 0; i < COUNT(replies); i++)
		replies[i] = (struct peer_reply){
			"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", PEER_KEEP
		};
	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	call.follow = true;
	world_expect(world_ask(w, &call), HTTP_REFUSED, 302);
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

	world_listen(w, NULL, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_call call;
		char url[64];

		snprintf(url, sizeof(url), "%s%d%s", rows[i].before, w->peer.port, rows[i].after);
		call = world_get(url);
		call.https_only = rows[i].https_only;
		call.public_only = rows[i].public_only;
		world_expect(world_ask(w, &call), HTTP_REFUSED, 0);
	}
	assert_int_equal(w->peer.connections, 0);
}

/* Is this a name that is not known to be local, but resolves to the loopback address? */
static bool resolves_to_loopback(const char *name, bool *v6)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	bool is = false;

	if (strcmp(name, "localhost") == 0 || getaddrinfo(name, NULL, &hints, &found) != 0)
		return false;
	*v6 = found->ai_family == AF_INET6;
	if (*v6)
		is = IN6_IS_ADDR_LOOPBACK(
			&((struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_addr);
	else
		is = ((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr.s_addr ==
		     htonl(INADDR_LOOPBACK);
	freeaddrinfo(found);
	return is;
}

static void test_public_only_looks_at_the_socket(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP }, { HELLO, PEER_KEEP } };
	struct world *w = *state;
	char names[3][65] = { "", "ip6-loopback", "ip6-localhost" }, url[256];
	struct http_call call;
	unsigned i = 0;
	bool v6;

	gethostname(names[0], sizeof(names[0]) - 1);
	while (i < COUNT(names) && !resolves_to_loopback(names[i], &v6))
		i++;
	if (i == COUNT(names) || peer_start(&w->peer, &w->loop, v6, replies, COUNT(replies)) < 0)
		skip();
	w->has_peer = true;
	snprintf(url, sizeof(url), "http://%s:%d/", names[i], w->peer.port);
	call = world_get(url);
	call.public_only = true;
	world_expect(world_ask(w, &call), HTTP_REFUSED, 0);
	assert_int_equal(w->peer.connections, 0);
	/* Nor may it take over the connection that another call has opened. */
	call.public_only = false;
	world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
	call.public_only = true;
	world_expect(world_ask(w, &call), HTTP_REFUSED, 0);
	assert_int_equal(w->peer.requests, 1);
}

static void test_proxy(void **state)
{
	static const struct peer_reply replies[] = { { HELLO, PEER_KEEP }, { HELLO, PEER_KEEP } };
	static const struct peer_reply direct[] = { { HELLO, PEER_KEEP } };
	struct world *w = *state;
	struct http_call call;

	world_listen(w, replies, COUNT(replies));
	world_listen_other(w, direct, COUNT(direct));
	setenv("http_proxy", w->url, 1);
	call = world_get("http://nonexistent.invalid/x");
	world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
	assert_int_equal(peer_heard(&w->peer, "GET http://nonexistent.invalid/x HTTP/1.1"), 1);
	call.public_only = true;
	world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
	call = world_get("http://10.0.0.1/");
	call.public_only = true;
	world_expect(world_ask(w, &call), HTTP_REFUSED, 0);
	assert_int_equal(w->peer.requests, 2);
	call = world_get(w->other_url);
	world_expect(world_ask(w, &call), HTTP_ANSWERED, 200);
	assert_int_equal(w->other.requests, 1);
	setenv("no_proxy", "example.org, .invalid", 1);
	call = world_get("http://nonexistent.invalid/x");
	call.public_only = true;
	world_expect(world_ask(w, &call), HTTP_NOT_SENT, 0);
	unsetenv("no_proxy");
	unsetenv("http_proxy");
}

static void test_proxy_that_says_no(void **state)
{
	static const struct peer_reply replies[] = {
		{ "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", PEER_CLOSE }
	};
	struct world *w = *state;
	struct http_call call;

	world_listen(w, replies, COUNT(replies));
	setenv("https_proxy", w->url, 1);
	call = world_post("https://nonexistent.invalid/x", true);
	world_expect(world_ask(w, &call), HTTP_NOT_SENT, 0);
	assert_int_equal(peer_heard(&w->peer, "CONNECT nonexistent.invalid:443"), 1);
	assert_int_equal(peer_heard(&w->peer, "secret"), 0);
	unsetenv("https_proxy");
}

static void test_connection_limit(void **state)
{
	const struct http_settings two = {
		.connect_timeout_s = 5, .idle_timeout_s = 9, .timeout_s = 9, .max_connections = 2
	};
	struct world *w = *state;
	struct peer_reply replies[8];
	struct seen *s = calloc(8, sizeof(*s));
	struct http_call call;

	for (int i = 0; i < 8; i++)
		replies[i] = (struct peer_reply){ HELLO, PEER_KEEP };
	world_open_http(w, &two);
	world_listen(w, replies, 8);
	call = world_get(w->url);
	for (int i = 0; i < 8; i++)
		world_start(w, &call, &s[i]);
	for (int i = 0; i < 8; i++) {
		world_wait(w, &s[i]);
		world_expect(&s[i], HTTP_ANSWERED, 200);
	}
	assert_true(w->peer.connections <= 2);
	free(s);
}

static void check_sockets(const struct http_answer *a, void *data)
{
	unsigned sockets = 0;

	(void)a;
	for (int fd = 3; fd < 200; fd++) {
		struct sockaddr_storage name;
		socklen_t size = sizeof(name);

		/* The pair with which curl wakes itself is its own affair. */
		if (getsockname(fd, (struct sockaddr *)&name, &size) < 0 ||
		    name.ss_family != AF_INET)
			continue;
		sockets++;
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

	world_listen(w, replies, COUNT(replies));
	call = world_get(w->url);
	assert_int_equal(http_start(w->http, &call, check_sockets, &sockets, NULL), 0);
	while (!sockets && !w->alarmed)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_true(sockets >= 3); /* listener, and both ends of the connection */
}

#define WITH_HTTP(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
#define BARE(name) cmocka_unit_test_setup_teardown(name, world_setup_bare, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HTTP(test_get),
		WITH_HTTP(test_post_sends_what_it_was_given),
		WITH_HTTP(test_post_without_body),
		WITH_HTTP(test_large_body_leaves_whole),
		WITH_HTTP(test_shapes_of_answers),
		WITH_HTTP(test_headers_are_tamed),
		WITH_HTTP(test_endless_headers),
		WITH_HTTP(test_too_large),
		WITH_HTTP(test_long_error_page_is_cut),
		WITH_HTTP(test_sink),
		WITH_HTTP(test_redirect_keeps_method_and_body),
		WITH_HTTP(test_redirect_off_the_host),
		WITH_HTTP(test_redirects_that_are_refused),
		WITH_HTTP(test_endless_redirects),
		WITH_HTTP(test_refused_without_a_connection),
		WITH_HTTP(test_public_only_looks_at_the_socket),
		WITH_HTTP(test_proxy),
		WITH_HTTP(test_proxy_that_says_no),
		BARE(test_connection_limit),
		WITH_HTTP(test_sockets_do_not_survive_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
