/* texts: the files of the tree that are made when they are opened: README.txt, control/stats.json,
 * control/config.ini, and of each job status/<id>.json and images/<id>.error.txt. Floor 4. */
#ifndef PIMAGEFS_TEXTS_H
#define PIMAGEFS_TEXTS_H

#include "pimagefs/buf.h"
#include "pimagefs/config.h"
#include "pimagefs/ctl.h"
#include "pimagefs/engine.h"
#include "pimagefs/inbox.h"
#include "pimagefs/library.h"
#include "pimagefs/tree.h"

struct texts;

/* All stay the caller's and must outlive it. */
struct texts_ground {
	const struct settings *settings;
	struct engine *engine;
	struct library *library;
	const char *mountpoint; /* absolute, for README.txt */
	struct inbox *inbox;    /* these are ctl's: ctl.h */
	const struct ctl_reload *reload;
};

/* 0 or -ENOMEM. */
int texts_new(struct texts **out, const struct texts_ground *ground);
/* Takes NULL. */
void texts_free(struct texts *t);
/* README.txt in the root, and the files of control/. 0 or -ENOMEM. */
int texts_plant(struct node *root, struct node *control);

/* .help in requests/, the grammar of prompts: it resolves and is not listed, for it is no file of
 * the user's. 0 or -ENOMEM. */
int texts_plant_help(struct node *requests, struct node *control);
/* Of what was written to control/ctl: as ctl_begin, ctl_run and ctl_end. */
int texts_command_begin(struct texts *t, const char *text, size_t size);
int texts_command(struct texts *t, const char *text, size_t size);
void texts_command_end(struct texts *t);
/* Append the text of a text node as it is now. 0 or -ENOMEM. */
int texts_make(const struct texts *t, const struct node *node, struct buf *out);
/* Bytes that the text will not exceed, without making it: what a stat says before an open. */
size_t texts_bound(const struct texts *t, const struct node *node);

#endif
