/*
 * What a content of requests/ asks for, as the user means it: each picture is a text of its own,
 * and the money is counted by text.
 *
 * Happy path: a plain prompt is one text; `{red, blue}` gives one for each, `--seed N --repeat R`
 * one for each seed (written "PROMPT@N"); of a list each line is one. They are kept as one string,
 * "wants", with a mark between them.
 *
 * Failures: what is half written, or no request, asks for nothing.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "users.h"

#define MARK '\x1f'
#define MOST_KEY 1200

bool path_is_list(const char *path)
{
	return strstr(path, ".prompts") != NULL;
}

static bool add(struct buf *out, const char *prompt, int seed)
{
	if (out->size)
		buf_printf(out, "%c", MARK);
	if (seed)
		return buf_printf(out, "%s@%d", prompt, seed) == 0;
	return buf_puts(out, prompt) == 0;
}

/* Each choice of the first brace. */
static bool add_braces(struct buf *out, const char *prompt, int seed)
{
	const char *open = strchr(prompt, '{'), *close = open ? strchr(open, '}') : NULL, *at;
	char one[MOST_KEY];

	if (!open)
		return add(out, prompt, seed);
	if (!close)
		return false;
	for (at = open + 1; at < close;) {
		int size = (int)strcspn(at, ",}");

		snprintf(one, sizeof(one), "%.*s%.*s%s", (int)(open - prompt), prompt, size, at,
			 close + 1);
		add(out, one, seed);
		at += size + (at[size] == ',') + (at[size + 1] == ' ');
	}
	return true;
}

/* Where the options begin, or NULL. "--" with nothing behind it, or with more than a word, is text;
 * an option that is cut short is there, and will be refused. */
static const char *options_of(const char *line)
{
	const char *found = strstr(line, " --seed "), *next = line;
	size_t word;

	if (found)
		return found;
	while ((next = strstr(next, " --")))
		found = next++;
	word = found ? strcspn(found + 3, " ") : 0;
	return word && !found[3 + word] ? found : NULL;
}

static bool add_plain(struct buf *out, const char *line)
{
	const char *dash = options_of(line);
	int seed = 0, repeat = 1, end = 0;
	char prompt[MOST_KEY];
	bool fine = true;

	if (dash && sscanf(dash, " --seed %d --repeat %d%n", &seed, &repeat, &end) < 2)
		repeat = 1;
	if (dash && !end)
		sscanf(dash, " --seed %d%n", &seed, &end);
	if (dash && (!end || dash[end + (int)strspn(dash + end, " ")]))
		return false;
	snprintf(prompt, sizeof(prompt), "%.*s", dash ? (int)(dash - line) : MOST_KEY, line);
	for (int i = 0; i < repeat && fine; i++)
		fine = add_braces(out, prompt, seed ? seed + i : 0);
	return fine;
}

static bool add_json(struct buf *out, const char *content)
{
	json_t *body = json_loads(content, 0, NULL);
	const char *prompt = json_string_value(json_object_get(body, "prompt"));
	bool fine = prompt && *prompt && add(out, prompt, 0);

	json_decref(body);
	return fine;
}

static bool add_lines(struct buf *out, char *content)
{
	bool fine = true;

	for (char *line; fine && (line = strsep(&content, "\n"));)
		fine = !*line || add_plain(out, line);
	return fine;
}

char *wants_of(const char *path, const char *content)
{
	struct buf out = BUF_INIT;
	char *copy = strdup(content);
	size_t size = strlen(copy);
	bool fine;

	while (size && copy[size - 1] == '\n')
		copy[--size] = '\0';
	if (!size)
		fine = false;
	else if (path_is_list(path))
		fine = add_lines(&out, copy);
	else
		fine = *copy == '{' ? add_json(&out, content) : add_plain(&out, copy);
	free(copy);
	if (fine && out.size)
		return out.data;
	buf_release(&out);
	return NULL;
}

struct text *want_next(struct sim *s, const char **wants)
{
	char key[MOST_KEY];
	size_t size;

	if (!*wants || !**wants)
		return NULL;
	size = strcspn(*wants, (const char[]){ MARK, '\0' });
	snprintf(key, sizeof(key), "%.*s", (int)size, *wants);
	*wants += size + ((*wants)[size] == MARK);
	return text_of(s, key, true);
}

struct text *text_of(struct sim *s, const char *prompt, bool make)
{
	struct text *t;

	list_each (p, &s->service.texts) {
		t = list_entry(p, struct text, in);
		if (strcmp(t->prompt, prompt) == 0)
			return t;
	}
	if (!make)
		return NULL;
	t = calloc(1, sizeof(*t));
	t->prompt = strdup(prompt);
	list_append(&s->service.texts, &t->in);
	return t;
}

struct text *text_with_seed(struct sim *s, const char *prompt, int64_t seed, bool make)
{
	char key[MOST_KEY];

	if (seed <= 0 || seed > USERS_SEEDS)
		return text_of(s, prompt, make);
	snprintf(key, sizeof(key), "%s@%d", prompt, (int)seed);
	return text_of(s, key, make);
}

struct text *text_of_job(struct sim *s, const struct job *job)
{
	return text_with_seed(s, job->prompt, job->has_seed ? job->seed : 0, true);
}

/* --- how often it may be created --- */

struct owed {
	struct sim *sim;
	const struct text *text;
	int n;
	bool has_picture;
};

/* It may still lead to a create. */
bool job_owes(const struct job *job)
{
	return job->state == JOB_QUEUED || job->state == JOB_CREATING ||
	       (job->asked_again && job_pending(job));
}

static int count_owed(struct job *job, void *data)
{
	struct owed *o = data;

	if (!job->prompt || text_of_job(o->sim, job) != o->text)
		return 0;
	o->n += job_owes(job);
	o->has_picture = o->has_picture || (job_has_picture(job) && job->input);
	return 0;
}

/* The creates that its jobs may still lead to, as they stand. */
int text_owed(struct sim *s, const struct text *t)
{
	struct owed o = { .sim = s, .text = t };

	engine_each(s->house.engine, count_owed, &o);
	return o.n;
}

/* Some of those that asked for it do no longer; others: what the rest of them owes, as it stood
 * before. */
void text_revoke(struct text *t, int others)
{
	int most = t->spent + others;

	t->cancelled = true;
	if (t->granted > most)
		t->granted = most;
}

/* Is there one that may be used again? Asked before it is submitted. */
void wants_look(struct sim *s, const char *wants)
{
	for (struct text *t; (t = want_next(s, &wants));) {
		struct owed o = { .sim = s, .text = t };

		if (s->o.reuse && strchr(t->prompt, '@'))
			engine_each(s->house.engine, count_owed, &o);
		t->reusable = o.has_picture;
	}
}

void wants_grant(struct sim *s, const char *path, const char *wants)
{
	for (struct text *t; (t = want_next(s, &wants));) {
		if (path_is_list(path) && t->submits)
			continue; /* that line was asked for before */
		t->submits++;
		if (t->reusable) {
			t->reuses++;
			if (t->reuse_open++ == 0) { /* else what went wrong may have been before */
				t->reuse_fired = library_fired(s);
				t->reuse_removals = s->removals;
			}
		} else {
			t->granted++;
		}
		t->reusable = false;
	}
}

void wants_limbo(struct sim *s, const char *wants)
{
	for (struct text *t; (t = want_next(s, &wants));)
		t->limbo = true;
}

bool wants_submitted(struct sim *s, const char *wants)
{
	bool all = true;

	for (struct text *t; (t = want_next(s, &wants));)
		all = all && t->submits;
	return all;
}
