/*
 * peers: whom ordering calls: customers, warehouse, shipping, billing.
 *
 * Invariants
 * - Writes carry keys that follow from what is asked, so that whoever asks again asks the same.
 * - A refusal that means something to our caller is passed on, with fields of our caller's request; one that shows a mistake of ours
 *   is not: peer_refusal().
 *
 * Usage
 *     TRY(peer_get_product(call, request->sku, "sku", &product));
 *     status = peer_reserve(call, key, order->order_id, &item, 1);
 */
#ifndef QUAYSIDE_ORDERING_PEERS_H
#define QUAYSIDE_ORDERING_PEERS_H

#include "quayside/billing/v1/billing.pb-c.h"
#include "quayside/customers/v1/customers.pb-c.h"
#include "quayside/ordering/v1/ordering.pb-c.h"
#include "quayside/shipping/v1/shipping.pb-c.h"
#include "quayside/warehouse/v1/warehouse.pb-c.h"
#include "runtime/service.h"

extern const struct service_peer ordering_peers[];

/* What an unknown customer or product makes: INVALID_REQUEST for this field of our caller's request. */
struct status peer_get_customer(struct call *call, const char *customer_id, const char *field,
				Customers__Customer **ret_customer) MUST_USE;
struct status peer_get_product(struct call *call, const char *sku, const char *field,
			       Warehouse__Product **ret_product) MUST_USE;

/* Holds the items' quantities for the order: all of them or none. The peer's own refusal. */
struct status peer_reserve(struct call *call, const char *key, const char *order_id, Ordering__OrderItem *const *items,
			   size_t n_items) MUST_USE;

/*
 * Keeps the quantities of an order's items for good, whatever was held or kept before, unless a later version of the order was confirmed. The peer's own
 * refusal.
 */
struct status peer_confirm(struct call *call, const char *key, const Ordering__Order *order) MUST_USE;

/* Gives items back; without any, all that the order holds, and all that is still to come for it. */
struct status peer_release(struct call *call, const char *key, const char *order_id, char **item_ids,
			   size_t n_items) MUST_USE;

/* A key for what an order releases with a change: cause is the etag of the change, or an item's id. */
char *release_key(struct call *call, const char *order_id, const char *cause);

/* The same, if it can be had now, for what is made sure of elsewhere: by the event of the change, or by the hold that runs out. */
void peer_release_soon(struct call *call, const char *order_id, const char *cause, char **item_ids, size_t n_items);

/* Makes a shipment of all items. The peer's own refusal. */
struct status peer_create_shipment(struct call *call, const char *key, const char *shipment_id,
				   const Ordering__Order *order) MUST_USE;

/* Makes a permanent hold smaller: what is left of an item that was cancelled in part. */
struct status peer_change_reservation(struct call *call, const char *key, const char *item_id,
				      int64_t quantity) MUST_USE;

/* An order's shipments: some of those that have not left yet, oldest first, if there are any; all. */
struct status peer_pending_shipments(struct call *call, const char *order_id, size_t *ret_count,
				     Shipping__Shipment ***ret_shipments) MUST_USE;
struct status peer_all_shipments(struct call *call, const char *order_id, size_t *ret_count,
				 Shipping__Shipment ***ret_shipments) MUST_USE;

/* Stops a shipment, also one that is still to come. Fails with SHIPMENT_DISPATCHED, or SHIPMENT_DELIVERED, when it has left. */
struct status peer_cancel_shipment(struct call *call, const char *key, const char *shipment_id,
				   const char *reason) MUST_USE;

/* Books a shipment's goods out; bills it. The same shipment is booked and billed once. The peer's own refusal. */
struct status peer_fulfil(struct call *call, const char *key, const Shipping__Shipment *shipment) MUST_USE;
struct status peer_issue_invoice(struct call *call, const char *key, const Ordering__Order *order,
				 const Shipping__Shipment *shipment, Billing__InvoiceLine **lines, size_t n_lines,
				 char **ret_invoice_id) MUST_USE;

/* Which of n lines a refusal is about: its index at the front of a field path ("lines[2].quantity"); false when the path names none. */
bool peer_line(const char *field, size_t *ret_line);

/*
 * A peer's refusal as our caller gets it: field paths of lines are replaced by fields[line] (without fields: dropped); what says that the request was
 * wrong, unknown or forbidden is our mistake and becomes INTERNAL_ERROR.
 */
struct status peer_refusal(struct call *call, struct status status, const char *const *fields,
			   size_t n_fields) MUST_USE;

#endif
