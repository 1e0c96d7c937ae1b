/*
 * process: the demo service as a process of its own, so that drawing a picture never stalls the
 * folder.
 *
 * Happy path: demo_start makes a pair of sockets and forks. The child keeps nothing of its parent
 * but its end of the pair and (until it serves) stderr, starts the service on a loop of its own,
 * and writes the port; the parent waits for that line. The child ends when its end reads end of
 * file: when demo_stop closes the pair, and also when the parent is gone, however it went.
 * Failures: what keeps the child from serving comes back as a line of text, a child that says
 * nothing for ten seconds is killed; demo_start then holds nothing. On close demo_stop gives the
 * child two seconds to end, then kills it; it always waits for it.
 */
#include "pimagefs/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "pimagefs/clock.h"
#include "pimagefs/log.h"
#include "service.h"

#define START_MS 10000
#define STOP_MS 2000
#define LINE_BYTES 256

static void close_between(unsigned first, unsigned last)
{
	unsigned limit = (unsigned)sysconf(_SC_OPEN_MAX);

	if (first > last || close_range(first, last, 0) == 0)
		return;
	/* A kernel before 5.9. */
	for (unsigned fd = first; fd <= last && fd < limit; fd++)
		close((int)fd);
}

/* Keep stderr and fd; what was on 0 and 1 becomes /dev/null. */
static void let_go(int fd)
{
	int null;

	close_between(3, (unsigned)fd - 1);
	close_between((unsigned)fd + 1, ~0u);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

/* It serves. Whoever reads the parent's standard error to its end must not wait for us. */
static void hush(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

static void reset_signals(void)
{
	static const int ignored[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
				       SIGPIPE, SIGTSTP, SIGUSR1, SIGUSR2 };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void on_parent(uv_poll_t *poll, int status, int events)
{
	const int *fd = poll->data;
	char bytes[64];
	ssize_t n = read(*fd, bytes, sizeof(bytes));

	(void)status;
	(void)events;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		uv_poll_stop(poll);
		uv_stop(poll->loop);
	}
}

static void say(int fd, const char *text, int number)
{
	char line[LINE_BYTES];
	int size = snprintf(line, sizeof(line), "%s %d\n", text, number);

	/* If the parent is gone, the end of file will say so. */
	(void)!write(fd, line, (size_t)size);
}

static int serve_on(uv_loop_t *loop, int fd, const char *folder)
{
	struct service *service;
	uv_poll_t parent;
	int r = service_new(&service, loop, folder);

	if (r < 0)
		return r;
	r = uv_poll_init(loop, &parent, fd);
	if (r == 0) {
		parent.data = &fd;
		r = uv_poll_start(&parent, UV_READABLE | UV_DISCONNECT, on_parent);
		if (r == 0) {
			/* The folder stays open; the one that we were started in must not stay
			 * busy. */
			(void)!chdir("/");
			say(fd, "port", service_port(service));
			hush();
			uv_run(loop, UV_RUN_DEFAULT);
		}
		uv_close((uv_handle_t *)&parent, NULL);
	}
	service_close(service);
	uv_run(loop, UV_RUN_DEFAULT);
	return r;
}

static int serve(int fd, const char *folder)
{
	uv_loop_t loop;
	int r;

	prctl(PR_SET_NAME, "pimagefs-demo");
	reset_signals();
	/* Before its descriptor is closed with the others. */
	(void)log_open("stderr", LOG_LEVEL_WARN);
	let_go(fd);
	r = uv_loop_init(&loop);
	if (r == 0) {
		r = serve_on(&loop, fd, folder);
		uv_run(&loop, UV_RUN_DEFAULT);
		uv_loop_close(&loop);
	}
	if (r < 0)
		say(fd, "error", r);
	return r < 0;
}

/* One line from the child; 0, -ETIMEDOUT, or -EPIPE if it ended without one. */
static int read_line(int fd, char line[LINE_BYTES])
{
	int64_t end_ms = clock_mono_ms() + START_MS;
	size_t size = 0;

	while (size < LINE_BYTES - 1) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		int64_t left_ms = end_ms - clock_mono_ms();
		int ready = left_ms > 0 ? poll(&wait, 1, (int)left_ms) : 0;
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return ready < 0 ? -errno : -ETIMEDOUT;
		n = read(fd, line + size, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		if (line[size] == '\n') {
			line[size] = '\0';
			return 0;
		}
		size++;
	}
	return -EPROTO;
}

static int read_port(struct demo *d, const char *folder, struct error *err)
{
	char line[LINE_BYTES];
	int r = read_line(d->pipe, line), number;

	if (r < 0) {
		error_set(err, ERROR_SERVICE, "the demo service did not start: %s", strerror(-r));
		return r;
	}
	if (sscanf(line, "port %d", &number) == 1) {
		snprintf(d->base_url, sizeof(d->base_url), "http://127.0.0.1:%d/v1", number);
		return 0;
	}
	r = sscanf(line, "error %d", &number) == 1 && number < 0 ? number : -EPROTO;
	error_set(err, ERROR_SERVICE, "the demo service did not start with %s: %s", folder,
		  strerror(-r));
	return r;
}

static void child_main(const int ends[2], const char *folder)
{
	/* Above the standard ones, even if those were closed: they are about to be replaced. */
	int fd = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);

	_exit(fd < 0 ? 1 : serve(fd, folder));
}

int demo_start(struct demo *d, const char *folder, struct error *err)
{
	int ends[2], r;

	memset(d, 0, sizeof(*d));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		r = -errno;
		error_set(err, ERROR_SERVICE, "the demo service did not start: %s", strerror(-r));
		return r;
	}
	d->pid = fork();
	if (d->pid == 0)
		child_main(ends, folder);
	r = d->pid < 0 ? -errno : 0;
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		error_set(err, ERROR_SERVICE, "the demo service did not start: %s", strerror(-r));
		return r;
	}
	d->pipe = ends[0];
	r = read_port(d, folder, err);
	if (r < 0)
		demo_stop(d);
	return r;
}

/* True if the child let go of its end within the time, which it does only by ending. */
static bool has_ended(int fd, int wait_ms)
{
	int64_t end_ms = clock_mono_ms() + wait_ms, left_ms = wait_ms;
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char rest[LINE_BYTES];
	ssize_t n = 1;

	while (n > 0 && left_ms > 0) {
		int ready = poll(&wait, 1, (int)left_ms);

		if (ready > 0)
			n = read(fd, rest, sizeof(rest));
		if ((ready < 0 || n < 0) && errno == EINTR)
			n = 1;
		left_ms = end_ms - clock_mono_ms();
	}
	return n <= 0;
}

void demo_stop(struct demo *d)
{
	if (d->pid <= 0)
		return;
	/* Not close: how the other end goes tells when the child has ended. */
	shutdown(d->pipe, SHUT_WR);
	if (!has_ended(d->pipe, STOP_MS))
		kill(d->pid, SIGKILL);
	close(d->pipe);
	d->pipe = -1;
	while (waitpid(d->pid, NULL, 0) < 0 && errno == EINTR)
		;
	d->pid = 0;
}
