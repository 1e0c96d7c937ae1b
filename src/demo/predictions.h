/* predictions: what was asked of the demo service and when it is done; kept in a file. Only
 * src/demo. Times are milliseconds since 1970, handed in by the caller. */
#ifndef PIMAGEFS_DEMO_PREDICTIONS_H
#define PIMAGEFS_DEMO_PREDICTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pimagefs/buf.h"
#include "pimagefs/list.h"

#define PREDICTION_ID 37 /* a UUID's form and its NUL */
#define PREDICTIONS_MAX 500
#define PREDICTIONS_MAX_AGE_MS (24LL * 60 * 60 * 1000)

enum outcome { OUTCOME_PICTURE, OUTCOME_FAILED, OUTCOME_UNSAFE, OUTCOME_CANCELLED };

struct prediction {
	struct list link;
	char id[PREDICTION_ID];
	char *prompt;
	int64_t seed;
	int width, height;
	enum outcome outcome;
	int64_t created_ms, ready_ms;
	struct buf png; /* empty until it is drawn, and again when room is needed */
};

struct predictions {
	int folder;      /* a descriptor */
	struct list all; /* the oldest first */
	size_t count;
	size_t prompt_bytes, png_bytes;
};

/* Open the folder (made if it is not there), read what an earlier run left, forget what is too old.
 * 0 or a negative errno. */
int predictions_init(struct predictions *p, const char *folder, int64_t now_ms);
void predictions_release(struct predictions *p);

/* ask: prompt (copied), seed, width, height and outcome count. The oldest give way when there are
 * too many. 0 with *out, which belongs to p; or a negative errno, when nothing was kept. */
int predictions_add(struct predictions *p, const struct prediction *ask, int64_t now_ms,
		    struct prediction **out);
/* NULL for an unknown id. */
struct prediction *predictions_find(const struct predictions *p, const char *id);
/* 0, or a negative errno, and then it runs on. */
int predictions_cancel(struct predictions *p, struct prediction *one, int64_t now_ms);

bool prediction_running(const struct prediction *one, int64_t now_ms);
int predictions_running(const struct predictions *p, int64_t now_ms);
/* How many were created in the last window_ms, and when the oldest of them was. */
int predictions_recent(const struct predictions *p, int64_t now_ms, int64_t window_ms,
		       int64_t *oldest_ms);

/* Make sure that one->png is there. 0 or -ENOMEM. */
int predictions_draw(struct predictions *p, struct prediction *one);
/* The next that runs, will have a picture, and is not drawn yet; or NULL. */
struct prediction *predictions_undrawn(const struct predictions *p, int64_t now_ms);

#endif
