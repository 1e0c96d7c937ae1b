/*
 * control/ctl: a command a line.
 *
 * Happy path: each write holds whole lines (the end of the write ends the last one); all of them
 * are understood first, then each is done.
 *
 * Failures: one unknown command is -EINVAL and nothing is done; an id that is not there is -ENOENT,
 * one in whose state there is nothing to do -EINVAL.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs_internal.h"
#include "pimagefs/log.h"

#define CTL_MAX 65536

const char ctl_help[] =
	"# Write one command a line:\n"
	"#   retry ID        ask again (or go on polling and downloading what is paid for)\n"
	"#   retry failed    the same for all that failed, but not for what may have been billed\n"
	"#   cancel ID       cancel an unfinished request, here and at the service\n"
	"#   cancel all\n"
	"#   pause           send no more requests; what runs goes on\n"
	"#   resume          send again; if nothing is paused and today's budget is used up,\n"
	"#                   lift the budget for the rest of today\n";

static int do_retry(struct fs *fs, const char *id)
{
	struct job *job;

	if (strcmp(id, "failed") == 0) {
		engine_retry_failed(fs->on.engine);
		return 0;
	}
	job = engine_find(fs->on.engine, id);
	return job ? engine_retry(fs->on.engine, job) : -ENOENT;
}

static int do_cancel(struct fs *fs, const char *id)
{
	struct job *job;

	if (strcmp(id, "all") == 0) {
		engine_cancel_all(fs->on.engine);
		return 0;
	}
	job = engine_find(fs->on.engine, id);
	return job ? engine_cancel(fs->on.engine, job) : -ENOENT;
}

static int do_pause(struct fs *fs, const char *id)
{
	(void)id;
	return engine_pause(fs->on.engine, true);
}

static int do_resume(struct fs *fs, const char *id)
{
	(void)id;
	return engine_pause(fs->on.engine, false);
}

struct command {
	const char *name;
	bool takes_id;
	int (*run)(struct fs *fs, const char *id);
};

static const struct command commands[] = {
	{ "retry", true, do_retry },
	{ "cancel", true, do_cancel },
	{ "pause", false, do_pause },
	{ "resume", false, do_resume },
};

/* Cuts the line in two; id is "" without one. */
static const struct command *understand(char *line, char **id)
{
	size_t word = strcspn(line, " \t");

	*id = line + word;
	if (line[word]) {
		line[word] = '\0';
		*id += 1 + strspn(line + word + 1, " \t");
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(line, commands[i].name) == 0 && commands[i].takes_id == (**id != '\0'))
			return &commands[i];
	return NULL;
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

static int each_line(struct fs *fs, const char *text, size_t size, bool run)
{
	char *copy = strndup(text, size), *rest = copy, *line, *id;
	const struct command *command;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (line = strsep(&rest, "\n"))) {
		if (is_blank(line))
			continue;
		trim_end(line);
		line += strspn(line, " \t");
		command = understand(line, &id);
		if (!command)
			r = -EINVAL;
		else if (run)
			r = command->run(fs, id);
	}
	free(copy);
	return r;
}

int ctl_run(struct fs *fs, const char *text, size_t size)
{
	int r = -EINVAL;

	if (size <= CTL_MAX && !memchr(text, '\0', size))
		r = each_line(fs, text, size, false);
	return r < 0 ? r : each_line(fs, text, size, true);
}
