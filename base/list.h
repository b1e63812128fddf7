/*
 * list: doubly linked lists whose links live inside the elements.
 *
 * Invariants
 * - A list is a `struct link` that points to itself when empty; an element is in at most one list per link.
 * - A link that is in no list points to itself after list_init() or list_remove(), so removing twice is harmless.
 *
 * Usage
 *     struct link waiting; list_init(&waiting);
 *     list_append(&waiting, &call->link);
 *     while (!list_empty(&waiting)) { struct call *c = LIST_ENTRY(list_first(&waiting), struct call, link); ... }
 */
#ifndef QUAYSIDE_BASE_LIST_H
#define QUAYSIDE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *next, *prev;
};

#define LIST_ENTRY(link_, type_, member_) ((type_ *)(void *)((char *)(link_)-offsetof(type_, member_)))
#define LIST_EACH(list_, cursor_)                                                                                      \
	for (struct link *cursor_ = (list_)->next, *cursor_##_next = cursor_->next; cursor_ != (list_);                \
	     cursor_ = cursor_##_next, cursor_##_next = cursor_->next)

static inline void list_init(struct link *list)
{
	list->next = list->prev = list;
}

static inline bool list_empty(const struct link *list)
{
	return list->next == list;
}

static inline struct link *list_first(const struct link *list)
{
	return list->next;
}

static inline void list_append(struct link *list, struct link *element)
{
	element->prev = list->prev;
	element->next = list;
	list->prev->next = element;
	list->prev = element;
}

static inline void list_remove(struct link *element)
{
	element->prev->next = element->next;
	element->next->prev = element->prev;
	list_init(element);
}

#endif
