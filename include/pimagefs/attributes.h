/* attributes: a job as the extended attributes of its picture. Floor 4, pure. */
#ifndef PIMAGEFS_ATTRIBUTES_H
#define PIMAGEFS_ATTRIBUTES_H

#include <stdbool.h>

#include "pimagefs/job.h"
#include "pimagefs/marks.h"
#include "pimagefs/xattrs.h"

/* All that is known, secrets masked; with_link: the service's link too. What would be too much for
 * attributes is left out. 0 or -ENOMEM. */
int attributes_of(const struct job *job, bool with_link, struct xattrs *out);
/* Which mark an attribute is; MARKS: none. */
enum mark attributes_mark(const char *name);

#endif
