/* store_open: modes, who may have the folder, other versions, damage and kill -9. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store_place.h"

static void private(void **state)
{
	struct place *p = *state;
	struct stat st;

	assert_int_equal(stat(place_folder(p), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	DO(p, store_put_fact(p->s, "a", "1"));
	assert_int_equal(stat(scratch_path(p->folder, DATABASE), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(scratch_path(p->folder, DATABASE "-wal"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(scratch_path(p->folder, DATABASE "-shm"), &st), -1);
	place_close(p);
	/* The log went into the database. */
	assert_int_equal(stat(scratch_path(p->folder, DATABASE "-wal"), &st), -1);
	assert_int_equal(chmod(scratch_path(p->folder, DATABASE), 0644), 0);
	place_reopen(p);
	assert_int_equal(stat(scratch_path(p->folder, DATABASE), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void one_at_a_time(void **state)
{
	struct place *p = *state;
	struct store *other = NULL;
	struct error err;
	char words[64];

	assert_int_equal(store_open(&other, place_folder(p), &err), -EBUSY);
	assert_null(other);
	snprintf(words, sizeof(words), "another pimagefs (process %ld)", (long)getpid());
	assert_non_null(strstr(err.message, words));
	assert_non_null(strstr(err.message, place_folder(p)));
	place_close(p);
	/* What an earlier holder left in the file does not matter. */
	scratch_write(p->folder, "state/lock", "12345678901234567890123456789012345", 35);
	assert_int_equal(store_open(&p->s, place_folder(p), &err), 0);
	assert_int_equal(store_open(&other, place_folder(p), &err), -EBUSY);
	assert_non_null(strstr(err.message, words));
}

/* A child that was forked while the store was open, and outlives it, does not keep the folder. */
static void child_outlives(void **state)
{
	struct place *p = *state;
	pid_t child = fork();

	if (!child) {
		pause();
		_exit(0);
	}
	assert_true(child > 0);
	place_reopen(p);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void locked_by_a_stranger(void **state)
{
	struct place *p = *state;
	struct error err;
	sqlite3 *db;

	place_close(p);
	assert_int_equal(sqlite3_open(scratch_path(p->folder, DATABASE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_open(&p->s, place_folder(p), &err), -EBUSY);
	assert_non_null(strstr(err.message, "another program"));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(store_open(&p->s, place_folder(p), &err), 0);
}

static void made_by_a_newer_one(void **state)
{
	struct place *p = *state;
	struct error err;

	place_close(p);
	place_sql(p, "PRAGMA user_version = 99");
	assert_int_equal(store_open(&p->s, place_folder(p), &err), -EPROTO);
	assert_null(p->s);
	assert_non_null(strstr(err.message, "newer"));
	place_sql(p, "PRAGMA user_version = 2");
	assert_int_equal(store_open(&p->s, place_folder(p), &err), 0);
}

static void made_by_an_older_one(void **state)
{
	struct place *p = *state;
	struct job *job = full_job(), *back;
	struct error err;

	DO(p, store_put_job(p->s, job));
	place_close(p);
	place_sql(p, "ALTER TABLE job DROP COLUMN unanswered;"
		     "ALTER TABLE job DROP COLUMN unanswered_ms;"
		     "ALTER TABLE job DROP COLUMN reused_from; PRAGMA user_version = 1");
	assert_int_equal(store_open(&p->s, place_folder(p), &err), 0);
	back = place_load_job(p);
	assert_string_equal(back->id, job->id);
	assert_int_equal(back->unanswered, 0);
	assert_null(back->reused_from);
	job_free(back);
	DO(p, store_put_job(p->s, job));
	back = place_load_job(p);
	assert_string_equal(back->reused_from, job->reused_from);
	job_free(back);
	job_free(job);
}

static void tables_of_another_program(void **state)
{
	struct place *p = *state;
	struct error err;

	place_close(p);
	place_sql(p, "DROP TABLE fact; CREATE TABLE fact (other)");
	assert_int_equal(store_open(&p->s, place_folder(p), &err), -EUCLEAN);
	assert_null(p->s);
}

static void cannot_open(void **state)
{
	struct place *p = *state;
	struct store *other = NULL;
	struct error err;

	scratch_write(p->folder, "file", "x", 1);
	assert_int_equal(store_open(&other, scratch_path(p->folder, "file"), &err), -ENOTDIR);
	assert_null(other);
	assert_non_null(strstr(err.message, "file"));
	assert_int_equal(mkdir(scratch_path(p->folder, "odd"), 0700), 0);
	assert_int_equal(mkdir(scratch_path(p->folder, "odd/pimagefs.db"), 0700), 0);
	assert_int_equal(store_open(&other, scratch_path(p->folder, "odd"), &err), -EISDIR);
	store_close(NULL);
}

static void no_database(void **state)
{
	struct place *p = *state;
	struct error err;
	char text[8192];

	place_close(p);
	memset(text, 'x', sizeof(text));
	scratch_write(p->folder, DATABASE, text, sizeof(text));
	assert_int_equal(store_open(&p->s, place_folder(p), &err), -EUCLEAN);
	assert_non_null(strstr(err.message, "damaged"));
	assert_true(*err.hint);
	/* Nothing of it is held any more. */
	assert_int_equal(unlink(scratch_path(p->folder, DATABASE)), 0);
	assert_int_equal(store_open(&p->s, place_folder(p), &err), 0);
}

/* A process that ends without a word: its locks fall, and what was committed is there. */
static void killed(void **state)
{
	struct place *p = *state;
	pid_t child;
	int status;

	place_close(p);
	child = fork();
	if (!child) {
		struct store *s;

		if (store_open(&s, place_folder(p), NULL) || store_begin(s) ||
		    store_put_fact(s, "a", "committed") || store_commit(s) || store_begin(s) ||
		    store_put_fact(s, "a", "not committed"))
			_exit(1);
		raise(SIGKILL);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(store_open(&p->s, place_folder(p), NULL), 0);
	place_assert_fact(p, "a", "committed");
}

/* One in the middle of a long text, so that the tables can still be opened. */
static void spoil_a_page(struct place *p)
{
	int fd = open(scratch_path(p->folder, DATABASE), O_WRONLY | O_CLOEXEC);
	const char zeros[4096] = "";
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), st.st_size - 5 * 4096), sizeof(zeros));
	close(fd);
}

static void checked_as_a_whole(void **state)
{
	struct place *p = *state;
	struct error err;
	char *text = malloc(100000);

	assert_non_null(text);
	memset(text, 'x', 100000);
	place_put_file(p, 1, "fox", text, 100000);
	free(text);
	place_close(p);
	spoil_a_page(p);
	assert_int_equal(store_open(&p->s, place_folder(p), &err), -EUCLEAN);
	assert_null(p->s);
	assert_non_null(strstr(err.message, "damaged"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_make, place_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(private),
		TEST(one_at_a_time),
		TEST(child_outlives),
		TEST(locked_by_a_stranger),
		TEST(made_by_a_newer_one),
		TEST(made_by_an_older_one),
		TEST(tables_of_another_program),
		TEST(cannot_open),
		TEST(no_database),
		TEST(killed),
		TEST(checked_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
