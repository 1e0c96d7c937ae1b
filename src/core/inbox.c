/*
 * requests/: writing, flushing, submitting. The names (mkdir, rename, unlink) are in inbox_names.c.
 *
 * Happy path: create, write (each write checked as far as it can be judged), FLUSH registers the
 * text as a draft job, so that its picture's name resolves at once and survives a crash; the
 * release of the last writer submits the job.
 *
 * Failures: a refused write changes nothing in the file and stands in status/<id>.json; after it
 * the present writers submit nothing, for what is there is not the whole. A text that only its end
 * shows to be wrong is refused by FLUSH.
 *
 * On close nothing is left to do: every flush was durable before it was answered.
 */
#include "inbox_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/clock.h"
#include "pimagefs/log.h"
#include "pimagefs/names.h"
#include "pimagefs/rng.h"

#define SEED_BELOW (1ULL << 31)

int inbox_new(struct inbox **out, struct node *root, const struct settings *settings,
	      const struct request_rules *rules, struct engine *engine, struct ledger *ledger)
{
	struct inbox *in = calloc(1, sizeof(*in));

	if (!in)
		return -ENOMEM;
	in->root = root;
	in->settings = settings;
	in->rules = rules;
	in->engine = engine;
	in->ledger = ledger;
	*out = in;
	return 0;
}

void inbox_free(struct inbox *in)
{
	free(in);
}

void inbox_freed(struct node *node)
{
	reqfile_free(node->data);
}

bool inbox_is_draft_name(const struct inbox *in, const char *name)
{
	return names_is_draft(name, in->settings->requests.ignore, in->settings->requests.n_ignore);
}

bool inbox_is_draft(const struct inbox *in, const struct reqfile *file)
{
	return !file->node->home || inbox_is_draft_name(in, file->node->home->name);
}

int inbox_path(const struct node *folder, const char *name, struct buf *out)
{
	int r = node_path(folder, out);

	if (r == 0 && out->size)
		r = buf_puts(out, "/");
	if (r == 0)
		r = buf_puts(out, name);
	return r == 0 && out->size > NAMES_PATH_MAX ? -ENAMETOOLONG : r;
}

char *inbox_id(const struct reqfile *file)
{
	struct buf path = BUF_INIT;
	char *id = NULL;

	if (node_path(file->node, &path) == 0)
		id = strndup(buf_text(&path), names_id_length(buf_text(&path)));
	buf_release(&path);
	return id;
}

int inbox_has_room(const struct inbox *in)
{
	/* The top folder is none of the user's. */
	return tree_requests(in->root->tree) > (unsigned)in->settings->limits.files ? -ENOSPC : 0;
}

int inbox_may_write(const struct inbox *in, const struct node *folder, const char *name)
{
	(void)folder;
	return inbox_is_draft_name(in, name) ? 0 : engine_may_accept(in->engine);
}

int inbox_make_file(struct inbox *in, struct node *folder, const char *name, unsigned mode,
		    uint64_t number, struct reqfile **out)
{
	struct reqfile *file;
	struct node *node;
	int r = tree_make(folder->tree, NODE_REQUEST, AREA_REQUESTS, mode, &node);

	if (r < 0)
		return r;
	file = reqfile_new(number, node);
	node->data = file;
	r = file ? tree_link(folder, name, node, true, NULL) : -ENOMEM;
	node_unpin(node); /* on failure this frees both */
	if (r < 0)
		return r;
	if (number > in->last_number)
		in->last_number = number;
	*out = file;
	return 0;
}

void inbox_show_draft(struct inbox *in, struct reqfile *file)
{
	char *id = inbox_id(file);

	if (id && !engine_find(in->engine, id)) {
		file->job = engine_draft(in->engine, id);
		if (file->job) {
			file->job->filed = true;
			engine_show_draft(in->engine, file->job);
		}
	}
	free(id);
}

int inbox_create(struct inbox *in, struct node *folder, const char *name, unsigned mode,
		 struct node **out)
{
	bool draft = inbox_is_draft_name(in, name);
	struct buf path = BUF_INIT;
	struct reqfile *file;
	int r = names_check(name, draft);

	if (r == 0)
		r = inbox_path(folder, name, &path);
	buf_release(&path);
	if (r == 0)
		r = inbox_has_room(in);
	if (r == 0)
		r = inbox_may_write(in, folder, name);
	if (r == 0)
		r = inbox_make_file(in, folder, name, mode, in->last_number + 1, &file);
	if (r < 0)
		return r;
	node_touch(folder, file->node->mtime_ns);
	ledger_file_later(in->ledger, file); /* nothing is promised before the first FLUSH */
	if (!draft)
		inbox_show_draft(in, file);
	*out = file->node;
	return 0;
}

void inbox_open_writer(struct inbox *in, struct node *node)
{
	struct reqfile *file = node->data;

	(void)in;
	file->writers++;
}

/* --- text --- */

/* The job that the text being written will be; a refused one is asked anew under a new number. */
static struct job *draft_of(struct inbox *in, struct reqfile *file)
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
		engine_filed(in->engine, old, false);
	job->filed = true;
	file->job = job;
	return job;
}

void inbox_refuse(struct inbox *in, struct reqfile *file, const struct error *err)
{
	struct job *job = draft_of(in, file);

	file->unsent = false;
	if (!job || engine_refuse(in->engine, job, err) < 0)
		log_warn("out of memory: a refusal is not shown");
	ledger_file(in->ledger, file);
}

static int check_part(struct inbox *in, struct reqfile *file)
{
	struct error err;
	int r;

	if (inbox_is_draft(in, file))
		return 0;
	r = request_check_part(in->rules, file->node->home->name, buf_text(&file->text),
			       file->text.size, &err);
	if (r < 0 && r != -ENOMEM) {
		file->refused = r;
		inbox_refuse(in, file, &err);
	}
	return r;
}

static void text_changed(struct reqfile *file)
{
	file->changed = true;
	file->stale = true;
	node_touch(file->node, clock_wall_ms() * 1000000);
}

/* What a write is about to cover, so that a refusal can put it back. */
static int save_covered(const struct reqfile *file, size_t size, size_t offset, struct buf *out)
{
	if (offset >= file->text.size)
		return 0;
	if (size > file->text.size - offset)
		size = file->text.size - offset;
	return buf_append(out, file->text.data + offset, size);
}

/* What fitted is not what was meant: the present writers submit nothing. */
static int refuse_large(struct inbox *in, struct reqfile *file)
{
	struct error err = { 0 };

	if (!inbox_is_draft(in, file)) {
		error_set(&err, ERROR_INVALID,
			  "the request is too large: a file may have %lld bytes "
			  "(limits.max_request_bytes)",
			  (long long)in->settings->limits.max_request_bytes);
		file->refused = -EFBIG;
		inbox_refuse(in, file, &err);
	}
	return -EFBIG;
}

int inbox_write(struct inbox *in, struct node *node, const void *bytes, size_t size, int64_t offset)
{
	struct reqfile *file = node->data;
	size_t limit = in->settings->limits.max_request_bytes, before = file->text.size;
	struct buf covered = BUF_INIT;
	int r;

	if (offset < 0 || (uint64_t)offset > limit || size > limit - (size_t)offset)
		return refuse_large(in, file);
	r = save_covered(file, size, offset, &covered);
	if (r == 0)
		r = buf_write_at(&file->text, bytes, size, offset);
	if (r < 0)
		goto out;
	r = check_part(in, file);
	if (r < 0) {
		if (covered.size)
			memcpy(file->text.data + offset, covered.data, covered.size);
		buf_resize(&file->text, before);
		goto out;
	}
	text_changed(file);
out:
	buf_wipe(&covered);
	return r;
}

int inbox_truncate(struct inbox *in, struct node *node, int64_t size)
{
	struct reqfile *file = node->data;
	int r;

	if (size < 0)
		return -EINVAL;
	if (size > in->settings->limits.max_request_bytes)
		return -EFBIG;
	if ((size_t)size == file->text.size && size != 0)
		return 0;
	if (size == 0)
		file->refused = 0;
	if ((size_t)size != file->text.size) {
		r = buf_resize(&file->text, size);
		if (r < 0)
			return r;
		text_changed(file);
	}
	file->rewritten = true;
	if (file->node->home)
		ledger_file(in->ledger, file);
	if (!file->writers)
		inbox_submit(in, file);
	return 0;
}

/* --- from text to job --- */

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

int inbox_check(const struct inbox *in, const struct reqfile *file, const char *name,
		struct error *err)
{
	struct request request = { 0 };
	int r = request_parse(in->rules, name, buf_text(&file->text), file->text.size, &request,
			      err);

	if (r == 0)
		request_release(&request);
	return r;
}

/* Its text becomes a registered draft: it has a seed, its picture's name resolves, a crash does not
 * lose it. */
static int enroll(struct inbox *in, struct reqfile *file)
{
	struct request request = { 0 };
	struct error err;
	struct job *job;
	int r = request_parse(in->rules, file->node->home->name, buf_text(&file->text),
			      file->text.size, &request, &err);

	if (r < 0) {
		if (r != -ENOMEM)
			inbox_refuse(in, file, &err);
		return r;
	}
	if (request.wants_seed)
		r = request_set_seed(&request, (int64_t)rng_below(SEED_BELOW));
	job = r == 0 ? draft_of(in, file) : NULL;
	r = job ? engine_register(in->engine, job, &request) : -ENOMEM;
	request_release(&request);
	if (r < 0)
		return r;
	file->unsent = true;
	file->stale = false;
	ledger_file(in->ledger, file);
	return 0;
}

int inbox_flush(struct inbox *in, struct node *node)
{
	struct reqfile *file = node->data;

	if (file->refused)
		return file->refused;
	if (!node->home)
		return 0;
	if (file->changed)
		ledger_file(in->ledger, file);
	if (inbox_is_draft(in, file) || !inbox_is_news(file) || (file->unsent && !file->stale))
		return 0;
	return enroll(in, file);
}

static void sent(struct reqfile *file)
{
	file->unsent = file->stale = file->changed = file->rewritten = false;
	if (digest_sha256(buf_text(&file->text), file->text.size, file->sent) < 0)
		file->sent[0] = '\0';
}

void inbox_submit(struct inbox *in, struct reqfile *file)
{
	int r = 0;

	if (inbox_is_draft(in, file))
		return;
	if (!inbox_is_news(file)) {
		if (file->unsent) /* what was registered has been taken back since */
			inbox_part(in, file, false);
		if (!request_is_blank(buf_text(&file->text), file->text.size))
			file->changed = file->stale = false;
		return;
	}
	if (!file->unsent || file->stale)
		r = enroll(in, file);
	if (r == 0)
		r = engine_submit(in->engine, file->job);
	if (r == -ENOMEM) {
		log_error("out of memory: a request is kept, but not sent; write it again");
		return;
	}
	sent(file);
	ledger_file(in->ledger, file);
}

void inbox_release_writer(struct inbox *in, struct node *node)
{
	struct reqfile *file = node->data;
	bool refused = file->refused;

	if (--file->writers)
		return;
	file->refused = 0;
	if (!refused) {
		inbox_submit(in, file);
		return;
	}
	/* Neither may a later touch send the part that was written. */
	file->changed = file->stale = false;
	ledger_file(in->ledger, file);
}

int inbox_touched(struct inbox *in, struct node *node)
{
	struct reqfile *file = node->data;
	struct buf path = BUF_INIT;
	int r = 0;

	if (node->kind == NODE_REQUEST) {
		if (node->home)
			ledger_file(in->ledger, file);
		return 0;
	}
	r = node_path(node, &path);
	if (r == 0 && path.size)
		r = ledger_folder(in->ledger, path.data, node);
	buf_release(&path);
	return r;
}
