/* The items of an order: what they cost, how many they are. */
#include <string.h>

#include "base/money.h"
#include "ordering/rules.h"

#define RESERVED ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_RESERVED
#define REJECTED ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_REJECTED

const struct reason PRODUCT_ARCHIVED = { CODE_FAILED_PRECONDITION, "PRODUCT_ARCHIVED",
					 "The product is no longer sold." };
const struct reason CURRENCY_MISMATCH = { CODE_FAILED_PRECONDITION, "CURRENCY_MISMATCH",
					  "The product is sold in another currency than the order's other items." };
const struct reason TOO_MANY_ITEMS = { CODE_FAILED_PRECONDITION, "TOO_MANY_ITEMS",
				       "The order has as many items as an order can have." };
const struct reason AMOUNT_TOO_LARGE = { CODE_FAILED_PRECONDITION, "AMOUNT_TOO_LARGE",
					 "The order comes to more than an order can come to." };
const struct reason ITEM_NOT_FOUND = { CODE_NOT_FOUND, "ITEM_NOT_FOUND", "The order has no such item." };
const struct reason OUT_OF_STOCK = { CODE_FAILED_PRECONDITION, "OUT_OF_STOCK", "Not enough in stock." };
const struct reason RESERVATION_CONFIRMED = { CODE_FAILED_PRECONDITION, "RESERVATION_CONFIRMED",
					      "The goods are kept for good." };
const struct reason RESERVATION_CLOSED = { CODE_FAILED_PRECONDITION, "RESERVATION_CLOSED",
					   "The goods were given back." };

struct totals {
	struct money net, tax, gross;
};

static bool in_range(const struct totals *totals)
{
	return totals->gross.minor >= -ORDER_AMOUNT_MAX && totals->gross.minor <= ORDER_AMOUNT_MAX &&
	       totals->net.minor >= -ORDER_AMOUNT_MAX && totals->net.minor <= ORDER_AMOUNT_MAX;
}

static Common__Money *money_message(struct arena *arena, char *currency, struct money amount)
{
	Common__Money *message = arena_alloc(arena, sizeof(*message));

	common__money__init(message);
	message->currency_code = currency;
	message->minor_units = amount.minor;
	return message;
}

/* Sets an item's amounts from its price and quantity. */
static struct status price(struct arena *arena, Ordering__OrderItem *item)
{
	char *currency = item->unit_price->currency_code;
	struct totals amounts;

	if (!money_times(money_of(item->unit_price->minor_units), item->quantity, &amounts.net) ||
	    !money_tax(amounts.net, item->tax_rate_basis_points, &amounts.tax) ||
	    !money_add(amounts.net, amounts.tax, &amounts.gross) || !in_range(&amounts))
		return status_of(&AMOUNT_TOO_LARGE);
	item->net = money_message(arena, currency, amounts.net);
	item->tax = money_message(arena, currency, amounts.tax);
	item->gross = money_message(arena, currency, amounts.gross);
	return STATUS_OK;
}

static bool add_up(size_t n_items, Ordering__OrderItem *const *items, struct totals *ret_totals)
{
	*ret_totals = (struct totals){ MONEY_ZERO, MONEY_ZERO, MONEY_ZERO };
	for (size_t i = 0; i < n_items; i++) {
		if (!money_add(ret_totals->net, money_of(items[i]->net->minor_units), &ret_totals->net) ||
		    !money_add(ret_totals->tax, money_of(items[i]->tax->minor_units), &ret_totals->tax) ||
		    !money_add(ret_totals->gross, money_of(items[i]->gross->minor_units), &ret_totals->gross))
			return false;
	}
	return in_range(ret_totals);
}

/* Gives the order these items, if their totals allow it. */
static struct status set_items(struct arena *arena, Ordering__Order *order, size_t n_items, Ordering__OrderItem **items)
{
	char *currency = n_items > 0 ? items[0]->unit_price->currency_code : NULL;
	struct totals totals;

	if (!add_up(n_items, items, &totals))
		return status_of(&AMOUNT_TOO_LARGE);
	order->items = items;
	order->n_items = n_items;
	order->net = currency == NULL ? NULL : money_message(arena, currency, totals.net);
	order->tax = currency == NULL ? NULL : money_message(arena, currency, totals.tax);
	order->gross = currency == NULL ? NULL : money_message(arena, currency, totals.gross);
	return STATUS_OK;
}

/* The order's items with room for one more, so that a refusal leaves the order as it was. */
static Ordering__OrderItem **copy_items(struct arena *arena, const Ordering__Order *order)
{
	Ordering__OrderItem **items = arena_array(arena, order->n_items + 1, sizeof(*items));

	for (size_t i = 0; i < order->n_items; i++)
		items[i] = order->items[i];
	return items;
}

static size_t index_of(const Ordering__Order *order, const char *item_id)
{
	size_t i = 0;

	while (i < order->n_items && strcmp(order->items[i]->item_id, item_id) != 0)
		i++;
	return i;
}

Ordering__OrderItem *order_item(const Ordering__Order *order, const char *item_id)
{
	size_t i = index_of(order, item_id);

	return i < order->n_items ? order->items[i] : NULL;
}

Ordering__OrderItem *order_item_of_sku(const Ordering__Order *order, const char *sku)
{
	for (size_t i = 0; i < order->n_items; i++) {
		if (strcmp(order->items[i]->sku, sku) == 0)
			return order->items[i];
	}
	return NULL;
}

static Ordering__OrderItem *new_item(struct arena *arena, const char *item_id, const Warehouse__Product *product)
{
	Ordering__OrderItem *item = arena_alloc(arena, sizeof(*item));

	ordering__order_item__init(item);
	item->item_id = arena_strdup(arena, item_id);
	item->sku = product->sku;
	item->name = product->name;
	item->unit_price = product->unit_price;
	item->tax_rate_basis_points = product->tax_rate_basis_points;
	return item;
}

static struct status check_product(struct arena *arena, const Ordering__Order *order, const Warehouse__Product *product)
{
	const char *currency = product->unit_price->currency_code;
	struct status status;

	if (product->state != WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ACTIVE)
		return status_metadata(arena, status_of(&PRODUCT_ARCHIVED), "sku", product->sku);
	if (order->n_items == 0 || strcmp(order->items[0]->unit_price->currency_code, currency) == 0)
		return STATUS_OK;
	status = status_metadata(arena, status_of(&CURRENCY_MISMATCH), "sku", product->sku);
	status = status_metadata(arena, status, "currency", currency);
	return status_metadata(arena, status, "order_currency", order->items[0]->unit_price->currency_code);
}

/* Puts a copy of an item with another quantity into its place (the end is a place too). */
static struct status put_item(struct arena *arena, Ordering__Order *order, size_t place,
			      const Ordering__OrderItem *item, int64_t quantity, Ordering__OrderItem **ret_item)
{
	Ordering__OrderItem **items = copy_items(arena, order);
	Ordering__OrderItem *changed = arena_memdup(arena, item, sizeof(*item));

	if (quantity > ORDER_QUANTITY_MAX)
		return status_field(arena, &INVALID_REQUEST, "quantity", "takes the item above %d packages",
				    ORDER_QUANTITY_MAX);
	changed->quantity = quantity;
	changed->state = RESERVED;
	TRY(price(arena, changed));
	items[place] = changed;
	TRY(set_items(arena, order, place == order->n_items ? place + 1 : order->n_items, items));
	*ret_item = changed;
	return STATUS_OK;
}

struct status order_add_item(struct arena *arena, Ordering__Order *order, const char *item_id,
			     const Warehouse__Product *product, int64_t quantity, Ordering__OrderItem **ret_item)
{
	const Ordering__OrderItem *item = order_item_of_sku(order, product->sku);

	TRY(order_check_open(arena, order));
	TRY(check_product(arena, order, product));
	if (item != NULL)
		return put_item(arena, order, index_of(order, item->item_id), item, item->quantity + quantity,
				ret_item);
	if (order->n_items >= ORDER_ITEMS_MAX)
		return status_of(&TOO_MANY_ITEMS);
	return put_item(arena, order, order->n_items, new_item(arena, item_id, product), quantity, ret_item);
}

static struct status item_not_found(struct arena *arena, const char *item_id)
{
	return status_metadata(arena, status_of(&ITEM_NOT_FOUND), "item_id", item_id);
}

struct status order_set_quantity(struct arena *arena, Ordering__Order *order, const char *item_id, int64_t quantity,
				 Ordering__OrderItem **ret_item)
{
	size_t place = index_of(order, item_id);

	TRY(order_check_open(arena, order));
	if (place == order->n_items)
		return item_not_found(arena, item_id);
	return put_item(arena, order, place, order->items[place], quantity, ret_item);
}

struct status order_remove_item(struct arena *arena, Ordering__Order *order, const char *item_id)
{
	Ordering__OrderItem **items = copy_items(arena, order);
	size_t place = index_of(order, item_id);

	TRY(order_check_open(arena, order));
	if (place == order->n_items)
		return item_not_found(arena, item_id);
	for (size_t i = place; i + 1 < order->n_items; i++)
		items[i] = items[i + 1];
	return set_items(arena, order, order->n_items - 1, items);
}

void order_mark_items(Ordering__Order *order, Ordering__OrderItemState state)
{
	for (size_t i = 0; i < order->n_items; i++)
		order->items[i]->state = state;
}

void order_reject_sku(Ordering__Order *order, const char *sku)
{
	Ordering__OrderItem *item = order_item_of_sku(order, sku);

	if (item != NULL)
		item->state = REJECTED;
}

static struct order_line *line_of(struct order_line *lines, size_t count, const char *sku)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(lines[i].sku, sku) == 0)
			return &lines[i];
	}
	return NULL;
}

struct status order_merge_lines(struct arena *arena, const Ordering__SubmitOrderRequest *request, size_t *ret_count,
				struct order_line **ret_lines)
{
	struct order_line *lines = arena_array(arena, request->n_lines, sizeof(*lines));
	struct status status = STATUS_OK;
	size_t count = 0;

	for (size_t i = 0; i < request->n_lines; i++) {
		const Ordering__SubmitOrderLine *asked = request->lines[i];
		struct order_line *line = line_of(lines, count, asked->sku);

		if (line == NULL)
			lines[count++] = (struct order_line){ asked->sku, asked->quantity, i };
		else if (line->quantity > ORDER_QUANTITY_MAX - asked->quantity)
			status = status_violation(
			    arena, status, arena_printf(arena, "lines[%zu].quantity", i),
			    arena_printf(arena, "takes the product above %d packages", ORDER_QUANTITY_MAX));
		else
			line->quantity += asked->quantity;
	}
	TRY(status);
	*ret_count = count;
	*ret_lines = lines;
	return STATUS_OK;
}
