/*
 * store: what is remembered of orders. All SQL of the service, and nothing else.
 *
 * Invariants
 * - An order is read in one statement, so its parts fit together, and written as a whole in one, guarded by the version that was read.
 * - Items are written only when they are named as changed; shipments and invoices only ever become more.
 * - Results live in the call's arena.
 *
 * Usage
 *     struct order_row row;
 *     TRY(store_get(call, id, order, &row));
 *     TRY(store_update(call, order, STORE_ITEMS, &write));
 */
#ifndef QUAYSIDE_ORDERING_STORE_H
#define QUAYSIDE_ORDERING_STORE_H

#include "quayside/ordering/v1/ordering.pb-c.h"
#include "runtime/events.h"
#include "runtime/page.h"
#include "runtime/saga.h"
#include "runtime/write.h"

/* What is kept of an order beside the contract's message. */
struct order_row {
	int64_t version;
	bool submitted; /* came by SubmitOrder */
};

/* Fails with NOT_FOUND. ret_row may be NULL. */
struct status store_get(struct call *call, const char *order_id, Ordering__Order *ret_order,
			struct order_row *ret_row) MUST_USE;

/* The page's orders, newest first; at most page->limit. */
struct status store_list(struct call *call, const Ordering__ListOrdersRequest *request, const struct page *page,
			 size_t *ret_count, Ordering__Order ***ret_orders) MUST_USE;

/* Is there an order with this id? An empty id is no order's. */
struct status store_exists(struct call *call, const char *order_id, bool *ret_exists) MUST_USE;

/* A number that no other order has. */
struct status store_take_number(struct call *call, char **ret_number) MUST_USE;

/* Open orders that nobody touched for so many seconds, by the database's clock, the oldest first. */
struct status store_abandoned(struct call *call, int64_t seconds, int64_t limit, size_t *ret_count,
			      char ***ret_order_ids) MUST_USE;

/* How much of an order has changed. */
enum store_part { STORE_ORDER, STORE_ITEMS };

/* Inserts an order with its items, under the call's key. Not applied: the key is in use, or the order is known. */
struct status store_create(struct call *call, const Ordering__Order *order, bool submitted,
			   struct write *write) MUST_USE;

/*
 * Writes an order whose version is still write->version - 1: under the call's key, as the end of a saga (refusal: the answer of the keys that wait), as an event's effect.
 * This one and store_create() start write->saga, where there is one.
 */
struct status store_update(struct call *call, const Ordering__Order *order, enum store_part part,
			   struct write *write) MUST_USE;
struct status store_end(struct call *call, struct saga *saga, const Ordering__Order *order, enum store_part part,
			struct write *write, struct status refusal) MUST_USE;
struct status store_event(struct call *call, const Events__Event *event, const Ordering__Order *order,
			  enum store_part part, struct write *write) MUST_USE;

/* As work that no call asked for: writes an order that is abandoned, as above, still, and starts write->saga. */
struct status store_expire(struct call *call, const Ordering__Order *order, int64_t seconds,
			   struct write *write) MUST_USE;

#define STORE_ABANDONED "state = 'ORDER_STATE_OPEN' AND update_time < now() - :seconds::bigint * interval '1 second'"

/* Ends a saga that has no effect on an order beside. */
struct status store_end_alone(struct call *call, struct saga *saga, const char *order_id) MUST_USE;

/* Starts a saga, as the event's only effect. */
struct status store_start_by_event(struct call *call, const Events__Event *event, const char *order_id,
				   struct saga *saga) MUST_USE;

#endif
