/*
 * process: the demo service as a process of its own, so that drawing a picture never stalls the
 * folder.
 *
 * Happy path: demo_start makes a pair of sockets and forks. The child keeps nothing of its parent
 * but its end of the pair and (until it serves) stderr, starts the service, and sends its port;
 * the parent waits for that message. The child ends when its end reads end of
 * file: when demo_stop closes the pair, and also when the parent is gone, however it went.
 * Failures: what keeps the child from serving comes back as an errno, a child that says
 * nothing for ten seconds is killed; demo_start then holds nothing. On close demo_stop gives the
 * child two seconds to end, then kills it; it always waits for it.
 */
#include "pimagefs/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pimagefs/log.h"
#include "server.h"

#define START_MS 10000
#define STOP_MS 2000
#define PARENT 3 /* the descriptor of the pair in the child */

static void silence(int first, int last)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = first; fd <= last && null >= 0; fd++)
		dup2(null, fd);
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

/* A port, or a negative errno. If the parent is gone, the end of file will say so. */
static void say(int number)
{
	(void)!send(PARENT, &number, sizeof(number), MSG_NOSIGNAL);
}

static int serve(int fd, const char *folder)
{
	struct server *server;
	int r;

	prctl(PR_SET_NAME, "pimagefs-demo");
	reset_signals();
	/* Before its descriptor is closed with the others. */
	(void)log_open("stderr", LOG_LEVEL_WARN);
	if (fd != PARENT && dup2(fd, PARENT) < 0)
		return 1;
	closefrom(PARENT + 1);
	silence(STDIN_FILENO, STDOUT_FILENO);
	r = server_new(&server, folder);
	if (r < 0) {
		say(r);
		return 1;
	}
	/* The folder stays open; the one that we were started in must not stay busy. */
	(void)!chdir("/");
	say(server_port(server));
	/* Whoever reads the parent's standard error to its end must not wait. */
	silence(STDERR_FILENO, STDERR_FILENO);
	r = server_run(server, PARENT);
	server_free(server);
	return r < 0;
}

/* What the child says within the time, or how it ended; 0: it let go of its end, which it does only
 * by ending. */
static ssize_t hear(int fd, int wait_ms, int *number)
{
	const struct timeval wait = { .tv_sec = wait_ms / 1000 };
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	do
		n = recv(fd, number, sizeof(*number), 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -(errno == EAGAIN ? ETIMEDOUT : errno) : n;
}

static int refuse(const char *folder, int r, struct error *err)
{
	error_set(err, ERROR_SERVICE, "the demo service did not start with %s: %s", folder,
		  strerror(-r));
	return r;
}

int demo_start(struct demo *d, const char *folder, struct error *err)
{
	int ends[2], fd, number = 0;
	ssize_t n;

	memset(d, 0, sizeof(*d));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return refuse(folder, -errno, err);
	d->pid = fork();
	if (d->pid == 0) {
		/* Above the standard ones, even if those were closed: they are about to be
		 * replaced. */
		fd = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
		_exit(fd < 0 ? 1 : serve(fd, folder));
	}
	n = d->pid < 0 ? -errno : 0;
	close(ends[1]);
	if (n < 0) {
		close(ends[0]);
		return refuse(folder, (int)n, err);
	}
	d->pipe = ends[0];
	n = hear(d->pipe, START_MS, &number);
	if (n == sizeof(number) && number > 0) {
		snprintf(d->base_url, sizeof(d->base_url), "http://127.0.0.1:%d/v1", number);
		return 0;
	}
	demo_stop(d);
	return refuse(folder, n < 0 ? (int)n : n && number < 0 ? number : -EPIPE, err);
}

void demo_stop(struct demo *d)
{
	int number;

	if (d->pid <= 0)
		return;
	/* Not close: how the other end goes tells when the child has ended. */
	shutdown(d->pipe, SHUT_WR);
	if (hear(d->pipe, STOP_MS, &number) != 0)
		kill(d->pid, SIGKILL);
	close(d->pipe);
	d->pipe = -1;
	while (waitpid(d->pid, NULL, 0) < 0 && errno == EINTR)
		;
	d->pid = 0;
}
