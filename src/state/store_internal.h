/* What the files of the store share: statements, and binding and reading by column. */
#ifndef PIMAGEFS_STORE_INTERNAL_H
#define PIMAGEFS_STORE_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pimagefs/buf.h"
#include "pimagefs/store.h"

#define STORE_DATABASE "pimagefs.db"

enum store_statement {
	STORE_BEGIN,
	STORE_COMMIT,
	STORE_ROLLBACK,
	STORE_PUT_JOB,
	STORE_DELETE_JOB,
	STORE_EACH_JOB,
	STORE_LAST_JOB,
	STORE_PUT_FILE,
	STORE_DELETE_FILE,
	STORE_EACH_FILE,
	STORE_LAST_FILE,
	STORE_PUT_FOLDER,
	STORE_DELETE_FOLDER,
	STORE_EACH_FOLDER,
	STORE_ADD_CREATE,
	STORE_PRUNE_CREATES,
	STORE_EACH_CREATE,
	STORE_PUT_FACT,
	STORE_DELETE_FACT,
	STORE_EACH_FACT,
	STORE_STATEMENTS
};

struct store {
	sqlite3 *db;
	const char *vfs;                            /* while it is opened */
	sqlite3_stmt *statements[STORE_STATEMENTS]; /* prepared at the latest when used */
	int lock_fd;
	bool in_transaction; /* as the caller sees it: SQLite may have ended it on a failure */
	int failure;         /* of the running transaction: nothing more may happen in it */
	bool commit_failed;  /* ... and it may lie in the log as a whole */
};

/* A statement whose columns are bound one after the other; the first failure sticks. */
struct store_bind {
	struct store *store;
	sqlite3_stmt *statement;
	int column;
	int r;
};

/* Open FOLDER/NAME, which exists, with these pragmas. */
int store_open_database(struct store *s, const char *folder, const char *name,
			const char *settings);
/* While the database is open for us alone: its log is on the disk as it is read, or -EIO. */
int store_settle_log(const struct store *s, const char *folder);
/* Bring its schema up to date. -EPROTO: a newer one's. */
int store_migrate(struct store *s);
void store_close_database(struct store *s);
/* Rename the closed database in this folder and its log: store_open_mended. *aside is its new name,
 * the caller's. */
int store_set_aside(int folder_fd, char **aside);
/* SQLite's result as a negative errno. */
int store_errno(struct store *s, int rc);

/* Prepare all statements: -EUCLEAN if the tables are not ours. */
int store_prepare(struct store *s);
/* Begin to bind a writing statement. */
struct store_bind store_write(struct store *s, enum store_statement which);
void store_bind_int(struct store_bind *b, int64_t value);
void store_bind_real(struct store_bind *b, double value);
void store_bind_null(struct store_bind *b);
/* NULL binds NULL. Borrowed until store_run. */
void store_bind_text(struct store_bind *b, const char *text);
/* Never NULL: no bytes are an empty blob. */
void store_bind_blob(struct store_bind *b, const void *bytes, size_t size);
/* Run a writing statement and make it ready for the next time. */
int store_run(struct store_bind *b);

/* Call row for each row of a reading statement until it returns non-zero, and return that. */
int store_each_row(struct store *s, enum store_statement which,
		   int (*row)(sqlite3_stmt *st, void *data), void *data);
/* The same for a statement that takes the first and the last number. */
int store_each_between(struct store *s, enum store_statement which, int64_t from, int64_t to,
		       int (*row)(sqlite3_stmt *st, void *data), void *data);
/* store_job.c: the texts of STORE_PUT_JOB and STORE_EACH_JOB. 0 or -ENOMEM. */
int store_job_put_sql(struct buf *sql);
int store_job_each_sql(struct buf *sql);
/* store_each_job and store_each_file for the rows numbered from..to. */
int store_some_jobs(struct store *s, int64_t from, int64_t to, int (*fn)(struct job *, void *),
		    void *data);
int store_some_files(struct store *s, int64_t from, int64_t to,
		     int (*fn)(const struct store_file *, void *), void *data);
/* Whole characters without a NUL inside, or NULL: what else stands there is no text. *r becomes
 * -ENOMEM if that is why. */
const char *store_text(sqlite3_stmt *st, int column, int *r);

#endif
