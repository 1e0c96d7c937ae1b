/* inbox: requests/, where the user writes: what each operation on its files and folders means.
 * Floor 4. Everything returns 0 or a negative errno and is answered from memory; what must be
 * durable goes through the ledger. */
#ifndef PIMAGEFS_INBOX_H
#define PIMAGEFS_INBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pimagefs/config.h"
#include "pimagefs/engine.h"
#include "pimagefs/ledger.h"
#include "pimagefs/reqfile.h"
#include "pimagefs/request.h"
#include "pimagefs/tree.h"
#include "pimagefs/world.h"

struct inbox;

/* All stay the caller's and must outlive it; root is the node of requests/. 0 or -ENOMEM. */
int inbox_new(struct inbox **out, const struct world *world, struct node *root,
	      const struct settings *settings, const struct request_rules *rules,
	      struct engine *engine, struct ledger *ledger);
/* The files themselves go with the tree's nodes (inbox_freed). Takes NULL. */
void inbox_free(struct inbox *in);
/* Folders and files as the store has them. After engine_load. 0 or a negative errno. */
int inbox_load(struct inbox *in, struct store *store);
/* For the tree: a NODE_REQUEST is about to go. */
void inbox_freed(struct node *node);

/* May this name be opened for writing now? -ENOSPC, -EROFS, ... Drafts always may. */
int inbox_may_write(const struct inbox *in, const struct node *folder, const char *name);
/* -EEXIST, -ENAMETOOLONG, -EINVAL, -ENOMEM and those of inbox_may_write. The node has no extra pin.
 */
int inbox_create(struct inbox *in, struct node *folder, const char *name, unsigned mode,
		 struct node **out);
int inbox_mkdir(struct inbox *in, struct node *folder, const char *name, unsigned mode,
		struct node **out);
/* It was just made, and must not have been there (O_EXCL): sed -i makes such a file, with a name
 * like any other, and renames it when it is whole. Until then that is a draft. */
void inbox_made_new(struct inbox *in, struct node *node);
/* An open handle that may write comes and goes; release of the last one submits what has changed.
 */
void inbox_open_writer(struct inbox *in, struct node *node);
void inbox_release_writer(struct inbox *in, struct node *node);
/* -EINVAL, -EILSEQ (the reason is then in status/), -EFBIG, -ENOMEM; nothing is written then. */
int inbox_write(struct inbox *in, struct node *node, const void *bytes, size_t size,
		int64_t offset);
int inbox_truncate(struct inbox *in, struct node *node, int64_t size);
/* What is written so far is checked, registered and on its way to the disk: wait for ledger_after,
 * then answer. -EINVAL, -EILSEQ, -ENOMEM. */
int inbox_flush(struct inbox *in, struct node *node);
/* That commit failed: what the FLUSH said is not done, unless a later one succeeds. */
void inbox_flush_failed(struct inbox *in, struct node *node, int r);
/* Durable when it cancels something: else nothing was done. */
int inbox_unlink(struct inbox *in, struct node *folder, const char *name);
int inbox_rmdir(struct inbox *in, struct node *folder, const char *name);
/* Durable, or nothing was done. flags as renameat2(2); only RENAME_NOREPLACE. A draft that gets a
 * proper name is submitted; a submitted one takes its id along. */
int inbox_rename(struct inbox *in, struct node *folder, const char *name, struct node *to,
		 const char *to_name, unsigned flags);
/* Others apply from now on; they stay the caller's. */
void inbox_set_rules(struct inbox *in, const struct request_rules *rules);

/* --- what the user commands of a request, by its job --- */

/* A job, or the set that it stands for; all: every one of several whose file is gone, of which it
 * is one. */
struct inbox_meant {
	struct job *job;
	bool all;
};

/* The job's state, or that of the set that it stands for. */
enum job_state inbox_state(const struct inbox *in, const struct job *job);
/* As engine_wish, to each that is meant. */
int inbox_wish(struct inbox *in, const struct inbox_meant *what, enum wish wish);
/* The request's file goes, which cancels what is under way, and its pictures go into the trash; of
 * one of a set only its picture. On disk when this returns 0; else nothing has changed. */
int inbox_delete(struct inbox *in, const struct inbox_meant *what);
/* Ask once more for the same, or for all of the set; with other seeds. On disk when this returns
 * 0, if one could be asked for; else nothing has changed: as engine_again, and -EDQUOT, -ENOSPC,
 * ... of engine_may_accept. */
int inbox_again(struct inbox *in, const struct inbox_meant *what, bool other_seed);

/* Mode, times or extended attributes have changed: store them. Never submits. 0 or -ENOMEM. */
int inbox_touched(struct inbox *in, struct node *node);

#endif
