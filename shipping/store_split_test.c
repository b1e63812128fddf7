/* A part leaves, the rest becomes a shipment of its own: nothing is lost between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shipping/store_test.h"

static Shipping__DispatchShipmentRequest *part_of(const Shipping__Shipment *shipment, int64_t quantity)
{
	Shipping__DispatchShipmentRequest *made = dispatch_of(shipment->shipment_id);

	made->lines = arena_array(service_arena(), 1, sizeof(*made->lines));
	made->lines[0] = pb_new(service_arena(), &shipping__dispatch_line__descriptor);
	made->lines[0]->item_id = shipment->lines[0]->item_id;
	made->lines[0]->quantity = quantity;
	made->n_lines = 1;
	return made;
}

static Shipping__Shipment *dispatch_part(const Shipping__Shipment *shipment, int64_t quantity)
{
	void *reply;

	assert_null(service_call("DispatchShipment", NULL, &part_of(shipment, quantity)->base, &reply).reason);
	return reply;
}

/* The order's only shipment that waits. */
static Shipping__Shipment *pending_of(const char *order_id)
{
	Shipping__ListShipmentsRequest request = SHIPPING__LIST_SHIPMENTS_REQUEST__INIT;
	const Shipping__ListShipmentsResponse *found;
	void *reply;

	request.order_id = text(order_id);
	request.state = SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_PENDING;
	assert_null(service_call("ListShipments", NULL, &request.base, &reply).reason);
	found = reply;
	assert_int_equal(found->n_shipments, 1);
	return found->shipments[0];
}

static void what_stays_behind_waits(void **state)
{
	const Shipping__Shipment *whole = create(new_shipment("ORD-1", "Ada Byron"));
	const Shipping__Shipment *sent = dispatch_part(whole, 2), *rest = pending_of(whole->order_id);

	(void)state;
	assert_same(&get(whole->shipment_id)->base, &sent->base);
	assert_int_equal(sent->n_lines, 1);
	assert_int_equal(sent->lines[0]->quantity, 2);
	assert_string_not_equal(rest->shipment_id, whole->shipment_id);
	assert_string_equal(rest->order_number, whole->order_number);
	assert_string_equal(rest->customer_id, whole->customer_id);
	assert_string_equal(rest->note, whole->note);
	assert_same(&rest->address->base, &whole->address->base);
	assert_string_equal(rest->carrier, "");
	assert_string_equal(rest->etag, "1");
	assert_int_equal(rest->n_lines, 2);
	assert_int_equal(rest->lines[0]->quantity, 3);
	assert_same(&rest->lines[1]->base, &whole->lines[1]->base);
}

/*
 * The rest as its own event has it (behind tag and length; before the action, "DispatchShipment") is what the event of
 * the part that left carries, and what was stored is what was told.
 */
static struct db_statement COUNT_TOLD = DB_READ(
    "count_told", "SELECT count(*) AS n FROM outbox d JOIN outbox c ON c.aggregate_id <> d.aggregate_id"
		  " JOIN history h ON h.aggregate_id = c.aggregate_id AND h.version = 1"
		  " WHERE d.type = 'quayside.shipping.v1.ShipmentDispatched' AND d.aggregate_version = 2"
		  " AND c.type = 'quayside.shipping.v1.ShipmentChanged' AND c.aggregate_version = 1"
		  " AND position(substring(c.payload FROM 4 FOR length(c.payload) - 21) IN d.payload) > 0"
		  " AND position(convert_to(c.aggregate_id, 'UTF8') IN d.payload) > 0"
		  " AND (h.action, h.from_state, h.to_state) = ('DispatchShipment', '', 'SHIPMENT_STATE_PENDING')"
		  " AND h.reason = 'stayed behind when ' || d.aggregate_id || ' left'");

static void both_parts_are_told_of(void **state)
{
	const Shipping__Shipment *whole = create(new_shipment("ORD-1", "Ada Byron"));

	(void)state;
	dispatch_part(whole, 2);
	assert_int_equal(count_events(), 3);
	assert_int_equal(service_number(&COUNT_TOLD), 1);
}

static struct db_statement COUNT_PACKAGES =
    DB_READ("count_packages", "SELECT sum(quantity)::bigint AS n FROM shipment_line JOIN shipment USING (shipment_id)"
			      " WHERE state = 'SHIPMENT_STATE_DISPATCHED'");

/* Five of one, a part at a time; the last part takes the other line along. */
static void a_shipment_may_leave_in_many_parts(void **state)
{
	const Shipping__Shipment *whole = create(new_shipment("ORD-1", "Ada Byron")), *rest = whole;

	(void)state;
	for (int left = 5; left > 1; left--) {
		dispatch_part(rest, 1);
		rest = pending_of(whole->order_id);
		assert_int_equal(rest->lines[0]->quantity, left - 1);
	}
	dispatch(rest->shipment_id);
	assert_int_equal(service_number(&COUNT_PACKAGES), 6);
}

/* Under one key and under many, at once: it leaves once, and leaves one rest behind. */
static void a_part_leaves_once(void **state)
{
	const Shipping__Shipment *whole = create(new_shipment("ORD-1", "Ada Byron"));
	struct invocation attempts[MANY];
	const Shipping__Shipment *rest;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		attempts[i] =
		    (struct invocation){ .method = "DispatchShipment",
					 .request = &part_of(whole, i % 2 == 0 ? 2 : 4)->base,
					 .key = i % 2 == 0 ? "one key" : arena_printf(service_arena(), "key %d", i) };
		service_start(&attempts[i]);
	}
	service_finish();
	rest = pending_of(whole->order_id);
	for (int i = 0; i < MANY; i++) {
		const Shipping__Shipment *sent = attempts[i].reply;

		if (sent == NULL)
			assert_true(status_is(attempts[i].outcome, &SHIPMENT_DISPATCHED));
		else
			assert_int_equal(sent->lines[0]->quantity + rest->lines[0]->quantity, 5);
	}
	assert_int_equal(count_events(), 3);
}

#define LOOKS 12

/* What is listed of a shipment is of one moment: what has not left is whole, however many look while a part of it leaves. */
static void a_list_shows_one_moment(void **state)
{
	(void)state;
	for (int round = 0; round < MANY; round++) {
		const Shipping__Shipment *whole = create(new_shipment("ORD-1", "Ada Byron"));
		Shipping__ListShipmentsRequest listing = SHIPPING__LIST_SHIPMENTS_REQUEST__INIT;
		struct invocation looks[LOOKS], leaving;

		listing.order_id = whole->order_id;
		leaving = (struct invocation){ .method = "DispatchShipment", .request = &part_of(whole, 2)->base };
		service_start(&leaving);
		for (int i = 0; i < LOOKS; i++) {
			looks[i] = (struct invocation){ .method = "ListShipments", .request = &listing.base };
			service_start(&looks[i]);
		}
		service_finish();
		for (int i = 0; i < LOOKS; i++) {
			const Shipping__ListShipmentsResponse *seen = looks[i].reply;
			int64_t packages = 0;

			for (size_t n = 0; n < seen->n_shipments; n++) {
				for (size_t line = 0; line < seen->shipments[n]->n_lines; line++)
					packages += seen->shipments[n]->lines[line]->quantity;
			}
			assert_int_equal(packages, 6);
		}
	}
}

/* The rest was called off before there was one: the part cannot leave without it, the whole can. */
static void a_tombstone_keeps_the_rest_out(void **state)
{
	const Shipping__Shipment *whole = create(new_shipment("ORD-1", "Ada Byron"));
	char rest_id[UUID_TEXT];
	struct status status;

	(void)state;
	uuid_derive(whole->shipment_id, "rest", rest_id);
	assert_null(try_to_cancel(rest_id, NULL).reason);
	status = service_call("DispatchShipment", NULL, &part_of(whole, 2)->base, NULL);
	assert_true(status_is(status, &ALREADY_EXISTS));
	assert_same(&get(whole->shipment_id)->base, &whole->base);
	dispatch(whole->shipment_id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(what_stays_behind_waits),
		STORE_TEST(both_parts_are_told_of),
		STORE_TEST(a_shipment_may_leave_in_many_parts),
		STORE_TEST(a_part_leaves_once),
		STORE_TEST(a_list_shows_one_moment),
		STORE_TEST(a_tombstone_keeps_the_rest_out),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
