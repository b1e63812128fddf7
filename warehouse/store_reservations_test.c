/* What warehouse/store.h and the handlers above it promise of reservations, on a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "warehouse/store_test.h"

static void all_lines_are_held_or_none(void **state)
{
	char *order = new_id(), *plenty = stocked(10), *scarce = stocked(3), *gone = stocked(0);
	struct wanted wanted[] = { { new_id(), plenty, 4 }, { new_id(), scarce, 5 }, { new_id(), gone, 1 } };
	Warehouse__ReserveStockResponse *reply;
	struct status status;

	(void)state;
	status = reserve(NULL, order, wanted, 3, NULL);
	assert_refused(status, &OUT_OF_STOCK);
	assert_string_equal(metadata(status, "sku"), scarce);
	assert_string_equal(metadata(status, "requested"), "5");
	assert_string_equal(metadata(status, "available"), "3");
	assert_violation(status, "lines[1].quantity", "only 3 of 5 available");
	assert_violation(status, "lines[2].quantity", "only 0 of 1 available");
	assert_stock(plenty, "MAIN", 10, 0);

	wanted[1].quantity = 3;
	assert_null(reserve(NULL, order, wanted, 2, &reply).reason);
	assert_int_equal(reply->n_reservations, 2);
	assert_string_equal(reply->reservations[1]->reservation_id, wanted[1].id);
	assert_int_equal(reply->reservations[1]->state, STATE(HELD));
	assert_non_null(reply->reservations[1]->expire_time);
	assert_stock(plenty, "MAIN", 10, 4);
	assert_stock(scarce, "MAIN", 3, 3);
	assert_true(str_equal(pb_pack(service_arena(), &reply->reservations[1]->base),
			      pb_pack(service_arena(), &reservation(wanted[1].id)->base)));
}

static void a_held_line_is_set_not_added_to(void **state)
{
	char *order = new_id(), *sku = stocked(10);
	struct wanted wanted = { new_id(), sku, 8 }, other = { new_id(), sku, 3 };
	Warehouse__ReserveStockResponse *first, *second;
	struct status status;

	(void)state;
	assert_null(reserve(NULL, order, &wanted, 1, &first).reason);
	wanted.quantity = 10;
	assert_null(reserve(NULL, order, &wanted, 1, &second).reason);
	assert_stock(sku, "MAIN", 10, 10);
	assert_string_equal(second->reservations[0]->etag, "2");
	assert_int_equal(pb_micros(second->reservations[0]->create_time),
			 pb_micros(first->reservations[0]->create_time));
	assert_true(pb_micros(second->reservations[0]->expire_time) > pb_micros(first->reservations[0]->expire_time));
	wanted.quantity = 11;
	status = reserve(NULL, order, &wanted, 1, NULL);
	assert_refused(status, &OUT_OF_STOCK);
	assert_string_equal(metadata(status, "available"), "10");
	wanted.quantity = 7;
	assert_null(reserve(NULL, order, &wanted, 1, NULL).reason);
	assert_null(reserve(NULL, new_id(), &other, 1, NULL).reason);
	assert_stock(sku, "MAIN", 10, 10);
}

static void what_cannot_be_reserved_is_named(void **state)
{
	char *order = new_id(), *sku = stocked(10);
	struct wanted known = { new_id(), sku, 1 }, unknown[] = { { new_id(), sku, 1 }, { new_id(), text("NONE"), 1 } };
	struct wanted twice[] = { { known.id, sku, 1 }, { new_id(), sku, 1 } }, other = { known.id, stocked(1), 1 };
	Warehouse__ArchiveProductRequest archive = WAREHOUSE__ARCHIVE_PRODUCT_REQUEST__INIT;
	struct status status;

	(void)state;
	status = reserve(NULL, order, unknown, 2, NULL);
	assert_refused(status, &PRODUCT_UNKNOWN);
	assert_violation(status, "lines[1].sku", "is not a product");
	assert_refused(reserve(NULL, order, twice, 2, NULL), &INVALID_REQUEST);
	assert_null(reserve(NULL, order, &known, 1, NULL).reason);
	assert_refused(reserve(NULL, new_id(), &known, 1, NULL), &RESERVATION_TAKEN);
	assert_refused(reserve(NULL, order, &other, 1, NULL), &RESERVATION_TAKEN);

	archive.sku = sku;
	assert_null(service_call("ArchiveProduct", NULL, &archive.base, NULL).reason);
	status = reserve(NULL, new_id(), unknown, 1, NULL);
	assert_refused(status, &PRODUCT_ARCHIVED);
	assert_violation(status, "lines[0].sku", "is no longer sold");
	assert_null(reserve(NULL, order, &known, 1, NULL).reason);
	known.quantity = 2;
	assert_refused(reserve(NULL, order, &known, 1, NULL), &PRODUCT_ARCHIVED);
	assert_stock(sku, "MAIN", 10, 1);
}

static void a_line_is_held_where_it_fits(void **state)
{
	char *order = new_id(), *sku = stocked(3);
	struct wanted wanted = { new_id(), sku, 5 };
	Warehouse__ReserveStockResponse *reply;
	struct status status;

	(void)state;
	assert_null(receive(NULL, sku, "EAST", 9, NULL).reason);
	assert_null(receive(NULL, sku, "DOCK", 6, NULL).reason);
	assert_null(reserve(NULL, order, &wanted, 1, &reply).reason);
	assert_string_equal(reply->reservations[0]->location_id, "DOCK");
	wanted.quantity = 7;
	assert_null(reserve(NULL, order, &wanted, 1, &reply).reason);
	assert_string_equal(reply->reservations[0]->location_id, "EAST");
	assert_stock(sku, "DOCK", 6, 0);
	assert_stock(sku, "EAST", 9, 7);
	wanted.quantity = 2;
	assert_null(reserve(NULL, order, &wanted, 1, &reply).reason);
	assert_string_equal(reply->reservations[0]->location_id, "EAST");
	wanted.quantity = 10;
	status = reserve(NULL, order, &wanted, 1, NULL);
	assert_refused(status, &OUT_OF_STOCK);
	assert_string_equal(metadata(status, "available"), "9");
	assert_stock(sku, "EAST", 9, 2);
}

static void confirming_is_all_or_nothing_and_lasts(void **state)
{
	char *order = new_id(), *a = stocked(5), *b = stocked(5);
	struct wanted wanted[] = { { new_id(), a, 2 }, { new_id(), b, 3 } };
	Warehouse__ConfirmReservationsResponse *reply, *again;
	struct status status;

	(void)state;
	assert_refused(confirm(order, NULL, 0, NULL), &RESERVATION_NOT_HELD);
	assert_null(reserve(NULL, order, wanted, 2, NULL).reason);
	wanted[1].quantity = 4;
	status = confirm(order, wanted, 2, NULL);
	assert_refused(status, &RESERVATION_NOT_HELD);
	assert_violation(status, "lines[1].quantity", "3 are held");
	assert_int_equal(reservation(wanted[0].id)->state, STATE(HELD));
	wanted[1].quantity = 3;
	assert_null(confirm(order, wanted, 2, &reply).reason);
	assert_int_equal(reply->n_reservations, 2);
	assert_int_equal(reply->reservations[1]->state, STATE(CONFIRMED));
	assert_null(reply->reservations[1]->expire_time);
	assert_null(confirm(order, NULL, 0, &again).reason);
	assert_string_equal(again->reservations[0]->etag, "2");

	assert_null(reserve(NULL, order, wanted, 2, NULL).reason);
	wanted[0].quantity = 1;
	assert_refused(reserve(NULL, order, wanted, 2, NULL), &RESERVATION_CONFIRMED);
	assert_stock(a, "MAIN", 5, 2);
	assert_stock(b, "MAIN", 5, 3);
}

static void releasing_gives_back_and_remembers(void **state)
{
	char *order = new_id(), *sku = stocked(5), *late[] = { new_id(), NULL };
	struct wanted wanted = { new_id(), sku, 2 }, too_late = { late[0], sku, 1 };
	Warehouse__ReleaseReservationsResponse *reply;

	(void)state;
	late[1] = wanted.id;
	assert_null(reserve(NULL, order, &wanted, 1, NULL).reason);
	assert_refused(release(new_id(), late, 2, NULL), &RESERVATION_TAKEN);
	assert_null(release(order, late, 2, &reply).reason);
	assert_int_equal(reply->n_reservations, 2);
	assert_int_equal(reply->reservations[0]->state, STATE(RELEASED));
	assert_string_equal(reply->reservations[0]->sku, "");
	assert_stock(sku, "MAIN", 5, 0);
	assert_refused(reserve(NULL, order, &too_late, 1, NULL), &RESERVATION_CLOSED);
	assert_refused(reserve(NULL, order, &wanted, 1, NULL), &RESERVATION_CLOSED);
	assert_null(release(order, late, 2, &reply).reason);
	assert_int_equal(reply->n_reservations, 2);
	assert_string_equal(reservation(wanted.id)->etag, "2");
	assert_stock(sku, "MAIN", 5, 0);
}

static void an_unknown_order_is_released_before_it_reserves(void **state)
{
	char *order = new_id(), *sku = stocked(5), *ids[] = { new_id() };
	struct wanted wanted[] = { { ids[0], sku, 2 } };
	Warehouse__ReleaseReservationsResponse *reply;

	(void)state;
	assert_null(release(order, ids, 1, NULL).reason);
	assert_refused(reserve(NULL, order, wanted, 1, NULL), &RESERVATION_CLOSED);
	assert_refused(confirm(order, wanted, 1, NULL), &RESERVATION_NOT_HELD);
	wanted[0].id = new_id();
	assert_null(reserve(NULL, order, wanted, 1, NULL).reason);
	order = new_id();
	assert_null(release(order, NULL, 0, &reply).reason);
	assert_int_equal(reply->n_reservations, 0);
	wanted[0].id = new_id();
	assert_refused(reserve(NULL, order, wanted, 1, NULL), &RESERVATION_CLOSED);
	assert_refused(confirm(order, wanted, 1, NULL), &RESERVATION_CLOSED);
	assert_null(release(order, NULL, 0, NULL).reason);
	assert_stock(sku, "MAIN", 5, 2);
}

/* Held with another quantity, run out, not known, confirmed: it is what the order says, all of it or none. */
static void what_a_version_of_the_order_says_is_confirmed(void **state)
{
	char *order = new_id();
	struct wanted wanted[] = { { new_id(), stocked(9), 5 }, { new_id(), stocked(9), 2 } };
	struct status status;

	(void)state;
	assert_null(reserve(NULL, order, wanted, 1, NULL).reason);
	wanted[0].quantity = 9;
	assert_null(settle(order, 3, wanted, 2).reason);
	assert_int_equal(reservation(wanted[0].id)->state, STATE(CONFIRMED));
	assert_null(reservation(wanted[0].id)->expire_time);
	assert_stock(wanted[0].sku, "MAIN", 9, 9);
	assert_stock(wanted[1].sku, "MAIN", 9, 2);
	wanted[0].quantity = 4;
	wanted[1].quantity = 10;
	status = settle(order, 5, wanted, 2);
	assert_refused(status, &OUT_OF_STOCK);
	assert_violation(status, "lines[1].quantity", "only 9 of 10 available");
	assert_stock(wanted[0].sku, "MAIN", 9, 9);
	wanted[1].quantity = 9;
	assert_null(settle(order, 5, wanted, 2).reason);
	assert_stock(wanted[0].sku, "MAIN", 9, 4);
	assert_stock(wanted[1].sku, "MAIN", 9, 9);
}

/* Also when the later version changed nothing. The same version again finds what it has made, and does not make it anew. */
static void what_an_earlier_version_says_comes_too_late(void **state)
{
	char *order = new_id(), *sku = stocked(9);
	const struct wanted five = { new_id(), sku, 5 }, three = { five.id, sku, 3 };
	const char *etag;

	(void)state;
	assert_null(settle(order, 3, &five, 1).reason);
	assert_null(settle(order, 7, &five, 1).reason);
	assert_refused(settle(order, 5, &three, 1), &RESERVATION_SUPERSEDED);
	assert_refused(settle(order, 3, &five, 1), &RESERVATION_SUPERSEDED);
	assert_refused(settle(order, 7, &three, 1), &RESERVATION_NOT_HELD);
	etag = reservation(five.id)->etag;
	assert_null(settle(order, 7, &five, 1).reason);
	assert_string_equal(reservation(five.id)->etag, etag);
	assert_stock(sku, "MAIN", 9, 5);
	assert_null(release(order, NULL, 0, NULL).reason);
	assert_refused(settle(order, 9, &five, 1), &RESERVATION_CLOSED);
	assert_stock(sku, "MAIN", 9, 0);
}

/* What is left is released for good; what has left stays as it is. */
static void a_released_order_is_closed(void **state)
{
	char *order = new_id();
	const struct wanted wanted[] = { { new_id(), stocked(5), 3 }, { new_id(), stocked(5), 2 } };
	const struct wanted gone = { wanted[0].id, wanted[0].sku, 1 }, more = { new_id(), wanted[1].sku, 1 };

	(void)state;
	assert_null(reserve(NULL, order, wanted, 2, NULL).reason);
	assert_null(confirm(order, wanted, 2, NULL).reason);
	assert_null(fulfil(NULL, order, new_id(), &gone, 1, NULL).reason);
	assert_null(release(order, NULL, 0, NULL).reason);
	assert_stock(wanted[0].sku, "MAIN", 4, 0);
	assert_stock(wanted[1].sku, "MAIN", 5, 0);
	assert_refused(reserve(NULL, order, &more, 1, NULL), &RESERVATION_CLOSED);
	assert_refused(reserve(NULL, order, wanted, 2, NULL), &RESERVATION_CLOSED);
	assert_refused(confirm(order, NULL, 0, NULL), &RESERVATION_CLOSED);
	assert_int_equal(reservation(wanted[0].id)->fulfilled_quantity, 1);
}

static void a_shipment_leaves_once(void **state)
{
	char *order = new_id(), *a = stocked(5), *b = stocked(5), *shipment = new_id();
	struct wanted wanted[] = { { new_id(), a, 3 }, { new_id(), b, 2 } }, part[] = { wanted[0], wanted[1] };
	Warehouse__FulfilReservationsResponse *reply, *again;
	Warehouse__ReleaseReservationsResponse *released;

	(void)state;
	part[0].quantity = 2;
	assert_null(reserve(NULL, order, wanted, 2, NULL).reason);
	assert_refused(fulfil(NULL, order, shipment, part, 2, NULL), &RESERVATION_NOT_CONFIRMED);
	assert_null(confirm(order, NULL, 0, NULL).reason);
	assert_null(fulfil("shipment", order, shipment, part, 2, &reply).reason);
	assert_int_equal(reply->reservations[0]->state, STATE(PARTLY_FULFILLED));
	assert_int_equal(reply->reservations[1]->state, STATE(FULFILLED));
	assert_stock(a, "MAIN", 3, 1);
	assert_stock(b, "MAIN", 3, 0);

	assert_null(fulfil("another key", order, shipment, part, 2, &again).reason);
	assert_true(str_equal(pb_pack(service_arena(), &reply->base), pb_pack(service_arena(), &again->base)));
	assert_refused(fulfil(NULL, order, shipment, part, 1, NULL), &SHIPMENT_BOOKED);
	assert_refused(fulfil(NULL, order, new_id(), part, 1, NULL), &RESERVATION_EXCEEDED);
	assert_refused(fulfil(NULL, order, new_id(), &part[1], 1, NULL), &RESERVATION_NOT_CONFIRMED);

	assert_null(release(order, NULL, 0, &released).reason);
	assert_int_equal(released->n_reservations, 1);
	assert_int_equal(released->reservations[0]->fulfilled_quantity, 2);
	assert_int_equal(reservation(wanted[1].id)->state, STATE(FULFILLED));
	assert_stock(a, "MAIN", 3, 0);
}

/* Two lines of one product come off the same shelf, one after the other. */
static void the_ledger_counts_every_line(void **state)
{
	char *order = new_id(), *sku = stocked(9);
	struct wanted wanted[] = { { new_id(), sku, 3 }, { new_id(), sku, 4 } };
	Warehouse__ListStockMovementsRequest request = WAREHOUSE__LIST_STOCK_MOVEMENTS_REQUEST__INIT;
	Warehouse__ListStockMovementsResponse *reply;
	char *shipment = new_id();

	(void)state;
	assert_null(reserve(NULL, order, &wanted[0], 1, NULL).reason);
	assert_null(reserve(NULL, order, &wanted[1], 1, NULL).reason);
	assert_null(confirm(order, wanted, 2, NULL).reason);
	assert_null(fulfil(NULL, order, shipment, wanted, 2, NULL).reason);
	request.sku = sku;
	assert_null(service_call("ListStockMovements", NULL, &request.base, (void **)&reply).reason);
	assert_int_equal(reply->n_movements, 3);
	assert_int_equal(reply->movements[0]->on_hand, 2);
	assert_int_equal(reply->movements[0]->quantity, -4);
	assert_string_equal(reply->movements[0]->reference, shipment);
	assert_int_equal(reply->movements[1]->on_hand, 6);
}

static struct db_statement SECOND_EVENTS = DB_READ(
    "second_events",
    "SELECT count(*) AS n FROM outbox AS a JOIN outbox AS b USING (aggregate_type, aggregate_id, aggregate_version)"
    " WHERE a.type = 'quayside.warehouse.v1.ReservationsChanged' AND b.type = 'quayside.warehouse.v1.StockMoved'");

static void a_shipment_is_told_as_reservations_and_as_stock(void **state)
{
	char *order = new_id();
	struct wanted wanted = { new_id(), stocked(9), 3 };
	int64_t before = service_number(&SECOND_EVENTS);

	(void)state;
	assert_null(reserve(NULL, order, &wanted, 1, NULL).reason);
	assert_null(confirm(order, &wanted, 1, NULL).reason);
	assert_null(fulfil(NULL, order, new_id(), &wanted, 1, NULL).reason);
	assert_int_equal(service_number(&SECOND_EVENTS), before + 1);
}

static void a_repeated_call_gets_the_same_bytes(void **state)
{
	char *order = new_id(), *sku = stocked(5), *empty = stocked(0);
	struct wanted wanted = { new_id(), sku, 2 }, short_line = { new_id(), empty, 1 };
	Warehouse__ReserveStockResponse *first, *again;
	const char *key = new_id(), *refused = new_id();

	(void)state;
	assert_null(reserve(key, order, &wanted, 1, &first).reason);
	assert_null(confirm(order, NULL, 0, NULL).reason);
	assert_null(reserve(key, order, &wanted, 1, &again).reason);
	assert_true(str_equal(pb_pack(service_arena(), &first->base), pb_pack(service_arena(), &again->base)));
	wanted.quantity = 3;
	assert_refused(reserve(key, order, &wanted, 1, NULL), &KEY_REUSED);

	assert_refused(reserve(refused, new_id(), &short_line, 1, NULL), &OUT_OF_STOCK);
	assert_stock(sku, "MAIN", 5, 2);
}

static Warehouse__ListReservationsResponse *list(char *order, char *sku, Warehouse__ReservationState state, char *token)
{
	Warehouse__ListReservationsRequest request = WAREHOUSE__LIST_RESERVATIONS_REQUEST__INIT;
	Warehouse__ListReservationsResponse *reply;

	request.order_id = order;
	request.sku = sku;
	request.state = state;
	request.page_size = 2;
	request.page_token = token;
	assert_null(service_call("ListReservations", NULL, &request.base, (void **)&reply).reason);
	return reply;
}

static void reservations_are_listed_newest_first(void **state)
{
	char *order = new_id(), *sku = stocked(9), *buried[] = { new_id() }, *none = text(""), *token = none;
	struct wanted wanted[5];
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		wanted[i] = (struct wanted){ new_id(), sku, 1 };
		assert_null(reserve(NULL, order, &wanted[i], 1, NULL).reason);
	}
	assert_null(release(order, buried, 1, NULL).reason);
	do {
		Warehouse__ListReservationsResponse *reply = list(order, none, 0, token);

		for (size_t i = 0; i < reply->n_reservations; i++)
			assert_string_equal(reply->reservations[i]->reservation_id, wanted[4 - seen++].id);
		token = reply->next_page_token;
	} while (*token != '\0');
	assert_int_equal(seen, 5);
	assert_int_equal(list(none, sku, STATE(HELD), none)->n_reservations, 2);
	assert_int_equal(list(order, sku, STATE(CONFIRMED), none)->n_reservations, 0);
	assert_int_equal(list(new_id(), none, 0, none)->n_reservations, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(all_lines_are_held_or_none),
		STORE_TEST(a_held_line_is_set_not_added_to),
		STORE_TEST(what_cannot_be_reserved_is_named),
		STORE_TEST(a_line_is_held_where_it_fits),
		STORE_TEST(confirming_is_all_or_nothing_and_lasts),
		STORE_TEST(releasing_gives_back_and_remembers),
		STORE_TEST(an_unknown_order_is_released_before_it_reserves),
		STORE_TEST(what_a_version_of_the_order_says_is_confirmed),
		STORE_TEST(what_an_earlier_version_says_comes_too_late),
		STORE_TEST(a_released_order_is_closed),
		STORE_TEST(a_shipment_leaves_once),
		STORE_TEST(the_ledger_counts_every_line),
		STORE_TEST(a_shipment_is_told_as_reservations_and_as_stock),
		STORE_TEST(a_repeated_call_gets_the_same_bytes),
		STORE_TEST(reservations_are_listed_newest_first),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
