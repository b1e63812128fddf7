/*
 * record: what a change of an order leaves behind: its times and etag, a row of history, an event, the answer.
 *
 * Invariants
 * - Every change of an order is told by one OrderChanged event, which carries the order as it is after it.
 *
 * Usage
 *     struct write write = record_of(call, &(const struct change){ .order = reply, .version = row.version + 1, .from = "ORDER_STATE_OPEN" });
 *     TRY(store_update(call, reply, STORE_ORDER, &write));
 */
#ifndef QUAYSIDE_ORDERING_RECORD_H
#define QUAYSIDE_ORDERING_RECORD_H

#include "quayside/ordering/v1/ordering.pb-c.h"
#include "runtime/write.h"

struct change {
	Ordering__Order *order; /* after it */
	int64_t version;        /* that it makes */
	const char *from;       /* the state before, by its name; "" for a new order */
	const char *action;     /* NULL: the method's name */
	char **released;        /* items that need their reservations no longer */
	size_t n_released;
};

/* The write that records a change. Sets the order's update_time and etag; reason is the order's state_reason where the state changed. */
struct write record_of(struct call *call, const struct change *change);

/* A state's name in the contract. */
const char *order_state_name(Ordering__OrderState state);

/* The ids of all items. */
char **order_item_ids(struct call *call, const Ordering__Order *order);

#endif
