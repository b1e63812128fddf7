/*
 * sagas: what takes more than one service: placing an order, cancelling it, seeing a dispatched shipment through to its invoice.
 *
 * Invariants
 * - A saga is a table of steps that runtime/saga.h sees through. A step calls one peer, under a key of the saga, and asks for what the saga was started with, so that every repeat is the same request.
 * - An order is PLACING as long as its saga "place" is live, and CANCELLING as long as its saga "cancel" is: both begin, and end, in one statement.
 *
 * Usage
 *     write.saga = place_saga(call, order, version);
 *     TRY(store_update(call, order, STORE_ORDER, &write));        -- the order is PLACING, the key waits for its answer
 *     return place_run(call, write.saga, order, &row);
 */
#ifndef QUAYSIDE_ORDERING_SAGAS_H
#define QUAYSIDE_ORDERING_SAGAS_H

#include "ordering/store.h"
#include "runtime/saga.h"
#include "runtime/service.h"

/* "place" (place.c), "cancel" (cancel.c) and "expire" (expire.c), about an order; "fulfil" (fulfil.c), about a shipment. */
extern const struct saga_kind place_kind, cancel_kind, expire_kind, fulfil_kind;

/* What the process's workers take up, whom ordering listens to (events.c), what it does from time to time (expire.c), what it can be told. */
extern const struct saga_kind *const ordering_sagas[];
extern const struct event_consumer ordering_consumers[];
extern const struct service_step ordering_steps[];
extern const struct setting ordering_settings[];
extern int64_t ordering_abandon_s; /* of these: when an open order that nobody touches expires */

/* The saga that places an order as it is now, in the version that the write makes. */
struct saga *place_saga(struct call *call, const Ordering__Order *order, int64_t version);

/*
 * Places an order whose saga this call has started: keeps its goods, makes its shipment, and leaves it PLACED, with order and row as they are then; or OPEN, and fails with the
 * peer's refusal. Where somebody else was faster, fails with what the call's key was answered (KEY_ANSWERED).
 * Fails with anything else when the outcome is not known yet: the order is PLACING, and its saga goes on.
 */
struct status place_run(struct call *call, struct saga *saga, Ordering__Order *order, struct order_row *row) MUST_USE;

/* The same for a repeat of the call that started it. */
struct status place_join(struct call *call, const char *order_id, Ordering__Order *order) MUST_USE;

/* The same three for cancelling an order that was placed. It is left CANCELLED, or PARTLY_SHIPPED; or as it was, and the call fails with ALREADY_DISPATCHED. */
struct saga *cancel_saga(struct call *call, const Ordering__Order *order, int64_t version, const char *reason);
struct status cancel_run(struct call *call, struct saga *saga, Ordering__Order *order,
			 const struct order_row *row) MUST_USE;
struct status cancel_join(struct call *call, const char *order_id, Ordering__Order *order) MUST_USE;

#endif
