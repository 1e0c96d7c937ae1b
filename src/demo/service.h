/* service: the demo's HTTP face on a loopback port, on the caller's loop. Only src/demo. */
#ifndef PIMAGEFS_DEMO_SERVICE_H
#define PIMAGEFS_DEMO_SERVICE_H

#include <uv.h>

struct service;

/* Listens on 127.0.0.1, a port of the kernel's choice. 0 or a negative errno. */
int service_new(struct service **out, uv_loop_t *loop, const char *folder);
int service_port(const struct service *s);
/* Ends all connections at once; the memory goes when the loop has closed the handles. Takes NULL.
 */
void service_close(struct service *s);

#endif
