/*
 * error: what went wrong, in words for a person and as a class for a program.
 *
 * Who finds an error fills it with error_set and perhaps an advice; it is then copied as plain
 * data to wherever it is shown. Texts may come from the network: whatever is stored here is valid
 * UTF-8 without control characters and fits its field, so that it can stand in JSON, in a log or
 * on a terminal.
 *
 * Nothing can fail; what is too long is cut.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pimagefs/error.h"
#include "pimagefs/utf8.h"

/* Room past the field, so that what vsnprintf cuts in two lies behind error_text's own cut. */
#define SPARE 8

struct class_row {
	const char *name;
	int err;
};

static const struct class_row classes[ERROR_CLASSES] = {
	[ERROR_NONE] = { "", EIO },
	[ERROR_INVALID] = { "invalid", EINVAL },
	[ERROR_AUTH] = { "auth", EACCES },
	[ERROR_PAYMENT] = { "payment", EDQUOT },
	[ERROR_MODEL] = { "model", ENXIO },
	[ERROR_MODERATION] = { "moderation", EPERM },
	[ERROR_SERVICE] = { "service", EIO },
	[ERROR_NETWORK] = { "network", EIO },
	[ERROR_TIMEOUT] = { "timeout", ETIMEDOUT },
	[ERROR_UNCERTAIN] = { "uncertain", EIO },
	[ERROR_CANCELLED] = { "cancelled", ECANCELED },
	[ERROR_DOWNLOAD] = { "download", EIO },
	[ERROR_INTERRUPTED] = { "interrupted", EIO },
	[ERROR_LOST] = { "lost", ENOENT },
};

static bool known(enum error_class class)
{
	return (unsigned)class < ERROR_CLASSES;
}

void error_text(char *field, unsigned room, const char *text)
{
	size_t left = strlen(text), used = 0;

	if (!room)
		return;
	while (left) {
		size_t length = utf8_char(text, left);
		size_t taken = length ? length : 1;
		bool control = length && utf8_has_control(text, length);
		size_t put = control ? 1 : taken;

		if (used + put >= room)
			break;
		if (length && !control)
			memmove(field + used, text, length);
		else
			field[used] = length ? ' ' : '?';
		used += put;
		text += taken;
		left -= taken;
	}
	field[used] = '\0';
}

static void set(struct error *e, enum error_class class, const char *fmt, va_list args)
{
	char text[sizeof(e->message) + SPARE] = "";

	if (!e)
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	memset(e, 0, sizeof(*e));
	e->class = class;
	error_text(e->message, sizeof(e->message), text);
}

void error_set(struct error *e, enum error_class class, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set(e, class, fmt, args);
	va_end(args);
}

int error_invalid(struct error *e, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set(e, ERROR_INVALID, fmt, args);
	va_end(args);
	return -EINVAL;
}

void error_prefix(struct error *e, const char *fmt, ...)
{
	char before[sizeof(e->message)];
	struct error old;
	va_list args;

	if (!e)
		return;
	va_start(args, fmt);
	vsnprintf(before, sizeof(before), fmt, args);
	va_end(args);
	old = *e;
	error_set(e, old.class, "%s%s", before, old.message);
}

int error_errno(enum error_class class)
{
	return known(class) ? classes[class].err : EIO;
}

const char *error_class_name(enum error_class class)
{
	return known(class) ? classes[class].name : "";
}

enum error_class error_class_of(const char *name)
{
	for (int i = ERROR_NONE + 1; i < ERROR_CLASSES; i++)
		if (strcmp(classes[i].name, name) == 0)
			return (enum error_class)i;
	return ERROR_NONE;
}
