/* map: tables from a text or a number to a pointer; the one place that knows uthash. Floor 0.
 * Keys are copied; values belong to the caller. */
#ifndef PIMAGEFS_MAP_H
#define PIMAGEFS_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map;

/* NULL when out of memory. */
struct map *map_new(void);
/* Takes NULL; leaves the values alone. */
void map_free(struct map *m);
size_t map_count(const struct map *m);

/* Set replaces. 0 or -ENOMEM (then unchanged). value is not NULL. */
int map_set(struct map *m, const char *key, void *value);
void *map_get(const struct map *m, const char *key);
/* What was removed, or NULL. */
void *map_remove(struct map *m, const char *key);

/* The same with numbers for keys. Do not mix the two kinds in one map. */
int map_set_u64(struct map *m, uint64_t key, void *value);
void *map_get_u64(const struct map *m, uint64_t key);
void *map_remove_u64(struct map *m, uint64_t key);

/* Calls fn with each value, in the order of insertion, until it returns non-zero, and returns that.
 * fn may remove the value that it is called with. */
int map_each(struct map *m, int (*fn)(void *value, void *data), void *data);

#endif
