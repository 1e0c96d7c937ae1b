/* report: a job as status/<id>.json, and its failure in plain words. Floor 4, pure. */
#ifndef PIMAGEFS_REPORT_H
#define PIMAGEFS_REPORT_H

#include "pimagefs/batch.h"
#include "pimagefs/buf.h"
#include "pimagefs/job.h"
#include "pimagefs/request.h"

/* What status/ tells of a job that the job itself does not know. */
struct report_more {
	unsigned position;         /* 0: not in the queue */
	const struct error *waits; /* what the whole queue waits for, told in place of the job's own
				      error; or NULL */
	const char *library;       /* the pictures' folder */
	const char *request_file;  /* below the mountpoint; NULL: none has the id */
	unsigned earlier_pictures; /* of the same id */
};

/* Append the JSON text of status/<id>.json. 0 or -ENOMEM. */
int report_status(const struct job *job, const struct report_more *more, struct buf *out);
/* One that stands for several (batch.h), of this file: how many of them are in which state, and
 * each with what became of it. 0 or -ENOMEM. */
int report_set(const struct job *job, const struct report_more *more, const struct engine *e,
	       const struct batch *batch, uint64_t file, struct buf *out);
/* Append the text of images/<id>.error.txt. 0 or -ENOMEM. */
int report_reason(const struct job *job, struct buf *out);

#endif
