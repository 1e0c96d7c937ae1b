/* note: the small JSON file beside a picture of the library: enough to know again, years later or
 * without our database, what was asked for. Layer 3, pure. */
#ifndef PIMAGEFS_NOTE_H
#define PIMAGEFS_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "pimagefs/job.h"
#include "pimagefs/request.h"

/* The job's note, secrets masked, what is unknown left out; heap, the caller's. NULL when out of
 * memory. */
char *note_text(const struct job *job, const struct request_rules *rules);
/* A JOB_READY that the note tells of, without number, path and what only the disk knows; its
 * picture is PICTURE_NONE if the note does not describe it. 0, -EINVAL (no note of ours: no usable
 * id, broken JSON), -ENOMEM. */
int note_read(const char *text, size_t size, struct job **out);

#endif
