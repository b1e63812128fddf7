/*
 * page: keyset pages and their opaque tokens (AIP-158).
 *
 * Invariants
 * - A page goes on behind the last row of the one before, by a time and an id; nothing is counted, and rows that come or go do not shift it.
 * - A token belongs to the filters that it was made with: with others it is refused (INVALID_REQUEST, field page_token). It is opaque, not secret.
 *
 * Usage
 *     struct page page;
 *     TRY(page_open(call->arena, request->page_size, request->page_token, filters, &page));
 *     ... WHERE (create_time, order_id) < (:after_time, :after_id) ORDER BY create_time DESC, order_id DESC LIMIT :limit   -- page.limit rows: one more than shown
 *     reply->next_page_token = page_next(call->arena, &page, time_of_last_shown_row, id_of_last_shown_row);   // when more rows came than page.size
 */
#ifndef QUAYSIDE_RUNTIME_PAGE_H
#define QUAYSIDE_RUNTIME_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

#define PAGE_SIZE_DEFAULT 50
#define PAGE_SIZE_MAX 200

struct page {
	size_t size;        /* rows to show */
	int64_t limit;      /* rows to ask for: size + 1 */
	bool first;         /* no token was given */
	int64_t after_time; /* the key of the last row of the page before, if not first */
	const char *after_id;
	uint64_t filters; /* their hash */
};

/* filters: all filters of the request as one text (any form, the same for the same filters). */
struct status page_open(struct arena *arena, int32_t page_size, const char *page_token, const char *filters,
			struct page *ret_page) MUST_USE;

/* The token that goes on behind this row. */
char *page_next(struct arena *arena, const struct page *page, int64_t time, const char *id);

/* Binds :first, :after_time, :after_id and :limit of a statement that lists by time and id (see db.h). */
struct db_unit;
void page_bind(struct db_unit *unit, const struct page *page);

#endif
