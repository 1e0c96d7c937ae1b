/*
 * value: what a word or a number of a settings file means.
 *
 * Numbers are decimal: hexadecimal ones, "inf", "nan" and what strtod and strtoll skip before a
 * number are none. What is out of a type's range is none either.
 */
#include "pimagefs/value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pimagefs/suggest.h"

bool value_bool(const char *text, bool *out)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(words[i], text) == 0) {
			*out = i % 2;
			return true;
		}
	}
	return false;
}

bool value_integer(const char *text, int64_t *out)
{
	char *end;
	long long value;

	if (text[strspn(text, "-0123456789")])
		return false;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || *end || errno)
		return false;
	*out = value;
	return true;
}

bool value_real(const char *text, double *out)
{
	char *end;
	double value;

	if (text[strspn(text, "-0123456789.eE+")])
		return false;
	errno = 0;
	value = strtod(text, &end);
	if (end == text || *end || errno)
		return false;
	*out = value;
	return true;
}

int value_choice(const char *text, const char *const *choices)
{
	for (int i = 0; choices[i]; i++)
		if (strcmp(choices[i], text) == 0)
			return i;
	return -1;
}

void value_choices(const char *const *choices, const char *text, char *out, size_t room)
{
	size_t used = (size_t)snprintf(out, room, "use one of"), n;
	const char *nearest;

	for (n = 0; choices[n]; n++)
		if (used < room)
			used += (size_t)snprintf(out + used, room - used, "%s %s", n ? "," : "",
						 choices[n]);
	nearest = text ? suggest(text, choices, n) : NULL;
	if (nearest && used < room)
		snprintf(out + used, room - used, ". Did you mean \"%s\"?", nearest);
}

void value_real_text(double real, char out[VALUE_REAL])
{
	int digits = 15;

	do
		snprintf(out, VALUE_REAL, "%.*g", digits, real);
	while (strtod(out, NULL) != real && digits++ < 17);
}
