/*
 * map: tables from a text or a number to a pointer.
 *
 * An entry holds a copy of its key, whose bytes uthash hashes; a number is just a key of eight
 * bytes. uthash also links the entries in the order of insertion, which is the order of map_each.
 *
 * The only failure is -ENOMEM at a new key, and then the table is as before. map_free frees the
 * entries and leaves the values, which are the caller's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "pimagefs/map.h"

struct entry {
	UT_hash_handle hh;
	void *value;
	unsigned char key[];
};

struct map {
	struct entry *entries;
};

struct map *map_new(void)
{
	return calloc(1, sizeof(struct map));
}

void map_free(struct map *m)
{
	struct entry *next;

	if (!m)
		return;
	next = m->entries;
	HASH_CLEAR(hh, m->entries);
	while (next) {
		struct entry *e = next;

		next = e->hh.next;
		free(e);
	}
	free(m);
}

size_t map_count(const struct map *m)
{
	return HASH_COUNT(m->entries);
}

static struct entry *find(const struct map *m, const void *key, size_t size)
{
	struct entry *e = NULL;

	HASH_FIND(hh, m->entries, key, size, e);
	return e;
}

static int set(struct map *m, const void *key, size_t size, void *value)
{
	struct entry *e = find(m, key, size);

	if (e) {
		e->value = value;
		return 0;
	}
	e = calloc(1, sizeof(*e) + size);
	if (!e)
		return -ENOMEM;
	memcpy(e->key, key, size);
	e->value = value;
	HASH_ADD_KEYPTR(hh, m->entries, e->key, size, e);
	/* How uthash says that there was no memory for its table. */
	if (!e->hh.tbl) {
		free(e);
		return -ENOMEM;
	}
	return 0;
}

static void *get(const struct map *m, const void *key, size_t size)
{
	struct entry *e = find(m, key, size);

	return e ? e->value : NULL;
}

static void drop(struct map *m, struct entry *e)
{
	HASH_DELETE(hh, m->entries, e);
	free(e);
}

static void *take(struct map *m, const void *key, size_t size)
{
	struct entry *e = find(m, key, size);
	void *value = e ? e->value : NULL;

	if (e)
		drop(m, e);
	return value;
}

int map_set(struct map *m, const char *key, void *value)
{
	return set(m, key, strlen(key), value);
}

void *map_get(const struct map *m, const char *key)
{
	return get(m, key, strlen(key));
}

void *map_remove(struct map *m, const char *key)
{
	return take(m, key, strlen(key));
}

int map_set_u64(struct map *m, uint64_t key, void *value)
{
	return set(m, &key, sizeof(key), value);
}

void *map_get_u64(const struct map *m, uint64_t key)
{
	return get(m, &key, sizeof(key));
}

void *map_remove_u64(struct map *m, uint64_t key)
{
	return take(m, &key, sizeof(key));
}

int map_each(struct map *m, int (*fn)(void *value, void *data), void *data)
{
	struct entry *next;
	int r = 0;

	for (struct entry *e = m->entries; e && !r; e = next) {
		next = e->hh.next;
		r = fn(e->value, data);
	}
	return r;
}
