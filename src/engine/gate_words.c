/*
 * Why nothing is sent, in words: for status/, stats.json and the log.
 *
 * Happy path: nothing is in the way, and nothing is said. Else the first hold that lasts is told,
 * with what a person can do about it; the log has a line when it begins and one when it ends.
 *
 * Failures: none. What belongs to the usual course (as many run as may, the creates per minute) is
 * no hold to tell of; that creates fail is told until one gets through, not anew for each try.
 */
#include "gate_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pimagefs/log.h"

static const char *const over[GATE_HOLDS] = {
	[GATE_PAUSED] = "the pause",
	[GATE_REFUSED] = "the refusal of the key or the balance",
	[GATE_STATE] = "the trouble with the state folder",
	[GATE_LIBRARY] = "the trouble with the library",
	[GATE_DOWNLOADS] = "the pile of downloads",
	[GATE_BUDGET] = "the wait for the next day's budget",
	[GATE_BUSY] = "the wait that the service asked for (429)",
	[GATE_TROUBLE] = "the trouble with the service",
	[GATE_WIDTH] = "the wait for creates that were never answered",
	[GATE_FULL] = "the full queue",
};

static bool has_work(const struct gate *g)
{
	return jobs_count(g->on.jobs, JOB_QUEUED) || jobs_count(g->on.jobs, JOB_CREATING);
}

static enum gate_hold hold_to_tell(struct gate *g)
{
	enum gate_hold hold = gate_lasting(g);

	if (hold != GATE_OPEN)
		return hold;
	if (g->busy_until_ms > gate_now_ms(g))
		return GATE_BUSY;
	if (g->quiet_until_ms > gate_now_ms(g) || (g->trouble && has_work(g)))
		return GATE_TROUBLE;
	if (unseen_count(g->unseen) >= g->width.now)
		return GATE_WIDTH;
	if (jobs_unfinished(g->on.jobs) >= (unsigned)g->on.settings->limits.queue)
		return GATE_FULL;
	return GATE_OPEN;
}

static void say_wait(const struct gate *g, int64_t until_ms, const char *what, struct error *why)
{
	int64_t left_ms = until_ms - gate_now_ms(g);

	error_set(why, ERROR_NONE, "%s; the next one is tried in %lld s", what,
		  (long long)(left_ms > 0 ? left_ms + 999 : 0) / 1000);
	why->advice = ADVICE_WAIT;
}

/* The disks. */
static void say_disk(const struct gate *g, enum gate_hold hold, struct error *why)
{
	if (hold == GATE_STATE) {
		error_set(why, ERROR_NONE, "the state folder cannot be written: %s",
			  strerror(-ledger_health(g->on.ledger)));
		return;
	}
	error_set(why, ERROR_NONE,
		  "pictures cannot be kept in the library (%s): nothing more is made",
		  gate_fault(g->library));
	why->advice = ADVICE_ROOM_AGAIN;
}

/* What waits for other requests. */
static void say_others(const struct gate *g, enum gate_hold hold, struct error *why)
{
	if (hold == GATE_DOWNLOADS)
		error_set(why, ERROR_NONE,
			  "%u finished pictures wait for their download: nothing more is made "
			  "before they are here",
			  jobs_count(g->on.jobs, JOB_DOWNLOADING));
	else if (hold == GATE_WIDTH)
		error_set(why, ERROR_NONE,
			  "%u creates that were never answered may still run at the service: "
			  "nothing more is sent before their deadline (poll.deadline)",
			  unseen_count(g->unseen));
	else
		error_set(why, ERROR_NONE,
			  "the queue is full: %u requests are unfinished (limits.queue), and no "
			  "more are taken (ENOSPC)",
			  jobs_unfinished(g->on.jobs));
	why->advice = ADVICE_WAIT;
}

static void say(const struct gate *g, enum gate_hold hold, struct error *why)
{
	char what[sizeof(why->message)];

	switch (hold) {
	case GATE_OPEN:
		error_set(why, ERROR_NONE, "%s", "");
		break;
	case GATE_PAUSED:
		error_set(why, ERROR_NONE, "paused: nothing is sent");
		why->advice = ADVICE_RESUME;
		break;
	case GATE_REFUSED:
		*why = *g->refused;
		break;
	case GATE_STATE:
	case GATE_LIBRARY:
		say_disk(g, hold, why);
		break;
	case GATE_BUDGET:
		budget_error(&g->budget, why);
		break;
	case GATE_BUSY:
		say_wait(g, g->busy_until_ms, "too many requests, the service says (429)", why);
		break;
	case GATE_TROUBLE:
		snprintf(what, sizeof(what), "creates fail: %.400s", g->failed.message);
		say_wait(g, g->quiet_until_ms, what, why);
		break;
	default:
		say_others(g, hold, why);
	}
}

enum gate_hold gate_waits_for(struct gate *g, struct error *why)
{
	enum gate_hold hold = hold_to_tell(g);

	say(g, hold, why);
	return hold;
}

int64_t gate_watch(struct gate *g)
{
	struct error why;
	enum gate_hold hold = gate_waits_for(g, &why);
	int64_t wait_ms = gate_wait_ms(g, hold);

	if (hold != g->told && g->told != GATE_OPEN)
		log_info("%s is over%s", over[g->told],
			 hold == GATE_OPEN ? "; requests are sent again" : "");
	if (hold != g->told && hold != GATE_OPEN)
		log_info("%s%s", hold == GATE_FULL ? "" : "nothing is sent: ", why.message);
	g->told = hold;
	return wait_ms > 0 ? wait_ms : -1;
}
