/* What ordering/handlers.h promises, on a real database and with peers that overlap and fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ordering/peers_test.h"

static struct db_statement COUNT_ORDERS = DB_READ("count_orders", "SELECT count(*) AS n FROM customer_order");

static void an_order_begins_empty(void **state)
{
	Ordering__Order *order = create("k1"), *second = create("k2");

	(void)state;
	assert_int_equal(order->state, STATE(OPEN));
	assert_int_equal(strncmp(order->number, "ORD-", 4), 0);
	assert_int_equal(strlen(order->number), 10);
	assert_string_not_equal(order->number, second->number);
	assert_string_equal(order->customer_name, "Ada Lovelace");
	assert_string_equal(order->shipping_address->city, "London");
	assert_null(order->net);
	assert_string_equal(order->etag, "1");
	assert_string_equal(path_of(order->order_id), "OPEN");
	assert_string_equal(get(order->order_id)->number, order->number);
}

static void a_repeat_gets_the_first_answer(void **state)
{
	Ordering__Order *order = create("k1"), *again = create("k1");

	(void)state;
	assert_string_equal(order->order_id, again->order_id);
	assert_int_equal(service_number(&COUNT_ORDERS), 1);
	assert_ok(add(&order, "k2", "A", 2));
	assert_ok(add(&order, "k2", "A", 2));
	assert_int_equal(order->items[0]->quantity, 2);
	assert_reason(add(&order, "k2", "A", 3), "KEY_REUSED");
}

static void customers_must_be_known_and_active(void **state)
{
	Ordering__CreateOrderRequest request = ORDERING__CREATE_ORDER_REQUEST__INIT;
	struct status status;

	(void)state;
	request.customer_id = text(UNKNOWN_ID);
	status = service_call("CreateOrder", NULL, &request.base, NULL);
	assert_reason(status, "INVALID_REQUEST");
	assert_string_equal(status.detail->violations->field, "customer_id");
	request.customer_id = text(BLOCKED_CUSTOMER);
	assert_reason(service_call("CreateOrder", NULL, &request.base, NULL), "CUSTOMER_BLOCKED");
	request.customer_id = text(CUSTOMER);
	request.order_id = text(UNKNOWN_ID);
	assert_ok(service_call("CreateOrder", "k1", &request.base, NULL));
	assert_ok(service_call("CreateOrder", "k1", &request.base, NULL));
	assert_reason(service_call("CreateOrder", "k2", &request.base, NULL), "ALREADY_EXISTS");
	assert_int_equal(service_number(&COUNT_ORDERS), 1);
}

static struct status set_quantity(Ordering__Order **order, const char *item_id, int64_t quantity)
{
	Ordering__UpdateOrderItemRequest request = ORDERING__UPDATE_ORDER_ITEM_REQUEST__INIT;
	struct status status;
	void *reply = NULL;

	request.order_id = (*order)->order_id;
	request.item_id = text(item_id);
	request.quantity = quantity;
	status = service_call("UpdateOrderItem", NULL, &request.base, &reply);
	if (status.reason == NULL)
		*order = reply;
	return status;
}

static struct status remove_item(Ordering__Order **order, const char *item_id, const char *etag)
{
	Ordering__RemoveOrderItemRequest request = ORDERING__REMOVE_ORDER_ITEM_REQUEST__INIT;
	struct status status;
	void *reply = NULL;

	request.order_id = (*order)->order_id;
	request.item_id = text(item_id);
	request.etag = text(etag);
	status = service_call("RemoveOrderItem", NULL, &request.base, &reply);
	if (status.reason == NULL)
		*order = reply;
	return status;
}

static void items_and_holds_change_together(void **state)
{
	Ordering__Order *order = create("k1");

	(void)state;
	assert_ok(add(&order, NULL, "A", 2));
	assert_ok(add(&order, NULL, "B", 4));
	assert_ok(add(&order, NULL, "A", 3));
	assert_int_equal(order->n_items, 2);
	assert_int_equal(order->items[0]->quantity, 5);
	assert_int_equal(order->net->minor_units, 6000);
	assert_int_equal(order->gross->minor_units, 7140);
	assert_held(order, HOLD_HELD);
	assert_ok(set_quantity(&order, order->items[1]->item_id, 1));
	assert_held(order, HOLD_HELD);
	assert_ok(remove_item(&order, order->items[0]->item_id, ""));
	assert_int_equal(order->n_items, 1);
	assert_held(order, HOLD_HELD);
	assert_ok(add(&order, NULL, "A", 7)); /* a new item, with a hold of its own */
	assert_held(order, HOLD_HELD);
	assert_string_equal(get(order->order_id)->items[1]->sku, "A");
	assert_string_equal(order->etag, "7");
	assert_string_equal(path_of(order->order_id), "OPEN");
}

static void what_is_short_is_told_and_nothing_changes(void **state)
{
	Ordering__Order *order = create("k1");
	struct status status;

	(void)state;
	peers.stock_a = 5;
	assert_ok(add(&order, NULL, "A", 4));
	status = add(&order, "k2", "A", 2);
	assert_reason(status, "OUT_OF_STOCK");
	assert_string_equal(status.detail->violations->field, "quantity");
	assert_string_equal(status.detail->metadata->value, "5");
	assert_reason(set_quantity(&order, order->items[0]->item_id, 6), "OUT_OF_STOCK");
	peers.stock_a = 100;
	assert_reason(add(&order, "k2", "A", 2), "OUT_OF_STOCK"); /* the answer that the key had */
	order = get(order->order_id);
	assert_int_equal(order->items[0]->quantity, 4);
	assert_held(order, HOLD_HELD);
}

static void wrong_items_are_refused(void **state)
{
	Ordering__Order *order = create("k1");
	struct status status = add(&order, NULL, "C", 1);

	(void)state;
	assert_reason(status, "INVALID_REQUEST");
	assert_string_equal(status.detail->violations->field, "sku");
	peers.archived = true;
	assert_reason(add(&order, NULL, "B", 1), "PRODUCT_ARCHIVED");
	assert_reason(set_quantity(&order, UNKNOWN_ID, 1), "ITEM_NOT_FOUND");
	assert_reason(remove_item(&order, UNKNOWN_ID, ""), "ITEM_NOT_FOUND");
	assert_reason(remove_item(&order, UNKNOWN_ID, "9"), "ETAG_MISMATCH");
	order->order_id = text(UNKNOWN_ID);
	assert_reason(add(&order, NULL, "A", 1), "NOT_FOUND");
	assert_int_equal(peers.n_holds, 0);
}

#define ADDERS 12

static void adding_at_once_adds_up(void **state)
{
	Ordering__Order *order = create("k1");
	struct invocation calls[ADDERS];

	(void)state;
	for (int i = 0; i < ADDERS; i++) {
		calls[i] = (struct invocation){ .method = "AddOrderItem",
						.request = &adding_of(order, i % 3 == 0 ? "B" : "A", i + 1)->base };
		service_start(&calls[i]);
	}
	service_finish();
	for (int i = 0; i < ADDERS; i++)
		assert_ok(calls[i].outcome);
	order = get(order->order_id);
	assert_int_equal(order->n_items, 2);
	assert_int_equal(order->items[0]->quantity + order->items[1]->quantity, ADDERS * (ADDERS + 1) / 2);
	assert_held(order, HOLD_HELD);
}

/* Others change the order meanwhile, so that the repeats have to decide more than once. */
static void the_same_add_at_once_adds_once(void **state)
{
	Ordering__Order *order = create("k1");
	struct invocation calls[2 * ADDERS];

	(void)state;
	for (int i = 0; i < 2 * ADDERS; i++) {
		calls[i] = (struct invocation){ .method = "AddOrderItem",
						.request = &adding_of(order, i % 2 ? "A" : "B", 3)->base };
		if (i % 2)
			calls[i].key = "same";
		service_start(&calls[i]);
	}
	service_finish();
	for (int i = 0; i < 2 * ADDERS; i++) {
		assert_ok(calls[i].outcome);
		assert_true(i % 2 == 0 || str_equal(calls[i].bytes, calls[1].bytes));
	}
	order = get(order->order_id);
	for (size_t i = 0; i < order->n_items; i++)
		assert_int_equal(order->items[i]->quantity, strcmp(order->items[i]->sku, "A") == 0 ? 3 : 3 * ADDERS);
	assert_held(order, HOLD_HELD);
}

static struct status cancel(Ordering__Order **order, const char *why)
{
	Ordering__CancelOrderRequest request = ORDERING__CANCEL_ORDER_REQUEST__INIT;
	struct status status;
	void *reply = NULL;

	request.order_id = (*order)->order_id;
	request.reason = text(why);
	status = service_call("CancelOrder", NULL, &request.base, &reply);
	if (status.reason == NULL)
		*order = reply;
	return status;
}

static void cancelling_gives_everything_back(void **state)
{
	Ordering__Order *order = create("k1");

	(void)state;
	assert_ok(add(&order, NULL, "A", 2));
	assert_ok(add(&order, NULL, "B", 4));
	assert_ok(cancel(&order, "changed my mind"));
	assert_int_equal(order->state, STATE(CANCELLED));
	assert_string_equal(order->state_reason, "changed my mind");
	assert_int_equal(order->items[1]->state, ITEM(RELEASED));
	assert_int_equal(held("A", "") + held("B", ""), 0);
	assert_reason(cancel(&order, ""), "ORDER_NOT_OPEN");
	assert_reason(add(&order, NULL, "A", 1), "ORDER_NOT_OPEN");
	assert_reason(place(&order, NULL), "ORDER_NOT_OPEN");
	assert_string_equal(path_of(order->order_id), "OPEN CANCELLED");
}

/* The hold of a call that comes too late is given back by the call itself: cancelling has looked before it was there. */
static void nothing_is_held_for_a_cancelled_order(void **state)
{
	Ordering__CancelOrderRequest request = ORDERING__CANCEL_ORDER_REQUEST__INIT;
	struct invocation adding, cancelling = { .method = "CancelOrder", .request = &request.base };
	Ordering__Order *order = create(NULL);

	(void)state;
	request.order_id = order->order_id;
	adding = (struct invocation){ .method = "AddOrderItem", .request = &adding_of(order, "A", 1)->base };
	peers.late = "reserve";
	service_start(&adding);
	service_start(&cancelling);
	service_finish();
	assert_ok(cancelling.outcome);
	assert_reason(adding.outcome, "ORDER_NOT_OPEN");
	assert_int_equal(peers.n_holds, 1);
	assert_int_equal(peers.holds[0].state, HOLD_RELEASED);
}

static void names_and_notes_can_always_change(void **state)
{
	Ordering__UpdateOrderRequest request = ORDERING__UPDATE_ORDER_REQUEST__INIT;
	Ordering__Order *order = create("k1");
	void *reply;

	(void)state;
	assert_ok(cancel(&order, ""));
	request.order_id = order->order_id;
	request.note = text("to be forgotten");
	request.etag = order->etag;
	assert_ok(service_call("UpdateOrder", NULL, &request.base, &reply));
	order = reply;
	assert_string_equal(order->note, "to be forgotten");
	assert_string_equal(order->name, "An order");
	assert_reason(service_call("UpdateOrder", NULL, &request.base, NULL), "ETAG_MISMATCH");
	assert_string_equal(path_of(order->order_id), "OPEN CANCELLED");
}

static void placing_needs_an_order_that_can_be_placed(void **state)
{
	Ordering__Order *order = create("k1");

	(void)state;
	assert_reason(place(&order, NULL), "ORDER_EMPTY");
	assert_ok(add(&order, NULL, "A", 1));
	assert_ok(place(&order, "k2"));
	assert_int_equal(order->state, STATE(PLACED));
	assert_non_null(order->place_time);
	assert_int_equal(order->n_shipment_ids, 1);
	assert_string_equal(order->shipment_ids[0], peers.shipments[0].id);
	assert_held(order, HOLD_CONFIRMED);
	assert_reason(place(&order, NULL), "ORDER_NOT_OPEN");
	assert_ok(place(&order, "k2"));
	assert_string_equal(order->etag, "4");
	assert_string_equal(path_of(order->order_id), "OPEN PLACING PLACED");
}

static void submitting_is_all_of_it_in_one_call(void **state)
{
	Ordering__SubmitOrderRequest *request = submission_of("A", 2);
	const Ordering__Order *order;
	void *reply;

	(void)state;
	add_line(request, "B", 1);
	add_line(request, "A", 3);
	assert_ok(service_call("SubmitOrder", "k1", &request->base, &reply));
	order = reply;
	assert_int_equal(order->state, STATE(PLACED));
	assert_int_equal(order->n_items, 2);
	assert_int_equal(order->items[0]->quantity, 5);
	assert_int_equal(order->n_shipment_ids, 1);
	assert_held(order, HOLD_CONFIRMED);
	assert_string_equal(path_of(order->order_id), "PLACING PLACED");
	request->note = text("another");
	assert_reason(service_call("SubmitOrder", "k1", &request->base, NULL), "KEY_REUSED");
}

static void of_a_refused_submission_nothing_remains(void **state)
{
	Ordering__SubmitOrderRequest *request = submission_of("A", 2);
	struct status status;

	(void)state;
	peers.stock_b = 3;
	add_line(request, "A", 1);
	add_line(request, "B", 4);
	status = service_call("SubmitOrder", NULL, &request->base, NULL);
	assert_reason(status, "OUT_OF_STOCK");
	assert_string_equal(status.detail->violations->field, "lines[2].quantity");
	request = submission_of("C", 1);
	status = service_call("SubmitOrder", NULL, &request->base, NULL);
	assert_reason(status, "INVALID_REQUEST");
	assert_string_equal(status.detail->violations->field, "lines[0].sku");
	request = submission_of("A", 1);
	request->customer_id = text(BLOCKED_CUSTOMER);
	assert_reason(service_call("SubmitOrder", NULL, &request->base, NULL), "CUSTOMER_BLOCKED");
	assert_int_equal(service_number(&COUNT_ORDERS), 0);
	assert_int_equal(held("A", "") + held("B", ""), 0);
}

#define CLIENTS 50

static void one_key_makes_one_order_and_equal_answers(void **state)
{
	struct invocation calls[CLIENTS];

	(void)state;
	for (int i = 0; i < CLIENTS; i++) {
		calls[i] = (struct invocation){ .method = "SubmitOrder",
						.key = "same",
						.request = &submission_of("A", 1)->base };
		service_start(&calls[i]);
	}
	service_finish();
	for (int i = 0; i < CLIENTS; i++) {
		assert_ok(calls[i].outcome);
		assert_true(str_equal(calls[i].bytes, calls[0].bytes));
	}
	assert_int_equal(service_number(&COUNT_ORDERS), 1);
	assert_int_equal(peers.n_shipments, 1);
	assert_int_equal(held("A", ""), 1);
}

static void one_placing_with_one_key_and_equal_answers(void **state)
{
	Ordering__Order *order = create("k1");
	struct invocation calls[CLIENTS];

	(void)state;
	assert_ok(add(&order, NULL, "A", 1));
	for (int i = 0; i < CLIENTS; i++) {
		calls[i] =
		    (struct invocation){ .method = "PlaceOrder", .key = "same", .request = &placing_of(order)->base };
		service_start(&calls[i]);
	}
	service_finish();
	for (int i = 0; i < CLIENTS; i++) {
		assert_ok(calls[i].outcome);
		assert_true(str_equal(calls[i].bytes, calls[0].bytes));
	}
	assert_string_equal(path_of(order->order_id), "OPEN PLACING PLACED");
}

static void scarce_goods_are_sold_once(void **state)
{
	struct invocation calls[CLIENTS];
	int sold = 0;

	(void)state;
	peers.stock_a = 30;
	for (int i = 0; i < CLIENTS; i++) {
		calls[i] = (struct invocation){ .method = "SubmitOrder", .request = &submission_of("A", 1)->base };
		service_start(&calls[i]);
	}
	service_finish();
	for (int i = 0; i < CLIENTS; i++) {
		sold += calls[i].outcome.reason == NULL;
		if (calls[i].outcome.reason != NULL)
			assert_reason(calls[i].outcome, "OUT_OF_STOCK");
	}
	assert_int_equal(sold, 30);
	assert_int_equal(service_number(&COUNT_ORDERS), 30);
	assert_int_equal(held("A", ""), 30);
}

static void placing_while_items_come(void **state)
{
	Ordering__Order *order = create("k1");
	struct invocation adds[ADDERS], placing = { .method = "PlaceOrder", .request = &placing_of(order)->base };
	int64_t added = 1;

	(void)state;
	assert_ok(add(&order, NULL, "A", 1));
	for (int i = 0; i < ADDERS; i++) {
		adds[i] = (struct invocation){ .method = "AddOrderItem", .request = &adding_of(order, "A", 1)->base };
		service_start(&adds[i]);
		if (i == ADDERS / 2)
			service_start(&placing);
	}
	service_finish();
	assert_ok(placing.outcome);
	for (int i = 0; i < ADDERS; i++) {
		added += adds[i].outcome.reason == NULL;
		if (adds[i].outcome.reason != NULL)
			assert_reason(adds[i].outcome, "ORDER_NOT_OPEN");
	}
	order = get(order->order_id);
	assert_int_equal(order->state, STATE(PLACED));
	assert_int_equal(order->items[0]->quantity, added);
	assert_held(order, HOLD_CONFIRMED);
}

/* The order is placed between the look at it and the answer of the warehouse: what was placed stays as it was. */
static void a_change_that_comes_too_late_leaves_what_was_placed(void **state)
{
	Ordering__UpdateOrderItemRequest request = ORDERING__UPDATE_ORDER_ITEM_REQUEST__INIT;
	struct invocation updating = { .method = "UpdateOrderItem", .request = &request.base };

	(void)state;
	for (int64_t quantity = 3; quantity <= 8; quantity += 5) {
		Ordering__Order *order = create(NULL);

		assert_ok(add(&order, NULL, "A", 5));
		request.order_id = order->order_id;
		request.item_id = order->items[0]->item_id;
		request.quantity = quantity;
		peers.late = "reserve";
		peers.until = "create_shipment";
		peers.came = false;
		service_start(&updating);
		assert_ok(place(&order, NULL));
		peers.late = NULL;
		assert_reason(updating.outcome, "ORDER_NOT_OPEN");
		assert_int_equal(order->items[0]->quantity, 5);
		assert_held(order, HOLD_CONFIRMED);
	}
}

#define RIVAL "0199c1f0-0000-7000-8000-0000000000aa"
#define NEXT_VERSION "UPDATE customer_order SET version = version + 1;"

/* Another call adds the product after ours has held it, and one more takes it out again: ours adds it then, with a hold of its own. */
static void a_product_that_comes_and_goes_can_be_added(void **state)
{
	Ordering__Order *order = create(NULL);
	struct hold *rival = take_hold(RIVAL);

	(void)state;
	memcpy(rival->order_id, order->order_id, UUID_TEXT);
	memcpy(rival->sku, "A", 2);
	peers.meanwhile = NEXT_VERSION
	    "INSERT INTO order_item (item_id, order_id, position, sku, name, quantity, shipped_quantity, cancelled_quantity,"
	    " unit_price, tax_rate_basis_points, net, tax, gross, state) SELECT '" RIVAL
	    "', order_id, 1, 'A', 'A', 1, 0, 0,"
	    " 1000, 1900, 1000, 190, 1190, 'ORDER_ITEM_STATE_RESERVED' FROM customer_order;"
	    "UPDATE customer_order SET currency = 'EUR', net = 1000, tax = 190, gross = 1190";
	peers.then = NEXT_VERSION "DELETE FROM order_item";
	assert_ok(add(&order, "k", "A", 2));
	rival->state = HOLD_RELEASED;
	assert_int_equal(order->n_items, 1);
	assert_int_equal(order->items[0]->quantity, 2);
	assert_held(order, HOLD_HELD);
}

/* A call that died had given its hold back: the repeat does not ask for that one again. */
static void a_hold_that_was_given_back_is_not_the_end(void **state)
{
	Ordering__Order *order = create(NULL);
	struct invocation adding = { .method = "AddOrderItem", .key = "k", .request = &adding_of(order, "A", 2)->base };

	(void)state;
	peers.fault = "reserve";
	peers.faults = 1;
	peers.after = true;
	service_start(&adding);
	service_finish();
	assert_reason(adding.outcome, "PEER_UNAVAILABLE");
	peers.holds[0].state = HOLD_RELEASED;
	service_start(&adding);
	service_finish();
	assert_ok(adding.outcome);
	order = get(order->order_id);
	assert_int_equal(order->items[0]->quantity, 2);
	assert_held(order, HOLD_HELD);
}

/* An item is taken out, and its goods are given back, after a call has looked at it. */
static void an_item_that_is_gone_is_not_found(void **state)
{
	Ordering__Order *order = create(NULL);

	(void)state;
	assert_ok(add(&order, NULL, "A", 2));
	peers.meanwhile = NEXT_VERSION "DELETE FROM order_item";
	peers.holds[0].state = HOLD_RELEASED;
	assert_reason(set_quantity(&order, order->items[0]->item_id, 3), "ITEM_NOT_FOUND");
}

#define ORDER_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_service, close_service)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ORDER_TEST(an_order_begins_empty),
		ORDER_TEST(a_repeat_gets_the_first_answer),
		ORDER_TEST(customers_must_be_known_and_active),
		ORDER_TEST(items_and_holds_change_together),
		ORDER_TEST(what_is_short_is_told_and_nothing_changes),
		ORDER_TEST(wrong_items_are_refused),
		ORDER_TEST(adding_at_once_adds_up),
		ORDER_TEST(the_same_add_at_once_adds_once),
		ORDER_TEST(cancelling_gives_everything_back),
		ORDER_TEST(nothing_is_held_for_a_cancelled_order),
		ORDER_TEST(names_and_notes_can_always_change),
		ORDER_TEST(placing_needs_an_order_that_can_be_placed),
		ORDER_TEST(submitting_is_all_of_it_in_one_call),
		ORDER_TEST(of_a_refused_submission_nothing_remains),
		ORDER_TEST(one_key_makes_one_order_and_equal_answers),
		ORDER_TEST(one_placing_with_one_key_and_equal_answers),
		ORDER_TEST(scarce_goods_are_sold_once),
		ORDER_TEST(placing_while_items_come),
		ORDER_TEST(a_product_that_comes_and_goes_can_be_added),
		ORDER_TEST(a_hold_that_was_given_back_is_not_the_end),
		ORDER_TEST(an_item_that_is_gone_is_not_found),
		ORDER_TEST(a_change_that_comes_too_late_leaves_what_was_placed),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
