/* What warehouse/rules.h promises of goods that are held: each state with each request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "warehouse/rules_test.h"

static Warehouse__ConfirmReservationsRequest *confirm_of(size_t count)
{
	Warehouse__ConfirmReservationsRequest *request =
	    pb_new(arena, &warehouse__confirm_reservations_request__descriptor);

	request->order_id = text(ORDER);
	request->lines = reserve_of(count)->lines;
	request->n_lines = count;
	return request;
}

static const struct {
	Warehouse__ReservationState state;
	bool kept;
	size_t changed;
} CONFIRMED_FROM[] = {
	{ STATE(HELD), true, 1 },      { STATE(CONFIRMED), true, 0 }, { STATE(PARTLY_FULFILLED), true, 0 },
	{ STATE(FULFILLED), true, 0 }, { STATE(RELEASED), false, 0 }, { STATE(EXPIRED), false, 0 },
};

static void what_is_kept_can_be_confirmed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(CONFIRMED_FROM) / sizeof(CONFIRMED_FROM[0]); i++) {
		struct booking booking =
		    booking_of(reservation_of("item-0", "SKU-0", 5, CONFIRMED_FROM[i].state), NULL);

		for (size_t named = 0; named <= 1; named++) {
			struct plan plan = { 0 };
			struct status status = booking_confirm(arena, &booking, confirm_of(named), &plan);

			assert_ptr_equal(status.reason, CONFIRMED_FROM[i].kept ? NULL : &RESERVATION_NOT_HELD);
			assert_int_equal(plan.n_changed, CONFIRMED_FROM[i].changed);
			assert_int_equal(plan.n_shifts, 0);
		}
	}
}

static void a_confirmation_must_agree_with_what_is_held(void **state)
{
	Warehouse__Reservation *first = reservation_of("item-0", "SKU-7", 5, STATE(HELD));
	struct booking booking = booking_of(first, reservation_of("item-1", "SKU-1", 4, STATE(HELD)));
	struct plan plan = { 0 };
	struct status status;

	(void)state;
	status = booking_confirm(arena, &booking, confirm_of(3), &plan);
	assert_refused(status, &RESERVATION_NOT_HELD);
	assert_violation(status, "lines[0].sku", "SKU-7 is held");
	assert_violation(status, "lines[1].quantity", "4 are held");
	assert_violation(status, "lines[2].reservation_id", "is not held");
	assert_int_equal(plan.n_changed, 0);
	first->sku = text("SKU-0");
	first->order_id = text("order-2");
	status = booking_confirm(arena, &booking, confirm_of(1), &plan);
	assert_violation(status, "lines[0].reservation_id", "is not held");
}

static Warehouse__ReleaseReservationsRequest *release_of(const char *first, const char *second)
{
	Warehouse__ReleaseReservationsRequest *request =
	    pb_new(arena, &warehouse__release_reservations_request__descriptor);

	request->order_id = text(ORDER);
	request->reservation_ids = arena_array(arena, 2, sizeof(*request->reservation_ids));
	if (first != NULL)
		request->reservation_ids[request->n_reservation_ids++] = text(first);
	if (second != NULL)
		request->reservation_ids[request->n_reservation_ids++] = text(second);
	return request;
}

static const struct {
	Warehouse__ReservationState state;
	int64_t given_back;
	size_t changed, released; /* reservations that change, and in the answer */
} RELEASED_FROM[] = {
	{ STATE(HELD), 5, 1, 1 },     { STATE(CONFIRMED), 5, 1, 1 }, { STATE(PARTLY_FULFILLED), 4, 1, 1 },
	{ STATE(RELEASED), 0, 0, 1 }, { STATE(EXPIRED), 0, 1, 1 },   { STATE(FULFILLED), 0, 0, 0 },
};

static void a_release_gives_back_what_has_not_left(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(RELEASED_FROM) / sizeof(RELEASED_FROM[0]); i++) {
		Warehouse__Reservation *reservation = reservation_of("item-0", "SKU-0", 5, RELEASED_FROM[i].state);
		struct booking booking = booking_of(reservation, NULL);

		for (int named = 0; named <= 1; named++) {
			struct plan plan = { 0 };

			assert_null(
			    booking_release(arena, &booking, release_of(named ? "item-0" : NULL, NULL), &plan).reason);
			assert_int_equal(plan.n_reservations, RELEASED_FROM[i].released);
			assert_int_equal(plan.n_changed, RELEASED_FROM[i].changed);
			assert_int_equal(plan.n_shifts, RELEASED_FROM[i].given_back > 0);
			assert_int_equal(plan.closes, !named);
			if (RELEASED_FROM[i].given_back > 0)
				assert_shift(&plan, 0, "SKU-0", "MAIN", 0, -RELEASED_FROM[i].given_back);
		}
		assert_int_equal(reservation->state, RELEASED_FROM[i].state);
	}
}

/* An order that was released as a whole, known or not, gets nothing any more, and is closed once. */
static void a_closed_booking_takes_nothing(void **state)
{
	struct booking closed = { .version = 1, .closed = true };
	struct booking open = { 0 };
	struct status status;
	struct plan plan = { 0 };

	(void)state;
	assert_null(booking_release(arena, &open, release_of(NULL, NULL), &plan).reason);
	assert_int_equal(plan.n_changed, 0);
	assert_false(plan_is_empty(&plan, &open));
	assert_true(plan_is_empty(&plan, &closed));
	status = booking_reserve(arena, &closed, reserve_of(2), &plan);
	assert_refused(status, &RESERVATION_CLOSED);
	assert_violation(status, "lines[1]", "is of an order that was released");
	assert_refused(booking_confirm(arena, &closed, confirm_of(0), &plan), &RESERVATION_CLOSED);
	assert_refused(booking_confirm(arena, &closed, confirm_of(1), &plan), &RESERVATION_CLOSED);
}

static const struct {
	Warehouse__ReservationState state;
	bool expires;
} EXPIRES_FROM[] = {
	{ STATE(HELD), true },      { STATE(CONFIRMED), false }, { STATE(PARTLY_FULFILLED), false },
	{ STATE(RELEASED), false }, { STATE(EXPIRED), false },   { STATE(FULFILLED), false },
};

static void only_holds_run_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(EXPIRES_FROM) / sizeof(EXPIRES_FROM[0]); i++) {
		Warehouse__Reservation *reservation = reservation_of("item-0", "SKU-0", 5, EXPIRES_FROM[i].state);
		struct booking booking = booking_of(reservation, NULL);
		struct plan plan;

		if (reservation->state == STATE(HELD))
			reservation->expire_time = pb_time(arena, 1000);
		assert_int_equal(booking_expire(arena, &booking, 999).n_changed, 0);
		plan = booking_expire(arena, &booking, 1000);
		assert_int_equal(plan.n_changed, EXPIRES_FROM[i].expires);
		if (!EXPIRES_FROM[i].expires)
			continue;
		assert_int_equal(plan.changed[0]->state, STATE(EXPIRED));
		assert_int_equal(plan.from[0], STATE(HELD));
		assert_null(plan.changed[0]->expire_time);
		assert_shift(&plan, 0, "SKU-0", "MAIN", 0, -5);
	}
}

static void an_unknown_id_is_buried_once(void **state)
{
	struct booking booking = { 0 };
	struct plan plan;

	(void)state;
	assert_null(booking_release(arena, &booking, release_of("item-0", "item-0"), &plan).reason);
	assert_int_equal(plan.n_changed, 1);
	assert_int_equal(plan.changed[0]->state, STATE(RELEASED));
	assert_string_equal(plan.changed[0]->reservation_id, "item-0");
	assert_string_equal(plan.changed[0]->order_id, ORDER);
	assert_string_equal(plan.changed[0]->sku, "");
	assert_int_equal(plan.n_shifts, 0);
}

static void another_orders_goods_are_not_given_back(void **state)
{
	Warehouse__Reservation *others = reservation_of("item-0", "SKU-0", 5, STATE(HELD));
	struct booking booking = booking_of(others, NULL);
	struct status status;
	struct plan plan;

	(void)state;
	others->order_id = text("order-2");
	status = booking_release(arena, &booking, release_of("item-0", NULL), &plan);
	assert_refused(status, &RESERVATION_TAKEN);
	assert_violation(status, "reservation_ids[0]", "belongs to another order");
	assert_null(booking_release(arena, &booking, release_of(NULL, NULL), &plan).reason);
	assert_int_equal(plan.n_changed, 0);
}

static Warehouse__FulfilmentLine *departing(const char *id, int64_t quantity)
{
	Warehouse__FulfilmentLine *line = pb_new(arena, &warehouse__fulfilment_line__descriptor);

	line->reservation_id = text(id);
	line->quantity = quantity;
	return line;
}

static Warehouse__FulfilReservationsRequest *fulfil_of(Warehouse__FulfilmentLine *first,
						       Warehouse__FulfilmentLine *second)
{
	Warehouse__FulfilReservationsRequest *request =
	    pb_new(arena, &warehouse__fulfil_reservations_request__descriptor);

	request->order_id = text(ORDER);
	request->shipment_id = text("shipment-1");
	request->lines = arena_array(arena, 2, sizeof(*request->lines));
	request->lines[request->n_lines++] = first;
	if (second != NULL)
		request->lines[request->n_lines++] = second;
	return request;
}

static const struct {
	Warehouse__ReservationState state;
	int64_t quantity;
	const struct reason *reason;
	Warehouse__ReservationState to;
} FULFILLED_FROM[] = {
	{ STATE(CONFIRMED), 5, NULL, STATE(FULFILLED) },
	{ STATE(CONFIRMED), 2, NULL, STATE(PARTLY_FULFILLED) },
	{ STATE(CONFIRMED), 6, &RESERVATION_EXCEEDED, 0 },
	{ STATE(PARTLY_FULFILLED), 4, NULL, STATE(FULFILLED) },
	{ STATE(PARTLY_FULFILLED), 3, NULL, STATE(PARTLY_FULFILLED) },
	{ STATE(PARTLY_FULFILLED), 5, &RESERVATION_EXCEEDED, 0 },
	{ STATE(HELD), 5, &RESERVATION_NOT_CONFIRMED, 0 },
	{ STATE(RELEASED), 5, &RESERVATION_NOT_CONFIRMED, 0 },
	{ STATE(EXPIRED), 5, &RESERVATION_NOT_CONFIRMED, 0 },
	{ STATE(FULFILLED), 1, &RESERVATION_NOT_CONFIRMED, 0 },
};

static void what_is_confirmed_can_leave(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(FULFILLED_FROM) / sizeof(FULFILLED_FROM[0]); i++) {
		Warehouse__Reservation *before = reservation_of("item-0", "SKU-0", 5, FULFILLED_FROM[i].state);
		struct booking booking = booking_of(before, NULL);
		const int64_t quantity = FULFILLED_FROM[i].quantity;
		struct plan plan = { 0 };
		struct status status =
		    booking_fulfil(arena, &booking, fulfil_of(departing("item-0", quantity), NULL), &plan);

		assert_ptr_equal(status.reason, FULFILLED_FROM[i].reason);
		if (status.reason != NULL)
			continue;
		assert_int_equal(plan.changed[0]->state, FULFILLED_FROM[i].to);
		assert_int_equal(plan.changed[0]->fulfilled_quantity, before->fulfilled_quantity + quantity);
		assert_int_equal(plan.leaving[0], quantity);
		assert_shift(&plan, 0, "SKU-0", "MAIN", -quantity, -quantity);
	}
}

static void lines_off_one_shelf_are_one_shift(void **state)
{
	struct booking booking = booking_of(reservation_of("item-0", "SKU-0", 5, STATE(CONFIRMED)),
					    reservation_of("item-1", "SKU-0", 3, STATE(CONFIRMED)));
	struct status status;
	struct plan plan;

	(void)state;
	assert_null(
	    booking_fulfil(arena, &booking, fulfil_of(departing("item-0", 5), departing("item-1", 2)), &plan).reason);
	assert_int_equal(plan.n_shifts, 1);
	assert_shift(&plan, 0, "SKU-0", "MAIN", -7, -7);
	status = booking_fulfil(arena, &booking, fulfil_of(departing("item-0", 1), departing("item-0", 1)), &plan);
	assert_refused(status, &INVALID_REQUEST);
	status = booking_fulfil(arena, &booking, fulfil_of(departing("item-0", 1), departing("item-7", 1)), &plan);
	assert_refused(status, &RESERVATION_NOT_CONFIRMED);
	assert_violation(status, "lines[1].reservation_id", "is not a reservation of this order");
}

static void a_shipment_is_booked_once(void **state)
{
	struct booking booking = booking_of(reservation_of("item-0", "SKU-0", 5, STATE(FULFILLED)),
					    reservation_of("item-1", "SKU-1", 5, STATE(CONFIRMED)));
	Warehouse__FulfilmentLine *booked[] = { departing("item-0", 5) };
	struct plan plan;

	(void)state;
	booking.booked = booked;
	booking.n_booked = 1;
	assert_null(booking_fulfil(arena, &booking, fulfil_of(departing("item-0", 5), NULL), &plan).reason);
	assert_int_equal(plan.n_changed, 0);
	assert_int_equal(plan.n_reservations, 1);
	assert_refused(booking_fulfil(arena, &booking, fulfil_of(departing("item-0", 4), NULL), &plan),
		       &SHIPMENT_BOOKED);
	assert_refused(booking_fulfil(arena, &booking, fulfil_of(departing("item-1", 5), NULL), &plan),
		       &SHIPMENT_BOOKED);
	assert_refused(
	    booking_fulfil(arena, &booking, fulfil_of(departing("item-0", 5), departing("item-1", 5)), &plan),
	    &SHIPMENT_BOOKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULES_TEST(what_is_kept_can_be_confirmed),
		RULES_TEST(a_confirmation_must_agree_with_what_is_held),
		RULES_TEST(a_release_gives_back_what_has_not_left),
		RULES_TEST(a_closed_booking_takes_nothing),
		RULES_TEST(only_holds_run_out),
		RULES_TEST(an_unknown_id_is_buried_once),
		RULES_TEST(another_orders_goods_are_not_given_back),
		RULES_TEST(what_is_confirmed_can_leave),
		RULES_TEST(lines_off_one_shelf_are_one_shift),
		RULES_TEST(a_shipment_is_booked_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
