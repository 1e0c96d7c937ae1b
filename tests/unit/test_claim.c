/* claim: which library belongs to which state, and what is refused without being touched. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing_writes.h"
#include "faulty_disk.h"
#include "oom.h"
#include "pimagefs/claim.h"
#include "pimagefs/log.h"
#include "pimagefs/real_world.h"
#include "pimagefs/rebuild.h"
#include "store_place.h"

#define PICTURE "2026-11-22/141503-fox.png"
#define OTHER_ID "0123456789abcdef0123456789abcdef"

/* A store and the place of a library, which is not made yet. */
struct ground {
	struct place *p;
	struct faulty_disk disk;
	struct world world;
	struct error err;
	bool new_library;
};

static int make(void **state)
{
	struct ground *g = calloc(1, sizeof(*g));
	void *place;

	if (!g || place_make(&place) < 0)
		return -1;
	g->p = place;
	umask(022);
	log_open("stderr", LOG_LEVEL_ERROR);
	real_world_init(&g->world, NULL);
	faulty_disk_init(&g->disk);
	g->world.disk = &g->disk.disk;
	*state = g;
	return 0;
}

static int drop(void **state)
{
	struct ground *g = *state;
	void *place = g->p;

	place_drop(&place);
	free(g);
	return 0;
}

static const char *library(struct ground *g)
{
	return scratch_path(g->p->folder, "library");
}

static int claim(struct ground *g)
{
	const struct claim_ground ground = {
		.world = &g->world,
		.store = g->p->s,
		.library = library(g),
		.state = place_folder(g->p),
		.new_library = g->new_library,
	};
	struct library *l = NULL;
	int r;

	memset(&g->err, 0, sizeof(g->err));
	r = claim_library(&ground, &l, &g->err);
	assert_true(r < 0 ? l == NULL : l != NULL);
	library_close(l);
	return r;
}

/* The recorded id, or "". */
static void recorded(struct ground *g, char id[LIBRARY_ID])
{
	char *text = NULL;

	*id = '\0';
	if (store_get_fact(g->p->s, "library", &text) == 0)
		snprintf(id, LIBRARY_ID, "%s", text);
	free(text);
}

static void assert_claimed(struct ground *g, char id[LIBRARY_ID])
{
	char marked[LIBRARY_ID];

	assert_int_equal(claim(g), 0);
	assert_int_equal(library_look_for(&g->world, library(g), marked), 0);
	recorded(g, id);
	assert_string_equal(id, marked);
	assert_int_equal(strlen(id), LIBRARY_ID - 1);
}

/* What it says, and that nothing came of it. */
static void assert_refused(struct ground *g, int r, const char *words)
{
	char before[LIBRARY_ID], after[LIBRARY_ID];
	struct buf files = BUF_INIT, left = BUF_INIT;
	bool there = access(library(g), F_OK) == 0;

	recorded(g, before);
	if (there)
		scratch_list(library(g), &files);
	assert_int_equal(claim(g), r);
	assert_non_null(strstr(g->err.message, words));
	assert_non_null(strstr(g->err.message, library(g)));
	assert_non_null(strstr(g->err.message, "--new-library"));
	assert_true(there == (access(library(g), F_OK) == 0));
	if (there)
		scratch_list(library(g), &left);
	assert_string_equal(buf_text(&left), buf_text(&files));
	recorded(g, after);
	assert_string_equal(before, after);
	buf_release(&files);
	buf_release(&left);
}

/* The state knows a ready picture. */
static void know_picture(struct ground *g)
{
	struct job *job = new_job(1, "fox");

	job->state = JOB_READY;
	assert_int_equal(job_set_text(&job->picture_path, PICTURE), 0);
	DO(g->p, store_put_job(g->p->s, job));
	DO(g->p, store_put_fact(g->p->s, REBUILD_DONE, "yes"));
	job_free(job);
}

static void put_picture(struct ground *g)
{
	mkdir(library(g), 0700);
	mkdir(scratch_path(library(g), "2026-11-22"), 0700);
	scratch_write(library(g), PICTURE, "x", 1);
}

static void put_marker(struct ground *g, const char *text)
{
	mkdir(library(g), 0700);
	scratch_write(library(g), LIBRARY_MARKER, text, strlen(text));
}

static void a_first_library_gets_a_marker(void **state)
{
	struct ground *g = *state;
	char first[LIBRARY_ID], again[LIBRARY_ID];
	struct buf files = BUF_INIT;

	assert_claimed(g, first);
	place_reopen(g->p);
	assert_claimed(g, again);
	assert_string_equal(first, again);
	scratch_list(library(g), &files);
	assert_string_equal(buf_text(&files), LIBRARY_MARKER "\n");
	buf_release(&files);
	know_picture(g); /* whether it is still there is not this module's business */
	assert_claimed(g, again);
}

static void a_disk_that_is_not_mounted_is_told(void **state)
{
	struct ground *g = *state;
	char id[LIBRARY_ID];

	assert_claimed(g, id);
	know_picture(g);
	assert_int_equal(rename(library(g), scratch_path(g->p->folder, "elsewhere")), 0);
	assert_refused(g, -ENOENT, LIBRARY_MARKER " is missing");
	assert_int_equal(mkdir(library(g), 0700), 0);
	assert_refused(g, -ENOENT, LIBRARY_MARKER " is missing");
	assert_int_equal(rmdir(library(g)), 0);
	assert_int_equal(rename(scratch_path(g->p->folder, "elsewhere"), library(g)), 0);
	assert_claimed(g, id);
}

static void nothing_is_missed_where_nothing_is_known(void **state)
{
	struct ground *g = *state;
	char first[LIBRARY_ID], second[LIBRARY_ID];

	assert_claimed(g, first);
	assert_int_equal(unlink(scratch_path(library(g), LIBRARY_MARKER)), 0);
	assert_claimed(g, second);
	assert_string_not_equal(first, second);
}

static void a_state_from_before_adopts_once(void **state)
{
	struct ground *g = *state;
	char id[LIBRARY_ID];

	know_picture(g);
	assert_refused(g, -ENOENT, LIBRARY_MARKER " is missing");
	assert_int_equal(mkdir(library(g), 0700), 0);
	assert_refused(g, -ENOENT, LIBRARY_MARKER " is missing");
	put_picture(g);
	assert_claimed(g, id);
	assert_int_equal(unlink(scratch_path(library(g), LIBRARY_MARKER)), 0);
	assert_refused(g, -ENOENT, LIBRARY_MARKER " is missing");
}

static void a_state_from_before_adopts_a_library_with_a_marker(void **state)
{
	struct ground *g = *state;
	char id[LIBRARY_ID];

	know_picture(g);
	put_marker(g, OTHER_ID "\n");
	assert_refused(g, -EEXIST, "another library");
	put_picture(g);
	assert_claimed(g, id);
	assert_string_equal(id, OTHER_ID);
}

static void another_id_is_refused(void **state)
{
	struct ground *g = *state;
	char id[LIBRARY_ID];

	assert_claimed(g, id);
	put_marker(g, OTHER_ID "\n");
	assert_refused(g, -EEXIST, "another library");
	know_picture(g);
	put_picture(g);
	assert_refused(g, -EEXIST, "another library");
}

static void a_new_state_takes_the_library(void **state)
{
	struct ground *g = *state;
	char id[LIBRARY_ID];

	put_marker(g, OTHER_ID "\nand more\n");
	put_picture(g);
	assert_claimed(g, id);
	assert_string_equal(id, OTHER_ID);
}

static void a_new_library_on_purpose(void **state)
{
	struct ground *g = *state;
	char first[LIBRARY_ID], second[LIBRARY_ID];

	assert_claimed(g, first);
	know_picture(g);
	put_picture(g);
	g->new_library = true;
	assert_claimed(g, second); /* it is there: nothing new is begun */
	assert_string_equal(first, second);
	assert_int_equal(rename(library(g), scratch_path(g->p->folder, "elsewhere")), 0);
	assert_claimed(g, second);
	assert_string_not_equal(first, second);
	assert_int_equal(access(scratch_path(g->p->folder, "elsewhere/" PICTURE), F_OK), 0);
	assert_int_equal(place_count_jobs(g->p), 1);
	g->new_library = false;
	assert_claimed(g, second);
}

/* What lies in it joins what is known. */
static void another_library_on_purpose(void **state)
{
	struct ground *g = *state;
	char id[LIBRARY_ID];

	assert_claimed(g, id);
	know_picture(g);
	put_marker(g, OTHER_ID "\n");
	g->new_library = true;
	assert_claimed(g, id);
	assert_string_equal(id, OTHER_ID);
	place_assert_fact(g->p, REBUILD_DONE, NULL);
}

static void a_marker_without_an_id_is_told(void **state)
{
	static const char *const bad[] = { "",           "\n",
					   "0123",       OTHER_ID "0\n",
					   "x" OTHER_ID, "0123456789ABCDEF0123456789abcdef\n" };
	struct ground *g = *state;
	char id[LIBRARY_ID];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put_marker(g, bad[i]);
		assert_refused(g, -EINVAL, "holds no id");
	}
	assert_int_equal(unlink(scratch_path(library(g), LIBRARY_MARKER)), 0);
	assert_int_equal(mkfifo(scratch_path(library(g), LIBRARY_MARKER), 0600), 0);
	assert_refused(g, -EINVAL, "holds no id");
	g->new_library = true;
	assert_claimed(g, id);
}

static void a_linked_folder_is_a_library(void **state)
{
	struct ground *g = *state;
	char id[LIBRARY_ID];

	assert_int_equal(mkdir(scratch_path(g->p->folder, "disk"), 0700), 0);
	assert_int_equal(symlink("disk", library(g)), 0);
	assert_claimed(g, id);
	know_picture(g);
	assert_int_equal(rmdir(scratch_path(g->p->folder, "disk")), -1);
	assert_claimed(g, id);
}

static int open_read_only(const struct disk *d, int dir, const char *path, int flags, mode_t mode)
{
	(void)d;
	return (flags & O_CREAT) ? -EROFS : disk_real.open(&disk_real, dir, path, flags, mode);
}

static void a_read_only_library_is_mounted_without(void **state)
{
	struct ground *g = *state;
	char id[LIBRARY_ID];

	know_picture(g);
	put_picture(g);
	g->disk.disk.open = open_read_only;
	assert_int_equal(claim(g), 0);
	recorded(g, id);
	assert_string_equal(id, "");
	faulty_disk_init(&g->disk);
	assert_claimed(g, id);
}

/* Whichever call fails: no half marker, nothing recorded, and the next start does it. */
static void a_failing_disk_leaves_nothing(void **state)
{
	struct ground *g = *state;
	char id[LIBRARY_ID];
	int failing = 0, r;

	do {
		mkdir(library(g), 0700);
		g->disk.left = failing++;
		r = claim(g);
		g->disk.left = -1;
		recorded(g, id);
		assert_true(r == 0 || r == -EIO);
		assert_true(r == 0 || (!*id && strstr(g->err.message, library(g))));
		assert_int_equal(access(scratch_path(library(g), LIBRARY_MARKER ".new"), F_OK), -1);
	} while (r < 0);
	assert_true(failing > 4);
	assert_claimed(g, id);
}

/* The marker is written, and the end comes before its id is recorded: whichever write that is. */
static void an_end_between_marker_and_record(void **state)
{
	struct ground *g = *state;
	char first[LIBRARY_ID], id[LIBRARY_ID];
	int n = 0, r;

	assert_claimed(g, first);
	assert_int_equal(unlink(scratch_path(library(g), LIBRARY_MARKER)), 0);
	writes_watch(EIO);
	do {
		writes_left = n++;
		r = claim(g);
		writes_left = -1;
		place_reopen(g->p);
		assert_true(r == 0 || r == -EIO);
	} while (r < 0);
	writes_unwatch();
	assert_true(n > 2);
	assert_claimed(g, id);
	assert_string_not_equal(first, id);
	place_assert_fact(g->p, "library_next", NULL);
	put_marker(g, OTHER_ID "\n");
	assert_refused(g, -EEXIST, "another library");
}

static void no_memory(void **state)
{
	struct ground *g = *state;
	char id[LIBRARY_ID];
	unsigned failed = 1;

	know_picture(g);
	put_picture(g);
	for (unsigned n = 0; failed; n++) {
		int r;

		oom_fail_after(n);
		r = claim(g);
		failed = oom_off();
		assert_true(r == 0 || r == -ENOMEM || r == -ENOENT);
	}
	assert_claimed(g, id);
}

/* The database that was put aside still tells which library it was. */
static void a_damaged_state_knows_its_library(void **state)
{
	struct ground *g = *state;
	char id[LIBRARY_ID], again[LIBRARY_ID];

	assert_claimed(g, id);
	know_picture(g);
	place_close(g->p);
	assert_int_equal(rename(scratch_path(g->p->folder, DATABASE),
				scratch_path(g->p->folder, DATABASE ".damaged-20261122T141503Z")),
			 0);
	assert_int_equal(store_open(&g->p->s, place_folder(g->p), NULL, NULL), 0);
	assert_int_equal(rename(library(g), scratch_path(g->p->folder, "elsewhere")), 0);
	assert_refused(g, -ENOENT, "1 picture");
	put_marker(g, OTHER_ID "\n");
	assert_refused(g, -EEXIST, "another library");
	assert_int_equal(unlink(scratch_path(library(g), LIBRARY_MARKER)), 0);
	assert_int_equal(rmdir(library(g)), 0);
	assert_int_equal(rename(scratch_path(g->p->folder, "elsewhere"), library(g)), 0);
	assert_claimed(g, again);
	assert_string_equal(id, again);
}

static void looking_changes_nothing(void **state)
{
	struct ground *g = *state;
	struct claim_ground ground = { .world = &g->world,
				       .store = g->p->s,
				       .library = library(g),
				       .state = place_folder(g->p),
				       .only_look = true };

	assert_int_equal(claim_check(&ground, &g->err), 0);
	assert_int_equal(access(library(g), F_OK), -1);
	place_assert_fact(g->p, "library", NULL);
	know_picture(g);
	assert_int_equal(claim_check(&ground, &g->err), -ENOENT);
	ground.new_library = true;
	assert_int_equal(claim_check(&ground, &g->err), 0);
	assert_int_equal(access(library(g), F_OK), -1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_first_library_gets_a_marker),
		TEST(a_disk_that_is_not_mounted_is_told),
		TEST(nothing_is_missed_where_nothing_is_known),
		TEST(a_state_from_before_adopts_once),
		TEST(a_state_from_before_adopts_a_library_with_a_marker),
		TEST(another_id_is_refused),
		TEST(a_new_state_takes_the_library),
		TEST(a_new_library_on_purpose),
		TEST(another_library_on_purpose),
		TEST(a_marker_without_an_id_is_told),
		TEST(a_linked_folder_is_a_library),
		TEST(a_read_only_library_is_mounted_without),
		TEST(a_failing_disk_leaves_nothing),
		TEST(an_end_between_marker_and_record),
		TEST(no_memory),
		TEST(a_damaged_state_knows_its_library),
		TEST(looking_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
