/* report: a job as status/<id>.json, and its failure in plain words. Layer 3, pure. */
#ifndef PIMAGEFS_REPORT_H
#define PIMAGEFS_REPORT_H

#include "pimagefs/buf.h"
#include "pimagefs/job.h"
#include "pimagefs/request.h"

/* Append the JSON text of status/<id>.json; position 0: not in the queue; waits: what the whole
 * queue waits for, told in place of the job's own error, or NULL; library: the pictures' folder. 0
 * or -ENOMEM. */
int report_status(const struct job *job, unsigned position, const struct error *waits,
		  const struct request_rules *rules, const char *library, struct buf *out);
/* Append the text of images/<id>.error.txt. 0 or -ENOMEM. */
int report_reason(const struct job *job, struct buf *out);

#endif
