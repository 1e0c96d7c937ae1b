/* store: what must survive, in SQLite; all SQL is here. Floor 2.
 * Every put and delete happens between store_begin and store_commit; nothing is durable before
 * commit returned 0. */
#ifndef PIMAGEFS_STORE_H
#define PIMAGEFS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pimagefs/error.h"
#include "pimagefs/job.h"

struct store;

/* A file of requests/. Pointers are borrowed for the call. */
struct store_file {
	uint64_t number;  /* the key; never used again */
	const char *path; /* below requests/ */
	unsigned mode;
	int64_t mtime_ns;
	const char *text;
	size_t size;
	const void *xattrs;
	size_t xattrs_size;
	uint64_t job;     /* whose text this is; 0: none */
	bool unsent;      /* has text that was flushed and never submitted */
	bool unconfirmed; /* has text that no FLUSH confirmed */
};

struct store_folder {
	const char *path;
	unsigned mode;
	int64_t mtime_ns;
};

/* Opens (or makes, 0600) FOLDER/pimagefs.db in WAL mode with synchronous=FULL and brings its schema
 * up to date. 0; -EBUSY (another pimagefs holds the folder: an flock on FOLDER/lock, kept until
 * store_close), -EIO/-ENOSPC/-EROFS/-EACCES, -EUCLEAN (damaged), -EPROTO (made by a newer
 * pimagefs); err says it in words. Makes the folder (0700) if need be.
 * vfs names the VFS of SQLite under the database; NULL: its own. */
int store_open(struct store **out, const char *folder, const char *vfs, struct error *err);
/* As store_open, but a damaged database is renamed to pimagefs.db.damaged-YYYYMMDDTHHMMSSZ in the
 * same folder (with its log; nothing is ever overwritten) and a new one made. *aside is then its
 * name, the caller's, else NULL. */
int store_open_mended(struct store **out, const char *folder, const char *vfs, char **aside,
		      struct error *err);
/* To look at the database of a folder and leave no trace: for reading only, without its log and
 * without a lock. 0, -ENOENT (there is none), -EBUSY (it is open, or was not closed: the newest of
 * it is still in its log), -EUCLEAN, or what opening gave. */
int store_open_still(struct store **out, const char *folder);
void store_close(struct store *s);
/* Note beside our lock what our mount is, for who finds the folder held. */
void store_note_mount(struct store *s, const char *device, const char *mountpoint);
/* What who holds the folder's lock, or held it last, has noted, with a space between; "" for
 * nothing. */
#define STORE_MOUNT 4128 /* bytes */
void store_read_mount(const char *folder, char noted[STORE_MOUNT]);

/* Each 0 or a negative errno (-ENOSPC, -EIO, -EROFS, -ENOMEM). After a failure: store_rollback. */
int store_begin(struct store *s);
int store_commit(struct store *s);
void store_rollback(struct store *s);

int store_put_job(struct store *s, const struct job *job);
int store_delete_job(struct store *s, uint64_t number);
int store_put_file(struct store *s, const struct store_file *file);
int store_delete_file(struct store *s, uint64_t number);
int store_put_folder(struct store *s, const struct store_folder *folder);
int store_delete_folder(struct store *s, const char *path);
/* A create was sent at this moment. Prune forgets those before. */
int store_add_create(struct store *s, int64_t wall_ms);
int store_prune_creates(struct store *s, int64_t before_ms);
/* Small facts by name ("paused"). value NULL deletes. */
int store_put_fact(struct store *s, const char *name, const char *value);

/* Reading, at start. fn returns 0 to go on; anything else ends it and is returned. Rows come in
 * order of number, path or time. */
int store_each_folder(struct store *s, int (*fn)(const struct store_folder *, void *), void *data);
int store_each_file(struct store *s, int (*fn)(const struct store_file *, void *), void *data);
/* The job is a new one that fn owns (its running part zero, its lists initialised). */
int store_each_job(struct store *s, int (*fn)(struct job *, void *), void *data);
int store_each_create(struct store *s, int (*fn)(int64_t wall_ms, void *), void *data);
/* 0 and a text the caller frees, or -ENOENT. */
int store_get_fact(struct store *s, const char *name, char **value);

#endif
