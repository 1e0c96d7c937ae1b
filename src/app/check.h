#ifndef CHECK_H
#define CHECK_H

#include "options.h"
#include "pimagefs/config.h"
#include "pimagefs/error.h"

#define CHECK_FINE 0
#define CHECK_WRONG 1
#define CHECK_UNKNOWN 3 /* the service gave no answer that tells of the key */

/* --check-config: look at everything that a mount with these settings would use, make and change
 * nothing, and say on standard output what was found and what was not checked, on standard error
 * what is wrong. The exit status. */
int check_config(const struct options *options, const struct settings *settings);

/* Ask the service for a prediction that cannot exist: that costs nothing, and needs the key. One of
 * the three above, with err unless it is fine. */
int check_key(const struct settings *settings, struct error *err);

#endif
