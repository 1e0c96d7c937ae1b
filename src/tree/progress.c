/*
 * control/progress: a bar, and a line for each request that runs.
 *
 * Happy path: a frame says how much of what there was when the reader came, or came since, has
 * ended; what runs, for how long and about how much longer; and whether anything is left to wait
 * for.
 *
 * Failures: only -ENOMEM. What is queued and waits for the user, a disk or the next day is nothing
 * to wait for: the frame says why.
 */
#include "pimagefs/progress.h"

#include <errno.h>
#include <string.h>

#include "pimagefs/utf8.h"

#define BAR 24
#define SMALL_BAR 10
#define ID_COLUMNS 24
#define MOST_LINES 20 /* of requests */

struct frame {
	struct progress *p;
	struct buf *out;
	uint64_t shape;
	unsigned running, lines;
	int r;
};

static void mix(uint64_t *shape, uint64_t value)
{
	*shape = (*shape ^ value) * UINT64_C(1099511628211);
}

static unsigned count_ready(const struct engine_stats *s)
{
	return s->states[JOB_READY];
}

static unsigned count_failed(const struct engine_stats *s)
{
	return s->states[JOB_FAILED] + s->states[JOB_CANCELLED] + s->states[JOB_HELD];
}

void progress_init(struct progress *p, struct engine *engine)
{
	struct engine_stats s;

	engine_stats(engine, &s);
	*p = (struct progress){ .engine = engine,
				.ready = count_ready(&s),
				.failed = count_failed(&s) };
}

static int put_bar(struct buf *out, int width, int64_t part, int64_t whole)
{
	int filled = whole > 0 ? (int)(part >= whole ? width : part * width / whole) : width;
	int r = buf_puts(out, "[");

	for (int i = 0; r == 0 && i < width; i++)
		r = buf_puts(out, i < filled ? "#" : "-");
	return r < 0 ? r : buf_puts(out, "]");
}

static int put_left(struct buf *out, int64_t ms)
{
	if (ms < 0)
		return 0;
	if (ms < 500)
		return buf_puts(out, ", any moment");
	if (ms < 90000)
		return buf_printf(out, ", about %lld s left", (long long)(ms + 999) / 1000);
	return buf_printf(out, ", about %lld min left", (long long)(ms + 59999) / 60000);
}

static int put_job(struct job *job, void *data)
{
	struct frame *f = data;
	struct engine *e = f->p->engine;
	int64_t spent = engine_running_ms(e, job), left = engine_left_ms(e, job);
	size_t size = utf8_cut(job->id, strlen(job->id), ID_COLUMNS);

	mix(&f->shape, job->number << 8 | job->state);
	if (f->running++ >= MOST_LINES || f->r < 0)
		return 0;
	f->r = buf_printf(f->out, "  %-*.*s %-11s", ID_COLUMNS, (int)size, job->id,
			  job_state_name(job->state));
	if (f->r == 0 && spent >= 0 && left >= 0)
		f->r = put_bar(f->out, SMALL_BAR, spent, spent + left);
	if (f->r == 0 && spent >= 0)
		f->r = buf_printf(f->out, " %lld.%lld s", (long long)spent / 1000,
				  (long long)spent / 100 % 10);
	if (f->r == 0 && spent >= 0)
		f->r = put_left(f->out, left);
	if (f->r == 0)
		f->r = buf_puts(f->out, "\n");
	f->lines++;
	return 0;
}

static unsigned since(unsigned now, unsigned then)
{
	return now > then ? now - then : 0; /* what failed may be asked again */
}

static int put_summary(struct frame *f, const struct engine_stats *s)
{
	unsigned ready = since(count_ready(s), f->p->ready);
	unsigned failed = since(count_failed(s), f->p->failed);
	unsigned queued = s->states[JOB_QUEUED];
	unsigned running =
		s->states[JOB_CREATING] + s->states[JOB_PROCESSING] + s->states[JOB_DOWNLOADING];
	unsigned done = ready + failed, all = done + queued + running;
	int r;

	mix(&f->shape, (uint64_t)count_ready(s) << 32 | count_failed(s));
	mix(&f->shape, queued);
	f->lines++;
	if (!all)
		return buf_printf(f->out, "nothing runs: %u ready, %u failed\n", count_ready(s),
				  count_failed(s));
	r = put_bar(f->out, BAR, done, all);
	if (r == 0)
		r = buf_printf(f->out, " %u of %u", done, all);
	if (r == 0 && failed)
		r = buf_printf(f->out, ", %u failed", failed);
	if (r == 0 && queued)
		r = buf_printf(f->out, ", %u queued", queued);
	if (r == 0 && running)
		r = put_left(f->out, engine_all_left_ms(f->p->engine));
	return r < 0 ? r : buf_puts(f->out, "\n");
}

static int put_rest(struct frame *f, const struct error *why)
{
	int r = 0;

	if (f->running > MOST_LINES) {
		r = buf_printf(f->out, "  and %u more\n", f->running - MOST_LINES);
		f->lines++;
	}
	if (r == 0 && why) {
		r = buf_printf(f->out, "%s\n", why->message);
		f->lines++;
	}
	return r;
}

int progress_frame(struct progress *p, struct buf *out)
{
	struct frame f = { .p = p, .out = out, .shape = UINT64_C(14695981039346656037) };
	struct engine_stats s;
	struct error why;
	bool still = engine_stands_still(p->engine, &why);
	int r;

	engine_stats(p->engine, &s);
	r = put_summary(&f, &s);
	if (r == 0) {
		engine_each_running(p->engine, put_job, &f);
		r = f.r;
	}
	if (r == 0)
		r = put_rest(&f, still ? &why : NULL);
	p->changed = f.shape != p->shape;
	p->shape = f.shape;
	p->lines = f.lines;
	p->over = still || (!f.running && !s.states[JOB_QUEUED]);
	return r;
}
