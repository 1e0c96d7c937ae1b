/* demo: an each::labs-shaped service on a loopback port, so that everything works with no account
 * and no network. It runs in a process of its own (forked before the mount, so that drawing never
 * stalls the folder), without threads. No model makes its pictures, and it says so in each. */
#ifndef PIMAGEFS_DEMO_H
#define PIMAGEFS_DEMO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pimagefs/error.h"

struct demo {
	pid_t pid;
	int pipe; /* while it is open, the service runs; its end of file ends it (also after a kill
		     -9 of ours) */
	char base_url[64]; /* "http://127.0.0.1:PORT/v1" */
};

/* folder: where predictions in progress are kept, so that a restart finds them. 0 or a negative
 * errno with err. */
int demo_start(struct demo *d, const char *folder, struct error *err);
/* Ends the process and waits for it. */
void demo_stop(struct demo *d);

#endif
