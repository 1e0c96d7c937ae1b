/*
 * suggest: the nearest right name for a misspelt one.
 *
 * The distance is the number of letters to insert, drop, replace or swap with their neighbour
 * (optimal string alignment), over bytes, for all right names here are ASCII. A name that is only
 * begun, or that goes on too long, is near in another way: its distance is what is missing or too
 * much.
 *
 * No memory is needed, so nothing can fail: a name longer than any right one can be is only
 * compared by its beginning. NULL means that no guess would be a help.
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "pimagefs/suggest.h"

#define LONGEST 64
#define FAR ((size_t)-1)

static char folded(char c)
{
	return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool begins_alike(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (folded(a[i]) != folded(b[i]))
			return false;
	return true;
}

/* b's rows of the table for a's letters up to i: this one, the last and the one before. */
static void fill_row(const char *a, size_t i, const char *b, size_t n, size_t rows[3][LONGEST + 1])
{
	size_t *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

	row[0] = i;
	for (size_t j = 1; j <= n; j++) {
		char x = folded(a[i - 1]), y = folded(b[j - 1]);

		row[j] = least(last[j - 1] + (x != y), least(last[j], row[j - 1]) + 1);
		if (i > 1 && j > 1 && x == folded(b[j - 2]) && y == folded(a[i - 2]))
			row[j] = least(row[j], before[j - 2] + 1);
	}
}

static size_t edits(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t rows[3][LONGEST + 1];

	for (size_t j = 0; j <= b_size; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_size; i++)
		fill_row(a, i, b, b_size, rows);
	return rows[a_size % 3][b_size];
}

/* FAR if it cannot be meant. */
static size_t distance(const char *given, const char *name)
{
	size_t a = strlen(given), b = strlen(name), common = least(a, b), d;

	if (common && begins_alike(given, name, common))
		return a > b ? a - b : b - a;
	if (a > LONGEST || b > LONGEST)
		return FAR;
	d = edits(given, a, name, b);
	/* Without one letter in common, two short names are still only two edits apart. */
	if (d >= (a > b ? a : b))
		return FAR;
	return d <= 2 || d <= b / 3 ? d : FAR;
}

const char *suggest(const char *given, const char *const *candidates, size_t n)
{
	const char *nearest = NULL;
	size_t least_distance = FAR;

	for (size_t i = 0; i < n; i++) {
		size_t d = distance(given, candidates[i]);

		if (d < least_distance) {
			least_distance = d;
			nearest = candidates[i];
		}
	}
	return nearest;
}
