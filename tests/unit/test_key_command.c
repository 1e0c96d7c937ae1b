/* key_command: the loop goes on while it runs, and it ends when it must. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/key_command.h"
#include "oom.h"
#include "pimagefs/buf.h"
#include "pimagefs/secret.h"
#include "scratch.h"

static char folder[SCRATCH_PATH];

struct told {
	uv_loop_t loop;
	struct list all;
	unsigned times;
	int r;
	char *key;
	struct error err;
};

static int setup(void **state)
{
	(void)state;
	scratch_make(folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove(folder);
	return 0;
}

static void on_key(int r, char *key, const struct error *err, void *data)
{
	struct told *told = data;

	told->times++;
	told->r = r;
	told->key = key;
	told->err = *err;
}

static void open_loop(struct told *told)
{
	memset(told, 0, sizeof(*told));
	list_init(&told->all);
	assert_int_equal(uv_loop_init(&told->loop), 0);
}

static struct key_command *begin(struct told *told, const char *command, int timeout_ms)
{
	struct key_command *k;
	struct error err;

	assert_int_equal(key_command_start(&k, &told->all, &told->loop, command, timeout_ms, on_key,
					   told, &err),
			 0);
	return k;
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

/* Its processes have ended, and nothing of it is left. */
static void close_loop(struct told *told)
{
	uv_timer_t alive; /* as the mount keeps the loop */

	uv_timer_init(&told->loop, &alive);
	uv_timer_start(&alive, on_tick, 600000, 0);
	while (!list_empty(&told->all))
		uv_run(&told->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&alive, NULL);
	uv_run(&told->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&told->loop), 0);
}

/* Waited for, it says the same. */
static void run(const struct told *told, const char *command, int timeout_ms)
{
	struct error err = { .message = "" };
	char *key = NULL;

	assert_int_equal(key_command_run(command, timeout_ms, &key, &err), told->r);
	assert_int_equal(!key, !told->key);
	if (key)
		assert_string_equal(key, told->key);
	else
		assert_string_equal(err.message, told->err.message);
	text_wipe(&key);
}

static void tell(struct told *told, const char *command, int timeout_ms)
{
	open_loop(told);
	begin(told, command, timeout_ms);
	while (!told->times)
		uv_run(&told->loop, UV_RUN_ONCE);
	close_loop(told);
	assert_int_equal(told->times, 1);
	run(told, command, timeout_ms);
}

static void its_first_line_is_the_key(void **state)
{
	static const char *const commands[] = {
		"echo the-key",
		"printf '  the-key \\r\\nmore\\n'",
		"echo the-key; head -c 300000 /dev/zero",
		"[ ! -t 0 ] && cat && echo the-key",
		"(printf the; printf -- -key)",
		"printf the-; printf key; exec >&-; true",
	};
	struct told told;

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		tell(&told, commands[i], SECRET_COMMAND_MS);
		if (told.r < 0)
			fail_msg("%s: %s", commands[i], told.err.message);
		assert_string_equal(told.key, "the-key");
		text_wipe(&told.key);
	}
}

static void one_that_fails_is_told(void **state)
{
	static const struct {
		const char *command, *says;
	} rows[] = {
		{ "echo the-SECRET; exit 3", "exit status 3" },
		{ "exec 2>/dev/null; no-such-command-here", "exit status 127" },
		{ "kill -TERM $$", "signal 15" },
		{ "true", "is no key" },
		{ "echo two SECRETS", "is no key" },
		{ "head -c 300000 /dev/zero | tr '\\0' S", "is no key" },
	};
	struct told told;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tell(&told, rows[i].command, SECRET_COMMAND_MS);
		assert_int_equal(told.r, -EINVAL);
		assert_null(told.key);
		if (!strstr(told.err.message, rows[i].says))
			fail_msg("%s: %s", rows[i].command, told.err.message);
		assert_null(strstr(told.err.message, "SECRET"));
	}
}

/* The reading end of a FIFO that the command's whole group holds: its end of file is theirs. */
static int hold(char command[SCRATCH_PATH + 100], const char *then)
{
	const char *fifo = scratch_path(folder, "held");
	int fd;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(command, SCRATCH_PATH + 100, "exec 9>%s; %s", fifo, then);
	return fd;
}

static void assert_all_ended(int fd)
{
	char bytes[16];
	ssize_t n;

	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		;
	assert_int_equal(n, 0);
	close(fd);
}

static void one_that_never_ends_is_killed_with_its_children(void **state)
{
	char command[SCRATCH_PATH + 100];
	int fd = hold(command, "sleep 600 & sleep 600");
	struct told told;

	(void)state;
	tell(&told, command, 200);
	assert_int_equal(told.r, -ETIMEDOUT);
	assert_non_null(strstr(told.err.message, "was killed"));
	assert_all_ended(fd);
}

static void one_that_is_stopped_tells_nothing(void **state)
{
	char command[SCRATCH_PATH + 100], byte;
	int fd = hold(command, "echo >&9; sleep 600 & sleep 600");
	struct key_command *k;
	struct told told;

	(void)state;
	open_loop(&told);
	k = begin(&told, command, SECRET_COMMAND_MS);
	while (read(fd, &byte, 1) != 1) /* until it runs */
		uv_run(&told.loop, UV_RUN_NOWAIT);
	key_command_stop(k);
	close_loop(&told);
	assert_int_equal(told.times, 0);
	assert_all_ended(fd);
}

static void the_end_waits_for_none(void **state)
{
	char command[SCRATCH_PATH + 100];
	int fd = hold(command, "sleep 600");
	struct told told;

	(void)state;
	open_loop(&told);
	key_command_stop(begin(&told, command, SECRET_COMMAND_MS));
	key_command_leave(&told.all);
	close_loop(&told);
	assert_int_equal(told.times, 0);
	assert_all_ended(fd);
}

static void a_helper_left_behind_keeps_nobody_waiting(void **state)
{
	const char *path = scratch_path(folder, "pid");
	char command[SCRATCH_PATH + 100];
	struct buf pid = BUF_INIT;
	struct told told;
	char *text;

	(void)state;
	snprintf(command, sizeof(command), "sleep 600 & echo $! >> %s; echo the-key", path);
	tell(&told, command, SECRET_COMMAND_MS);
	assert_int_equal(told.r, 0);
	text_wipe(&told.key);
	assert_int_equal(scratch_read(folder, "pid", &pid), 0);
	text = (char *)buf_text(&pid);
	for (int i = 0; i < 2; i++)
		assert_int_equal(kill((pid_t)strtol(text, &text, 10), SIGKILL), 0);
	buf_release(&pid);
}

static void memory_may_run_out(void **state)
{
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		struct error err;
		char *key = NULL;
		int r;

		oom_fail_after(n);
		r = key_command_run("echo the-key", SECRET_COMMAND_MS, &key, &err);
		failed = oom_off();
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(!key, r != 0);
		assert_true(failed || key);
		text_wipe(&key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_first_line_is_the_key),
		cmocka_unit_test(one_that_fails_is_told),
		cmocka_unit_test_setup_teardown(one_that_never_ends_is_killed_with_its_children,
						setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_is_stopped_tells_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_waits_for_none, setup, teardown),
		cmocka_unit_test_setup_teardown(a_helper_left_behind_keeps_nobody_waiting, setup,
						teardown),
		cmocka_unit_test(memory_may_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
