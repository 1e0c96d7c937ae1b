/* Texts written to control/ctl: understood or refused as a whole, before anything is done. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "pimagefs/utf8.h"

/* What only looks at the text is static there. */
#include "tree/ctl.c"

/* The one line of a text, cut as each_line cuts it. */
static bool says_something(char *line)
{
	char *name;
	const struct command *command;

	if (is_blank(line))
		return true;
	trim_end(line);
	command = understand(line + strspn(line, " \t"), &name);
	if (command)
		promise((command->all != NULL) == (*name != '\0') && *name != ' ' && *name != '\t');
	return command != NULL;
}

/* What is told of it is text, in lines of comment, and as long as is said. */
static void check_answers(const struct ctl *c)
{
	struct buf text = BUF_INIT;

	if (ctl_text(c, &text) == 0) {
		promise(text.size == ctl_size(c));
		promise(utf8_valid(text.data, text.size));
		for (char *line = text.data, *rest = line; *rest; line = rest) {
			strsep(&rest, "\n");
			promise(*line == '#' && !utf8_has_control(line, strlen(line)));
			promise(rest != NULL);
		}
	}
	buf_release(&text);
}

static void check_names(const char *text)
{
	size_t size = names_made_length(text);

	promise(size <= strlen(text) && (size || !*text));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1);
	const struct ctl_ground ground = { .mountpoint = "/mnt" };
	struct ctl *c = NULL;
	int r;

	if (!text || ctl_new(&c, &ground) < 0) {
		free(text);
		return 0;
	}
	memcpy(text, bytes, size);
	text[size] = '\0';
	if (memchr(text, '\0', size) || size > CTL_MAX) {
		/* Without a mount: a command that ran would crash. */
		promise(ctl_run(c, 1, text, size) == -EINVAL);
	} else {
		r = each_line(c, 1, text, size, false);
		promise(r == 0 || r == -EINVAL);
		if (r < 0)
			promise(ctl_run(c, 1, text, size) == r);
		check_names(text);
		answer(c, 1, text, "%s", "as it may be shown");
		check_answers(c);
		if (!strchr(text, '\n'))
			promise((r == 0) == says_something(text));
	}
	ctl_free(c);
	free(text);
	return 0;
}
