/* What is called off: it stays so, whatever came first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shipping/store_test.h"

static struct db_statement COUNT_CANCELLED =
    DB_READ("count_cancelled", "SELECT count(*) AS n FROM shipment WHERE state = 'SHIPMENT_STATE_CANCELLED'");

static void a_tombstone_refuses_its_shipment(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
	Shipping__ListShipmentsRequest list = SHIPPING__LIST_SHIPMENTS_REQUEST__INIT;
	void *reply;
	Shipping__ListShipmentsResponse *found;
	const Shipping__Shipment *tombstone;

	(void)state;
	assert_null(service_call("CancelShipment", NULL, &cancel_of(request->shipment_id)->base, &reply).reason);
	tombstone = get(request->shipment_id);
	assert_same(&tombstone->base, &((const Shipping__Shipment *)reply)->base);
	assert_string_equal(tombstone->order_id, "");
	assert_string_equal(tombstone->etag, "1");
	assert_int_equal(count_events(), 1);
	assert_true(status_is(service_call("CreateShipment", NULL, &request->base, NULL), &SHIPMENT_CANCELLED));
	assert_null(service_call("ListShipments", NULL, &list.base, &reply).reason);
	found = reply;
	assert_int_equal(found->n_shipments, 0);
}

/* Under the same key, another key or none: it is cancelled once, and whoever asks again gets the same answer. */
static void a_cancelled_shipment_does_not_leave(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
	static const char *const KEYS[] = { "one", "one", "two", NULL };
	struct invocation cancels[4];

	(void)state;
	create(request);
	for (int i = 0; i < 4; i++) {
		cancels[i] = (struct invocation){ .method = "CancelShipment",
						  .request = &cancel_of(request->shipment_id)->base,
						  .key = KEYS[i] };
		service_start(&cancels[i]);
		service_finish();
		assert_null(cancels[i].outcome.reason);
		assert_true(str_equal(cancels[i].bytes, cancels[0].bytes));
	}
	assert_true(status_is(try_to_dispatch(request->shipment_id), &SHIPMENT_CANCELLED));
	assert_true(status_is(service_call("CreateShipment", NULL, &request->base, NULL), &SHIPMENT_CANCELLED));
	assert_int_equal(get(request->shipment_id)->state, SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_CANCELLED);
	assert_int_equal(count_events(), 2);
}

static void what_has_left_is_not_cancelled(void **state)
{
	const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");

	(void)state;
	create(request);
	dispatch(request->shipment_id);
	assert_true(status_is(try_to_cancel(request->shipment_id, "one"), &SHIPMENT_DISPATCHED));
	assert_null(deliver(request->shipment_id, "", "").reason);
	assert_true(status_is(try_to_cancel(request->shipment_id, "one"), &SHIPMENT_DISPATCHED)); /* the kept answer */
	assert_true(status_is(try_to_cancel(request->shipment_id, "two"), &SHIPMENT_DELIVERED));
	assert_int_equal(get(request->shipment_id)->state, SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DELIVERED);
}

/*
 * A shipment that is made while it is called off, by many at once: in the end it is cancelled, whatever came first.
 */
static void a_cancel_that_overtakes_its_shipment_holds(void **state)
{
	struct invocation calls[MANY][2];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");
		const int first = i % 2;

		calls[i][first] = (struct invocation){ .method = "CreateShipment", .request = &request->base };
		calls[i][!first] = (struct invocation){ .method = "CancelShipment",
							.request = &cancel_of(request->shipment_id)->base };
		service_start(&calls[i][0]);
		service_start(&calls[i][1]);
	}
	service_finish();
	for (int i = 0; i < MANY; i++) {
		const struct status created = calls[i][i % 2].outcome;

		assert_null(calls[i][!(i % 2)].outcome.reason);
		assert_true(created.reason == NULL || status_is(created, &SHIPMENT_CANCELLED));
	}
	assert_int_equal(service_number(&COUNT_CANCELLED), MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_tombstone_refuses_its_shipment),
		STORE_TEST(a_cancelled_shipment_does_not_leave),
		STORE_TEST(what_has_left_is_not_cancelled),
		STORE_TEST(a_cancel_that_overtakes_its_shipment_holds),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
