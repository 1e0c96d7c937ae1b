/*
 * library_name: what a picture is called on the disk, and what came where a picture was expected.
 *
 * Happy path: pure functions of their arguments.
 *
 * Failures: none; an id is cut and cleaned until it can be part of a file name.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "library_internal.h"
#include "pimagefs/clock.h"
#include "pimagefs/utf8.h"

#define LOOK_AT 1024 /* bytes that are enough to tell HTML from XML, and text from data */

void library_name_day(int64_t wall_ms, char out[LIBRARY_DAY])
{
	char text[CLOCK_TEXT];

	clock_rfc3339(wall_ms, text);
	snprintf(out, LIBRARY_DAY, "%.10s", text);
}

void library_name_stem(int64_t wall_ms, const char *id, size_t room, char out[LIBRARY_STEM])
{
	char text[CLOCK_TEXT];
	size_t at, size;

	clock_rfc3339(wall_ms, text);
	at = (size_t)snprintf(out, LIBRARY_STEM, "%.2s%.2s%.2s-", text + 11, text + 14, text + 17);
	size = utf8_cut(id, strlen(id), room > at ? room - at : 0);
	memcpy(out + at, id, size);
	out[at + size] = '\0';
	for (char *p = out + at; *p; p++) {
		if (*p == '/')
			*p = '-';
		else if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '_';
	}
}

void library_name_file(const char *stem, unsigned n, const char *ending, char out[LIBRARY_NAME])
{
	if (n == 1)
		snprintf(out, LIBRARY_NAME, "%s%s", stem, ending);
	else
		snprintf(out, LIBRARY_NAME, "%s-%u%s", stem, n, ending);
}

static bool has_word(const char *text, size_t size, const char *word)
{
	size_t length = strlen(word);

	for (size_t i = 0; i + length <= size; i++)
		if (!strncasecmp(text + i, word, length))
			return true;
	return false;
}

static bool is_text(const char *bytes, size_t size)
{
	return !memchr(bytes, '\0', size) &&
	       (utf8_valid(bytes, size) || utf8_cut_short(bytes, size));
}

static const char *kind_of_text(const char *text, size_t size)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";

	if (size >= 3 && !memcmp(text, byte_order_mark, 3)) {
		text += 3;
		size -= 3;
	}
	for (; size && isspace((unsigned char)*text); text++)
		size--;
	if (size && (*text == '{' || *text == '['))
		return "JSON";
	if (size && *text == '<')
		return has_word(text, size, "<html") || has_word(text, size, "<!doctype html")
			       ? "an HTML page"
			       : "an XML document";
	return "plain text";
}

const char *library_name_kind(const void *bytes, size_t size)
{
	static const struct {
		const char *magic;
		size_t at;
		const char *kind;
	} known[] = {
		{ "GIF8", 0, "a GIF picture" },      { "ftypavif", 4, "an AVIF picture" },
		{ "ftypheic", 4, "a HEIC picture" }, { "%PDF-", 0, "a PDF document" },
		{ "\x1f\x8b", 0, "gzip data" },
	};
	const char *text = bytes;

	if (!size)
		return "nothing";
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		size_t length = strlen(known[i].magic);

		if (size >= known[i].at + length &&
		    !memcmp(text + known[i].at, known[i].magic, length))
			return known[i].kind;
	}
	if (size > LOOK_AT)
		size = LOOK_AT;
	return is_text(text, size) ? kind_of_text(text, size) : "data of unknown kind";
}
