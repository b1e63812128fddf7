/* What rules.h of shipping promises. */
#include "shipping/rules.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ORDER "0192d3a0-0000-7000-8000-00000000000a"
#define OTHER_ORDER "0192d3a0-0000-7000-8000-00000000000b"
#define ITEM_1 "0192d3a0-0000-7000-8000-0000000000c1"
#define ITEM_1_UPPER "0192D3A0-0000-7000-8000-0000000000C1"
#define ITEM_2 "0192d3a0-0000-7000-8000-0000000000c2"
#define ITEM_3 "0192d3a0-0000-7000-8000-0000000000c3"

#define PENDING SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_PENDING
#define DISPATCHED SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DISPATCHED
#define DELIVERED SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_DELIVERED
#define CANCELLED SHIPPING__SHIPMENT_STATE__SHIPMENT_STATE_CANCELLED

static struct arena *arena;
static Google__Protobuf__Timestamp now = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

static int make_arena(void **state)
{
	(void)state;
	arena = arena_new(4096, 0);
	return 0;
}

static int drop_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static char *text(const char *value)
{
	return arena_strdup(arena, value);
}

static Shipping__ShipmentLine *line(const char *item_id, int64_t quantity)
{
	Shipping__ShipmentLine *made = arena_alloc(arena, sizeof(*made));

	shipping__shipment_line__init(made);
	made->item_id = text(item_id);
	made->sku = text("TEA-1");
	made->name = text("Tea");
	made->quantity = quantity;
	return made;
}

/* A request for 5 of the first item and 3 of the second. */
static Shipping__CreateShipmentRequest *request(void)
{
	Shipping__CreateShipmentRequest *made = arena_alloc(arena, sizeof(*made));

	shipping__create_shipment_request__init(made);
	made->shipment_id = text("0192d3a0-0000-7000-8000-000000000001");
	made->order_id = text(ORDER);
	made->order_number = text("ORD-1");
	made->customer_id = text("0192d3a0-0000-7000-8000-00000000000c");
	made->address = arena_alloc(arena, sizeof(*made->address));
	common__address__init(made->address);
	made->note = text("to the back door");
	made->lines = arena_array(arena, 3, sizeof(*made->lines));
	made->lines[0] = line(ITEM_1, 5);
	made->lines[1] = line(ITEM_2, 3);
	made->n_lines = 2;
	return made;
}

static Shipping__Shipment *shipment_in(Shipping__ShipmentState state)
{
	Shipping__Shipment *made = arena_alloc(arena, sizeof(*made));

	assert_null(shipment_create(arena, request(), made).reason);
	made->state = state;
	return made;
}

static void a_shipment_is_what_was_asked_for(void **state)
{
	const Shipping__CreateShipmentRequest *asked = request();
	Shipping__Shipment shipment;

	(void)state;
	assert_null(shipment_create(arena, asked, &shipment).reason);
	assert_int_equal(shipment.state, PENDING);
	assert_string_equal(shipment.shipment_id, asked->shipment_id);
	assert_string_equal(shipment.order_id, asked->order_id);
	assert_string_equal(shipment.order_number, "ORD-1");
	assert_string_equal(shipment.customer_id, asked->customer_id);
	assert_string_equal(shipment.note, "to the back door");
	assert_ptr_equal(shipment.address, asked->address);
	assert_int_equal(shipment.n_lines, 2);
	assert_string_equal(shipment.carrier, "");
	assert_null(shipment.dispatch_time);
}

static void an_item_is_in_one_line_only(void **state)
{
	Shipping__CreateShipmentRequest *asked = request();
	Shipping__Shipment shipment;
	struct status status;

	(void)state;
	memset(&shipment, 0x5a, sizeof(shipment));
	asked->lines[asked->n_lines++] = line(ITEM_1_UPPER, 1);
	status = shipment_create(arena, asked, &shipment);
	assert_true(status_is(status, &INVALID_REQUEST));
	assert_string_equal(status.detail->violations->field, "lines[2].item_id");
	assert_int_equal(shipment.state, 0x5a5a5a5a);
}

static void the_same_id_is_the_same_shipment(void **state)
{
	Shipping__CreateShipmentRequest *asked = request();
	struct status status;

	(void)state;
	for (Shipping__ShipmentState in = PENDING; in <= DELIVERED; in++)
		assert_null(shipment_same(arena, shipment_in(in), asked).reason);
	assert_true(status_is(shipment_same(arena, shipment_in(CANCELLED), asked), &SHIPMENT_CANCELLED));
	asked->order_id = text(OTHER_ORDER);
	status = shipment_same(arena, shipment_in(PENDING), asked);
	assert_true(status_is(status, &ALREADY_EXISTS));
}

/* A tombstone has no order, so it is of no order in particular: whatever comes under its id is refused. */
static void a_tombstone_refuses(void **state)
{
	Shipping__Shipment tombstone = SHIPPING__SHIPMENT__INIT;

	(void)state;
	tombstone.state = CANCELLED;
	assert_true(status_is(shipment_same(arena, &tombstone, request()), &SHIPMENT_CANCELLED));
}

static struct status dispatch(Shipping__Shipment *shipment, const Shipping__DispatchShipmentRequest *asked)
{
	Shipping__Shipment *rest;

	return shipment_dispatch(arena, shipment, asked, &now, &rest);
}

static void a_shipment_goes_its_way(void **state)
{
	Shipping__Shipment *shipment = shipment_in(PENDING);
	Shipping__DispatchShipmentRequest asked = SHIPPING__DISPATCH_SHIPMENT_REQUEST__INIT;
	Google__Protobuf__Timestamp later = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	(void)state;
	asked.carrier = text("Parcels Ltd");
	asked.tracking_number = text("T-1");
	asked.tracking_url = text("https://parcels.example/T-1");
	assert_null(dispatch(shipment, &asked).reason);
	assert_int_equal(shipment->state, DISPATCHED);
	assert_string_equal(shipment->carrier, "Parcels Ltd");
	assert_string_equal(shipment->tracking_number, "T-1");
	assert_string_equal(shipment->tracking_url, "https://parcels.example/T-1");
	assert_ptr_equal(shipment->dispatch_time, &now);
	assert_null(shipment->deliver_time);
	assert_null(shipment_deliver(shipment, &later).reason);
	assert_int_equal(shipment->state, DELIVERED);
	assert_ptr_equal(shipment->deliver_time, &later);
	assert_ptr_equal(shipment->dispatch_time, &now);
}

/* Every other move, and why it is refused. */
static void nothing_else_is_allowed(void **state)
{
	static const struct {
		Shipping__ShipmentState in;
		const struct reason *dispatch, *deliver, *cancel; /* NULL: allowed */
	} MOVES[] = {
		{ PENDING, NULL, &SHIPMENT_NOT_DISPATCHED, NULL },
		{ DISPATCHED, &SHIPMENT_DISPATCHED, NULL, &SHIPMENT_DISPATCHED },
		{ DELIVERED, &SHIPMENT_DELIVERED, &SHIPMENT_DELIVERED, &SHIPMENT_DELIVERED },
		{ CANCELLED, &SHIPMENT_CANCELLED, &SHIPMENT_CANCELLED, NULL },
	};
	Shipping__DispatchShipmentRequest asked = SHIPPING__DISPATCH_SHIPMENT_REQUEST__INIT;

	(void)state;
	asked.carrier = text("Parcels Ltd");
	for (size_t i = 0; i < sizeof(MOVES) / sizeof(MOVES[0]); i++) {
		Shipping__Shipment *sent = shipment_in(MOVES[i].in), *brought = shipment_in(MOVES[i].in);
		Shipping__Shipment *stopped = shipment_in(MOVES[i].in);
		bool changed;

		assert_ptr_equal(dispatch(sent, &asked).reason, MOVES[i].dispatch);
		assert_ptr_equal(shipment_deliver(brought, &now).reason, MOVES[i].deliver);
		assert_ptr_equal(shipment_cancel(stopped, &changed).reason, MOVES[i].cancel);
		assert_int_equal(stopped->state, MOVES[i].cancel == NULL ? CANCELLED : MOVES[i].in);
		if (MOVES[i].dispatch != NULL) {
			assert_int_equal(sent->state, MOVES[i].in);
			assert_string_equal(sent->carrier, "");
			assert_null(sent->dispatch_time);
		}
		if (MOVES[i].deliver != NULL) {
			assert_int_equal(brought->state, MOVES[i].in);
			assert_null(brought->deliver_time);
		}
	}
}

static void what_is_cancelled_stays_so(void **state)
{
	Shipping__Shipment *shipment = shipment_in(PENDING);
	Shipping__Shipment unknown = SHIPPING__SHIPMENT__INIT;
	bool changed = false;

	(void)state;
	assert_null(shipment_cancel(shipment, &changed).reason);
	assert_true(changed);
	assert_null(shipment_cancel(shipment, &changed).reason);
	assert_false(changed);
	assert_null(shipment_cancel(&unknown, &changed).reason);
	assert_true(changed);
	assert_true(status_is(shipment_same(arena, &unknown, request()), &SHIPMENT_CANCELLED));
}

struct part {
	const char *item_id;
	int64_t quantity;
};

static Shipping__DispatchShipmentRequest *dispatch_of(const struct part *parts, size_t count)
{
	Shipping__DispatchShipmentRequest *made = arena_alloc(arena, sizeof(*made));

	shipping__dispatch_shipment_request__init(made);
	made->lines = arena_array(arena, count, sizeof(*made->lines));
	made->n_lines = count;
	for (size_t i = 0; i < count; i++) {
		made->lines[i] = arena_alloc(arena, sizeof(**made->lines));
		shipping__dispatch_line__init(made->lines[i]);
		made->lines[i]->item_id = text(parts[i].item_id);
		made->lines[i]->quantity = parts[i].quantity;
	}
	return made;
}

static void all_lines_in_full_are_the_whole(void **state)
{
	Shipping__Shipment *shipment = shipment_in(PENDING);

	(void)state;
	assert_null(dispatch(shipment, dispatch_of((struct part[]){ { ITEM_2, 3 }, { ITEM_1_UPPER, 5 } }, 2)).reason);
	assert_int_equal(shipment->state, DISPATCHED);
}

static int64_t quantity_in(const Shipping__Shipment *shipment, const char *item_id)
{
	for (size_t i = 0; shipment != NULL && i < shipment->n_lines; i++) {
		if (strcmp(shipment->lines[i]->item_id, item_id) == 0)
			return shipment->lines[i]->quantity;
	}
	return 0;
}

static void what_does_not_leave_is_a_shipment_of_its_own(void **state)
{
	Shipping__Shipment *shipment = shipment_in(PENDING), *rest;
	Shipping__DispatchShipmentRequest *asked = dispatch_of((struct part[]){ { ITEM_1_UPPER, 2 } }, 1);

	(void)state;
	asked->carrier = text("Parcels Ltd");
	assert_null(shipment_dispatch(arena, shipment, asked, &now, &rest).reason);
	assert_int_equal(shipment->state, DISPATCHED);
	assert_int_equal(shipment->n_lines, 1);
	assert_int_equal(quantity_in(shipment, ITEM_1), 2);
	assert_int_equal(rest->state, PENDING);
	assert_int_equal(rest->n_lines, 2);
	assert_int_equal(quantity_in(rest, ITEM_1), 3);
	assert_int_equal(quantity_in(rest, ITEM_2), 3);
	assert_string_equal(rest->order_id, ORDER);
	assert_string_equal(rest->note, "to the back door");
	assert_string_equal(rest->carrier, "");
	assert_null(rest->dispatch_time);
	assert_ptr_equal(rest->address, shipment->address);
}

/* The same split names the same rest; each rest's own rest has another id. */
static void the_rest_has_an_id_that_follows(void **state)
{
	const struct part part = { ITEM_1, 1 };
	Shipping__Shipment *shipment = shipment_in(PENDING), *again = shipment_in(PENDING), *first, *same, *second;

	(void)state;
	assert_null(shipment_dispatch(arena, shipment, dispatch_of(&part, 1), &now, &first).reason);
	assert_null(shipment_dispatch(arena, again, dispatch_of(&part, 1), &now, &same).reason);
	assert_string_equal(first->shipment_id, same->shipment_id);
	assert_null(shipment_dispatch(arena, first, dispatch_of(&part, 1), &now, &second).reason);
	assert_string_not_equal(second->shipment_id, first->shipment_id);
	assert_string_not_equal(second->shipment_id, shipment->shipment_id);
}

/* Every way to split 5 and 3: nothing is lost, nothing is doubled, and no line is empty. */
static void what_leaves_and_what_stays_are_all(void **state)
{
	(void)state;
	for (int64_t a = 0; a <= 5; a++) {
		for (int64_t b = 0; b <= 3; b++) {
			struct part parts[2];
			Shipping__Shipment *shipment = shipment_in(PENDING), *rest;
			size_t n = 0;

			if (a > 0)
				parts[n++] = (struct part){ ITEM_1, a };
			if (b > 0)
				parts[n++] = (struct part){ ITEM_2, b };
			assert_null(shipment_dispatch(arena, shipment, dispatch_of(parts, n), &now, &rest).reason);
			if (n == 0 || (a == 5 && b == 3)) { /* no lines at all mean the whole */
				assert_null(rest);
				assert_int_equal(quantity_in(shipment, ITEM_1), 5);
				assert_int_equal(quantity_in(shipment, ITEM_2), 3);
				continue;
			}
			assert_int_equal(quantity_in(shipment, ITEM_1), a);
			assert_int_equal(quantity_in(shipment, ITEM_2), b);
			assert_int_equal(quantity_in(rest, ITEM_1), 5 - a);
			assert_int_equal(quantity_in(rest, ITEM_2), 3 - b);
			assert_int_equal(shipment->n_lines, n);
			assert_int_equal(rest->n_lines, (a < 5) + (b < 3));
		}
	}
}

static void what_is_not_in_it_cannot_leave(void **state)
{
	Shipping__Shipment *shipment = shipment_in(PENDING);
	const struct part parts[] = { { ITEM_1, 6 }, { ITEM_3, 1 }, { ITEM_2, 3 }, { ITEM_2, 3 } };
	struct status status = dispatch(shipment, dispatch_of(parts, 4));
	const struct violation *violation = status.detail->violations;

	(void)state;
	assert_true(status_is(status, &INVALID_REQUEST));
	assert_string_equal(violation->field, "lines[0].quantity");
	assert_string_equal(violation->next->field, "lines[1].item_id");
	assert_string_equal(violation->next->next->field, "lines[3].item_id");
	assert_null(violation->next->next->next);
	assert_int_equal(shipment->state, PENDING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_shipment_is_what_was_asked_for, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(an_item_is_in_one_line_only, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(the_same_id_is_the_same_shipment, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(a_tombstone_refuses, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(a_shipment_goes_its_way, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(nothing_else_is_allowed, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(what_is_cancelled_stays_so, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(all_lines_in_full_are_the_whole, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(what_does_not_leave_is_a_shipment_of_its_own, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(the_rest_has_an_id_that_follows, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(what_leaves_and_what_stays_are_all, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(what_is_not_in_it_cannot_leave, make_arena, drop_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
