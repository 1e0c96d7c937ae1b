#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "pimagefs/error.h"

/* The command line. Texts point into argv or to heap that options_release frees. */
struct options {
	const char *file; /* -c */
	const char *name; /* --name */
	bool foreground, debug, demo, check_config, online, new_library, help, version;
	char *mountpoint;      /* absolute; NULL if none was given */
	const char **settings; /* -o section.key=value */
	size_t n_settings;
	const char **mount; /* any other -o */
	size_t n_mount;
	char **lists; /* the copies of the -o lists that the two point into */
	size_t n_lists;
};

/* 0 or -EINVAL with err. */
int options_parse(struct options *o, int argc, char **argv, struct error *err);
void options_release(struct options *o);
/* May others come in: is there an allow_other among the mount options, as libfuse reads them? */
bool options_are_shared(const struct options *o);
extern const char options_help[];

#endif
