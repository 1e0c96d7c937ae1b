/* fields: members of a JSON object that tells of a job, where unknown means absent; for the sidecar
 * and status/. Floor 2. */
#ifndef PIMAGEFS_FIELDS_H
#define PIMAGEFS_FIELDS_H

#include <jansson.h>
#include <stdint.h>

struct job;

/* Takes the value; NULL adds nothing. */
void field_put(json_t *o, const char *key, json_t *value);
/* Neither NULL nor "". */
void field_text(json_t *o, const char *key, const char *text);
/* As RFC 3339; not 0. */
void field_time(json_t *o, const char *key, int64_t wall_ms);
/* Not negative. */
void field_known(json_t *o, const char *key, double value);
/* What the user says of it: tags (a list), comment and rating. */
void field_marks(json_t *o, const struct job *job);
/* Where it comes from, since when, what it took. */
void field_course(json_t *o, const struct job *job);

#endif
