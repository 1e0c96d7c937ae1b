/* parses: how often our own code has read JSON text. Linked with -Wl,--wrap=json_loadb. */
#ifndef TESTS_PARSES_H
#define TESTS_PARSES_H

/* Since the last call. */
unsigned parses_taken(void);

#endif
