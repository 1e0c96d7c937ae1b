/* ledger: what has changed and is not yet durable; one transaction for each turn of the loop.
 * Floor 2. Memory is the truth; the ledger writes what is dirty to the store just before the loop
 * sleeps, and only then do those who waited for it go on: the answer to a FLUSH, the create of a
 * job. */
#ifndef PIMAGEFS_LEDGER_H
#define PIMAGEFS_LEDGER_H

#include <stdint.h>

#include "pimagefs/list.h"

struct job;
struct ledger;
struct store;
struct world;

/* What has a row in the store, embedded in its owner. in is initialised; the owner takes it off
 * its list before it goes. */
struct ledger_item {
	struct list in;
	/* Put the row: 0 or a negative errno. */
	int (*write)(struct store *store, struct ledger_item *item);
};

/* World and store stay the caller's and must outlive it. 0 or -ENOMEM. */
int ledger_new(struct ledger **out, const struct world *world, struct store *store);
/* A last commit, then everyone who waits is answered. From now on nothing is written, and who waits
 * gets -ECANCELED at ledger_sync. Takes NULL. */
void ledger_stop(struct ledger *l);
/* ledger_stop if that was not yet called. Takes NULL. */
void ledger_free(struct ledger *l);

/* These cannot fail: a link is set, nothing is copied. */
void ledger_dirty(struct ledger *l, struct ledger_item *item);
/* The same, but no transaction of its own is worth it: the next one, or soon. */
void ledger_dirty_later(struct ledger *l, struct ledger_item *item);
/* ledger_dirty of its item. */
void ledger_job(struct ledger *l, struct job *job);
/* 0 or -ENOMEM: what must be forgotten or kept is copied. An item is taken off the dirty list.
 * No transaction of its own is made to forget: the next one, or soon; or ledger_sync. */
int ledger_forget_job(struct ledger *l, struct job *job);
int ledger_forget_file(struct ledger *l, struct ledger_item *item, uint64_t number);
int ledger_folder(struct ledger *l, const char *path, unsigned mode, int64_t mtime_ns);
int ledger_forget_folder(struct ledger *l, const char *path);
int ledger_create_sent(struct ledger *l, int64_t wall_ms, int64_t forget_before_ms);
int ledger_fact(struct ledger *l, const char *name, const char *value);

/* fn is called exactly once, after the next commit, with its result. 0 or -ENOMEM. */
int ledger_after(struct ledger *l, void (*fn)(int r, void *data), void *data);
/* Commit now: everyone who waits is answered before this returns. 0 if all is stored that was dirty
 * when it was called; what the answers changed is tried at once, too. */
int ledger_sync(struct ledger *l);
/* The result of the last commit: 0, or why the state folder cannot be written (-ENOSPC, -EIO,
 * -EROFS). */
int ledger_health(const struct ledger *l);
/* How many transactions have been committed. */
uint64_t ledger_commits(const struct ledger *l);

#endif
