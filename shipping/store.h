/*
 * store: what is remembered of shipments. All SQL of the service, and nothing else.
 *
 * Invariants
 * - A shipment is written together with key, answer, history and event (runtime/write.h).
 * - The row decides: a change is made only from the state and the version that were read, so of dispatch and cancel
 *   exactly one happens.
 * - Lines change only when a part is dispatched, in the same moment for both: what leaves and what stays behind.
 * - Results live in the call's arena.
 *
 * Usage
 *     int64_t version;
 *     TRY(store_get(call, id, reply, &version));
 *     TRY(store_move(call, reply, &write));
 */
#ifndef QUAYSIDE_SHIPPING_STORE_H
#define QUAYSIDE_SHIPPING_STORE_H

#include "quayside/shipping/v1/shipping.pb-c.h"
#include "runtime/page.h"
#include "runtime/write.h"

/* store_get() fails with NOT_FOUND; store_find() tells. ret_version may be NULL. */
struct status store_get(struct call *call, const char *shipment_id, Shipping__Shipment *ret_shipment,
			int64_t *ret_version) MUST_USE;
struct status store_find(struct call *call, const char *shipment_id, bool *ret_found, Shipping__Shipment *ret_shipment,
			 int64_t *ret_version) MUST_USE;

/*
 * The page's shipments: pending ones, when only these are asked for, oldest first; otherwise newest first. At most
 * page->limit.
 */
struct status store_list(struct call *call, const Shipping__ListShipmentsRequest *request, const struct page *page,
			 size_t *ret_count, Shipping__Shipment ***ret_shipments) MUST_USE;

/* Inserts a shipment, or the tombstone of one that is not known; not applied when the id is known. */
struct status store_create(struct call *call, const Shipping__Shipment *shipment, struct write *write) MUST_USE;

/*
 * Writes state, times and carrier of a shipment that is still in write->from_state and whose version is still
 * write->version - 1.
 */
struct status store_move(struct call *call, const Shipping__Shipment *shipment, struct write *write) MUST_USE;

/*
 * The same for one that leaves a rest behind, which is inserted; write->beside is what is recorded of that. Fails with
 * ALREADY_EXISTS when the rest's id is taken, as by a tombstone.
 */
struct status store_split(struct call *call, const Shipping__Shipment *shipment, const Shipping__Shipment *rest,
			  struct write *write) MUST_USE;

#endif
