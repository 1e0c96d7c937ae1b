/*
 * requests/: from a file's text to its job, or its jobs.
 *
 * Happy path: FLUSH reads the text as a request, or as several (then inbox_set.c goes on), and
 * registers what it asks for as drafts; the release of the last writer submits them.
 *
 * Failures: a text that is no request is refused, and status/ says why; what was registered of it
 * before is forgotten. Without memory nothing is sent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inbox_internal.h"
#include "pimagefs/log.h"
#include "pimagefs/names.h"

#define SEED_BELOW (1ULL << 31)

bool inbox_is_news(const struct reqfile *file)
{
	char now[DIGEST_HEX];

	if (!file->changed || request_is_blank(buf_text(&file->text), file->text.size))
		return false;
	if (file->rewritten || !file->sent[0])
		return true;
	return digest_sha256(file->text.data, file->text.size, now) < 0 ||
	       strcmp(now, file->sent) != 0;
}

void inbox_drop_unsent(struct inbox *in, struct reqfile *file)
{
	file->unsent = false;
	if (file->batch)
		inbox_drop_drafts(in, file);
}

/* The job that the text being written will be; a refused one is asked anew under a new number. */
struct job *inbox_draft_of(struct inbox *in, struct reqfile *file)
{
	struct job *old = file->job, *job = NULL;
	char *id = inbox_id(file);

	/* The file may have been renamed while it was open. */
	if (id && old && old->state == JOB_DRAFT)
		job = !strcmp(old->id, id) || engine_rename(in->engine, old, id) == 0 ? old : NULL;
	else if (id)
		job = engine_draft(in->engine, id);
	free(id);
	if (job == old)
		return job;
	if (!job)
		return NULL;
	if (old && old->state == JOB_INVALID)
		engine_discard(in->engine, old);
	else if (old)
		engine_filed(in->engine, old, NULL);
	job->file = file->node;
	file->job = job;
	return job;
}

void inbox_refuse(struct inbox *in, struct reqfile *file, const struct error *err)
{
	struct job *job = inbox_draft_of(in, file);

	inbox_drop_unsent(in, file);
	if (!job || engine_refuse(in->engine, job, err) < 0)
		log_warn("out of memory: a refusal is not shown");
	ledger_dirty(in->ledger, &file->item);
}

int inbox_keep_read(struct reqfile *file, struct request *request)
{
	struct request *items = calloc(1, sizeof(*items));

	if (!items) {
		request_release(request);
		return -ENOMEM;
	}
	*items = *request;
	file->understood = (struct expansion){ .n = 1, .items = items };
	file->is_understood = true;
	return 0;
}

int inbox_understand(struct inbox *in, struct reqfile *file, struct node *folder, const char *name,
		     struct error *err)
{
	struct expand_source source;
	struct inbox_rules rules;
	int r;

	if (file->is_understood)
		return 0;
	r = inbox_rules_take(in, folder, &rules, err);
	if (r < 0)
		return r;
	inbox_source(in, &source);
	if (names_is_list(name))
		r = inbox_understand_list(in, file, folder, name, rules.use, &source, err);
	else
		r = request_expand(rules.use, name, buf_text(&file->text), file->text.size, &source,
				   &file->understood, err);
	inbox_source_release(&source);
	inbox_rules_drop(&rules);
	file->is_understood = r == 0;
	if (r == 0 && (names_is_list(name) || file->understood.n > 1))
		r = inbox_check_set(in, file, folder, name, err);
	return r;
}

/* Its text becomes a registered draft: it has a seed, its picture's name resolves, a crash does not
 * lose it. */
static int enroll_one(struct inbox *in, struct reqfile *file)
{
	struct job *job;
	int r = inbox_become_one(in, file);

	job = r == 0 ? inbox_draft_of(in, file) : NULL;
	return job ? engine_register(in->engine, job, file->understood.items) : -ENOMEM;
}

static int pick_seeds(const struct inbox *in, struct expansion *all)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n; i++)
		if (all->items[i].wants_seed)
			r = request_set_seed(&all->items[i],
					     (int64_t)world_below(in->world, SEED_BELOW));
	return r;
}

static int enroll(struct inbox *in, struct reqfile *file)
{
	const struct entry *home = file->node->home;
	struct error err;
	int r = inbox_understand(in, file, home->folder, home->name, &err);

	if (r < 0) {
		reqfile_forget_read(file);
		if (r != -ENOMEM)
			inbox_refuse(in, file, &err);
		return r;
	}
	r = pick_seeds(in, &file->understood);
	if (r == 0 && (names_is_list(home->name) || file->understood.n > 1))
		r = inbox_enroll_set(in, file);
	else if (r == 0)
		r = enroll_one(in, file);
	if (r < 0)
		return r;
	reqfile_forget_read(file);
	file->unsent = true;
	file->stale = false;
	ledger_dirty(in->ledger, &file->item);
	return 0;
}

void inbox_flush_failed(struct inbox *in, struct node *node, int r)
{
	struct reqfile *file = node->data;

	(void)in;
	file->flush_failed = r;
	file->unconfirmed = true;
}

/* The defaults of a folder are judged like a request, and never sent. */
static int flush_ini(struct inbox *in, struct reqfile *file)
{
	const struct entry *home = file->node->home;
	struct error err;
	int r = inbox_check_ini(in, file, home->folder, &err);

	if (r == -EINVAL) {
		inbox_refuse(in, file, &err);
	} else if (r == 0) {
		inbox_drop_job(in, file);
		inbox_forget_refusal(in, home->folder, home->name);
	}
	return r;
}

int inbox_flush(struct inbox *in, struct node *node)
{
	struct reqfile *file = node->data;
	int r;

	if (file->refused)
		return file->refused;
	file->flush_failed = 0;
	if (!node->home)
		return 0;
	if (file->changed) {
		file->unconfirmed = false;
		ledger_dirty(in->ledger, &file->item);
	}
	if (file->changed && inbox_is_ini(node->home->name))
		return flush_ini(in, file);
	if (inbox_is_draft(in, file) || !inbox_is_news(file) || (file->unsent && !file->stale))
		return 0;
	r = enroll(in, file);
	if (r < 0) /* the release may find memory, or room in the queue, but close() has said no */
		inbox_flush_failed(in, node, r);
	return r;
}

/* A job of the file whose name is gone: what was not submitted ends with it. */
static void let_go(struct inbox *in, struct job *job)
{
	job->file = NULL;
	if (job->state == JOB_INVALID || (job->state == JOB_DRAFT && !job->input))
		engine_discard(in->engine, job);
	else if (job->state == JOB_DRAFT)
		engine_cancel(in->engine, job);
	else
		engine_filed(in->engine, job, NULL);
}

void inbox_drop_job(struct inbox *in, struct reqfile *file)
{
	struct batch *batch = file->batch;
	struct job *job = file->job, *part;

	file->job = NULL;
	file->batch = NULL;
	file->unsent = false;
	if (job)
		let_go(in, job);
	for (size_t i = 0; i < batch_size(batch); i++) {
		part = batch_job(batch, i, in->engine, file->number);
		if (!part)
			continue;
		engine_set_of(in->engine, part, NULL, 0);
		let_go(in, part);
	}
	batch_free(batch);
}

static int submit(struct inbox *in, struct reqfile *file)
{
	return file->batch ? inbox_submit_set(in, file) : engine_submit(in->engine, file->job);
}

void inbox_submit(struct inbox *in, struct reqfile *file)
{
	int r = 0;

	if (inbox_is_draft(in, file))
		return;
	if (!inbox_is_news(file)) {
		if (file->unsent && file->batch) /* what was registered has been taken back since */
			inbox_drop_unsent(in, file);
		else if (file->unsent)
			inbox_drop_job(in, file);
		if (!request_is_blank(buf_text(&file->text), file->text.size))
			file->changed = file->stale = false;
		return;
	}
	if (!file->unsent || file->stale)
		r = enroll(in, file);
	if (r == 0)
		r = submit(in, file);
	if (r == -ENOMEM) {
		log_error("out of memory: a request is kept, but not sent; write it again");
		return;
	}
	file->unsent = file->stale = file->changed = file->rewritten = false;
	if (digest_sha256(buf_text(&file->text), file->text.size, file->sent) < 0)
		file->sent[0] = '\0';
	ledger_dirty(in->ledger, &file->item);
}
