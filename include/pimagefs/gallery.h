/* gallery: gallery.html, all pictures and their requests as one page for a browser. Floor 4, no
 * FUSE.
 *
 * What is told of the jobs is made in pieces, at most some hundred jobs a turn, only when somebody
 * asks, and only of those that have changed. A page is the pieces of one moment; later pages share
 * what has not changed. A browser asks for the size first and reads exactly so much: the page whose
 * size was told is the one that an open soon after gets.
 *
 * Memory: about 1 KiB a job, let go some minutes after the last who asked; and for each page that
 * somebody still reads, of GALLERY_PAGES at most, what has changed since. */
#ifndef PIMAGEFS_GALLERY_H
#define PIMAGEFS_GALLERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pimagefs/buf.h"
#include "pimagefs/engine.h"
#include "pimagefs/tree.h"
#include "pimagefs/world.h"

#define GALLERY_PAGES 4      /* while so many are open, later opens share the newest of them */
#define GALLERY_TURN 512     /* jobs told of in one turn of the loop */
#define GALLERY_SHOWN_MS 500 /* a size that was told is an open's for so long */

struct gallery;
struct gallery_page;

/* All of it stays the caller's and must outlive it. */
struct gallery_ground {
	const struct world *world;
	struct engine *engine;
	struct node *root;      /* where gallery.html gets its name */
	const char *mountpoint; /* absolute: for the shell lines on the page */
};

/* Before the engine loads its jobs. The node's data is the gallery. 0, -EEXIST or -ENOMEM. */
int gallery_new(struct gallery **out, const struct gallery_ground *ground);
/* Nothing is made any more; before the engine goes. Takes NULL. */
void gallery_stop(struct gallery *g);
/* Every page must have been closed. Takes NULL. */
void gallery_free(struct gallery *g);

/* Bytes of the page that an open gets now; 0 when there was no memory for one. Begins a new page if
 * it is stale. */
int64_t gallery_size(struct gallery *g);
/* The newest page, which stays as it is until gallery_close. One of more than GALLERY_TURN jobs
 * that nobody has asked for lately, or of which as many have changed, says "complete": false; a
 * moment later there is a whole one. 0 or -ENOMEM. */
int gallery_open(struct gallery *g, struct gallery_page **out);
void gallery_close(struct gallery *g, struct gallery_page *page);
/* Append up to size bytes at an offset; past its end none. 0 or -ENOMEM. */
int gallery_read(const struct gallery_page *page, size_t offset, size_t size, struct buf *out);

#endif
