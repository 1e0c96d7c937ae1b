/* fs: the low-level FUSE operations: decode, ask tree, inbox and engine, reply. Layer 4. */
#ifndef PIMAGEFS_FS_H
#define PIMAGEFS_FS_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <uv.h>

#include "pimagefs/config.h"
#include "pimagefs/engine.h"
#include "pimagefs/inbox.h"
#include "pimagefs/ledger.h"
#include "pimagefs/library.h"
#include "pimagefs/request.h"
#include "pimagefs/tree.h"
#include "pimagefs/views.h"

struct fs;

/* What it answers from; all stay the caller's and must outlive it. engine, inbox and views may be
 * set until the session starts. */
struct fs_ground {
	uv_loop_t *loop;
	const struct settings *settings;
	const struct request_rules *rules;
	struct tree *tree;
	struct ledger *ledger;
	struct library *library;
	struct engine *engine;
	struct inbox *inbox;
	struct views *views;
	const char *mountpoint; /* absolute, for README.txt */
	bool shared;            /* others may come in (allow_other) */
};

/* The top folders of the tree, which exist before anything else: requests/, images/, status/,
 * control/. */
struct fs_folders {
	struct node *requests, *images, *status, *control;
};
/* Makes them, with README.txt and the files of control/. 0 or -ENOMEM. */
int fs_plant(struct tree *tree, struct fs_folders *out);

/* 0 or -ENOMEM. The ops' userdata is the struct fs. */
int fs_new(struct fs **out, const struct fs_ground *ground);
extern const struct fuse_lowlevel_ops fs_ops;
/* A job changed (or goes): who waits for it looks again. */
void fs_job_changed(struct fs *fs, struct job *job, bool gone);
/* No reader waits from now on: those who do are answered, later ones at once. Before the session
 * ends. */
void fs_let_go(struct fs *fs);
/* After fs_let_go and the end of the session. The loop must run on until its handles are closed.
 * Takes NULL. */
void fs_free(struct fs *fs);

#endif
