/*
 * service: HTTP for the demo. libmicrohttpd runs without threads on the caller's loop: its epoll
 * descriptor is polled, its next timeout is a timer.
 *
 * Happy path: on_request is called for the head of a request, for each piece of its body, and once
 * more when it is whole; then routes_answer says what to answer. While nobody asks anything, the
 * pictures of running predictions are drawn ahead, so that a download need not wait for the
 * painter. Failures: a body over 1 MiB is 413, no memory is 500 or the end of the connection. Idle
 * connections end after 30 s, there are never more than 256. On close every connection is cut;
 * three handles are closed, the last one frees the service.
 */
#include "service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
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

struct service {
	struct predictions predictions;
	struct MHD_Daemon *http;
	int port;
	uv_poll_t poll;
	uv_timer_t timer; /* what libmicrohttpd waits for */
	uv_timer_t quiet; /* time to draw ahead */
	int open_handles;
};

/* One request while it comes in. */
struct upload {
	struct buf body;
	bool too_large, no_memory;
};

static void schedule(struct service *s);

static bool has_key(struct MHD_Connection *connection)
{
	const char *key = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-API-Key");
	const char *bearer =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");

	return (key && *key) || (bearer && !strncasecmp(bearer, "Bearer ", 7) && bearer[7]);
}

static struct MHD_Response *make_response(struct answer *a)
{
	struct MHD_Response *response;
	char *text;

	if (a->picture)
		return MHD_create_response_from_buffer(a->picture->size, a->picture->data,
						       MHD_RESPMEM_MUST_COPY);
	text = a->json ? json_dumps(a->json, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
	if (!text)
		return NULL;
	response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(text);
	return response;
}

static enum MHD_Result add_headers(struct MHD_Response *response, const struct answer *a)
{
	const char *type = a->picture ? "image/png" : "application/json";
	char id[17], after[12];
	enum MHD_Result ok;

	snprintf(id, sizeof(id), "%016" PRIx64, rng_u64());
	snprintf(after, sizeof(after), "%d", a->retry_after_s);
	ok = MHD_add_response_header(response, "Content-Type", type);
	if (ok == MHD_YES)
		ok = MHD_add_response_header(response, "X-Request-Id", id);
	if (ok == MHD_YES && a->retry_after_s)
		ok = MHD_add_response_header(response, "Retry-After", after);
	if (ok == MHD_YES && a->allow)
		ok = MHD_add_response_header(response, "Allow", a->allow);
	return ok;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *a)
{
	struct MHD_Response *response = make_response(a);
	enum MHD_Result ok = MHD_NO;

	if (response && add_headers(response, a) == MHD_YES)
		ok = MHD_queue_response(connection, a->status, response);
	if (response)
		MHD_destroy_response(response);
	json_decref(a->json);
	return ok;
}

static enum MHD_Result answer_call(struct service *s, struct MHD_Connection *connection,
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

static void take_piece(struct upload *upload, const char *data, size_t size)
{
	if (upload->too_large || upload->no_memory)
		return;
	if (size > BODY_MAX - upload->body.size)
		upload->too_large = true;
	else if (buf_append(&upload->body, data, size) < 0)
		upload->no_memory = true;
	if (upload->too_large || upload->no_memory)
		buf_release(&upload->body);
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
		take_piece(upload, piece, *piece_size);
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

static void turn(struct service *s)
{
	MHD_run(s->http);
	schedule(s);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	turn(poll->data);
}

static void on_timer(uv_timer_t *timer)
{
	turn(timer->data);
}

static void on_quiet(uv_timer_t *timer)
{
	struct service *s = timer->data;
	struct prediction *next = predictions_undrawn(&s->predictions, clock_wall_ms());

	/* Without memory there will be another try when somebody asks for the picture. */
	if (next && predictions_draw(&s->predictions, next) == 0)
		schedule(s);
}

static void schedule(struct service *s)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	if (MHD_get_timeout(s->http, &wait_ms) == MHD_YES)
		uv_timer_start(&s->timer, on_timer, wait_ms, 0);
	else
		uv_timer_stop(&s->timer);
	if (predictions_undrawn(&s->predictions, clock_wall_ms()))
		uv_timer_start(&s->quiet, on_quiet, QUIET_MS, 0);
}

static int listen_on_loopback(int *port)
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
	*port = ntohs(at.sin_port);
	return fd;
}

static int start_http(struct service *s)
{
	int fd = listen_on_loopback(&s->port);

	if (fd < 0)
		return fd;
	s->http = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, s,
				   MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
				   (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
				   MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	if (s->http)
		return 0;
	close(fd);
	return -ENOMEM;
}

static int attach(struct service *s, uv_loop_t *loop)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->http, MHD_DAEMON_INFO_EPOLL_FD);
	int r;

	if (!info)
		return -EIO;
	r = uv_poll_init(loop, &s->poll, info->epoll_fd);
	if (r < 0)
		return r;
	uv_timer_init(loop, &s->timer);
	uv_timer_init(loop, &s->quiet);
	s->poll.data = s->timer.data = s->quiet.data = s;
	s->open_handles = 3;
	r = uv_poll_start(&s->poll, UV_READABLE, on_poll);
	if (r == 0)
		schedule(s);
	return r;
}

int service_new(struct service **out, uv_loop_t *loop, const char *folder)
{
	struct service *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = predictions_init(&s->predictions, folder, clock_wall_ms());
	if (r < 0) {
		free(s);
		return r;
	}
	r = start_http(s);
	if (r == 0)
		r = attach(s, loop);
	if (r < 0)
		service_close(s);
	else
		*out = s;
	return r;
}

int service_port(const struct service *s)
{
	return s->port;
}

static void release(struct service *s)
{
	predictions_release(&s->predictions);
	free(s);
}

static void on_closed(uv_handle_t *handle)
{
	struct service *s = handle->data;

	if (--s->open_handles == 0)
		release(s);
}

void service_close(struct service *s)
{
	if (!s)
		return;
	if (s->open_handles) {
		/* The loop must let go of the descriptor before libmicrohttpd closes it. */
		uv_close((uv_handle_t *)&s->poll, on_closed);
		uv_close((uv_handle_t *)&s->timer, on_closed);
		uv_close((uv_handle_t *)&s->quiet, on_closed);
	}
	if (s->http)
		MHD_stop_daemon(s->http);
	if (!s->open_handles)
		release(s);
}
