/*
 * The demo service as a client meets it: a process of its own that speaks HTTP.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/demo/predictions.h"
#include "../lib/scratch.h"
#include "pimagefs/clock.h"
#include "pimagefs/demo.h"

#define BODY(input) "{\"model\":\"p-image-lora-text-to-image\",\"input\":{" input "}}"

struct place {
	char folder[SCRATCH_PATH];
	struct predictions predictions;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	scratch_make(p->folder);
	*state = p;
	return predictions_init(&p->predictions, p->folder, clock_wall_ms());
}

static int tear_down(void **state)
{
	struct place *p = *state;

	predictions_release(&p->predictions);
	scratch_remove(p->folder);
	free(p);
	return 0;
}

/* One request over a connection of its own; the whole answer as text. */
static void talk(const struct demo *d, const char *request, size_t size, struct buf *answer)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port;
	struct timeval limit = { .tv_sec = 20 };
	char piece[4096];
	ssize_t n;

	assert_int_equal(sscanf(d->base_url, "http://127.0.0.1:%d/v1", &port), 1);
	at.sin_port = htons((uint16_t)port);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	for (size_t sent = 0; sent < size; sent += (size_t)n) {
		n = send(fd, request + sent, size - sent, MSG_NOSIGNAL);
		if (n < 0)
			break;
	}
	while ((n = recv(fd, piece, sizeof(piece), 0)) > 0)
		assert_int_equal(buf_append(answer, piece, (size_t)n), 0);
	close(fd);
}

static void start(struct demo *d, const char *folder)
{
	struct error err;

	if (demo_start(d, folder, &err) < 0)
		fail_msg("%s", err.message);
}

static const char get_form[] = "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n";

static void get(const struct demo *d, const char *path, const char *headers, struct buf *answer)
{
	char request[300];
	int size = snprintf(request, sizeof(request), get_form, path, headers);

	buf_release(answer);
	talk(d, request, (size_t)size, answer);
}

static void test_over_http(void **state)
{
	struct prediction with = { .prompt = (char *)"a fox", .width = 256, .height = 256 }, *one;
	struct place *p = *state;
	struct buf answer = BUF_INIT;
	char path[80], link[160], id[PREDICTION_ID];
	struct demo d;

	/* Asked of the service in its earlier life, so that nobody has to wait here. */
	assert_int_equal(predictions_add(&p->predictions, &with, clock_wall_ms() - 10000, &one), 0);
	memcpy(id, one->id, sizeof(id));
	start(&d, p->folder);
	snprintf(path, sizeof(path), "/v1/prediction/%s", id);
	get(&d, path, "", &answer);
	assert_non_null(strstr(buf_text(&answer), "HTTP/1.1 401 "));
	get(&d, path, "Authorization: Bearer k\r\n", &answer);
	assert_non_null(strstr(buf_text(&answer), "\"success\""));
	snprintf(link, sizeof(link), "%.*s/files/%s.png", (int)(strlen(d.base_url) - strlen("/v1")),
		 d.base_url, id);
	assert_non_null(strstr(buf_text(&answer), link));
	get(&d, path, "X-API-Key: k\r\n", &answer);
	assert_non_null(strstr(buf_text(&answer), "HTTP/1.1 200 "));
	assert_non_null(strstr(buf_text(&answer), "X-Request-Id: "));
	snprintf(path, sizeof(path), "/files/%s.png", id);
	get(&d, path, "", &answer);
	assert_non_null(strstr(buf_text(&answer), "Content-Type: image/png\r\n"));
	assert_non_null(memmem(answer.data, answer.size, "\x89PNG\r\n\x1a\n", 8));
	assert_non_null(memmem(answer.data, answer.size, "IEND\xae\x42\x60\x82", 8));
	demo_stop(&d);
	buf_release(&answer);
}

static void post(const struct demo *d, const char *body, size_t size, struct buf *answer)
{
	struct buf request = BUF_INIT;

	buf_release(answer);
	assert_int_equal(buf_printf(&request,
				    "POST /v1/prediction/ HTTP/1.1\r\nHost: x\r\nX-API-Key: k\r\n"
				    "Connection: close\r\nContent-Length: %zu\r\n\r\n",
				    size),
			 0);
	assert_int_equal(buf_append(&request, body, size), 0);
	talk(d, request.data, request.size, answer);
	buf_release(&request);
}

static void test_bodies_over_http(void **state)
{
	static const char body[] =
		BODY("\"prompt\":\"x\",\"hf_api_token\":\"t\",\"lora_scale\":1.5");
	struct place *p = *state;
	struct buf answer = BUF_INIT;
	size_t large = (1 << 20) + 1;
	char *much = calloc(1, large);
	struct demo d;

	assert_non_null(much);
	start(&d, p->folder);
	post(&d, body, strlen(body), &answer);
	assert_non_null(strstr(buf_text(&answer), "Prediction created successfully"));
	memset(much, ' ', large);
	memcpy(much, body, strlen(body));
	post(&d, much, large, &answer);
	assert_non_null(strstr(buf_text(&answer), "HTTP/1.1 413 "));
	post(&d, much, large - 1, &answer);
	assert_non_null(strstr(buf_text(&answer), "HTTP/1.1 200 "));
	post(&d, "nonsense", 8, &answer);
	assert_non_null(strstr(buf_text(&answer), "HTTP/1.1 400 "));
	demo_stop(&d);
	buf_release(&answer);
	free(much);
}

static void test_process(void **state)
{
	struct place *p = *state;
	char path[64], name[32] = "";
	struct buf answer = BUF_INIT;
	siginfo_t info;
	struct demo d;
	int fd;

	start(&d, p->folder);
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)d.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, name, sizeof(name) - 1) > 0);
	close(fd);
	assert_string_equal(name, "pimagefs-demo\n");
	assert_true(fcntl(d.pipe, F_GETFD) & FD_CLOEXEC);
	/* Ctrl-C on the terminal of the mount is the mount's affair. */
	kill(d.pid, SIGINT);
	kill(d.pid, SIGTERM);
	get(&d, "/", "", &answer);
	assert_non_null(strstr(buf_text(&answer), "HTTP/1.1 404 "));
	buf_release(&answer);
	/* As if the parent had been killed; the alarm ends a test that would wait for ever. */
	close(d.pipe);
	alarm(20);
	assert_int_equal(waitid(P_PID, (id_t)d.pid, &info, WEXITED | WNOWAIT), 0);
	alarm(0);
	assert_int_equal(info.si_code, CLD_EXITED);
	assert_int_equal(info.si_status, 0);
	d.pipe = open("/dev/null", O_RDONLY | O_CLOEXEC);
	demo_stop(&d);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	demo_stop(&d);
}

static void test_child_keeps_nothing(void **state)
{
	struct place *p = *state;
	int ends[2];
	struct pollfd closed = { .events = POLLIN };
	struct demo d;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	start(&d, p->folder);
	close(ends[1]);
	closed.fd = ends[0];
	/* End of file at once: nobody else holds the other end. */
	assert_int_equal(poll(&closed, 1, 10000), 1);
	assert_true(closed.revents & POLLHUP);
	close(ends[0]);
	demo_stop(&d);
}

static void test_folder_that_cannot_be(void **state)
{
	struct place *p = *state;
	struct error err;
	struct demo d;

	scratch_write(p->folder, "file", "x", 1);
	assert_int_equal(demo_start(&d, scratch_path(p->folder, "file"), &err), -ENOTDIR);
	assert_non_null(strstr(err.message, "file"));
	assert_int_equal(demo_start(&d, scratch_path(p->folder, "no/where"), &err), -ENOENT);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	demo_stop(&d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_over_http),
		TEST(test_bodies_over_http),
		TEST(test_process),
		TEST(test_child_keeps_nothing),
		TEST(test_folder_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
