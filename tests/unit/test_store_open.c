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

#include "failing_writes.h"
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

	assert_int_equal(store_open(&other, place_folder(p), NULL, &err), -EBUSY);
	assert_null(other);
	snprintf(words, sizeof(words), "another pimagefs (process %ld)", (long)getpid());
	assert_non_null(strstr(err.message, words));
	assert_non_null(strstr(err.message, place_folder(p)));
	place_close(p);
	/* What an earlier holder left in the file does not matter. */
	scratch_write(p->folder, "state/lock", "12345678901234567890123456789012345", 35);
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, &err), 0);
	assert_int_equal(store_open(&other, place_folder(p), NULL, &err), -EBUSY);
	assert_non_null(strstr(err.message, words));
}

static void the_lock_names_the_mount(void **state)
{
	struct place *p = *state;
	char noted[STORE_MOUNT];

	store_read_mount(place_folder(p), noted);
	assert_string_equal(noted, "");
	store_note_mount(p->s, "0:53", "/mnt/my pictures");
	store_read_mount(place_folder(p), noted);
	assert_string_equal(noted, "0:53 /mnt/my pictures");
	place_close(p);
	scratch_write(p->folder, "state/lock", "1\n0:53 /a\nb", 12);
	store_read_mount(place_folder(p), noted);
	assert_string_equal(noted, "0:53 /a");
	place_reopen(p);
	store_read_mount(place_folder(p), noted);
	assert_string_equal(noted, "");
	store_read_mount("/nowhere", noted);
	assert_string_equal(noted, "");
}

/* What SQLite's own writes are, as long as they are the log's. */
static struct {
	size_t log_bytes;
	bool other;
} noted;

static ssize_t note_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
	char link[64], path[2 * SCRATCH_PATH] = "";
	size_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	assert_true(readlink(link, path, sizeof(path) - 1) > 0);
	n = strlen(path);
	if (n < 4 || strcmp(path + n - 4, "-wal") != 0)
		noted.other = true;
	else if (!noted.other)
		noted.log_bytes += size;
	return pwrite(fd, bytes, size, offset);
}

static void note_writes(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	const char *name = vfs->xGetSystemCall(vfs, "pwrite64") ? "pwrite64" : "pwrite";

	assert_int_equal(vfs->xSetSystemCall(vfs, name, (sqlite3_syscall_ptr)note_pwrite),
			 SQLITE_OK);
}

/* What a start finds in the log may not be on the disk, where a sync has failed: it is written anew
 * before anything is added behind it, or taken from it. */
static void the_log_is_written_anew(void **state)
{
	struct place *p = *state;
	struct store *other = NULL;
	char command[3 * SCRATCH_PATH + 64], copy[SCRATCH_PATH + 16], wal[SCRATCH_PATH + 48];
	char *value = NULL;
	struct stat st;

	DO(p, store_put_fact(p->s, "a", "1"));
	snprintf(copy, sizeof(copy), "%s/copy", p->folder);
	snprintf(command, sizeof(command), "cp -r '%s' '%s'", place_folder(p), copy);
	assert_int_equal(system(command), 0); /* as a kill -9 leaves it */
	snprintf(wal, sizeof(wal), "%s/pimagefs.db-wal", copy);
	assert_int_equal(stat(wal, &st), 0);
	assert_true(st.st_size > 0);
	writes_watch(EIO);
	writes_left = 0;
	assert_int_equal(store_open(&other, copy, NULL, NULL), -EIO);
	writes_unwatch();
	note_writes();
	assert_int_equal(store_open(&other, copy, NULL, NULL), 0);
	writes_unwatch();
	assert_int_equal(noted.log_bytes, st.st_size);
	assert_int_equal(store_get_fact(other, "a", &value), 0);
	assert_string_equal(value, "1");
	free(value);
	store_close(other);
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

/* Of a folder whose name means something in a URI. */
static void looked_at_without_a_trace(void **state)
{
	struct place *p = *state;
	const char *odd = scratch_path(p->folder, "100% a?b#c%41");
	struct store *still = NULL;
	struct buf before = BUF_INIT, after = BUF_INIT;
	char *value;

	assert_int_equal(store_open_still(&still, scratch_path(p->folder, "none")), -ENOENT);
	assert_int_equal(access(scratch_path(p->folder, "none"), F_OK), -1);
	DO(p, store_put_fact(p->s, "a", "1"));
	assert_int_equal(store_open_still(&still, place_folder(p)), -EBUSY);
	place_close(p);
	assert_int_equal(rename(place_folder(p), odd), 0);
	scratch_list(p->folder, &before);
	assert_int_equal(store_open_still(&still, odd), 0);
	assert_int_equal(store_get_fact(still, "a", &value), 0);
	assert_string_equal(value, "1");
	free(value);
	assert_int_equal(store_get_fact(still, "b", &value), -ENOENT);
	assert_int_equal(store_begin(still), 0);
	assert_true(store_put_fact(still, "a", "2") < 0);
	store_close(still);
	scratch_list(p->folder, &after);
	assert_string_equal(buf_text(&before), buf_text(&after));
	buf_release(&before);
	buf_release(&after);
	assert_int_equal(rename(odd, place_folder(p)), 0);
	scratch_write(p->folder, DATABASE, "no database at all", 18);
	assert_int_equal(store_open_still(&still, place_folder(p)), 0); /* SQLite looks later */
	assert_int_equal(store_get_fact(still, "a", &value), -EUCLEAN);
	store_close(still);
}

static void locked_by_a_stranger(void **state)
{
	struct place *p = *state;
	struct error err;
	sqlite3 *db;

	place_close(p);
	assert_int_equal(sqlite3_open(scratch_path(p->folder, DATABASE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, &err), -EBUSY);
	assert_non_null(strstr(err.message, "another program"));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, &err), 0);
}

static void made_by_a_newer_one(void **state)
{
	struct place *p = *state;
	struct error err;

	place_close(p);
	place_sql(p, "PRAGMA user_version = 99");
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, &err), -EPROTO);
	assert_null(p->s);
	assert_non_null(strstr(err.message, "newer"));
	place_sql(p, "PRAGMA user_version = 8");
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, &err), 0);
}

static void made_by_an_older_one(void **state)
{
	struct place *p = *state;
	struct job *job = full_job(), *back;
	struct error err;

	DO(p, store_put_job(p->s, job));
	place_close(p);
	place_sql(p, "ALTER TABLE job DROP COLUMN model; ALTER TABLE job DROP COLUMN cancel_owed;"
		     "ALTER TABLE file DROP COLUMN unconfirmed;"
		     "ALTER TABLE job DROP COLUMN tags; ALTER TABLE job DROP COLUMN comment;"
		     "ALTER TABLE job DROP COLUMN rating;"
		     "ALTER TABLE job DROP COLUMN sidecar_old;"
		     "ALTER TABLE job DROP COLUMN of_file; ALTER TABLE job DROP COLUMN part;"
		     "ALTER TABLE job DROP COLUMN line; ALTER TABLE job DROP COLUMN origins;"
		     "ALTER TABLE job DROP COLUMN own_seed;"
		     "ALTER TABLE job DROP COLUMN made_anew;"
		     "ALTER TABLE job DROP COLUMN unanswered;"
		     "ALTER TABLE job DROP COLUMN spent; ALTER TABLE job DROP COLUMN spent_ms;"
		     "ALTER TABLE job DROP COLUMN spent_cost;"
		     "ALTER TABLE job DROP COLUMN unanswered_ms;"
		     "ALTER TABLE job DROP COLUMN reused_from; PRAGMA user_version = 1");
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, &err), 0);
	back = place_load_job(p);
	assert_string_equal(back->id, job->id);
	assert_string_equal(back->model, "p-image-lora-text-to-image");
	assert_int_equal(back->unanswered, 0);
	assert_int_equal(back->spent, 0);
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
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, &err), -EUCLEAN);
	assert_null(p->s);
}

static void cannot_open(void **state)
{
	struct place *p = *state;
	struct store *other = NULL;
	struct error err;

	scratch_write(p->folder, "file", "x", 1);
	assert_int_equal(store_open(&other, scratch_path(p->folder, "file"), NULL, &err), -ENOTDIR);
	assert_null(other);
	assert_non_null(strstr(err.message, "file"));
	assert_int_equal(mkdir(scratch_path(p->folder, "odd"), 0700), 0);
	assert_int_equal(mkdir(scratch_path(p->folder, "odd/pimagefs.db"), 0700), 0);
	assert_int_equal(store_open(&other, scratch_path(p->folder, "odd"), NULL, &err), -EISDIR);
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
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, &err), -EUCLEAN);
	assert_non_null(strstr(err.message, "damaged"));
	assert_non_null(strstr(err.message, "away to start with an empty one"));
	/* Nothing of it is held any more. */
	assert_int_equal(unlink(scratch_path(p->folder, DATABASE)), 0);
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, &err), 0);
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

		if (store_open(&s, place_folder(p), NULL, NULL) || store_begin(s) ||
		    store_put_fact(s, "a", "committed") || store_commit(s) || store_begin(s) ||
		    store_put_fact(s, "a", "not committed"))
			_exit(1);
		raise(SIGKILL);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, NULL), 0);
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
	assert_int_equal(store_open(&p->s, place_folder(p), NULL, &err), -EUCLEAN);
	assert_null(p->s);
	assert_non_null(strstr(err.message, "damaged"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_make, place_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(private),
		TEST(one_at_a_time),
		TEST(the_log_is_written_anew),
		TEST(child_outlives),
		TEST(looked_at_without_a_trace),
		TEST(locked_by_a_stranger),
		TEST(the_lock_names_the_mount),
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
