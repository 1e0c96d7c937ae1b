/* batch: which jobs a file asked for that asks for several. Floor 4. */
#ifndef PIMAGEFS_BATCH_H
#define PIMAGEFS_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "pimagefs/engine.h"

struct batch;

/* Empty. NULL when out of memory. */
struct batch *batch_new(void);
/* With the same jobs. NULL when out of memory. */
struct batch *batch_copy(const struct batch *b);
/* The jobs stay. Takes NULL. */
void batch_free(struct batch *b);
/* One more job, by its number, behind the others; from: the number of the file that it was of
 * before, or 0. 0 or -ENOMEM. */
int batch_add(struct batch *b, uint64_t number, uint64_t from);
/* Another job in the place of this one. */
void batch_replace(struct batch *b, uint64_t number, uint64_t other);
/* It is none of them any more. */
void batch_remove(struct batch *b, uint64_t number);
/* How many; with NULL 0. */
size_t batch_size(const struct batch *b);
/* Which job is number i of them, and of which file it was before. */
uint64_t batch_number(const struct batch *b, size_t i);
uint64_t batch_from(const struct batch *b, size_t i);
/* Number i of those of a file, or NULL: it is gone, or of another file by now. */
struct job *batch_job(const struct batch *b, size_t i, const struct engine *e, uint64_t file);

/* The id of number `part` of `all` that a request of this id asks for: "fox/01". The caller's; NULL
 * when out of memory. */
char *batch_id(const char *id, size_t part, size_t all);
/* The current job of the first one, or NULL. */
struct job *batch_first(const struct engine *e, const char *id);
/* What a set as a whole is called: as its job that is furthest from an end; of ended ones: ready,
 * unless one is held, failed or cancelled, in this order. */
enum job_state batch_state(const struct batch *b, const struct engine *e, uint64_t file);

#endif
