/*
 * The download: from a link to a picture in the library.
 *
 * Happy path: the bytes are collected in memory, at most limits.max_image_bytes for each of
 * limits.downloads; when all are there the library checks and keeps them with their sidecar beside
 * the loop, and the job is ready.
 *
 * Failures: no connection and 5xx are tried again; a dead link is asked for anew by a poll; what is
 * no picture, cut or too large is tried api.retries times, for the prediction is paid for, and what
 * can never work fails after one fresh link; a full or failing disk of ours costs no try, and
 * nothing more is created until it works again.
 *
 * On close what came goes; the next start downloads again.
 */
#include <errno.h>
#include <string.h>

#include "engine_internal.h"
#include "pimagefs/log.h"

#define MOST_TRIES 16 /* counted; only the backoff grows with them */

void download_enter(struct engine *e, struct job *job)
{
	(void)e;
	job->tries = job->waits = 0;
	job->due_ms = 0;
}

bool download_may_begin(const struct engine *e)
{
	return e->downloading < (unsigned)e->on.settings->limits.downloads;
}

static void again(struct engine *e, struct job *job, unsigned *tries, const struct error *error)
{
	job_set_error(job, error); /* so that status/ says what it waits for */
	job->due_ms = engine_now_ms(e) + gate_backoff_ms(e->gate, *tries);
	if (*tries < MOST_TRIES)
		++*tries;
	jobs_show(e->jobs, job);
}

static void wait_for_disk(struct engine *e, struct job *job, int r)
{
	struct error why;

	error_set(&why, ERROR_DOWNLOAD, "the picture cannot be written to the library: %s",
		  strerror(-r));
	why.advice = ADVICE_ROOM_AGAIN;
	log_warn("%s: %s; trying again", job->id, why.message);
	gate_library(e->gate, r);
	again(e, job, &job->waits, &why);
}

static void fail(struct engine *e, struct job *job, const struct error *error)
{
	struct error why = *error;

	if (why.class != ERROR_NETWORK && why.class != ERROR_SERVICE)
		why.class = ERROR_DOWNLOAD;
	if (why.advice == ADVICE_NONE || why.advice == ADVICE_WAIT)
		why.advice = ADVICE_DOWNLOAD_AGAIN;
	jobs_end(e->jobs, job, JOB_FAIL, &why);
}

static void again_or_fail(struct engine *e, struct job *job, const struct error *error)
{
	if (job->tries >= (unsigned)e->on.settings->api.retries) {
		fail(e, job, error);
		return;
	}
	log_info("%s: %s; downloading again", job->id, error->message);
	again(e, job, &job->tries, error);
}

static void on_kept(struct engine *e, struct job *job, struct kept *kept)
{
	if (kept->r == -EILSEQ || kept->r == -ENODATA) {
		again_or_fail(e, job, &kept->why);
		return;
	}
	if (kept->r < 0) {
		wait_for_disk(e, job, kept->r);
		return;
	}
	gate_library(e->gate, 0);
	keep_picture(job, &kept->entry, kept->wall_ms);
	e->latencies_ms[e->latencies++ % ENGINE_LATENCIES] = kept->wall_ms - job->created_ms;
	e->latency_sum_ms += kept->wall_ms - job->created_ms;
	e->downloads++;
	jobs_move(e->jobs, job, JOB_STORED);
	log_info("%s: ready, %lld bytes", job->id, (long long)job->picture_bytes);
}

/* So often a fresh link is worth a poll. */
static void relink(struct engine *e, struct job *job, const struct error *error, unsigned most)
{
	if (job->relinks >= most) {
		fail(e, job, error);
		return;
	}
	jobs_move(e->jobs, job, JOB_RELINK);
	job->due_ms = engine_now_ms(e) + gate_backoff_ms(e->gate, job->relinks++);
	jobs_show(e->jobs, job);
}

static void on_answer(struct engine *e, struct job *job, const struct service_answer *a)
{
	const struct settings *s = e->on.settings;
	bool waits = a->verdict == SERVICE_OFFLINE && s->api.offline == CONFIG_OFFLINE_WAIT;

	if (a->verdict == SERVICE_UNKNOWN)
		relink(e, job, &a->error, (unsigned)s->api.retries);
	else if (a->verdict == SERVICE_SINK)
		wait_for_disk(e, job, a->sink_error);
	else if (waits)
		again(e, job, &job->waits, &a->error);
	else if (a->verdict == SERVICE_REFUSED)
		relink(e, job, &a->error, 1);
	else
		again_or_fail(e, job, &a->error);
}

static void on_downloaded(const struct service_answer *a, void *data)
{
	struct call *c = data;
	struct engine *e = c->engine;
	struct job *job = c->job;
	bool wanted = job && a->verdict != SERVICE_CLOSED;
	int r = 0;

	c->service = NULL;
	/* It takes the place of a download until it is on disk. */
	if (wanted && a->verdict == SERVICE_DONE && (r = keep_bytes(c, on_kept)) == 0)
		return;
	e->downloading--;
	call_land(c);
	if (r < 0)
		wait_for_disk(e, job, r);
	else if (wanted)
		on_answer(e, job, a);
}

static int collect(const void *bytes, size_t size, void *data)
{
	struct call *c = data;

	return buf_append(&c->bytes, bytes, size);
}

void download_begin(struct engine *e, struct job *job)
{
	struct call *c = call_new(e, job);
	int r = c ? 0 : -ENOMEM;

	if (r == 0)
		r = e->on.service->download(e->on.service_self, job->link, collect, c,
					    on_downloaded, c, &c->service);
	if (r == 0) {
		e->downloading++;
		return;
	}
	if (c)
		call_land(c);
	wait_for_disk(e, job, r);
}
