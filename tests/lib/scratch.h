/* scratch: a folder of a test's own below $TMPDIR, and what stands in it. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <stddef.h>

#include "pimagefs/buf.h"

#define SCRATCH_PATH 512

/* Both abort the test program when they fail: without a folder no test says anything. */
void scratch_make(char path[SCRATCH_PATH]);
void scratch_remove(const char *path);

/* FOLDER/NAME as text; valid until the fourth next call. */
const char *scratch_path(const char *folder, const char *name);
/* The names below a folder of regular files, sorted, a line each; folders count only by their
 * content. */
void scratch_list(const char *folder, struct buf *out);
void scratch_write(const char *folder, const char *name, const void *bytes, size_t size);
/* 0 or -1. */
int scratch_read(const char *folder, const char *name, struct buf *out);

#endif
