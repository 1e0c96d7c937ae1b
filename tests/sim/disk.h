/* disk: what the simulated disk's two files share: the table of operations (disk_table.c), and what
 * it works on, as it is seen and as a power cut would leave it (disk.c). */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "sim.h"

#define HANDLES 256
#define ROOT 0
#define LIBRARY "/library" /* its path: all that there is */

struct inode {
	bool folder;
	mode_t mode;
	struct buf data, kept;
	bool dirty;
	struct timespec mtime;
	int locker; /* a handle, or -1 */
};

struct name {
	int folder, inode;
	char *text;
};

struct names {
	struct name *at;
	size_t n, room;
};

/* A change of names that is not yet on the disk: folder 0/text -> folder 1/text. */
struct change {
	int inode;
	int folder[2]; /* from, to; -1: there is none */
	char *text[2];
};

struct handle {
	bool open;
	int inode;
	size_t at;
};

struct sim_disk {
	struct disk table;
	struct sim *sim;
	struct inode *inodes;
	int n_inodes, room;
	struct names seen, kept;
	struct change *changes;
	size_t n_changes, changes_room;
	struct handle handles[HANDLES];
	uint64_t chance;
};

struct name *name_find(const struct names *l, int folder, const char *text);
/* A change of names, seen at once: from -1: it is new; to -1: it goes. */
void disk_change(struct sim_disk *d, int inode, int from, const char *from_text, int to,
		 const char *to_text);
/* The changes of this folder last, and those of the same files before them, in their order. */
void disk_keep_folder(struct sim_disk *d, int folder);
int inode_new(struct sim_disk *d, bool folder, mode_t mode);
void sim_disk_fill(struct disk *table);

#endif
