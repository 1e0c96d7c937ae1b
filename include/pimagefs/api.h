/* api: the service's endpoints behind a table of functions, so that tests plug a fake. Layer 2. */
#ifndef PIMAGEFS_API_H
#define PIMAGEFS_API_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "pimagefs/config.h"
#include "pimagefs/error.h"
#include "pimagefs/http.h"

/* What an answer means for the job; which call may give it stands behind it. */
enum api_verdict {
	API_ACCEPTED, /* create: prediction_id is set */
	API_PENDING,  /* poll */
	API_DONE,     /* poll: link is set; download: all bytes went to the sink; cancel: taken */
	API_FAILED,   /* poll: the prediction failed: error */
	API_ENDED,    /* poll: it was cancelled at the service */
	API_REFUSED,  /* any 4xx that trying again does not mend: error has class and hint */
	API_AUTH,     /* 401, 403: every further call would fail too */
	API_BUSY,     /* 429: retry_after_ms, or -1 */
	API_TROUBLE,  /* 5xx (or 408), or an answer that makes no sense to a GET: try again */
	API_OFFLINE,  /* never sent, or a page that is not the service's (captive portal): try again
		       */
	API_UNCERTAIN, /* create: sent, and it is not known whether it was taken */
	API_UNKNOWN,   /* poll, cancel: 404. download: a 4xx: the link is dead */
	API_BAD_BODY,  /* download: too large, cut, refused link */
	API_SINK,      /* download: our own disk; sink_error */
	API_CLOSED,    /* cancelled by us or closed */
};

/* Valid inside the callback only. */
struct api_answer {
	enum api_verdict verdict;
	char *prediction_id; /* or NULL. Any text of the network: 1..1024 bytes without NUL, nothing
				more is promised */
	char *link;          /* or NULL */
	double predict_time_s; /* negative: unknown */
	double cost_usd;
	int64_t retry_after_ms; /* -1: not said */
	int sink_error;
	struct error error; /* filled for everything but ACCEPTED, PENDING, DONE; never a secret */
};

typedef void (*api_done_fn)(const struct api_answer *answer, void *data);

struct api;
struct api_call; /* one in flight; valid until done was called */

struct api_ops {
	/* body: {"model":..., "input":...} text. Each starts a call and returns 0 or a negative
	 * errno (then done is never called); done is called exactly once, never before the function
	 * returns. */
	int (*create)(void *self, const char *body, api_done_fn done, void *data,
		      struct api_call **out);
	int (*poll)(void *self, const char *prediction_id, api_done_fn done, void *data,
		    struct api_call **out);
	int (*cancel)(void *self, const char *prediction_id, api_done_fn done, void *data,
		      struct api_call **out);
	int (*download)(void *self, const char *link, int (*sink)(const void *, size_t, void *),
			void *sink_data, api_done_fn done, void *data, struct api_call **out);
	/* done is called with API_CLOSED before it returns. */
	void (*stop)(void *self, struct api_call *call);
};

extern const struct api_ops api_http_ops; /* self is a struct api */

/* http stays the caller's and must outlive it. settings too. 0, -ENOMEM, or -EINVAL (a key with
 * control characters, which no header can hold). */
int api_new(struct api **out, struct http *http, const struct settings *settings);
/* Every call must have ended. Wipes the key. Takes NULL. */
void api_free(struct api *api);

/* The answers' meaning, pure (src/edge/answer.c): status and body as they came. out must be
 * released. 0 or -ENOMEM. */
int api_read_create(int status, const char *body, size_t size, const char *content_type,
		    struct api_answer *out);
int api_read_poll(int status, const char *body, size_t size, const char *content_type,
		  struct api_answer *out);
int api_read_cancel(int status, const char *body, size_t size, const char *content_type,
		    struct api_answer *out);
void api_answer_release(struct api_answer *a);

#endif
