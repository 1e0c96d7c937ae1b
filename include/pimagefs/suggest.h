/* suggest: the nearest right name for a misspelt one. Floor 0. */
#ifndef PIMAGEFS_SUGGEST_H
#define PIMAGEFS_SUGGEST_H

#include <stddef.h>

/* The candidate with the least edit distance (case ignored, '-' and '_' alike, two swapped letters
 * count one) if it is near enough to be meant (at most a third of its length, or 2; or one begins
 * with the other); else NULL. candidates: n texts; the answer is one of them. */
const char *suggest(const char *given, const char *const *candidates, size_t n);

#endif
