/*
 * store: transactions, and every statement of the database by name.
 *
 * Happy path: store_begin, puts and deletes, store_commit, which returns when all of it is on the
 * disk. Statements are prepared once and kept.
 *
 * Failures: SQLite may end a transaction by itself (full disk, I/O error), and what follows in it
 * would then be committed row by row. So the first failure sticks: everything up to store_rollback
 * repeats it, and after that all works again. A commit whose sync failed is overwritten in SQLite's
 * log, so that no start finds what was answered with an error.
 *
 * On close: see store_open.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pimagefs/utf8.h"
#include "store_internal.h"

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): each text has its place */
/* Those of a job are made of its table of columns. */
static const char *const statement_texts[STORE_STATEMENTS] = {
	[STORE_BEGIN] = "BEGIN IMMEDIATE",
	[STORE_COMMIT] = "COMMIT",
	[STORE_ROLLBACK] = "ROLLBACK",
	[STORE_DELETE_JOB] = "DELETE FROM job WHERE number = ?",
	[STORE_LAST_JOB] = "SELECT max(number) FROM job",
	[STORE_PUT_FILE] =
		"REPLACE INTO file (number, path, mode, mtime_ns, text, xattrs, job, unsent,"
		" unconfirmed) VALUES (?,?,?,?,?,?,?,?,?)",
	[STORE_DELETE_FILE] = "DELETE FROM file WHERE number = ?",
	[STORE_EACH_FILE] = "SELECT number, path, mode, mtime_ns, text, xattrs, job, unsent,"
			    " unconfirmed FROM file WHERE number BETWEEN ? AND ? ORDER BY number",
	[STORE_LAST_FILE] = "SELECT max(number) FROM file",
	[STORE_PUT_FOLDER] = "REPLACE INTO folder (path, mode, mtime_ns) VALUES (?,?,?)",
	[STORE_DELETE_FOLDER] = "DELETE FROM folder WHERE path = ?",
	[STORE_EACH_FOLDER] = "SELECT path, mode, mtime_ns FROM folder ORDER BY path",
	[STORE_ADD_CREATE] = "INSERT INTO create_sent (wall_ms) VALUES (?)",
	[STORE_PRUNE_CREATES] = "DELETE FROM create_sent WHERE wall_ms < ?",
	[STORE_EACH_CREATE] = "SELECT wall_ms FROM create_sent ORDER BY wall_ms",
	[STORE_PUT_FACT] = "REPLACE INTO fact (name, value) VALUES (?,?)",
	[STORE_DELETE_FACT] = "DELETE FROM fact WHERE name = ?",
	[STORE_EACH_FACT] = "SELECT name, value FROM fact ORDER BY name",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

/* What the system said to the last call that failed on the log; 0: unknown. */
static int log_errno(struct store *s)
{
	sqlite3_file *file = NULL;
	int number = 0;

	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) == SQLITE_OK &&
	    file && file->pMethods)
		file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
	return number;
}

/* SQLite says no more than "I/O error" or "cannot open" where the system was precise. Its own
 * record of that is errno as other calls may have left it. */
static int system_errno(struct store *s, int otherwise)
{
	int number = s->db ? log_errno(s) : 0;

	if (s->db && !number)
		number = sqlite3_system_errno(s->db);
	switch (number) {
	case ENOSPC:
	case EDQUOT:
		return -ENOSPC;
	case EROFS:
		return -EROFS;
	case EACCES:
	case EPERM:
		return -EACCES;
	case ENOENT:
		return -ENOENT;
	default:
		return otherwise;
	}
}

int store_errno(struct store *s, int rc)
{
	switch (rc & 255) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* the statements are constant: so it is the tables that are not ours */
		return -EUCLEAN;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_TOOBIG:
		return -EFBIG;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
	case SQLITE_MISUSE:
		return -EINVAL;
	default:
		return system_errno(s, -EIO);
	}
}

static int prepare(struct store *s, enum store_statement which)
{
	struct buf made = BUF_INIT;
	const char *text = statement_texts[which];
	int r = 0;

	if (s->statements[which])
		return 0;
	if (!text) {
		r = which == STORE_PUT_JOB ? store_job_put_sql(&made) : store_job_each_sql(&made);
		text = buf_text(&made);
	}
	if (!r)
		r = store_errno(s, sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT,
						      &s->statements[which], NULL));
	buf_release(&made);
	return r;
}

int store_prepare(struct store *s)
{
	int r = 0;

	for (int i = 0; !r && i < STORE_STATEMENTS; i++)
		r = prepare(s, (enum store_statement)i);
	return r;
}

static void rewind_statement(sqlite3_stmt *st)
{
	sqlite3_reset(st);
	/* Also so that no pointer to a caller's text stays behind. */
	sqlite3_clear_bindings(st);
}

/* Run a statement that gives no rows. */
static int step_once(struct store *s, sqlite3_stmt *st)
{
	int r = store_errno(s, sqlite3_step(st));

	rewind_statement(st);
	return r;
}

static int run_plain(struct store *s, enum store_statement which)
{
	int r = prepare(s, which);

	return r ? r : step_once(s, s->statements[which]);
}

struct store_bind store_write(struct store *s, enum store_statement which)
{
	struct store_bind b = { .store = s, .r = s->failure };

	if (!b.r && !s->in_transaction)
		b.r = -EINVAL;
	if (!b.r)
		b.r = prepare(s, which);
	b.statement = s->statements[which];
	return b;
}

static void bound(struct store_bind *b, int rc)
{
	if (rc != SQLITE_OK)
		b->r = store_errno(b->store, rc);
}

void store_bind_int(struct store_bind *b, int64_t value)
{
	if (!b->r)
		bound(b, sqlite3_bind_int64(b->statement, ++b->column, value));
}

void store_bind_real(struct store_bind *b, double value)
{
	if (!b->r)
		bound(b, sqlite3_bind_double(b->statement, ++b->column, value));
}

void store_bind_null(struct store_bind *b)
{
	if (!b->r)
		bound(b, sqlite3_bind_null(b->statement, ++b->column));
}

void store_bind_text(struct store_bind *b, const char *text)
{
	if (!text)
		store_bind_null(b);
	else if (!b->r)
		bound(b, sqlite3_bind_text64(b->statement, ++b->column, text, strlen(text),
					     SQLITE_STATIC, SQLITE_UTF8));
}

void store_bind_blob(struct store_bind *b, const void *bytes, size_t size)
{
	if (!b->r)
		bound(b, sqlite3_bind_blob64(b->statement, ++b->column, size ? bytes : "", size,
					     SQLITE_STATIC));
}

int store_run(struct store_bind *b)
{
	struct store *s = b->store;
	int r = b->r ? b->r : step_once(s, b->statement);

	if (b->r && b->statement)
		rewind_statement(b->statement);
	if (r && s->in_transaction && !s->failure)
		s->failure = r;
	return r;
}

static int each_row(struct store *s, sqlite3_stmt *st, int (*row)(sqlite3_stmt *, void *),
		    void *data)
{
	int rc, r = 0;

	while (!r && (rc = sqlite3_step(st)) != SQLITE_DONE)
		r = rc == SQLITE_ROW ? row(st, data) : store_errno(s, rc);
	rewind_statement(st);
	return r;
}

int store_each_row(struct store *s, enum store_statement which, int (*row)(sqlite3_stmt *, void *),
		   void *data)
{
	int r = prepare(s, which);

	return r ? r : each_row(s, s->statements[which], row, data);
}

int store_each_between(struct store *s, enum store_statement which, int64_t from, int64_t to,
		       int (*row)(sqlite3_stmt *, void *), void *data)
{
	sqlite3_stmt *st;
	int r = prepare(s, which);

	if (r)
		return r;
	st = s->statements[which];
	r = store_errno(s, sqlite3_bind_int64(st, 1, from));
	if (!r)
		r = store_errno(s, sqlite3_bind_int64(st, 2, to));
	return r ? r : each_row(s, st, row, data);
}

const char *store_text(sqlite3_stmt *st, int column, int *r)
{
	const char *text;
	size_t size;

	if (sqlite3_column_type(st, column) != SQLITE_TEXT)
		return NULL;
	text = (const char *)sqlite3_column_text(st, column);
	if (!text) {
		*r = -ENOMEM;
		return NULL;
	}
	size = (size_t)sqlite3_column_bytes(st, column);
	return strlen(text) == size && utf8_valid(text, size) ? text : NULL;
}

/* What was removed can be written all the same, but no start finds it again. Not -ENOENT, which
 * `rm -f` takes for success. */
static int check_place(struct store *s)
{
	int gone = 0;

	sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &gone);
	return gone ? -EIO : 0;
}

int store_begin(struct store *s)
{
	int r = s->in_transaction ? -EINVAL : check_place(s);

	if (!r)
		r = run_plain(s, STORE_BEGIN);

	if (!r)
		s->in_transaction = true;
	return r;
}

int store_commit(struct store *s)
{
	int r = s->in_transaction ? s->failure : -EINVAL;

	if (r)
		return r;
	r = run_plain(s, STORE_COMMIT);
	s->commit_failed = r < 0;
	if (r)
		s->failure = r;
	else
		s->in_transaction = false;
	return r;
}

/* A commit whose sync failed lies in the log all the same, and the next start would find it there.
 * Another, which changes nothing, takes its place; it is written also where it cannot be synced. */
static void overwrite_failed(struct store *s)
{
	char text[64] = "";
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		snprintf(text, sizeof(text), "PRAGMA user_version = %d", sqlite3_column_int(st, 0));
	sqlite3_finalize(st);
	sqlite3_exec(s->db, text, NULL, NULL, NULL);
}

void store_rollback(struct store *s)
{
	if (!sqlite3_get_autocommit(s->db))
		run_plain(s, STORE_ROLLBACK);
	if (s->commit_failed)
		overwrite_failed(s);
	s->in_transaction = s->commit_failed = false;
	s->failure = 0;
}
