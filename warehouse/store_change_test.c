/* Another quantity for goods that are kept back, on a real database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "warehouse/store_test.h"

#define RIVALS 40

static Warehouse__ChangeReservationRequest *change_request(const char *id, int64_t quantity)
{
	Warehouse__ChangeReservationRequest *request =
	    pb_new(service_arena(), &warehouse__change_reservation_request__descriptor);

	request->reservation_id = text(id);
	request->quantity = quantity;
	return request;
}

static struct status change(const char *key, const char *id, int64_t quantity)
{
	return service_call("ChangeReservation", key, &change_request(id, quantity)->base, NULL);
}

/* Five of ten, confirmed. */
static struct wanted five_confirmed(char *order)
{
	const struct wanted wanted = { new_id(), stocked(10), 5 };

	assert_null(reserve(NULL, order, &wanted, 1, NULL).reason);
	assert_null(confirm(order, &wanted, 1, NULL).reason);
	return wanted;
}

static void a_reservation_shrinks_and_grows(void **state)
{
	const struct wanted wanted = five_confirmed(new_id());
	const Warehouse__Reservation *after;
	struct status status;

	(void)state;
	assert_null(change(NULL, wanted.id, 2).reason);
	assert_stock(wanted.sku, "MAIN", 10, 2);
	assert_null(change(NULL, wanted.id, 10).reason);
	assert_stock(wanted.sku, "MAIN", 10, 10);
	status = change(NULL, wanted.id, 11);
	assert_refused(status, &OUT_OF_STOCK);
	assert_string_equal(metadata(status, "available"), "10");
	assert_string_equal(metadata(status, "requested"), "11");
	assert_stock(wanted.sku, "MAIN", 10, 10);
	after = reservation(wanted.id);
	assert_int_equal(after->quantity, 10);
	assert_int_equal(after->state, STATE(CONFIRMED));
	assert_string_equal(after->etag, "4");
}

static void an_unknown_one_is_not_found_and_a_tombstone_is_closed(void **state)
{
	char *id = new_id();

	(void)state;
	assert_refused(change(NULL, id, 2), &NOT_FOUND);
	assert_null(release(new_id(), &id, 1, NULL).reason);
	assert_refused(change(NULL, id, 2), &RESERVATION_CLOSED);
}

/* The rest of a shipped order is called off: what has left stays, what has not is free again. */
static void what_has_left_is_all_there_was(void **state)
{
	char *order = new_id();
	const struct wanted wanted = five_confirmed(order), gone = { wanted.id, wanted.sku, 3 };

	(void)state;
	assert_null(fulfil(NULL, order, new_id(), &gone, 1, NULL).reason);
	assert_refused(change(NULL, wanted.id, 2), &QUANTITY_FULFILLED);
	assert_null(change(NULL, wanted.id, 3).reason);
	assert_int_equal(reservation(wanted.id)->state, STATE(FULFILLED));
	assert_stock(wanted.sku, "MAIN", 7, 0);
	assert_null(change("again", wanted.id, 3).reason);
	assert_string_equal(reservation(wanted.id)->etag, "4");
}

/* It is lowered before what has been dispatched was booked out: that must still find its goods. */
static void what_is_kept_can_still_leave(void **state)
{
	char *order = new_id();
	const struct wanted wanted = five_confirmed(order), gone = { wanted.id, wanted.sku, 3 };

	(void)state;
	assert_null(change(NULL, wanted.id, 3).reason);
	assert_null(fulfil(NULL, order, new_id(), &gone, 1, NULL).reason);
	assert_int_equal(reservation(wanted.id)->state, STATE(FULFILLED));
	assert_stock(wanted.sku, "MAIN", 7, 0);
}

static void a_repeat_gets_the_same_bytes(void **state)
{
	const struct wanted wanted = five_confirmed(new_id());
	struct invocation calls[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		if (i == 2)
			assert_null(change(NULL, wanted.id, 7).reason);
		calls[i] = (struct invocation){ .method = "ChangeReservation",
						.request = &change_request(wanted.id, 2)->base,
						.key = "k" };
		service_start(&calls[i]);
		service_finish();
		assert_true(str_equal(calls[i].bytes, calls[0].bytes));
	}
	assert_stock(wanted.sku, "MAIN", 10, 7);
}

/* Many want all of the rest for themselves: the shelf has it once. */
static void what_is_free_goes_to_one(void **state)
{
	char *sku = stocked(RIVALS + 5);
	struct invocation changes[RIVALS];
	int won = 0;

	(void)state;
	for (int i = 0; i < RIVALS; i++) {
		const struct wanted wanted = { new_id(), sku, 1 };

		assert_null(reserve(NULL, new_id(), &wanted, 1, NULL).reason);
		changes[i] = (struct invocation){ .method = "ChangeReservation",
						  .request = &change_request(wanted.id, 6)->base };
	}
	for (int i = 0; i < RIVALS; i++)
		service_start(&changes[i]);
	service_finish();
	for (int i = 0; i < RIVALS; i++) {
		won += changes[i].outcome.reason == NULL;
		if (changes[i].outcome.reason != NULL)
			assert_refused(changes[i].outcome, &OUT_OF_STOCK);
	}
	assert_int_equal(won, 1);
	assert_stock(sku, "MAIN", RIVALS + 5, RIVALS + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_reservation_shrinks_and_grows),
		STORE_TEST(an_unknown_one_is_not_found_and_a_tombstone_is_closed),
		STORE_TEST(what_has_left_is_all_there_was),
		STORE_TEST(what_is_kept_can_still_leave),
		STORE_TEST(a_repeat_gets_the_same_bytes),
		STORE_TEST(what_is_free_goes_to_one),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
