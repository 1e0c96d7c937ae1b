/*
 * A second writer: somebody has a file open for writing and writes nothing; only when the last of
 * them has let go is what was written asked for.
 *
 * Happy path: held for a while, then released.
 *
 * Failures: with the house the handle goes.
 */
#include <stdio.h>
#include <string.h>

#include "users.h"

static bool is_written(const struct sim *s, const struct node *node)
{
	for (int i = 0; i < s->o.users; i++)
		if (s->users[i].node == node)
			return true;
	return false;
}

static void on_let_go(void *data)
{
	struct user *u = data;
	struct sim *s = u->sim;
	struct known *k = known_at(s, u->held_path, true);
	struct node *node = u->held;
	bool asks;

	u->lets_go = NULL;
	if (s->dead)
		return; /* holder_gone comes */
	u->held = NULL;
	k->holders--;
	asks = !k->holders && k->owed && !is_written(s, node);
	if (asks)
		wants_look(s, k->owed);
	tell(s, "user %d lets go of %s", u->number, u->held_path);
	inbox_release_writer(s->house.inbox, node);
	node_unpin(node);
	if (!asks)
		return;
	k->fresh = false;
	wants_grant(s, u->held_path, k->owed);
	set_text(&k->owed, NULL);
}

void user_holds(struct user *u)
{
	struct sim *s = u->sim;
	struct user *whose = &s->users[chance_below(&u->chance, (uint64_t)s->o.users)];
	struct node *node;
	char path[64];

	user_path(whose, (int)chance_below(&u->chance, PROPER), path);
	node = path_node(s, path);
	if (!node || u->held || !options_does(&s->o, VERB_HOLDS)) {
		user_go_on(u, 1);
		return;
	}
	tell(s, "user %d opens %s, and writes nothing", u->number, path);
	memcpy(u->held_path, path, sizeof(path));
	node_pin(node);
	inbox_open_writer(s->house.inbox, node);
	known_at(s, path, true)->holders++;
	u->held = node;
	u->lets_go = event_at(s, chance_span(&u->chance, 10, 10 * MINUTE), on_let_go, u);
	user_think(u);
}

void holder_gone(struct user *u)
{
	event_drop(u->lets_go);
	u->lets_go = NULL;
	if (!u->held)
		return;
	if (!u->sim->dead)
		node_unpin(u->held);
	u->held = NULL;
	known_at(u->sim, u->held_path, true)->holders = 0;
}
