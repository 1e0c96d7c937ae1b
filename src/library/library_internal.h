/* What the files of the library share. */
#ifndef PIMAGEFS_LIBRARY_INTERNAL_H
#define PIMAGEFS_LIBRARY_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "pimagefs/disk.h"
#include "pimagefs/library.h"

#define LIBRARY_TMP ".tmp"
#define LIBRARY_DAY 11   /* "2026-11-22" and its NUL */
#define LIBRARY_STEM 201 /* the longest name without "-2" and the ending, and its NUL */
#define LIBRARY_NAME (LIBRARY_STEM + 24 + LIBRARY_DAY) /* with the day, in the trash */
/* A sidecar's name is its picture's with this ending. */
#define LIBRARY_SIDECAR ".json"

#define LIBRARY_TRASH ".trash"
#define LIBRARY_LISTENERS 4

struct library {
	/* What works may read: it never changes while the library is open. */
	const struct world *world;
	const struct disk *disk;
	int root;
	char *path;
	size_t stem_room; /* bytes that this filesystem allows for a stem */

	/* The loop's (library_work.c). */
	struct list works; /* that wait */
	unsigned under_way;
	struct timer *again, *patience;
	bool closing;
	struct {
		bool asking; /* then found, found_fs and fs_then are the work's */
		bool silent; /* for LIBRARY_PATIENCE_MS, while asking */
		int found, found_fs;
		struct statvfs fs_then;
		int64_t at_ms;         /* monotonic */
		int may_write, has_fs; /* 0 or the errno */
		struct statvfs fs;
	} look;
	struct {
		void (*fn)(void *data);
		void *data;
	} listener[LIBRARY_LISTENERS];
	unsigned listeners;
};

/* It is as it is: asked now. */
void library_work_init(struct library *l);
/* Ends in library_free, now or when the last work ends. */
void library_work_release(struct library *l);
void library_free(struct library *l);
/* "STEM.json" for "STEM.png", in a folder or not; heap. NULL when out of memory. */
char *library_sidecar_path(const char *path);
/* A day's folder goes with its last picture; if others are in it, nothing happens. */
void library_remove_folder_of(const struct library *l, const char *path);

/* The folder of that day, in UTC. */
void library_name_day(int64_t wall_ms, char out[LIBRARY_DAY]);
/* "HHMMSS-ID", at most room bytes, which is less than LIBRARY_STEM. */
void library_name_stem(int64_t wall_ms, const char *id, size_t room, char out[LIBRARY_STEM]);
/* STEM.ending for n = 1, STEM-N.ending for the others. */
void library_name_file(const char *stem, unsigned n, const char *ending, char out[LIBRARY_NAME]);
/* What these bytes are if they are no picture, for a person: "an HTML page". */
const char *library_name_kind(const void *bytes, size_t size);

/* --- library_place.c: a picture and its sidecar get their names --- */

struct library_pair {
	const char *picture,
		*sidecar;   /* as they are called now, from the root; sidecar NULL: none */
	const char *folder; /* "2026-11-22": made if need be */
	const char *stem, *ending;
	bool is_new; /* its sidecar is on disk before it has its name */
};

/* They move, under the first name that neither a picture nor a sidecar has, and both are on disk;
 * *path, the caller's, is the picture's new name. 0, or a negative errno: then nothing has moved,
 * and *path is NULL; but where the disk did not let them go back, it is where they are. */
int library_place(const struct library *l, const struct library_pair *pair, char **path);

#endif
