/*
 * control/ctl: a command a line.
 *
 * Happy path: each write holds whole lines (the end of the write ends the last one); all of them
 * are understood first, then each is done. A request is named as people see it: by its id, or the
 * name of its file in requests/, images/ or status/, with the folder or a whole path before it. An
 * id as it is comes first, so that one that ends in .png can be named.
 *
 * Failures: one unknown command is -EINVAL and nothing is done; a name that is not there is
 * -ENOENT, one in whose state there is nothing to do -EINVAL; lines before it that were done are
 * bytes that were written, so that its errno is the next write's. What came of the last commands,
 * and why, is kept for who reads the file; what is no command is not shown, for it may be a secret.
 */
#include "pimagefs/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/batch.h"
#include "pimagefs/clock.h"
#include "pimagefs/names.h"
#include "pimagefs/suggest.h"

#define CTL_MAX 65536
#define ANSWERS 16
#define COMMAND 200 /* bytes that are shown of one */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct ctl {
	struct ctl_ground on;
	char answers[ANSWERS][512]; /* a ring; "" where there is none yet */
	unsigned next;
};

static const char help[] =
	"# Write one command a line:\n"
	"#   retry NAME      ask again (or go on polling and downloading what is paid for)\n"
	"#   retry failed    the same for all that failed, but not for what may have been billed\n"
	"#   again NAME      ask once more for the same, with the same seed; again NAME --seed\n"
	"#                   random: with another one. The earlier picture stays in by-id/\n"
	"#   cancel NAME     cancel an unfinished request, here and at the service\n"
	"#   cancel all\n"
	"#   delete NAME     the request's file goes, and its picture into the trash\n"
	"#   restore NAME    a removed picture comes back from the library's trash\n"
	"#   pause           send no more requests; what runs goes on\n"
	"#   resume          send again; if nothing is paused and today's budget is used up,\n"
	"#                   lift the budget for the rest of today\n"
	"#   reload          read the settings anew: key, limits, poll, log, defaults, LoRAs\n"
	"# NAME is an id or any name that you see: fox, fox.txt, requests/fox.txt,\n"
	"# images/fox.png, fox.error.txt, status/fox.json. Where a request asks for several\n"
	"# pictures, fox is all of them, and fox/02 one.\n";
static const char last[] = "#\n# What came of the last commands, the newest at the end:\n";

int ctl_new(struct ctl **out, const struct ctl_ground *ground)
{
	struct ctl *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->on = *ground;
	*out = c;
	return 0;
}

void ctl_free(struct ctl *c)
{
	free(c);
}

/* --- what came of it --- */

static void answer(struct ctl *c, int64_t wall_ms, const char *command, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void answer(struct ctl *c, int64_t wall_ms, const char *command, const char *fmt, ...)
{
	char when[CLOCK_TEXT], shown[COMMAND], line[sizeof(*c->answers)] = "";
	va_list args;
	int n;

	clock_rfc3339(wall_ms, when);
	error_text(shown, sizeof(shown), command);
	n = snprintf(line, sizeof(line), "%s %s: ", when, shown);
	va_start(args, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, args);
	va_end(args);
	error_text(c->answers[c->next], sizeof(*c->answers), line);
	c->next = (c->next + 1) % ANSWERS;
}

int ctl_text(const struct ctl *c, struct buf *out)
{
	int r = buf_puts(out, help);

	if (r == 0 && *c->answers[0])
		r = buf_puts(out, last);
	for (unsigned i = 0; r == 0 && i < ANSWERS; i++) {
		const char *line = c->answers[(c->next + i) % ANSWERS];

		if (*line)
			r = buf_printf(out, "# %s\n", line);
	}
	return r;
}

size_t ctl_size(const struct ctl *c)
{
	size_t size = strlen(help) + (*c->answers[0] ? strlen(last) : 0);

	for (unsigned i = 0; i < ANSWERS; i++)
		if (*c->answers[i])
			size += strlen("# \n") + strlen(c->answers[i]);
	return size;
}

/* --- commands --- */

static int retry_failed(struct ctl *c, struct buf *said)
{
	(void)said;
	return engine_retry_failed(c->on.engine);
}

static int cancel_all(struct ctl *c, struct buf *said)
{
	(void)said;
	return engine_cancel_all(c->on.engine);
}

static int pause_creates(struct ctl *c, struct buf *said)
{
	(void)said;
	return engine_pause(c->on.engine, true);
}

static int resume_creates(struct ctl *c, struct buf *said)
{
	(void)said;
	return engine_pause(c->on.engine, false);
}

static int reload(struct ctl *c, struct buf *said)
{
	return c->on.reload ? c->on.reload->run(c->on.reload->data, said) : -EOPNOTSUPP;
}

static int retry(struct ctl *c, const struct inbox_meant *what, bool option)
{
	(void)option;
	return inbox_wish(c->on.inbox, what, WISH_RETRY);
}

static int cancel(struct ctl *c, const struct inbox_meant *what, bool option)
{
	(void)option;
	return inbox_wish(c->on.inbox, what, WISH_CANCEL);
}

static int restore(struct ctl *c, const struct inbox_meant *what, bool option)
{
	(void)option;
	return inbox_wish(c->on.inbox, what, WISH_RESTORE);
}

static int delete (struct ctl *c, const struct inbox_meant *what, bool option)
{
	(void)option;
	return inbox_delete(c->on.inbox, what);
}

static int again(struct ctl *c, const struct inbox_meant *what, bool option)
{
	return inbox_again(c->on.inbox, what, option);
}

/* One of the two does it: for all, or for the request that is named. */
struct command {
	const char *name, *all; /* all: the word in place of a name; NULL: there is none */
	const char *option;     /* it may stand behind the name; NULL: there is none */
	int (*run)(struct ctl *c, struct buf *said);
	int (*run_one)(struct ctl *c, const struct inbox_meant *what, bool option);
	const char *to; /* what it does; NULL: its name says so */
};

static const struct command commands[] = {
	{ "retry", "failed", NULL, retry_failed, retry, NULL },
	{ "again", "", "--seed random", NULL, again, "ask for again" },
	{ "cancel", "all", NULL, cancel_all, cancel, NULL },
	{ "delete", "", NULL, NULL, delete, NULL },
	{ "restore", "", NULL, NULL, restore, NULL },
	{ "pause", NULL, NULL, pause_creates, NULL, NULL },
	{ "resume", NULL, NULL, resume_creates, NULL, NULL },
	{ "reload", NULL, NULL, reload, NULL, NULL },
};

/* --- the request that is meant --- */

static const char *behind(const char *text, const char *prefix)
{
	size_t size = strlen(prefix);

	return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* An absolute path below the mountpoint, or one from it, without what leads there. */
static const char *in_mount(const struct ctl *c, const char *name)
{
	const char *rest = behind(name, c->on.mountpoint);

	if (rest && *rest == '/')
		return rest + strspn(rest, "/");
	rest = behind(name, "./");
	return rest ? rest : name;
}

typedef struct job *look_fn(const struct engine *e, const char *text);

/* The job that these first bytes name: 0, -ENOENT or -ENOMEM. */
static int look_up(const struct ctl *c, look_fn *look, const char *text, size_t size,
		   struct job **out)
{
	char *id = strndup(text, size);

	if (!id)
		return -ENOMEM;
	*out = look(c->on.engine, id);
	free(id);
	return *out ? 0 : -ENOENT;
}

/* Whether a file is meant that the user wrote, or one that the tree made of an id. */
static int look_at_all(const struct ctl *c, look_fn *look, const char *name, struct job **out)
{
	const char *path = in_mount(c, name), *file = behind(path, "requests/"), *made;
	int r = look_up(c, look, name, strlen(name), out);

	if (r == -ENOENT && !file && !behind(path, "images/") && !behind(path, "status/"))
		file = path;
	if (r == -ENOENT && file)
		r = look_up(c, look, file, strlen(file), out);
	if (r == -ENOENT && file)
		r = look_up(c, look, file, names_id_length(file), out);
	made = file == path ? path : behind(path, "images/");
	if (!made)
		made = behind(path, "status/");
	if (r == -ENOENT && made)
		r = look_up(c, look, made, names_made_length(made), out);
	return r == -ENOENT && made ? look_up(c, look, made, strlen(made), out) : r;
}

/* A request, or several whose file is gone, or one by its prediction's id, which may have its name
 * no longer. */
static int find(const struct ctl *c, const char *name, struct inbox_meant *out)
{
	const char *id = behind(in_mount(c, name), "by-id/");
	int r = look_at_all(c, engine_find, name, &out->job);

	out->all = false;
	if (r == -ENOENT) {
		r = look_at_all(c, batch_first, name, &out->job);
		out->all = r == 0;
	}
	return r == -ENOENT ? look_at_all(c, engine_find_prediction, id ? id : name, &out->job) : r;
}

/* --- lines --- */

/* What kept a command from being done that could be done. */
static void answer_failed(struct ctl *c, int64_t wall_ms, const char *shown, int r)
{
	answer(c, wall_ms, shown, "nothing was done: %s%s",
	       engine_health(c->on.engine) < 0 ? "the state folder: " : "", strerror(-r));
}

static int run_all(struct ctl *c, int64_t wall_ms, const struct command *command, const char *shown)
{
	struct buf said = BUF_INIT;
	int r = command->run(c, &said);

	if (said.size)
		answer(c, wall_ms, shown, "%s%s", r < 0 ? "refused: " : "", said.data);
	else if (r < 0)
		answer_failed(c, wall_ms, shown, r);
	else
		answer(c, wall_ms, shown, "done");
	buf_release(&said);
	return r;
}

/* The option behind a name goes, if it stands there. */
static bool cut_option(const struct command *command, char *name)
{
	size_t size = strlen(name), length = command->option ? strlen(command->option) : 0;

	if (!length || size <= length + 1 || strcmp(name + size - length, command->option) != 0 ||
	    !strchr(" \t", name[size - length - 1]))
		return false;
	for (size -= length; size && strchr(" \t", name[size - 1]);)
		size--;
	name[size] = '\0';
	return true;
}

static void answer_done(struct ctl *c, int64_t wall_ms, const char *shown, const char *name)
{
	struct inbox_meant what;

	if (find(c, name, &what) < 0 || what.all || !what.job->input)
		answer(c, wall_ms, shown, "done");
	else if (what.job->dismissed && what.job->state == JOB_READY)
		answer(c, wall_ms, shown, "done: its picture is in the library's trash");
	else
		answer(c, wall_ms, shown, "done: it is %s", job_state_name(what.job->state));
}

static int run(struct ctl *c, int64_t wall_ms, const struct command *command, char *name)
{
	char shown[COMMAND];
	struct inbox_meant what;
	enum job_state state = JOB_DRAFT;
	bool option;
	int r;

	snprintf(shown, sizeof(shown), "%s%s%.150s", command->name, *name ? " " : "", name);
	if (!command->run_one || strcmp(name, command->all) == 0)
		return run_all(c, wall_ms, command, shown);
	option = cut_option(command, name);
	r = find(c, name, &what);
	if (r == 0) {
		state = inbox_state(c->on.inbox, what.job);
		r = command->run_one(c, &what, option);
	}
	if (r == 0)
		answer_done(c, wall_ms, shown, name);
	else if (r == -EINVAL)
		answer(c, wall_ms, shown, "refused: it is %s, and there is nothing to %s",
		       job_state_name(state), command->to ? command->to : command->name);
	else if (r == -ENOENT)
		answer(c, wall_ms, shown, "refused: no request has this name; see status/");
	else
		answer_failed(c, wall_ms, shown, r);
	return r;
}

/* The line's word and what follows it ("" for nothing) become two texts. */
static const struct command *understand(char *line, char **name)
{
	size_t word = strcspn(line, " \t");

	*name = line + word;
	if (line[word]) {
		line[word] = '\0';
		*name += 1 + strspn(line + word + 1, " \t");
	}
	for (size_t i = 0; i < COUNT(commands); i++)
		if (strcmp(line, commands[i].name) == 0 &&
		    (commands[i].all != NULL) == (**name != '\0'))
			return &commands[i];
	return NULL;
}

static int refuse(struct ctl *c, int64_t wall_ms, const char *word)
{
	const char *names[COUNT(commands)], *nearest;

	for (size_t i = 0; i < COUNT(commands); i++) {
		names[i] = commands[i].name;
		if (strcmp(word, names[i]) != 0)
			continue;
		if (commands[i].all)
			answer(c, wall_ms, word, "refused: it needs a name, or \"%s\" for all",
			       commands[i].all);
		else
			answer(c, wall_ms, word, "refused: nothing may stand behind it");
		return -EINVAL;
	}
	nearest = suggest(word, names, COUNT(names));
	answer(c, wall_ms, "(not shown)", "refused: no command begins so%s%s%s; nothing was done",
	       nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	return -EINVAL;
}

static bool is_blank(const char *line)
{
	return line[strspn(line, " \t\r")] == '\0' || *line == '#';
}

static void trim_end(char *line)
{
	size_t size = strlen(line);

	while (size && strchr(" \t\r", line[size - 1]))
		line[--size] = '\0';
}

/* 0, the errno of the first line that is refused, or, where others were done before it, where it
 * begins. */
static int each_line(struct ctl *c, int64_t wall_ms, const char *text, size_t size, bool done)
{
	char *copy = strndup(text, size), *rest = copy, *start, *line, *name;
	const struct command *command;
	int r = copy ? 0 : -ENOMEM;
	bool some = false;

	while (r == 0 && (start = line = strsep(&rest, "\n"))) {
		if (is_blank(line))
			continue;
		trim_end(line);
		line += strspn(line, " \t");
		command = understand(line, &name);
		if (!command)
			r = refuse(c, wall_ms, line);
		else if (done)
			r = run(c, wall_ms, command, name);
		if (r < 0 && some)
			r = (int)(start - copy);
		some = done;
	}
	free(copy);
	return r;
}

/* All of it is understood, and one line reads the settings anew. */
static bool reloads(const char *text, size_t size)
{
	char *copy = strndup(text, size), *rest = copy, *line, *name;
	const struct command *command;
	bool found = false, good = copy && !memchr(text, '\0', size);

	while (good && (line = strsep(&rest, "\n"))) {
		if (is_blank(line))
			continue;
		trim_end(line);
		command = understand(line + strspn(line, " \t"), &name);
		good = command != NULL;
		found |= command && command->run == reload;
	}
	free(copy);
	return good && found;
}

int ctl_begin(struct ctl *c, int64_t wall_ms, const char *text, size_t size)
{
	const struct ctl_reload *how = c->on.reload;
	int r = how && size <= CTL_MAX && reloads(text, size) ? how->begin(how->data) : 0;

	if (r == -EBUSY)
		answer(c, wall_ms, "reload",
		       "refused: the settings are being read anew already; nothing was done");
	return r;
}

void ctl_end(struct ctl *c)
{
	c->on.reload->end(c->on.reload->data);
}

int ctl_run(struct ctl *c, int64_t wall_ms, const char *text, size_t size)
{
	int r;

	if (size > CTL_MAX || memchr(text, '\0', size)) {
		answer(c, wall_ms, "(not shown)",
		       "refused: too long, or no text; nothing was done");
		return -EINVAL;
	}
	r = each_line(c, wall_ms, text, size, false);
	return r < 0 ? r : each_line(c, wall_ms, text, size, true);
}
