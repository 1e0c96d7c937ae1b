/* store: what comes back, who may have it, damage, full disks, kill -9, and rows that make no
 * sense. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "oom.h"
#include "pimagefs/log.h"
#include "pimagefs/store.h"
#include "scratch.h"

#define DATABASE "state/pimagefs.db"

struct place {
	char folder[SCRATCH_PATH];
	struct store *s;
};

static const char *state_folder(struct place *p)
{
	return scratch_path(p->folder, "state");
}

static int make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	umask(0);
	scratch_make(p->folder);
	*state = p;
	return store_open(&p->s, state_folder(p), NULL);
}

static int drop(void **state)
{
	struct place *p = *state;

	store_close(p->s);
	scratch_remove(p->folder);
	free(p);
	return 0;
}

static void close_store(struct place *p)
{
	store_close(p->s);
	p->s = NULL;
}

static void reopen(struct place *p)
{
	close_store(p);
	assert_int_equal(store_open(&p->s, state_folder(p), NULL), 0);
}

/* The database behind the store's back, while the store is closed. */
static void sql(struct place *p, const char *text)
{
	sqlite3 *db;

	assert_null(p->s);
	assert_int_equal(sqlite3_open(scratch_path(p->folder, DATABASE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define DO(p, call) \
	do { \
		assert_int_equal(store_begin((p)->s), 0); \
		assert_int_equal(call, 0); \
		assert_int_equal(store_commit((p)->s), 0); \
	} while (0)

static struct job *new_job(uint64_t number, const char *id)
{
	struct job *job = job_new(number, id, 1000 + (int64_t)number);

	assert_non_null(job);
	return job;
}

#define MOST_JOBS 16

struct jobs {
	struct job *at[MOST_JOBS];
	size_t n;
};

static int collect_job(struct job *job, void *data)
{
	struct jobs *jobs = data;

	assert_true(jobs->n < MOST_JOBS);
	jobs->at[jobs->n++] = job;
	return 0;
}

static void free_jobs(struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->n; i++)
		job_free(jobs->at[i]);
	jobs->n = 0;
}

static struct job *load_one(struct place *p)
{
	struct jobs jobs = { 0 };

	assert_int_equal(store_each_job(p->s, collect_job, &jobs), 0);
	assert_int_equal(jobs.n, 1);
	return jobs.at[0];
}

static size_t count_jobs(struct place *p)
{
	struct jobs jobs = { 0 };
	size_t n;

	assert_int_equal(store_each_job(p->s, collect_job, &jobs), 0);
	n = jobs.n;
	free_jobs(&jobs);
	return n;
}

static struct job *full_job(void)
{
	struct job *job = new_job(7, "cats/tabby");
	struct error error;

	job->state = JOB_FAILED;
	job->current = job->dismissed = job->prediction_over = job->has_seed = true;
	job->seed = -42;
	assert_int_equal(job_set_text(&job->prompt, "a cat\nin Köln"), 0);
	assert_int_equal(job_set_text(&job->input, "{\"prompt\":\"a cat\"}"), 0);
	assert_int_equal(job_set_text(&job->prediction_id, "pred-1"), 0);
	assert_int_equal(job_set_text(&job->link, "https://cdn.example/x.jpg"), 0);
	assert_int_equal(job_set_text(&job->picture_path, "2026-11-22/141503-cats-tabby.jpg"), 0);
	job->submitted_ms = 2000;
	job->completed_ms = INT64_C(1795356903250);
	job->attempts = 3;
	job->polls = 4000000000u;
	job->predict_time_s = 2.125;
	job->cost_usd = 0;
	job->picture = (struct picture){ PICTURE_JPEG, 1440, 256 };
	job->picture_bytes = INT64_C(5000000000);
	memset(job->sha256, 'a', DIGEST_HEX - 1);
	error_set(&error, ERROR_MODERATION, "refused: %s", "why");
	error.http_status = 422;
	error_hint(&error, "ask for something else");
	error_text(error.details, sizeof(error.details), "details");
	error_text(error.request_id, sizeof(error.request_id), "req-1");
	assert_int_equal(job_set_error(job, &error), 0);
	return job;
}

static void assert_same_request(const struct job *a, const struct job *b)
{
	assert_int_equal(a->number, b->number);
	assert_string_equal(a->id, b->id);
	assert_int_equal(a->state, b->state);
	assert_true(a->current == b->current && a->dismissed == b->dismissed);
	assert_int_equal(a->prediction_over, b->prediction_over);
	assert_string_equal(a->prompt, b->prompt);
	assert_string_equal(a->input, b->input);
	assert_int_equal(a->has_seed, b->has_seed);
	assert_int_equal(a->seed, b->seed);
	assert_int_equal(a->created_ms, b->created_ms);
	assert_int_equal(a->submitted_ms, b->submitted_ms);
	assert_int_equal(a->completed_ms, b->completed_ms);
}

static void assert_same_course(const struct job *a, const struct job *b)
{
	assert_string_equal(a->prediction_id, b->prediction_id);
	assert_string_equal(a->link, b->link);
	assert_int_equal(a->attempts, b->attempts);
	assert_int_equal(a->polls, b->polls);
	assert_true(a->predict_time_s == b->predict_time_s && a->cost_usd == b->cost_usd);
	assert_string_equal(a->picture_path, b->picture_path);
	assert_memory_equal(&a->picture, &b->picture, sizeof(a->picture));
	assert_int_equal(a->picture_bytes, b->picture_bytes);
	assert_string_equal(a->sha256, b->sha256);
	assert_int_equal(a->error->class, b->error->class);
	assert_int_equal(a->error->http_status, b->error->http_status);
	assert_string_equal(a->error->message, b->error->message);
	assert_string_equal(a->error->details, b->error->details);
	assert_string_equal(a->error->request_id, b->error->request_id);
	assert_string_equal(a->error->hint, b->error->hint);
}

static void whole_job(void **state)
{
	struct place *p = *state;
	struct job *job = full_job(), *back;

	DO(p, store_put_job(p->s, job));
	reopen(p);
	back = load_one(p);
	assert_same_request(job, back);
	assert_same_course(job, back);
	assert_false(list_linked(&back->link_in));
	assert_false(list_linked(&back->dirty_in));
	assert_true(!back->call && !back->view && !back->due_ms && !back->tries);
	job_free(back);
	job_free(job);
}

static void bare_job(void **state)
{
	struct place *p = *state;
	struct job *job = new_job(1, "fox"), *back;

	DO(p, store_put_job(p->s, job));
	back = load_one(p);
	assert_int_equal(back->state, JOB_DRAFT);
	assert_int_equal(back->created_ms, 1001);
	assert_true(!back->prompt && !back->input && !back->prediction_id && !back->link);
	assert_true(!back->picture_path && !back->error && !back->has_seed);
	assert_true(back->predict_time_s < 0 && back->cost_usd < 0);
	assert_int_equal(back->picture.kind, PICTURE_NONE);
	assert_string_equal(back->sha256, "");
	job_free(back);
	job_free(job);
}

static void each_state(void **state)
{
	struct place *p = *state;
	struct jobs jobs = { 0 };
	struct job *job = new_job(1, "fox");

	for (int i = 0; i < JOB_STATES; i++) {
		job->number = (uint64_t)(JOB_STATES - i);
		job->state = (enum job_state)i;
		DO(p, store_put_job(p->s, job));
	}
	assert_int_equal(store_each_job(p->s, collect_job, &jobs), 0);
	assert_int_equal(jobs.n, JOB_STATES);
	for (int i = 0; i < JOB_STATES; i++) {
		assert_int_equal(jobs.at[i]->number, i + 1);
		assert_int_equal(jobs.at[i]->state, JOB_STATES - 1 - i);
	}
	free_jobs(&jobs);
	job_free(job);
}

static void changed_and_deleted(void **state)
{
	struct place *p = *state;
	struct job *job = full_job(), *back;

	DO(p, store_put_job(p->s, job));
	assert_int_equal(job_set_error(job, NULL), 0);
	assert_int_equal(job_set_text(&job->prompt, "a dog"), 0);
	job->has_seed = false;
	DO(p, store_put_job(p->s, job));
	back = load_one(p);
	assert_string_equal(back->prompt, "a dog");
	assert_true(!back->error && !back->has_seed);
	job_free(back);
	DO(p, store_delete_job(p->s, 8));
	assert_int_equal(count_jobs(p), 1);
	DO(p, store_delete_job(p->s, 7));
	assert_int_equal(count_jobs(p), 0);
	job_free(job);
}

static int stop_at_second(struct job *job, void *data)
{
	job_free(job);
	return ++*(int *)data == 2 ? -ECANCELED : 0;
}

static void reading_ends_early(void **state)
{
	struct place *p = *state;
	int seen = 0;

	for (uint64_t i = 1; i <= 3; i++) {
		struct job *job = new_job(i, "fox");

		DO(p, store_put_job(p->s, job));
		job_free(job);
	}
	assert_int_equal(store_each_job(p->s, stop_at_second, &seen), -ECANCELED);
	assert_int_equal(seen, 2);
	/* The statement did not stay open. */
	assert_int_equal(count_jobs(p), 3);
	DO(p, store_delete_job(p->s, 1));
}

static void put_file(struct place *p, uint64_t number, const char *path, const char *text,
		     size_t size)
{
	const struct store_file file = {
		.number = number,
		.path = path,
		.mode = 0640,
		.mtime_ns = INT64_C(1795356903250123456),
		.text = text,
		.size = size,
		.xattrs = number == 1 ? "user.a\0\0\0\0\0" : NULL,
		.xattrs_size = number == 1 ? 11 : 0,
		.job = number * 10,
		.unsent = number == 1,
	};

	DO(p, store_put_file(p->s, &file));
}

static int check_file(const struct store_file *file, void *data)
{
	int *n = data;

	assert_int_equal(file->number, ++*n);
	assert_int_equal(file->mode, 0640);
	assert_int_equal(file->mtime_ns, INT64_C(1795356903250123456));
	assert_int_equal(file->job, *n * 10);
	assert_non_null(file->text);
	if (*n == 1) {
		assert_string_equal(file->path, "cats/größe.txt");
		assert_int_equal(file->size, 4);
		assert_memory_equal(file->text, "a\0b\xff", 4);
		assert_int_equal(file->xattrs_size, 11);
		assert_memory_equal(file->xattrs, "user.a\0\0\0\0\0", 11);
		assert_true(file->unsent);
	} else {
		assert_string_equal(file->path, "fox");
		assert_int_equal(file->size, 0);
		assert_int_equal(file->xattrs_size, 0);
		assert_false(file->unsent);
	}
	return 0;
}

static void files(void **state)
{
	struct place *p = *state;
	int n = 0;

	put_file(p, 2, "wolf", "howl", 4);
	put_file(p, 1, "cats/größe.txt", "a\0b\xff", 4);
	put_file(p, 2, "fox", NULL, 0);
	reopen(p);
	assert_int_equal(store_each_file(p->s, check_file, &n), 0);
	assert_int_equal(n, 2);
	DO(p, store_delete_file(p->s, 1));
	DO(p, store_delete_file(p->s, 2));
	DO(p, store_delete_file(p->s, 3));
	assert_int_equal(store_each_file(p->s, check_file, &n), 0);
	assert_int_equal(n, 2);
}

/* Paths are no keys: two files may change names within one transaction. */
static void files_swap_names(void **state)
{
	struct place *p = *state;
	struct store_file a = { .number = 1, .path = "a" }, b = { .number = 2, .path = "b" };

	put_file(p, 1, "a", "1", 1);
	put_file(p, 2, "b", "2", 1);
	a.path = "b";
	b.path = "a";
	assert_int_equal(store_begin(p->s), 0);
	assert_int_equal(store_put_file(p->s, &a), 0);
	assert_int_equal(store_put_file(p->s, &b), 0);
	assert_int_equal(store_commit(p->s), 0);
	reopen(p);
}

static int list_folder(const struct store_folder *folder, void *data)
{
	return buf_printf(data, "%s %o %lld\n", folder->path, folder->mode,
			  (long long)folder->mtime_ns);
}

static void folders(void **state)
{
	struct place *p = *state;
	struct buf b = BUF_INIT;

	DO(p, store_put_folder(p->s, &(struct store_folder){ "cats/big", 0700, 3 }));
	DO(p, store_put_folder(p->s, &(struct store_folder){ "cats", 0755, 1 }));
	DO(p, store_put_folder(p->s, &(struct store_folder){ "dogs", 0755, 2 }));
	DO(p, store_put_folder(p->s, &(struct store_folder){ "cats", 0750, 9 }));
	DO(p, store_delete_folder(p->s, "dogs"));
	DO(p, store_delete_folder(p->s, "birds"));
	reopen(p);
	assert_int_equal(store_each_folder(p->s, list_folder, &b), 0);
	assert_string_equal(buf_text(&b), "cats 750 9\ncats/big 700 3\n");
	buf_release(&b);
}

static int list_create(int64_t wall_ms, void *data)
{
	return buf_printf(data, "%lld ", (long long)wall_ms);
}

static void creates(void **state)
{
	struct place *p = *state;
	struct buf b = BUF_INIT;

	DO(p, store_add_create(p->s, 300));
	DO(p, store_add_create(p->s, 100));
	DO(p, store_add_create(p->s, 200));
	DO(p, store_add_create(p->s, 200));
	DO(p, store_prune_creates(p->s, 200));
	reopen(p);
	assert_int_equal(store_each_create(p->s, list_create, &b), 0);
	assert_string_equal(buf_text(&b), "200 200 300 ");
	buf_release(&b);
}

static void assert_fact(struct place *p, const char *name, const char *value)
{
	char *found = NULL;

	assert_int_equal(store_get_fact(p->s, name, &found), value ? 0 : -ENOENT);
	if (value)
		assert_string_equal(found, value);
	else
		assert_null(found);
	free(found);
}

static void facts(void **state)
{
	struct place *p = *state;

	assert_fact(p, "paused", NULL);
	DO(p, store_put_fact(p->s, "paused", "1"));
	DO(p, store_put_fact(p->s, "other", ""));
	DO(p, store_put_fact(p->s, "paused", "2"));
	reopen(p);
	assert_fact(p, "paused", "2");
	assert_fact(p, "other", "");
	assert_fact(p, "Paused", NULL);
	DO(p, store_put_fact(p->s, "paused", NULL));
	DO(p, store_put_fact(p->s, "never", NULL));
	assert_fact(p, "paused", NULL);
}

static void rollback(void **state)
{
	struct place *p = *state;

	DO(p, store_put_fact(p->s, "a", "kept"));
	assert_int_equal(store_begin(p->s), 0);
	assert_int_equal(store_put_fact(p->s, "a", "lost"), 0);
	assert_int_equal(store_put_fact(p->s, "b", "lost"), 0);
	store_rollback(p->s);
	assert_fact(p, "a", "kept");
	assert_fact(p, "b", NULL);
	/* Harmless where there is none. */
	store_rollback(p->s);
	assert_int_equal(store_begin(p->s), 0);
	assert_int_equal(store_put_fact(p->s, "a", "lost on close"), 0);
	reopen(p);
	assert_fact(p, "a", "kept");
}

static void only_within_a_transaction(void **state)
{
	struct place *p = *state;

	assert_int_equal(store_put_fact(p->s, "a", "1"), -EINVAL);
	assert_int_equal(store_commit(p->s), -EINVAL);
	assert_int_equal(store_begin(p->s), 0);
	assert_int_equal(store_begin(p->s), -EINVAL);
	assert_int_equal(store_put_fact(p->s, "a", "1"), 0);
	assert_int_equal(store_commit(p->s), 0);
	assert_fact(p, "a", "1");
}

static void private(void **state)
{
	struct place *p = *state;
	struct stat st;

	assert_int_equal(stat(state_folder(p), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	DO(p, store_put_fact(p->s, "a", "1"));
	assert_int_equal(stat(scratch_path(p->folder, DATABASE), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(scratch_path(p->folder, DATABASE "-wal"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(scratch_path(p->folder, DATABASE "-shm"), &st), -1);
	close_store(p);
	/* The log went into the database. */
	assert_int_equal(stat(scratch_path(p->folder, DATABASE "-wal"), &st), -1);
	assert_int_equal(chmod(scratch_path(p->folder, DATABASE), 0644), 0);
	reopen(p);
	assert_int_equal(stat(scratch_path(p->folder, DATABASE), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void one_at_a_time(void **state)
{
	struct place *p = *state;
	struct store *other = NULL;
	struct error err;
	char words[64];

	assert_int_equal(store_open(&other, state_folder(p), &err), -EBUSY);
	assert_null(other);
	snprintf(words, sizeof(words), "another pimagefs (process %ld)", (long)getpid());
	assert_non_null(strstr(err.message, words));
	assert_non_null(strstr(err.message, state_folder(p)));
	close_store(p);
	/* What an earlier holder left in the file does not matter. */
	scratch_write(p->folder, "state/lock", "12345678901234567890123456789012345", 35);
	assert_int_equal(store_open(&p->s, state_folder(p), &err), 0);
	assert_int_equal(store_open(&other, state_folder(p), &err), -EBUSY);
	assert_non_null(strstr(err.message, words));
}

static void locked_by_a_stranger(void **state)
{
	struct place *p = *state;
	struct error err;
	sqlite3 *db;

	close_store(p);
	assert_int_equal(sqlite3_open(scratch_path(p->folder, DATABASE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_open(&p->s, state_folder(p), &err), -EBUSY);
	assert_non_null(strstr(err.message, "another program"));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(store_open(&p->s, state_folder(p), &err), 0);
}

static void made_by_a_newer_one(void **state)
{
	struct place *p = *state;
	struct error err;

	close_store(p);
	sql(p, "PRAGMA user_version = 99");
	assert_int_equal(store_open(&p->s, state_folder(p), &err), -EPROTO);
	assert_null(p->s);
	assert_non_null(strstr(err.message, "newer"));
	sql(p, "PRAGMA user_version = 1");
	assert_int_equal(store_open(&p->s, state_folder(p), &err), 0);
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

	close_store(p);
	memset(text, 'x', sizeof(text));
	scratch_write(p->folder, DATABASE, text, sizeof(text));
	assert_int_equal(store_open(&p->s, state_folder(p), &err), -EUCLEAN);
	assert_non_null(strstr(err.message, "damaged"));
	assert_true(*err.hint);
	/* Nothing of it is held any more. */
	assert_int_equal(unlink(scratch_path(p->folder, DATABASE)), 0);
	assert_int_equal(store_open(&p->s, state_folder(p), &err), 0);
}

/* A process that ends without a word: its locks fall, "open" stays, and what was committed is
 * there. */
static void killed(void **state)
{
	struct place *p = *state;
	pid_t child;
	int status;

	close_store(p);
	child = fork();
	if (!child) {
		struct store *s;

		if (store_open(&s, state_folder(p), NULL) || store_begin(s) ||
		    store_put_fact(s, "a", "committed") || store_commit(s) || store_begin(s) ||
		    store_put_fact(s, "a", "not committed"))
			_exit(1);
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(store_open(&p->s, state_folder(p), NULL), 0);
	assert_fact(p, "a", "committed");
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

static void checked_after_a_crash(void **state)
{
	struct place *p = *state;
	struct error err;
	char *text = malloc(100000);

	assert_non_null(text);
	memset(text, 'x', 100000);
	put_file(p, 1, "fox", text, 100000);
	free(text);
	close_store(p);
	spoil_a_page(p);
	/* Not looked for after a clean end: it would cost a whole reading each time. */
	assert_int_equal(store_open(&p->s, state_folder(p), &err), 0);
	close_store(p);
	sql(p, "INSERT INTO fact VALUES ('open', '1')");
	assert_int_equal(store_open(&p->s, state_folder(p), &err), -EUCLEAN);
	assert_null(p->s);
	assert_non_null(strstr(err.message, "damaged"));
	sql(p, "DELETE FROM fact WHERE name = 'open'");
	assert_int_equal(store_open(&p->s, state_folder(p), &err), 0);
}

/* The writes of SQLite fail from the n-th on. */
static int writes_left = -1, write_errno;
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

static ssize_t failing_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
	if (writes_left >= 0 && writes_left-- == 0) {
		writes_left = 0;
		errno = write_errno;
		return -1;
	}
	return real_pwrite(fd, bytes, size, offset);
}

static void set_pwrite(sqlite3_syscall_ptr fn)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	if (vfs->xSetSystemCall(vfs, "pwrite64", fn) != SQLITE_OK)
		assert_int_equal(vfs->xSetSystemCall(vfs, "pwrite", fn), SQLITE_OK);
}

static void watch_pwrite(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	sqlite3_syscall_ptr real = vfs->xGetSystemCall(vfs, "pwrite64");

	if (!real)
		real = vfs->xGetSystemCall(vfs, "pwrite");
	assert_non_null(real);
	memcpy(&real_pwrite, &real, sizeof(real_pwrite));
	set_pwrite((sqlite3_syscall_ptr)failing_pwrite);
}

static int put_large_file(struct place *p, const char *text, size_t size)
{
	struct store_file file = { .number = 1, .path = "fox", .text = text, .size = size };
	int r = store_begin(p->s);

	if (!r)
		r = store_put_file(p->s, &file);
	if (!r)
		r = store_put_fact(p->s, "large", "yes");
	return r ? r : store_commit(p->s);
}

static int count_file(const struct store_file *file, void *data)
{
	assert_int_equal(file->size, 5000000);
	++*(int *)data;
	return 0;
}

/* So large that SQLite writes part of it before the commit: so the failure comes at different
 * places. */
static void failing_writes(void **state, int number, int expected)
{
	struct place *p = *state;
	const size_t size = 5000000;
	char *text = malloc(size);
	int failed = 0, files_there = 0, r;

	assert_non_null(text);
	memset(text, 'x', size);
	DO(p, store_put_fact(p->s, "a", "before"));
	watch_pwrite();
	write_errno = number;
	for (int n = 0;; n += 1 + n / 3) {
		writes_left = n;
		r = put_large_file(p, text, size);
		writes_left = -1;
		if (!r)
			break;
		failed++;
		assert_int_equal(r, expected);
		/* Nothing sneaks in before the rollback. */
		assert_int_equal(store_put_fact(p->s, "a", "sneaked in"), expected);
		assert_int_equal(store_commit(p->s), expected);
		store_rollback(p->s);
		assert_fact(p, "a", "before");
		assert_fact(p, "large", NULL);
		DO(p, store_put_fact(p->s, "works", "again"));
	}
	assert_true(failed > 5);
	reopen(p);
	set_pwrite(NULL);
	assert_fact(p, "large", "yes");
	assert_int_equal(store_each_file(p->s, count_file, &files_there), 0);
	assert_int_equal(files_there, 1);
	free(text);
}

static void full_disk(void **state)
{
	failing_writes(state, ENOSPC, -ENOSPC);
}

static void over_quota(void **state)
{
	failing_writes(state, EDQUOT, -ENOSPC);
}

static void broken_disk(void **state)
{
	failing_writes(state, EIO, -EIO);
}

static void opening_on_a_full_disk(void **state)
{
	struct place *p = *state;
	struct error err;

	close_store(p);
	watch_pwrite();
	write_errno = ENOSPC;
	for (int n = 0; n < 3; n++) {
		writes_left = n;
		assert_int_equal(store_open(&p->s, scratch_path(p->folder, "new"), &err), -ENOSPC);
		assert_null(p->s);
		assert_non_null(strstr(err.message, "No space left"));
	}
	writes_left = -1;
	set_pwrite(NULL);
	assert_int_equal(store_open(&p->s, scratch_path(p->folder, "new"), &err), 0);
	DO(p, store_put_fact(p->s, "a", "1"));
}

/* The same tables without their constraints, as a damaged or mended database might have them. */
static const char loose_tables[] =
	"DROP TABLE job; DROP TABLE file; DROP TABLE folder; DROP TABLE create_sent; DROP TABLE fact;"
	"CREATE TABLE job (number INTEGER PRIMARY KEY, id, state, current, dismissed,"
	" prediction_over, prompt, input, seed, prediction_id, link, created_ms, submitted_ms,"
	" completed_ms, attempts, polls, predict_time_s, cost_usd, picture_path, picture_mime,"
	" picture_width, picture_height, picture_bytes, sha256, error_class, error_http_status,"
	" error_message, error_details, error_request_id, error_hint);"
	"CREATE TABLE file (number INTEGER PRIMARY KEY, path, mode, mtime_ns, text, xattrs, job,"
	" unsent);"
	"CREATE TABLE folder (path, mode, mtime_ns);"
	"CREATE TABLE create_sent (wall_ms);"
	"CREATE TABLE fact (name, value);";

static void loosen(struct place *p, const char *rows)
{
	char path[SCRATCH_PATH + 8];

	snprintf(path, sizeof(path), "%s/log", p->folder);
	assert_int_equal(log_open(path, LOG_LEVEL_WARN), 0);
	close_store(p);
	sql(p, loose_tables);
	sql(p, rows);
	assert_int_equal(store_open(&p->s, state_folder(p), NULL), 0);
}

static void assert_logged(struct place *p, const char *words)
{
	struct buf b = BUF_INIT;

	assert_int_equal(log_open("stderr", LOG_LEVEL_INFO), 0);
	assert_int_equal(scratch_read(p->folder, "log", &b), 0);
	assert_non_null(strstr(buf_text(&b), words));
	buf_release(&b);
}

static void job_rows_without_sense(void **state)
{
	struct place *p = *state;

	loosen(p, "INSERT INTO job (number) VALUES (1);"
		  "INSERT INTO job (number, id) VALUES (2, 'fox');"
		  "INSERT INTO job (number, id, state) VALUES (3, 'fox', 'sleeping');"
		  "INSERT INTO job (number, state) VALUES (4, 'ready');"
		  "INSERT INTO job (number, id, state) VALUES (5, '', 'ready');"
		  "INSERT INTO job (number, id, state) VALUES (6, CAST(X'66ff' AS TEXT), 'ready');"
		  "INSERT INTO job (number, id, state) VALUES (7, X'666f78', 'ready');"
		  "INSERT INTO job (number, id, state) VALUES (8, 'fox', 3);");
	assert_int_equal(count_jobs(p), 0);
	assert_logged(p, "job 8 ");
}

static void job_columns_of_nulls(void **state)
{
	struct place *p = *state;
	struct job *job;

	loosen(p, "INSERT INTO job (number, id, state) VALUES (1, 'fox', 'ready')");
	job = load_one(p);
	assert_int_equal(job->state, JOB_READY);
	assert_true(!job->current && !job->prompt && !job->picture_path && !job->error);
	assert_true(!job->has_seed && job->predict_time_s < 0 && job->cost_usd < 0);
	assert_int_equal(job->created_ms, 0);
	job_free(job);
	assert_int_equal(log_open("stderr", LOG_LEVEL_INFO), 0);
}

static void job_columns_without_sense(void **state)
{
	struct place *p = *state;
	struct job *job;

	loosen(p,
	       "INSERT INTO job VALUES (1, 'fox', 'failed', 'x', X'00', 2.5,"
	       " CAST(X'ff' AS TEXT), X'7b7d', 'seed', 12, 'a' || CHAR(0) || 'b', -5, 'x', 1e300,"
	       " -1, 99999999999, 'fast', -3, 5, 'text/html', -1, 99999999999, 'many', 'abc',"
	       " 'service', 'five', NULL, 7, CAST(X'80' AS TEXT), 'hint');"
	       "INSERT INTO job (number, id, state, error_class) VALUES (2, 'b', 'held', 'odd')");
	DO(p, store_delete_job(p->s, 2));
	job = load_one(p);
	assert_true(!job->prompt && !job->input && !job->prediction_id && !job->link);
	assert_true(!job->has_seed && job->predict_time_s < 0 && job->cost_usd < 0);
	assert_true(job->created_ms == 0 && job->submitted_ms == 0 && job->completed_ms >= 0);
	assert_true(job->attempts == 0 && job->polls == UINT32_MAX);
	assert_true(!job->picture_path && job->picture.kind == PICTURE_NONE);
	assert_true(job->picture.width == 0 && job->picture.height == UINT32_MAX);
	assert_string_equal(job->sha256, "");
	assert_int_equal(job->error->class, ERROR_SERVICE);
	assert_string_equal(job->error->message, "");
	assert_string_equal(job->error->hint, "hint");
	job_free(job);
	assert_int_equal(log_open("stderr", LOG_LEVEL_INFO), 0);
}

static int count_any_file(const struct store_file *file, void *data)
{
	assert_true(file->text && file->xattrs && *file->path);
	++*(int *)data;
	return 0;
}

static void other_rows_without_sense(void **state)
{
	struct place *p = *state;
	struct buf b = BUF_INIT;
	int n = 0;

	loosen(p, "INSERT INTO file (number) VALUES (1);"
		  "INSERT INTO file (number, path) VALUES (2, 'fox');"
		  "INSERT INTO file VALUES (3, '', 'x', 'x', 1, 2.5, 'x', X'ff');"
		  "INSERT INTO file VALUES (4, 'dog', 'x', 'x', 1, 2.5, 'x', X'ff');"
		  "INSERT INTO folder VALUES (NULL, NULL, NULL), ('cats', 'x', X'ff');"
		  "INSERT INTO create_sent VALUES (NULL), ('x');"
		  "INSERT INTO fact VALUES (NULL, 'x'), ('a', NULL), ('b', X'ff'), ('c', 'good')");
	assert_int_equal(store_each_file(p->s, count_any_file, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(store_each_folder(p->s, list_folder, &b), 0);
	assert_string_equal(buf_text(&b), "cats 0 0\n");
	assert_int_equal(store_each_create(p->s, list_create, &b), 0);
	buf_release(&b);
	assert_fact(p, "a", NULL);
	assert_fact(p, "b", NULL);
	assert_fact(p, "c", "good");
	assert_logged(p, "file 3 ");
}

static void no_memory(void **state)
{
	struct place *p = *state;
	struct job *job = full_job();
	struct store *s = NULL;
	unsigned failed = 1;

	DO(p, store_put_job(p->s, job));
	for (unsigned n = 0; failed; n++) {
		struct jobs jobs = { 0 };
		int r;

		oom_fail_after(n);
		r = store_each_job(p->s, collect_job, &jobs);
		failed = oom_off();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		assert_int_equal(jobs.n, failed ? 0 : 1);
		free_jobs(&jobs);
	}
	oom_fail_after(0);
	assert_int_equal(store_open(&s, scratch_path(p->folder, "other"), NULL), -ENOMEM);
	assert_true(oom_off() > 0);
	job_free(job);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole_job),
		TEST(bare_job),
		TEST(each_state),
		TEST(changed_and_deleted),
		TEST(reading_ends_early),
		TEST(files),
		TEST(files_swap_names),
		TEST(folders),
		TEST(creates),
		TEST(facts),
		TEST(rollback),
		TEST(only_within_a_transaction),
		TEST(private),
		TEST(one_at_a_time),
		TEST(locked_by_a_stranger),
		TEST(made_by_a_newer_one),
		TEST(cannot_open),
		TEST(no_database),
		TEST(killed),
		TEST(checked_after_a_crash),
		TEST(full_disk),
		TEST(over_quota),
		TEST(broken_disk),
		TEST(opening_on_a_full_disk),
		TEST(job_rows_without_sense),
		TEST(job_columns_of_nulls),
		TEST(job_columns_without_sense),
		TEST(other_rows_without_sense),
		TEST(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
