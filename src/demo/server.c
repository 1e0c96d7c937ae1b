/*
 * server: HTTP for the demo. libmicrohttpd runs without threads; one poll() waits for its
 * descriptor, for its next timeout and for the parent.
 *
 * Happy path: on_request is called for the head of a request, for each piece of its body, and once
 * more when it is whole; then routes_answer says what to answer. While nobody asks anything, the
 * pictures of running predictions are drawn ahead, so that a download need not wait for the
 * painter. Failures: a body over 1 MiB is 413, no memory is 500 or the end of the connection. Idle
 * connections end after 30 s, there are never more than 256. On close every connection is cut.
 */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pimagefs/clock.h"
#include "pimagefs/rng.h"
#include "routes.h"

#define BODY_MAX (1 << 20)
#define CONNECTIONS_MAX 256
#define IDLE_S 30u
#define QUIET_MS 25

struct server {
	struct predictions predictions;
	struct MHD_Daemon *http;
	int port;
};

/* One request while it comes in. */
struct upload {
	struct buf body;
	bool too_large, no_memory;
};

static bool has_key(struct MHD_Connection *connection)
{
	const char *key = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-API-Key");
	const char *bearer =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");

	return (key && *key) || (bearer && !strncasecmp(bearer, "Bearer ", 7) && bearer[7]);
}

static bool add_headers(struct MHD_Response *response, const struct answer *a)
{
	char id[17], after[12];

	snprintf(id, sizeof(id), "%016" PRIx64, rng_u64());
	snprintf(after, sizeof(after), "%d", a->retry_after_s);
	return MHD_add_response_header(response, "Content-Type",
				       a->picture ? "image/png" : "application/json") &&
	       MHD_add_response_header(response, "X-Request-Id", id) &&
	       (!a->retry_after_s || MHD_add_response_header(response, "Retry-After", after)) &&
	       (!a->allow || MHD_add_response_header(response, "Allow", a->allow));
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *a)
{
	char *text = a->json ? json_dumps(a->json, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
	struct MHD_Response *response = NULL;
	enum MHD_Result ok = MHD_NO;

	if (a->picture)
		response = MHD_create_response_from_buffer(a->picture->size, a->picture->data,
							   MHD_RESPMEM_MUST_COPY);
	else if (text)
		response =
			MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
	if (response && add_headers(response, a))
		ok = MHD_queue_response(connection, a->status, response);
	if (response)
		MHD_destroy_response(response);
	free(text);
	json_decref(a->json);
	return ok;
}

static enum MHD_Result answer_call(struct server *s, struct MHD_Connection *connection,
				   const char *path, const char *method,
				   const struct upload *upload)
{
	struct call call = { .method = method,
			     .path = path,
			     .authorised = has_key(connection),
			     .body = upload->body.data,
			     .body_size = upload->body.size,
			     .now_ms = clock_wall_ms() };
	struct answer a = { 0 };

	if (upload->too_large)
		answer_error(&a, MHD_HTTP_CONTENT_TOO_LARGE, "Request too large",
			     "the body may have 1 MiB");
	else if (upload->no_memory)
		answer_error(&a, MHD_HTTP_INTERNAL_SERVER_ERROR, "Internal error", "out of memory");
	else
		routes_answer(&s->predictions, s->port, &call, &a);
	return send_answer(connection, &a);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *piece,
				  size_t *piece_size, void **mine)
{
	struct upload *upload = *mine;

	(void)version;
	if (!upload) {
		*mine = calloc(1, sizeof(*upload));
		return *mine ? MHD_YES : MHD_NO;
	}
	if (*piece_size) {
		if (*piece_size > BODY_MAX - upload->body.size)
			upload->too_large = true;
		if (!upload->too_large && buf_append(&upload->body, piece, *piece_size) < 0)
			upload->no_memory = true;
		*piece_size = 0;
		return MHD_YES;
	}
	return answer_call(data, connection, path, method, upload);
}

static void on_completed(void *data, struct MHD_Connection *connection, void **mine,
			 enum MHD_RequestTerminationCode code)
{
	struct upload *upload = *mine;

	(void)data;
	(void)connection;
	(void)code;
	if (upload)
		buf_release(&upload->body);
	free(upload);
	*mine = NULL;
}

/* 127.0.0.1, a port of the kernel's choice. */
static int start_http(struct server *s)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &size) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	s->port = ntohs(at.sin_port);
	s->http = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, s,
				   MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
				   (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
				   MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	if (s->http)
		return 0;
	close(fd);
	return -ENOMEM;
}

int server_new(struct server **out, const char *folder)
{
	struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = predictions_init(&s->predictions, folder, clock_wall_ms());
	if (r < 0) {
		free(s);
		return r;
	}
	r = start_http(s);
	if (r < 0)
		server_free(s);
	else
		*out = s;
	return r;
}

int server_port(const struct server *s)
{
	return s->port;
}

int server_run(struct server *s, int until)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->http, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd fds[] = { { .fd = until, .events = POLLIN },
				{ .fd = info ? info->epoll_fd : -1, .events = POLLIN } };
	struct prediction *next;

	for (;;) {
		MHD_UNSIGNED_LONG_LONG wait_ms;
		int timeout_ms = -1, n;

		if (MHD_get_timeout(s->http, &wait_ms) == MHD_YES)
			timeout_ms = wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;
		next = predictions_undrawn(&s->predictions, clock_wall_ms());
		if (next && (timeout_ms < 0 || timeout_ms > QUIET_MS))
			timeout_ms = QUIET_MS;
		n = poll(fds, 2, timeout_ms);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fds[0].revents)
			return 0;
		/* Without memory there will be another try when somebody asks for the picture. */
		if (n == 0 && next && timeout_ms == QUIET_MS)
			(void)predictions_draw(&s->predictions, next);
		MHD_run(s->http);
	}
}

void server_free(struct server *s)
{
	if (!s)
		return;
	if (s->http)
		MHD_stop_daemon(s->http);
	predictions_release(&s->predictions);
	free(s);
}
