/*
 * What a seed expands into: who lives there, with which settings, and which faults.
 *
 * Faults come in swarms: each life has a random subset of them, from none to nearly all, so that
 * one does not always hide another.
 */
#include <stdio.h>

#include "pimagefs/rng.h"
#include "sim.h"

const char *const fault_names[FAULTS] = {
	[FAULT_OFFLINE] = "offline",
	[FAULT_LOST] = "lost-answers",
	[FAULT_HTML] = "html",
	[FAULT_TROUBLE] = "5xx",
	[FAULT_GATEWAY] = "gateway",
	[FAULT_BUSY] = "429",
	[FAULT_LAG] = "404-lag",
	[FAULT_FORGET] = "forgotten",
	[FAULT_AUTH] = "401",
	[FAULT_BALANCE] = "402",
	[FAULT_REFUSE] = "refused",
	[FAULT_REDIRECT] = "redirect",
	[FAULT_STRANGE] = "strange",
	[FAULT_FAIL] = "predictions-fail",
	[FAULT_SLOW] = "predictions-slow",
	[FAULT_NEVER] = "predictions-never",
	[FAULT_LINK] = "links-die",
	[FAULT_DOWNLOAD] = "downloads",
	[FAULT_CANCEL] = "cancels",
	[FAULT_LATENCY] = "latency",
	[FAULT_LIBRARY_IO] = "library-io",
	[FAULT_LIBRARY_FULL] = "library-full",
	[FAULT_LIBRARY_RO] = "library-read-only",
	[FAULT_WORK] = "work-stalls",
	[FAULT_STATE_IO] = "state-io",
	[FAULT_STATE_FULL] = "state-full",
	[FAULT_STATE_RO] = "state-read-only",
	[FAULT_CLOCK] = "clock",
	[FAULT_RESTART] = "restart",
	[FAULT_CRASH] = "crash",
	[FAULT_PLUG] = "plug",
	[FAULT_TICK] = "busy-machine",
};

const char *const verb_names[VERBS] = {
	[VERB_SETS] = "sets",   [VERB_LISTS] = "lists",   [VERB_SEEDS] = "seeds",
	[VERB_AGAIN] = "again", [VERB_DELETE] = "delete", [VERB_REMOVES] = "removes",
	[VERB_HOLDS] = "holds",
};

static int one_of(uint64_t *chance, const int *values, unsigned n)
{
	return values[chance_below(chance, n)];
}

#define ONE_OF(chance, ...) \
	one_of(chance, (const int[]){ __VA_ARGS__ }, sizeof((int[]){ __VA_ARGS__ }) / sizeof(int))

void options_expand(struct options *o, uint64_t seed)
{
	uint64_t c = seed * 2654435761u + 99;
	unsigned part; /* of 1000 faults */

	rng_next(&c);
	part = (unsigned)ONE_OF(&c, 0, 60, 120, 120, 250, 250, 500, 900);
	*o = (struct options){ .seed = seed };
	for (int f = 0; f < FAULT_TICK; f++)
		o->faults |= (unsigned)chance_of(&c, part) << f;
	o->users = ONE_OF(&c, 1, 1, 2, 3, 5);
	o->steps = ONE_OF(&c, 4, 8, 12, 20);
	o->hurried = chance_of(&c, 600);
	o->fresh = chance_of(&c, 60);
	o->concurrent = ONE_OF(&c, 1, 2, 3, 10);
	o->per_window = ONE_OF(&c, 2, 5, 100);
	o->window_s = ONE_OF(&c, 5, 60, 60);
	o->downloads = ONE_OF(&c, 1, 2, 8);
	o->daily_images = ONE_OF(&c, 0, 0, 0, 3, 10);
	o->queue = ONE_OF(&c, 5, 1000, 1000);
	o->deadline_s = ONE_OF(&c, 4, 60, 600, 600);
	o->retries = ONE_OF(&c, 1, 4, 4, 8);
	o->retry_max_s = ONE_OF(&c, 1, 30, 60);
	o->busy_pause_s = ONE_OF(&c, 5, 100);
	o->wait_timeout_s = ONE_OF(&c, 0, 30, 600);
	o->service_width = ONE_OF(&c, 1000, 1000, 2, 10);
	o->ambiguous_retry = chance_of(&c, 200);
	o->offline_fail = chance_of(&c, 200);
	o->deadline_always = chance_of(&c, 300);
	part = (unsigned)ONE_OF(&c, 0, 200, 500, 1000);
	for (int v = 0; v < VERBS; v++)
		o->verbs |= (unsigned)chance_of(&c, part) << v;
	o->reuse = options_does(o, VERB_SEEDS) && chance_of(&c, 500);
	o->faults |= (unsigned)chance_of(&c, 300) << FAULT_TICK;
}

void options_print(const struct options *o)
{
	printf("seed %llu: %d users, %d steps each%s%s; concurrent %d (the service takes %d), "
	       "%d creates in %d s, downloads %d, daily_images %d, queue %d, deadline %d s%s, "
	       "retries %d, retry_max %d s, busy_pause %d s, wait_timeout %d s%s%s%s\n"
	       "  users also do:",
	       (unsigned long long)o->seed, o->users, o->steps, o->hurried ? " in a hurry" : "",
	       o->fresh ? ", a new database" : "", o->concurrent, o->service_width, o->per_window,
	       o->window_s, o->downloads, o->daily_images, o->queue, o->deadline_s,
	       o->deadline_always ? " (always)" : "", o->retries, o->retry_max_s, o->busy_pause_s,
	       o->wait_timeout_s, o->ambiguous_retry ? ", ambiguous_create = retry" : "",
	       o->offline_fail ? ", offline = fail" : "", o->reuse ? ", reuse = same-seed" : "");
	for (int v = 0; v < VERBS; v++)
		if (options_does(o, (enum verb)v))
			printf(" %s", verb_names[v]);
	printf("%s\n  faults:", o->verbs ? "" : " nothing");
	for (int f = 0; f < FAULTS; f++)
		if (options_has(o, (enum fault)f))
			printf(" %s", fault_names[f]);
	printf("%s\n", o->faults ? "" : " none");
}
