/*
 * Calls to the service that are under way: each ties an answer to its job.
 *
 * Happy path: a step makes one, starts it, and lands it in its answer.
 *
 * Failures: a call that cannot even start is landed at once by its step, and tried again.
 *
 * On close every call is stopped; what it has downloaded goes with it.
 */
#include <stdlib.h>

#include "engine_internal.h"

struct call *call_new(struct engine *e, struct job *job)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->engine = e;
	c->job = job;
	c->number = job->number;
	c->began_ms = engine_now_ms(e);
	list_init(&c->in);
	job->call = c;
	return c;
}

void call_let_go(struct call *c)
{
	if (c->job)
		c->job->call = NULL;
	c->job = NULL;
	list_append(&c->engine->loose, &c->in);
}

struct job *call_land(struct call *c)
{
	struct job *job = c->job;

	if (job)
		job->call = NULL;
	list_remove(&c->in);
	buf_release(&c->bytes);
	free(c);
	return job;
}

void call_stop(struct job *job)
{
	struct call *c = job->call;

	if (!c)
		return;
	if (c->keep) {
		c->keep_stop(c);
		return;
	}
	call_let_go(c);
	if (c->service)
		c->engine->on.service->stop(c->engine->on.service_self, c->service);
	else
		call_land(c);
}
