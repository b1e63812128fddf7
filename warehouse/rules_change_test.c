/* What warehouse/rules.h promises of another quantity: each state with less, the same and more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "warehouse/rules_test.h"

static Warehouse__ChangeReservationRequest *change_to(int64_t quantity)
{
	Warehouse__ChangeReservationRequest *request =
	    pb_new(arena, &warehouse__change_reservation_request__descriptor);

	request->reservation_id = text("item-0");
	request->quantity = quantity;
	return request;
}

/* Five are kept back, of which one has left where it says PARTLY, all where it says FULFILLED. */
static struct booking five_in(Warehouse__ReservationState state)
{
	return booking_of(reservation_of("item-0", "SKU-0", 5, state), NULL);
}

static const struct change {
	Warehouse__ReservationState from;
	int64_t quantity;
	const struct reason *reason; /* NULL: accepted */
	Warehouse__ReservationState to;
	int64_t reserved; /* how the shelf changes */
} CHANGES[] = {
	{ STATE(HELD), 1, NULL, STATE(HELD), -4 },
	{ STATE(HELD), 5, NULL, STATE(HELD), 0 },
	{ STATE(HELD), 8, NULL, STATE(HELD), 3 },
	{ STATE(CONFIRMED), 2, NULL, STATE(CONFIRMED), -3 },
	{ STATE(CONFIRMED), 5, NULL, STATE(CONFIRMED), 0 },
	{ STATE(CONFIRMED), 6, NULL, STATE(CONFIRMED), 1 },
	{ STATE(PARTLY_FULFILLED), 1, NULL, STATE(FULFILLED), -4 },
	{ STATE(PARTLY_FULFILLED), 2, NULL, STATE(PARTLY_FULFILLED), -3 },
	{ STATE(PARTLY_FULFILLED), 5, NULL, STATE(PARTLY_FULFILLED), 0 },
	{ STATE(PARTLY_FULFILLED), 7, NULL, STATE(PARTLY_FULFILLED), 2 },
	{ STATE(FULFILLED), 5, NULL, STATE(FULFILLED), 0 },
	{ STATE(FULFILLED), 4, &RESERVATION_CLOSED, STATE(FULFILLED), 0 },
	{ STATE(FULFILLED), 6, &RESERVATION_CLOSED, STATE(FULFILLED), 0 },
	{ STATE(RELEASED), 5, &RESERVATION_CLOSED, STATE(RELEASED), 0 },
	{ STATE(RELEASED), 1, &RESERVATION_CLOSED, STATE(RELEASED), 0 },
	{ STATE(EXPIRED), 5, &RESERVATION_NOT_HELD, STATE(EXPIRED), 0 },
};

static void a_quantity_changes_where_goods_are_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(CHANGES) / sizeof(CHANGES[0]); i++) {
		const struct change *change = &CHANGES[i];
		const struct booking booking = five_in(change->from);
		struct plan plan = { 0 };
		struct status status = booking_change(arena, &booking, change_to(change->quantity), &plan);

		assert_ptr_equal(status.reason, change->reason);
		assert_int_equal(booking.reservations[0]->quantity, 5);
		if (change->reason != NULL) {
			assert_int_equal(plan.n_reservations, 0);
			continue;
		}
		assert_int_equal(plan.n_reservations, 1);
		assert_int_equal(plan.reservations[0]->state, change->to);
		assert_int_equal(plan.reservations[0]->quantity, change->quantity);
		assert_int_equal(plan.n_changed, change->reserved != 0);
		assert_int_equal(plan.n_shifts, change->reserved != 0);
		if (change->reserved != 0)
			assert_shift(&plan, 0, "SKU-0", "MAIN", 0, change->reserved);
	}
}

static void never_below_what_has_left(void **state)
{
	struct booking booking = five_in(STATE(PARTLY_FULFILLED));
	struct plan plan = { 0 };
	struct status status;

	(void)state;
	booking.reservations[0]->fulfilled_quantity = 3;
	status = booking_change(arena, &booking, change_to(2), &plan);
	assert_refused(status, &QUANTITY_FULFILLED);
	assert_violation(status, "quantity", "3 have left already");
	assert_int_equal(plan.n_changed, 0);
	assert_null(booking_change(arena, &booking, change_to(3), &plan).reason);
	assert_int_equal(plan.reservations[0]->state, STATE(FULFILLED));
	assert_int_equal(plan.reservations[0]->fulfilled_quantity, 3);
}

/* What is kept back already counts as available to it; other shelves do not. */
static void more_must_be_on_its_shelf(void **state)
{
	struct booking booking = five_in(STATE(CONFIRMED));
	struct shelf shelves[] = { { "SKU-0", "ATTIC", 100, 0, true }, { "SKU-0", "MAIN", 9, 7, true } };
	struct plan plan = { 0 };
	struct status status;

	(void)state;
	booking.stock_known = true;
	booking.shelves = shelves;
	booking.n_shelves = 2;
	assert_null(booking_change(arena, &booking, change_to(7), &plan).reason);
	assert_shift(&plan, 0, "SKU-0", "MAIN", 0, 2);
	status = booking_change(arena, &booking, change_to(8), &plan);
	assert_refused(status, &OUT_OF_STOCK);
	assert_violation(status, "quantity", "only 7 of 8 available");
	shelves[1].sold = false;
	assert_refused(booking_change(arena, &booking, change_to(6), &plan), &PRODUCT_ARCHIVED);
	assert_null(booking_change(arena, &booking, change_to(4), &plan).reason);
	assert_shift(&plan, 0, "SKU-0", "MAIN", 0, -1);
}

static void a_hold_keeps_its_end(void **state)
{
	const struct booking booking = five_in(STATE(HELD));
	struct plan plan = { 0 };

	(void)state;
	booking.reservations[0]->expire_time = pb_time(arena, 1000000);
	assert_null(booking_change(arena, &booking, change_to(4), &plan).reason);
	assert_int_equal(pb_micros(plan.reservations[0]->expire_time), 1000000);
}

static void only_what_was_read_is_changed(void **state)
{
	const struct booking booking = five_in(STATE(HELD));
	Warehouse__ChangeReservationRequest *request = change_to(4);
	struct plan plan = { 0 };

	(void)state;
	booking.reservations[0]->etag = text("3");
	request->etag = text("2");
	assert_refused(booking_change(arena, &booking, request, &plan), &ETAG_MISMATCH);
	request->etag = text("3");
	assert_null(booking_change(arena, &booking, request, &plan).reason);
	request->reservation_id = text("item-1");
	assert_refused(booking_change(arena, &booking, request, &plan), &NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULES_TEST(a_quantity_changes_where_goods_are_kept),
		RULES_TEST(never_below_what_has_left),
		RULES_TEST(more_must_be_on_its_shelf),
		RULES_TEST(a_hold_keeps_its_end),
		RULES_TEST(only_what_was_read_is_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
