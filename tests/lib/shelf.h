/* shelf: a library in a folder of the test's own, and short ways to fill it and to see what is in
 * it. */
#ifndef TESTS_SHELF_H
#define TESTS_SHELF_H

#include "faulty_disk.h"
#include "pimagefs/buf.h"
#include "pimagefs/library.h"
#include "scratch.h"
#include "sim_world.h"

#define WHEN INT64_C(1795356903250) /* 2026-11-22T14:15:03.250Z */
#define SIDECAR "{\"prompt\": \"a red fox\"}\n"

struct shelf {
	char folder[SCRATCH_PATH]; /* of the test; the library is FOLDER/Pictures/pimagefs */
	struct faulty_disk disk;
	struct sim_world sim;
	struct library *l;
	struct buf png; /* 20 x 10 */
};

/* A cmocka fixture; *state is the shelf. */
int shelf_make(void **state);
int shelf_drop(void **state);
/* Examine b and keep it at WHEN. */
int shelf_keep(struct shelf *p, const struct buf *b, const char *id, const char *sidecar,
	       struct library_entry *entry, struct error *err);
/* Keep the PNG with SIDECAR. */
void shelf_assert_kept_as(struct shelf *p, const char *id, const char *path);
/* All regular files, sorted, a line each. */
void shelf_assert_files(struct shelf *p, const char *names);
void shelf_assert_content(struct shelf *p, const char *name, const void *bytes, size_t size);

#endif
