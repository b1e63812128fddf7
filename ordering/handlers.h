/*
 * handlers: the RPCs of quayside.ordering.v1, one function each: check, rules, peers, store, reply.
 *
 * Invariants
 * - A handler decides nothing (rules do) and knows no SQL (store does).
 * - A change reads, decides, and writes guarded by the version that was read; who loses reads and decides again. No peer is called inside a transaction.
 * - The warehouse is asked first and the order written after: what it promised and nobody wrote down runs out by itself.
 *
 * Usage: give the services to the process in main.c. The handlers declared here are those that do not stand beside the method table.
 */
#ifndef QUAYSIDE_ORDERING_HANDLERS_H
#define QUAYSIDE_ORDERING_HANDLERS_H

#include "quayside/ordering/v1/ordering.pb-c.h"
#include "runtime/rpc_server.h"

extern const struct rpc_service order_service, fulfilment_service;

/* Items (item_handlers.c). */
struct status add_order_item(struct call *call, const Ordering__AddOrderItemRequest *request,
			     Ordering__Order *reply) MUST_USE;
struct status update_order_item(struct call *call, const Ordering__UpdateOrderItemRequest *request,
				Ordering__Order *reply) MUST_USE;
struct status remove_order_item(struct call *call, const Ordering__RemoveOrderItemRequest *request,
				Ordering__Order *reply) MUST_USE;

/* Placing (place_handlers.c). */
struct status place_order(struct call *call, const Ordering__PlaceOrderRequest *request,
			  Ordering__Order *reply) MUST_USE;
struct status submit_order(struct call *call, const Ordering__SubmitOrderRequest *request,
			   Ordering__Order *reply) MUST_USE;

/* Watching (watch_handlers.c): the only stream. in is a WatchOrdersRequest. */
struct status watch_orders(struct call *call, const void *in, void *out) MUST_USE;

/* Cancelling (cancel_handlers.c). */
struct status cancel_order(struct call *call, const Ordering__CancelOrderRequest *request,
			   Ordering__Order *reply) MUST_USE;

/* Is it this call's own doing, under its key, that the order is on its way? Fails with KEY_ANSWERED when that is done. (place_handlers.c) */
struct status check_repeat(struct call *call, bool *ret_repeat) MUST_USE;

#endif
