/*
 * SQLite's log is written anew, byte for byte, before a start relies on it.
 *
 * Why: a sync that failed leaves its transaction in memory, whole to all who read, and the next
 * sync does not tell that it is not on the disk. Whatever is put behind it, or is taken from it
 * into the database, would be wrong after a power cut. What was written anew is on the disk after
 * the sync, or the start fails.
 *
 * Happy path: most starts find an empty log, for its program emptied it when it ended.
 *
 * Failures: -EIO. A full or read-only disk does no such thing, and is no reason not to start.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/buf.h"
#include "store_internal.h"

#define CHUNK 65536

static int write_anew(sqlite3_file *f, char *chunk)
{
	sqlite3_int64 size;
	int rc = f->pMethods->xFileSize(f, &size);

	for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < size; at += CHUNK) {
		int n = size - at < CHUNK ? (int)(size - at) : CHUNK;

		rc = f->pMethods->xRead(f, chunk, n, at);
		if (rc == SQLITE_OK)
			rc = f->pMethods->xWrite(f, chunk, n, at);
	}
	return rc == SQLITE_OK && size ? f->pMethods->xSync(f, SQLITE_SYNC_NORMAL) : rc;
}

/* A disk that is full or read-only is no fault of the log's. */
static int errno_of(sqlite3_file *f, int rc)
{
	int e = 0;

	f->pMethods->xFileControl(f, SQLITE_FCNTL_LAST_ERRNO, &e);
	if (rc == SQLITE_OK || (rc & 255) == SQLITE_FULL || e == ENOSPC || e == EDQUOT ||
	    e == EROFS)
		return 0;
	return (rc & 255) == SQLITE_NOMEM ? -ENOMEM : -EIO;
}

static int open_and_write(sqlite3_vfs *vfs, const char *path)
{
	sqlite3_file *f = calloc(1, (size_t)vfs->szOsFile);
	char *chunk = malloc(CHUNK);
	int there = 0, r = f && chunk ? 0 : -ENOMEM;

	if (r == 0 && vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &there) == SQLITE_OK && there)
		vfs->xOpen(vfs, path, f, SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL, NULL);
	/* What cannot be opened is SQLite's to tell. */
	if (r == 0 && f->pMethods) {
		r = errno_of(f, write_anew(f, chunk));
		f->pMethods->xClose(f);
	}
	free(chunk);
	free(f);
	return r;
}

int store_settle_log(const struct store *s, const char *folder)
{
	struct buf path = BUF_INIT;
	int r = buf_printf(&path, "%s/" STORE_DATABASE "-wal", folder);

	if (r == 0)
		r = buf_append(&path, "\0\0\0", 4); /* SQLite wants more NULs at a name's end */
	if (r == 0)
		r = open_and_write(sqlite3_vfs_find(s->vfs), path.data);
	buf_release(&path);
	return r;
}
