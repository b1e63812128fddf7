/* What ordering/rules.h promises. */
#include "ordering/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "runtime/pb.h"

#define STATE(name_) ORDERING__ORDER_STATE__ORDER_STATE_##name_
#define ITEM(name_) ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_##name_
#define N_STATES 10

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new(4096, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void assert_refused(struct status status, const struct reason *reason)
{
	assert_non_null(status.reason);
	assert_string_equal(status.reason->name, reason->name);
	assert_int_equal(status.reason->code, reason->code);
}

static void assert_violation(struct status status, const char *field)
{
	assert_refused(status, &INVALID_REQUEST);
	assert_non_null(status.detail);
	assert_non_null(status.detail->violations);
	assert_string_equal(status.detail->violations->field, field);
}

static void assert_metadata(struct status status, const char *name, const char *value)
{
	const struct status_pair *pair = status.detail->metadata;

	while (pair != NULL && !str_is(str_of(pair->name), name))
		pair = pair->next;
	assert_non_null(pair);
	assert_string_equal(pair->value, value);
}

static char *text(const char *value)
{
	return arena_strdup(arena, value);
}

static Ordering__Order *new_order(void)
{
	Ordering__Order *order = pb_new(arena, &ordering__order__descriptor);

	order->state = STATE(OPEN);
	return order;
}

static Warehouse__Product *product(const char *sku, int64_t price, const char *currency, int32_t tax_rate)
{
	Warehouse__Product *made = pb_new(arena, &warehouse__product__descriptor);

	made->sku = text(sku);
	made->name = arena_printf(arena, "Product %s", sku);
	made->state = WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ACTIVE;
	made->tax_rate_basis_points = tax_rate;
	made->unit_price = pb_new(arena, &common__money__descriptor);
	made->unit_price->currency_code = text(currency);
	made->unit_price->minor_units = price;
	return made;
}

static Ordering__OrderItem *add(Ordering__Order *order, const char *id, const char *sku, int64_t price,
				int64_t quantity)
{
	Ordering__OrderItem *item = NULL;

	assert_null(order_add_item(arena, order, id, product(sku, price, "EUR", 1900), quantity, &item).reason);
	return item;
}

static void assert_totals(const Ordering__Order *order, int64_t net, int64_t tax)
{
	assert_int_equal(order->net->minor_units, net);
	assert_int_equal(order->tax->minor_units, tax);
	assert_int_equal(order->gross->minor_units, net + tax);
	assert_string_equal(order->gross->currency_code, "EUR");
}

/* The matrix of product.md, written again from the events' side: [event][from] is where it leads, 0 that it is refused. */
static const Ordering__OrderState WANTED[ORDER_EVENTS][N_STATES] = {
	[ORDER_EVENT_PLACE] = { [STATE(OPEN)] = STATE(PLACING) },
	[ORDER_EVENT_PLACED] = { [STATE(PLACING)] = STATE(PLACED) },
	[ORDER_EVENT_REFUSED] = { [STATE(PLACING)] = STATE(OPEN) },
	[ORDER_EVENT_SHIPPED_PART] = { [STATE(PLACED)] = STATE(PARTLY_SHIPPED),
				       [STATE(PARTLY_SHIPPED)] = STATE(PARTLY_SHIPPED) },
	[ORDER_EVENT_SHIPPED_ALL] = { [STATE(PLACED)] = STATE(SHIPPED), [STATE(PARTLY_SHIPPED)] = STATE(SHIPPED) },
	[ORDER_EVENT_INVOICED] = { [STATE(SHIPPED)] = STATE(COMPLETED) },
	[ORDER_EVENT_CANCEL] = { [STATE(OPEN)] = STATE(CANCELLED),
				 [STATE(PLACED)] = STATE(CANCELLING),
				 [STATE(PARTLY_SHIPPED)] = STATE(CANCELLING) },
	[ORDER_EVENT_CANCELLED] = { [STATE(CANCELLING)] = STATE(CANCELLED) },
	[ORDER_EVENT_CANCELLED_REST] = { [STATE(CANCELLING)] = STATE(PARTLY_SHIPPED) },
	[ORDER_EVENT_CANCEL_REFUSED] = { [STATE(CANCELLING)] = STATE(PLACED) },
	[ORDER_EVENT_EXPIRE] = { [STATE(OPEN)] = STATE(EXPIRED) },
};

static void every_event_in_every_state(void **state)
{
	int allowed = 0;

	(void)state;
	for (int event = 0; event < ORDER_EVENTS; event++) {
		for (int from = 0; from < N_STATES; from++) {
			Ordering__Order *order = new_order();
			struct status status;

			order->state = (Ordering__OrderState)from;
			status = order_move(arena, order, (enum order_event)event, text("why"));
			if (WANTED[event][from] != 0) {
				assert_null(status.reason);
				assert_int_equal(order->state, WANTED[event][from]);
				assert_string_equal(order->state_reason, "why");
				allowed++;
			} else {
				assert_int_equal(status_code(status), CODE_FAILED_PRECONDITION);
				assert_int_equal(order->state, from);
				assert_string_equal(order->state_reason, "");
			}
		}
	}
	assert_int_equal(allowed, 15);
}

static void final_states_are_never_left(void **state)
{
	static const Ordering__OrderState FINAL[] = { STATE(COMPLETED), STATE(CANCELLED), STATE(EXPIRED) };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (int event = 0; event < ORDER_EVENTS; event++)
			assert_int_equal(WANTED[event][FINAL[i]], 0);
	}
}

static void a_refusal_says_which_state(void **state)
{
	Ordering__Order *order = new_order();
	struct status status;

	(void)state;
	order->state = STATE(CANCELLED);
	status = order_move(arena, order, ORDER_EVENT_CANCEL, text(""));
	assert_refused(status, &ORDER_NOT_OPEN);
	assert_metadata(status, "state", "ORDER_STATE_CANCELLED");
	assert_refused(order_move(arena, order, ORDER_EVENT_SHIPPED_ALL, text("")), &ORDER_NOT_PLACED);
}

static void totals_follow_the_items(void **state)
{
	Ordering__Order *order = new_order();
	Ordering__OrderItem *item;

	(void)state;
	assert_null(order->net);
	item = add(order, "i1", "A", 333, 3);
	assert_int_equal(item->net->minor_units, 999);
	assert_int_equal(item->tax->minor_units, 190); /* 189.81 */
	assert_totals(order, 999, 190);
	add(order, "i2", "B", 1000, 1);
	assert_totals(order, 1999, 380);
	assert_null(order_set_quantity(arena, order, "i1", 1, &item).reason);
	assert_totals(order, 1333, 253); /* 63.27 and 190 */
	assert_null(order_remove_item(arena, order, "i1").reason);
	assert_totals(order, 1000, 190);
	assert_null(order_remove_item(arena, order, "i2").reason);
	assert_int_equal(order->n_items, 0);
	assert_null(order->net);
	assert_null(order->gross);
}

static void the_same_product_again_raises_its_item(void **state)
{
	Ordering__Order *order = new_order();
	Ordering__OrderItem *item;

	(void)state;
	add(order, "i1", "A", 100, 3);
	item = add(order, "i2", "A", 250, 2); /* the price has risen meanwhile */
	assert_int_equal(order->n_items, 1);
	assert_string_equal(item->item_id, "i1");
	assert_int_equal(item->quantity, 5);
	assert_int_equal(item->unit_price->minor_units, 100);
	assert_totals(order, 500, 95);
}

static void items_keep_their_order(void **state)
{
	Ordering__Order *order = new_order();
	Ordering__OrderItem *item;

	(void)state;
	add(order, "i1", "A", 1, 1);
	add(order, "i2", "B", 2, 1);
	add(order, "i3", "C", 3, 1);
	assert_null(order_set_quantity(arena, order, "i2", 9, &item).reason);
	assert_null(order_remove_item(arena, order, "i1").reason);
	assert_int_equal(order->n_items, 2);
	assert_string_equal(order->items[0]->item_id, "i2");
	assert_string_equal(order->items[1]->item_id, "i3");
	assert_ptr_equal(order_item(order, "i2"), item);
	assert_ptr_equal(order_item_of_sku(order, "B"), item);
	assert_null(order_item(order, "i1"));
}

static void unknown_items_are_not_found(void **state)
{
	Ordering__Order *order = new_order();
	Ordering__OrderItem *item;

	(void)state;
	add(order, "i1", "A", 1, 1);
	assert_refused(order_set_quantity(arena, order, "i9", 1, &item), &ITEM_NOT_FOUND);
	assert_refused(order_remove_item(arena, order, "i9"), &ITEM_NOT_FOUND);
	assert_int_equal(ITEM_NOT_FOUND.code, CODE_NOT_FOUND);
	assert_int_equal(order->n_items, 1);
}

static void items_of_a_placed_order_stay(void **state)
{
	Ordering__Order *order = new_order();
	Ordering__OrderItem *item;

	(void)state;
	add(order, "i1", "A", 1, 1);
	order->state = STATE(PLACED);
	assert_refused(order_add_item(arena, order, "i2", product("B", 1, "EUR", 0), 1, &item), &ORDER_NOT_OPEN);
	assert_refused(order_set_quantity(arena, order, "i1", 2, &item), &ORDER_NOT_OPEN);
	assert_refused(order_remove_item(arena, order, "i1"), &ORDER_NOT_OPEN);
	assert_int_equal(order->items[0]->quantity, 1);
}

static void only_active_products_in_the_orders_currency(void **state)
{
	Ordering__Order *order = new_order();
	Warehouse__Product *archived = product("B", 1, "EUR", 0);
	Ordering__OrderItem *item;
	struct status status;

	(void)state;
	add(order, "i1", "A", 1, 1);
	archived->state = WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ARCHIVED;
	assert_refused(order_add_item(arena, order, "i2", archived, 1, &item), &PRODUCT_ARCHIVED);
	status = order_add_item(arena, order, "i2", product("C", 1, "USD", 0), 1, &item);
	assert_refused(status, &CURRENCY_MISMATCH);
	assert_metadata(status, "order_currency", "EUR");
	assert_int_equal(order->n_items, 1);
	assert_null(order_remove_item(arena, order, "i1").reason);
	assert_null(order_add_item(arena, order, "i2", product("C", 1, "USD", 0), 1, &item).reason);
	assert_string_equal(order->net->currency_code, "USD");
}

static void an_order_has_200_items_at_most(void **state)
{
	Ordering__Order *order = new_order();
	Ordering__OrderItem *item;

	(void)state;
	for (int i = 0; i < (int)ORDER_ITEMS_MAX; i++)
		add(order, arena_printf(arena, "i%d", i), arena_printf(arena, "S%d", i), 1, 1);
	assert_refused(order_add_item(arena, order, "more", product("MORE", 1, "EUR", 0), 1, &item), &TOO_MANY_ITEMS);
	assert_int_equal(order->n_items, ORDER_ITEMS_MAX);
	add(order, "again", "S7", 1, 1); /* no further item */
}

static void quantities_and_amounts_have_limits(void **state)
{
	Ordering__Order *order = new_order();
	Ordering__OrderItem *item;

	(void)state;
	add(order, "i1", "A", 1, ORDER_QUANTITY_MAX);
	assert_violation(order_add_item(arena, order, "i2", product("A", 1, "EUR", 0), 1, &item), "quantity");
	assert_refused(order_add_item(arena, order, "i2", product("B", ORDER_AMOUNT_MAX, "EUR", 0), 2, &item),
		       &AMOUNT_TOO_LARGE);
	assert_refused(order_add_item(arena, order, "i2", product("B", INT64_MAX / 2, "EUR", 0), 3, &item),
		       &AMOUNT_TOO_LARGE);
	assert_refused(order_add_item(arena, order, "i2", product("B", ORDER_AMOUNT_MAX - 1000000, "EUR", 0), 1, &item),
		       &AMOUNT_TOO_LARGE);
	assert_int_equal(order->n_items, 1);
	assert_int_equal(order->items[0]->quantity, ORDER_QUANTITY_MAX);
	assert_totals(order, 1000000, 190000);
	assert_null(
	    order_add_item(arena, order, "i2", product("B", ORDER_AMOUNT_MAX - 1190000, "EUR", 0), 1, &item).reason);
	assert_int_equal(order->gross->minor_units, ORDER_AMOUNT_MAX);
}

static Customers__Customer *customer(size_t n_addresses)
{
	Customers__Customer *made = pb_new(arena, &customers__customer__descriptor);

	made->customer_id = text("c1");
	made->first_name = text("Ada");
	made->last_name = text("Lovelace");
	made->status = CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE;
	made->n_addresses = n_addresses;
	made->addresses = arena_array(arena, n_addresses, sizeof(*made->addresses));
	for (size_t i = 0; i < n_addresses; i++) {
		made->addresses[i] = pb_new(arena, &customers__customer_address__descriptor);
		made->addresses[i]->address = pb_new(arena, &common__address__descriptor);
	}
	return made;
}

static void only_active_customers_order(void **state)
{
	Customers__Customer *made = customer(0);

	(void)state;
	assert_null(order_check_customer(made).reason);
	made->status = CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_BLOCKED;
	assert_refused(order_check_customer(made), &CUSTOMER_BLOCKED);
	made->status = CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ERASED;
	assert_refused(order_check_customer(made), &CUSTOMER_ERASED);
}

static void addresses_come_from_request_default_or_first(void **state)
{
	Ordering__Order *order = new_order();
	Customers__Customer *made = customer(3);
	Common__Address *given = pb_new(arena, &common__address__descriptor);

	(void)state;
	order_set_customer(arena, order, made, NULL, NULL);
	assert_ptr_equal(order->shipping_address, made->addresses[0]->address);
	assert_ptr_equal(order->billing_address, made->addresses[0]->address);
	made->addresses[1]->default_shipping = true;
	made->addresses[2]->default_billing = true;
	order_set_customer(arena, order, made, NULL, NULL);
	assert_ptr_equal(order->shipping_address, made->addresses[1]->address);
	assert_ptr_equal(order->billing_address, made->addresses[2]->address);
	order_set_customer(arena, order, made, given, NULL);
	assert_ptr_equal(order->shipping_address, given);
	order_set_customer(arena, order, customer(0), NULL, given);
	assert_null(order->shipping_address);
	assert_ptr_equal(order->billing_address, given);
}

static void a_company_orders_under_its_name(void **state)
{
	Ordering__Order *order = new_order();
	Customers__Customer *made = customer(0);

	(void)state;
	order_set_customer(arena, order, made, NULL, NULL);
	assert_string_equal(order->customer_id, "c1");
	assert_string_equal(order->customer_name, "Ada Lovelace");
	made->company = text("Analytical Engines Ltd");
	order_set_customer(arena, order, made, NULL, NULL);
	assert_string_equal(order->customer_name, "Analytical Engines Ltd");
}

static void placing_needs_items_and_addresses(void **state)
{
	Ordering__Order *order = new_order();
	struct status status;

	(void)state;
	assert_refused(order_check_place(arena, order), &ORDER_EMPTY);
	add(order, "i1", "A", 1, 1);
	status = order_check_place(arena, order);
	assert_refused(status, &ADDRESS_MISSING);
	assert_metadata(status, "address", "shipping_address");
	order->shipping_address = pb_new(arena, &common__address__descriptor);
	status = order_check_place(arena, order);
	assert_refused(status, &ADDRESS_MISSING);
	assert_metadata(status, "address", "billing_address");
	order->billing_address = order->shipping_address;
	assert_null(order_check_place(arena, order).reason);
	order->state = STATE(CANCELLED);
	assert_refused(order_check_place(arena, order), &ORDER_NOT_OPEN);
}

static Ordering__UpdateOrderRequest *update(const char *name, const char *note, const char *path)
{
	Ordering__UpdateOrderRequest *request = pb_new(arena, &ordering__update_order_request__descriptor);

	request->name = text(name);
	request->note = text(note);
	if (path == NULL)
		return request;
	request->update_mask = pb_new(arena, &google__protobuf__field_mask__descriptor);
	request->update_mask->paths = arena_array(arena, 1, sizeof(char *));
	request->update_mask->paths[0] = text(path);
	request->update_mask->n_paths = 1;
	return request;
}

static void updates_follow_their_mask(void **state)
{
	Ordering__Order *order = new_order();

	(void)state;
	assert_null(order_update(arena, order, update("n1", "t1", NULL)).reason);
	assert_string_equal(order->name, "n1");
	assert_string_equal(order->note, "t1");
	assert_null(
	    order_update(arena, order, update("", "t2", NULL)).reason); /* without a mask, what is empty is not set */
	assert_string_equal(order->name, "n1");
	assert_string_equal(order->note, "t2");
	assert_null(order_update(arena, order, update("", "t3", "name")).reason);
	assert_string_equal(order->name, "");
	assert_string_equal(order->note, "t2");
	assert_violation(order_update(arena, order, update("n4", "t4", "state")), "update_mask");
	assert_string_equal(order->note, "t2");
}

static Ordering__SubmitOrderRequest *submission(size_t n, const char *const *skus, const int64_t *quantities)
{
	Ordering__SubmitOrderRequest *request = pb_new(arena, &ordering__submit_order_request__descriptor);

	request->lines = arena_array(arena, n, sizeof(*request->lines));
	for (; request->n_lines < n; request->n_lines++) {
		Ordering__SubmitOrderLine *line = pb_new(arena, &ordering__submit_order_line__descriptor);

		line->sku = text(skus[request->n_lines]);
		line->quantity = quantities[request->n_lines];
		request->lines[request->n_lines] = line;
	}
	return request;
}

static void lines_of_the_same_product_are_added_up(void **state)
{
	static const char *const skus[] = { "A", "B", "A", "C", "B" };
	static const int64_t quantities[] = { 1, 2, 3, 4, 5 };
	struct order_line *lines;
	size_t count;

	(void)state;
	assert_null(order_merge_lines(arena, submission(5, skus, quantities), &count, &lines).reason);
	assert_int_equal(count, 3);
	assert_string_equal(lines[0].sku, "A");
	assert_int_equal(lines[0].quantity, 4);
	assert_int_equal(lines[0].first, 0);
	assert_string_equal(lines[1].sku, "B");
	assert_int_equal(lines[1].quantity, 7);
	assert_int_equal(lines[1].first, 1);
	assert_string_equal(lines[2].sku, "C");
	assert_int_equal(lines[2].first, 3);
}

static void lines_together_have_a_limit(void **state)
{
	static const char *const skus[] = { "A", "A", "A" };
	static const int64_t fits[] = { 1, 1, ORDER_QUANTITY_MAX - 2 }, too_many[] = { 1, 1, ORDER_QUANTITY_MAX - 1 };
	struct order_line *lines;
	size_t count;

	(void)state;
	assert_null(order_merge_lines(arena, submission(3, skus, fits), &count, &lines).reason);
	assert_int_equal(lines[0].quantity, ORDER_QUANTITY_MAX);
	assert_violation(order_merge_lines(arena, submission(3, skus, too_many), &count, &lines), "lines[2].quantity");
}

static Shipping__Shipment *shipment(size_t n, const char *const *ids, const int64_t *quantities)
{
	Shipping__Shipment *made = pb_new(arena, &shipping__shipment__descriptor);

	made->shipment_id = text("s1");
	made->lines = arena_array(arena, n, sizeof(*made->lines));
	for (; made->n_lines < n; made->n_lines++) {
		Shipping__ShipmentLine *line = pb_new(arena, &shipping__shipment_line__descriptor);

		line->item_id = text(ids[made->n_lines]);
		line->quantity = quantities[made->n_lines];
		made->lines[made->n_lines] = line;
	}
	return made;
}

static Ordering__Order *placed_order(void)
{
	Ordering__Order *order = new_order();

	add(order, "i1", "A", 500, 3);
	add(order, "i2", "B", 200, 2);
	order->state = STATE(PLACED);
	return order;
}

static void a_whole_shipment_ships_the_order(void **state)
{
	static const char *const ids[] = { "i1", "i2" };
	static const int64_t quantities[] = { 3, 2 };
	Ordering__Order *order = placed_order();

	(void)state;
	assert_null(order_ship(arena, order, shipment(2, ids, quantities)).reason);
	assert_int_equal(order->state, STATE(SHIPPED));
	assert_int_equal(order->items[0]->state, ITEM(SHIPPED));
	assert_int_equal(order->items[1]->shipped_quantity, 2);
}

static void parts_ship_the_order_in_the_end(void **state)
{
	static const char *const ids[] = { "i1", "i2" };
	static const int64_t one[] = { 1 }, rest[] = { 2, 2 };
	Ordering__Order *order = placed_order();

	(void)state;
	assert_null(order_ship(arena, order, shipment(1, ids, one)).reason);
	assert_int_equal(order->state, STATE(PARTLY_SHIPPED));
	assert_int_equal(order->items[0]->state, ITEM(PARTLY_SHIPPED));
	assert_int_equal(order->items[1]->state, ITEM(RESERVED));
	assert_null(order_ship(arena, order, shipment(2, ids, rest)).reason);
	assert_int_equal(order->state, STATE(SHIPPED));
	assert_int_equal(order->items[0]->state, ITEM(SHIPPED));
}

static void what_was_not_ordered_does_not_ship(void **state)
{
	static const char *const ids[] = { "i1", "i2" }, *const unknown[] = { "i9" }, *const twice[] = { "i1", "i1" };
	static const int64_t too_many[] = { 4, 1 }, twos[] = { 2, 2 }, one[] = { 1 };
	Ordering__Order *order = placed_order();

	(void)state;
	assert_refused(order_ship(arena, order, shipment(2, ids, too_many)), &SHIPMENT_MISMATCH);
	assert_refused(order_ship(arena, order, shipment(1, unknown, one)), &SHIPMENT_MISMATCH);
	assert_refused(order_ship(arena, order, shipment(2, twice, twos)), &SHIPMENT_MISMATCH);
	assert_refused(order_ship(arena, order, shipment(0, ids, one)), &SHIPMENT_MISMATCH);
	order->state = STATE(OPEN);
	assert_refused(order_ship(arena, order, shipment(1, ids, one)), &ORDER_NOT_PLACED);
	assert_int_equal(order->items[0]->shipped_quantity, 0);
	assert_int_equal(order->items[0]->state, ITEM(RESERVED));
}

static void invoices_have_what_was_shipped_at_the_orders_price(void **state)
{
	static const char *const ids[] = { "i2", "i1" };
	static const int64_t quantities[] = { 2, 1 };
	Ordering__Order *order = placed_order();
	Billing__InvoiceLine **lines;
	size_t count;

	(void)state;
	assert_null(order_invoice_lines(arena, order, shipment(2, ids, quantities), &count, &lines).reason);
	assert_int_equal(count, 2);
	assert_string_equal(lines[0]->sku, "B");
	assert_string_equal(lines[0]->name, "Product B");
	assert_int_equal(lines[0]->quantity, 2);
	assert_int_equal(lines[0]->unit_price->minor_units, 200);
	assert_int_equal(lines[0]->tax_rate_basis_points, 1900);
	assert_int_equal(lines[1]->quantity, 1);
	order->items[0]->shipped_quantity = 3;
	assert_refused(order_invoice_lines(arena, order, shipment(2, ids, quantities), &count, &lines),
		       &SHIPMENT_MISMATCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_in_every_state),
		cmocka_unit_test(final_states_are_never_left),
		cmocka_unit_test(a_refusal_says_which_state),
		cmocka_unit_test(totals_follow_the_items),
		cmocka_unit_test(the_same_product_again_raises_its_item),
		cmocka_unit_test(items_keep_their_order),
		cmocka_unit_test(unknown_items_are_not_found),
		cmocka_unit_test(items_of_a_placed_order_stay),
		cmocka_unit_test(only_active_products_in_the_orders_currency),
		cmocka_unit_test(an_order_has_200_items_at_most),
		cmocka_unit_test(quantities_and_amounts_have_limits),
		cmocka_unit_test(only_active_customers_order),
		cmocka_unit_test(addresses_come_from_request_default_or_first),
		cmocka_unit_test(a_company_orders_under_its_name),
		cmocka_unit_test(placing_needs_items_and_addresses),
		cmocka_unit_test(updates_follow_their_mask),
		cmocka_unit_test(lines_of_the_same_product_are_added_up),
		cmocka_unit_test(lines_together_have_a_limit),
		cmocka_unit_test(a_whole_shipment_ships_the_order),
		cmocka_unit_test(parts_ship_the_order_in_the_end),
		cmocka_unit_test(what_was_not_ordered_does_not_ship),
		cmocka_unit_test(invoices_have_what_was_shipped_at_the_orders_price),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
