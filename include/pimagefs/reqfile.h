/* reqfile: a file of requests/ as data: its text, and whose text it is. Layer 3. */
#ifndef PIMAGEFS_REQFILE_H
#define PIMAGEFS_REQFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "pimagefs/buf.h"
#include "pimagefs/digest.h"
#include "pimagefs/job.h"
#include "pimagefs/list.h"
#include "pimagefs/tree.h"
#include "pimagefs/xattrs.h"

struct reqfile {
	uint64_t number; /* the store's key */
	struct node *node;
	struct buf text;
	struct xattrs xattrs;
	struct job *job;  /* whose text this is; NULL: nobody's */
	unsigned writers; /* open handles that may write */
	bool changed;     /* since the last submission */
	bool rewritten;   /* truncated since then: the same bytes again are a new request */
	bool unsent; /* flushed text that no submission has taken yet: job is its registered draft
		      */
	bool stale;  /* written again since it was registered */
	int refused; /* a write of the present writers was refused with this errno: what is there is
			not the whole */
	char sent[DIGEST_HEX]; /* of the text last submitted; "" unknown */
	struct list dirty_in;  /* the ledger's */
};

/* NULL when out of memory. */
struct reqfile *reqfile_new(uint64_t number, struct node *node);
/* Takes NULL; it must be in no list. */
void reqfile_free(struct reqfile *file);

#endif
