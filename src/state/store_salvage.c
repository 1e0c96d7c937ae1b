/*
 * store_salvage: reading a damaged database row by row.
 *
 * Happy path: its files are copied, so that SQLite may play its log back without changing them. A
 * table is read from its first number to the last; where a page stops that, the reading goes on
 * behind the last good row, and halves what is left until it finds rows again.
 *
 * Failures: blocks of the disk that cannot be read become zeros in the copy. What SQLite calls
 * damaged is left out, after TRIES attempts all the rest. No room for the copy is an error.
 *
 * On close: the copy is removed; one that a crash left is overwritten by the next.
 */
#include "pimagefs/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pimagefs/disk.h"
#include "pimagefs/folder.h"
#include "store_aside.h"
#include "store_internal.h"

#define COPY "pimagefs.db.salvage"
#define BLOCK 4096
#define TRIES 20000
#define MOST_ROWS (1 << 24) /* looked for where even the last number cannot be read */

/* The first lets SQLite read the tables that it still finds where the schema has a broken entry. */
static const char pragmas[] = "PRAGMA writable_schema = ON;"
			      "PRAGMA locking_mode = EXCLUSIVE;"
			      "PRAGMA synchronous = OFF;";

struct salvage {
	struct store store; /* without a lock: the folder's owner calls */
	int folder_fd;
	char *name;
	int tries;
};

/* --- the copy --- */

static int copy_blocks(int from, int to)
{
	char block[BLOCK];
	struct stat st;
	int r = fstat(from, &st) < 0 ? -errno : 0;

	for (off_t at = 0; !r && at < st.st_size; at += BLOCK) {
		memset(block, 0, BLOCK);
		(void)!pread(from, block, BLOCK, at);
		r = disk_write_all(&disk_real, to, block, BLOCK);
	}
	return !r && ftruncate(to, st.st_size) < 0 ? -errno : r;
}

static int copy_file(int folder_fd, const char *from_name, const char *to_name)
{
	int from = openat(folder_fd, from_name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC), to;
	int r;

	if (from < 0)
		return -errno;
	to = openat(folder_fd, to_name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	r = to < 0 ? -errno : copy_blocks(from, to);
	if (to >= 0)
		close(to);
	close(from);
	return r;
}

static void remove_copy(int folder_fd)
{
	unlinkat(folder_fd, COPY, 0);
	unlinkat(folder_fd, COPY "-wal", 0);
	unlinkat(folder_fd, COPY "-shm", 0);
}

static int copy_database(const struct salvage *s)
{
	char *from;
	int r;

	remove_copy(s->folder_fd);
	r = copy_file(s->folder_fd, s->name, COPY);
	if (r)
		return r;
	if (asprintf(&from, "%s-wal", s->name) < 0)
		return -ENOMEM;
	r = copy_file(s->folder_fd, from, COPY "-wal");
	free(from);
	return r == -ENOENT ? 0 : r;
}

static int open_copy(struct salvage *s, const char *folder)
{
	int r = store_find_aside(s->folder_fd, &s->name);

	if (!r)
		r = copy_database(s);
	if (!r)
		r = store_open_database(&s->store, folder, COPY, pragmas);
	if (!r)
		r = store_migrate(&s->store);
	/* Then less of it can be read, or nothing. */
	return r == -EUCLEAN && s->store.db ? 0 : r;
}

static void say(struct error *err, const char *folder, const char *name, int r)
{
	error_set(err, ERROR_INVALID,
		  "cannot copy the damaged database %s/%s to read it: %s; "
		  "to start without what is in it, move it to another folder",
		  folder, name ? name : "", strerror(-r));
}

int salvage_open(struct salvage **out, const char *folder, struct error *err)
{
	struct salvage *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->store.lock_fd = -1;
	s->folder_fd = folder_make(folder, 0700);
	r = s->folder_fd < 0 ? s->folder_fd : open_copy(s, folder);
	if (r < 0) {
		if (r != -ENOENT)
			say(err, folder, s->name, r);
		salvage_close(s);
		return r;
	}
	*out = s;
	return 0;
}

void salvage_close(struct salvage *s)
{
	if (!s)
		return;
	store_close_database(&s->store);
	if (s->folder_fd >= 0) {
		remove_copy(s->folder_fd);
		close(s->folder_fd);
	}
	free(s->name);
	free(s);
}

const char *salvage_name(const struct salvage *s)
{
	return s->name;
}

/* --- rows --- */

/* One table being read: the one whose function is there. */
struct reading {
	struct salvage *salvage;
	int (*job)(struct job *, void *);
	int (*file)(const struct store_file *, void *);
	void *data;
	int64_t last; /* the number that came last */
	int failed;   /* what the caller's function returned */
};

static int on_job(struct job *job, void *data)
{
	struct reading *reading = data;

	reading->last = (int64_t)job->number;
	return reading->failed = reading->job(job, reading->data);
}

static int on_file(const struct store_file *file, void *data)
{
	struct reading *reading = data;

	reading->last = (int64_t)file->number;
	return reading->failed = reading->file(file, reading->data);
}

static int some(struct reading *reading, int64_t from, int64_t to)
{
	struct store *s = &reading->salvage->store;

	return reading->job ? store_some_jobs(s, from, to, on_job, reading)
			    : store_some_files(s, from, to, on_file, reading);
}

static int read_between(struct reading *reading, int64_t from, int64_t to)
{
	while (from <= to && reading->salvage->tries-- > 0) {
		int64_t middle = from + (to - from) / 2;
		int r;

		reading->last = from - 1;
		r = some(reading, from, to);
		if (!r || reading->failed || r == -ENOMEM)
			return r;
		if (reading->last >= to)
			return 0;
		if (reading->last >= from) {
			from = reading->last + 1;
			continue;
		}
		if (from == to)
			return 0;
		r = read_between(reading, from, middle);
		if (r)
			return r;
		from = middle + 1;
	}
	return 0;
}

static int keep_number(sqlite3_stmt *st, void *data)
{
	*(int64_t *)data = sqlite3_column_int64(st, 0);
	return 0;
}

static int64_t last_number(struct store *s, enum store_statement which)
{
	int64_t last = MOST_ROWS;

	return store_each_row(s, which, keep_number, &last) ? MOST_ROWS : last;
}

static int read_table(struct reading *reading, enum store_statement last)
{
	reading->salvage->tries = TRIES;
	return read_between(reading, 0, last_number(&reading->salvage->store, last));
}

int salvage_each_job(struct salvage *s, int (*fn)(struct job *, void *), void *data)
{
	struct reading reading = { .salvage = s, .job = fn, .data = data };

	return read_table(&reading, STORE_LAST_JOB);
}

int salvage_each_file(struct salvage *s, int (*fn)(const struct store_file *, void *), void *data)
{
	struct reading reading = { .salvage = s, .file = fn, .data = data };

	return read_table(&reading, STORE_LAST_FILE);
}

/* Damage is no failure here; what the caller's function said is. */
static int forgive(int r)
{
	return r == -EUCLEAN || r == -EIO ? 0 : r;
}

int salvage_each_folder(struct salvage *s, int (*fn)(const struct store_folder *, void *),
			void *data)
{
	return forgive(store_each_folder(&s->store, fn, data));
}

int salvage_each_create(struct salvage *s, int (*fn)(int64_t, void *), void *data)
{
	return forgive(store_each_create(&s->store, fn, data));
}

int salvage_get_fact(struct salvage *s, const char *name, char **value)
{
	int r = store_get_fact(&s->store, name, value);

	return r == -ENOMEM ? r : r ? -ENOENT : 0;
}
