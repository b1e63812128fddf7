/*
 * rules: what is allowed with orders. Pure: no I/O, no clock, no SQL, no log.
 *
 * Invariants
 * - A function that refuses changes nothing.
 * - An order's state changes only by order_move(), along one table.
 * - An order has one currency: that of its first item; without items it has no totals.
 * - Totals are the sums of the items' amounts, always up to date, and never above what the contract allows for money.
 * - A sku stands on one item at most.
 *
 * Usage
 *     TRY(order_add_item(arena, order, item_id, product, 3, &item));
 *     TRY(order_check_place(order));
 *     TRY(order_move(arena, order, ORDER_EVENT_PLACE, ""));
 */
#ifndef QUAYSIDE_ORDERING_RULES_H
#define QUAYSIDE_ORDERING_RULES_H

#include "base/status.h"
#include "quayside/billing/v1/billing.pb-c.h"
#include "quayside/customers/v1/customers.pb-c.h"
#include "quayside/ordering/v1/ordering.pb-c.h"
#include "quayside/shipping/v1/shipping.pb-c.h"
#include "quayside/warehouse/v1/warehouse.pb-c.h"

#define ORDER_ITEMS_MAX ((size_t)200)
#define ORDER_QUANTITY_MAX 1000000              /* packages of one item */
#define ORDER_AMOUNT_MAX INT64_C(1000000000000) /* minor units; common.v1.Money */

extern const struct reason ORDER_NOT_OPEN;   /* metadata: state */
extern const struct reason ORDER_NOT_PLACED; /* metadata: state */
extern const struct reason PLACING_TIMED_OUT;
extern const struct reason ALREADY_DISPATCHED;
extern const struct reason ORDER_EMPTY;
extern const struct reason ADDRESS_MISSING; /* metadata: address */
extern const struct reason CUSTOMER_BLOCKED;
extern const struct reason CUSTOMER_ERASED;
extern const struct reason PRODUCT_ARCHIVED;  /* metadata: sku */
extern const struct reason CURRENCY_MISMATCH; /* metadata: sku, currency, order_currency */
extern const struct reason TOO_MANY_ITEMS;
extern const struct reason AMOUNT_TOO_LARGE;
extern const struct reason ITEM_NOT_FOUND;    /* metadata: item_id */
extern const struct reason SHIPMENT_MISMATCH; /* what was shipped is not what was ordered */

/* Reasons that the warehouse gives and that mean something here. */
extern const struct reason OUT_OF_STOCK;
extern const struct reason RESERVATION_CLOSED;
extern const struct reason RESERVATION_CONFIRMED;

/* One that shipping gives: what has left cannot be stopped. */
extern const struct reason SHIPMENT_DISPATCHED;
extern const struct reason SHIPMENT_DELIVERED;

/* What can happen to an order's state. */
enum order_event {
	ORDER_EVENT_PLACE,   /* asked for */
	ORDER_EVENT_PLACED,  /* all goods are kept, a shipment is made */
	ORDER_EVENT_REFUSED, /* could not be placed */
	ORDER_EVENT_SHIPPED_PART,
	ORDER_EVENT_SHIPPED_ALL,
	ORDER_EVENT_INVOICED,            /* every dispatched line */
	ORDER_EVENT_CANCEL,              /* asked for */
	ORDER_EVENT_CANCELLED,           /* nothing had been shipped */
	ORDER_EVENT_CANCELLED_REST,      /* some had */
	ORDER_EVENT_CANCEL_REFUSED,      /* all had left */
	ORDER_EVENT_CANCEL_REFUSED_PART, /* ... and some of it is booked already */
	ORDER_EVENT_EXPIRE,
};
#define ORDER_EVENTS 12

/* Moves the state and keeps the reason (shared, not copied), or refuses with ORDER_NOT_OPEN or ORDER_NOT_PLACED. */
struct status order_move(struct arena *arena, Ordering__Order *order, enum order_event event, char *reason) MUST_USE;

/* May items be added, changed and removed? */
struct status order_check_open(struct arena *arena, const Ordering__Order *order) MUST_USE;

/* May it be placed: is it open, with items and both addresses? */
struct status order_check_place(struct arena *arena, const Ordering__Order *order) MUST_USE;

/* May this customer order? */
struct status order_check_customer(const Customers__Customer *customer) MUST_USE;

/* Takes over who orders: id, name, and the addresses: those given, else the customer's defaults, else its first one, else none. Shares their memory. */
void order_set_customer(struct arena *arena, Ordering__Order *order, const Customers__Customer *customer,
			Common__Address *shipping, Common__Address *billing);

/* Writes name and note as the mask says (without one: what is set), shared. Fails with INVALID_REQUEST for another field. */
struct status order_update(struct arena *arena, Ordering__Order *order,
			   const Ordering__UpdateOrderRequest *request) MUST_USE;

/*
 * Adds packages of a product, at its name and price of now: as a new item with this id at the end, or to the item that has the sku already, at the price that this one has.
 * ret_item (in the arena) is what is on the order now, RESERVED: to be reserved before it is stored.
 */
struct status order_add_item(struct arena *arena, Ordering__Order *order, const char *item_id,
			     const Warehouse__Product *product, int64_t quantity,
			     Ordering__OrderItem **ret_item) MUST_USE;

/* Sets an item's quantity; takes an item off. */
struct status order_set_quantity(struct arena *arena, Ordering__Order *order, const char *item_id, int64_t quantity,
				 Ordering__OrderItem **ret_item) MUST_USE;
struct status order_remove_item(struct arena *arena, Ordering__Order *order, const char *item_id) MUST_USE;

/* NULL when there is none. */
Ordering__OrderItem *order_item(const Ordering__Order *order, const char *item_id);
Ordering__OrderItem *order_item_of_sku(const Ordering__Order *order, const char *sku);

/* Gives all items a state; or only that of this sku. */
void order_mark_items(Ordering__Order *order, Ordering__OrderItemState state);
void order_reject_sku(Ordering__Order *order, const char *sku);

/* What a request to submit asks for of one product, all its lines added up. */
struct order_line {
	const char *sku;
	int64_t quantity;
	size_t first; /* the request's line that names the product first */
};

/* Adds up the lines of the same product, in the order in which the products appear. Fails with INVALID_REQUEST for a line that takes a product above the limit. */
struct status order_merge_lines(struct arena *arena, const Ordering__SubmitOrderRequest *request, size_t *ret_count,
				struct order_line **ret_lines) MUST_USE;

/* What of the order has neither been shipped nor cancelled, in packages. */
int64_t order_left(const Ordering__Order *order);

/* How many packages of an item are in these shipments, of those that have left. */
int64_t order_departed(const Ordering__OrderItem *item, Shipping__Shipment *const *shipments, size_t n_shipments);

/* Is there anything of a cancelled order that is in none of these shipments, so that it stays here? Else fails with ALREADY_DISPATCHED. */
struct status order_check_cancel(const Ordering__Order *order, Shipping__Shipment *const *shipments,
				 size_t n_shipments) MUST_USE;

/* Ends the cancelling: what these shipments, all that there are, did not take is cancelled. Or nothing is (refused). */
struct status order_cancel(struct arena *arena, Ordering__Order *order, Shipping__Shipment *const *shipments,
			   size_t n_shipments) MUST_USE;
struct status order_refuse_cancel(struct arena *arena, Ordering__Order *order) MUST_USE;

/* Books what a shipment took: the items' quantities and states, and the order's state. Fails with SHIPMENT_MISMATCH. */
struct status order_ship(struct arena *arena, Ordering__Order *order, const Shipping__Shipment *shipment) MUST_USE;

/* The lines of a shipment's invoice: its quantities at the order's names, prices and tax rates. Fails with SHIPMENT_MISMATCH. */
struct status order_invoice_lines(struct arena *arena, const Ordering__Order *order, const Shipping__Shipment *shipment,
				  size_t *ret_count, Billing__InvoiceLine ***ret_lines) MUST_USE;

#endif
