/* error: what went wrong, in words for a person and as a class for a program. Floor 0. */
#ifndef PIMAGEFS_ERROR_H
#define PIMAGEFS_ERROR_H

#include "pimagefs/advice.h"

/* The classes of the contract's table; each has one errno and one name in status/. */
enum error_class {
	ERROR_NONE,
	ERROR_INVALID,    /* refused here, or 400/422 */
	ERROR_AUTH,       /* 401, 403 */
	ERROR_PAYMENT,    /* 402 */
	ERROR_MODEL,      /* 404 for the model */
	ERROR_MODERATION, /* the safety checker */
	ERROR_SERVICE, /* 5xx after the retries, a failed prediction, an answer that makes no sense
			*/
	ERROR_NETWORK, /* no connection, DNS, TLS: after the retries */
	ERROR_TIMEOUT, /* not done within the job's deadline */
	ERROR_UNCERTAIN, /* the create was sent and no answer came back */
	ERROR_CANCELLED,
	ERROR_DOWNLOAD,    /* no picture, too large, cut short each time */
	ERROR_INTERRUPTED, /* flushed, but never released: held for a decision */
	ERROR_LOST,        /* the picture was there, and its file is gone */
	ERROR_CLASSES
};

/* Plain data: copy it as you like. Every text is cut to its field at a UTF-8 boundary and never
 * holds a secret. An empty text means unknown. */
struct error {
	enum error_class class;
	int http_status; /* 0: no answer */
	char message[512];
	char details[1024];
	char request_id[128];
	enum advice advice; /* what a person can do about it */
};

/* Fill class and message; everything else becomes empty. e may be NULL. */
void error_set(struct error *e, enum error_class class, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* error_set of ERROR_INVALID; returns -EINVAL. */
int error_invalid(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Put this before the message; details and advice become empty. e may be NULL. */
void error_prefix(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Copy text to a field of e, cut to room bytes at a character's end, control characters made
 * spaces. */
void error_text(char *field, unsigned room, const char *text);

/* The positive errno of the contract's table; EIO for what it does not name. */
int error_errno(enum error_class class);
/* "invalid", "auth", ...; "" for ERROR_NONE. */
const char *error_class_name(enum error_class class);
/* The reverse; ERROR_NONE for an unknown name. */
enum error_class error_class_of(const char *name);

#endif
