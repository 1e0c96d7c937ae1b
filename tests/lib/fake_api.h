/* fake_api: the service's endpoints as a list of calls that a test answers one by one. Nothing
 * happens by itself, so no time passes. */
#ifndef TESTS_FAKE_API_H
#define TESTS_FAKE_API_H

#include "pimagefs/list.h"
#include "pimagefs/service.h"
#include "sim_world.h"

enum fake_kind { FAKE_CREATE, FAKE_POLL, FAKE_CANCEL, FAKE_DOWNLOAD, FAKE_KINDS };

struct fake_api {
	struct list calls;            /* in flight, as they came */
	unsigned sent[FAKE_KINDS];    /* all that ever started */
	unsigned stopped[FAKE_KINDS]; /* ended by us, SERVICE_CLOSED */
	struct sim_world *sim;        /* NULL, or whose work is done with each download */
	int refuse;                   /* an errno that the next calls return instead of starting */
};

extern const struct service_ops fake_ops; /* self is a struct fake_api */

void fake_init(struct fake_api *f);
unsigned fake_in_flight(const struct fake_api *f, enum fake_kind kind);
/* What the oldest of a kind asks for: the create's {"model":...,"input":...},
 * the prediction id, the link; or NULL. */
const char *fake_text(const struct fake_api *f, enum fake_kind kind);

/* Each answers the oldest of its kind, which must be there. */
void fake_answer(struct fake_api *f, enum fake_kind kind, const struct service_answer *answer);
/* An answer of this verdict, with an error of the class that goes with it. */
struct service_answer fake_verdict(enum service_verdict verdict);
void fake_say(struct fake_api *f, enum fake_kind kind, enum service_verdict verdict);
void fake_accept(struct fake_api *f, const char *prediction_id);
/* The poll's success: 2 s of work, 0.01 USD. */
void fake_done(struct fake_api *f, const char *link);
/* Bytes to the download's sink; then that it is done, or that the sink failed. */
void fake_deliver(struct fake_api *f, const void *bytes, size_t size);

#endif
