/* list: an intrusive ring of links; the head is a link too. Floor 0. */
#ifndef PIMAGEFS_LIST_H
#define PIMAGEFS_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

#define list_entry(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))
#define list_each(pos, head) for (struct list *pos = (head)->next; pos != (head); pos = pos->next)
/* As list_each, but pos may be removed (and freed) inside. */
#define list_each_safe(pos, tmp, head) \
	for (struct list *pos = (head)->next, *tmp = pos->next; pos != (head); \
	     pos = tmp, tmp = pos->next)

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

/* True if the link is in some list (it must have been initialised). */
static inline bool list_linked(const struct list *l)
{
	return l->next != l;
}

static inline void list_insert_before(struct list *pos, struct list *l)
{
	l->prev = pos->prev;
	l->next = pos;
	pos->prev->next = l;
	pos->prev = l;
}

static inline void list_append(struct list *head, struct list *l)
{
	list_insert_before(head, l);
}

/* Leaves l initialised, so that removing twice does no harm. */
static inline void list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

#endif
