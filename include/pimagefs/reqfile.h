/* reqfile: a file of requests/ as data: its text, and whose text it is. Floor 4. */
#ifndef PIMAGEFS_REQFILE_H
#define PIMAGEFS_REQFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "pimagefs/batch.h"
#include "pimagefs/buf.h"
#include "pimagefs/digest.h"
#include "pimagefs/expand.h"
#include "pimagefs/job.h"
#include "pimagefs/ledger.h"
#include "pimagefs/tree.h"
#include "pimagefs/xattrs.h"

struct reqfile {
	struct ledger_item item;
	uint64_t number; /* the store's key */
	struct node *node;
	struct buf text;
	struct xattrs xattrs;
	struct job *job;  /* whose text this is; NULL: nobody's */
	unsigned writers; /* open handles that may write */
	bool changed;     /* since the last submission */
	bool rewritten;   /* truncated since then: the same bytes again are a new request */
	bool unsent;  /* flushed text that no submission has taken yet: job is its registered draft
		       */
	bool stale;   /* written again since it was registered */
	bool passing; /* an editor's, which will rename it: a draft until then */
	bool unconfirmed; /* written since the last FLUSH that answered success: who wrote it may
			     die, and then it is a draft */
	int flush_failed; /* the last FLUSH answered this errno: what it said is not done */
	int refused; /* a write of the present writers was refused with this errno: what is there is
			not the whole */
	bool is_understood;          /* somebody has read it since it changed: ... */
	struct expansion understood; /* ... what the text asks for under its name, until it is
					registered */
	struct batch *batch;         /* its jobs, where it asks for several; then job tells of all
					of them. NULL: for one */
	char sent[DIGEST_HEX];       /* of the text last submitted; "" unknown */
};

/* NULL when out of memory. */
struct reqfile *reqfile_new(uint64_t number, struct node *node);
/* What was read of it is forgotten. */
void reqfile_forget_read(struct reqfile *file);
/* Takes NULL; it must be in no list. */
void reqfile_free(struct reqfile *file);

#endif
