/* store_place: a store in a folder of the test's own, and short ways to fill and read it. */
#ifndef TESTS_STORE_PLACE_H
#define TESTS_STORE_PLACE_H

#include "pimagefs/buf.h"
#include "pimagefs/store.h"
#include "scratch.h"

#define DATABASE "state/pimagefs.db"
#define MOST_JOBS 16

struct place {
	char folder[SCRATCH_PATH];
	struct store *s; /* NULL while it is closed */
};

struct jobs {
	struct job *at[MOST_JOBS];
	size_t n;
};

/* One call in a transaction of its own. */
#define DO(p, call) \
	do { \
		assert_int_equal(store_begin((p)->s), 0); \
		assert_int_equal(call, 0); \
		assert_int_equal(store_commit((p)->s), 0); \
	} while (0)

/* A cmocka fixture; *state is the place, its store open. */
int place_make(void **state);
int place_drop(void **state);
/* The store's folder. */
const char *place_folder(struct place *p);
void place_close(struct place *p);
void place_reopen(struct place *p);
/* The database behind the store's back, while the store is closed. */
void place_sql(struct place *p, const char *text);

/* For store_each_job; data is a struct jobs. */
int jobs_collect(struct job *job, void *data);
void place_jobs_free(struct jobs *jobs);
size_t place_count_jobs(struct place *p);
/* The only one; the caller's. */
struct job *place_load_job(struct place *p);
struct job *new_job(uint64_t number, const char *id);
/* Number 7, with something in every field that is stored. */
struct job *full_job(void);
/* File 1 has an attribute and is unsent; every file's job is ten times its number. */
void place_put_file(struct place *p, uint64_t number, const char *path, const char *text,
		    size_t size);
/* value NULL: there is none. */
void place_assert_fact(struct place *p, const char *name, const char *value);
/* For store_each_folder and store_each_create; data is a struct buf. */
int list_folder(const struct store_folder *folder, void *data);
int list_create(int64_t wall_ms, void *data);

#endif
