/* What ordering/sagas.h promises of cancelling: what has left stays and is billed, all else is given back, whatever fails in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ordering/sagas_test.h"

static Ordering__CancelOrderRequest *cancelling_of(const Ordering__Order *order)
{
	Ordering__CancelOrderRequest *request = pb_new(service_arena(), &ordering__cancel_order_request__descriptor);

	request->order_id = order->order_id;
	request->reason = text("changed their mind");
	return request;
}

static struct status cancel(Ordering__Order **order, const char *key)
{
	void *reply = NULL;
	struct status status = service_call("CancelOrder", key, &cancelling_of(*order)->base, &reply);

	if (status.reason == NULL)
		*order = reply;
	return status;
}

/* Leaves an order CANCELLING: its call ends without knowing the outcome. */
static struct status cancel_in_vain(const Ordering__Order *order, const char *key)
{
	struct invocation cancelling = {
		.method = "CancelOrder", .key = key, .request = &cancelling_of(order)->base, .timeout = A_SECOND
	};

	service_start(&cancelling);
	service_finish();
	return cancelling.outcome;
}

/* 3 of A and 2 of B. */
static Ordering__Order *placed(void)
{
	Ordering__Order *order = filled("A", 3);

	assert_ok(add(&order, NULL, "B", 2));
	assert_ok(place(&order, NULL));
	return order;
}

/* One package of A leaves; the rest is a shipment of its own. */
static Shipping__ShipmentDispatched *one_leaves(void)
{
	struct paper *first = &peers.shipments[peers.n_shipments - 1], *rest = &peers.shipments[peers.n_shipments++];
	Shipping__ShipmentDispatched *event;

	*rest = *first;
	uuid_new(rest->id);
	rest->lines[0].quantity = 2;
	first->n_lines = 1;
	first->lines[0].quantity = 1;
	event = departure_of(first);
	event->remainder_shipment_id = text(rest->id);
	return event;
}

static void assert_states(const Ordering__Order *order, Ordering__OrderItemState a, Ordering__OrderItemState b)
{
	assert_int_equal(order->items[0]->state, a);
	assert_int_equal(order->items[1]->state, b);
}

static void what_has_not_left_is_cancelled_as_a_whole(void **state)
{
	Ordering__Order *order = placed();

	(void)state;
	assert_ok(cancel(&order, "k1"));
	assert_int_equal(order->state, STATE(CANCELLED));
	assert_string_equal(order->state_reason, "changed their mind");
	assert_states(order, ITEM(RELEASED), ITEM(RELEASED));
	assert_int_equal(order->items[0]->cancelled_quantity, 3);
	assert_int_equal(order->items[1]->cancelled_quantity, 2);
	assert_true(peers.shipments[0].cancelled);
	assert_int_equal(held("A", "") + held("B", ""), 0);
	assert_ok(cancel(&order, "k1"));
	assert_reason(cancel(&order, "k2"), "ORDER_NOT_OPEN");
	assert_ok(run(deliver_own));
	assert_string_equal(path_of(order->order_id), "OPEN PLACING PLACED CANCELLING CANCELLED");
}

static void what_has_left_cannot_be_cancelled(void **state)
{
	Ordering__Order *order = placed();
	Shipping__ShipmentDispatched *event = last_departure();

	(void)state;
	assert_reason(cancel(&order, "k1"), "ALREADY_DISPATCHED");
	order = get(order->order_id);
	assert_int_equal(order->state, STATE(PLACED));
	assert_string_equal(order->state_reason, "");
	assert_int_equal(order->items[0]->cancelled_quantity, 0);
	assert_held(order, HOLD_CONFIRMED);
	assert_reason(cancel(&order, "k1"), "ALREADY_DISPATCHED");
	assert_ok(dispatch(event));
	assert_ok(run(deliver_own));
	assert_string_equal(path_of(order->order_id), "OPEN PLACING PLACED CANCELLING PLACED SHIPPED COMPLETED");
	assert_int_equal(peers.n_invoices, 1);
}

static void assert_rest_cancelled(const Ordering__Order *order)
{
	assert_int_equal(order->items[0]->cancelled_quantity, 2);
	assert_int_equal(order->items[1]->cancelled_quantity, 2);
	assert_int_equal(held("A", ""), 1);
	assert_int_equal(held("B", ""), 0);
	assert_true(peers.shipments[1].cancelled);
}

static void the_rest_can_be_cancelled_before_the_first_part_is_booked(void **state)
{
	Ordering__Order *order = placed();
	Shipping__ShipmentDispatched *event = one_leaves();

	(void)state;
	assert_ok(cancel(&order, "k1"));
	assert_int_equal(order->state, STATE(PARTLY_SHIPPED));
	assert_states(order, ITEM(RESERVED), ITEM(RELEASED));
	assert_rest_cancelled(order);
	assert_ok(dispatch(event));
	order = get(order->order_id);
	assert_states(order, ITEM(SHIPPED), ITEM(RELEASED));
	assert_int_equal(order->n_shipment_ids, 2);
	assert_ok(run(deliver_own));
	assert_reason(cancel(&order, "k2"), "ORDER_NOT_OPEN");
	assert_string_equal(path_of(order->order_id),
			    "OPEN PLACING PLACED CANCELLING PARTLY_SHIPPED SHIPPED COMPLETED");
}

static void the_rest_can_be_cancelled_after_the_first_part_was_booked(void **state)
{
	Ordering__Order *order = placed();

	(void)state;
	assert_ok(dispatch(one_leaves()));
	assert_int_equal(get(order->order_id)->state, STATE(PARTLY_SHIPPED));
	assert_ok(cancel(&order, "k1"));
	assert_states(order, ITEM(SHIPPED), ITEM(RELEASED));
	assert_rest_cancelled(order);
	assert_ok(run(deliver_own));
	assert_string_equal(path_of(order->order_id), "OPEN PLACING PLACED PARTLY_SHIPPED CANCELLING PARTLY_SHIPPED "
						      "SHIPPED COMPLETED");
	assert_int_equal(peers.n_invoices, 1);
}

static void a_part_that_left_is_no_reason_to_stop_what_follows(void **state)
{
	Ordering__Order *order = placed();

	(void)state;
	assert_ok(dispatch(one_leaves()));
	peers.shipments[1].left = true;
	assert_reason(cancel(&order, "k1"), "ALREADY_DISPATCHED");
	assert_int_equal(get(order->order_id)->state, STATE(PARTLY_SHIPPED));
	assert_ok(dispatch(departure_of(&peers.shipments[1])));
	assert_ok(run(deliver_own));
	assert_string_equal(path_of(order->order_id), "OPEN PLACING PLACED PARTLY_SHIPPED CANCELLING PARTLY_SHIPPED "
						      "SHIPPED COMPLETED");
	assert_int_equal(peers.n_invoices, 2);
}

static void who_leaves_in_the_last_moment_has_left(void **state)
{
	Ordering__Order *order = placed();

	(void)state;
	peers.leaves = true;
	for (int i = 0; i < 2; i++) {
		peers.arrives = i == 1;
		assert_reason(cancel(&order, NULL), "ALREADY_DISPATCHED");
		assert_false(peers.shipments[i].cancelled);
		assert_held(order, HOLD_CONFIRMED);
		assert_int_equal(get(order->order_id)->state, STATE(PLACED));
		order = placed();
	}
}

static void what_is_being_placed_is_placed_first(void **state)
{
	Ordering__Order *order = filled("A", 1);

	(void)state;
	no_answer("create_shipment", EVER, true);
	assert_reason(place_in_vain(order, "k1"), "PEER_UNAVAILABLE");
	assert_reason(cancel_in_vain(order, "k2"), "PEER_UNAVAILABLE");
	heal();
	assert_ok(cancel(&order, "k2"));
	assert_int_equal(order->state, STATE(CANCELLED));
	assert_ok(place(&order, "k1")); /* what the key was answered */
	assert_int_equal(order->state, STATE(PLACED));
	assert_string_equal(path_of(order->order_id), "OPEN PLACING PLACED CANCELLING CANCELLED");
}

static void a_lost_answer_is_asked_for_again(void **state)
{
	static const char *const PEERS[] = { "pending_shipments", "cancel_shipment", "all_shipments", "release" };

	(void)state;
	for (int i = 0; i < 8; i++) {
		Ordering__Order *order = placed();

		no_answer(PEERS[i / 2], 1, i % 2 == 0);
		assert_ok(cancel(&order, NULL));
		assert_int_equal(peers.faults, 0);
		assert_int_equal(order->state, STATE(CANCELLED));
		assert_int_equal(held("A", ""), 0);
	}
}

static void nobody_has_to_ask_again(void **state)
{
	Ordering__Order *order = placed(), *other = placed();

	(void)state;
	no_answer("cancel_shipment", EVER, false);
	assert_reason(cancel_in_vain(order, "k1"), "PEER_UNAVAILABLE");
	no_answer("release", EVER, true);
	assert_reason(cancel_in_vain(other, "k2"), "PEER_UNAVAILABLE");
	assert_reason(cancel(&other, "k3"), "ORDER_NOT_OPEN"); /* somebody else's */
	assert_int_equal(get(order->order_id)->state, STATE(CANCELLING));
	heal();
	resume_everything();
	assert_int_equal(get(order->order_id)->state, STATE(CANCELLED));
	assert_ok(cancel(&other, "k2"));
	assert_int_equal(other->state, STATE(CANCELLED));
}

static void what_leaves_while_it_is_cancelled_waits_for_the_end_of_that(void **state)
{
	Ordering__Order *order = placed();
	Shipping__ShipmentDispatched *event = one_leaves();

	(void)state;
	no_answer("change_reservation", EVER, false);
	assert_reason(cancel_in_vain(order, "k1"), "PEER_UNAVAILABLE");
	assert_ok(dispatch(event));
	assert_int_equal(peers.booked_out, 0);
	heal();
	resume_everything();
	assert_int_equal(peers.booked_out, 1);
	assert_ok(run(deliver_own));
	assert_string_equal(path_of(order->order_id),
			    "OPEN PLACING PLACED CANCELLING PARTLY_SHIPPED SHIPPED COMPLETED");
}

static void many_may_cancel_at_once(void **state)
{
	struct invocation rivals[10];
	Ordering__Order *order = placed();
	int cancelled = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		rivals[i] = (struct invocation){ .method = "CancelOrder", .request = &cancelling_of(order)->base };
		service_start(&rivals[i]);
	}
	service_finish();
	for (int i = 0; i < 10; i++)
		cancelled += rivals[i].outcome.reason == NULL;
	assert_int_equal(cancelled, 1);
	assert_string_equal(path_of(order->order_id), "OPEN PLACING PLACED CANCELLING CANCELLED");
}

#define CANCEL_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_sagas, close_service)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CANCEL_TEST(what_has_not_left_is_cancelled_as_a_whole),
		CANCEL_TEST(what_has_left_cannot_be_cancelled),
		CANCEL_TEST(the_rest_can_be_cancelled_before_the_first_part_is_booked),
		CANCEL_TEST(the_rest_can_be_cancelled_after_the_first_part_was_booked),
		CANCEL_TEST(a_part_that_left_is_no_reason_to_stop_what_follows),
		CANCEL_TEST(who_leaves_in_the_last_moment_has_left),
		CANCEL_TEST(what_is_being_placed_is_placed_first),
		CANCEL_TEST(a_lost_answer_is_asked_for_again),
		CANCEL_TEST(nobody_has_to_ask_again),
		CANCEL_TEST(what_leaves_while_it_is_cancelled_waits_for_the_end_of_that),
		CANCEL_TEST(many_may_cancel_at_once),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
