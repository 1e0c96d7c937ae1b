/* salvage: what can still be read of a database that was put aside. Floor 2; its SQL is store's. */
#ifndef PIMAGEFS_SALVAGE_H
#define PIMAGEFS_SALVAGE_H

#include <stdint.h>

#include "pimagefs/error.h"
#include "pimagefs/store.h"

struct salvage;

/* The newest one in FOLDER (store_open_mended) is copied there, and the copy opened: its files stay
 * as they are. 0, -ENOENT (there is none), or why it cannot be copied (-ENOSPC, ...), with err. */
int salvage_open(struct salvage **out, const char *folder, struct error *err);
/* Removes the copy. Takes NULL. */
void salvage_close(struct salvage *s);
/* Its name in FOLDER. */
const char *salvage_name(const struct salvage *s);
/* As store_each_*, each row on its own: what cannot be read is left out. 0, -ENOMEM, or what fn
 * returned. */
int salvage_each_job(struct salvage *s, int (*fn)(struct job *, void *), void *data);
int salvage_each_file(struct salvage *s, int (*fn)(const struct store_file *, void *), void *data);
int salvage_each_folder(struct salvage *s, int (*fn)(const struct store_folder *, void *),
			void *data);
int salvage_each_create(struct salvage *s, int (*fn)(int64_t wall_ms, void *), void *data);
/* As store_get_fact. */
int salvage_get_fact(struct salvage *s, const char *name, char **value);

#endif
