/* value: what a word or a number of a settings file means. Floor 0, pure. Each reader takes the
 * whole text and leaves *out alone when it returns false. */
#ifndef PIMAGEFS_VALUE_H
#define PIMAGEFS_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VALUE_REAL 32 /* bytes that value_real_text needs */

/* no, yes, false, true, off, on, 0, 1; in any case of letters. */
bool value_bool(const char *text, bool *out);
/* Digits, perhaps behind a '-'. */
bool value_integer(const char *text, int64_t *out);
/* A decimal number, perhaps with a point and an exponent. */
bool value_real(const char *text, double *out);
/* The place of text in choices (NULL at the end), or -1. */
int value_choice(const char *text, const char *const *choices);
/* "use one of a, b, c", and the nearest to text if there is one; text may be NULL. */
void value_choices(const char *const *choices, const char *text, char *out, size_t room);
/* The shortest digits that are read as the same number. */
void value_real_text(double real, char out[VALUE_REAL]);

#endif
