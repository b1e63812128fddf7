/*
 * rules_test: what the tests of the rules share: an arena for each test, reservations, bookings and requests in a few
 * words.
 *
 * Only warehouse/rules*_test.c include it, once each, after cmocka.
 */
#ifndef QUAYSIDE_WAREHOUSE_RULES_TEST_H
#define QUAYSIDE_WAREHOUSE_RULES_TEST_H

#include <string.h>

#include "runtime/pb.h"
#include "warehouse/rules.h"

#define RULES_TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)
#define STATE(state_) WAREHOUSE__RESERVATION_STATE__RESERVATION_STATE_##state_
#define ORDER "order-1"

static struct arena *arena;

static inline int setup(void **state)
{
	(void)state;
	arena = arena_new(4096, 0);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static inline char *text(const char *value)
{
	return arena_strdup(arena, value);
}

static inline Warehouse__Reservation *reservation_of(const char *id, const char *sku, int64_t quantity,
						     Warehouse__ReservationState state)
{
	Warehouse__Reservation *reservation = pb_new(arena, &warehouse__reservation__descriptor);

	reservation->reservation_id = text(id);
	reservation->order_id = text(ORDER);
	reservation->sku = text(sku);
	reservation->location_id = text("MAIN");
	reservation->quantity = quantity;
	reservation->state = state;
	if (state == STATE(FULFILLED))
		reservation->fulfilled_quantity = quantity;
	if (state == STATE(PARTLY_FULFILLED))
		reservation->fulfilled_quantity = 1;
	return reservation;
}

/* A booking of up to two reservations. */
static inline struct booking booking_of(Warehouse__Reservation *first, Warehouse__Reservation *second)
{
	struct booking booking = { .version = 1 };

	booking.reservations = arena_array(arena, 2, sizeof(*booking.reservations));
	if (first != NULL)
		booking.reservations[booking.n_reservations++] = first;
	if (second != NULL)
		booking.reservations[booking.n_reservations++] = second;
	return booking;
}

static inline Warehouse__ReserveStockRequest *reserve_of(size_t count)
{
	Warehouse__ReserveStockRequest *request = pb_new(arena, &warehouse__reserve_stock_request__descriptor);

	request->order_id = text(ORDER);
	request->n_lines = count;
	request->lines = arena_array(arena, count, sizeof(*request->lines));
	for (size_t i = 0; i < count; i++) {
		request->lines[i] = pb_new(arena, &warehouse__reservation_line__descriptor);
		request->lines[i]->reservation_id = arena_printf(arena, "item-%zu", i);
		request->lines[i]->sku = arena_printf(arena, "SKU-%zu", i);
		request->lines[i]->quantity = 5;
	}
	return request;
}

static inline void assert_refused(struct status status, const struct reason *reason)
{
	assert_string_equal(status.reason == NULL ? "accepted" : status.reason->name, reason->name);
}

static inline void assert_violation(struct status status, const char *field, const char *description)
{
	for (struct violation *violation = status.detail->violations; violation != NULL; violation = violation->next) {
		if (strcmp(violation->field, field) == 0) {
			assert_string_equal(violation->description, description);
			return;
		}
	}
	fail_msg("%s is not named", field);
}

static inline void assert_shift(const struct plan *plan, size_t i, const char *sku, const char *location,
				int64_t on_hand, int64_t reserved)
{
	assert_true(i < plan->n_shifts);
	assert_string_equal(plan->shifts[i].sku, sku);
	assert_string_equal(plan->shifts[i].location_id, location);
	assert_int_equal(plan->shifts[i].on_hand, on_hand);
	assert_int_equal(plan->shifts[i].reserved, reserved);
}

#endif
