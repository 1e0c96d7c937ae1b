/* sidecar: the small JSON file beside a picture of the library: enough to know again, years later
 * or without our database, what was asked for. Floor 2, pure. */
#ifndef PIMAGEFS_SIDECAR_H
#define PIMAGEFS_SIDECAR_H

#include <stddef.h>
#include <stdint.h>

#include "pimagefs/job.h"

/* The job's sidecar, secrets masked, what is unknown left out; heap, the caller's. NULL when out of
 * memory. */
char *sidecar_text(const struct job *job);
/* A JOB_READY that the sidecar tells of, without number, path and what only the disk knows; its
 * picture is PICTURE_NONE if the sidecar does not describe it. 0, -EINVAL (none of ours: no usable
 * id, broken JSON), -ENOMEM. */
int sidecar_read(const char *text, size_t size, struct job **out);

#endif
