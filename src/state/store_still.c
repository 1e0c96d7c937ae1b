/*
 * store_still: looking at a database without touching it.
 *
 * Happy path: SQLite is told that the file never changes, so it takes no lock, writes no log and
 * makes no file beside it.
 *
 * Failures: a log that is not empty holds what is newer than the database, so it is told and
 * nothing is read. A schema of another version shows when a statement is prepared.
 *
 * On close: as any store's (store_close).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store_internal.h"

static int is_closed(const char *folder)
{
	struct stat st;
	char *path;
	int r;

	if (asprintf(&path, "%s/" STORE_DATABASE "-wal", folder) < 0)
		return -ENOMEM;
	r = stat(path, &st) == 0 && st.st_size > 0 ? -EBUSY : 0;
	if (r == 0) {
		path[strlen(path) - strlen("-wal")] = '\0';
		r = stat(path, &st) < 0 ? -errno : 0;
	}
	free(path);
	return r;
}

/* As a URI, in which some bytes mean something. */
static int write_uri(struct buf *out, const char *folder)
{
	int r = buf_puts(out, "file:");

	for (; r == 0 && *folder; folder++)
		r = strchr("%?#", *folder) ? buf_printf(out, "%%%02X", *folder)
					   : buf_append(out, folder, 1);
	return r ? r : buf_puts(out, "/" STORE_DATABASE "?immutable=1");
}

static int open_uri(struct store *s, const char *uri)
{
	int r = store_errno(s, sqlite3_open_v2(uri, &s->db,
					       SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
						       SQLITE_OPEN_URI,
					       NULL));

	return !r && !s->db ? -ENOMEM : r;
}

int store_open_still(struct store **out, const char *folder)
{
	struct store *s = calloc(1, sizeof(*s));
	struct buf uri = BUF_INIT;
	int r = s ? is_closed(folder) : -ENOMEM;

	if (s)
		s->lock_fd = -1;
	if (r == 0)
		r = write_uri(&uri, folder);
	if (r == 0)
		r = open_uri(s, buf_text(&uri));
	buf_release(&uri);
	if (r == 0) {
		*out = s;
		return 0;
	}
	if (s)
		sqlite3_close(s->db);
	free(s);
	return r;
}
