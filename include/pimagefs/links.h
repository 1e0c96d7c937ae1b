/* links: by-date/ and by-id/, symbolic links to pictures as the jobs have them. Floor 4. */
#ifndef PIMAGEFS_LINKS_H
#define PIMAGEFS_LINKS_H

#include "pimagefs/buf.h"
#include "pimagefs/job.h"
#include "pimagefs/tree.h"

struct links;

/* The tree's two folders. 0 or -ENOMEM. */
int links_new(struct links **out, struct node *by_date, struct node *by_id);
/* Every job must have been forgotten. Takes NULL. */
void links_free(struct links *l);
/* The job has changed: bring its links in line. Out of memory is logged and mended at the next
 * change. */
void links_update(struct links *l, struct job *job);
/* The job is about to be freed: its links go, their nodes' data becomes NULL. */
void links_forget(struct links *l, struct job *job);
/* Append where a NODE_LINK leads to, relative to its folder. 0, -ENOENT (its job is gone), -ENOMEM.
 */
int links_target(const struct node *link, struct buf *out);
/* The job whose link in by-id/ is called so, or NULL. links may be NULL. */
struct job *links_find(const struct links *l, const char *name);

#endif
