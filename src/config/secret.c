/*
 * secret: keys from where they are safe.
 *
 * A key file is opened once, judged by the open descriptor (so that nobody can swap it in between)
 * and read. A key command runs in a process group of its own; its output is read until it has
 * ended, which a process file descriptor tells, so that a helper that it leaves in the background
 * with our pipe open (an agent) keeps nobody waiting.
 *
 * Failures are told in words that name the file or the setting, never the command's text or its
 * output. On time-out the whole group is killed and reaped before the call returns. What was read
 * is overwritten before its memory is given back.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pimagefs/buf.h"
#include "pimagefs/clock.h"
#include "pimagefs/secret.h"

#define LOOK_EACH_MS 20

bool secret_is_usable(const char *text)
{
	size_t n = 0;

	while (text[n] > ' ' && text[n] < 0x7f)
		n++;
	return n > 0 && n <= SECRET_MAX && text[n] == '\0';
}

int secret_check_private(const struct stat *st, const char *path, struct error *err)
{
	if (!S_ISREG(st->st_mode)) {
		error_set(err, ERROR_AUTH, "%s: is not a regular file, so it cannot hold a key",
			  path);
		return -EACCES;
	}
	if (st->st_uid != geteuid() && st->st_uid != 0) {
		error_set(err, ERROR_AUTH,
			  "%s: belongs to another user (uid %lu), who could read or change "
			  "the key in it",
			  path, (unsigned long)st->st_uid);
		return -EACCES;
	}
	if (st->st_mode & (S_IRWXG | S_IRWXO)) {
		error_set(err, ERROR_AUTH,
			  "%s: holds a key and is open to others (mode %04o); do: "
			  "chmod 600 %s",
			  path, (unsigned)st->st_mode & 07777, path);
		return -EACCES;
	}
	return 0;
}

int secret_first_line(const struct buf *in, const char *whose, char **out, struct error *err)
{
	const char *text = buf_text(in);
	size_t from, size = strcspn(text, "\n");
	char *line;

	from = strspn(text, " \t\r");
	while (size > from && strchr(" \t\r", text[size - 1]))
		size--;
	line = strndup(text + from, size > from ? size - from : 0);
	if (!line)
		return -ENOMEM;
	if (!secret_is_usable(line)) {
		error_set(err, ERROR_AUTH,
			  "%s: its first line is no key (1 to %d printable ASCII characters "
			  "without spaces)",
			  whose, SECRET_MAX);
		text_wipe(&line);
		return -EINVAL;
	}
	*out = line;
	return 0;
}

int secret_read_some(int fd, struct buf *in)
{
	char piece[512];
	ssize_t n = read(fd, piece, sizeof(piece));
	int r = n > 0 ? 1 : 0;

	if (n < 0)
		return errno == EINTR ? 1 : errno == EAGAIN ? 0 : -errno;
	if (n > 0 && in->size <= SECRET_MAX && buf_append(in, piece, (size_t)n) < 0)
		r = -ENOMEM;
	explicit_bzero(piece, sizeof(piece));
	return r;
}

static int read_key(int fd, const char *path, char **out, struct error *err)
{
	struct buf in = BUF_INIT;
	int r;

	do
		r = secret_read_some(fd, &in);
	while (r > 0 && in.size <= SECRET_MAX);
	if (r < 0)
		error_set(err, ERROR_AUTH, "%s: %s", path, strerror(-r));
	else
		r = secret_first_line(&in, path, out, err);
	buf_wipe(&in);
	return r;
}

int secret_read_file(const char *path, char **out, struct error *err)
{
	struct stat st;
	int fd, r;

	/* Not blocking, or a FIFO of that name would hold us up before it is seen to be none. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		error_set(err, ERROR_AUTH, "%s: %s", path, strerror(-r));
	} else {
		r = secret_check_private(&st, path, err);
		if (r == 0)
			r = read_key(fd, path, out, err);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

struct command {
	pid_t pid;
	int pidfd;
	int pipe; /* what it prints */
	struct buf in;
};

/* In a process group of its own, with every signal as a program expects it. */
static int spawn_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	posix_spawnattr_setpgroup(attributes, 0);
	return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
							    POSIX_SPAWN_SETSIGDEF);
}

static int spawn_shell(struct command *c, const char *command, int to)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int e = posix_spawn_file_actions_init(&actions);

	if (e)
		return -e;
	e = posix_spawnattr_init(&attributes);
	if (e)
		goto out;
	/* In this order: where our own stdin is closed, the pipe may be descriptor 0. */
	e = posix_spawn_file_actions_adddup2(&actions, to, 1);
	if (!e)
		e = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!e)
		e = spawn_attributes(&attributes);
	if (!e)
		e = posix_spawn(&c->pid, "/bin/sh", &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
out:
	posix_spawn_file_actions_destroy(&actions);
	return -e;
}

static int command_start(struct command *c, const char *command)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	c->pipe = ends[0];
	/* Only ours: the writers have a right to a pipe that blocks. */
	r = fcntl(c->pipe, F_SETFL, O_NONBLOCK) < 0 ? -errno : spawn_shell(c, command, ends[1]);
	close(ends[1]);
	if (r < 0)
		return r;
	c->pidfd = pidfd_open(c->pid, 0);
	return c->pidfd < 0 && errno != ENOSYS ? -errno : 0;
}

/* Without a pidfd (before Linux 5.3, in some sandboxes, under valgrind). */
static bool command_is_over(const struct command *c)
{
	siginfo_t info = { 0 };

	return c->pidfd < 0 &&
	       waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == c->pid;
}

/* Reads what there is until the command has ended. */
static int command_listen(struct command *c, int timeout_ms)
{
	int64_t end = clock_mono_ms() + timeout_ms;
	struct pollfd fds[] = { { .fd = c->pidfd, .events = POLLIN },
				{ .fd = c->pipe, .events = POLLIN } };
	bool over;
	int r;

	do {
		int64_t left = end - clock_mono_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		if (c->pidfd < 0 && left > LOOK_EACH_MS)
			left = LOOK_EACH_MS;
		/* Asked before the pipe is, so that its last words are read. */
		over = command_is_over(c);
		r = poll(fds, 2, over ? 0 : (int)left);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r < 0)
			continue;
		r = fds[1].revents ? secret_read_some(c->pipe, &c->in) : 0;
		if (r < 0)
			return r;
		if (r == 0 && fds[1].revents)
			fds[1].fd = -1;
	} while (r != 0 || !(over || fds[0].revents));
	return 0;
}

/* Kills what still runs. 0 if it had ended well, the exit status (or 128 and the signal) if not, or
 * a negative errno. */
static int command_end(struct command *c, bool kill_it)
{
	int status, r;

	if (kill_it)
		kill(-c->pid, SIGKILL);
	do
		r = waitpid(c->pid, &status, 0) < 0 ? -errno : 0;
	while (r == -EINTR);
	if (r < 0)
		return r;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void secret_explain_command(int r, int status, int timeout_ms, struct error *err)
{
	if (r == -ETIMEDOUT)
		error_set(err, ERROR_AUTH, "key_command: not done within %d seconds; it was killed",
			  timeout_ms / 1000);
	else if (r < 0)
		error_set(err, ERROR_AUTH, "key_command: %s", strerror(-r));
	else if (status > 128)
		error_set(err, ERROR_AUTH, "key_command: ended by signal %d", status - 128);
	else
		error_set(err, ERROR_AUTH, "key_command: failed with exit status %d", status);
}

int secret_read_command(const char *command, int timeout_ms, char **out, struct error *err)
{
	struct command c = { .pid = -1, .pidfd = -1, .pipe = -1, .in = BUF_INIT };
	int r, status = 0;

	r = command_start(&c, command);
	if (r == 0)
		r = command_listen(&c, timeout_ms);
	if (c.pid > 0)
		status = command_end(&c, r < 0);
	if (r == 0 && status < 0)
		r = status;
	if (r < 0 || status > 0) {
		secret_explain_command(r, status, timeout_ms, err);
		r = r < 0 ? r : -EINVAL;
	} else {
		r = secret_first_line(&c.in, "key_command", out, err);
	}
	if (c.pidfd >= 0)
		close(c.pidfd);
	if (c.pipe >= 0)
		close(c.pipe);
	buf_wipe(&c.in);
	return r;
}

int secret_take_environment(const char *name, char **out)
{
	char *value = getenv(name);
	char *copy = NULL;

	if (value && *value) {
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	if (value) {
		explicit_bzero(value, strlen(value));
		unsetenv(name);
	}
	*out = copy;
	return 0;
}
