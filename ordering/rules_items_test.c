/* What ordering/rules.h promises of items: prices, quantities, limits, shipping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ordering/rules_test.h"

static void assert_totals(const Ordering__Order *order, int64_t net, int64_t tax)
{
	assert_int_equal(order->net->minor_units, net);
	assert_int_equal(order->tax->minor_units, tax);
	assert_int_equal(order->gross->minor_units, net + tax);
	assert_string_equal(order->gross->currency_code, "EUR");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals_follow_the_items),
		cmocka_unit_test(the_same_product_again_raises_its_item),
		cmocka_unit_test(items_keep_their_order),
		cmocka_unit_test(unknown_items_are_not_found),
		cmocka_unit_test(items_of_a_placed_order_stay),
		cmocka_unit_test(only_active_products_in_the_orders_currency),
		cmocka_unit_test(an_order_has_200_items_at_most),
		cmocka_unit_test(quantities_and_amounts_have_limits),
		cmocka_unit_test(lines_of_the_same_product_are_added_up),
		cmocka_unit_test(lines_together_have_a_limit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
