/*
 * store_open: one SQLite database in one folder, held by one process.
 *
 * Happy path: make and lock the folder, open the database in WAL mode, check it (all of it is about
 * to be read anyway), bring its schema up to date.
 *
 * Failures: each is told in words; whatever was taken is given back. A damaged database is put
 * aside by who asks for that, while the lock is held (store_aside.c).
 *
 * On close: an open transaction is rolled back, SQLite empties its log into the database, and the
 * lock falls last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pimagefs/folder.h"
#include "pimagefs/models.h"
#include "store_internal.h"

#define LOCK_FILE "lock"

/* Each brings the schema from version i to i + 1. What was released is never changed. */
static const char *const migrations[] = {
	"CREATE TABLE job ("
	" number INTEGER PRIMARY KEY, queue_order INTEGER NOT NULL, id TEXT NOT NULL,"
	" state TEXT NOT NULL,"
	" current INTEGER NOT NULL, dismissed INTEGER NOT NULL, prediction_over INTEGER NOT NULL,"
	" prompt TEXT, input TEXT, seed INTEGER, prediction_id TEXT, link TEXT,"
	" created_ms INTEGER NOT NULL, submitted_ms INTEGER NOT NULL,"
	" completed_ms INTEGER NOT NULL,"
	" attempts INTEGER NOT NULL, polls INTEGER NOT NULL, predict_time_s REAL, cost_usd REAL,"
	" picture_path TEXT, picture_mime TEXT, picture_width INTEGER, picture_height INTEGER,"
	" picture_bytes INTEGER, sha256 TEXT,"
	" error_class TEXT, error_http_status INTEGER, error_message TEXT, error_details TEXT,"
	" error_request_id TEXT, error_hint TEXT);"
	"CREATE TABLE file ("
	" number INTEGER PRIMARY KEY, path TEXT NOT NULL, mode INTEGER NOT NULL,"
	" mtime_ns INTEGER NOT NULL, text BLOB NOT NULL, xattrs BLOB NOT NULL,"
	" job INTEGER NOT NULL, unsent INTEGER NOT NULL);"
	"CREATE TABLE folder ("
	" path TEXT PRIMARY KEY, mode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE create_sent (wall_ms INTEGER NOT NULL);"
	"CREATE INDEX create_sent_wall_ms ON create_sent (wall_ms);"
	"CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;",

	"ALTER TABLE job ADD COLUMN unanswered INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN unanswered_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN reused_from TEXT;",

	/* Its jobs are of the only model there was. */
	"ALTER TABLE job ADD COLUMN cancel_owed INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE file ADD COLUMN unconfirmed INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN model TEXT DEFAULT '" MODELS_FIRST "';",

	/* What was a sentence is the name of an advice. */
	"UPDATE job SET error_hint = CASE"
	" WHEN error_hint LIKE 'nothing to do: it is tried again%' THEN 'wait'"
	" WHEN error_hint LIKE 'nothing to do: it waits in the queue%' THEN 'queued'"
	" WHEN error_hint LIKE 'the service says that trying again may help%' THEN 'retry-may-help'"
	" WHEN error_hint LIKE 'it may have been made and billed%' THEN 'retry-uncertain'"
	" WHEN error_hint LIKE 'it may run and be billed%' THEN 'retry-uncertain'"
	" WHEN error_hint LIKE 'to send it (it may have been made%' THEN 'retry-uncertain'"
	" WHEN error_hint LIKE 'see your predictions at%' THEN 'look-first'"
	" WHEN error_hint LIKE 'it is paid for; to go on with it%' THEN 'go-on'"
	" WHEN error_hint LIKE 'it is paid for; to download it again%' THEN 'download-again'"
	" WHEN error_hint LIKE 'to ask for a new picture%' THEN 'new-picture'"
	" WHEN error_hint LIKE 'to ask again%' THEN 'retry'"
	" WHEN error_hint LIKE 'to ask for it anew%' THEN 'retry'"
	" WHEN error_hint LIKE 'to send it as it is%' THEN 'send'"
	" WHEN error_hint LIKE 'correct the request%' THEN 'correct'"
	" WHEN error_hint LIKE 'shorten the prompt%' THEN 'shorten'"
	" WHEN error_hint LIKE 'change the prompt%' THEN 'change'"
	" WHEN error_hint LIKE 'put a valid key into%' THEN 'key'"
	" WHEN error_hint LIKE 'add balance at%' THEN 'pay'"
	" WHEN error_hint LIKE 'it is sent after midnight%' THEN 'budget'"
	" WHEN error_hint LIKE 'check [model] slug%' THEN 'model'"
	" WHEN error_hint LIKE 'sign in to the network%' THEN 'sign-in'"
	" WHEN error_hint LIKE 'put user and password into%' THEN 'proxy'"
	" WHEN error_hint LIKE 'if your network signs certificates%' THEN 'certificate'"
	" WHEN error_hint LIKE 'if it is larger than%' THEN 'larger'"
	" WHEN error_hint LIKE 'links must be https%' THEN 'link'"
	" WHEN error_hint LIKE 'see that the library%' THEN 'room'"
	" WHEN error_hint LIKE 'it is downloaded when there is room%' THEN 'room-again'"
	" END WHERE error_hint IS NOT NULL;",

	"ALTER TABLE job ADD COLUMN spent INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN spent_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN spent_cost INTEGER NOT NULL DEFAULT 0;",

	"ALTER TABLE job ADD COLUMN tags TEXT;"
	"ALTER TABLE job ADD COLUMN comment TEXT;"
	"ALTER TABLE job ADD COLUMN rating INTEGER;"
	"ALTER TABLE job ADD COLUMN sidecar_old INTEGER NOT NULL DEFAULT 0;",

	"ALTER TABLE job ADD COLUMN of_file INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN part INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN line TEXT;"
	"ALTER TABLE job ADD COLUMN origins TEXT;",

	"ALTER TABLE job ADD COLUMN own_seed INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN made_anew INTEGER NOT NULL DEFAULT 0;",
};

#define VERSION ((int)(sizeof(migrations) / sizeof(*migrations)))

/* locking_mode comes first: so WAL needs no shared memory file, which not every filesystem can map.
 * secure_delete, because a request may hold a token. */
static const char pragmas[] = "PRAGMA locking_mode = EXCLUSIVE;"
			      "PRAGMA journal_mode = WAL;"
			      "PRAGMA synchronous = FULL;"
			      "PRAGMA foreign_keys = OFF;"
			      "PRAGMA secure_delete = ON;"
			      "PRAGMA journal_size_limit = 16777216;";

static int say(struct error *err, int r, const char *folder)
{
	const char *what;

	switch (r) {
	case -EBUSY:
		what = "another program has its database open";
		break;
	case -EPROTO:
		what = "its database was made by a newer pimagefs";
		break;
	default:
		what = strerror(-r);
	}
	if (r == -EUCLEAN)
		error_set(err, ERROR_INVALID,
			  "cannot use the state folder %s: its database is damaged; "
			  "move %s/" STORE_DATABASE " away to start with an empty one",
			  folder, folder);
	else
		error_set(err, ERROR_INVALID, "cannot use the state folder %s: %s", folder, what);
	return r;
}

static int say_locked(struct error *err, int lock_fd, const char *folder)
{
	char pid[24];
	ssize_t n = pread(lock_fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	error_set(
		err, ERROR_INVALID,
		"another pimagefs (process %s) uses the state folder %s; a second mount beside it "
		"has a name, and by that its own settings, library and state: "
		"pimagefs --name NAME MOUNTPOINT",
		*pid ? pid : "unknown", folder);
	return -EBUSY;
}

static int take_lock(struct store *s, int folder_fd, const char *folder, struct error *err)
{
	s->lock_fd = openat(folder_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return say(err, -errno, folder);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? say_locked(err, s->lock_fd, folder)
					    : say(err, -errno, folder);
	if (ftruncate(s->lock_fd, 0) < 0 || dprintf(s->lock_fd, "%ld\n", (long)getpid()) < 0)
		return say(err, -errno, folder);
	return 0;
}

void store_note_mount(struct store *s, const char *device, const char *mountpoint)
{
	/* Without it who finds the folder held waits a little longer before it says so. */
	if (dprintf(s->lock_fd, "%s %s\n", device, mountpoint) < 0)
		return;
}

void store_read_mount(const char *folder, char noted[STORE_MOUNT])
{
	char *path, text[STORE_MOUNT];
	FILE *f = NULL;

	*noted = '\0';
	if (asprintf(&path, "%s/" LOCK_FILE, folder) < 0)
		return;
	f = fopen(path, "re");
	free(path);
	if (f && fgets(text, sizeof(text), f) && fgets(text, sizeof(text), f))
		snprintf(noted, STORE_MOUNT, "%.*s", (int)strcspn(text, "\n"), text);
	if (f)
		fclose(f);
}

/* SQLite gives its log the mode of the database, so it is enough to have this one right. */
static int make_private(int folder_fd)
{
	int fd = openat(folder_fd, STORE_DATABASE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || ((st.st_mode & 077) && fchmod(fd, 0600) < 0))
		r = -errno;
	close(fd);
	return r;
}

static int execute(struct store *s, const char *sql)
{
	return store_errno(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

int store_open_database(struct store *s, const char *folder, const char *name, const char *settings)
{
	char *path;
	int r;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	/* No mutex: one thread owns everything. */
	r = store_errno(s, sqlite3_open_v2(path, &s->db,
					   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, s->vfs));
	free(path);
	if (!r && !s->db)
		r = -ENOMEM;
	if (!r)
		r = store_errno(s, sqlite3_busy_timeout(s->db, 0));
	return r ? r : execute(s, settings);
}

void store_close_database(struct store *s)
{
	for (size_t i = 0; i < STORE_STATEMENTS; i++) {
		sqlite3_finalize(s->statements[i]);
		s->statements[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

/* The first column of the first row. */
static int query_int(struct store *s, const char *sql, int *out)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? -EUCLEAN : store_errno(s, rc);
}

static int migrate_one(struct store *s, int from)
{
	char version[48];
	int r = execute(s, "BEGIN IMMEDIATE");

	if (r)
		return r;
	snprintf(version, sizeof(version), "PRAGMA user_version = %d; COMMIT", from + 1);
	r = execute(s, migrations[from]);
	if (!r)
		r = execute(s, version);
	if (r)
		store_rollback(s);
	return r;
}

int store_migrate(struct store *s)
{
	int version = 0;
	int r = query_int(s, "PRAGMA user_version", &version);

	if (!r && (version > VERSION || version < 0))
		return -EPROTO;
	for (; !r && version < VERSION; version++)
		r = migrate_one(s, version);
	return r;
}

static int check(struct store *s)
{
	int whole = 0;
	int r = query_int(s, "SELECT quick_check = 'ok' FROM pragma_quick_check(1)", &whole);

	return !r && !whole ? -EUCLEAN : r;
}

static int open_locked(struct store *s, int folder_fd, const char *folder)
{
	int r = make_private(folder_fd);

	if (!r)
		r = store_open_database(s, folder, STORE_DATABASE, pragmas);
	if (!r)
		r = check(s);
	if (!r)
		r = store_settle_log(s, folder);
	if (!r)
		r = store_migrate(s);
	return r ? r : store_prepare(s);
}

/* Its log must stay what it is: the evidence is in it. */
static void let_be(struct store *s)
{
	if (s->db)
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	store_close_database(s);
}

static int open_all(struct store *s, const char *folder, char **aside, struct error *err)
{
	int folder_fd = folder_make(folder, 0700);
	int r;

	if (folder_fd < 0)
		return say(err, folder_fd, folder);
	r = take_lock(s, folder_fd, folder, err);
	if (r)
		goto out;
	r = open_locked(s, folder_fd, folder);
	if (r == -EUCLEAN) {
		let_be(s);
		if (aside)
			r = store_set_aside(folder_fd, aside);
		if (!r)
			r = open_locked(s, folder_fd, folder);
	}
	if (r)
		say(err, r, folder);
out:
	close(folder_fd);
	return r;
}

static void release(struct store *s)
{
	store_close_database(s);
	if (s->lock_fd >= 0) {
		/* A child that was forked meanwhile may still hold the same descriptor. */
		flock(s->lock_fd, LOCK_UN);
		close(s->lock_fd);
	}
	free(s);
}

static int open_store(struct store **out, const char *folder, const char *vfs, char **aside,
		      struct error *err)
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->lock_fd = -1;
	s->vfs = vfs;
	r = open_all(s, folder, aside, err);
	if (r)
		release(s);
	else
		*out = s;
	return r;
}

int store_open(struct store **out, const char *folder, const char *vfs, struct error *err)
{
	return open_store(out, folder, vfs, NULL, err);
}

int store_open_mended(struct store **out, const char *folder, const char *vfs, char **aside,
		      struct error *err)
{
	*aside = NULL;
	return open_store(out, folder, vfs, aside, err);
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_rollback(s);
	release(s);
}
