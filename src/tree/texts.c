/*
 * The texts of the tree that are made when they are opened.
 *
 * Happy path: a text node of the mount's own points to its row of the table, one of a job to the
 * job; opening it makes the text once, and the reader keeps that. A stat makes nothing: it says a
 * bound, as sysfs does.
 *
 * Failures: only -ENOMEM; a job that is gone has an empty text.
 */
#include "pimagefs/texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/ctl.h"
#include "pimagefs/metrics.h"
#include "pimagefs/names.h"
#include "pimagefs/report.h"
#include "pimagefs/reqfile.h"
#include "pimagefs/stats.h"

#define STEP 4096UL /* what a stat says is a multiple of it */
/* Of one text beside what the job says: names, times, numbers, an advice, and why the queue
 * waits. */
#define REST 4000
#define PART 200 /* the same of one of a set */

/* config/doc/grammar.md */
extern const char grammar_text[];

struct texts {
	struct texts_ground on;
	struct ctl *ctl;
};

struct text {
	const char *name;
	int (*make)(const struct texts *t, struct buf *out);
	size_t bound;
};

static const char readme[] =
	"pimagefs: write a prompt, read a picture\n"
	"\n"
	"    cd %1$s\n"
	"    echo \"a red fox in the snow\" > requests/fox\n"
	"    cat images/fox.png > ~/fox.png        # waits until the picture is there\n"
	"\n"
	"The pictures lie as ordinary files, each with its request beside it, in\n"
	"%2$s\n"
	"%3$s\n"
	"requests/  Write prompts here: plain text, or JSON with the model's fields.\n"
	"\n"
	"    echo '{\"prompt\": \"a red fox\", \"seed\": 7}' > requests/fox.json\n"
	"    cp status/fox.json requests/again.json      # asks for the same once more\n"
	"\n"
	"           The endings .txt .json .prompt .md are dropped: fox, fox.txt and\n"
	"           fox.json are three requests for the one images/fox.png, which is the\n"
	"           last one's. A text that begins with {\" or {} is JSON, and so is all\n"
	"           in .json; \\{ begins a prompt with a brace. Subfolders are allowed\n"
	"           (mkdir first). Empty files and the temporary files of editors are\n"
	"           never sent. Writing a name again asks for a new picture. rm cancels\n"
	"           a request that is not finished. To rename a picture, rename its\n"
	"           request:\n"
	"\n"
	"    mv requests/again.json requests/red.json\n"
	"\n"
	"           A prompt may end with options and ask for several pictures: a red fox\n"
	"           --ar 3:2 --seed 7, a {red, blue} fox, a fox --repeat 4, <lora:NAME>.\n"
	"           Several are images/NAME/01.png and so on. NAME.prompts has one prompt a\n"
	"           line; a folder may have defaults in .pimagefs.ini. All of it:\n"
	"\n"
	"    cat requests/.help\n"
	"\n"
	"images/    One picture per request. One that is not there yet has size 0;\n"
	"           opening it waits (Ctrl-C ends that), listing it does not. Looking\n"
	"           makes no call to the service. What trusts the size, as image viewers\n"
	"           do, must be started when the picture is there:\n"
	"\n"
	"    cat images/red.png > /dev/null && xdg-open images/red.png\n"
	"\n"
	"           NAME.error.txt says why there is no picture. rm moves a picture to\n"
	"           the library's trash for %4$d days (library.trash_days; the desktop's\n"
	"           trash cannot be used here). Until its name is asked again it can come\n"
	"           back:\n"
	"\n"
	"    rm images/red.png\n"
	"    echo restore red > control/ctl\n"
	"\n"
	"status/    NAME.json says what became of each request; reading it never waits\n"
	"           for the service.\n"
	"\n"
	"by-date/   Links to the pictures by day and time; by-id/ has one to every picture\n"
	"by-id/     ever made, by the service's id for it.\n"
	"\n"
	"gallery.html  All pictures with their prompts, to search and compare: open it in a\n"
	"           browser.\n"
	"\n"
	"control/   stats.json, config.ini, and ctl, which takes commands, and lists them\n"
	"           and the last answers when it is read; progress shows what runs until\n"
	"           all is done; events follows each change, as JSON; metrics is for\n"
	"           Prometheus.\n"
	"\n"
	"    echo retry failed > control/ctl\n"
	"    cat control/ctl\n"
	"    cat control/progress\n"
	"    tail -n 3 control/events\n"
	"\n"
	"When a write is refused (\"Invalid argument\"), status/NAME.json says why. JSON that\n"
	"is not closed is refused only at close, whose error shells do not look at.\n"
	"When nothing is sent, \"stopped\" in control/stats.json says why, and status/\n"
	"of what is queued. It may be one of these:\n"
	"  today's budget is used up: writing a request says \"Disk quota exceeded\";\n"
	"      it ends at midnight, or with: echo resume > control/ctl\n"
	"  it was paused: echo resume > control/ctl\n"
	"  the key or the balance was refused: what waits is held; mend it, then\n"
	"      echo retry failed > control/ctl\n"
	"  the library or the state folder cannot be written, or has no room: writing\n"
	"      says \"No space left on device\" or the disk's own error; make room\n"
	"  finished pictures pile up, and wait for their download: they come first\n"
	"  too many requests (429), or the service cannot be reached: it goes on by\n"
	"      itself, and nothing is lost\n"
	"  creates that were never answered may still run: until their deadline\n"
	"When the queue is full (limits.queue), writing says \"No space left on device\"\n"
	"until one of its requests is done.\n"
	"\n"
	"All of this in full: pimagefs.md in the documentation (man pimagefs says where).\n"
	"To unmount (\"busy\": a program still has something open here):\n"
	"\n"
	"    cd && fusermount3 -u %1$s\n";

static const char demo_words[] =
	"\n"
	"THIS IS THE DEMO. Its pictures are drawn by the program itself; no model made\n"
	"them, and nothing is sent or billed. A prompt with [fail] or [nsfw] shows what\n"
	"failures look like. To make real pictures, get a key at\n"
	"https://www.eachlabs.ai/dashboard/api-keys and mount without --demo.\n";

/* A word of a shell's line. */
static int put_word(struct buf *out, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789/._-+,:@%";
	int r;

	if (!text[strspn(text, plain)])
		return buf_puts(out, text);
	r = buf_puts(out, "'");
	for (size_t n; r == 0 && *text; text += n) {
		n = strcspn(text, "'");
		r = n ? buf_append(out, text, n) : buf_puts(out, "'\\''");
		n += !n;
	}
	return r < 0 ? r : buf_puts(out, "'");
}

static int make_readme(const struct texts *t, struct buf *out)
{
	struct buf mountpoint = BUF_INIT;
	int r = put_word(&mountpoint, t->on.mountpoint);

	if (r == 0)
		r = buf_printf(out, readme, buf_text(&mountpoint), library_path(t->on.library),
			       t->on.settings->demo ? demo_words : "",
			       t->on.settings->library.trash_days);
	buf_release(&mountpoint);
	return r;
}

/* For Dolphin and its like. */
static int make_directory(const struct texts *t, struct buf *out)
{
	(void)t;
	return buf_puts(out, "[Desktop Entry]\nType=Directory\nIcon=folder-pictures\n"
			     "Comment=Write prompts into requests/, find their pictures in "
			     "images/\n");
}

/* That it is there is what it says: an indexer would open every picture that is still being made.
 */
static int make_nothing(const struct texts *t, struct buf *out)
{
	(void)t;
	(void)out;
	return 0;
}

static int make_grammar(const struct texts *t, struct buf *out)
{
	(void)t;
	return buf_puts(out, grammar_text);
}

static int make_stats(const struct texts *t, struct buf *out)
{
	struct engine_stats stats;

	engine_stats(t->on.engine, &stats);
	return stats_text(&stats, t->on.settings->demo, out);
}

static int make_metrics(const struct texts *t, struct buf *out)
{
	struct engine_stats stats;

	engine_stats(t->on.engine, &stats);
	return metrics_text(&stats, out);
}

static int make_config(const struct texts *t, struct buf *out)
{
	return settings_write(t->on.settings, out);
}

static const struct text text_readme = { "README.txt", make_readme, 2 * STEP };
static const struct text text_directory = { ".directory", make_directory, STEP };
static const struct text text_ignore = { ".trackerignore", make_nothing, 0 };
static const struct text text_help = { ".help", make_grammar, 4 * STEP };
static const struct text text_stats = { "stats.json", make_stats, STEP };
static const struct text text_metrics[] = { { "metrics", make_metrics, 2 * STEP },
					    { "metrics.prom", make_metrics, 2 * STEP } };
static const struct text text_config = { "config.ini", make_config, 16 * STEP };

/* A file that holds the text under the name of a draft, as a backup, does not have the id. */
static int path_of_file(const struct job *job, struct buf *out)
{
	const char *number = job->set ? strrchr(job->id, '/') : NULL;
	size_t size = number ? (size_t)(number - job->id) : strlen(job->id), from;
	int r = buf_puts(out, "requests/");

	from = out->size;
	if (r == 0)
		r = node_path(job->file, out);
	if (r == 0 && (names_id_length(out->data + from) != size ||
		       strncmp(out->data + from, job->id, size) != 0))
		buf_resize(out, 0);
	return r;
}

/* The file that asks for several, if that is what the job stands for; or NULL. */
static const struct reqfile *set_of(const struct job *job)
{
	const struct node *node = job->file;
	const struct reqfile *file = node ? node->data : NULL;

	return file && file->batch && file->job == job ? file : NULL;
}

static int make_status(const struct texts *t, struct job *job, struct buf *out)
{
	const struct reqfile *file = set_of(job);
	struct engine *e = t->on.engine;
	struct buf path = BUF_INIT;
	struct error why;
	struct report_more more = {
		.position = engine_queue_position(e, job),
		.waits = engine_waits_for(e, job, &why) ? &why : NULL,
		.library = library_path(t->on.library),
		.earlier_pictures = engine_earlier_pictures(e, job),
	};
	int r = job->file ? path_of_file(job, &path) : 0;

	more.request_file = buf_text(&path);
	if (r == 0 && file)
		r = report_set(job, &more, e, file->batch, file->number, out);
	else if (r == 0)
		r = report_status(job, &more, out);
	buf_release(&path);
	return r;
}

int texts_make(const struct texts *t, const struct node *node, struct buf *out)
{
	const struct text *text = node->data;

	if (node->kind == NODE_CTL)
		return ctl_text(t->ctl, out);
	if (!node->data)
		return 0;
	if (node->kind == NODE_TEXT)
		return text->make(t, out);
	if (node->kind == NODE_REASON)
		return report_reason(node->data, out);
	return make_status(t, node->data, out);
}

static size_t length(const char *text)
{
	return text ? strlen(text) : 0;
}

/* JSON writes a character as at most two, but for control characters, which no text here has; the
 * input is shown with a line and an indent for each of its members. */
static size_t bound_of_job(const struct texts *t, const struct job *job)
{
	const struct reqfile *file = set_of(job);
	size_t size = 3 * (length(job->prompt) + length(job->input)) +
		      2 * (2 * length(job->id) + length(job->prediction_id) + length(job->model) +
			   length(job->reused_from) + length(job->picture_path));

	for (size_t i = 0; file && i < batch_size(file->batch); i++) {
		const struct job *part = batch_job(file->batch, i, t->on.engine, file->number);

		size += part ? PART + 2 * (length(part->id) + length(part->prompt)) : 0;
		if (part && part->error)
			size += 2 * length(part->error->message);
	}
	size += 2 * length(job->origins);
	if (job->error)
		size += 2 * (length(job->error->message) + length(job->error->details) +
			     length(job->error->request_id));
	return size + REST;
}

int texts_command_begin(struct texts *t, const char *text, size_t size)
{
	return ctl_begin(t->ctl, engine_wall_ms(t->on.engine), text, size);
}

void texts_command_end(struct texts *t)
{
	ctl_end(t->ctl);
}

int texts_command(struct texts *t, const char *text, size_t size)
{
	return ctl_run(t->ctl, engine_wall_ms(t->on.engine), text, size);
}

size_t texts_bound(const struct texts *t, const struct node *node)
{
	const struct text *text = node->data;
	size_t size;

	if (node->kind == NODE_CTL)
		return ctl_size(t->ctl);
	if (!node->data)
		return 0;
	if (node->kind != NODE_TEXT)
		size = bound_of_job(t, node->data) + 2 * length(library_path(t->on.library));
	else if (text != &text_readme)
		size = text->bound;
	else /* twice, and a quote in a word is four bytes */
		size = text->bound + 8 * length(t->on.mountpoint) +
		       length(library_path(t->on.library));
	return (size + STEP - 1) / STEP * STEP;
}

static int plant(struct node *folder, enum node_kind kind, unsigned mode, const char *name,
		 const struct text *text)
{
	struct node *node;
	int r = tree_make(folder->tree, kind, folder->area, mode, &node);

	if (r < 0)
		return r;
	node->data = (void *)text; /* never written through: a constant row */
	r = tree_link(folder, name, node, true, NULL);
	node_unpin(node);
	return r;
}

int texts_plant(struct node *root, struct node *control)
{
	int r = plant(root, NODE_TEXT, 0444, text_readme.name, &text_readme);

	if (r == 0)
		r = plant(root, NODE_TEXT, 0444, text_directory.name, &text_directory);
	if (r == 0)
		r = plant(root, NODE_TEXT, 0444, text_ignore.name, &text_ignore);
	if (r == 0)
		r = plant(control, NODE_TEXT, 0444, text_stats.name, &text_stats);
	if (r == 0)
		r = plant(control, NODE_TEXT, 0444, text_config.name, &text_config);
	for (int i = 0; r == 0 && i < 2; i++)
		r = plant(control, NODE_TEXT, 0444, text_metrics[i].name, &text_metrics[i]);
	if (r == 0)
		r = plant(control, NODE_EVENTS, 0444, "events", NULL);
	if (r == 0)
		r = plant(control, NODE_PROGRESS, 0444, "progress", NULL);
	return r < 0 ? r : plant(control, NODE_CTL, 0644, "ctl", NULL);
}

int texts_plant_help(struct node *requests, struct node *control)
{
	struct node *node;
	int r = tree_make(requests->tree, NODE_TEXT, control->area, 0444, &node);

	if (r < 0)
		return r;
	node->data = (void *)&text_help; /* as in plant */
	r = tree_link(requests, text_help.name, node, false, NULL);
	node_unpin(node);
	return r;
}

int texts_new(struct texts **out, const struct texts_ground *ground)
{
	struct texts *t = calloc(1, sizeof(*t));
	struct ctl_ground ctl;
	int r;

	if (!t)
		return -ENOMEM;
	t->on = *ground;
	ctl = (struct ctl_ground){ .engine = ground->engine,
				   .inbox = ground->inbox,
				   .mountpoint = ground->mountpoint,
				   .reload = ground->reload };
	r = ctl_new(&t->ctl, &ctl);
	if (r < 0)
		texts_free(t);
	else
		*out = t;
	return r;
}

void texts_free(struct texts *t)
{
	if (t)
		ctl_free(t->ctl);
	free(t);
}
