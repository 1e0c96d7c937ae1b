/* peer: a server on loopback that says what it was told to say, on the loop of the test. */
#ifndef TESTS_PEER_H
#define TESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "pimagefs/buf.h"
#include "pimagefs/list.h"

enum peer_then { PEER_KEEP, PEER_CLOSE, PEER_RESET };

/* What is said to one request, in the order in which requests come, and what is done after it. */
struct peer_reply {
	const char *bytes; /* NULL: nothing */
	enum peer_then then;
};

struct peer {
	uv_tcp_t listener;
	const struct peer_reply *replies;
	size_t n_replies;
	bool raw; /* any bytes count as a request: for a TLS greeting */
	int port;
	unsigned connections, requests; /* so far; only whole requests count */
	struct buf heard;               /* all that was read */
	struct list open;
};

/* Listens on 127.0.0.1 (or, with v6, on ::1) at a port of its own. 0 or a negative errno. A request
 * past the last reply is read and never answered. */
int peer_start(struct peer *p, uv_loop_t *loop, bool v6, const struct peer_reply *replies,
	       size_t n_replies);
/* Closes listener and connections; the loop must run on until they are gone. */
void peer_stop(struct peer *p);
/* How often text stands in what was heard. */
unsigned peer_heard(const struct peer *p, const char *text);

#endif
