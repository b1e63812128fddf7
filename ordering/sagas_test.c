/* What ordering/sagas.h promises: whatever fails in between, an order is placed, shipped and billed once, or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ordering/peers_test.h"

#define A_SECOND (1 * CLOCK_SECOND)
#define EVER 1000000

static int64_t own_seen, shipping_seen;

/* ---- Work that no client asks for, run in the place of a method that is not there yet ---- */

static struct db_statement OUTBOX = DB_READ(
    "test_outbox", "SELECT aggregate_id, aggregate_version, payload FROM outbox ORDER BY entry OFFSET :seen LIMIT 1");

static struct status handle(struct call *call, const struct event_consumer *consumer, const Events__Event *event,
			    struct str payload)
{
	void *message;

	call->producer = consumer->producer;
	TRY(pb_unpack(call->arena, consumer->handlers[0].payload, payload, &message));
	return consumer->handlers[0].handle(call, event, message);
}

/* Delivers the service's own events, one after the other, also those that come while it does. */
static struct status deliver_own(struct call *call)
{
	for (;;) {
		Events__Event event = EVENTS__EVENT__INIT;
		struct db_unit *unit = db_unit(call, &OUTBOX);
		const struct db_rows *rows;

		db_bind_int(unit, "seen", own_seen);
		TRY(db_run(call, unit));
		rows = db_rows(unit, 0);
		if (db_count(rows) == 0)
			return STATUS_OK;
		event.position = own_seen + 1;
		event.aggregate_id = db_text(rows, 0, "aggregate_id");
		event.aggregate_version = db_int(rows, 0, "aggregate_version");
		TRY(handle(call, &ordering_consumers[1], &event, db_bytes(rows, 0, "payload")));
		own_seen++;
	}
}

static const Shipping__ShipmentDispatched *the_dispatch;

static struct status deliver_dispatch(struct call *call)
{
	Events__Event event = EVENTS__EVENT__INIT;

	event.position = shipping_seen + 1;
	return handle(call, &ordering_consumers[0], &event, pb_pack(call->arena, &the_dispatch->base));
}

static struct status (*the_work)(struct call *call);

static struct status work_alone(struct call *call, const void *request, void *reply)
{
	(void)request;
	(void)reply;
	call->method = NULL;
	call->key = NULL;
	call->key_given = false;
	return the_work(call);
}

/* Runs work in a call that has no method and no key, as the runtime does. */
static struct status run(struct status (*work)(struct call *call))
{
	const Ordering__WatchOrdersRequest request = ORDERING__WATCH_ORDERS_REQUEST__INIT;

	the_work = work;
	return service_call("WatchOrders", NULL, &request.base, NULL);
}

static struct rpc_method methods[32];
static const struct rpc_service service = { &ordering__order_service__descriptor, methods };

static int open_sagas(void **state)
{
	size_t n = 0;

	open_service(state);
	service_close();
	for (; order_service.methods[n].name != NULL; n++)
		methods[n] = order_service.methods[n];
	methods[n] = (struct rpc_method){ .name = "WatchOrders", .handler = work_alone };
	own_seen = shipping_seen = 0;
	service_open(&service, conninfo);
	return 0;
}

/* ---- What happens ---- */

static struct db_statement TIME_PASSES =
    DB_WRITE("test_time_passes", "WITH late AS (UPDATE customer_order SET resume_time = now() - interval '1 s'"
				 " WHERE resume_time IS NOT NULL RETURNING 1) SELECT count(*) AS n FROM late");

static void resume_everything(void)
{
	service_number(&TIME_PASSES);
	assert_ok(run(ordering_steps[0].run));
}

static void no_answer(const char *peer, int times, bool after)
{
	peers.fault = peer;
	peers.faults = times;
	peers.after = after;
}

static void heal(void)
{
	peers.faults = 0;
	peers.refusal = NULL;
}

static Ordering__Order *filled(const char *sku, int64_t quantity)
{
	Ordering__Order *order = create(NULL);

	assert_ok(add(&order, NULL, sku, quantity));
	return order;
}

/* What shipping says when all of an order has left. */
static Shipping__ShipmentDispatched *dispatch_of(const Ordering__Order *order)
{
	Shipping__ShipmentDispatched *event = pb_new(service_arena(), &shipping__shipment_dispatched__descriptor);
	Shipping__Shipment *shipment = pb_new(service_arena(), &shipping__shipment__descriptor);

	shipment->shipment_id = text(peers.shipments[peers.n_shipments - 1].id);
	shipment->order_id = order->order_id;
	shipment->lines = arena_array(service_arena(), order->n_items, sizeof(*shipment->lines));
	for (; shipment->n_lines < order->n_items; shipment->n_lines++) {
		Shipping__ShipmentLine *line = pb_new(service_arena(), &shipping__shipment_line__descriptor);

		line->item_id = order->items[shipment->n_lines]->item_id;
		line->quantity = order->items[shipment->n_lines]->quantity;
		shipment->lines[shipment->n_lines] = line;
	}
	event->shipment = shipment;
	return event;
}

static struct status dispatch(const Shipping__ShipmentDispatched *event)
{
	struct status status;

	the_dispatch = event;
	status = run(deliver_dispatch);
	if (status.reason == NULL)
		shipping_seen++;
	return status;
}

static struct db_statement SHIPPING_CURSOR =
    DB_READ("test_cursor", "SELECT position AS n FROM consumer_cursor WHERE producer = 'shipping'");

/* ---- Placing ---- */

static void a_lost_answer_is_asked_for_again(void **state)
{
	static const char *const PEERS[] = { "confirm", "create_shipment" };

	(void)state;
	for (int i = 0; i < 4; i++) {
		Ordering__Order *order = filled("A", 1);

		no_answer(PEERS[i / 2], 2, i % 2 == 0);
		assert_ok(place(&order, NULL));
		assert_int_equal(peers.faults, 0);
		assert_int_equal(order->state, STATE(PLACED));
		assert_int_equal(peers.n_shipments, i + 1);
		assert_held(order, HOLD_CONFIRMED);
	}
}

/* Leaves an order PLACING: its call ends without knowing the outcome. */
static struct status place_in_vain(const Ordering__Order *order, const char *key)
{
	struct invocation placing = {
		.method = "PlaceOrder", .key = key, .request = &placing_of(order)->base, .timeout = A_SECOND
	};

	service_start(&placing);
	service_finish();
	return placing.outcome;
}

static void a_repeat_takes_up_what_was_left(void **state)
{
	Ordering__Order *order = filled("A", 1);

	(void)state;
	no_answer("create_shipment", EVER, true);
	assert_reason(place_in_vain(order, "k1"), "PEER_UNAVAILABLE");
	assert_int_equal(get(order->order_id)->state, STATE(PLACING));
	assert_reason(place(&order, "k2"), "ORDER_NOT_OPEN"); /* somebody else's */
	assert_reason(add(&order, NULL, "A", 1), "ORDER_NOT_OPEN");
	heal();
	assert_ok(place(&order, "k1"));
	assert_int_equal(order->state, STATE(PLACED));
	assert_int_equal(peers.n_shipments, 1);
	assert_ok(place(&order, "k1"));
	assert_string_equal(order->etag, "4");
	assert_string_equal(path_of(order->order_id), "OPEN PLACING PLACED");
}

static void nobody_has_to_ask_again(void **state)
{
	Ordering__Order *order = filled("A", 1), *other = filled("B", 1);

	(void)state;
	no_answer("confirm", EVER, true);
	assert_reason(place_in_vain(order, "k1"), "PEER_UNAVAILABLE");
	assert_reason(place_in_vain(other, "k2"), "PEER_UNAVAILABLE");
	resume_everything();
	assert_int_equal(get(order->order_id)->state, STATE(PLACING));
	heal();
	assert_ok(run(ordering_steps[0].run));
	assert_int_equal(get(order->order_id)->state, STATE(PLACING)); /* claimed a moment ago */
	resume_everything();
	assert_int_equal(get(other->order_id)->state, STATE(PLACED));
	assert_ok(place(&order, "k1")); /* the answer is there */
	assert_int_equal(order->state, STATE(PLACED));
	assert_int_equal(peers.n_shipments, 2);
	assert_held(order, HOLD_CONFIRMED);
}

static void a_client_that_leaves_leaves_nothing_undone(void **state)
{
	Ordering__Order *order = filled("A", 1);
	struct invocation placing = { .method = "PlaceOrder", .key = "k1", .request = &placing_of(order)->base };

	(void)state;
	no_answer("confirm", EVER, false);
	service_start(&placing);
	while (get(order->order_id)->state != STATE(PLACING)) {
	}
	service_cancel(&placing);
	service_finish();
	heal();
	resume_everything();
	assert_int_equal(get(order->order_id)->state, STATE(PLACED));
	assert_ok(place(&order, "k1"));
}

static void many_may_place_at_once(void **state)
{
	struct invocation repeats[20];
	Ordering__Order *order = filled("A", 3);

	(void)state;
	no_answer("create_shipment", EVER, true);
	assert_reason(place_in_vain(order, "k1"), "PEER_UNAVAILABLE");
	service_number(&TIME_PASSES);
	peers.faults = 10;
	for (int i = 0; i < 20; i++) {
		repeats[i] =
		    (struct invocation){ .method = "PlaceOrder", .key = "k1", .request = &placing_of(order)->base };
		service_start(&repeats[i]);
	}
	assert_ok(run(ordering_steps[0].run));
	service_finish();
	for (int i = 0; i < 20; i++) {
		assert_ok(repeats[i].outcome);
		assert_true(str_equal(repeats[i].bytes, repeats[0].bytes));
	}
	assert_int_equal(peers.n_shipments, 1);
	assert_string_equal(path_of(order->order_id), "OPEN PLACING PLACED");
}

static void a_hold_that_ran_out_is_taken_anew(void **state)
{
	Ordering__Order *order = filled("A", 3);

	(void)state;
	find_hold(order->items[0]->item_id)->state = HOLD_LOST;
	assert_ok(place(&order, NULL));
	assert_held(order, HOLD_CONFIRMED);
}

static void what_cannot_be_kept_is_refused_and_can_be_put_right(void **state)
{
	Ordering__Order *order = filled("A", 3), *again;
	struct status status;

	(void)state;
	assert_ok(add(&order, NULL, "B", 2));
	find_hold(order->items[1]->item_id)->state = HOLD_LOST;
	peers.stock_b = 1;
	status = place(&order, "k1");
	assert_reason(status, "OUT_OF_STOCK");
	assert_string_equal(status.detail->metadata->value, "1");
	again = get(order->order_id);
	assert_int_equal(again->state, STATE(OPEN));
	assert_string_equal(again->state_reason, "OUT_OF_STOCK");
	assert_int_equal(again->items[0]->state, ITEM(RESERVED));
	assert_int_equal(again->items[1]->state, ITEM(REJECTED));
	assert_null(again->place_time);
	assert_int_equal(peers.n_shipments, 0);
	peers.stock_b = 2;
	assert_reason(place(&order, "k1"), "OUT_OF_STOCK"); /* what was answered stays answered */
	assert_ok(run(deliver_own));
	assert_int_equal(get(order->order_id)->state, STATE(OPEN));
	assert_ok(place(&order, "k2"));
	assert_string_equal(order->state_reason, "");
	assert_int_equal(order->items[1]->state, ITEM(RESERVED));
	assert_string_equal(path_of(order->order_id), "OPEN PLACING OPEN PLACING PLACED");
}

static void a_shipment_that_is_refused_is_a_case_for_a_person(void **state)
{
	static const struct reason no = { CODE_FAILED_PRECONDITION, "SHIPMENT_CANCELLED", "No." };
	Ordering__Order *order = filled("A", 3);

	(void)state;
	no_answer("create_shipment", EVER, false);
	peers.refusal = &no;
	assert_reason(place(&order, "k1"), "INTERNAL_ERROR");
	assert_int_equal(get(order->order_id)->state, STATE(PLACING)); /* its goods are kept: there is no way back */
	assert_held(order, HOLD_CONFIRMED);
	heal();
	resume_everything();
	assert_int_equal(get(order->order_id)->state, STATE(PLACED));
}

static void an_order_can_be_renamed_while_it_is_placed(void **state)
{
	Ordering__UpdateOrderRequest request = ORDERING__UPDATE_ORDER_REQUEST__INIT;
	Ordering__Order *order = filled("A", 1);

	(void)state;
	no_answer("create_shipment", EVER, true);
	assert_reason(place_in_vain(order, "k1"), "PEER_UNAVAILABLE");
	request.order_id = order->order_id;
	request.name = text("Renamed");
	assert_ok(service_call("UpdateOrder", NULL, &request.base, NULL));
	heal();
	resume_everything();
	assert_ok(place(&order, "k1"));
	assert_int_equal(order->state, STATE(PLACED));
	assert_string_equal(order->name, "Renamed");
	assert_int_equal(peers.n_shipments, 1);
}

static void a_submission_that_is_refused_late_leaves_no_open_order(void **state)
{
	struct invocation submitting = {
		.method = "SubmitOrder", .key = "k1", .request = &submission_of("A", 2)->base, .timeout = A_SECOND
	};
	char order_id[UUID_TEXT];

	(void)state;
	no_answer("confirm", EVER, false);
	service_start(&submitting);
	service_finish();
	assert_reason(submitting.outcome, "PEER_UNAVAILABLE");
	assert_int_equal(peers.n_holds, 1);
	memcpy(order_id, peers.holds[0].order_id, UUID_TEXT);
	assert_int_equal(get(order_id)->state, STATE(PLACING));
	peers.holds[0].state = HOLD_LOST;
	peers.stock_a = 1;
	heal();
	resume_everything();
	assert_reason(service_call("SubmitOrder", "k1", submitting.request, NULL), "OUT_OF_STOCK");
	assert_ok(run(deliver_own));
	assert_int_equal(get(order_id)->state, STATE(CANCELLED));
	assert_string_equal(get(order_id)->state_reason, "OUT_OF_STOCK");
	assert_string_equal(path_of(order_id), "PLACING OPEN CANCELLED");
	assert_int_equal(peers.holds[0].state, HOLD_RELEASED);
}

static void a_submission_that_died_before_it_was_written_is_repeated_as_the_same(void **state)
{
	struct invocation submitting = { .method = "SubmitOrder",
					 .key = "k1",
					 .request = &submission_of("A", 2)->base };
	const Ordering__Order *order;

	(void)state;
	no_answer("reserve", 1, true);
	service_start(&submitting);
	service_finish();
	assert_reason(submitting.outcome, "PEER_UNAVAILABLE");
	assert_int_equal(held("A", ""), 2);
	service_start(&submitting);
	service_finish();
	assert_ok(submitting.outcome);
	order = submitting.reply;
	assert_int_equal(held("A", ""), 2);
	assert_held(order, HOLD_CONFIRMED);
}

/* ---- Shipping ---- */

static void what_leaves_is_booked_billed_and_completed(void **state)
{
	Ordering__Order *order = filled("A", 3);

	(void)state;
	assert_ok(add(&order, NULL, "B", 2));
	assert_ok(place(&order, NULL));
	assert_ok(dispatch(dispatch_of(order)));
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
	assert_ok(dispatch(dispatch_of(order))); /* delivered a second time, at another place */
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
		no_answer(PEERS[i / 2], 2, i % 2 == 0);
		assert_reason(dispatch(dispatch_of(order)), "PEER_UNAVAILABLE");
		assert_int_equal(get(order->order_id)->state, STATE(PLACED));
		assert_reason(dispatch(dispatch_of(order)), "PEER_UNAVAILABLE");
		assert_ok(dispatch(dispatch_of(order)));
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
	assert_ok(dispatch(dispatch_of(order)));
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
	event = dispatch_of(order);
	event->shipment->order_id = text(UNKNOWN_ID);
	assert_ok(dispatch(event));
	event = dispatch_of(order);
	event->shipment->shipment_id = text(UNKNOWN_ID);
	assert_ok(dispatch(event));
	event = dispatch_of(order);
	event->shipment->lines[0]->quantity = 2;
	assert_ok(dispatch(event));
	event = dispatch_of(order);
	event->shipment = NULL;
	assert_ok(dispatch(event));
	assert_int_equal(peers.booked_out, 0);
	assert_int_equal(get(order->order_id)->state, STATE(PLACED));
	assert_ok(dispatch(dispatch_of(order)));
	assert_int_equal(service_number(&SHIPPING_CURSOR), 5);
	assert_int_equal(get(order->order_id)->state, STATE(SHIPPED));
}

/* ---- Giving back ---- */

static void what_was_taken_off_is_given_back_even_if_not_at_once(void **state)
{
	Ordering__RemoveOrderItemRequest removal = ORDERING__REMOVE_ORDER_ITEM_REQUEST__INIT;
	Ordering__CancelOrderRequest cancel = ORDERING__CANCEL_ORDER_REQUEST__INIT;
	Ordering__Order *order = filled("A", 3);

	(void)state;
	assert_ok(add(&order, NULL, "B", 2));
	no_answer("release", 3, false);
	removal.order_id = order->order_id;
	removal.item_id = order->items[0]->item_id;
	assert_ok(service_call("RemoveOrderItem", NULL, &removal.base, NULL));
	cancel.order_id = order->order_id;
	assert_ok(service_call("CancelOrder", NULL, &cancel.base, NULL));
	assert_int_equal(held("A", ""), 3);
	assert_int_equal(held("B", ""), 2);
	assert_reason(run(deliver_own), "PEER_UNAVAILABLE");
	assert_ok(run(deliver_own));
	assert_int_equal(held("A", ""), 0);
	assert_int_equal(held("B", ""), 0);
}

#define SAGA_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_sagas, close_service)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SAGA_TEST(a_lost_answer_is_asked_for_again),
		SAGA_TEST(a_repeat_takes_up_what_was_left),
		SAGA_TEST(nobody_has_to_ask_again),
		SAGA_TEST(a_client_that_leaves_leaves_nothing_undone),
		SAGA_TEST(many_may_place_at_once),
		SAGA_TEST(a_hold_that_ran_out_is_taken_anew),
		SAGA_TEST(what_cannot_be_kept_is_refused_and_can_be_put_right),
		SAGA_TEST(a_shipment_that_is_refused_is_a_case_for_a_person),
		SAGA_TEST(an_order_can_be_renamed_while_it_is_placed),
		SAGA_TEST(a_submission_that_is_refused_late_leaves_no_open_order),
		SAGA_TEST(a_submission_that_died_before_it_was_written_is_repeated_as_the_same),
		SAGA_TEST(what_leaves_is_booked_billed_and_completed),
		SAGA_TEST(a_dispatch_is_tried_until_it_is_billed),
		SAGA_TEST(goods_may_leave_before_it_is_known_that_they_may),
		SAGA_TEST(events_that_make_no_sense_do_not_stand_in_the_way),
		SAGA_TEST(what_was_taken_off_is_given_back_even_if_not_at_once),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
