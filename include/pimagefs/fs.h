/* fs: the low-level FUSE operations: decode, ask tree, inbox and engine, reply. Floor 5. */
#ifndef PIMAGEFS_FS_H
#define PIMAGEFS_FS_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <stdbool.h>

#include "pimagefs/config.h"
#include "pimagefs/engine.h"
#include "pimagefs/events.h"
#include "pimagefs/inbox.h"
#include "pimagefs/ledger.h"
#include "pimagefs/library.h"
#include "pimagefs/links.h"
#include "pimagefs/request.h"
#include "pimagefs/texts.h"
#include "pimagefs/tree.h"
#include "pimagefs/views.h"
#include "pimagefs/world.h"

struct courier;
struct fs;

/* What it answers from; all stay the caller's and must outlive it. engine, inbox and views may be
 * set until the session starts. */
struct fs_ground {
	const struct world *world;
	const struct settings *settings;
	const struct request_rules *rules;
	struct tree *tree;
	struct ledger *ledger;
	struct library *library;
	struct engine *engine;
	struct inbox *inbox;
	struct views *views;
	struct links *links;
	struct texts *texts;
	struct events *events;
	bool shared; /* others may come in (allow_other) */
};

/* The top folders of the tree, which exist before anything else. */
struct fs_folders {
	struct node *requests, *images, *status, *by_date, *by_id, *control, *events;
};
/* Makes them, with README.txt and the files of control/. 0 or -ENOMEM. */
int fs_plant(struct tree *tree, struct fs_folders *out);

/* 0 or -ENOMEM. The ops' userdata is the struct fs. */
int fs_new(struct fs **out, const struct fs_ground *ground);
extern const struct fuse_lowlevel_ops fs_ops;
/* Who refreshes open windows, or NULL. It stays the caller's, until fs_let_go. */
void fs_set_courier(struct fs *fs, struct courier *courier);
/* For courier_ground. */
int fs_version(const struct node *node);
/* A job changed (or goes): who waits for it looks again. */
void fs_job_changed(struct fs *fs, struct job *job, bool gone);
/* What a write to ctl waits for (-EINPROGRESS of texts_command_begin) is here. */
void fs_command_ready(struct fs *fs);
/* No reader waits from now on: those who do are answered, later ones at once. Before the session
 * ends. */
void fs_let_go(struct fs *fs);
/* Nothing is open any more, and the kernel has dropped the releases that said so: what was written
 * counts. */
void fs_release_all(struct fs *fs);
/* Has nobody anything open? */
bool fs_is_idle(const struct fs *fs);
/* After fs_let_go and the end of the session. The loop must run on until its handles are closed.
 * Takes NULL. */
void fs_free(struct fs *fs);

#endif
