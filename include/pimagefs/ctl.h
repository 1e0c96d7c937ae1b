/* ctl: control/ctl, a command a line. Floor 4. */
#ifndef PIMAGEFS_CTL_H
#define PIMAGEFS_CTL_H

#include <stddef.h>
#include <stdint.h>

#include "pimagefs/engine.h"
#include "pimagefs/inbox.h"

struct ctl;

/* How the settings are read anew. */
struct ctl_reload {
	/* Fetch what has to be waited for. 0: nothing; -EINPROGRESS: it will be told (to who holds
	 * the mount); -EBUSY: it is being read anew already. */
	int (*begin)(void *data);
	/* 0; or a negative errno, and nothing has changed. said: in words what came of it. */
	int (*run)(void *data, struct buf *said);
	/* After a begin that was -EINPROGRESS: what was fetched is forgotten, what still runs is
	 * ended. */
	void (*end)(void *data);
	void *data;
};

/* All stay the caller's and must outlive it. */
struct ctl_ground {
	struct engine *engine;
	struct inbox *inbox;
	const char *mountpoint;
	const struct ctl_reload *reload; /* NULL: it cannot be */
};

/* 0 or -ENOMEM. */
int ctl_new(struct ctl **out, const struct ctl_ground *ground);
/* Takes NULL. */
void ctl_free(struct ctl *c);
/* Before ctl_run: do these lines need something that must be waited for? 0: no; -EINPROGRESS: it
 * will be told; -EBUSY: it cannot be now, and nothing is to be done of them. */
int ctl_begin(struct ctl *c, int64_t wall_ms, const char *text, size_t size);
/* What was waited for is here and ctl_run has been called, or nobody waits any more. */
void ctl_end(struct ctl *c);
/* Do what these whole lines say, once all of them are understood. 0; -EINVAL (an unknown command,
 * and nothing was done; or nothing to do in that state), -ENOENT (no request has the name),
 * -ENOMEM, or why it cannot be stored, and then nothing was done. Where a line is refused after
 * others were done: how many bytes stand before it. */
int ctl_run(struct ctl *c, int64_t wall_ms, const char *text, size_t size);
/* What a read of it gives: how it is used, and what came of the last commands. 0 or -ENOMEM. */
int ctl_text(const struct ctl *c, struct buf *out);
/* Bytes of that. */
size_t ctl_size(const struct ctl *c);

#endif
