/* service: what a picture service can do behind a table of functions, so that tests plug a fake.
 * Floor 2. */
#ifndef PIMAGEFS_SERVICE_H
#define PIMAGEFS_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "pimagefs/config.h"
#include "pimagefs/error.h"
#include "pimagefs/http.h"

/* What an answer means for the job; which call may give it stands behind it. */
enum service_verdict {
	SERVICE_ACCEPTED, /* create: prediction_id is set */
	SERVICE_PENDING,  /* poll */
	SERVICE_DONE,   /* poll: link is set; download: all bytes went to the sink; cancel: taken */
	SERVICE_FAILED, /* poll: the prediction failed: error */
	SERVICE_ENDED,  /* poll: it was cancelled at the service */
	SERVICE_REFUSED,   /* any 4xx that trying again does not mend: error has class and advice */
	SERVICE_AUTH,      /* 401, 403: every further call would fail too */
	SERVICE_BUSY,      /* 429: retry_after_ms, or -1 */
	SERVICE_TROUBLE,   /* 5xx (or 408), or an answer that makes no sense to a GET: try again */
	SERVICE_OFFLINE,   /* never sent, or a page that is not the service's (captive portal): try
			    * again
			    */
	SERVICE_UNCERTAIN, /* create: sent, and it is not known whether it was taken */
	SERVICE_UNKNOWN,   /* poll, cancel: 404. download: a 4xx: the link is dead */
	SERVICE_BAD_BODY,  /* download: too large, cut, refused link */
	SERVICE_SINK,      /* download: our own disk; sink_error */
	SERVICE_CLOSED,    /* cancelled by us or closed */
};

/* Valid inside the callback only. */
struct service_answer {
	enum service_verdict verdict;
	char *prediction_id; /* or NULL. Any text of the network: 1..1024 bytes without NUL, nothing
				more is promised */
	char *link;          /* or NULL */
	double predict_time_s; /* negative: unknown */
	double cost_usd;
	int64_t retry_after_ms; /* -1: not said */
	int sink_error;
	struct error error; /* filled for everything but ACCEPTED, PENDING, DONE; never a secret */
};

typedef void (*service_done_fn)(const struct service_answer *answer, void *data);

struct eachlabs;
struct service_call; /* valid until done was called */

struct service_ops {
	/* input: the JSON text of the model's input object, sent as it is. Each starts a call and
	 * returns 0 or a negative errno (then done is never called); done is called exactly once,
	 * never before the function returns. */
	int (*create)(void *self, const char *model, const char *input, service_done_fn done,
		      void *data, struct service_call **out);
	int (*poll)(void *self, const char *prediction_id, service_done_fn done, void *data,
		    struct service_call **out);
	int (*cancel)(void *self, const char *prediction_id, service_done_fn done, void *data,
		      struct service_call **out);
	int (*download)(void *self, const char *link, int (*sink)(const void *, size_t, void *),
			void *sink_data, service_done_fn done, void *data,
			struct service_call **out);
	/* done is called with SERVICE_CLOSED before it returns. */
	void (*stop)(void *self, struct service_call *call);
};

extern const struct service_ops eachlabs_ops; /* self is a struct eachlabs */

/* http stays the caller's and must outlive it. settings too. 0, -ENOMEM, or -EINVAL (a key with
 * control characters, which no header can hold). */
int eachlabs_new(struct eachlabs **out, struct http *http, const struct settings *settings);
/* Every call must have ended. Wipes the key. Takes NULL. */
/* The key of the settings has changed. 0, -EINVAL (it is none) or -ENOMEM, and then the old one
 * stays. */
int eachlabs_renew(struct eachlabs *api);
void eachlabs_free(struct eachlabs *api);

/* The answers' meaning, pure (answer.c): status and body as they came. https: the way ended at the
 * service, so that no page of a network in between can have come. out must be released. 0 or
 * -ENOMEM. */
int answer_read_create(int status, const char *body, size_t size, const char *content_type,
		       bool https, struct service_answer *out);
int answer_read_poll(int status, const char *body, size_t size, const char *content_type,
		     struct service_answer *out);
int answer_read_cancel(int status, const char *body, size_t size, const char *content_type,
		       struct service_answer *out);
void answer_release(struct service_answer *a);

#endif
