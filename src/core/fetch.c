/*
 * Downloads: from a link to a picture in the library.
 *
 * Happy path: a temporary file of the library is the sink; when all bytes are there the library
 * checks and keeps them, and the job is ready.
 *
 * Failures: no connection and 5xx are tried again; a dead link is asked for anew by a poll; what is
 * no picture, cut or too large is tried api.retries times, for the prediction is paid for; a full
 * or failing disk of ours costs no try.
 *
 * On close the temporary file goes; the next start downloads again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine_internal.h"
#include "pimagefs/clock.h"
#include "pimagefs/log.h"
#include "pimagefs/note.h"

void fetch_begin(struct engine *e, struct job *job)
{
	if (!list_linked(&job->link_in))
		list_append(&e->active, &job->link_in);
	job->tries = job->waits = 0;
	job->due_ms = 0;
}

static void again(struct engine *e, struct job *job, unsigned *tries, const struct error *error)
{
	job_set_error(job, error); /* so that status/ says what it waits for */
	job->due_ms = clock_mono_ms() + engine_backoff(e, *tries);
	if (*tries < 16)
		++*tries;
}

static void disk_error(struct error *e, int r)
{
	error_set(e, ERROR_DOWNLOAD, "the picture cannot be written to the library: %s",
		  strerror(-r));
	error_hint(e, "it is downloaded when there is room again");
}

static void again_or_fail(struct engine *e, struct job *job, const struct error *error)
{
	struct error why = *error;

	if (job->tries < (unsigned)e->on.settings->api.retries) {
		log_info("%s: %s; downloading again", job->id, error->message);
		again(e, job, &job->tries, error);
		return;
	}
	if (why.class != ERROR_NETWORK && why.class != ERROR_SERVICE)
		why.class = ERROR_DOWNLOAD;
	if (!why.hint[0])
		error_hint(&why,
			   "it is paid for; to download it again: echo 'retry %s' > control/ctl",
			   job->id);
	engine_end(e, job, JOB_FAIL, &why);
}

char *engine_note(const struct engine *e, const struct job *job, const struct library_entry *entry,
		  int64_t now)
{
	struct job kept = *job;

	kept.picture = entry->picture;
	kept.picture_bytes = entry->bytes;
	memcpy(kept.sha256, entry->sha256, sizeof(kept.sha256));
	kept.completed_ms = now;
	return note_text(&kept, e->on.rules);
}

static void note_latency(struct engine *e, const struct job *job)
{
	e->latencies_ms[e->latencies % ENGINE_LATENCIES] = job->completed_ms - job->created_ms;
	e->latencies++;
}

static int keep_draft(const struct engine *e, const struct job *job, struct library_draft *draft,
		      int64_t now, struct library_entry *out, struct error *why)
{
	struct library_entry entry;
	int r = library_examine(draft, &entry, why);
	char *note = r == 0 ? engine_note(e, job, &entry, now) : NULL;

	if (r == 0 && !note)
		r = -ENOMEM;
	if (r == 0)
		r = library_keep(draft, job->id, now, note, out, why);
	else
		library_drop(draft);
	free(note);
	return r;
}

static void keep(struct engine *e, struct job *job, struct library_draft *draft)
{
	int64_t now = clock_wall_ms();
	struct library_entry entry = { 0 };
	struct error why;
	int r = keep_draft(e, job, draft, now, &entry, &why);

	if (r == -EILSEQ || r == -ENODATA) {
		again_or_fail(e, job, &why);
		return;
	}
	if (r < 0) {
		log_warn("%s: the picture cannot be kept: %s; trying again", job->id, strerror(-r));
		disk_error(&why, r);
		again(e, job, &job->waits, &why);
		return;
	}
	free(job->picture_path);
	job->picture_path = entry.path;
	job->picture = entry.picture;
	job->picture_bytes = entry.bytes;
	memcpy(job->sha256, entry.sha256, sizeof(job->sha256));
	job->completed_ms = now;
	list_remove(&job->link_in);
	note_latency(e, job);
	e->downloads++;
	engine_move(e, job, JOB_STORED);
	log_info("%s: ready, %lld bytes", job->id, (long long)entry.bytes);
}

static void relink(struct engine *e, struct job *job, const struct error *error)
{
	if (job->relinks >= (unsigned)e->on.settings->api.retries) {
		job->tries = job->relinks;
		again_or_fail(e, job, error);
		return;
	}
	engine_move(e, job, JOB_RELINK);
	watch_begin(e, job);
	job->due_ms = clock_mono_ms() + engine_backoff(e, job->relinks++);
}

static void on_answer(struct engine *e, struct job *job, const struct api_answer *a,
		      struct library_draft *draft)
{
	bool waits = a->verdict == API_OFFLINE &&
		     e->on.settings->api.offline == CONFIG_OFFLINE_WAIT;
	struct error why;

	if (a->verdict == API_DONE) {
		keep(e, job, draft);
		return;
	}
	library_drop(draft);
	if (a->verdict == API_UNKNOWN) {
		relink(e, job, &a->error);
	} else if (a->verdict == API_SINK) {
		log_warn("%s: the picture cannot be written: %s; trying again", job->id,
			 strerror(-a->sink_error));
		disk_error(&why, a->sink_error);
		again(e, job, &job->waits, &why);
	} else if (waits) {
		again(e, job, &job->waits, &a->error);
	} else if (a->verdict == API_REFUSED) {
		engine_end(e, job, JOB_FAIL, &a->error);
	} else {
		again_or_fail(e, job, &a->error);
	}
}

static void on_downloaded(const struct api_answer *a, void *data)
{
	struct flight *f = data;
	struct engine *e = f->engine;
	struct library_draft *draft = f->draft;
	struct job *job;

	f->draft = NULL;
	job = flight_land(f);
	if (!job || a->verdict == API_CLOSED) {
		library_drop(draft);
		return;
	}
	on_answer(e, job, a, draft);
	engine_turn(e);
}

void fetch_step(struct engine *e, struct job *job)
{
	struct flight *f = flight_new(e, job);
	int r = f ? library_begin(e->on.library, &f->draft) : -ENOMEM;
	struct error why;

	if (r == 0)
		r = e->on.ops->download(e->on.api, job->link, library_write, f->draft,
					on_downloaded, f, &f->call);
	if (r == 0)
		return;
	if (f)
		flight_land(f);
	log_debug("%s: no download yet: %s", job->id, strerror(-r));
	disk_error(&why, r);
	again(e, job, &job->waits, &why);
}
