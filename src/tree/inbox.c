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
 */
#include "inbox_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/log.h"
#include "pimagefs/names.h"

#define RANDOM 6 /* letters that mkstemp and QTemporaryFile put in place of XXXXXX */

int inbox_new(struct inbox **out, const struct world *world, struct node *root,
	      const struct settings *settings, const struct request_rules *rules,
	      struct engine *engine, struct ledger *ledger)
{
	struct inbox *in = calloc(1, sizeof(*in));
	int r;

	if (!in)
		return -ENOMEM;
	in->world = world;
	in->root = root;
	in->settings = settings;
	in->rules = rules;
	in->engine = engine;
	in->ledger = ledger;
	r = engine_listen(engine, inbox_on_job, in);
	if (r < 0)
		free(in);
	else
		*out = in;
	return r;
}

void inbox_set_rules(struct inbox *in, const struct request_rules *rules)
{
	in->rules = rules;
}

void inbox_free(struct inbox *in)
{
	free(in);
}

void inbox_freed(struct node *node)
{
	reqfile_free(node->data);
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
			file->job->file = file->node;
			engine_show_draft(in->engine, file->job);
		}
	}
	free(id);
}

int inbox_create(struct inbox *in, struct node *folder, const char *name, unsigned mode,
		 struct node **out)
{
	bool draft = inbox_is_draft_name(in, folder, name);
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
	if (r)
		return r;
	node_touch(folder, file->node->mtime_ns);
	ledger_dirty_later(in->ledger,
			   &file->item); /* nothing is promised before the first FLUSH */
	if (!draft)
		inbox_show_draft(in, file);
	*out = file->node;
	return 0;
}

/* As mkstemp makes them: sed -i, perl -i, dos2unix, and gawk's inplace. */
static bool is_made_by_tool(const struct node *node, const char *name, size_t stem)
{
	static const char *const stems[] = { "sed", "XX", "d2utmp", "gawk." };

	for (size_t i = 0; node->mode == 0600 && i < sizeof(stems) / sizeof(*stems); i++)
		if (strlen(stems[i]) == stem && strncmp(name, stems[i], stem) == 0)
			return true;
	return false;
}

/* NAME.prompts.XXXXXX, which KDE's programs rename to the list beside it. */
static bool is_of_list(const struct node *node, const char *name, size_t stem)
{
	char *list = stem && name[stem - 1] == '.' ? strndup(name, stem - 1) : NULL;
	bool is = list && names_is_list(list) && tree_entry(node->home->folder, list);

	free(list);
	return is;
}

void inbox_made_new(struct inbox *in, struct node *node)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	struct reqfile *file = node->data;
	const char *name = node->home->name;
	size_t size = strlen(name), stem = size > RANDOM ? size - RANDOM : 0;

	if (!stem || name[stem + strspn(name + stem, letters)] ||
	    (!is_made_by_tool(node, name, stem) && !is_of_list(node, name, stem)))
		return;
	inbox_drop_job(in, file); /* that of an empty file */
	file->passing = true;
}

void inbox_open_writer(struct inbox *in, struct node *node)
{
	struct reqfile *file = node->data;

	(void)in;
	file->writers++;
}

/* --- text --- */

static int check_part(struct inbox *in, struct reqfile *file)
{
	const struct entry *home = file->node->home;
	struct inbox_rules rules;
	struct request request;
	struct error err;
	int r;

	if (inbox_is_draft(in, file))
		return 0;
	reqfile_forget_read(file);
	/* Defaults that are wrong are told at the end, where a plain prompt is judged. */
	r = inbox_rules_take(in, home->folder, &rules, &err);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = request_check_part(rules.use, file->node->home->name, buf_text(&file->text),
			       file->text.size, &request, &err);
	if (r > 0)
		r = inbox_keep_read(file, &request);
	inbox_rules_drop(&rules);
	if (r < 0 && r != -ENOMEM) {
		file->refused = r;
		inbox_refuse(in, file, &err);
	}
	return r < 0 ? r : 0;
}

static void text_changed(const struct inbox *in, struct reqfile *file)
{
	file->changed = file->stale = file->unconfirmed = true;
	inbox_touch(in, file->node);
}

/* May the text become so large? All texts lie in memory. 0, -EFBIG or -ENOSPC. */
static int check_size(const struct inbox *in, const struct reqfile *file, uint64_t size)
{
	const struct settings *s = in->settings;
	size_t others = tree_held(in->root->tree) - file->text.size;

	if (size > (uint64_t)s->limits.max_request_bytes)
		return -EFBIG;
	if (size > file->text.size && size + others > (uint64_t)s->limits.all_request_bytes)
		return -ENOSPC;
	return 0;
}

/* What fitted is not what was meant: the present writers submit nothing. */
static int refuse_size(struct inbox *in, struct reqfile *file, int r)
{
	struct error err = { 0 };

	file->refused = r;
	if (inbox_is_draft(in, file))
		return r;
	error_set(&err, ERROR_INVALID,
		  r == -EFBIG ? "the request is too large: a file may have %lld bytes "
				"(limits.max_request_bytes)"
			      : "no room for the request: all of requests/ together may have %lld "
				"bytes (limits.all_request_bytes)",
		  (long long)(r == -EFBIG ? in->settings->limits.max_request_bytes
					  : in->settings->limits.all_request_bytes));
	inbox_refuse(in, file, &err);
	return r;
}

int inbox_write(struct inbox *in, struct node *node, const void *bytes, size_t size, int64_t offset)
{
	struct reqfile *file = node->data;
	size_t before = file->text.size;
	struct buf covered = BUF_INIT; /* so that a refusal can put it back */
	int r = offset < 0 ? -EFBIG : check_size(in, file, (uint64_t)offset + size);

	if (r < 0)
		return refuse_size(in, file, r);
	if ((size_t)offset < before)
		r = buf_append(&covered, file->text.data + offset,
			       size < before - offset ? size : before - offset);
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
	tree_hold(in->root->tree, before, file->text.size);
	text_changed(in, file);
out:
	if (r == -ENOMEM) /* what is there is not the whole: nobody sends it */
		file->refused = r;
	buf_wipe(&covered);
	return r;
}

int inbox_truncate(struct inbox *in, struct node *node, int64_t size)
{
	struct reqfile *file = node->data;
	size_t before = file->text.size;
	int r;

	if (size < 0)
		return -EINVAL;
	r = check_size(in, file, (uint64_t)size);
	if (r < 0)
		return r;
	if ((size_t)size == before && size != 0)
		return 0;
	if (size == 0)
		file->refused = 0;
	if ((size_t)size != before) {
		r = buf_resize(&file->text, size);
		if (r < 0) {
			file->refused = file->writers ? r : 0; /* as a write that fails */
			return r;
		}
		tree_hold(in->root->tree, before, size);
		reqfile_forget_read(file);
		text_changed(in, file);
	}
	file->rewritten = true;
	if (file->node->home)
		ledger_dirty(in->ledger, &file->item);
	if (!file->writers)
		inbox_submit(in, file);
	return 0;
}

/* What the last writer was told is not done: neither may a later touch send what was written. */
static void keep_unsent(struct inbox *in, struct reqfile *file)
{
	bool told = file->refused || (file->job && file->job->state == JOB_INVALID);
	struct error why;

	if (file->flush_failed && !told && !inbox_is_draft(in, file)) {
		error_set(&why, ERROR_INVALID,
			  "this request could not be stored (%s) when it was closed; it was not "
			  "sent: write it again",
			  strerror(-file->flush_failed));
		inbox_refuse(in, file, &why);
	}
	file->refused = file->flush_failed = 0;
	file->changed = file->stale = false;
	file->unconfirmed = true; /* nor may a rename after a restart */
	if (file->node->home)
		ledger_dirty(in->ledger, &file->item);
}

void inbox_release_writer(struct inbox *in, struct node *node)
{
	struct reqfile *file = node->data;

	if (--file->writers)
		return;
	if (file->refused || file->flush_failed)
		keep_unsent(in, file);
	else
		inbox_submit(in, file);
	reqfile_forget_read(file);
}

int inbox_touched(struct inbox *in, struct node *node)
{
	struct reqfile *file = node->data;
	struct buf path = BUF_INIT;
	int r = 0;

	if (node->kind == NODE_REQUEST) {
		if (node->home)
			ledger_dirty(in->ledger, &file->item);
		return 0;
	}
	r = node_path(node, &path);
	if (r == 0 && path.size)
		r = ledger_folder(in->ledger, path.data, node->mode, node->mtime_ns);
	buf_release(&path);
	return r;
}
