/* What ordering/rules.h promises of shipments: what they take, what is billed, what is cancelled of the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ordering/rules_test.h"

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

static Shipping__Shipment *departed(size_t n, const char *const *ids, const int64_t *quantities)
{
	Shipping__Shipment *made = shipment(n, ids, quantities);

	made->state = SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DISPATCHED;
	return made;
}

static Ordering__Order *cancelling_order(void)
{
	Ordering__Order *order = placed_order();

	order->state = STATE(CANCELLING);
	order->state_reason = text("why");
	return order;
}

static void what_nobody_took_is_cancelled(void **state)
{
	static const char *const ids[] = { "i1", "i2" };
	static const int64_t all[] = { 3, 2 };
	Shipping__Shipment *shipments[] = { shipment(2, ids, all) };
	Ordering__Order *order = cancelling_order();

	(void)state;
	shipments[0]->state = SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_CANCELLED;
	assert_null(order_check_cancel(order, shipments, 1).reason);
	assert_null(order_cancel(arena, order, shipments, 1).reason);
	assert_int_equal(order->state, STATE(CANCELLED));
	assert_string_equal(order->state_reason, "why");
	assert_int_equal(order->items[0]->cancelled_quantity, 3);
	assert_int_equal(order->items[1]->state, ITEM(RELEASED));
	assert_int_equal(order_left(order), 0);
}

static void what_has_left_is_not_cancelled(void **state)
{
	static const char *const ids[] = { "i1", "i2" };
	static const int64_t one[] = { 1 }, rest[] = { 2, 2 };
	Shipping__Shipment *shipments[] = { departed(1, ids, one), shipment(2, ids, rest) };
	Ordering__Order *order = cancelling_order();

	(void)state;
	assert_int_equal(order_departed(order->items[0], shipments, 2), 1);
	assert_null(order_check_cancel(order, shipments, 2).reason);
	assert_null(order_cancel(arena, order, shipments, 2).reason);
	assert_int_equal(order->state, STATE(PARTLY_SHIPPED));
	assert_int_equal(order->items[0]->state, ITEM(RESERVED));
	assert_int_equal(order->items[1]->state, ITEM(RELEASED));
	assert_int_equal(order_left(order), 1);
	assert_refused(order_ship(arena, order, shipment(2, ids, rest)), &SHIPMENT_MISMATCH);
	assert_null(order_ship(arena, order, shipments[0]).reason);
	assert_int_equal(order->state, STATE(SHIPPED));
	assert_int_equal(order->items[0]->state, ITEM(SHIPPED));
}

static void what_has_all_left_cannot_be_cancelled(void **state)
{
	static const char *const ids[] = { "i1", "i2" };
	static const int64_t one[] = { 1 }, rest[] = { 2, 2 };
	Shipping__Shipment *shipments[] = { departed(1, ids, one), departed(2, ids, rest) };
	Ordering__Order *order = cancelling_order(), *part = cancelling_order();

	(void)state;
	assert_refused(order_check_cancel(order, shipments, 2), &ALREADY_DISPATCHED);
	assert_null(order_refuse_cancel(arena, order).reason);
	assert_int_equal(order->state, STATE(PLACED));
	assert_string_equal(order->state_reason, "");
	part->items[0]->shipped_quantity = 1;
	assert_null(order_refuse_cancel(arena, part).reason);
	assert_int_equal(part->state, STATE(PARTLY_SHIPPED));
	part->state = STATE(CANCELLING);
	part->items[1]->cancelled_quantity = 2; /* cancelled before: there is nothing left to cancel */
	assert_refused(order_check_cancel(part, (Shipping__Shipment *[]){ departed(1, ids, (int64_t[]){ 3 }) }, 1),
		       &ALREADY_DISPATCHED);
	part->items[0]->shipped_quantity = 0; /* what has left is not booked yet */
	assert_null(order_refuse_cancel(arena, part).reason);
	assert_int_equal(part->state, STATE(PARTLY_SHIPPED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_shipment_ships_the_order),
		cmocka_unit_test(parts_ship_the_order_in_the_end),
		cmocka_unit_test(what_was_not_ordered_does_not_ship),
		cmocka_unit_test(invoices_have_what_was_shipped_at_the_orders_price),
		cmocka_unit_test(what_nobody_took_is_cancelled),
		cmocka_unit_test(what_has_left_is_not_cancelled),
		cmocka_unit_test(what_has_all_left_cannot_be_cancelled),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
