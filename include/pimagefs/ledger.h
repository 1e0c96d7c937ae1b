/* ledger: what has changed and is not yet durable; one transaction for each turn of the loop.
 * Layer 3. Memory is the truth; the ledger writes what is dirty to the store just before the loop
 * sleeps, and only then do those who waited for it go on: the answer to a FLUSH, the create of a
 * job. */
#ifndef PIMAGEFS_LEDGER_H
#define PIMAGEFS_LEDGER_H

#include <stdint.h>
#include <uv.h>

#include "pimagefs/job.h"
#include "pimagefs/reqfile.h"
#include "pimagefs/store.h"
#include "pimagefs/tree.h"

struct ledger;

/* The store stays the caller's and must outlive it. 0 or -ENOMEM. */
int ledger_new(struct ledger **out, uv_loop_t *loop, struct store *store);
/* A last commit, then everyone who waits is answered. The loop must run on until its handle is
 * closed. Takes NULL. */
void ledger_free(struct ledger *l);

/* These cannot fail: a link is set, nothing is copied. */
void ledger_job(struct ledger *l, struct job *job);
void ledger_file(struct ledger *l, struct reqfile *file);
/* The same, but no transaction of its own is worth it: the next one, or soon. */
void ledger_file_later(struct ledger *l, struct reqfile *file);
/* 0 or -ENOMEM: what must be forgotten or noted is copied. A job or file is taken off the dirty
 * lists. */
int ledger_forget_job(struct ledger *l, struct job *job);
int ledger_forget_file(struct ledger *l, struct reqfile *file);
int ledger_folder(struct ledger *l, const char *path, const struct node *node);
int ledger_forget_folder(struct ledger *l, const char *path);
int ledger_create_sent(struct ledger *l, int64_t wall_ms, int64_t forget_before_ms);
int ledger_fact(struct ledger *l, const char *name, const char *value);

/* fn is called exactly once, after the next commit, with its result. 0 or -ENOMEM. */
int ledger_after(struct ledger *l, void (*fn)(int r, void *data), void *data);
/* Commit now: everyone who waits is answered before this returns. */
void ledger_sync(struct ledger *l);
/* The result of the last commit: 0, or why the state folder cannot be written (-ENOSPC, -EIO,
 * -EROFS). */
int ledger_health(const struct ledger *l);
/* How many transactions have been committed. */
uint64_t ledger_commits(const struct ledger *l);

#endif
