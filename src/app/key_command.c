/*
 * The key's command, while the loop goes on, or with a loop of its own that ends with it.
 *
 * Happy path: it is a child with a session of its own; what it prints is read as it comes, and when
 * it has ended its first line is the key. A helper that it leaves in the background with our pipe
 * open (an agent) keeps nobody waiting.
 *
 * Failures: told in words that never hold its text or its output. One that is over its time is
 * killed with all that it started, and is not waited for: its record goes when the kernel tells its
 * end.
 *
 * On close it is killed, and init takes it off the table.
 */
#include "key_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "pimagefs/buf.h"
#include "pimagefs/secret.h"

struct key_command {
	struct list in_all;
	uv_process_t process;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned open; /* handles */
	int pipe;      /* what it prints */
	struct buf in;
	int timeout_ms;
	bool over; /* nobody waits for it any more */
	key_command_fn fn;
	void *data;
};

static void on_closed(uv_handle_t *handle)
{
	struct key_command *k = handle->data;

	if (--k->open == 0)
		free(k);
}

static void close_process(struct key_command *k)
{
	list_remove(&k->in_all);
	uv_close((uv_handle_t *)&k->process, on_closed);
}

/* Nothing is read and nobody waits from now on. */
static void let_go(struct key_command *k)
{
	k->over = true;
	uv_close((uv_handle_t *)&k->poll, on_closed);
	uv_close((uv_handle_t *)&k->timer, on_closed);
	close(k->pipe);
	buf_wipe(&k->in);
}

/* r < 0: why not; else its status. */
static void finish(struct key_command *k, int r, int status)
{
	struct error err;
	char *key = NULL;

	if (r < 0 || status > 0) {
		secret_explain_command(r, status, k->timeout_ms, &err);
		r = r < 0 ? r : -EINVAL;
	} else {
		r = secret_first_line(&k->in, "key_command", &key, &err);
	}
	let_go(k);
	k->fn(r, key, &err, k->data);
}

/* Killed by its group, for it may have children that do the work. */
static void kill_all(struct key_command *k)
{
	kill(-k->process.pid, SIGKILL);
}

static void on_timer(uv_timer_t *timer)
{
	struct key_command *k = timer->data;

	kill_all(k);
	finish(k, -ETIMEDOUT, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct key_command *k = poll->data;
	int r = secret_read_some(k->pipe, &k->in);

	(void)status;
	(void)events;
	if (r < 0) {
		kill_all(k);
		finish(k, r, 0);
	} else if (r == 0) {
		uv_poll_stop(poll); /* the end of file; its own end is told by on_exit_of */
	}
}

static void on_exit_of(uv_process_t *process, int64_t status, int number)
{
	struct key_command *k = process->data;
	int r = 1;

	close_process(k);
	if (k->over)
		return;
	while (r > 0 && k->in.size <= SECRET_MAX)
		r = secret_read_some(k->pipe, &k->in);
	finish(k, r < 0 ? r : 0, number ? 128 + number : (int)status);
}

static int spawn(struct key_command *k, uv_loop_t *loop, const char *command, int to)
{
	char shell[] = "sh", option[] = "-c";
	char *args[] = { shell, option, (char *)command, NULL };
	uv_stdio_container_t stdio[] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = to },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
	};
	uv_process_options_t options = {
		.exit_cb = on_exit_of,
		.file = "/bin/sh",
		.args = args,
		.flags = UV_PROCESS_DETACHED, /* a group of its own, to be killed as one */
		.stdio_count = 3,
		.stdio = stdio,
	};

	return uv_spawn(loop, &k->process, &options);
}

static int start(struct key_command *k, uv_loop_t *loop, const char *command)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	k->pipe = ends[0];
	/* Only ours: the writers have a right to a pipe that blocks. */
	r = fcntl(k->pipe, F_SETFL, O_NONBLOCK) < 0 ? -errno
						    : uv_poll_init(loop, &k->poll, k->pipe);
	if (r < 0) {
		close(ends[0]);
		close(ends[1]);
		return r;
	}
	uv_timer_init(loop, &k->timer);
	k->open = 3;
	k->poll.data = k->timer.data = k;
	r = spawn(k, loop, command, ends[1]);
	k->process.data = k;
	close(ends[1]);
	return r;
}

int key_command_start(struct key_command **out, struct list *all, uv_loop_t *loop,
		      const char *command, int timeout_ms, key_command_fn fn, void *data,
		      struct error *err)
{
	struct key_command *k = calloc(1, sizeof(*k));
	int r = k ? start(k, loop, command) : -ENOMEM;

	if (r < 0)
		secret_explain_command(r, 0, timeout_ms, err);
	if (r < 0 && k && k->open) {
		list_init(&k->in_all);
		let_go(k);
		close_process(k);
	} else if (r < 0) {
		free(k);
	}
	if (r < 0)
		return r;
	k->timeout_ms = timeout_ms;
	k->fn = fn;
	k->data = data;
	list_append(all, &k->in_all);
	uv_poll_start(&k->poll, UV_READABLE, on_readable);
	uv_timer_start(&k->timer, on_timer, (uint64_t)timeout_ms, 0);
	/* None of it keeps the loop from its end. */
	uv_unref((uv_handle_t *)&k->process);
	*out = k;
	return 0;
}

void key_command_stop(struct key_command *k)
{
	if (!k)
		return;
	kill_all(k);
	let_go(k);
}

void key_command_leave(struct list *all)
{
	while (!list_empty(all))
		close_process(list_entry(all->next, struct key_command, in_all));
}

/* --- with a loop of its own --- */

struct outcome {
	int r;
	char **out;
	struct error *err;
};

static void on_outcome(int r, char *key, const struct error *err, void *data)
{
	struct outcome *o = data;

	o->r = r;
	if (r < 0)
		*o->err = *err;
	else
		*o->out = key;
}

int key_command_run(const char *command, int timeout_ms, char **out, struct error *err)
{
	struct outcome o = { .r = -ECANCELED, .out = out, .err = err };
	struct key_command *k;
	struct list all;
	uv_loop_t loop;
	int r = uv_loop_init(&loop);

	list_init(&all);
	if (r < 0) {
		secret_explain_command(r, 0, timeout_ms, err);
		return r;
	}
	r = key_command_start(&k, &all, &loop, command, timeout_ms, on_outcome, &o, err);
	if (r == 0)
		uv_ref((uv_handle_t *)&k->process); /* it is waited for */
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return r < 0 ? r : o.r;
}
