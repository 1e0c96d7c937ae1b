/* http_world: a loop, an http and up to two peers on it, for tests of what is built on http. */
#ifndef TESTS_HTTP_WORLD_H
#define TESTS_HTTP_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "peer.h"
#include "pimagefs/buf.h"
#include "pimagefs/http.h"

struct world {
	uv_loop_t loop;
	uv_timer_t alarm; /* after half a minute a wait is given up */
	struct http *http;
	struct peer peer, other;
	bool has_peer, has_other, freed, closed, alarmed;
	char url[64], other_url[64];
};

/* What was told of one call; zero before it. */
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

/* cmocka's setup (bare: without an http) and teardown, which proves that nothing is left open. */
int world_setup_bare(void **state);
int world_setup(void **state);
int world_teardown(void **state);
void world_open_http(struct world *w, const struct http_settings *settings);
void world_close_http(struct world *w);

void world_listen(struct world *w, const struct peer_reply *replies, size_t n);
void world_listen_other(struct world *w, const struct peer_reply *replies, size_t n);

struct http_call world_get(const char *url);
/* With a header and a body whose texts tests look for. */
struct http_call world_post(const char *url, bool once);
struct http_transfer *world_start(struct world *w, const struct http_call *call, struct seen *s);
/* Turn the loop until it is told. */
void world_wait(struct world *w, const struct seen *s);
/* Start and wait; valid until the next one. */
struct seen *world_ask(struct world *w, const struct http_call *call);
void world_expect(const struct seen *s, enum http_outcome outcome, int status);
/* The done function of all these: data is a struct seen. */
void seen_done(const struct http_answer *a, void *data);

#endif
