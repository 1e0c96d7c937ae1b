/*
 * The courier's process as the daemon sees it: started, given one command at a time, watched.
 *
 * Happy path: it is started by exec of this same program, gets its greeting, and is up; each
 * command is answered before the next one is sent.
 *
 * Failures: one that ends, or does not answer within COURIER_PATIENCE_MS, is killed and another one
 * is started, later and later while they keep failing. Nobody waits for any of it.
 *
 * On close the process is killed and the handles close with the loop.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "courier_internal.h"
#include "pimagefs/log.h"

#define FIRST_PAUSE_MS 100
#define MOST_PAUSE_MS 60000

/* One process; it outlives its place in struct courier_process until its handles are closed. */
struct run {
	struct list in_runs;        /* all whose end is not yet seen */
	struct courier_process *of; /* NULL: nobody's any more */
	uv_process_t process;
	uv_pipe_t in, out;
	unsigned open; /* handles */
	size_t got;
	char answer[sizeof(int)];
};

struct courier_process {
	const struct courier_ground *on;
	struct courier_events events;
	void *data;
	struct list runs;
	struct run *run; /* NULL: none */
	struct timer *watch, *again;
	int64_t pause_ms;
	bool greeted, stopped;
};

/* --- handles --- */

static void on_closed(uv_handle_t *handle)
{
	struct run *run = handle->data;

	if (--run->open == 0)
		free(run);
}

static void close_pipes(struct run *run)
{
	uv_close((uv_handle_t *)&run->in, on_closed);
	uv_close((uv_handle_t *)&run->out, on_closed);
}

/* Its handle is what takes the ended process off the table, so it closes last. */
static void close_process(struct run *run)
{
	list_remove(&run->in_runs);
	uv_close((uv_handle_t *)&run->process, on_closed);
}

/* The process has gone, or is no longer wanted. */
static void let_go(struct courier_process *p)
{
	struct run *run = p->run;

	p->run = NULL;
	p->greeted = false;
	run->of = NULL;
	close_pipes(run);
	if (p->stopped) {
		close_process(run);
		return;
	}
	p->on->world->timer_stop(p->watch);
	p->on->world->timer_start(p->again, p->pause_ms);
	p->pause_ms = 2 * p->pause_ms < MOST_PAUSE_MS ? 2 * p->pause_ms : MOST_PAUSE_MS;
	p->events.down(p->data);
}

static void on_exit_of(uv_process_t *process, int64_t status, int number)
{
	struct run *run = process->data;

	log_debug("the helper for open windows ended (status %lld, signal %d)", (long long)status,
		  number);
	if (run->of)
		let_go(run->of);
	if (!uv_is_closing((uv_handle_t *)process))
		close_process(run);
}

static void on_watch(void *data)
{
	struct courier_process *p = data;

	if (!p->run)
		return;
	log_warn("the helper for open windows does not answer; another one is started");
	uv_process_kill(&p->run->process, SIGKILL);
	/* One that hangs in the kernel does not even end by this. */
	let_go(p);
}

/* --- commands --- */

static void take_answer(struct courier_process *p, int r)
{
	p->on->world->timer_stop(p->watch);
	if (p->greeted) {
		p->pause_ms = FIRST_PAUSE_MS;
		p->events.answered(r, p->data);
	} else if (r == 0) {
		p->greeted = true;
		p->events.up(p->data);
	}
}

static void give_room(uv_handle_t *handle, size_t size, uv_buf_t *out)
{
	struct run *run = handle->data;

	(void)size;
	*out = uv_buf_init(run->answer + run->got, (unsigned)(sizeof(run->answer) - run->got));
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct run *run = stream->data;
	int r;

	(void)bytes;
	if (n < 0) {
		uv_read_stop(stream); /* its end is told by on_exit_of */
		return;
	}
	run->got += (size_t)n;
	if (run->got < sizeof(run->answer))
		return;
	memcpy(&r, run->answer, sizeof(r));
	run->got = 0;
	if (run->of)
		take_answer(run->of, r);
}

static void on_written(uv_write_t *write, int status)
{
	(void)status; /* where it went wrong no answer comes */
	free(write);
}

int courier_process_send(struct courier_process *p, enum courier_op op, const char *path,
			 const char *other)
{
	struct courier_command command = { .op = op,
					   .path_size = (uint32_t)strlen(path) + 1,
					   .other_size = (uint32_t)strlen(other) + 1 };
	size_t size = sizeof(command) + command.path_size + command.other_size;
	uv_write_t *write;
	uv_buf_t buf;
	char *at;
	int r;

	if (!p->run)
		return -ESRCH;
	if (command.path_size > COURIER_PATH || command.other_size > COURIER_PATH)
		return -ENAMETOOLONG;
	write = malloc(sizeof(*write) + size);
	if (!write)
		return -ENOMEM;
	at = (char *)(write + 1);
	memcpy(at, &command, sizeof(command));
	memcpy(at + sizeof(command), path, command.path_size);
	memcpy(at + sizeof(command) + command.path_size, other, command.other_size);
	buf = uv_buf_init(at, (unsigned)size);
	r = uv_write(write, (uv_stream_t *)&p->run->in, &buf, 1, on_written);
	if (r < 0)
		free(write);
	else
		p->on->world->timer_start(p->watch, COURIER_PATIENCE_MS);
	return r;
}

/* --- life --- */

static int spawn(struct run *run, uv_loop_t *loop)
{
	char name[] = "pimagefs", what[] = COURIER_OPTION;
	char *args[] = { name, what, NULL }, *environment[] = { NULL };
	uv_stdio_container_t stdio[] = {
		{ .flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
		  .data.stream = (uv_stream_t *)&run->in },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		  .data.stream = (uv_stream_t *)&run->out },
		{ .flags = UV_IGNORE },
	};
	uv_process_options_t options = {
		.exit_cb = on_exit_of,
		.file = "/proc/self/exe",
		.args = args,
		.env = environment, /* the key may stand in ours */
		.stdio_count = 3,
		.stdio = stdio,
	};

	return uv_spawn(loop, &run->process, &options);
}

static int start(struct courier_process *p)
{
	struct run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return -ENOMEM;
	list_init(&run->in_runs);
	run->of = p;
	run->open = 3;
	run->process.data = run->in.data = run->out.data = run;
	uv_pipe_init(p->on->loop, &run->in, 0);
	uv_pipe_init(p->on->loop, &run->out, 0);
	run->in.data = run->out.data = run;
	r = spawn(run, p->on->loop);
	run->process.data = run;
	if (r < 0) {
		run->of = NULL;
		close_pipes(run);
		close_process(run);
		return r;
	}
	/* None of it keeps the loop from its end. */
	uv_unref((uv_handle_t *)&run->process);
	uv_unref((uv_handle_t *)&run->in);
	uv_unref((uv_handle_t *)&run->out);
	p->run = run;
	list_append(&p->runs, &run->in_runs);
	uv_read_start((uv_stream_t *)&run->out, give_room, on_bytes);
	courier_process_send(p, COURIER_HELLO, p->on->mountpoint, p->on->device);
	return 0;
}

static void on_again(void *data)
{
	struct courier_process *p = data;

	if (!p->run && start(p) < 0) {
		p->on->world->timer_start(p->again, p->pause_ms);
		p->pause_ms = 2 * p->pause_ms < MOST_PAUSE_MS ? 2 * p->pause_ms : MOST_PAUSE_MS;
	}
}

int courier_process_new(struct courier_process **out, const struct courier_ground *ground,
			const struct courier_events *events, void *data)
{
	const struct world *w = ground->world;
	struct courier_process *p = calloc(1, sizeof(*p));
	int r = -ENOMEM;

	if (!p)
		return r;
	p->on = ground;
	p->events = *events;
	p->data = data;
	p->pause_ms = FIRST_PAUSE_MS;
	list_init(&p->runs);
	p->watch = w->timer_new(w->self, on_watch, p);
	p->again = w->timer_new(w->self, on_again, p);
	if (p->watch && p->again)
		r = start(p);
	if (r < 0) {
		courier_process_stop(p);
		courier_process_free(p);
		return r;
	}
	*out = p;
	return 0;
}

bool courier_process_is(const struct courier_process *p, pid_t pid)
{
	list_each (l, &p->runs)
		if (list_entry(l, struct run, in_runs)->process.pid == pid)
			return true;
	return false;
}

pid_t courier_process_pid(const struct courier_process *p)
{
	return p->run ? p->run->process.pid : 0;
}

void courier_process_stop(struct courier_process *p)
{
	p->stopped = true;
	p->on->world->timer_free(p->watch);
	p->on->world->timer_free(p->again);
	p->watch = p->again = NULL;
	if (p->run) {
		uv_process_kill(&p->run->process, SIGKILL);
		let_go(p);
	}
	/* Those that were killed before may end later than this: init takes them off the table. */
	while (!list_empty(&p->runs))
		close_process(list_entry(p->runs.next, struct run, in_runs));
}

void courier_process_free(struct courier_process *p)
{
	free(p);
}
