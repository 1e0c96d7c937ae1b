/*
 * requests/: the defaults of a folder, which stand in its .pimagefs.ini and count below it too.
 *
 * Happy path: when a request is read, the files on the way down to its folder are read, the
 * innermost counts most. Such a file is judged when it is closed, or renamed to that name.
 *
 * Failures: a wrong one is refused (-EINVAL), and status/ says why, as for a request; requests
 * below it are refused with the same words until it is right, for they would not be what was meant.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inbox_internal.h"

#define INI ".pimagefs.ini"

/* The rules of a folder that has such a text; takes out->own of the folder above. */
static int step_down(struct inbox_rules *out, const struct node *folder, const struct buf *text,
		     struct error *err)
{
	struct buf path = BUF_INIT;
	struct request_rules *below = NULL;
	int r = buf_puts(&path, "requests/");

	if (r == 0)
		r = node_path(folder, &path);
	if (r == 0)
		r = buf_printf(&path, "%s" INI, path.data[path.size - 1] == '/' ? "" : "/");
	if (r == 0)
		r = request_rules_below(&below, out->use, path.data, buf_text(text), text->size,
					err);
	buf_release(&path);
	if (r < 0)
		return r;
	request_rules_free(out->own);
	out->use = out->own = below;
	return 0;
}

/* On the way down to the folder, which is left out if `above`. */
static int walk(const struct inbox *in, const struct node *folder, bool above,
		struct inbox_rules *out, struct error *err)
{
	const struct entry *ini = above ? NULL : tree_entry(folder, INI);
	const struct reqfile *file = ini && ini->node->kind == NODE_REQUEST ? ini->node->data
									    : NULL;
	int r = 0;

	if (folder != in->root && folder->home)
		r = walk(in, folder->home->folder, false, out, err);
	return r == 0 && file ? step_down(out, folder, &file->text, err) : r;
}

int inbox_rules_take(const struct inbox *in, const struct node *folder, struct inbox_rules *out,
		     struct error *err)
{
	int r;

	*out = (struct inbox_rules){ .use = in->rules };
	r = walk(in, folder, false, out, err);
	if (r < 0)
		inbox_rules_drop(out);
	return r;
}

void inbox_rules_drop(struct inbox_rules *rules)
{
	request_rules_free(rules->own);
	*rules = (struct inbox_rules){ .use = NULL };
}

int inbox_check_ini(const struct inbox *in, const struct reqfile *file, const struct node *folder,
		    struct error *err)
{
	struct inbox_rules rules = { .use = in->rules };
	int r = 0;

	if (!request_is_blank(buf_text(&file->text), file->text.size))
		r = walk(in, folder, true, &rules, err);
	if (r == 0)
		r = step_down(&rules, folder, &file->text, err);
	inbox_rules_drop(&rules);
	return r;
}

void inbox_forget_refusal(struct inbox *in, const struct node *folder, const char *name)
{
	struct buf path = BUF_INIT;
	struct job *job = inbox_path(folder, name, &path) == 0 ? engine_find(in->engine, path.data)
							       : NULL;

	if (job && job->state == JOB_INVALID && !job->file)
		engine_discard(in->engine, job);
	buf_release(&path);
}
