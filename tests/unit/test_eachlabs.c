/*
 * api over a scripted peer on loopback: what each call sends, what its answer means, and that the
 * key goes where it belongs and nowhere else.
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
#include "pimagefs/service.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define KEY "key-0123456789abcdef"
#define JSON(size) \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " #size "\r\n\r\n"
#define ACCEPTED JSON(22) "{\"predictionID\":\"p-1\"}"
#define PENDING JSON(23) "{\"status\":\"processing\"}"
#define PICTURE "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 7\r\n\r\npicture"

struct desk {
	struct world *w;
	struct eachlabs *api;
	struct settings settings;
	char base_url[64], key[64];
	/* The last answer. */
	unsigned times;
	struct service_answer answer;
	char prediction_id[64], link[64];
	struct buf sunk;
	int sink_says;
};

static void on_answer(const struct service_answer *a, void *data)
{
	struct desk *d = data;

	d->times++;
	d->answer = *a;
	snprintf(d->prediction_id, sizeof(d->prediction_id), "%s",
		 a->prediction_id ? a->prediction_id : "");
	snprintf(d->link, sizeof(d->link), "%s", a->link ? a->link : "");
	uv_stop(&d->w->loop);
}

static int sink(const void *bytes, size_t size, void *data)
{
	struct desk *d = data;

	return d->sink_says ? d->sink_says : buf_append(&d->sunk, bytes, size);
}

static int setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));
	void *world;

	world_setup(&world);
	d->w = world;
	strcpy(d->key, KEY);
	d->settings.api.key = d->key;
	d->settings.api.base_url = d->base_url;
	d->settings.limits.max_image_bytes = 1000;
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct desk *d = *state;
	void *world = d->w;

	world_teardown(&world);
	eachlabs_free(d->api);
	buf_release(&d->sunk);
	free(d);
	return 0;
}

static void open_api(struct desk *d)
{
	assert_int_equal(eachlabs_new(&d->api, d->w->http, &d->settings), 0);
}

static void listen_and_open(struct desk *d, const struct peer_reply *replies, size_t n)
{
	world_listen(d->w, replies, n);
	snprintf(d->base_url, sizeof(d->base_url), "http://127.0.0.1:%d/v1", d->w->peer.port);
	open_api(d);
}

static void wait(struct desk *d, int r)
{
	assert_int_equal(r, 0);
	assert_int_equal(d->times, 0);
	while (!d->times && !d->w->alarmed)
		uv_run(&d->w->loop, UV_RUN_ONCE);
	assert_int_equal(d->times, 1);
	d->times = 0;
}

static void create(struct desk *d)
{
	struct service_call *call;

	wait(d, eachlabs_ops.create(d->api, "a \"model\"", "{\"lora_scale\":0.80}", on_answer, d,
				    &call));
}

static void poll_it(struct desk *d, const char *id)
{
	wait(d, eachlabs_ops.poll(d->api, id, on_answer, d, NULL));
}

static void cancel(struct desk *d, const char *id)
{
	wait(d, eachlabs_ops.cancel(d->api, id, on_answer, d, NULL));
}

static void download(struct desk *d, const char *link)
{
	buf_release(&d->sunk);
	wait(d, eachlabs_ops.download(d->api, link, sink, d, on_answer, d, NULL));
}

static void expect(const struct desk *d, enum service_verdict verdict, enum error_class class)
{
	const struct error *e = &d->answer.error;

	if (d->answer.verdict != verdict || e->class != class)
		print_error("verdict %d, class %d: %s\n", d->answer.verdict, e->class, e->message);
	assert_int_equal(d->answer.verdict, verdict);
	assert_int_equal(e->class, class);
	assert_true(class == ERROR_NONE || e->message[0]);
	assert_null(strstr(e->message, KEY));
	assert_null(strstr(e->details, KEY));
	assert_null(strstr(e->request_id, KEY));
}

static void test_create(void **state)
{
	static const struct peer_reply replies[] = { { ACCEPTED, PEER_KEEP } };
	struct desk *d = *state;
	const struct peer *p = &d->w->peer;

	listen_and_open(d, replies, COUNT(replies));
	create(d);
	expect(d, SERVICE_ACCEPTED, ERROR_NONE);
	assert_string_equal(d->prediction_id, "p-1");
	assert_int_equal(peer_heard(p, "POST /v1/prediction/ HTTP/1.1\r\n"), 1);
	assert_int_equal(peer_heard(p, "\r\nX-API-Key: " KEY "\r\n"), 1);
	assert_int_equal(peer_heard(p, "\r\nContent-Type: application/json\r\n"), 1);
	assert_int_equal(
		peer_heard(
			p,
			"\r\n\r\n{\"model\":\"a \\\"model\\\"\",\"input\":{\"lora_scale\":0.80}}"),
		1);
	assert_int_equal(peer_heard(p, "Authorization"), 0);
}

static void test_bearer(void **state)
{
	static const struct peer_reply replies[] = { { ACCEPTED, PEER_KEEP } };
	struct desk *d = *state;

	d->settings.api.auth = CONFIG_AUTH_BEARER;
	listen_and_open(d, replies, COUNT(replies));
	create(d);
	assert_int_equal(peer_heard(&d->w->peer, "\r\nAuthorization: Bearer " KEY "\r\n"), 1);
	assert_int_equal(peer_heard(&d->w->peer, "X-API-Key"), 0);
}

static void test_without_key(void **state)
{
	static const struct peer_reply replies[] = { { ACCEPTED, PEER_KEEP } };
	struct desk *d = *state;

	d->key[0] = '\0';
	listen_and_open(d, replies, COUNT(replies));
	create(d);
	expect(d, SERVICE_ACCEPTED, ERROR_NONE);
	assert_int_equal(peer_heard(&d->w->peer, "X-API-Key"), 0);
}

static void test_key_that_is_no_header(void **state)
{
	static const char *const keys[] = { "a\r\nX-Evil: 1", "a\nb", "a\tb", "a\x7f" };
	struct desk *d = *state;

	for (size_t i = 0; i < COUNT(keys); i++) {
		struct eachlabs *api = NULL;

		strcpy(d->key, keys[i]);
		assert_int_equal(eachlabs_new(&api, d->w->http, &d->settings), -EINVAL);
		assert_null(api);
	}
}

static void test_poll_and_cancel(void **state)
{
	static const struct peer_reply replies[] = { { PENDING, PEER_KEEP },
						     { PENDING, PEER_KEEP },
						     { JSON(2) "{}", PEER_KEEP },
						     { PENDING, PEER_KEEP } };
	struct desk *d = *state;
	const struct peer *p = &d->w->peer;

	listen_and_open(d, replies, COUNT(replies));
	poll_it(d, "p-1");
	expect(d, SERVICE_PENDING, ERROR_NONE);
	assert_int_equal(peer_heard(p, "GET /v1/prediction/p-1 HTTP/1.1\r\n"), 1);
	assert_int_equal(peer_heard(p, "Content-Type"), 0);
	poll_it(d, "../a b?c#\xc3\xbc\r\n");
	assert_int_equal(
		peer_heard(p, "GET /v1/prediction/..%2Fa%20b%3Fc%23%C3%BC%0D%0A HTTP/1.1\r\n"), 1);
	cancel(d, "p/1");
	expect(d, SERVICE_DONE, ERROR_NONE);
	assert_int_equal(peer_heard(p, "POST /v1/prediction/p%2F1/cancel HTTP/1.1\r\n"), 1);
	assert_int_equal(peer_heard(p, "Content-Length: 0\r\n"), 1);
	poll_it(d, "..");
	assert_int_equal(peer_heard(p, "GET /v1/prediction/%2E%2E HTTP/1.1\r\n"), 1);
	assert_int_equal(peer_heard(p, "X-API-Key: " KEY "\r\n"), 4);
}

static void test_errors_carry_their_headers(void **state)
{
	static const struct peer_reply replies[] = {
		{ "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n"
		  "X-Request-Id: r-1\r\nContent-Length: 0\r\n\r\n",
		  PEER_KEEP },
		{ "HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", PEER_KEEP },
		{ "HTTP/1.1 503 Oh\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n", PEER_KEEP },
	};
	struct desk *d = *state;

	listen_and_open(d, replies, COUNT(replies));
	create(d);
	expect(d, SERVICE_BUSY, ERROR_SERVICE);
	assert_int_equal(d->answer.retry_after_ms, 7000);
	assert_string_equal(d->answer.error.request_id, "r-1");
	assert_int_equal(d->answer.error.http_status, 429);
	create(d);
	expect(d, SERVICE_BUSY, ERROR_SERVICE);
	assert_int_equal(d->answer.retry_after_ms, -1);
	poll_it(d, "p");
	expect(d, SERVICE_TROUBLE, ERROR_SERVICE);
	assert_int_equal(d->answer.retry_after_ms, 3000);
}

static void test_key_is_masked(void **state)
{
	static const struct peer_reply replies[] = {
		{ "HTTP/1.1 400 No\r\nX-Request-Id: " KEY "\r\nContent-Length: 69\r\n\r\n"
		  "{\"message\":\"not " KEY "\",\"details\":[\"" KEY "\"]}....",
		  PEER_CLOSE },
		{ "HTTP/1.1 401 No\r\nContent-Length: 52\r\n\r\n"
		  "{\"message\":\"what is \\u006bey-0123456789abcdef now?\"}..",
		  PEER_CLOSE },
		{ "HTTP/1.1 500 No\r\nContent-Length: 40\r\n\r\n" KEY KEY, PEER_CLOSE },
	};
	struct desk *d = *state;

	listen_and_open(d, replies, COUNT(replies));
	for (size_t i = 0; i < COUNT(replies); i++) {
		create(d);
		expect(d,
		       i == 0   ? SERVICE_REFUSED
		       : i == 1 ? SERVICE_AUTH
				: SERVICE_TROUBLE,
		       i == 0   ? ERROR_INVALID
		       : i == 1 ? ERROR_AUTH
				: ERROR_SERVICE);
		assert_non_null(strstr(d->answer.error.message, "****"));
	}
}

static void test_create_that_is_not_answered(void **state)
{
	static const struct {
		struct peer_reply reply;
		enum service_verdict verdict;
		enum error_class class;
	} rows[] = {
		{ { NULL, PEER_CLOSE }, SERVICE_UNCERTAIN, ERROR_UNCERTAIN },
		{ { NULL, PEER_RESET }, SERVICE_UNCERTAIN, ERROR_UNCERTAIN },
		{ { JSON(99) "{\"predictionID\":\"p-1\"}", PEER_CLOSE },
		  SERVICE_UNCERTAIN,
		  ERROR_UNCERTAIN },
		{ { JSON(1048577) "{}", PEER_CLOSE }, SERVICE_UNCERTAIN, ERROR_UNCERTAIN },
		{ { JSON(2) "{}", PEER_CLOSE }, SERVICE_UNCERTAIN, ERROR_UNCERTAIN },
		{ { "HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\n{", PEER_CLOSE },
		  SERVICE_TROUBLE,
		  ERROR_SERVICE },
		{ { "HTTP/1.1 402 Oh\r\nContent-Length: 9\r\n\r\n{", PEER_CLOSE },
		  SERVICE_AUTH,
		  ERROR_PAYMENT },
		{ { "HTTP/1.1 307 T\r\nLocation: http://login.invalid/\r\n"
		    "Content-Length: 0\r\n\r\n",
		    PEER_CLOSE },
		  SERVICE_OFFLINE,
		  ERROR_NETWORK },
		{ { "HTTP/1.1 302 F\r\nLocation: /here\r\nContent-Length: 0\r\n\r\n", PEER_CLOSE },
		  SERVICE_UNCERTAIN,
		  ERROR_UNCERTAIN },
	};
	struct peer_reply replies[COUNT(rows)];
	struct desk *d = *state;

	for (size_t i = 0; i < COUNT(rows); i++)
		replies[i] = rows[i].reply;
	listen_and_open(d, replies, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		create(d);
		expect(d, rows[i].verdict, rows[i].class);
		assert_true(d->answer.error.advice != ADVICE_NONE);
	}
	assert_int_equal(peer_heard(&d->w->peer, "POST"), COUNT(rows));
}

static void test_create_on_a_dead_connection(void **state)
{
	static const struct peer_reply replies[] = { { PENDING, PEER_KEEP },
						     { NULL, PEER_CLOSE },
						     { ACCEPTED, PEER_KEEP } };
	struct desk *d = *state;

	listen_and_open(d, replies, COUNT(replies));
	poll_it(d, "p");
	create(d);
	expect(d, SERVICE_UNCERTAIN, ERROR_UNCERTAIN);
	assert_int_equal(peer_heard(&d->w->peer, "POST"), 1);
}

static void test_no_connection(void **state)
{
	struct desk *d = *state;

	listen_and_open(d, NULL, 0);
	peer_stop(&d->w->peer);
	d->w->has_peer = false;
	uv_run(&d->w->loop, UV_RUN_NOWAIT);
	create(d);
	expect(d, SERVICE_OFFLINE, ERROR_NETWORK);
	assert_int_equal(d->answer.error.http_status, 0);
	poll_it(d, "p");
	expect(d, SERVICE_OFFLINE, ERROR_NETWORK);
	cancel(d, "p");
	expect(d, SERVICE_OFFLINE, ERROR_NETWORK);
	download(d, "http://127.0.0.1:1/x");
	expect(d, SERVICE_OFFLINE, ERROR_NETWORK);
}

static void test_poll_that_is_not_answered(void **state)
{
	static const struct {
		struct peer_reply reply;
		enum service_verdict verdict;
		enum error_class class;
	} rows[] = {
		{ { NULL, PEER_CLOSE }, SERVICE_OFFLINE, ERROR_NETWORK },
		{ { JSON(99) "{", PEER_CLOSE }, SERVICE_OFFLINE, ERROR_NETWORK },
		{ { JSON(1048577) "{}", PEER_CLOSE }, SERVICE_TROUBLE, ERROR_SERVICE },
		{ { JSON(1) "{", PEER_CLOSE }, SERVICE_TROUBLE, ERROR_SERVICE },
	};
	struct peer_reply replies[COUNT(rows)];
	struct desk *d = *state;

	for (size_t i = 0; i < COUNT(rows); i++)
		replies[i] = rows[i].reply;
	listen_and_open(d, replies, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		poll_it(d, "p");
		expect(d, rows[i].verdict, rows[i].class);
	}
}

static void test_plain_http_needs_loopback(void **state)
{
	struct desk *d = *state;

	strcpy(d->base_url, "http://api.invalid/v1");
	open_api(d);
	create(d);
	expect(d, SERVICE_OFFLINE, ERROR_NETWORK);
	assert_non_null(strstr(d->answer.error.message, "https"));
}

static void test_download(void **state)
{
	static const struct peer_reply replies[] = {
		{ "HTTP/1.1 302 F\r\nLocation: /there\r\nContent-Length: 4\r\n\r\nhere",
		  PEER_KEEP },
		{ PICTURE, PEER_KEEP }
	};
	struct desk *d = *state;
	char link[64];

	listen_and_open(d, replies, COUNT(replies));
	snprintf(link, sizeof(link), "http://127.0.0.1:%d/fox.png?sig=1", d->w->peer.port);
	download(d, link);
	expect(d, SERVICE_DONE, ERROR_NONE);
	assert_string_equal(buf_text(&d->sunk), "picture");
	assert_int_equal(peer_heard(&d->w->peer, "GET /fox.png?sig=1 HTTP/1.1\r\n"), 1);
	assert_int_equal(peer_heard(&d->w->peer, "GET /there HTTP/1.1\r\n"), 1);
	assert_int_equal(peer_heard(&d->w->peer, KEY), 0);
}

#define STATUS(line) "HTTP/1.1 " line "\r\nRetry-After: 5\r\nContent-Length: 4\r\n\r\noops"

static void test_download_that_fails(void **state)
{
	static const struct {
		struct peer_reply reply;
		int sink_says;
		enum service_verdict verdict;
		enum error_class class;
		int64_t retry_after_ms;
	} rows[] = {
		{ { STATUS("403 No"), PEER_KEEP }, 0, SERVICE_UNKNOWN, ERROR_DOWNLOAD, 5000 },
		{ { STATUS("404 No"), PEER_KEEP }, 0, SERVICE_UNKNOWN, ERROR_DOWNLOAD, 5000 },
		{ { STATUS("410 Gone"), PEER_KEEP }, 0, SERVICE_UNKNOWN, ERROR_DOWNLOAD, 5000 },
		{ { STATUS("401 No"), PEER_KEEP }, 0, SERVICE_UNKNOWN, ERROR_DOWNLOAD, 5000 },
		{ { STATUS("429 Slow"), PEER_KEEP }, 0, SERVICE_TROUBLE, ERROR_DOWNLOAD, 5000 },
		{ { STATUS("408 Late"), PEER_KEEP }, 0, SERVICE_TROUBLE, ERROR_DOWNLOAD, 5000 },
		{ { STATUS("500 Oh"), PEER_KEEP }, 0, SERVICE_TROUBLE, ERROR_DOWNLOAD, 5000 },
		{ { STATUS("304 Same"), PEER_CLOSE }, 0, SERVICE_TROUBLE, ERROR_DOWNLOAD, 5000 },
		{ { JSON(1001) "....", PEER_CLOSE }, 0, SERVICE_BAD_BODY, ERROR_DOWNLOAD, -1 },
		{ { JSON(9) "....", PEER_CLOSE }, 0, SERVICE_BAD_BODY, ERROR_DOWNLOAD, -1 },
		{ { NULL, PEER_CLOSE }, 0, SERVICE_OFFLINE, ERROR_NETWORK, -1 },
		{ { PICTURE, PEER_KEEP }, -ENOSPC, SERVICE_SINK, ERROR_DOWNLOAD, -1 },
		{ { "HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
		    PEER_KEEP },
		  0,
		  SERVICE_BAD_BODY,
		  ERROR_DOWNLOAD,
		  -1 },
	};
	struct peer_reply replies[COUNT(rows)];
	struct desk *d = *state;

	for (size_t i = 0; i < COUNT(rows); i++)
		replies[i] = rows[i].reply;
	listen_and_open(d, replies, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		d->sink_says = rows[i].sink_says;
		download(d, d->w->url);
		expect(d, rows[i].verdict, rows[i].class);
		assert_int_equal(d->answer.retry_after_ms, rows[i].retry_after_ms);
		assert_int_equal(d->answer.sink_error, rows[i].sink_says);
		assert_true(rows[i].verdict == SERVICE_BAD_BODY || !d->sunk.size);
	}
}

/* A service on the net must not make this machine fetch from inside its own. */
static void test_links_that_are_refused(void **state)
{
	static const char *const links[] = {
		"http://pictures.invalid/x", "https://127.0.0.1/x", "https://localhost/x",
		"https://192.168.1.1/x",     "https://[::1]/x",     "https://0x7f.1/x",
		"https://169.254.169.254/",  "ftp://e.invalid/x",   "rubbish",
		"data:image/png;base64,AA"
	};
	struct desk *d = *state;

	strcpy(d->base_url, "https://api.invalid/v1");
	open_api(d);
	for (size_t i = 0; i < COUNT(links); i++) {
		download(d, links[i]);
		expect(d, SERVICE_BAD_BODY, ERROR_DOWNLOAD);
	}
}

static void test_stop(void **state)
{
	struct desk *d = *state;
	struct service_call *call;

	listen_and_open(d, NULL, 0);
	assert_int_equal(eachlabs_ops.create(d->api, "m", "{}", on_answer, d, &call), 0);
	while (!d->w->peer.requests && !d->w->alarmed)
		uv_run(&d->w->loop, UV_RUN_ONCE);
	eachlabs_ops.stop(d->api, call);
	assert_int_equal(d->times, 1);
	expect(d, SERVICE_CLOSED, ERROR_CANCELLED);
}

static void test_closed_with_http(void **state)
{
	struct desk *d = *state;

	listen_and_open(d, NULL, 0);
	assert_int_equal(eachlabs_ops.poll(d->api, "p", on_answer, d, NULL), 0);
	world_close_http(d->w);
	assert_int_equal(d->times, 1);
	expect(d, SERVICE_CLOSED, ERROR_CANCELLED);
}

/* Whatever allocation fails: the call does not start, or ends once and decides nothing that was not
 * said. */
static void test_no_memory(void **state)
{
	static struct peer_reply replies[100];
	struct desk *d = *state;
	unsigned failed = 1;

	for (size_t i = 0; i < COUNT(replies); i++)
		replies[i] = (struct peer_reply){ ACCEPTED, PEER_KEEP };
	listen_and_open(d, replies, COUNT(replies));
	for (unsigned n = 0; failed && n < COUNT(replies); n++) {
		struct eachlabs *api = NULL;
		int r;

		oom_fail_once(n);
		r = eachlabs_new(&api, d->w->http, &d->settings);
		if (r == 0)
			r = eachlabs_ops.create(api, "m", "{}", on_answer, d, NULL);
		if (r == 0)
			wait(d, 0);
		failed = oom_off();
		assert_true(r == 0 || (failed && r == -ENOMEM));
		if (r == 0 && !failed)
			expect(d, SERVICE_ACCEPTED, ERROR_NONE);
		else if (r == 0 && d->answer.verdict != SERVICE_ACCEPTED &&
			 d->answer.verdict != SERVICE_OFFLINE)
			expect(d, SERVICE_UNCERTAIN, ERROR_UNCERTAIN);
		eachlabs_free(api);
	}
	assert_int_equal(failed, 0);
}

static void test_free_nothing(void **state)
{
	(void)state;
	eachlabs_free(NULL);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(test_create),
		API_TEST(test_bearer),
		API_TEST(test_without_key),
		API_TEST(test_key_that_is_no_header),
		API_TEST(test_poll_and_cancel),
		API_TEST(test_errors_carry_their_headers),
		API_TEST(test_key_is_masked),
		API_TEST(test_create_that_is_not_answered),
		API_TEST(test_create_on_a_dead_connection),
		API_TEST(test_no_connection),
		API_TEST(test_poll_that_is_not_answered),
		API_TEST(test_plain_http_needs_loopback),
		API_TEST(test_download),
		API_TEST(test_download_that_fails),
		API_TEST(test_links_that_are_refused),
		API_TEST(test_stop),
		API_TEST(test_closed_with_http),
		API_TEST(test_no_memory),
		cmocka_unit_test(test_free_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
