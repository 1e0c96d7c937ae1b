/*
 * utf8: is this text, and where does a character end.
 *
 * Text comes from files and from the network, in pieces: a piece may end inside a character, and
 * that must not be taken for damage. One decoder (utf8_char) knows the forms of RFC 3629;
 * everything else walks with it. U+0000 is a valid character here; who minds it asks
 * utf8_has_control.
 *
 * Nothing can fail, nothing is kept.
 */
#include "pimagefs/utf8.h"

/* A first byte's row: how long its characters are, and what the second byte may be. */
struct lead {
	unsigned char from, to;
	unsigned char length;
	unsigned char second_from, second_to;
};

/* The narrowed second bytes are what keeps out overlong forms, surrogates and all past U+10FFFF. */
static const struct lead leads[] = {
	{ 0x00, 0x7f, 1, 0x00, 0x00 }, { 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf }, { 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf }, { 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

static const struct lead *lead_of(unsigned char first)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (first >= leads[i].from && first <= leads[i].to)
			return &leads[i];
	return NULL;
}

/* How many bytes fit to the character that begins here, up to its length. */
static size_t fitting(const struct lead *lead, const unsigned char *p, size_t size)
{
	size_t n = 1;

	if (n < lead->length && n < size && p[1] >= lead->second_from && p[1] <= lead->second_to)
		n++;
	while (n >= 2 && n < lead->length && n < size && (p[n] & 0xc0) == 0x80)
		n++;
	return n;
}

size_t utf8_char(const char *text, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	const struct lead *lead = size ? lead_of(*p) : NULL;

	return lead && fitting(lead, p, size) == lead->length ? lead->length : 0;
}

size_t utf8_valid_prefix(const char *text, size_t size)
{
	size_t n = 0;

	while (n < size) {
		size_t length = (unsigned char)text[n] < 0x80 ? 1 : utf8_char(text + n, size - n);

		if (!length)
			break;
		n += length;
	}
	return n;
}

bool utf8_valid(const char *text, size_t size)
{
	return utf8_valid_prefix(text, size) == size;
}

bool utf8_cut_short(const char *text, size_t size)
{
	size_t n = utf8_valid_prefix(text, size);
	const unsigned char *p = (const unsigned char *)text + n;
	const struct lead *lead = n < size ? lead_of(*p) : NULL;

	return lead && fitting(lead, p, size - n) == size - n;
}

size_t utf8_cut(const char *text, size_t size, size_t limit)
{
	if (limit >= size)
		return size;
	/* Where the text is damaged there is no character to split: the limit itself will do. */
	for (size_t back = 1; back <= 3 && back <= limit; back++)
		if (utf8_char(text + limit - back, size - (limit - back)) > back)
			return limit - back;
	return limit;
}

bool utf8_has_control(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		unsigned char next = i + 1 < size ? (unsigned char)text[i + 1] : 0;

		if (c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next <= 0x9f))
			return true;
	}
	return false;
}
