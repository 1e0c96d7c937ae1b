/* What the files of the library share. */
#ifndef PIMAGEFS_LIBRARY_INTERNAL_H
#define PIMAGEFS_LIBRARY_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "pimagefs/library.h"

#define LIBRARY_TMP ".tmp"
#define LIBRARY_DAY 11   /* "2026-11-22" and its NUL */
#define LIBRARY_STEM 201 /* the longest name without "-2" and the ending, and its NUL */
#define LIBRARY_NAME (LIBRARY_STEM + 24)
/* A note's name is its picture's with this ending. */
#define LIBRARY_NOTE ".json"

struct library {
	int root;
	char *path;
	size_t stem_room; /* bytes that this filesystem allows for a stem */
};

/* The folder of that day, in UTC. */
void library_name_day(int64_t wall_ms, char out[LIBRARY_DAY]);
/* "HHMMSS-ID", at most room bytes, which is less than LIBRARY_STEM. */
void library_name_stem(int64_t wall_ms, const char *id, size_t room, char out[LIBRARY_STEM]);
/* STEM.ending for n = 1, STEM-N.ending for the others. */
void library_name_file(const char *stem, unsigned n, const char *ending, char out[LIBRARY_NAME]);
/* What these bytes are if they are no picture, for a person: "an HTML page". */
const char *library_name_kind(const void *bytes, size_t size);

/* Check a whole file's bytes: picture, bytes, sha256; path is left alone. As library_examine. */
int library_look(int fd, int64_t size, struct library_entry *out);

#endif
