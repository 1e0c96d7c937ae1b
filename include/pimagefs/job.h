/* job: one request's life as data, and its legal moves as one constant table. Floor 2, pure. */
#ifndef PIMAGEFS_JOB_H
#define PIMAGEFS_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "pimagefs/digest.h"
#include "pimagefs/error.h"
#include "pimagefs/ledger.h"
#include "pimagefs/list.h"
#include "pimagefs/picture.h"

enum job_state {
	JOB_DRAFT,   /* known, its file still open */
	JOB_INVALID, /* refused here; never sent */
	JOB_QUEUED,
	JOB_CREATING,    /* the POST is (about to be) out */
	JOB_PROCESSING,  /* has a prediction id */
	JOB_DOWNLOADING, /* has a link */
	JOB_READY,
	JOB_FAILED,
	JOB_CANCELLED,
	JOB_HELD, /* waits for a decision of the user */
	JOB_STATES
};

enum job_event {
	JOB_SUBMIT,   /* the last writer released */
	JOB_REFUSE,   /* the check said no */
	JOB_SEND,     /* its turn has come */
	JOB_ACCEPTED, /* the service gave a prediction id */
	JOB_POSTPONE, /* back to its place in the queue: 429, 5xx, no connection */
	JOB_DONE,     /* the service gave a link */
	JOB_RELINK,   /* the link is of no use: ask the service again */
	JOB_STORED,   /* the picture is in the library */
	JOB_FAIL,
	JOB_CANCEL,
	JOB_HOLD,
	JOB_RETRY,  /* a new create */
	JOB_RESUME, /* the prediction exists: poll it again */
	JOB_REUSE,  /* an earlier picture is the same: no create */
	JOB_LOSE,   /* its picture is no longer in the library */
	JOB_EVENTS
};

/* What a job has taken of a day's budget (budget.c). */
struct job_share {
	unsigned turn;
	unsigned images;
	int64_t cost;
};

/* Looks for a picture that is perhaps kept; then what cannot be read is passed over. */
#define JOB_MOST_BLIND 12

/* The engine owns it; store loads and saves the first part. Texts are heap, NULL when unknown. */
struct job {
	uint64_t number; /* the key; never used again */
	uint64_t order;  /* of submission (of closing): the queue is sorted by it; 0: not yet
			    submitted. Stored */
	char *id;
	enum job_state state;
	bool current;         /* the id's names in images/ and status/ are this job's */
	bool dismissed;       /* its name in images/ was removed by the user */
	bool prediction_over; /* the service said so: nothing is left to resume */
	bool cancel_owed;     /* the service is to be told that nobody wants it any more */
	char *model;          /* the slug of the model that was asked; never changes */
	char *prompt;
	char *input; /* the input object as it will be sent, JSON text; may hold hf_api_token */
	bool has_seed;
	bool own_seed; /* the request or [defaults] names it: none was picked */
	int64_t seed;
	char *prediction_id;
	char *link; /* of the picture; secret-free but not shown by default */
	int64_t created_ms, submitted_ms, completed_ms; /* wall clock; 0: unknown */
	unsigned attempts;                              /* creates sent */
	unsigned polls;
	double predict_time_s; /* negative: unknown */
	double cost_usd;       /* negative: unknown */
	unsigned unanswered;   /* creates that may have been taken, their prediction unknown */
	int64_t unanswered_ms; /* when the last of them was sent */
	unsigned spent;        /* creates of one day that the service took and that came to nothing;
				  not those that it says it did not bill */
	int64_t spent_ms;      /* when the last of them was taken */
	int64_t spent_cost;    /* of all of them, in units of budget.h */
	char *reused_from;     /* the prediction whose picture this one is; NULL: its own */
	bool made_anew;        /* no earlier picture can be used for it (reuse.c) */
	char *picture_path;    /* relative to the library, perhaps in its trash; of a job that is
				  not ready, where its picture may lie all the same */
	struct picture picture;
	int64_t picture_bytes;
	char sha256[DIGEST_HEX];
	char *tags, *comment; /* marks.h; a comment "": the user took it away */
	int rating;           /* negative: none */
	bool sidecar_old;     /* it does not say these yet */
	uint64_t set;         /* the number of the file of requests/ whose text asks for it among
				 others; 0: for it alone, or the file is gone */
	unsigned part;        /* which of them: its id ends so; 0: it never was one of several */
	char *line;           /* the line of a list that asks for it (prompt_list.h) */
	char *origins;        /* JSON: where the values come from that the request does not say */
	struct error *error;  /* NULL: none */

	/* The rest is the running program's. */
	struct ledger_item item;
	struct list link_in;   /* one of the lists of jobs.c */
	int64_t due_ms;        /* monotonic: not before this is the next step taken */
	int64_t since_ms;      /* monotonic: when its present phase began */
	unsigned tries;        /* of the present step */
	unsigned waits;        /* those that cost none: no connection, no room on our disk */
	unsigned relinks;      /* dead links that were asked for anew */
	unsigned unknowns;     /* polls that did not know the prediction, in a row */
	int64_t unknown_ms;    /* monotonic: the first of them began */
	int64_t owing_ms;      /* monotonic: since when it owes a cancel */
	bool asked_again;      /* by the user: the end of this prediction leads to another */
	unsigned position;     /* in the queue, as it was ... */
	uint64_t position_age; /* ... at this age of the queue (jobs.c) */
	bool perhaps_kept;     /* look for its picture in the library before another is kept */
	unsigned blind;        /* such looks that could not read all of it, in a row */
	void *file;            /* the node of the file of requests/ that holds its text, or NULL */
	void *shelf;           /* the engine's count of its name's pictures, where it is one */
	void *call;            /* the engine's call in flight */
	void *chore;       /* the engine's: its picture is being moved, or its sidecar written */
	bool moves;        /* it is being moved: it may be at neither of the two places */
	void *view;        /* the views' record */
	void *links;       /* the links' record */
	struct list twins; /* ready jobs with the same input (reuse.c) */
	struct job_share share;
	int64_t away_ms; /* monotonic: since then the service cannot be reached; 0: it can */
};

/* NULL when out of memory. state is JOB_DRAFT, created_ms now_ms. */
struct job *job_new(uint64_t number, const char *id, int64_t wall_now_ms);
/* Wipes and frees; it must be in no list. Takes NULL. */
void job_free(struct job *job);
/* Make the move if the table has it: 0, or -EINVAL and nothing changed. */
int job_move(struct job *job, enum job_event event);
bool job_may(const struct job *job, enum job_event event);
/* Not yet ended: draft, queued, creating, processing, downloading. (held and invalid wait for the
 * user, not for us.) */
bool job_pending(const struct job *job);
/* Its picture can be opened, as far as is known. */
bool job_has_picture(const struct job *job);
/* Its picture is on its way out of the trash. */
bool job_comes_back(const struct job *job);
/* The user has removed both its request and its picture (or the reason why there is none). */
bool job_is_removed(const struct job *job);
/* Ended without a picture and may be asked again: failed, held, cancelled. */
bool job_retryable(const struct job *job);
const char *job_state_name(enum job_state state);
/* JOB_STATES for an unknown name. */
enum job_state job_state_of(const char *name);
/* Replace a text by a copy; 0 or -ENOMEM (then unchanged). */
int job_set_text(char **field, const char *text);
/* Replace the error by a copy (NULL: none); 0 or -ENOMEM. */
int job_set_error(struct job *job, const struct error *error);

#endif
