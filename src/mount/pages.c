/*
 * The texts of the tree that are made when they are read: README.txt, control/stats.json,
 * control/config.ini, and for each job status/<id>.json and images/<id>.error.txt.
 *
 * Happy path: a page's node points to its row of the table; a job's node to the job.
 * Failures: only -ENOMEM; a job that is gone has an empty text.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs_internal.h"
#include "pimagefs/report.h"

static const char readme[] =
	"pimagefs: write a prompt, read a picture\n"
	"\n"
	"  cd %1$s\n"
	"  echo \"a red fox in the snow\" > requests/fox\n"
	"  cat images/fox.png > /tmp/fox.png        # waits until the picture is there\n"
	"\n"
	"The pictures lie as ordinary files in\n"
	"  %2$s\n"
	"%3$s"
	"\n"
	"requests/  Write prompts here: plain text, or JSON with the model's fields:\n"
	"             echo '{\"prompt\": \"a red fox\", \"aspect_ratio\": \"1:1\", "
	"\"seed\": 7}' \\\n"
	"                 > requests/fox.json\n"
	"           Subfolders are allowed (mkdir first). Empty files and the temporary\n"
	"           files of editors are never sent. Writing a name again asks for a new\n"
	"           picture. rm cancels a request that is not finished.\n"
	"\n"
	"images/    One picture per request. One that is not there yet has size 0, and\n"
	"           opening it waits; nothing else does. Looking costs nothing.\n"
	"           NAME.error.txt says why there is no picture. rm deletes the picture.\n"
	"\n"
	"status/    NAME.json says what became of each request; it never waits.\n"
	"\n"
	"control/   stats.json, config.ini, and ctl, which takes commands:\n"
	"             echo 'retry fox' > control/ctl\n"
	"             cat control/ctl                 # lists them\n"
	"\n"
	"When a write is refused (\"Invalid argument\"), status/NAME.json says why.\n"
	"To unmount: fusermount3 -u %1$s\n";

static const char demo_note[] =
	"\n"
	"THIS IS THE DEMO. Its pictures are drawn by the program itself; no model made\n"
	"them, and nothing is sent or billed. A prompt with [fail] or [nsfw] shows what\n"
	"failures look like. To make real pictures, get a key at\n"
	"https://www.eachlabs.ai/dashboard/api-keys and mount without --demo.\n";

static int render_readme(struct fs *fs, struct buf *out)
{
	return buf_printf(out, readme, fs->on.mountpoint, library_path(fs->on.library),
			  fs->on.settings->demo ? demo_note : "");
}

static int render_stats(struct fs *fs, struct buf *out)
{
	json_t *stats = engine_stats(fs->on.engine);
	char *text = stats ? json_dumps(stats, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
	int r = text ? buf_puts(out, text) : -ENOMEM;

	if (r == 0)
		r = buf_puts(out, "\n");
	free(text);
	json_decref(stats);
	return r;
}

static int render_config(struct fs *fs, struct buf *out)
{
	return settings_write(fs->on.settings, out);
}

static const struct page page_readme = { "README.txt", render_readme };
static const struct page page_stats = { "stats.json", render_stats };
static const struct page page_config = { "config.ini", render_config };

static int status_text(const struct fs *fs, const struct job *job, struct buf *out)
{
	struct error why;
	bool waits = engine_waits_for(fs->on.engine, job, &why);

	return report_status(job, engine_queue_position(fs->on.engine, job), waits ? &why : NULL,
			     fs->on.rules, library_path(fs->on.library), out);
}

int page_text(struct fs *fs, const struct node *node, struct buf *out)
{
	const struct page *page = node->data;
	const struct job *job = node->data;

	if (node->kind == NODE_CTL)
		return buf_puts(out, ctl_help);
	if (!node->data)
		return 0;
	if (node->kind == NODE_PAGE)
		return page->render(fs, out);
	if (node->kind == NODE_REASON)
		return report_reason(job, out);
	return status_text(fs, job, out);
}

static int plant_text(struct node *folder, enum node_kind kind, unsigned mode, const char *name,
		      const struct page *page)
{
	struct node *node;
	int r = tree_make(folder->tree, kind, folder->area, mode, &node);

	if (r < 0)
		return r;
	node->data =
		(void *)page; /* never written through: its kind says that it is a constant row */
	r = tree_link(folder, name, node, true, NULL);
	node_unpin(node);
	return r;
}

int pages_plant(struct tree *tree, const struct fs_folders *folders)
{
	int r = plant_text(tree_root(tree), NODE_PAGE, 0444, page_readme.name, &page_readme);

	if (r == 0)
		r = plant_text(folders->control, NODE_PAGE, 0444, page_stats.name, &page_stats);
	if (r == 0)
		r = plant_text(folders->control, NODE_PAGE, 0444, page_config.name, &page_config);
	if (r == 0)
		r = plant_text(folders->control, NODE_CTL, 0644, "ctl", NULL);
	return r;
}
