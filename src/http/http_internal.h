/* What the files of http share: the multi handle with its loop, one transfer, and parsed targets.
 */
#ifndef PIMAGEFS_HTTP_INTERNAL_H
#define PIMAGEFS_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "pimagefs/buf.h"
#include "pimagefs/http.h"
#include "pimagefs/list.h"

#define HTTP_MAX_HOPS 5
#define HTTP_MAX_HEADERS 65536

struct http {
	uv_loop_t *loop;
	CURLM *multi; /* NULL once closing */
	struct http_settings settings;
	char *ca_file;       /* ours, what settings name */
	struct list running; /* transfers that curl has */
	struct list over;    /* transfers that ended outside of curl; `later` tells */
	struct list sockets;
	uv_timer_t timer; /* when curl wants to be called */
	uv_timer_t later;
	unsigned handles; /* of uv, not yet closed */
	bool closing;
	void (*closed)(void *data);
	void *closed_data;
};

/* Where a hop goes. */
struct http_target {
	char *url;  /* as curl normalises it: 0x7f.1 has become 127.0.0.1 */
	char *host; /* lower case, without brackets, zone or a last dot */
	char scheme[8];
	unsigned port;
	char origin[160]; /* "https://host", for messages */
};

struct http_transfer {
	struct http *http;
	struct list in;
	CURL *easy;
	bool added; /* to the multi handle */
	http_done_fn done;
	void *data;

	bool post, once, follow, https_only, public_only;
	size_t max_bytes;
	int (*sink)(const void *bytes, size_t size, void *data);
	void *sink_data;
	struct http_target target;
	struct curl_slist *headers; /* may hold the key */
	struct buf body;            /* may hold a token */
	int64_t deadline_ms;        /* monotonic; 0: none */
	unsigned hops;

	/* This hop. */
	size_t body_given; /* bytes of the body that curl took */
	size_t header_bytes;
	bool by_proxy;
	bool began;         /* there is a connection and the request may leave */
	bool tried, barred; /* a socket to an allowed, to a forbidden address */
	bool headers_done;  /* those of a final answer */
	bool too_large, truncated;
	struct buf got;
	struct http_answer answer;
	char curl_error[CURL_ERROR_SIZE];
};

/* http.c: finish what curl says is done. */
void http_sweep(struct http *h);
/* Let `later` finish it, whatever curl still does with it; answer.outcome is set. */
void http_end_later(struct http_transfer *t);

/* http_loop.c: curl's sockets and timer on the loop. 0 or -ENOMEM. */
int http_loop_init(struct http *h);
/* Close every uv handle; the last one's callback frees h and calls closed. */
void http_loop_close(struct http *h);

/* http_transfer.c: one request on an easy handle. New copies the call; 0 or -ENOMEM. Free takes
 * NULL. */
int http_transfer_new(struct http_transfer **out, struct http *h, const struct http_call *call);
void http_transfer_free(struct http_transfer *t);
/* May the target be asked at all? If not, answer.outcome and reason say so. */
bool http_transfer_allowed(struct http_transfer *t, const struct http_target *target);
/* Set the options of a hop to t->target. 0 or -ENOMEM. */
int http_transfer_aim(struct http_transfer *t);
/* http_answer.c: curl's callbacks for head and body; data is the transfer. */
size_t http_take_header(char *line, size_t one, size_t size, void *data);
size_t http_take_body(char *bytes, size_t one, size_t size, void *data);
void http_forget_headers(struct http_transfer *t);
/* Write answer.reason. No header's value and no query may stand in it. */
void http_say(struct http_transfer *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What the end of a hop means; fills answer. */
void http_transfer_judge(struct http_transfer *t, CURLcode code);

/* http_guard.c */
/* 0, -EINVAL (no URL, or with a password), -EPROTONOSUPPORT (neither http nor https) or -ENOMEM;
 * out is zeroed then. */
int http_target_parse(struct http_target *out, const char *url);
void http_target_release(struct http_target *t);
bool http_same_origin(const struct http_target *a, const struct http_target *b);
/* The host is a literal address or a name that is known to mean this machine. */
bool http_target_is_local(const struct http_target *t);
/* The host is written as an address that is not public, or means this machine. */
bool http_target_is_private(const struct http_target *t);
/* Would the environment send this through a proxy? */
bool http_target_by_proxy(const struct http_target *t);
bool http_address_is_public(const struct sockaddr *address);
/* The same for an address as text. What is no address is not public. */
bool http_literal_is_public(const char *text);

#endif
