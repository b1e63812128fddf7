/* What ordering/sagas.h promises of events: what leaves is booked out and billed once, what is released is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ordering/sagas_test.h"

static struct db_statement SHIPPING_CURSOR =
    DB_READ("test_cursor", "SELECT position AS n FROM consumer_cursor WHERE producer = 'shipping'");

static struct db_statement COUNT_PARKED =
    DB_READ("test_parked", "SELECT count(*) AS n FROM saga WHERE state = 'NEEDS_OPERATOR'");

/* ---- Shipping ---- */

static void what_leaves_is_booked_billed_and_completed(void **state)
{
	Ordering__Order *order = filled("A", 3);

	(void)state;
	assert_ok(add(&order, NULL, "B", 2));
	assert_ok(place(&order, NULL));
	assert_ok(dispatch(last_departure()));
	order = get(order->order_id);
	assert_int_equal(order->state, STATE(SHIPPED));
	assert_int_equal(order->items[1]->shipped_quantity, 2);
	assert_int_equal(order->items[1]->state, ITEM(SHIPPED));
	assert_int_equal(order->n_invoice_ids, 1);
	assert_string_equal(order->invoice_ids[0], peers.invoices[0].id);
	assert_ok(run(deliver_own));
	order = get(order->order_id);
	assert_int_equal(order->state, STATE(COMPLETED));
	assert_int_equal(peers.invoices[0].asked, 1);
	assert_int_equal(peers.booked_out, 1);
	assert_string_equal(path_of(order->order_id), "OPEN PLACING PLACED SHIPPED COMPLETED");
	assert_ok(dispatch(last_departure())); /* delivered a second time, at another place */
	assert_int_equal(peers.n_invoices, 1);
	assert_int_equal(get(order->order_id)->items[0]->shipped_quantity, 3);
}

static void a_dispatch_is_tried_until_it_is_billed(void **state)
{
	static const char *const PEERS[] = { "fulfil", "issue_invoice" };

	(void)state;
	for (int i = 0; i < 4; i++) {
		Ordering__Order *order = filled("A", 1);

		assert_ok(place(&order, NULL));
		no_answer(PEERS[i / 2], EVER, i % 2 == 0);
		assert_ok(dispatch(last_departure()));
		resume_everything();
		assert_true(peers.faults <= EVER - 2);
		assert_int_equal(get(order->order_id)->state, STATE(PLACED));
		heal();
		resume_everything();
		assert_ok(run(deliver_own));
		assert_int_equal(get(order->order_id)->state, STATE(COMPLETED));
		assert_int_equal(peers.n_invoices, i + 1);
		assert_int_equal(service_number(&SHIPPING_CURSOR), i + 1);
	}
}

static void goods_may_leave_before_it_is_known_that_they_may(void **state)
{
	Ordering__Order *order = filled("A", 1);

	(void)state;
	no_answer("create_shipment", EVER, true);
	assert_reason(place_in_vain(order, "k1"), "PEER_UNAVAILABLE");
	heal();
	assert_ok(dispatch(last_departure()));
	assert_ok(run(deliver_own));
	assert_string_equal(path_of(order->order_id), "OPEN PLACING PLACED SHIPPED COMPLETED");
	assert_ok(place(&order, "k1"));
	assert_int_equal(order->state, STATE(PLACED)); /* what the key was answered, not what is now */
}

static void events_that_make_no_sense_do_not_stand_in_the_way(void **state)
{
	Ordering__Order *order = filled("A", 1);
	Shipping__ShipmentDispatched *event;

	(void)state;
	assert_ok(place(&order, NULL));
	event = last_departure();
	event->shipment->order_id = text(UNKNOWN_ID);
	assert_reason(dispatch(event), "EVENT_REJECTED");
	event = last_departure();
	event->shipment = NULL;
	assert_reason(dispatch(event), "EVENT_REJECTED");
	event = last_departure();
	event->shipment->shipment_id = text(UNKNOWN_ID);
	event->shipment->lines[0]->quantity = 2; /* more than was ordered: a case for a person */
	assert_ok(dispatch(event));
	assert_int_equal(service_number(&COUNT_PARKED), 1);
	assert_int_equal(peers.booked_out, 0);
	assert_int_equal(get(order->order_id)->state, STATE(PLACED));
	assert_ok(dispatch(last_departure()));
	assert_int_equal(service_number(&SHIPPING_CURSOR), 2);
	assert_int_equal(get(order->order_id)->state, STATE(SHIPPED));
}

/* ---- Giving back ---- */

static void what_was_taken_off_is_given_back_even_if_not_at_once(void **state)
{
	Ordering__RemoveOrderItemRequest removal = ORDERING__REMOVE_ORDER_ITEM_REQUEST__INIT;
	Ordering__Order *order = filled("A", 3);

	(void)state;
	assert_ok(add(&order, NULL, "B", 2));
	no_answer("release", 2, false);
	removal.order_id = order->order_id;
	removal.item_id = order->items[0]->item_id;
	assert_ok(service_call("RemoveOrderItem", NULL, &removal.base, NULL));
	assert_int_equal(held("A", ""), 3);
	assert_reason(run(deliver_own), "PEER_UNAVAILABLE");
	assert_ok(run(deliver_own));
	assert_int_equal(held("A", ""), 0);
	assert_int_equal(held("B", ""), 2);
}

static void a_cancelled_order_holds_nothing_in_the_end(void **state)
{
	Ordering__CancelOrderRequest cancel = ORDERING__CANCEL_ORDER_REQUEST__INIT;
	Ordering__Order *order = filled("A", 3), *other = filled("A", 4);
	struct hold *stray = take_hold(UNKNOWN_ID); /* of an item that was never written down */

	(void)state;
	*stray = (struct hold){ .id = UNKNOWN_ID, .sku = "B", .quantity = 1 };
	memcpy(stray->order_id, order->order_id, UUID_TEXT);
	no_answer("release", 1, false);
	cancel.order_id = order->order_id;
	assert_ok(service_call("CancelOrder", NULL, &cancel.base, NULL));
	assert_int_equal(held("A", ""), 7);
	assert_ok(run(deliver_own));
	assert_int_equal(held("A", ""), 4);
	assert_int_equal(held("B", ""), 0);
	assert_held(other, HOLD_HELD);
}

#define SHIPPING_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_sagas, close_service)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHIPPING_TEST(what_leaves_is_booked_billed_and_completed),
		SHIPPING_TEST(a_dispatch_is_tried_until_it_is_billed),
		SHIPPING_TEST(goods_may_leave_before_it_is_known_that_they_may),
		SHIPPING_TEST(events_that_make_no_sense_do_not_stand_in_the_way),
		SHIPPING_TEST(what_was_taken_off_is_given_back_even_if_not_at_once),
		SHIPPING_TEST(a_cancelled_order_holds_nothing_in_the_end),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
