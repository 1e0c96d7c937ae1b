/*
 * requests/: which lines of a list (NAME.prompts) have been asked for.
 *
 * Happy path: each job of a list has the name of its line; a line that no job of the list has is
 * new. A list that takes another's place under its id (an editor's save) knows the lines of that.
 *
 * Failures: a line that was registered and never sent, because no close confirmed it, is new when
 * the list is written again.
 */
#include <errno.h>
#include <string.h>

#include "inbox_internal.h"
#include "pimagefs/map.h"
#include "pimagefs/names.h"
#include "pimagefs/prompt_list.h"

/* What stands behind PREFIX/ in this id, or NULL. */
static const char *below(const char *id, const char *prefix)
{
	size_t size = strlen(prefix);

	return strncmp(id, prefix, size) == 0 && id[size] == '/' ? id + size + 1 : NULL;
}

bool inbox_is_part_of(const struct job *job, const char *id)
{
	const char *rest = job->part ? below(job->id, id) : NULL;

	return rest && !strchr(rest, '/');
}

/* Lines that have been asked for: by this file, or by one that had the id and is about to go (an
 * editor's backup, or what a rename replaces). */
struct known {
	struct map *lines;
	const struct reqfile *file;
	const char *id;
	int r;
};

/* No close ever confirmed its text, so nothing was sent: to write the line is to ask for it. */
static bool is_interrupted(const struct job *job)
{
	return job->state == JOB_HELD && job->error && job->error->advice == ADVICE_SEND;
}

bool inbox_line_is_asked(const struct job *job, const struct reqfile *file, const char *id)
{
	return job->line && job->set && job->state != JOB_DRAFT && !is_interrupted(job) &&
	       (job->set == file->number || (job->current && inbox_is_part_of(job, id)));
}

bool inbox_line_is_new(const struct job *job, const struct reqfile *file)
{
	if (!job->line || !is_interrupted(job))
		return false;
	for (size_t i = 0; i < file->understood.n; i++)
		if (strcmp(file->understood.items[i].line, job->line) == 0)
			return true;
	return false;
}

static int note_line(struct job *job, void *data)
{
	struct known *k = data;

	if (inbox_line_is_asked(job, k->file, k->id))
		k->r = map_set(k->lines, job->line, job);
	return k->r;
}

static bool is_known(const char *line, void *data)
{
	const struct known *k = data;

	return map_get(k->lines, line) != NULL;
}

int inbox_understand_list(struct inbox *in, struct reqfile *file, const struct node *folder,
			  const char *name, const struct request_rules *rules,
			  const struct expand_source *source, struct error *err)
{
	struct known known = { .lines = map_new(), .file = file };
	struct buf path = BUF_INIT;
	int r = known.lines ? inbox_path(folder, name, &path) : -ENOMEM;

	if (r == 0) {
		path.data[names_id_length(path.data)] = '\0';
		known.id = path.data;
		r = engine_each(in->engine, note_line, &known);
	}
	if (r == 0)
		r = prompt_list_expand(rules, buf_text(&file->text), file->text.size, source,
				       is_known, &known, &file->understood, err);
	buf_release(&path);
	map_free(known.lines);
	return r;
}
