/* images: what looking up and removing in images/ mean. Floor 4. */
#ifndef PIMAGEFS_IMAGES_H
#define PIMAGEFS_IMAGES_H

#include "pimagefs/engine.h"
#include "pimagefs/links.h"
#include "pimagefs/tree.h"
#include "pimagefs/views.h"

/* What it answers from; all stay the caller's. */
struct images {
	struct engine *engine;
	struct views *views;
	struct links *links; /* NULL: there are none */
};

/* <predictionID>.png at the top of images/, and whatever by-id/ lists; NAME.png of a NAME that
 * asked for several, which is the first of them; or NULL. */
struct node *images_by_other_name(const struct images *im, const struct node *folder,
				  const char *name);
/* The user removes the job's picture: what cancels something is on disk before this returns, and
 * not done if it cannot be. 0 or a negative errno. */
int images_dismiss(struct engine *e, struct job *job);
/* 0, -ENOENT, -EISDIR, or what removing gave. */
int images_unlink(const struct images *im, struct node *folder, const char *name);
/* 0, -ENOENT, -ENOTDIR, -ENOTEMPTY. Names that readdir does not show do not keep it. */
int images_rmdir(const struct images *im, struct node *folder, const char *name);

#endif
