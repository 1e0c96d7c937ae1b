/* utf8: is this text, and where does a character end. Floor 0. */
#ifndef PIMAGEFS_UTF8_H
#define PIMAGEFS_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the valid character at the start; 0 if there is none. */
size_t utf8_char(const char *text, size_t size);
/* How many bytes from the start are whole, valid characters (RFC 3629: no surrogates, no overlong
 * forms). */
size_t utf8_valid_prefix(const char *text, size_t size);
/* True if all of it is valid. */
bool utf8_valid(const char *text, size_t size);
/* True if what follows the valid prefix could still become valid with more bytes (a character cut
 * in two). */
bool utf8_cut_short(const char *text, size_t size);
/* The largest n <= limit at which text may be cut without splitting a character. */
size_t utf8_cut(const char *text, size_t size, size_t limit);
/* True if it holds a C0/C1 control character or DEL. */
bool utf8_has_control(const char *text, size_t size);

#endif
