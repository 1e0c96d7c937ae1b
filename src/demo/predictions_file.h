/* predictions_file: one prediction as a small JSON file. Only predictions.c needs it. */
#ifndef PIMAGEFS_DEMO_PREDICTIONS_FILE_H
#define PIMAGEFS_DEMO_PREDICTIONS_FILE_H

#include "predictions.h"

void prediction_free(struct prediction *one);
/* Whole or not at all. 0 or a negative errno. */
int prediction_save(int folder, const struct prediction *one);
void prediction_unlink(int folder, const char *id);
/* Calls found with each prediction created after since_ms, in no order; it owns the record if it
 * answers 0, anything else ends the reading. Removes files of ours that are older or damaged. 0 or
 * a negative errno. */
int predictions_read(int folder, int64_t since_ms, int (*found)(struct prediction *one, void *data),
		     void *data);

#endif
