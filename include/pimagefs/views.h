/* views: images/ and status/ as the jobs have them: which names, which are listed, which node is
 * whose. Floor 4. */
#ifndef PIMAGEFS_VIEWS_H
#define PIMAGEFS_VIEWS_H

#include <stdbool.h>

#include "pimagefs/job.h"
#include "pimagefs/tree.h"

struct views;

/* images, status and requests are folders of the same tree: an empty folder of the first two goes
 * with that of requests. The tree must not change any more once the views are freed. list_pending:
 * setting. 0 or -ENOMEM. */
int views_new(struct views **out, struct node *images, struct node *status, struct node *requests,
	      bool list_pending);
/* Every job must have been forgotten. Takes NULL. */
void views_free(struct views *v);
/* The job has changed: bring its names in line. Out of memory is logged and mended at the next
 * change. */
void views_update(struct views *v, struct job *job);
/* The job is about to be freed: its names go, its nodes' data becomes NULL. */
void views_forget(struct views *v, struct job *job);
/* The node of a job's picture, made if need be (for <predictionID>.png); kept as long as the job.
 * NULL when out of memory. */
struct node *views_picture(struct views *v, struct job *job);
/* A JOB_DRAFT without text, or a refused one, has nothing to show in images/. */
bool views_awaits_picture(const struct job *job);

#endif
