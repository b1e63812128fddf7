/* What shipments do to an order: what they took, what is billed of them, what is cancelled of the rest. */
#include <string.h>

#include "ordering/rules.h"

#define ITEM_RESERVED ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_RESERVED
#define ITEM_RELEASED ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_RELEASED
#define ITEM_PARTLY_SHIPPED ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_PARTLY_SHIPPED
#define ITEM_SHIPPED ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_SHIPPED

const struct reason SHIPMENT_MISMATCH = { CODE_FAILED_PRECONDITION, "SHIPMENT_MISMATCH",
					  "What was shipped is not what was ordered." };

static int64_t left_of(const Ordering__OrderItem *item)
{
	return item->quantity - item->shipped_quantity - item->cancelled_quantity;
}

int64_t order_left(const Ordering__Order *order)
{
	int64_t left = 0;

	for (size_t i = 0; i < order->n_items; i++)
		left += left_of(order->items[i]);
	return left;
}

/* Of an item of a placed order. */
static Ordering__OrderItemState item_state(const Ordering__OrderItem *item)
{
	if (item->cancelled_quantity == item->quantity)
		return ITEM_RELEASED;
	if (left_of(item) == 0)
		return ITEM_SHIPPED;
	return item->shipped_quantity > 0 ? ITEM_PARTLY_SHIPPED : ITEM_RESERVED;
}

static struct status mismatch(struct arena *arena, const Shipping__Shipment *shipment)
{
	return status_metadata(arena, status_of(&SHIPMENT_MISMATCH), "shipment_id", shipment->shipment_id);
}

/* Is every line a part of an item that has not been shipped yet? A shipment names an item once. */
static struct status check_shipment(struct arena *arena, const Ordering__Order *order,
				    const Shipping__Shipment *shipment)
{
	for (size_t i = 0; i < shipment->n_lines; i++) {
		const Ordering__OrderItem *item = order_item(order, shipment->lines[i]->item_id);

		if (item == NULL || shipment->lines[i]->quantity > left_of(item))
			return mismatch(arena, shipment);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(shipment->lines[j]->item_id, item->item_id) == 0)
				return mismatch(arena, shipment);
		}
	}
	return shipment->n_lines == 0 ? mismatch(arena, shipment) : STATUS_OK;
}

struct status order_ship(struct arena *arena, Ordering__Order *order, const Shipping__Shipment *shipment)
{
	int64_t left = order_left(order);

	TRY(check_shipment(arena, order, shipment));
	for (size_t i = 0; i < shipment->n_lines; i++)
		left -= shipment->lines[i]->quantity;
	TRY(order_move(arena, order, left == 0 ? ORDER_EVENT_SHIPPED_ALL : ORDER_EVENT_SHIPPED_PART,
		       order->state_reason));
	for (size_t i = 0; i < shipment->n_lines; i++) {
		Ordering__OrderItem *item = order_item(order, shipment->lines[i]->item_id);

		item->shipped_quantity += shipment->lines[i]->quantity;
		item->state = item_state(item);
	}
	return STATUS_OK;
}

static Billing__InvoiceLine *invoice_line(struct arena *arena, const Ordering__OrderItem *item, int64_t quantity)
{
	Billing__InvoiceLine *line = arena_alloc(arena, sizeof(*line));

	billing__invoice_line__init(line);
	line->item_id = item->item_id;
	line->sku = item->sku;
	line->name = item->name;
	line->quantity = quantity;
	line->unit_price = item->unit_price;
	line->tax_rate_basis_points = item->tax_rate_basis_points;
	return line;
}

struct status order_invoice_lines(struct arena *arena, const Ordering__Order *order, const Shipping__Shipment *shipment,
				  size_t *ret_count, Billing__InvoiceLine ***ret_lines)
{
	Billing__InvoiceLine **lines = arena_array(arena, shipment->n_lines, sizeof(*lines));

	TRY(check_shipment(arena, order, shipment));
	for (size_t i = 0; i < shipment->n_lines; i++)
		lines[i] =
		    invoice_line(arena, order_item(order, shipment->lines[i]->item_id), shipment->lines[i]->quantity);
	*ret_lines = lines;
	*ret_count = shipment->n_lines;
	return STATUS_OK;
}

static bool has_left(const Shipping__Shipment *shipment)
{
	return shipment->state == SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DISPATCHED ||
	       shipment->state == SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DELIVERED;
}

int64_t order_departed(const Ordering__OrderItem *item, Shipping__Shipment *const *shipments, size_t n_shipments)
{
	int64_t departed = 0;

	for (size_t i = 0; i < n_shipments; i++) {
		for (size_t j = 0; has_left(shipments[i]) && j < shipments[i]->n_lines; j++) {
			if (strcmp(shipments[i]->lines[j]->item_id, item->item_id) == 0)
				departed += shipments[i]->lines[j]->quantity;
		}
	}
	return departed;
}

struct status order_check_cancel(const Ordering__Order *order, Shipping__Shipment *const *shipments, size_t n_shipments)
{
	for (size_t i = 0; i < order->n_items; i++) {
		const Ordering__OrderItem *item = order->items[i];

		if (order_departed(item, shipments, n_shipments) < item->quantity - item->cancelled_quantity)
			return STATUS_OK;
	}
	return status_of(&ALREADY_DISPATCHED);
}

struct status order_cancel(struct arena *arena, Ordering__Order *order, Shipping__Shipment *const *shipments,
			   size_t n_shipments)
{
	int64_t departed = 0;

	for (size_t i = 0; i < order->n_items; i++)
		departed += order_departed(order->items[i], shipments, n_shipments);
	TRY(order_move(arena, order, departed == 0 ? ORDER_EVENT_CANCELLED : ORDER_EVENT_CANCELLED_REST,
		       order->state_reason));
	for (size_t i = 0; i < order->n_items; i++) {
		Ordering__OrderItem *item = order->items[i];

		item->cancelled_quantity = item->quantity - order_departed(item, shipments, n_shipments);
		item->state = item_state(item);
	}
	return STATUS_OK;
}

/* It goes back to where it was: an order of which something was shipped, or cancelled, before is in parts. */
struct status order_refuse_cancel(struct arena *arena, Ordering__Order *order)
{
	int64_t quantity = 0;

	for (size_t i = 0; i < order->n_items; i++)
		quantity += order->items[i]->quantity;
	return order_move(arena, order,
			  order_left(order) == quantity ? ORDER_EVENT_CANCEL_REFUSED : ORDER_EVENT_CANCEL_REFUSED_PART,
			  arena_strdup(arena, ""));
}
