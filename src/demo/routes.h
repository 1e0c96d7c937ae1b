/* routes: what the demo service answers to a call; knows no socket. Only src/demo. */
#ifndef PIMAGEFS_DEMO_ROUTES_H
#define PIMAGEFS_DEMO_ROUTES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "predictions.h"

struct call {
	const char *method, *path; /* the path without a query */
	bool authorised;           /* some key was given */
	const char *body;
	size_t body_size;
	int64_t now_ms; /* since 1970 */
};

struct answer {
	unsigned status;
	json_t *json; /* the caller's, to be released; NULL when there is a picture or no memory */
	const struct buf *picture; /* stays with the prediction */
	const char *allow;         /* for 405 */
	int retry_after_s;         /* for 429; 0: not said */
};

/* port: what the links to pictures name. */
void routes_answer(struct predictions *p, int port, const struct call *call, struct answer *a);
/* The service's form of an error. */
void answer_error(struct answer *a, unsigned status, const char *message, const char *details);

#endif
