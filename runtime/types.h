/*
 * types: the contracts' common types (money, address, history) between messages and the database.
 *
 * Invariants
 * - A snapshot of an address is one text[] of seven elements in the order of the contract's fields: recipient, line1, line2, postal_code, city, region, country_code.
 * - Money is two things: a bigint of minor units per amount, and one currency column per row.
 *
 * Usage
 *     bind_address(call, unit, "shipping_address", order->shipping_address);
 *     order->shipping_address = read_address(call, rows, row, "shipping_address");
 *     order->gross = new_money(call->arena, currency, db_int(rows, row, "gross"));
 */
#ifndef QUAYSIDE_RUNTIME_TYPES_H
#define QUAYSIDE_RUNTIME_TYPES_H

#include "quayside/common/v1/types.pb-c.h"
#include "runtime/db.h"

#define ADDRESS_PARTS 7

/* NULL binds SQL NULL; NULL reads as NULL. The message's texts must stay valid until the unit has run. */
void bind_address(struct call *call, struct db_unit *unit, const char *name, const Common__Address *address);
Common__Address *read_address(struct call *call, const struct db_rows *rows, size_t row, const char *column);

/* A message in the arena; currency must stay valid as long. */
Common__Money *new_money(struct arena *arena, const char *currency, int64_t minor_units);

/*
 * One page of an aggregate's history, newest first, as the entries of a List...HistoryResponse. Fails with NOT_FOUND (resource, id) when the aggregate has none.
 */
struct status read_history(struct call *call, const char *resource, const char *aggregate_id, int32_t page_size,
			   const char *page_token, size_t *ret_count, Common__HistoryEntry ***ret_entries,
			   char **ret_next_page_token) MUST_USE;

#endif
