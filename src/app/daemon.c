/*
 * Into the background, with an exit status that is true.
 *
 * Happy path: the parent waits at a pipe; the child sets everything up with standard error still
 * the terminal's, so that what goes wrong is read there, and writes one byte when the mount is up.
 *
 * Failures: the end of file without that byte is exit status 1; the child has said why.
 */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void wait_for_child(int fd)
{
	char byte;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	_exit(n == 1 ? 0 : 1);
}

int daemon_begin(int *ready_fd)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return -errno;
	}
	if (pid > 0) {
		close(fds[1]);
		wait_for_child(fds[0]);
	}
	close(fds[0]);
	setsid();
	*ready_fd = fds[1];
	return chdir("/") < 0 ? -errno : 0;
}

void daemon_ready(int ready_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	/* If the parent has been killed there is nobody left to tell. */
	while (write(ready_fd, "", 1) < 0 && errno == EINTR)
		;
	close(ready_fd);
}

bool daemon_has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || (errno != ENXIO && errno != EIO && errno != ENOENT);
}
