/* server: the demo's HTTP face on a loopback port. Only src/demo. */
#ifndef PIMAGEFS_DEMO_SERVER_H
#define PIMAGEFS_DEMO_SERVER_H

struct server;

/* Listens on 127.0.0.1, a port of the kernel's choice. 0 or a negative errno. */
int server_new(struct server **out, const char *folder);
int server_port(const struct server *s);
/* Serves until this descriptor is readable or its other end is closed. 0 or a negative errno. */
int server_run(struct server *s, int until);
/* Ends all connections at once. Takes NULL. */
void server_free(struct server *s);

#endif
