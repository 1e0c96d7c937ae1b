/*
 * What users do with the names of requests/.
 *
 * Happy path: a request takes its pictures' name along; a draft that gets a proper name has been
 * asked for; what is removed is cancelled, and never comes back.
 *
 * Failures: what answered an error is as it was, but for what a crash may bring to light.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "users.h"

static void renamed(struct sim *s, struct known *from, struct known *to, bool promoted)
{
	to->there = from->there;
	to->confirmed = from->confirmed;
	set_text(&to->content, from->content);
	set_text(&to->prompt, from->prompt);
	to->registered = !path_is_draft(to->path) && (promoted || from->registered) && to->prompt;
	to->dirty = from->dirty;
	to->fresh = from->fresh && !promoted;
	from->there = NO;
	from->registered = false;
	from->confirmed = NO;
	(void)s;
}

void user_renames(struct user *u)
{
	struct sim *s = u->sim;
	char from[64], to[64];
	struct known *k, *there;
	const char *name, *to_name;
	struct node *folder, *to_folder;
	bool promotes, counts;
	int r;

	user_path(u, (int)chance_below(&u->chance, PATHS), from);
	user_path(u, (int)chance_below(&u->chance, chance_of(&u->chance, 800) ? PROPER : PATHS),
		  to);
	k = known_at(s, from, true);
	there = known_at(s, to, true);
	folder = path_folder(s, from, &name);
	to_folder = path_folder(s, to, &to_name);
	if (!folder || !to_folder || k == there || !path_node(s, from) || !k->content ||
	    k->holders || there->holders || path_is_list(from) || path_is_list(to) ||
	    (k->content[0] == '{') != (strstr(to, ".json") != NULL)) {
		user_go_on(u, 1);
		return;
	}
	promotes = path_is_draft(from) && !path_is_draft(to) && k->confirmed != NO && k->prompt;
	counts = promotes && (k->fresh || !wants_submitted(s, k->prompt));
	if (counts)
		wants_look(s, k->prompt);
	r = inbox_rename(s->house.inbox, folder, name, to_folder, to_name, 0);
	count_answer(s, r);
	tell(s, "user %d renames %s to %s: %s", u->number, from, to, r < 0 ? strerror(-r) : "ok");
	if (s->dead) {
		k->there = there->there = MAYBE;
		k->confirmed = there->confirmed = k->confirmed == NO ? NO : MAYBE;
		k->registered = there->registered = false;
	}
	if (counts && (r == 0 || s->dead))
		wants_grant(s, to, k->prompt);
	else if (promotes && r < 0 && ledger_health(s->house.ledger) < 0)
		wants_limbo(s, k->prompt);
	if (r == 0 && !s->dead)
		renamed(s, k, there, promotes && k->confirmed == YES);
	else if (r < 0)
		k->limbo = there->limbo = true;
	user_think(u);
}

/* The texts that a removal of a file cancels. */
struct cancelled {
	struct sim *sim;
	const struct node *node;
	struct text *texts[64];
	int owed[64]; /* by all jobs of the text, before */
	bool owes[64];
	int n;
};

static int note_cancelled(struct job *job, void *data)
{
	struct cancelled *c = data;

	if (job->file != c->node || !job_pending(job) || !job->input || c->n == 64)
		return 0;
	c->texts[c->n] = text_of_job(c->sim, job);
	c->owed[c->n] = text_owed(c->sim, c->texts[c->n]);
	c->owes[c->n++] = job_owes(job);
	return 0;
}

static int owed_by_others(const struct cancelled *c, int i)
{
	int n = c->owed[i];

	for (int j = 0; j < c->n; j++)
		n -= c->owes[j] && c->texts[j] == c->texts[i];
	return n;
}

void user_unlinks(struct user *u)
{
	struct sim *s = u->sim;
	struct cancelled c = { .sim = s };
	char path[64];
	const char *name;
	struct node *folder;
	struct known *k;
	int r;

	user_path(u, (int)chance_below(&u->chance, PATHS), path);
	folder = path_folder(s, path, &name);
	c.node = path_node(s, path);
	k = known_at(s, path, true);
	if (!c.node || k->holders) {
		user_go_on(u, 1);
		return;
	}
	if (!path_is_draft(path))
		engine_each(s->house.engine, note_cancelled, &c);
	r = inbox_unlink(s->house.inbox, folder, name);
	count_answer(s, r);
	tell(s, "user %d removes %s: %s", u->number, path, r < 0 ? strerror(-r) : "ok");
	for (int i = 0; i < c.n; i++) {
		c.texts[i]->cancelled = true;
		if (r == 0 && !s->dead)
			text_revoke(c.texts[i], owed_by_others(&c, i));
	}
	k->there = r == 0 && c.n && !s->dead ? NO : MAYBE;
	if (k->confirmed == YES)
		k->confirmed = MAYBE; /* it may come back as it was */
	k->registered = false;
	user_think(u);
}

void user_makes_folder(struct user *u)
{
	struct sim *s = u->sim;
	struct node *node;
	struct known *k;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "f%d", u->number);
	k = known_at(s, path, true);
	r = inbox_mkdir(s->house.inbox, s->house.requests, path, 0755, &node);
	count_answer(s, r);
	tell(s, "user %d makes the folder %s: %s", u->number, path, r < 0 ? strerror(-r) : "ok");
	k->folder = true;
	if (s->dead || (r < 0 && r != -EEXIST))
		k->there = MAYBE;
	else if (r == 0)
		k->there = YES;
	user_think(u);
}

void user_removes_folder(struct user *u)
{
	struct sim *s = u->sim;
	struct known *k;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "f%d", u->number);
	k = known_at(s, path, true);
	r = inbox_rmdir(s->house.inbox, s->house.requests, path);
	count_answer(s, r);
	tell(s, "user %d removes the folder %s: %s", u->number, path, r < 0 ? strerror(-r) : "ok");
	k->folder = true;
	if (r == 0)
		k->there = MAYBE;
	user_think(u);
}

void user_touches(struct user *u)
{
	struct sim *s = u->sim;
	char path[64];
	struct node *node;

	user_path(u, (int)chance_below(&u->chance, PATHS), path);
	node = path_node(s, path);
	if (node) {
		tell(s, "user %d touches %s", u->number, path);
		inbox_touched(s->house.inbox, node);
	}
	user_think(u);
}
