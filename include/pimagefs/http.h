/* http: HTTP calls on the loop; the only module that knows libcurl. Floor 1.
 * One curl multi handle: connections are kept alive and shared, HTTP/2 where offered, TLS always
 * checked. */
#ifndef PIMAGEFS_HTTP_H
#define PIMAGEFS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http;
struct http_transfer;

struct http_settings {
	int connect_timeout_s;
	int idle_timeout_s;  /* no byte for so long */
	int timeout_s;       /* the whole call */
	int max_connections; /* per host; 0: no limit */
	const char *ca_file; /* the authorities to trust instead of the system's; NULL or "": those.
			      * Copied */
};

#define HTTP_MAX_ERROR_BODY 65536 /* of an answer that is no 2xx */

/* How a call ended. What matters for a create is whether the service may have seen it. */
enum http_outcome {
	HTTP_ANSWERED,  /* a whole answer; status says what it is */
	HTTP_NOT_SENT,  /* no connection, DNS, TLS: not one byte of the request left */
	HTTP_UNTRUSTED, /* the certificate does not verify, or ca_file cannot be read: the same */
	HTTP_NO_ANSWER, /* (part of) the request left, and no whole answer came: timeout, reset,
			   stall */
	HTTP_CUT,       /* an answer's body began and broke off */
	HTTP_TOO_LARGE, /* over max_bytes */
	HTTP_REFUSED,   /* we refused: scheme, private address, too many redirects, redirect to
			   another host */
	HTTP_SINK,      /* the sink returned an error: see sink_error */
	HTTP_CLOSED,    /* http_cancel or http_free */
};

/* All texts are copied. Headers may hold the key: they are never logged and never follow a redirect
 * off their host. */
struct http_call {
	const char *method; /* "GET" or "POST" */
	const char *url;
	const char *const *headers; /* "Name: value", NULL at the end; or NULL */
	const char *body;           /* or NULL */
	size_t body_size;
	bool once; /* the body must never leave twice, also not by curl's own retry on a dead
		      kept-alive connection */
	/* Follow up to 5 redirects (a GET without secrets: downloads). Otherwise a 3xx that stays
	 * on the same scheme, host and port is followed with the same method and body, any other is
	 * HTTP_REFUSED. A 301, 302 or 303 to a POST is the answer, and not followed: it says that
	 * the request was taken, or would make a GET of it. */
	bool follow;
	bool https_only; /* refuse http:, also after a redirect. Other schemes are always refused */
	/* Refuse to connect to loopback, private, link-local and other special addresses, at the
	 * socket (so that no DNS answer gets around it) and on kept connections; with a proxy in
	 * the environment only literal addresses are checked. Loopback addresses never go through a
	 * proxy. */
	bool public_only;
	size_t max_bytes; /* of the answer's body */
	/* NULL: the body is collected. Returns 0 or a negative errno; must not call http. It gets
	 * only the body of a final 2xx. The body of any other status is collected, with or without
	 * a sink, up to HTTP_MAX_ERROR_BODY; what is over that is left out, and the call is
	 * answered all the same. */
	int (*sink)(const void *bytes, size_t size, void *data);
	void *sink_data;
};

/* Valid only inside the callback. Texts are "" when unknown. */
struct http_answer {
	enum http_outcome outcome;
	int status; /* 0: no whole head of an answer came. Known with HTTP_CUT and HTTP_TOO_LARGE
		       too */
	const char *body; /* NUL-terminated; empty if a sink took it */
	size_t body_size;
	int sink_error;
	char content_type[128];
	char retry_after[64];
	char request_id[128]; /* X-Request-Id */
	char reason[256];     /* for a person, without secrets */
};

typedef void (*http_done_fn)(const struct http_answer *answer, void *data);

/* curl_global_init/cleanup are done here; the program must ignore SIGPIPE (TLS may raise it). 0 or
 * -ENOMEM. */
int http_new(struct http **out, uv_loop_t *loop, const struct http_settings *settings);
/* Cancels what runs (each done is called with HTTP_CLOSED), then closes its uv handles: the loop
 * must run on until they are closed; closed(data) is called when they are. Takes NULL (then closed
 * is called at once). */
void http_free(struct http *h, void (*closed)(void *data), void *data);
/* Start a call. done is called exactly once, never before this returns. 0, -ENOMEM or -ECANCELED
 * (after http_free), and then done is never called. A URL that cannot be asked is an HTTP_REFUSED.
 * *out (may be NULL) is valid until done was called. */
int http_start(struct http *h, const struct http_call *call, http_done_fn done, void *data,
	       struct http_transfer **out);
/* End it now; done is called with HTTP_CLOSED before this returns. */
void http_cancel(struct http_transfer *t);
/* Milliseconds until the moment that a Retry-After header names (seconds or HTTP date), 0..24 h; -1
 * if it says nothing usable. Pure. */
int64_t http_retry_after_ms(const char *value, int64_t wall_now_ms);
/* Append text percent-encoded as one path segment to out (a struct buf); 0 or -ENOMEM. */
struct buf;
int http_encode_segment(struct buf *out, const char *text);
/* 0 if it is an http or https URL without a user name, as http_start takes it; -EPROTONOSUPPORT,
 * -EINVAL, -ENOMEM. */
int http_check_url(const char *url);
/* True if the URL's host is a loopback name or address (localhost, 127/8, ::1). */
bool http_is_loopback(const char *url);

#endif
