/* tree: inodes, names and folders of the mounted tree; no I/O, no FUSE. Floor 4.
 * As on a disk, a name (struct entry) and what it names (struct node) are two things: a picture may
 * have two names. */
#ifndef PIMAGEFS_TREE_H
#define PIMAGEFS_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "pimagefs/buf.h"
#include "pimagefs/list.h"

#define TREE_ROOT_INO 1

enum node_kind {
	NODE_FOLDER,
	NODE_REQUEST, /* a file of requests/ */
	NODE_PICTURE, /* pending, ready or failed */
	NODE_REASON,  /* ID.error.txt */
	NODE_STATUS,  /* ID.json */
	NODE_TEXT,    /* made when opened: README.txt, stats.json, config.ini */
	NODE_CTL,
	NODE_GALLERY,
	NODE_EVENTS,
	NODE_PROGRESS,
	NODE_LINK, /* of by-date/ and by-id/ */
	NODE_KINDS
};

/* Which top folder it lives under. */
enum node_area {
	AREA_ROOT,
	AREA_REQUESTS,
	AREA_IMAGES,
	AREA_STATUS,
	AREA_BY_DATE,
	AREA_BY_ID,
	AREA_CONTROL,
	AREAS
};

struct tree;
struct entry;
struct world;

struct node {
	uint64_t ino; /* never used again while mounted */
	enum node_kind kind;
	enum node_area area;
	unsigned mode;              /* permission bits */
	int64_t mtime_ns, ctime_ns; /* wall clock */
	void *data;         /* of its kind's owner: a struct reqfile, a struct job, a text */
	struct entry *home; /* its first name; NULL when it has none (or is the root) */
	int64_t made_bytes; /* of a text: as it was when it was opened last ... */
	bool made;          /* ... and it has not changed since */
	unsigned readers;   /* of a text: who has it open */
	unsigned folders;   /* in a folder: how many folders it lists */
	bool kept;          /* the kernel may hold it for ever (courier.c) */
	bool untold;        /* and as it was: it is to be told */
	bool superseded;    /* its name is another's by now, or gone */
	int version;        /* of its kind's own, as it was told last (courier.c) */

	struct tree *tree;
	uint64_t lookups;    /* the kernel's references */
	unsigned pins;       /* ours: open handles, views */
	unsigned links;      /* names */
	struct map *names;   /* of a folder: its entries by name */
	struct list order;   /* of a folder: its entries as they came */
	struct list entries; /* its names */
};

struct entry {
	struct list in_folder, in_node;
	struct node *folder;
	struct node *node;
	bool listed; /* false: resolves, but readdir leaves it out */
	char name[]; /* NUL-terminated */
};

/* What listing a folder shows anew, otherwise, or no longer. */
enum tree_change { TREE_APPEARED, TREE_CHANGED, TREE_GONE };
typedef void (*tree_fn)(enum tree_change change, const struct entry *entry, void *data);

/* freed(node, data) is called just before a node goes, so that its data can be released. The world
 * (its clock) must outlive the tree. NULL when out of memory. */
struct tree *tree_new(const struct world *world, void (*freed)(struct node *node, void *data),
		      void *data);
/* fn is called at once, while the entry is there. 0 or -ENOMEM. */
int tree_listen(struct tree *t, tree_fn fn, void *data);
/* Frees every node, whatever refers to it. Takes NULL. */
void tree_free(struct tree *t);
struct node *tree_root(const struct tree *t);
/* By inode number, or NULL. */
struct node *tree_node(const struct tree *t, uint64_t ino);

/* The owner of a node's data holds so many bytes for it, and no longer as many as before: how many
 * all hold together, tree_held says. */
void tree_hold(struct tree *t, size_t before, size_t now);
size_t tree_held(const struct tree *t);
/* How many nodes lie in AREA_REQUESTS, its top folder among them. */
unsigned tree_requests(const struct tree *t);

/* A new node with no name and one pin, the caller's. 0 or -ENOMEM. */
int tree_make(struct tree *t, enum node_kind kind, enum node_area area, unsigned mode,
	      struct node **out);
/* Give a node a name. 0, -EEXIST or -ENOMEM. A folder may have one name only. */
int tree_link(struct node *folder, const char *name, struct node *node, bool listed,
	      struct entry **out);
/* Take the name away; the node goes with its last reference. entry may be NULL. */
void tree_unlink(struct entry *entry);
/* A folder with no names left goes, and so do those above it that this leaves empty; the area's own
 * stays. */
void tree_prune(struct node *folder);
/* Move a name; the target must be free. On failure nothing has changed. */
int tree_rename(struct entry **entry, struct node *folder, const char *name);
/* Does readdir show it from now on? */
void tree_list(struct entry *entry, bool listed);
/* The entry of that name, or NULL. */
struct entry *tree_entry(const struct node *folder, const char *name);
bool tree_is_empty(const struct node *folder);
/* True if node is folder, or lies below it. */
bool tree_is_below(const struct node *node, const struct node *folder);

/* Walk `path` ("cats/tabby" or "") down from a folder, making what is missing with `mode` if make
 * is true. 0; -ENOENT, -ENOTDIR, -ENOMEM. */
int tree_walk(struct node *from, const char *path, bool make, unsigned mode, struct node **out);
/* Append the path below the area's own folder ("cats/tabby.txt"). 0 or -ENOMEM. */
int node_path(const struct node *node, struct buf *out);

void node_lookup(struct node *node); /* the kernel got one more reference */
void node_forget(struct node *node, uint64_t n);
void node_pin(struct node *node);
void node_unpin(struct node *node);                 /* takes NULL */
void node_touch(struct node *node, int64_t now_ns); /* mtime and ctime */
/* What it holds, or its attributes, have changed: who listens hears it for each of its names. */
void node_changed(struct node *node);

/* What readdir shows, frozen when the folder was opened, so that offsets stay true. */
struct snapshot_row {
	uint64_t ino;
	enum node_kind kind;
	size_t name; /* offset into names */
};
struct snapshot {
	struct snapshot_row *rows;
	size_t count;
	struct buf names;
};
/* With "." and "..". 0 or -ENOMEM. */
int tree_snapshot(const struct node *folder, struct snapshot **out);
void snapshot_free(struct snapshot *s);

#endif
