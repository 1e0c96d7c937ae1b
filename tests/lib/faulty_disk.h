/* faulty_disk: the real disk, where calls that change it fail when a test says so. */
#ifndef TESTS_FAULTY_DISK_H
#define TESTS_FAULTY_DISK_H

#include <stdbool.h>

#include "pimagefs/disk.h"

struct faulty_disk {
	struct disk disk;
	int left;       /* so many changes succeed, then one fails with EIO; negative: none */
	bool stuck;     /* and from then on all of them, removals too */
	int syncs_left; /* the same, of syncs alone */
	int no_links;   /* the errno of every link; 0: they work */
	bool old;       /* no rename that replaces nothing */
	size_t most;    /* bytes that one write takes; 0: all */
};

void faulty_disk_init(struct faulty_disk *f);

#endif
