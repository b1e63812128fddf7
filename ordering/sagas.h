/*
 * sagas: what takes more than one service: placing an order, and seeing a dispatched shipment through to its invoice.
 *
 * Invariants
 * - A saga is a table of steps. A step calls one peer, under a key that follows from the order's version, and is done, refused, unknown (it is
 *   repeated, here or later) or a bug (it is repeated later, and logged). The effect is recorded after the last step, guarded by the version.
 * - Anybody may drive a saga, at any time, as often as one likes: the call that started it, a repeat of that call, the step
 *   `resume_placing`, an event. They do the same, and one of them records it.
 * - What was acknowledged is seen through: an order that is PLACING is resumed, a shipment's event is repeated, until it is done.
 *
 * Usage
 *     TRY(store_update(call, reply, STORE_ORDER, &write));        -- the order is PLACING, the key waits for its answer
 *     return saga_place(call, reply, &row);
 */
#ifndef QUAYSIDE_ORDERING_SAGAS_H
#define QUAYSIDE_ORDERING_SAGAS_H

#include "ordering/store.h"
#include "runtime/service.h"

/*
 * Places an order that is PLACING: keeps its goods, makes its shipment, and leaves it PLACED, with order and row as they are then; or OPEN, and fails with the
 * peer's refusal. Where somebody else was faster, fails with what the call's key was answered (KEY_ANSWERED); a call without a key just goes on.
 * Fails with anything else when the outcome is not known yet: the order is PLACING, and will be resumed.
 */
struct status saga_place(struct call *call, Ordering__Order *order, struct order_row *row) MUST_USE;

/* Whom ordering listens to, and what it does from time to time. */
extern const struct event_consumer ordering_consumers[];
extern const struct service_step ordering_steps[];

#endif
