/*
 * The files under SQLite, in memory, as the kernel keeps them: what was written is seen at once,
 * and lasts when it was synced.
 *
 * Happy path: a write changes the bytes that are seen and is remembered; a sync makes what is
 * remembered last, and the file's name with it.
 *
 * Failures: writes, syncs and the rest fail once or for a while (EIO, ENOSPC, EROFS); a write that
 * fails may have written a part. At a power cut each write that was not synced survives wholly, in
 * some of its sectors, or not at all.
 *
 * The store opens the database with an exclusive lock, so that its log needs no shared memory.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/rng.h"
#include "sim.h"

#define FILES 6
#define SECTOR 512

/* A write, or (bytes NULL) a truncation to `at`. */
struct unsynced {
	struct unsynced *next;
	size_t at, size;
	char bytes[];
};

struct file {
	char name[24]; /* of the path its end; "" free */
	bool seen, kept_name;
	struct buf data, kept;
	struct unsynced *first, **last;
};

struct files {
	struct sim *sim;
	struct file at[FILES];
	uint64_t chance;
	int last_errno;
};

/* What SQLite has of an open file. */
struct handle {
	sqlite3_file base;
	struct file *file;
};

static struct files *now; /* SQLite knows no more than a name */

bool plug(struct sim *s)
{
	if (s->dead)
		return true;
	if (s->plug_in && --s->plug_in == 0) {
		s->dead = true;
		tell(s, "=== the plug is pulled in the middle of a disk operation");
	}
	return s->dead;
}

static struct file *file_of(sqlite3_file *f)
{
	return ((struct handle *)f)->file;
}

/* --- what is not synced --- */

static void remember(struct file *f, size_t at, const void *bytes, size_t size)
{
	struct unsynced *u = malloc(sizeof(*u) + size);

	u->next = NULL;
	u->at = at;
	u->size = size;
	if (size)
		memcpy(u->bytes, bytes, size);
	*f->last = u;
	f->last = &u->next;
}

static void reset(struct file *f)
{
	for (struct unsynced *u = f->first, *next; u; u = next) {
		next = u->next;
		free(u);
	}
	f->first = NULL;
	f->last = &f->first;
}

static void persist(struct file *f, const struct unsynced *u)
{
	if (u->size)
		buf_write_at(&f->kept, u->bytes, u->size, u->at);
	else if (u->at < f->kept.size)
		buf_resize(&f->kept, u->at);
}

static void persist_all(struct file *f)
{
	for (struct unsynced *u = f->first; u; u = u->next)
		persist(f, u);
	reset(f);
}

/* --- faults --- */

static int fails(int otherwise)
{
	struct sim *s = now->sim;

	if (plug(s)) {
		now->last_errno = EIO;
		return otherwise;
	}
	now->last_errno = 0;
	if (fault(s, FAULT_STATE_RO))
		now->last_errno = EROFS;
	else if (fault(s, FAULT_STATE_FULL))
		now->last_errno = ENOSPC;
	else if (fault(s, FAULT_STATE_IO))
		now->last_errno = EIO;
	return now->last_errno ? otherwise : SQLITE_OK;
}

/* --- a file's methods --- */

static int f_close(sqlite3_file *f)
{
	(void)f;
	return SQLITE_OK;
}

static int f_read(sqlite3_file *f, void *bytes, int size, sqlite3_int64 at)
{
	const struct buf *data = &file_of(f)->data;
	size_t have = (size_t)at < data->size ? data->size - (size_t)at : 0;

	if (now->sim->dead)
		return SQLITE_IOERR_READ;
	if (have > (size_t)size)
		have = (size_t)size;
	if (have)
		memcpy(bytes, data->data + at, have);
	if (have == (size_t)size)
		return SQLITE_OK;
	memset((char *)bytes + have, 0, (size_t)size - have);
	return SQLITE_IOERR_SHORT_READ;
}

static int f_write(sqlite3_file *f, const void *bytes, int size, sqlite3_int64 at)
{
	struct file *file = file_of(f);
	int r = fails(SQLITE_IOERR_WRITE);
	size_t done = (size_t)size;

	if (r != SQLITE_OK)
		done = now->sim->dead ? 0 : chance_below(&now->chance, (uint64_t)size);
	if (done) {
		buf_write_at(&file->data, bytes, done, (size_t)at);
		remember(file, (size_t)at, bytes, done);
	}
	return r != SQLITE_OK && now->last_errno == ENOSPC ? SQLITE_FULL : r;
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct file *file = file_of(f);
	int r = fails(SQLITE_IOERR_TRUNCATE);

	if (r == SQLITE_OK && (size_t)size < file->data.size) {
		buf_resize(&file->data, (size_t)size);
		remember(file, (size_t)size, NULL, 0);
	}
	return r;
}

/* As SQLite's own does at the first sync of a new log. */
static void sync_names(void)
{
	for (int i = 0; i < FILES; i++) {
		struct file *file = &now->at[i];

		file->kept_name = file->seen;
		if (!file->seen)
			buf_release(&file->kept);
	}
}

/* A log that lost what a sync refused is mended at the next start, but not by a disk that is full
 * or read-only on top of that: the program starts there all the same. */
static bool may_lose(const struct sim *s)
{
	return now->last_errno == EIO && !options_has(&s->o, FAULT_STATE_FULL) &&
	       !options_has(&s->o, FAULT_STATE_RO);
}

static int f_sync(sqlite3_file *f, int flags)
{
	struct file *file = file_of(f);
	int r = fails(SQLITE_IOERR_FSYNC);

	(void)flags;
	if (r == SQLITE_OK) {
		persist_all(file);
		if (!file->kept_name)
			sync_names();
	} else if (!now->sim->dead && may_lose(now->sim) &&
		   strcmp(file->name, "pimagefs.db-wal") == 0 && chance_of(&now->chance, 300)) {
		reset(file); /* it never comes to the disk, and the next sync does not tell */
	}
	return r;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)file_of(f)->data.size;
	return now->sim->dead ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static int f_lock(sqlite3_file *f, int level)
{
	(void)f;
	(void)level;
	return SQLITE_OK;
}

static int f_reserved(sqlite3_file *f, int *out)
{
	(void)f;
	*out = 0;
	return SQLITE_OK;
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
	(void)f;
	if (op != SQLITE_FCNTL_LAST_ERRNO)
		return SQLITE_NOTFOUND;
	*(int *)arg = now->last_errno;
	return SQLITE_OK;
}

static int f_sector(sqlite3_file *f)
{
	(void)f;
	return SECTOR;
}

static int f_characteristics(sqlite3_file *f)
{
	(void)f;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const struct sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = f_close,
	.xRead = f_read,
	.xWrite = f_write,
	.xTruncate = f_truncate,
	.xSync = f_sync,
	.xFileSize = f_size,
	.xLock = f_lock,
	.xUnlock = f_lock,
	.xCheckReservedLock = f_reserved,
	.xFileControl = f_control,
	.xSectorSize = f_sector,
	.xDeviceCharacteristics = f_characteristics,
};

/* --- the folder's --- */

static struct file *find(const char *path, bool make)
{
	const char *slash = path ? strrchr(path, '/') : NULL, *name = slash ? slash + 1 : path;
	struct file *unused = NULL;

	if (!name)
		name = "temporary";
	for (int i = 0; i < FILES; i++) {
		if (strcmp(now->at[i].name, name) == 0)
			return &now->at[i];
		if (!now->at[i].name[0] && !unused)
			unused = &now->at[i];
	}
	if (make && unused)
		strncpy(unused->name, name, sizeof(unused->name) - 1);
	return make ? unused : NULL;
}

static int v_open(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *out_flags)
{
	struct handle *h = (struct handle *)f;
	/* The store makes an empty database file itself, on the real disk. */
	struct file *file = find(path, true);

	(void)v;
	h->base.pMethods = NULL;
	if (!file || now->sim->dead)
		return SQLITE_CANTOPEN;
	if (!file->seen && !(flags & (SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB)))
		return SQLITE_CANTOPEN;
	if (!file->seen && fails(SQLITE_CANTOPEN) != SQLITE_OK)
		return SQLITE_CANTOPEN;
	file->seen = true;
	if (flags & SQLITE_OPEN_MAIN_DB)
		file->kept_name = true;
	h->file = file;
	h->base.pMethods = &methods;
	if (out_flags)
		*out_flags = flags;
	return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *v, const char *path, int sync)
{
	struct file *file = find(path, false);
	int r = fails(SQLITE_IOERR_DELETE);

	(void)v;
	if (!file || !file->seen)
		return SQLITE_IOERR_DELETE_NOENT;
	if (r != SQLITE_OK)
		return r;
	file->seen = false;
	buf_release(&file->data);
	if (sync || chance_of(&now->chance, 500)) {
		file->kept_name = false;
		reset(file);
		buf_release(&file->kept);
	} else { /* it may come back as it was */
		reset(file);
	}
	return SQLITE_OK;
}

static int v_access(sqlite3_vfs *v, const char *path, int flags, int *out)
{
	struct file *file = find(path, false);

	(void)v;
	(void)flags;
	*out = file && file->seen && (file->data.size || flags != SQLITE_ACCESS_EXISTS);
	return SQLITE_OK;
}

static int v_full_path(sqlite3_vfs *v, const char *path, int size, char *out)
{
	(void)v;
	sqlite3_snprintf(size, out, "%s", path);
	return SQLITE_OK;
}

static int v_randomness(sqlite3_vfs *v, int size, char *out)
{
	(void)v;
	for (int i = 0; i < size; i++)
		out[i] = now ? (char)rng_next(&now->chance) : (char)i;
	return size;
}

static int v_sleep(sqlite3_vfs *v, int us)
{
	(void)v;
	return us;
}

static int v_time(sqlite3_vfs *v, sqlite3_int64 *out)
{
	(void)v;
	*out = (now ? now->sim->wall_ms : 0) + INT64_C(210866760000000);
	return SQLITE_OK;
}

static int v_last_error(sqlite3_vfs *v, int size, char *out)
{
	(void)v;
	(void)size;
	(void)out;
	return now->last_errno;
}

void vfs_register(void)
{
	static sqlite3_vfs vfs = {
		.iVersion = 2,
		.szOsFile = sizeof(struct handle),
		.mxPathname = 512,
		.zName = SIM_VFS,
		.xOpen = v_open,
		.xDelete = v_delete,
		.xAccess = v_access,
		.xFullPathname = v_full_path,
		.xRandomness = v_randomness,
		.xSleep = v_sleep,
		.xGetLastError = v_last_error,
		.xCurrentTimeInt64 = v_time,
	};

	sqlite3_vfs_register(&vfs, 0);
}

/* --- life --- */

struct files *files_new(struct sim *s)
{
	struct files *f = calloc(1, sizeof(*f));

	f->sim = s;
	f->chance = s->o.seed * 13 + 11;
	for (int i = 0; i < FILES; i++)
		f->at[i].last = &f->at[i].first;
	return f;
}

void files_use(struct files *f)
{
	now = f;
}

void files_free(struct files *f)
{
	for (int i = 0; i < FILES; i++) {
		reset(&f->at[i]);
		buf_release(&f->at[i].data);
		buf_release(&f->at[i].kept);
	}
	free(f);
}

void files_load(struct files *f, const struct buf *database)
{
	struct file *file = &f->at[0];

	strcpy(file->name, "pimagefs.db");
	file->seen = file->kept_name = true;
	buf_append(&file->data, database->data, database->size);
	buf_append(&file->kept, database->data, database->size);
}

void files_save(const struct files *f, struct buf *database)
{
	for (int i = 0; i < FILES; i++)
		if (strcmp(f->at[i].name, "pimagefs.db") == 0)
			buf_append(database, f->at[i].data.data, f->at[i].data.size);
}

static void crash_write(struct files *f, struct file *file, struct unsynced *u)
{
	if (!u->size) {
		persist(file, u);
		return;
	}
	for (size_t at = 0; at < u->size; at += SECTOR) {
		size_t size = u->size - at < SECTOR ? u->size - at : SECTOR;

		if (chance_of(&f->chance, 500))
			buf_write_at(&file->kept, u->bytes + at, size, u->at + at);
	}
}

void files_crash(struct files *f)
{
	uint64_t how = chance_below(&f->chance, 4);

	for (int i = 0; i < FILES; i++) {
		struct file *file = &f->at[i];

		for (struct unsynced *u = file->first; u; u = u->next) {
			uint64_t whole = chance_below(&f->chance, 3);

			if (how == 1 || (how > 1 && whole == 1))
				persist(file, u);
			else if (how > 1 && whole == 2)
				crash_write(f, file, u);
		}
		reset(file);
		buf_release(&file->data);
		if (file->name[0] && file->kept_name)
			buf_append(&file->data, file->kept.data, file->kept.size);
		else
			buf_release(&file->kept);
		file->seen = file->kept_name;
	}
}
