/* What ordering/sagas.h promises of placing: whatever fails in between, an order is placed once, or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ordering/sagas_test.h"

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
	assert_ok(run(work_off));
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
	assert_ok(run(work_off));
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

static void a_shipment_that_is_refused_leaves_the_order_open(void **state)
{
	static const struct reason no = { CODE_FAILED_PRECONDITION, "SHIPPING_CLOSED", "No." };
	Ordering__Order *order = filled("A", 3);

	(void)state;
	no_answer("create_shipment", EVER, false);
	peers.refusal = &no;
	assert_reason(place(&order, "k1"), "SHIPPING_CLOSED");
	assert_string_equal(get(order->order_id)->state_reason, "SHIPPING_CLOSED");
	heal();
	assert_ok(place(&order, "k2"));
	assert_held(order, HOLD_CONFIRMED);
	assert_string_equal(path_of(order->order_id), "OPEN PLACING OPEN PLACING PLACED");
}

static Ordering__ListSagasResponse *list_parked(const char *subject_id)
{
	Ordering__ListSagasRequest request = ORDERING__LIST_SAGAS_REQUEST__INIT;
	void *reply;

	request.subject_id = text(subject_id);
	request.state = ORDERING__SAGA_STATE__SAGA_STATE_NEEDS_OPERATOR;
	assert_ok(service_call("ListSagas", NULL, &request.base, &reply));
	return reply;
}

/* NULL: the one before again. */
static struct status retry_parked(const Ordering__Saga *saga)
{
	static Ordering__RetrySagaRequest request;
	Ordering__GetSagaRequest getting = ORDERING__GET_SAGA_REQUEST__INIT;
	const Ordering__Saga *retried;
	void *reply;

	if (saga != NULL) {
		ordering__retry_saga_request__init(&request);
		getting.saga_id = request.saga_id = text(saga->saga_id);
		request.reason = text("put right");
		assert_ok(service_call("GetSaga", NULL, &getting.base, &reply));
		retried = reply;
		assert_int_equal(retried->n_steps, 2);
		assert_string_equal(retried->steps[1]->name, "make_shipment");
		assert_string_equal(retried->steps[1]->outcome, "INVALID_ARGUMENT");
		assert_string_equal(retried->kind, "place");
	}
	TRY(service_call("RetrySaga", "retry", &request.base, &reply));
	retried = reply;
	assert_int_equal(retried->state, ORDERING__SAGA_STATE__SAGA_STATE_RUNNING);
	assert_reason(service_call("RetrySaga", "another", &request.base, NULL), "SAGA_NOT_PARKED");
	return STATUS_OK;
}

static struct db_statement A_DAY_PASSES = DB_WRITE(
    "test_a_day_passes", "WITH old AS (UPDATE saga SET create_time = create_time - interval '1 day' RETURNING 1)"
			 " SELECT count(*) AS n FROM old");
static struct db_statement COUNT_IN_TIME =
    DB_WRITE("test_count_in_time",
	     "SELECT count(*) AS n FROM saga WHERE deadline > now() AND deadline <= now() + interval '900 s'");

static void a_mistake_of_ours_is_a_case_for_a_person(void **state)
{
	Ordering__Order *order = filled("A", 3);

	(void)state;
	no_answer("create_shipment", EVER, false);
	peers.refusal = &INVALID_REQUEST;
	assert_reason(place(&order, "k1"), "SAGA_PARKED");
	resume_everything();
	assert_int_equal(get(order->order_id)->state, STATE(PLACING));
	assert_held(order, HOLD_CONFIRMED);
	assert_reason(place(&order, "k1"), "SAGA_PARKED");
	heal();
	service_number(&A_DAY_PASSES);
	assert_true(list_parked(order->order_id)->n_sagas == 1);
	assert_ok(retry_parked(list_parked(order->order_id)->sagas[0]));
	assert_ok(retry_parked(NULL)); /* the same key */
	assert_int_equal(service_number(&COUNT_IN_TIME), 1);
	resume_everything();
	assert_ok(place(&order, "k1"));
	assert_int_equal(order->state, STATE(PLACED));
	assert_int_equal(list_parked(order->order_id)->n_sagas, 0);
}

static struct db_statement DEADLINE_PASSES = DB_WRITE(
    "test_deadline_passes",
    "WITH late AS (UPDATE saga SET deadline = now() - interval '1 s' RETURNING 1) SELECT count(*) AS n FROM late");

static void what_takes_too_long_is_given_up(void **state)
{
	Ordering__Order *order = filled("A", 3);

	(void)state;
	no_answer("create_shipment", EVER, true);
	assert_reason(place_in_vain(order, "k1"), "PEER_UNAVAILABLE");
	service_number(&DEADLINE_PASSES);
	heal();
	resume_everything();
	assert_string_equal(get(order->order_id)->state_reason, "PLACING_TIMED_OUT");
	assert_true(peers.shipments[0].cancelled);
	assert_reason(place(&order, "k1"), "PLACING_TIMED_OUT");
	assert_held(order, HOLD_CONFIRMED);
	assert_ok(add(&order, NULL, "A", 1)); /* its goods are confirmed, and yet it is open */
	assert_ok(place(&order, "k2"));
	assert_held(order, HOLD_CONFIRMED);
	assert_string_equal(order->shipment_ids[0], peers.shipments[1].id);
	assert_string_equal(path_of(order->order_id), "OPEN PLACING OPEN PLACING PLACED");
}

static struct status set_quantity(Ordering__Order **order, int64_t quantity)
{
	Ordering__UpdateOrderItemRequest request = ORDERING__UPDATE_ORDER_ITEM_REQUEST__INIT;
	struct status status;
	void *reply = NULL;

	request.order_id = (*order)->order_id;
	request.item_id = (*order)->items[0]->item_id;
	request.quantity = quantity;
	status = service_call("UpdateOrderItem", NULL, &request.base, &reply);
	if (status.reason == NULL)
		*order = reply;
	return status;
}

/* An open order whose goods are confirmed, with quantities that a placing asked for that was given up. */
static Ordering__Order *given_up(int64_t quantity)
{
	static const struct reason no = { CODE_FAILED_PRECONDITION, "SHIPPING_CLOSED", "No." };
	Ordering__Order *order = filled("A", quantity);

	no_answer("create_shipment", EVER, false);
	peers.refusal = &no;
	assert_reason(place(&order, NULL), "SHIPPING_CLOSED");
	heal();
	assert_held(order, HOLD_CONFIRMED);
	return order;
}

static void what_was_confirmed_in_vain_is_set_to_what_is_placed(void **state)
{
	(void)state;
	for (int64_t quantity = 2; quantity <= 8; quantity++) {
		Ordering__Order *order = given_up(5);

		assert_ok(set_quantity(&order, quantity));
		assert_ok(place(&order, NULL));
		assert_held(order, HOLD_CONFIRMED);
	}
}

/* However its reservation came to say something else. */
static void an_order_whose_goods_are_confirmed_otherwise_can_be_placed(void **state)
{
	Ordering__Order *order = given_up(5);

	(void)state;
	find_hold(order->items[0]->item_id)->quantity = 7;
	assert_ok(place(&order, NULL));
	assert_held(order, HOLD_CONFIRMED);
}

static void more_than_was_confirmed_must_be_there_to_be_placed(void **state)
{
	Ordering__Order *order = given_up(5);

	(void)state;
	assert_ok(set_quantity(&order, 8));
	peers.stock_a = 7;
	assert_reason(place(&order, NULL), "OUT_OF_STOCK");
	order = get(order->order_id);
	assert_int_equal(order->state, STATE(OPEN));
	assert_int_equal(order->items[0]->state, ITEM(REJECTED));
	assert_int_equal(find_hold(order->items[0]->item_id)->quantity, 5);
	assert_ok(set_quantity(&order, 7));
	assert_ok(place(&order, NULL));
	assert_held(order, HOLD_CONFIRMED);
}

static void what_has_left_was_placed_however_long_it_took(void **state)
{
	Ordering__Order *order = filled("A", 3);

	(void)state;
	no_answer("create_shipment", EVER, true);
	assert_reason(place_in_vain(order, "k1"), "PEER_UNAVAILABLE");
	service_number(&DEADLINE_PASSES);
	heal();
	peers.shipments[0].left = true;
	resume_everything();
	assert_ok(place(&order, "k1"));
	assert_int_equal(order->state, STATE(PLACED));
	assert_int_equal(peers.n_shipments, 1);
}

static struct db_statement DAYS_PASS = DB_WRITE(
    "test_days_pass", "WITH late AS (UPDATE customer_order SET update_time = now() - interval '8 days' RETURNING 1)"
		      " SELECT count(*) AS n FROM late");

static void what_is_abandoned_expires(void **state)
{
	Ordering__Order *order = filled("A", 3), *other, *kept = filled("B", 1);

	(void)state;
	assert_ok(place(&kept, NULL));
	service_number(&DAYS_PASS);
	other = filled("A", 4);
	no_answer("release", EVER, false);
	assert_ok(run(ordering_steps[0].run));
	assert_int_equal(get(order->order_id)->state, STATE(EXPIRED));
	assert_string_equal(get(order->order_id)->state_reason, "ABANDONED");
	assert_int_equal(get(order->order_id)->items[0]->state, ITEM(RELEASED));
	assert_ok(run(work_off));
	assert_int_equal(held("A", ""), 7);
	heal();
	resume_everything();
	assert_int_equal(held("A", ""), 4);
	assert_held(other, HOLD_HELD);
	assert_int_equal(get(kept->order_id)->state, STATE(PLACED));
	assert_reason(add(&order, NULL, "A", 1), "ORDER_NOT_OPEN");
	assert_ok(run(ordering_steps[0].run));
	assert_string_equal(path_of(order->order_id), "OPEN EXPIRED");
}

/* Somebody touches the other one after both were found. */
#define TOUCHED                                                                                                        \
	"CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE customer_order SET update_time =" \
	" now() WHERE state = 'ORDER_STATE_OPEN'; RETURN NULL; END $$; CREATE TRIGGER touch AFTER UPDATE ON"           \
	" customer_order FOR EACH ROW WHEN (NEW.state = 'ORDER_STATE_EXPIRED') EXECUTE FUNCTION touch()"

static void what_is_touched_meanwhile_does_not_expire(void **state)
{
	Ordering__Order *order = filled("A", 3), *other = filled("A", 4);

	(void)state;
	service_number(&DAYS_PASS);
	pg_execute(conninfo, TOUCHED);
	assert_ok(run(ordering_steps[0].run));
	pg_execute(conninfo, "DROP FUNCTION touch CASCADE");
	assert_true((get(order->order_id)->state == STATE(EXPIRED)) != (get(other->order_id)->state == STATE(EXPIRED)));
}

static void a_submission_that_took_too_long_leaves_nothing(void **state)
{
	struct invocation submitting = {
		.method = "SubmitOrder", .key = "k1", .request = &submission_of("A", 2)->base, .timeout = A_SECOND
	};

	(void)state;
	no_answer("confirm", EVER, false);
	service_start(&submitting);
	service_finish();
	service_number(&DEADLINE_PASSES);
	heal();
	resume_everything();
	assert_reason(service_call("SubmitOrder", "k1", submitting.request, NULL), "PLACING_TIMED_OUT");
	assert_int_equal(held("A", ""), 0);
	assert_true(peers.shipments[0].cancelled); /* which was never made, and now never will be */
	assert_ok(run(deliver_own));
	assert_string_equal(path_of(peers.holds[0].order_id), "PLACING OPEN CANCELLED");
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

static void a_repeated_submission_takes_up_what_was_left(void **state)
{
	struct invocation submitting = {
		.method = "SubmitOrder", .key = "k1", .request = &submission_of("A", 2)->base, .timeout = A_SECOND
	};
	const Ordering__Order *order;
	void *reply;

	(void)state;
	no_answer("create_shipment", EVER, true);
	service_start(&submitting);
	service_finish();
	assert_reason(submitting.outcome, "PEER_UNAVAILABLE");
	heal();
	assert_ok(service_call("SubmitOrder", "k1", submitting.request, &reply));
	order = reply;
	assert_int_equal(order->state, STATE(PLACED));
	assert_string_equal(path_of(order->order_id), "PLACING PLACED");
	assert_int_equal(peers.n_shipments, 1);
	assert_held(order, HOLD_CONFIRMED);
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
		SAGA_TEST(a_shipment_that_is_refused_leaves_the_order_open),
		SAGA_TEST(a_mistake_of_ours_is_a_case_for_a_person),
		SAGA_TEST(what_takes_too_long_is_given_up),
		SAGA_TEST(what_was_confirmed_in_vain_is_set_to_what_is_placed),
		SAGA_TEST(an_order_whose_goods_are_confirmed_otherwise_can_be_placed),
		SAGA_TEST(more_than_was_confirmed_must_be_there_to_be_placed),
		SAGA_TEST(what_has_left_was_placed_however_long_it_took),
		SAGA_TEST(what_is_abandoned_expires),
		SAGA_TEST(what_is_touched_meanwhile_does_not_expire),
		SAGA_TEST(a_submission_that_took_too_long_leaves_nothing),
		SAGA_TEST(an_order_can_be_renamed_while_it_is_placed),
		SAGA_TEST(a_submission_that_is_refused_late_leaves_no_open_order),
		SAGA_TEST(a_repeated_submission_takes_up_what_was_left),
		SAGA_TEST(a_submission_that_died_before_it_was_written_is_repeated_as_the_same),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
