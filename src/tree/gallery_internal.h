/* What the files of the gallery share. */
#ifndef GALLERY_INTERNAL_H
#define GALLERY_INTERNAL_H

#include "pimagefs/buf.h"
#include "pimagefs/job.h"

/* Append what the page tells of a job as one line of JSON, with a comma before it and no "<" in it;
 * nothing for a job that has nothing to show. 0 or -ENOMEM. */
int gallery_record(const struct job *job, struct buf *out);
/* The same of what it tells of the mount, up to the beginning of the list of jobs. */
int gallery_preface(const char *mountpoint, int64_t wall_ms, bool complete, struct buf *out);

/* The page before and after its data, made of gallery/page.html by the Makefile. */
extern const char gallery_head[], gallery_tail[];
extern const size_t gallery_head_size, gallery_tail_size;

#endif
