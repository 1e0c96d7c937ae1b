/* daemon: into the background, and what the parent's exit status then says. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/daemon.h"

struct seen {
	bool leads, in_root, silent, open_before;
};

static bool is_null(int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat("/dev/null", &b) == 0 && a.st_rdev == b.st_rdev;
}

/* In the child of the test: what the program would do. Ends without exit handlers. */
static void be_a_program(int out, bool comes_up)
{
	struct seen seen = { .open_before = false };
	char here[8] = "";
	int ready_fd;

	if (daemon_begin(&ready_fd) < 0)
		_exit(9);
	seen.leads = getsid(0) == getpid();
	seen.in_root = getcwd(here, sizeof(here)) && strcmp(here, "/") == 0;
	seen.open_before = !is_null(STDERR_FILENO);
	if (!comes_up)
		_exit(3);
	daemon_ready(ready_fd);
	seen.silent = is_null(0) && is_null(1) && is_null(2) && fcntl(ready_fd, F_GETFD) < 0;
	_exit(write(out, &seen, sizeof(seen)) != sizeof(seen));
}

/* The exit status of the parent, and what the daemon said to the end of file. */
static int run(bool comes_up, struct seen *seen, ssize_t *said)
{
	int ends[2], errors[2], status = 0;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(errors[1], STDERR_FILENO);
		be_a_program(ends[1], comes_up);
	}
	close(ends[1]);
	close(errors[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*said = read(ends[0], seen, sizeof(*seen));
	close(ends[0]);
	close(errors[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void up(void **state)
{
	struct seen seen;
	ssize_t said;

	(void)state;
	assert_int_equal(run(true, &seen, &said), 0);
	assert_int_equal(said, sizeof(seen));
	assert_true(seen.leads && seen.in_root && seen.open_before && seen.silent);
}

static void not_up(void **state)
{
	struct seen seen;
	ssize_t said;

	(void)state;
	assert_int_equal(run(false, &seen, &said), 1);
	assert_int_equal(said, 0);
}

static void a_leader_of_a_new_session_has_no_terminal(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		setsid();
		_exit(daemon_has_terminal());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(up),
		cmocka_unit_test(not_up),
		cmocka_unit_test(a_leader_of_a_new_session_has_no_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
