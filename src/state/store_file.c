/*
 * store_file: the files and folders of requests/, the creates of the rate window, and small facts.
 *
 * Happy path: a put replaces the whole row; reading lends each row's bytes to the caller.
 *
 * Failures: a row without a path is left alone and logged. Deleting what is not there is no error.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/log.h"
#include "store_internal.h"

int store_put_file(struct store *s, const struct store_file *file)
{
	struct store_bind b = store_write(s, STORE_PUT_FILE);

	store_bind_int(&b, (int64_t)file->number);
	store_bind_text(&b, file->path);
	store_bind_int(&b, file->mode);
	store_bind_int(&b, file->mtime_ns);
	store_bind_blob(&b, file->text, file->size);
	store_bind_blob(&b, file->xattrs, file->xattrs_size);
	store_bind_int(&b, (int64_t)file->job);
	store_bind_int(&b, file->unsent);
	store_bind_int(&b, file->unconfirmed);
	return store_run(&b);
}

int store_delete_file(struct store *s, uint64_t number)
{
	struct store_bind b = store_write(s, STORE_DELETE_FILE);

	store_bind_int(&b, (int64_t)number);
	return store_run(&b);
}

int store_put_folder(struct store *s, const struct store_folder *folder)
{
	struct store_bind b = store_write(s, STORE_PUT_FOLDER);

	store_bind_text(&b, folder->path);
	store_bind_int(&b, folder->mode);
	store_bind_int(&b, folder->mtime_ns);
	return store_run(&b);
}

int store_delete_folder(struct store *s, const char *path)
{
	struct store_bind b = store_write(s, STORE_DELETE_FOLDER);

	store_bind_text(&b, path);
	return store_run(&b);
}

int store_add_create(struct store *s, int64_t wall_ms)
{
	struct store_bind b = store_write(s, STORE_ADD_CREATE);

	store_bind_int(&b, wall_ms);
	return store_run(&b);
}

int store_prune_creates(struct store *s, int64_t before_ms)
{
	struct store_bind b = store_write(s, STORE_PRUNE_CREATES);

	store_bind_int(&b, before_ms);
	return store_run(&b);
}

int store_put_fact(struct store *s, const char *name, const char *value)
{
	struct store_bind b = store_write(s, value ? STORE_PUT_FACT : STORE_DELETE_FACT);

	store_bind_text(&b, name);
	if (value)
		store_bind_text(&b, value);
	return store_run(&b);
}

/* Not NULL but for want of memory; an empty blob has no address. */
static const void *get_blob(sqlite3_stmt *st, int column, size_t *size)
{
	const void *bytes = sqlite3_column_blob(st, column);

	*size = (size_t)sqlite3_column_bytes(st, column);
	return bytes || *size ? bytes : "";
}

struct each {
	int (*file)(const struct store_file *, void *);
	int (*folder)(const struct store_folder *, void *);
	int (*create)(int64_t, void *);
	void *data;
};

static int each_file(sqlite3_stmt *st, void *data)
{
	const struct each *each = data;
	int r = 0;
	struct store_file file = {
		.number = (uint64_t)sqlite3_column_int64(st, 0),
		.path = store_text(st, 1, &r),
		.mode = (unsigned)sqlite3_column_int(st, 2) & 07777,
		.mtime_ns = sqlite3_column_int64(st, 3),
		.job = (uint64_t)sqlite3_column_int64(st, 6),
		.unsent = sqlite3_column_int(st, 7),
		.unconfirmed = sqlite3_column_int(st, 8),
	};

	file.text = get_blob(st, 4, &file.size);
	file.xattrs = get_blob(st, 5, &file.xattrs_size);
	if (r || !file.text || !file.xattrs)
		return -ENOMEM;
	if (file.path && *file.path)
		return each->file(&file, each->data);
	log_warn("file %lld of the state database is left out: it has no path",
		 (long long)file.number);
	return 0;
}

int store_some_files(struct store *s, int64_t from, int64_t to,
		     int (*fn)(const struct store_file *, void *), void *data)
{
	struct each each = { .file = fn, .data = data };

	return store_each_between(s, STORE_EACH_FILE, from, to, each_file, &each);
}

int store_each_file(struct store *s, int (*fn)(const struct store_file *, void *), void *data)
{
	return store_some_files(s, INT64_MIN, INT64_MAX, fn, data);
}

static int each_folder(sqlite3_stmt *st, void *data)
{
	const struct each *each = data;
	int r = 0;
	struct store_folder folder = {
		.path = store_text(st, 0, &r),
		.mode = (unsigned)sqlite3_column_int(st, 1) & 07777,
		.mtime_ns = sqlite3_column_int64(st, 2),
	};

	if (folder.path && *folder.path)
		return each->folder(&folder, each->data);
	if (!r)
		log_warn("a folder of the state database is left out: it has no path");
	return r;
}

int store_each_folder(struct store *s, int (*fn)(const struct store_folder *, void *), void *data)
{
	struct each each = { .folder = fn, .data = data };

	return store_each_row(s, STORE_EACH_FOLDER, each_folder, &each);
}

static int each_create(sqlite3_stmt *st, void *data)
{
	const struct each *each = data;

	return each->create(sqlite3_column_int64(st, 0), each->data);
}

int store_each_create(struct store *s, int (*fn)(int64_t, void *), void *data)
{
	struct each each = { .create = fn, .data = data };

	return store_each_row(s, STORE_EACH_CREATE, each_create, &each);
}

struct fact {
	const char *name;
	char *value;
};

static int find_fact(sqlite3_stmt *st, void *data)
{
	struct fact *fact = data;
	int r = 0;
	const char *name = store_text(st, 0, &r), *value = store_text(st, 1, &r);

	if (r || !name || !value || strcmp(name, fact->name) != 0)
		return r;
	fact->value = strdup(value);
	return fact->value ? 0 : -ENOMEM;
}

int store_get_fact(struct store *s, const char *name, char **value)
{
	struct fact fact = { name, NULL };
	int r = store_each_row(s, STORE_EACH_FACT, find_fact, &fact);

	if (r) {
		free(fact.value);
		return r;
	}
	if (!fact.value)
		return -ENOENT;
	*value = fact.value;
	return 0;
}
