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
	if (library_open(&p->l, scratch_path(p->folder, "Pictures/pimagefs"), NULL))
		return -1;
	sample_png(&p->png, 20, 10, SAMPLE_RGB);
	*state = p;
	return 0;
}

int shelf_drop(void **state)
{
	struct shelf *p = *state;

	library_close(p->l);
	scratch_remove(p->folder);
	buf_release(&p->png);
	free(p);
	return 0;
}

int shelf_keep(struct shelf *p, const struct buf *b, const char *id, const char *note,
	       struct library_entry *entry, struct error *err)
{
	struct library_draft *d;

	assert_int_equal(library_begin(p->l, &d), 0);
	/* In two pieces, as a download comes. */
	assert_int_equal(library_write(b->data, b->size / 2, d), 0);
	assert_int_equal(library_draft_bytes(d), b->size / 2);
	assert_int_equal(library_write(b->data + b->size / 2, b->size - b->size / 2, d), 0);
	assert_int_equal(library_draft_bytes(d), b->size);
	return library_keep(d, id, WHEN, note, entry, err);
}

void shelf_assert_kept_as(struct shelf *p, const char *id, const char *path)
{
	struct library_entry entry = { 0 };

	assert_int_equal(shelf_keep(p, &p->png, id, NOTE, &entry, NULL), 0);
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
