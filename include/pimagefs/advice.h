/* advice: what a person can do about an error, as a value; the words are made in one place.
 * Floor 0. */
#ifndef PIMAGEFS_ADVICE_H
#define PIMAGEFS_ADVICE_H

struct buf;

enum advice {
	ADVICE_NONE,
	ADVICE_WAIT,            /* nothing to do: it is tried again */
	ADVICE_QUEUED,          /* nothing to do: it waits in the queue */
	ADVICE_RETRY,           /* ask again */
	ADVICE_RETRY_MAY_HELP,  /* the service says so */
	ADVICE_RETRY_UNCERTAIN, /* it may have been made and billed */
	ADVICE_LOOK_FIRST,      /* the same, and the service can show it */
	ADVICE_GO_ON,           /* it is paid for: poll it again */
	ADVICE_DOWNLOAD_AGAIN,  /* it is paid for: download it again */
	ADVICE_FETCH_LOST,      /* its file is gone: download it again */
	ADVICE_NEW_PICTURE,
	ADVICE_SEND,    /* a draft that was never sent */
	ADVICE_CORRECT, /* the request */
	ADVICE_SHORTEN, /* the prompt */
	ADVICE_CHANGE,  /* the prompt */
	ADVICE_KEY,
	ADVICE_PAY,
	ADVICE_BUDGET,
	ADVICE_RESUME, /* what the user paused */
	ADVICE_MODEL,
	ADVICE_SIGN_IN, /* to the network */
	ADVICE_PROXY,
	ADVICE_CERTIFICATE,
	ADVICE_LARGER, /* max_image_bytes */
	ADVICE_LINK,
	ADVICE_ROOM, /* on the library's disk */
	ADVICE_ROOM_AGAIN,
	ADVICE_LITERAL, /* what was read as JSON may be a prompt */
	ADVICES
};

/* Append the sentence to out, with the id in the command that asks again; a general word in its
 * place without an id, or where its quote would break the shell's line. 0 or -ENOMEM; ADVICE_NONE
 * adds nothing. */
int advice_text(enum advice advice, const char *id, struct buf *out);
/* For the store: "retry", ...; "" for ADVICE_NONE. */
const char *advice_name(enum advice advice);
/* The reverse; ADVICE_NONE for an unknown name. */
enum advice advice_of_name(const char *name);

#endif
