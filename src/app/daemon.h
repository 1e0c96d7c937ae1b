#ifndef DAEMON_H
#define DAEMON_H

#include <stdbool.h>

/* Into the background. The parent never returns: it exits with what the child tells it: 0 when the
 * mount is up. The child gets *ready_fd, to be given to daemon_ready. 0 or a negative errno. */
int daemon_begin(int *ready_fd);
/* The mount is up: the parent ends with 0; standard input, output and error go to /dev/null. */
void daemon_ready(int ready_fd);
/* Is there a terminal that controls this process? A terminal that hung up does no more. */
bool daemon_has_terminal(void);

#endif
