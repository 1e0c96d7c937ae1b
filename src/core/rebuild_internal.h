#ifndef REBUILD_INTERNAL_H
#define REBUILD_INTERNAL_H

#include "pimagefs/map.h"
#include "pimagefs/rebuild.h"
#include "pimagefs/salvage.h"

struct rebuild {
	const struct rebuild_ground *on;
	struct salvage *salvage; /* NULL: only the library tells */
	struct error *err;
	struct map *numbers;     /* all jobs; they are ours */
	struct map *currents;    /* by id */
	struct map *predictions; /* by prediction id */
	struct map *paths;       /* by the picture's path */
	struct map *moments;     /* by created_ms and id */
	struct map *file_paths;  /* of the request files so far */
	uint64_t last_number;
	unsigned found, left_out, files, held, ready, going_on;
};

/* The job becomes ours. 0 or -ENOMEM. */
int rebuild_take(struct rebuild *b, struct job *job);
int rebuild_make_current(struct rebuild *b, struct job *job);
/* It may have been sent or not: the user decides. */
void rebuild_hold(struct rebuild *b, struct job *job);

/* rebuild_files.c */
/* 0 if this may be a path below requests/, else -EINVAL or -ENAMETOOLONG; -ENOMEM. */
int rebuild_check_path(const char *path, bool file);
/* For salvage_each_file; data is the struct rebuild. The first only sees to it that no picture gets
 * the number of a lost job that a file still names. */
int rebuild_note_number(const struct store_file *row, void *data);
int rebuild_file(const struct store_file *row, void *data);

#endif
