/*
 * rules: what is allowed with shipments. Pure: no I/O, no clock, no SQL, no log.
 *
 * Invariants
 * - A function that refuses changes nothing.
 * - The state changes only along one table, PENDING -> DISPATCHED -> DELIVERED and PENDING -> CANCELLED; why
 *   anything else is refused depends on the state alone.
 * - What leaves and what stays behind are together what was there, line by line.
 * - A shipment that is not known can be cancelled as well: what is left of it is a tombstone, CANCELLED and without an
 *   order, which refuses the shipment when it comes later.
 *
 * Usage
 *     TRY(shipment_dispatch(arena, shipment, request, time, &rest));
 *     TRY(shipment_deliver(shipment, time));
 *     TRY(shipment_cancel(shipment, &changed));
 */
#ifndef QUAYSIDE_SHIPPING_RULES_H
#define QUAYSIDE_SHIPPING_RULES_H

#include "base/status.h"
#include "quayside/shipping/v1/shipping.pb-c.h"

extern const struct reason SHIPMENT_NOT_DISPATCHED; /* it is still PENDING */
extern const struct reason SHIPMENT_DISPATCHED;
extern const struct reason SHIPMENT_DELIVERED;
extern const struct reason SHIPMENT_CANCELLED;

/*
 * The shipment that a request asks for: PENDING, sharing the request's memory; times and version are left to the
 * caller. Fails with INVALID_REQUEST when an item is in two lines.
 */
struct status shipment_create(struct arena *arena, const Shipping__CreateShipmentRequest *request,
			      Shipping__Shipment *ret_shipment) MUST_USE;

/*
 * Is what exists under the id what the request asks for? Fails with SHIPMENT_CANCELLED (also for a tombstone), or
 * with ALREADY_EXISTS for one of another order.
 */
struct status shipment_same(struct arena *arena, const Shipping__Shipment *existing,
			    const Shipping__CreateShipmentRequest *request) MUST_USE;

/*
 * What the request's lines say leaves at this time, or all of it when it has none. *ret_rest is what stays behind: a new
 * shipment, PENDING, whose id follows from this one's; times and version are left to the caller. It is NULL when nothing
 * stays. Fails with INVALID_REQUEST when the lines ask for what is not in the shipment. Shipment and rest then share the
 * request's, the time's and each other's memory.
 */
struct status shipment_dispatch(struct arena *arena, Shipping__Shipment *shipment,
				const Shipping__DispatchShipmentRequest *request, Google__Protobuf__Timestamp *time,
				Shipping__Shipment **ret_rest) MUST_USE;

/* It has arrived at this time. */
struct status shipment_deliver(Shipping__Shipment *shipment, Google__Protobuf__Timestamp *time) MUST_USE;

/* May it be packed, or what was packed be told? Fails with SHIPMENT_CANCELLED. */
struct status shipment_packable(const Shipping__Shipment *shipment) MUST_USE;

/*
 * It is not to leave. One that is not known is given as a message with nothing but its id. *ret_changed is false when it
 * had been cancelled before, which is no error: whoever stops a shipment may ask again.
 */
struct status shipment_cancel(Shipping__Shipment *shipment, bool *ret_changed) MUST_USE;

#endif
