/*
 * What users do with the files of requests/, and what they may rely on afterwards.
 *
 * Happy path: a text is written in pieces, flushed in between and at the end, and released; then it
 * has been asked for once. A draft is renamed to a proper name; then too.
 *
 * Failures: whatever answered an error has not been asked for. What a crash interrupted may be so
 * or not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/names.h"
#include "users.h"

static const char *const forms[PATHS] = {
	"%da",         "%db.txt", "%dc.json", "f%d/%dd", "f%d/%de.txt",
	"%dl.prompts", ".%dx",    "%d.tmp",   "%dz~",    "f%d/%d.part",
};

const char *user_path(struct user *u, int i, char out[64])
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(out, 64, forms[i], u->number, u->number);
#pragma GCC diagnostic pop
	return out;
}

bool path_is_draft(const char *path)
{
	return strchr(path, '~') || path[0] == '.' || strstr(path, ".tmp") || strstr(path, ".part");
}

struct node *path_folder(struct sim *s, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	struct node *folder = s->house.requests;
	char above[64];

	*name = slash ? slash + 1 : path;
	if (!slash)
		return folder;
	snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
	return tree_walk(folder, above, false, 0, &folder) == 0 ? folder : NULL;
}

struct node *path_node(struct sim *s, const char *path)
{
	const char *name;
	struct node *folder = path_folder(s, path, &name);
	struct entry *entry = folder ? tree_entry(folder, name) : NULL;

	return entry ? entry->node : NULL;
}

void set_text(char **field, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	free(*field);
	*field = copy;
}

struct known *known_at(struct sim *s, const char *path, bool make)
{
	struct known *k;

	list_each (p, &s->known) {
		k = list_entry(p, struct known, in);
		if (strcmp(k->path, path) == 0)
			return k;
	}
	if (!make)
		return NULL;
	k = calloc(1, sizeof(*k));
	snprintf(k->path, sizeof(k->path), "%s", path);
	list_append(&s->known, &k->in);
	return k;
}

void count_answer(struct sim *s, int r)
{
	s->counts->steps++;
	if (r < 0)
		s->counts->errors++;
	else
		s->counts->acks++;
}

/* --- writing --- */

/* "picture 1.7 of a fox", and what else it asks for. */
static void put_prompt(struct user *u, bool json, char *out, size_t room)
{
	static const char *const things[] = { "fox", "house by the sea", "old map", "storm",
					      "q\303\244rtz" };
	const struct options *o = &u->sim->o;
	int n = snprintf(out, room, "picture %d.%d of a ", u->number, ++u->made);

	if (!json && options_does(o, VERB_SETS) && chance_of(&u->chance, 300))
		n += snprintf(out + n, room - (size_t)n, "%s ",
			      chance_of(&u->chance, 500) ? "{red, blue}" : "{big, small, odd}");
	n += snprintf(out + n, room - (size_t)n, "%s", things[chance_below(&u->chance, 5)]);
	while (chance_of(&u->chance, 300) && n < 300)
		n += snprintf(out + n, room - (size_t)n, ", and more of it");
	if (json || !options_does(o, VERB_SEEDS) || chance_of(&u->chance, 500))
		return;
	n += snprintf(out + n, room - (size_t)n, " --seed %d",
		      1 + (int)chance_below(&u->chance, 9));
	if (options_does(o, VERB_SETS) && chance_of(&u->chance, 300))
		snprintf(out + n, room - (size_t)n, " --repeat 2");
}

static void set_content(struct user *u, const char *content)
{
	set_text(&u->content, content);
	free(u->prompt);
	u->prompt = wants_of(u->path, content);
}

static void new_list(struct user *u)
{
	char prompt[500], content[2000];
	int n = 0;

	do {
		put_prompt(u, false, prompt, sizeof(prompt));
		n += snprintf(content + n, sizeof(content) - (size_t)n, "%s\n", prompt);
	} while (chance_of(&u->chance, 500) && n < 1200);
	set_content(u, content);
}

static void new_text(struct user *u, bool json)
{
	char prompt[500], content[600];

	put_prompt(u, json, prompt, sizeof(prompt));
	if (json)
		snprintf(content, sizeof(content), "{\"%s\": \"%s\"}%s",
			 chance_of(&u->chance, 150) ? "promt" : "prompt", prompt, "\n");
	else
		snprintf(content, sizeof(content), "%s\n", prompt);
	set_content(u, content);
}

/* Of a plain one; it may lie under another name. */
static bool same_text(struct user *u)
{
	bool other = options_does(&u->sim->o, VERB_SEEDS) && chance_of(&u->chance, 500);
	const struct known *k;
	char path[64];

	snprintf(path, sizeof(path), "%s", u->path);
	if (other)
		user_path(u, (int)chance_below(&u->chance, PROPER), path);
	k = known_at(u->sim, path, true);
	if (!k->content || !k->prompt || k->there != YES || path_is_list(path) ||
	    path_is_list(u->path) || (k->content[0] == '{') != (strstr(u->path, ".json") != NULL) ||
	    !chance_of(&u->chance, u->sim->o.reuse ? 800 : 300))
		return false;
	set_content(u, k->content);
	return true;
}

/* The file of u->path is open for writing from now on. */
static void opened(struct user *u, struct node *node, bool cut)
{
	struct known *k = known_at(u->sim, u->path, true);

	set_text(&k->owed, NULL);
	node_pin(node);
	inbox_open_writer(u->sim->house.inbox, node);
	u->node = node;
	u->doing = WRITING;
	u->confirmed = u->refused = u->gives_up = false;
	if (cut) {
		k->there = MAYBE;
		k->fresh = true;
		if (k->confirmed == YES)
			k->confirmed = MAYBE; /* a crash may bring it back */
		k->registered = false;
	}
	user_go_on(u, 1);
}

static int open_path(struct user *u, bool cut)
{
	struct sim *s = u->sim;
	struct inbox *in = s->house.inbox;
	const char *name;
	struct node *folder = path_folder(s, u->path, &name), *node;
	struct entry *entry = folder ? tree_entry(folder, name) : NULL;
	int r;

	if (!folder)
		return -ENOENT;
	if (entry) {
		r = inbox_may_write(in, folder, name);
		node = entry->node;
	} else {
		r = inbox_create(in, folder, name, 0644, &node);
	}
	if (r < 0)
		return r;
	opened(u, node, cut || !entry);
	if (entry && cut)
		r = inbox_truncate(in, node, 0);
	u->refused = r < 0;
	return 0;
}

/* Any name that this user writes. */
static void choose_path(struct user *u)
{
	user_path(u, (int)chance_below(&u->chance, PATHS), u->path);
	if (path_is_list(u->path) && !options_does(&u->sim->o, VERB_LISTS))
		user_path(u, 0, u->path);
}

void user_writes(struct user *u)
{
	struct sim *s = u->sim;
	bool json;
	int r;

	choose_path(u);
	json = strstr(u->path, ".json") || (strstr(u->path, ".tmp") && chance_of(&u->chance, 300));
	if (path_is_list(u->path))
		new_list(u);
	else if (!same_text(u))
		new_text(u, json);
	r = open_path(u, true);
	tell(s, "user %d opens %s to write %.*s: %s", u->number, u->path,
	     (int)strcspn(u->content, "\n"), u->content, r < 0 ? strerror(-r) : "ok");
	count_answer(s, r);
	u->written = u->flushed = 0;
	if (r < 0)
		user_think(u);
}

void user_appends(struct user *u)
{
	struct sim *s = u->sim;
	char content[3000], prompt[500];
	struct known *k;
	int r;

	choose_path(u);
	k = known_at(s, u->path, true);
	if (k->there != YES || k->confirmed != YES || !k->prompt ||
	    (!path_is_list(u->path) &&
	     (strchr(k->content, '{') || strstr(k->content, "--") || strlen(k->content) > 400)) ||
	    strlen(k->content) > 2000) {
		user_go_on(u, 1);
		return;
	}
	if (path_is_list(u->path))
		put_prompt(u, false, prompt, sizeof(prompt));
	else
		snprintf(prompt, sizeof(prompt), "and then %d", ++u->made);
	snprintf(content, sizeof(content), "%s%s\n", k->content, prompt);
	u->written = strlen(k->content);
	u->flushed = u->written;
	set_content(u, content);
	r = open_path(u, false);
	tell(s, "user %d opens %s to append to it: %s", u->number, u->path,
	     r < 0 ? strerror(-r) : "ok");
	count_answer(s, r);
	if (r < 0)
		user_think(u);
}

/* What the last writer leaves behind. */
void user_closes(struct user *u)
{
	struct sim *s = u->sim;
	struct known *k = known_at(s, u->path, true);
	struct node *node = u->node;
	bool whole = u->written == strlen(u->content) && u->flushed == u->written;
	bool asks = u->confirmed && whole && !u->refused && u->prompt && !path_is_draft(u->path);

	if (asks)
		wants_look(s, u->prompt);
	u->node = NULL;
	u->doing = IDLE;
	inbox_release_writer(s->house.inbox, node);
	node_unpin(node);
	tell(s, "user %d has closed %s%s", u->number, u->path,
	     u->confirmed && whole ? "" : ", which was not stored whole");
	set_text(&k->owed, asks && k->holders ? u->prompt : NULL);
	if (!asks || k->holders)
		return;
	k->fresh = false;
	wants_grant(s, u->path, u->prompt);
}

struct flush {
	struct user *user;
	struct node *node; /* pinned */
};

/* The answer to a FLUSH. */
static void flushed(struct user *u, int r)
{
	struct known *k = known_at(u->sim, u->path, true);
	bool whole = u->written == strlen(u->content);

	count_answer(u->sim, r);
	k->flying = false;
	u->confirmed = r == 0;
	u->doing = WRITING;
	if (r == 0) {
		char *now = strndup(u->content, u->written);

		k->there = k->confirmed = YES;
		k->dirty = false;
		set_text(&k->content, now);
		free(k->prompt);
		k->prompt = wants_of(u->path, now);
		k->registered = k->prompt && !path_is_draft(u->path);
		u->flushed = u->written;
		free(now);
	} else {
		k->limbo = true;
		k->confirmed = NO;
		k->registered = false;
		if (chance_of(&u->chance, 600)) /* else once more */
			u->ends = true;
		else
			u->ends = false;
	}
	/* The kernel may release it a while after the FLUSH. */
	u->gives_up = u->ends && r < 0 && chance_of(&u->chance, 400);
	if (u->ends && (r < 0 || whole) && !u->gives_up) {
		user_closes(u);
		user_think(u);
	} else {
		user_go_on(u, 1 + (int64_t)chance_below(&u->chance, 3000));
	}
}

static void on_flushed(int r, void *data)
{
	struct flush f = *(struct flush *)data;
	struct user *u = f.user;
	struct sim *s = u->sim;

	free(data);
	if (s->dead)
		return;
	if (r < 0)
		inbox_flush_failed(s->house.inbox, f.node, r);
	node_unpin(f.node);
	tell(s, "user %d: close of %s answers: %s", u->number, u->path,
	     r < 0 ? strerror(-r) : "ok");
	flushed(u, r);
}

static void flush(struct user *u)
{
	struct sim *s = u->sim;
	int r = inbox_flush(s->house.inbox, u->node);
	struct flush *f;

	if (r < 0) {
		tell(s, "user %d: close of %s is refused: %s", u->number, u->path, strerror(-r));
		u->ends = true;
		flushed(u, r);
		return;
	}
	f = malloc(sizeof(*f));
	*f = (struct flush){ u, u->node };
	node_pin(f->node);
	u->doing = FLUSHING;
	known_at(s, u->path, true)->flying = true;
	ledger_after(s->house.ledger, on_flushed, f);
}

void user_write_on(struct user *u)
{
	struct sim *s = u->sim;
	size_t left = strlen(u->content) - u->written, size;
	int r;

	if (u->gives_up) {
		user_closes(u);
		user_think(u);
		return;
	}
	u->ends = left == 0;
	if (left == 0 || chance_of(&u->chance, 150)) {
		flush(u);
		return;
	}
	size = chance_of(&u->chance, 500) ? left : 1 + chance_below(&u->chance, left);
	/* No piece ends within a character: that would be refused, and rightly. */
	while (size < left && (u->content[u->written + size] & 0xc0) == 0x80)
		size++;
	r = inbox_write(s->house.inbox, u->node, u->content + u->written, size,
			(int64_t)u->written);
	u->confirmed = false;
	known_at(s, u->path, true)->dirty = true;
	if (r < 0) {
		tell(s, "user %d: a write to %s is refused: %s", u->number, u->path, strerror(-r));
		u->refused = true;
		u->ends = true;
		flush(u);
		return;
	}
	u->written += size;
	user_go_on(u,
		   1 + (int64_t)chance_below(&u->chance, chance_of(&u->chance, 50) ? HOUR : 800));
}
