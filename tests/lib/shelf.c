/* shelf: see shelf.h. */
#include "shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "samples.h"

int shelf_make(void **state)
{
	struct shelf *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	umask(022);
	scratch_make(p->folder);
	sim_world_init(&p->sim, 1);
	faulty_disk_init(&p->disk);
	p->sim.world.disk = &p->disk.disk;
	if (library_open(&p->l, &p->sim.world, scratch_path(p->folder, "Pictures/pimagefs"), NULL))
		return -1;
	sample_png(&p->png, 20, 10, SAMPLE_RGB);
	*state = p;
	return 0;
}

int shelf_drop(void **state)
{
	struct shelf *p = *state;

	library_close(p->l);
	sim_world_check_free(&p->sim);
	scratch_remove(p->folder);
	buf_release(&p->png);
	free(p);
	return 0;
}

int shelf_keep(struct shelf *p, const struct buf *b, const char *id, const char *sidecar,
	       struct library_entry *entry, struct error *err)
{
	struct library_name name = { .id = id,
				     .wall_ms = WHEN,
				     .sidecar = sidecar,
				     .chance = p->sim.world.random(&p->sim) };
	int r = library_examine(b->data, b->size, entry, err);

	return r < 0 ? r : library_keep(p->l, b->data, &name, entry);
}

void shelf_assert_kept_as(struct shelf *p, const char *id, const char *path)
{
	struct library_entry entry = { 0 };

	assert_int_equal(shelf_keep(p, &p->png, id, SIDECAR, &entry, NULL), 0);
	assert_string_equal(entry.path, path);
	free(entry.path);
}

void shelf_assert_files(struct shelf *p, const char *names)
{
	struct buf b = BUF_INIT;

	scratch_list(library_path(p->l), &b);
	assert_string_equal(buf_text(&b), names);
	buf_release(&b);
}

void shelf_assert_content(struct shelf *p, const char *name, const void *bytes, size_t size)
{
	struct buf b = BUF_INIT;

	assert_int_equal(scratch_read(library_path(p->l), name, &b), 0);
	assert_int_equal(b.size, size);
	assert_memory_equal(b.data, bytes, size);
	buf_release(&b);
}
