/* Texts written to control/ctl: understood or refused as a whole, before anything is done. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

/* What only looks at the text is static there. */
#include "mount/ctl.c"

/* The one line of a text, cut as each_line cuts it. */
static bool says_something(char *line)
{
	char *id;
	const struct command *command;

	if (is_blank(line))
		return true;
	trim_end(line);
	command = understand(line + strspn(line, " \t"), &id);
	if (command)
		promise(command->takes_id == (*id != '\0') && *id != ' ' && *id != '\t');
	return command != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1);
	int r;

	if (!text)
		return 0;
	memcpy(text, bytes, size);
	text[size] = '\0';
	if (memchr(text, '\0', size) || size > CTL_MAX) {
		/* Without a mount: a command that ran would crash. */
		promise(ctl_run(NULL, text, size) == -EINVAL);
	} else {
		r = each_line(NULL, text, size, false);
		promise(r == 0 || r == -EINVAL);
		if (r < 0)
			promise(ctl_run(NULL, text, size) == r);
		if (!strchr(text, '\n'))
			promise((r == 0) == says_something(text));
	}
	free(text);
	return 0;
}
