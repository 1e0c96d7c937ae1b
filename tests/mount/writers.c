/*
 * writers: many processes that write requests at once.
 *
 *     writers PROCESSES EACH FOLDER [PID]
 *
 * Process p writes FOLDER/p-1 ... FOLDER/p-EACH with the prompts "writer p request n", all from the
 * same moment on. When the last close has returned, PID (the daemon) is killed with SIGKILL at
 * once. Each close that returned 0 is a line "p-n" on standard output. Status 0: all of them did.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_one(const char *folder, int p, int n)
{
	char path[4096], prompt[64];
	int fd, size = snprintf(prompt, sizeof(prompt), "writer %d request %d\n", p, n);

	snprintf(path, sizeof(path), "%s/%d-%d", folder, p, n);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, prompt, (size_t)size) != size || close(fd) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	/* One write below PIPE_BUF: lines of different processes stay whole. */
	size = snprintf(path, sizeof(path), "%d-%d\n", p, n);
	return write(STDOUT_FILENO, path, (size_t)size) == size ? 0 : 1;
}

static int write_all(const char *folder, int p, int each, int start)
{
	char byte;

	while (read(start, &byte, 1) < 0 && errno == EINTR)
		;
	for (int n = 1; n <= each; n++)
		if (write_one(folder, p, n))
			return 1;
	return 0;
}

static int wait_for_all(int processes)
{
	int status, bad = 0;

	for (int i = 0; i < processes; i++)
		if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
			bad = 1;
	return bad;
}

int main(int argc, char **argv)
{
	int start[2], processes, each, bad;

	if (argc < 4 || (processes = atoi(argv[1])) < 1 || (each = atoi(argv[2])) < 1 ||
	    pipe2(start, O_CLOEXEC) < 0) {
		fprintf(stderr, "usage: writers PROCESSES EACH FOLDER [PID]\n");
		return 2;
	}
	for (int p = 1; p <= processes; p++) {
		switch (fork()) {
		case -1:
			perror("fork");
			return 2; /* those that are there begin, and end, with the pipe */
		case 0:
			close(start[1]);
			_exit(write_all(argv[3], p, each, start[0]));
		}
	}
	close(start[1]); /* now all of them read the end of the pipe */
	bad = wait_for_all(processes);
	if (argc > 4)
		kill(atoi(argv[4]), SIGKILL);
	return bad;
}
