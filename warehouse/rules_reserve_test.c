/* What warehouse/rules.h promises of holding goods: every state, and every refusal by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "warehouse/rules_test.h"

static void a_hold_has_bounds(void **state)
{
	Google__Protobuf__Duration hold = GOOGLE__PROTOBUF__DURATION__INIT;
	int64_t micros = -1;

	(void)state;
	assert_null(reservation_hold(arena, NULL, &micros).reason);
	assert_int_equal(micros, HOLD_DEFAULT);
	micros = -1;
	assert_refused(reservation_hold(arena, &hold, &micros), &INVALID_REQUEST);
	hold.seconds = HOLD_MAX / 1000000;
	hold.nanos = 1000;
	assert_refused(reservation_hold(arena, &hold, &micros), &INVALID_REQUEST);
	hold.seconds = INT64_MAX;
	assert_refused(reservation_hold(arena, &hold, &micros), &INVALID_REQUEST);
	hold.seconds = 1;
	hold.nanos = -1;
	assert_refused(reservation_hold(arena, &hold, &micros), &INVALID_REQUEST);
	assert_int_equal(micros, -1);
	hold.nanos = 500000000;
	assert_null(reservation_hold(arena, &hold, &micros).reason);
	assert_int_equal(micros, 1500000);
}

static void a_new_order_takes_from_main(void **state)
{
	struct booking booking = { 0 };
	struct plan plan;

	(void)state;
	assert_null(booking_reserve(arena, &booking, reserve_of(2), &plan).reason);
	assert_int_equal(plan.n_changed, 2);
	assert_int_equal(plan.n_reservations, 2);
	assert_int_equal(plan.changed[1]->state, STATE(HELD));
	assert_string_equal(plan.changed[1]->order_id, ORDER);
	assert_shift(&plan, 0, "SKU-0", "MAIN", 0, 5);
	assert_shift(&plan, 1, "SKU-1", "MAIN", 0, 5);
}

static void ids_and_skus_stand_once_in_a_request(void **state)
{
	Warehouse__ReserveStockRequest *request = reserve_of(3);
	struct booking booking = { 0 };
	struct status status;
	struct plan plan;

	(void)state;
	request->lines[2]->sku = text("SKU-0");
	status = booking_reserve(arena, &booking, request, &plan);
	assert_refused(status, &INVALID_REQUEST);
	assert_violation(status, "lines[2].sku", "is also in lines[0]");
	request->lines[1]->reservation_id = request->lines[2]->reservation_id;
	status = booking_reserve(arena, &booking, request, &plan);
	assert_violation(status, "lines[2].reservation_id", "is also in lines[1]");
}

/* What becomes of a line whose reservation is in a state already, asked for with its own quantity and with another. */
static const struct {
	Warehouse__ReservationState state;
	const struct reason *same, *other; /* NULL: accepted */
	size_t changed;                    /* when accepted with its own quantity */
	int64_t taken, taken_more;         /* from the shelf: for its own quantity, and for two more */
} RESERVED_AGAIN[] = {
	{ STATE(HELD), NULL, NULL, 1, 0, 2 },
	{ STATE(CONFIRMED), NULL, &RESERVATION_CONFIRMED, 0, 0, 0 },
	{ STATE(PARTLY_FULFILLED), NULL, &RESERVATION_CONFIRMED, 0, 0, 0 },
	{ STATE(RELEASED), &RESERVATION_CLOSED, &RESERVATION_CLOSED, 0, 0, 0 },
	{ STATE(EXPIRED), NULL, NULL, 1, 5, 7 }, /* it has to be there anew */
	{ STATE(FULFILLED), &RESERVATION_CLOSED, &RESERVATION_CLOSED, 0, 0, 0 },
};

static void a_line_may_be_reserved_again_while_it_is_held(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(RESERVED_AGAIN) / sizeof(RESERVED_AGAIN[0]); i++) {
		struct booking booking =
		    booking_of(reservation_of("item-0", "SKU-0", 5, RESERVED_AGAIN[i].state), NULL);
		Warehouse__ReserveStockRequest *request = reserve_of(1);
		struct plan plan = { 0 };
		struct status status = booking_reserve(arena, &booking, request, &plan);

		assert_ptr_equal(status.reason, RESERVED_AGAIN[i].same);
		assert_int_equal(plan.n_changed, RESERVED_AGAIN[i].changed);
		assert_int_equal(plan.n_shifts, RESERVED_AGAIN[i].taken > 0);
		if (RESERVED_AGAIN[i].taken > 0)
			assert_shift(&plan, 0, "SKU-0", "MAIN", 0, RESERVED_AGAIN[i].taken);
		request->lines[0]->quantity = 7;
		status = booking_reserve(arena, &booking, request, &plan);
		assert_ptr_equal(status.reason, RESERVED_AGAIN[i].other);
		if (status.reason == NULL)
			assert_shift(&plan, 0, "SKU-0", "MAIN", 0, RESERVED_AGAIN[i].taken_more);
	}
}

/* What an expired line had does not count as available to it any more. */
static void a_hold_that_ran_out_needs_stock(void **state)
{
	struct booking booking = booking_of(reservation_of("item-0", "SKU-0", 5, STATE(EXPIRED)), NULL);
	struct shelf shelf = { "SKU-0", "MAIN", 10, 6, true };
	struct plan plan = { 0 };

	(void)state;
	booking.stock_known = true;
	booking.shelves = &shelf;
	booking.n_shelves = 1;
	assert_refused(booking_reserve(arena, &booking, reserve_of(1), &plan), &OUT_OF_STOCK);
	shelf.reserved = 5;
	assert_null(booking_reserve(arena, &booking, reserve_of(1), &plan).reason);
	assert_int_equal(plan.changed[0]->state, STATE(HELD));
	assert_shift(&plan, 0, "SKU-0", "MAIN", 0, 5);
	shelf.sold = false;
	assert_refused(booking_reserve(arena, &booking, reserve_of(1), &plan), &PRODUCT_ARCHIVED);
}

static void a_line_is_not_taken_from_another_order_or_product(void **state)
{
	Warehouse__Reservation *others = reservation_of("item-1", "SKU-1", 5, STATE(HELD));
	struct booking booking = booking_of(reservation_of("item-0", "SKU-0", 5, STATE(HELD)), others);
	Warehouse__ReserveStockRequest *request = reserve_of(2);
	struct status status;
	struct plan plan;

	(void)state;
	others->order_id = text("order-2");
	status = booking_reserve(arena, &booking, request, &plan);
	assert_refused(status, &RESERVATION_TAKEN);
	assert_violation(status, "lines[1].reservation_id", "belongs to another order");
	others->order_id = text(ORDER);
	others->sku = text("SKU-9");
	status = booking_reserve(arena, &booking, request, &plan);
	assert_refused(status, &RESERVATION_TAKEN);
	assert_violation(status, "lines[1].sku", "is not the product that is reserved");
}

static void what_is_short_is_told_with_what_is_left(void **state)
{
	const struct shelf shelves[] = { { "SKU-0", "EAST", 9, 6, true },
					 { "SKU-0", "MAIN", 5, 4, true },
					 { "SKU-1", "MAIN", 7, 2, true },
					 { "SKU-2", "MAIN", 4, 0, true } };
	struct booking booking = { .stock_known = true, .shelves = shelves, .n_shelves = 4 };
	struct status status;
	struct plan plan;

	(void)state;
	status = booking_reserve(arena, &booking, reserve_of(3), &plan);
	assert_refused(status, &OUT_OF_STOCK);
	assert_string_equal(status_message(status), "Only 3 of 5 SKU-0 are available.");
	assert_violation(status, "lines[0].quantity", "only 3 of 5 available");
	assert_violation(status, "lines[2].quantity", "only 4 of 5 available");
	assert_string_equal(status.detail->metadata->name, "sku");
	assert_string_equal(status.detail->metadata->value, "SKU-0");
	assert_string_equal(status.detail->metadata->next->value, "5");
	assert_string_equal(status.detail->metadata->next->next->value, "3");
}

static void an_unknown_product_is_told_before_a_short_one_behind_it(void **state)
{
	const struct shelf shelves[] = { { "SKU-1", "MAIN", 0, 0, true } };
	struct booking booking = { .stock_known = true, .shelves = shelves, .n_shelves = 1 };
	struct status status;
	struct plan plan;

	(void)state;
	status = booking_reserve(arena, &booking, reserve_of(2), &plan);
	assert_refused(status, &PRODUCT_UNKNOWN);
	assert_violation(status, "lines[0].sku", "is not a product");
	assert_null(status.detail->violations->next);
}

/* What a line holds counts as available to it; where it is now it stays, if it can. */
static void a_line_moves_only_if_it_must(void **state)
{
	struct shelf shelves[] = { { "SKU-0", "EAST", 8, 8, false }, { "SKU-0", "MAIN", 20, 0, false } };
	Warehouse__Reservation *held = reservation_of("item-0", "SKU-0", 8, STATE(HELD));
	struct booking booking = booking_of(held, NULL);
	Warehouse__ReserveStockRequest *request = reserve_of(1);
	struct plan plan;

	(void)state;
	booking.stock_known = true;
	booking.shelves = shelves;
	booking.n_shelves = 2;
	held->location_id = text("EAST");
	assert_null(booking_reserve(arena, &booking, request, &plan).reason);
	assert_shift(&plan, 0, "SKU-0", "EAST", 0, -3);
	request->lines[0]->quantity = 9;
	assert_refused(booking_reserve(arena, &booking, request, &plan), &PRODUCT_ARCHIVED);
	shelves[0].sold = shelves[1].sold = true;
	assert_null(booking_reserve(arena, &booking, request, &plan).reason);
	assert_string_equal(plan.changed[0]->location_id, "MAIN");
	assert_shift(&plan, 0, "SKU-0", "EAST", 0, -8);
	assert_shift(&plan, 1, "SKU-0", "MAIN", 0, 9);
	assert_string_equal(held->location_id, "EAST");
}

static Warehouse__ConfirmReservationsRequest *settle_of(int64_t order_version)
{
	Warehouse__ConfirmReservationsRequest *request =
	    pb_new(arena, &warehouse__confirm_reservations_request__descriptor);

	request->order_id = text(ORDER);
	request->lines = reserve_of(1)->lines;
	request->n_lines = 1;
	request->order_version = order_version;
	return request;
}

static const struct {
	Warehouse__ReservationState state;
	int64_t quantity;
	const struct reason *refusal;
	size_t changed;
	int64_t reserved;
} SETTLED_FROM[] = {
	{ STATE(HELD), 5, NULL, 1, 0 },
	{ STATE(HELD), 7, NULL, 1, -2 },
	{ STATE(EXPIRED), 7, NULL, 1, 5 },
	{ STATE(CONFIRMED), 5, NULL, 0, 0 },
	{ STATE(CONFIRMED), 3, NULL, 1, 2 },
	{ STATE(PARTLY_FULFILLED), 5, NULL, 0, 0 },
	{ STATE(PARTLY_FULFILLED), 4, &RESERVATION_CONFIRMED, 0, 0 },
	{ STATE(RELEASED), 5, &RESERVATION_CLOSED, 0, 0 },
	{ STATE(FULFILLED), 4, &RESERVATION_CLOSED, 0, 0 },
};

static void a_later_version_of_the_order_settles_its_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(SETTLED_FROM) / sizeof(SETTLED_FROM[0]); i++) {
		struct booking booking = booking_of(
		    reservation_of("item-0", "SKU-0", SETTLED_FROM[i].quantity, SETTLED_FROM[i].state), NULL);
		struct plan plan = { 0 };

		assert_ptr_equal(booking_confirm(arena, &booking, settle_of(2), &plan).reason, SETTLED_FROM[i].refusal);
		assert_int_equal(plan.n_changed, SETTLED_FROM[i].changed);
		assert_int_equal(plan.order_version, SETTLED_FROM[i].refusal == NULL ? 2 : 0);
		assert_true(SETTLED_FROM[i].refusal != NULL || !plan_is_empty(&plan, &booking));
		if (SETTLED_FROM[i].reserved != 0)
			assert_shift(&plan, 0, "SKU-0", "MAIN", 0, SETTLED_FROM[i].reserved);
		else
			assert_int_equal(plan.n_shifts, 0);
		if (plan.n_changed > 0) {
			assert_int_equal(plan.changed[0]->state, STATE(CONFIRMED));
			assert_int_equal(plan.changed[0]->quantity, 5);
		}
	}
}

static void an_earlier_version_of_the_order_is_refused(void **state)
{
	struct booking booking = booking_of(reservation_of("item-0", "SKU-0", 5, STATE(CONFIRMED)), NULL);
	struct plan plan;

	(void)state;
	booking.order_version = 4;
	assert_refused(booking_confirm(arena, &booking, settle_of(3), &plan), &RESERVATION_SUPERSEDED);
	assert_null(booking_confirm(arena, &booking, settle_of(4), &plan).reason);
	assert_true(plan_is_empty(&plan, &booking));
	assert_null(booking_confirm(arena, &booking, settle_of(0), &plan).reason);
	booking.reservations[0]->quantity = 3;
	assert_refused(booking_confirm(arena, &booking, settle_of(4), &plan), &RESERVATION_NOT_HELD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULES_TEST(a_hold_has_bounds),
		RULES_TEST(a_new_order_takes_from_main),
		RULES_TEST(ids_and_skus_stand_once_in_a_request),
		RULES_TEST(a_line_may_be_reserved_again_while_it_is_held),
		RULES_TEST(a_hold_that_ran_out_needs_stock),
		RULES_TEST(a_line_is_not_taken_from_another_order_or_product),
		RULES_TEST(what_is_short_is_told_with_what_is_left),
		RULES_TEST(an_unknown_product_is_told_before_a_short_one_behind_it),
		RULES_TEST(a_line_moves_only_if_it_must),
		RULES_TEST(a_later_version_of_the_order_settles_its_lines),
		RULES_TEST(an_earlier_version_of_the_order_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
