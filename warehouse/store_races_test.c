/* Many at once: nothing is sold twice, nothing is lost, and whoever comes too late is told so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "warehouse/store_test.h"

#define BUYERS 64
#define UNITS 100

static struct invocation *new_invocations(size_t count)
{
	return arena_array(service_arena(), count, sizeof(struct invocation));
}

static void start(struct invocation *invocation, const char *method, const char *key, const ProtobufCMessage *request)
{
	*invocation = (struct invocation){ .method = method, .key = key, .request = request };
	service_start(invocation);
}

static void start_reserve(struct invocation *invocation, char *order, const struct wanted *wanted, size_t count)
{
	start(invocation, "ReserveStock", NULL, &reserve_request(order, wanted, count)->base);
}

static size_t count_accepted(const struct invocation *invocations, size_t count)
{
	size_t accepted = 0;

	for (size_t i = 0; i < count; i++)
		accepted += invocations[i].outcome.reason == NULL;
	return accepted;
}

/* Every refusal is this one. */
static void assert_only(const struct invocation *invocations, size_t count, const struct reason *reason)
{
	for (size_t i = 0; i < count; i++) {
		if (invocations[i].outcome.reason != NULL)
			assert_refused(invocations[i].outcome, reason);
	}
}

static void the_last_units_are_sold_once(void **state)
{
	char *sku = stocked(UNITS);
	const size_t n = 4 * BUYERS;
	struct invocation *invocations = new_invocations(n);
	struct wanted one = { NULL, sku, 1 };

	(void)state;
	for (size_t i = 0; i < n; i++) {
		one.id = new_id();
		start_reserve(&invocations[i], new_id(), &one, 1);
	}
	service_finish();
	assert_int_equal(count_accepted(invocations, n), UNITS);
	assert_only(invocations, n, &OUT_OF_STOCK);
	for (size_t i = 0; i < n; i++) {
		if (invocations[i].outcome.reason != NULL)
			assert_string_equal(metadata(invocations[i].outcome, "available"), "0");
	}
	assert_stock(sku, "MAIN", UNITS, UNITS);
}

/* Orders of several lines, given in opposite orders, some of them with a line that cannot be had. */
static void orders_of_several_lines_are_sold_whole(void **state)
{
	char *skus[] = { stocked(UNITS), stocked(UNITS), stocked(10) };
	const size_t n = 3 * BUYERS;
	struct invocation *invocations = new_invocations(n);
	size_t small = 0, large = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const bool wants_scarce = i % 3 == 0;
		struct wanted wanted[] = { { new_id(), skus[i % 2], 1 },
					   { new_id(), skus[1 - i % 2], 1 },
					   { new_id(), skus[2], 1 } };

		start_reserve(&invocations[i], new_id(), wanted, wants_scarce ? 3 : 2);
	}
	service_finish();
	assert_only(invocations, n, &OUT_OF_STOCK);
	for (size_t i = 0; i < n; i++) {
		const bool accepted = invocations[i].outcome.reason == NULL;

		large += accepted && i % 3 == 0;
		small += accepted && i % 3 != 0;
	}
	assert_int_equal(large, 10);
	assert_int_equal(small, UNITS - 10);
	assert_stock(skus[0], "MAIN", UNITS, UNITS);
	assert_stock(skus[1], "MAIN", UNITS, UNITS);
	assert_stock(skus[2], "MAIN", 10, 10);
}

static void one_key_at_once_is_one_reservation(void **state)
{
	struct wanted wanted = { new_id(), stocked(UNITS), 2 };
	struct invocation *invocations = new_invocations(50);
	char *order = new_id();
	const char *key = new_id();

	(void)state;
	for (size_t i = 0; i < 50; i++)
		start(&invocations[i], "ReserveStock", key, &reserve_request(order, &wanted, 1)->base);
	service_finish();
	for (size_t i = 0; i < 50; i++) {
		assert_null(invocations[i].outcome.reason);
		assert_true(str_equal(invocations[i].bytes, invocations[0].bytes));
	}
	assert_stock(wanted.sku, "MAIN", UNITS, 2);
}

static void one_key_at_once_is_one_receipt(void **state)
{
	Warehouse__ReceiveStockRequest receipt = WAREHOUSE__RECEIVE_STOCK_REQUEST__INIT;
	struct invocation *invocations = new_invocations(50);
	const char *key = new_id();

	(void)state;
	receipt.sku = stocked(1);
	receipt.quantity = 2;
	for (size_t i = 0; i < 50; i++)
		start(&invocations[i], "ReceiveStock", key, &receipt.base);
	service_finish();
	for (size_t i = 0; i < 50; i++) {
		assert_null(invocations[i].outcome.reason);
		assert_true(str_equal(invocations[i].bytes, invocations[0].bytes));
	}
	assert_stock(receipt.sku, "MAIN", 3, 0);
}

/* Items added to one order at the same time wait for each other, and all get in. */
static void one_order_takes_many_lines_at_once(void **state)
{
	struct invocation *invocations = new_invocations(8);
	char *order = new_id();

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		struct wanted wanted = { new_id(), stocked(1), 1 };

		start_reserve(&invocations[i], order, &wanted, 1);
	}
	service_finish();
	for (size_t i = 0; i < 8; i++)
		assert_null(invocations[i].outcome.reason);
}

static Warehouse__ReleaseReservationsRequest *release_request(char *order, char *id)
{
	Warehouse__ReleaseReservationsRequest *request =
	    pb_new(service_arena(), &warehouse__release_reservations_request__descriptor);

	request->order_id = order;
	request->reservation_ids = arena_memdup(service_arena(), &id, sizeof(id));
	request->n_reservation_ids = 1;
	return request;
}

/* Whichever comes first, nothing stays held. */
static void a_release_wins_over_its_reserve(void **state)
{
	char *sku = stocked(UNITS);
	struct invocation *reserves = new_invocations(BUYERS), *releases = new_invocations(BUYERS);

	(void)state;
	for (size_t i = 0; i < BUYERS; i++) {
		struct wanted wanted = { new_id(), sku, 1 };
		char *order = new_id();

		if (i % 2 == 0)
			start_reserve(&reserves[i], order, &wanted, 1);
		start(&releases[i], "ReleaseReservations", NULL, &release_request(order, wanted.id)->base);
		if (i % 2 == 1)
			start_reserve(&reserves[i], order, &wanted, 1);
	}
	service_finish();
	assert_int_equal(count_accepted(releases, BUYERS), BUYERS);
	assert_only(reserves, BUYERS, &RESERVATION_CLOSED);
	assert_stock(sku, "MAIN", UNITS, 0);
}

/* Goods come and go while they are sold. The tidy-up checks ledger and sums. */
static void stock_moves_while_it_is_sold(void **state)
{
	char *sku = stocked(BUYERS);
	struct invocation *reserves = new_invocations(BUYERS), *moves = new_invocations(2 * BUYERS);

	(void)state;
	for (size_t i = 0; i < BUYERS; i++) {
		Warehouse__ReceiveStockRequest *receipt =
		    pb_new(service_arena(), &warehouse__receive_stock_request__descriptor);
		Warehouse__AdjustStockRequest *loss =
		    pb_new(service_arena(), &warehouse__adjust_stock_request__descriptor);
		struct wanted wanted = { new_id(), sku, 1 };

		receipt->sku = loss->sku = sku;
		receipt->quantity = 2;
		loss->quantity = -1;
		loss->reason = text("broken");
		start_reserve(&reserves[i], new_id(), &wanted, 1);
		start(&moves[2 * i], "ReceiveStock", NULL, &receipt->base);
		start(&moves[2 * i + 1], "AdjustStock", NULL, &loss->base);
	}
	service_finish();
	assert_int_equal(count_accepted(moves, 2 * BUYERS), 2 * BUYERS);
	assert_int_equal(count_accepted(reserves, BUYERS), BUYERS);
	assert_stock(sku, "MAIN", 2 * BUYERS, BUYERS);
}

static void a_shipment_at_once_is_booked_once(void **state)
{
	struct wanted wanted = { new_id(), stocked(5), 3 };
	struct invocation *invocations = new_invocations(20);
	char *order = new_id(), *shipment = new_id();

	(void)state;
	assert_null(reserve(NULL, order, &wanted, 1, NULL).reason);
	assert_null(confirm(order, &wanted, 1, NULL).reason);
	for (size_t i = 0; i < 20; i++) {
		Warehouse__FulfilReservationsRequest *request =
		    pb_new(service_arena(), &warehouse__fulfil_reservations_request__descriptor);
		Warehouse__FulfilmentLine *line = pb_new(service_arena(), &warehouse__fulfilment_line__descriptor);

		line->reservation_id = wanted.id;
		line->quantity = 3;
		request->order_id = order;
		request->shipment_id = shipment;
		request->lines = arena_memdup(service_arena(), &line, sizeof(line));
		request->n_lines = 1;
		start(&invocations[i], "FulfilReservations", NULL, &request->base);
	}
	service_finish();
	for (size_t i = 0; i < 20; i++) {
		assert_null(invocations[i].outcome.reason);
		assert_true(str_equal(invocations[i].bytes, invocations[0].bytes));
	}
	assert_stock(wanted.sku, "MAIN", 2, 0);
}

/* Versions of an order arrive in any order: the latest stands, whichever came last. */
static void the_latest_version_of_an_order_stands(void **state)
{
	struct invocation *invocations = new_invocations(20);
	struct wanted wanted = { new_id(), stocked(100), 1 };
	char *order = new_id();

	(void)state;
	assert_null(reserve(NULL, order, &wanted, 1, NULL).reason);
	for (size_t i = 0; i < 20; i++) {
		const int64_t version = 1 + (int64_t)(i * 7 % 20);

		wanted.quantity = version;
		start(&invocations[i], "ConfirmReservations", NULL, &confirm_request(order, &wanted, 1, version)->base);
	}
	service_finish();
	assert_only(invocations, 20, &RESERVATION_SUPERSEDED);
	assert_int_equal(reservation(wanted.id)->quantity, 20);
	assert_stock(wanted.sku, "MAIN", 100, 20);
}

/* Everybody's order grows at the same time: the shelf has it once. */
static void what_is_settled_anew_is_there(void **state)
{
	struct invocation *invocations = new_invocations(BUYERS);
	char *sku = stocked(2 * BUYERS);

	(void)state;
	for (size_t i = 0; i < BUYERS; i++) {
		struct wanted wanted = { new_id(), sku, 1 };
		char *order = new_id();

		assert_null(settle(order, 2, &wanted, 1).reason);
		wanted.quantity = 3;
		invocations[i] = (struct invocation){ .method = "ConfirmReservations",
						      .request = &confirm_request(order, &wanted, 1, 4)->base };
	}
	for (size_t i = 0; i < BUYERS; i++)
		service_start(&invocations[i]);
	service_finish();
	assert_only(invocations, BUYERS, &OUT_OF_STOCK);
	assert_int_equal(count_accepted(invocations, BUYERS), BUYERS / 2);
	assert_stock(sku, "MAIN", 2 * BUYERS, 2 * BUYERS);
}

/*
 * What one of several processes does: a line in each of the orders, all at once; both products, in an order of its
 * own.
 */
static size_t buy(char *const *orders, size_t n, char *const *skus, bool backwards)
{
	struct invocation *invocations = new_invocations(n);

	for (size_t i = 0; i < n; i++) {
		struct wanted wanted[] = { { new_id(), skus[backwards], 1 }, { new_id(), skus[!backwards], 1 } };

		start_reserve(&invocations[i], orders[i], wanted, 2);
	}
	service_finish();
	for (size_t i = 0; i < n; i++) {
		if (invocations[i].outcome.reason != NULL && !status_is(invocations[i].outcome, &OUT_OF_STOCK))
			return SIZE_MAX;
	}
	return count_accepted(invocations, n);
}

/* Runs in a process of its own; tells how many it got. */
static pid_t buy_elsewhere(char *const *orders, size_t n, char *const *skus, int *ret_results)
{
	int fds[2];
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		size_t sold;

		open_services(NULL);
		sold = buy(orders, n, skus, true);
		_exit(write(fds[1], &sold, sizeof(sold)) == sizeof(sold) ? 0 : 1);
	}
	close(fds[1]);
	*ret_results = fds[0];
	return child;
}

/* The same orders from two processes, so that first bookings, shelves and versions all meet. */
static void two_processes_sell_the_same_goods(void **state)
{
	char *skus[] = { stocked(UNITS), stocked(UNITS) }, *orders[BUYERS];
	size_t here, there;
	int results, status;
	pid_t child;

	(void)state;
	for (size_t i = 0; i < BUYERS; i++)
		orders[i] = new_id();
	child = buy_elsewhere(orders, BUYERS, skus, &results);
	here = buy(orders, BUYERS, skus, false);
	assert_int_equal(read(results, &there, sizeof(there)), sizeof(there));
	close(results);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_not_equal(here, SIZE_MAX);
	assert_int_not_equal(there, SIZE_MAX);
	assert_int_equal(here + there, UNITS);
	assert_stock(skus[0], "MAIN", UNITS, UNITS);
	assert_stock(skus[1], "MAIN", UNITS, UNITS);
}

/* Another process's transaction: has done what sql says, and commits once somebody waits for it. */
static pid_t start_rival(const char *sql)
{
	static struct db_statement READY =
	    DB_READ("ready", "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory'");
	const char *block = arena_printf(service_arena(),
					 "DO $$ BEGIN %s PERFORM pg_advisory_xact_lock(1); FOR i IN 1..4000 LOOP"
					 " EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted);"
					 " PERFORM pg_sleep(0.005); END LOOP; END $$",
					 sql);
	const pid_t child = fork();

	if (child == 0) {
		pg_execute(conninfo, block);
		_exit(0);
	}
	for (int i = 0; i < 10000 && service_number(&READY) == 0; i++)
		continue;
	return child;
}

static void await_rival(pid_t rival)
{
	int status;

	assert_int_equal(waitpid(rival, &status, 0), rival);
	assert_int_equal(status, 0);
}

#define RIVAL_BOOKS                                                                                                    \
	"INSERT INTO booking VALUES ('%s', 1, false);"                                                                 \
	" INSERT INTO reservation VALUES ('%s', '%s', 1, '%s', 'MAIN', %d, 0, 'RESERVATION_STATE_CONFIRMED', '', "     \
	"NULL,"                                                                                                        \
	" now(), now()); UPDATE stock SET reserved = reserved + %d WHERE sku = '%s';"                                  \
	" INSERT INTO outbox (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, "              \
	"trace_parent, time)"                                                                                          \
	" VALUES (gen_random_uuid(), 'booking', '%s', 1, 'quayside.warehouse.v1.ReservationsChanged', '', '', now());"

static pid_t start_rival_booking(const char *order, const char *sku, int quantity)
{
	return start_rival(
	    arena_printf(service_arena(), RIVAL_BOOKS, order, new_id(), order, sku, quantity, quantity, sku, order));
}

/* Who waits for goods decides by what is left when the wait is over. */
static void what_was_sold_while_waiting_is_not_sold_again(void **state)
{
	struct wanted wanted = { new_id(), stocked(5), 3 };
	const pid_t rival = start_rival_booking(new_id(), wanted.sku, 4);
	struct status status = reserve(NULL, new_id(), &wanted, 1, NULL);

	(void)state;
	await_rival(rival);
	assert_refused(status, &OUT_OF_STOCK);
	assert_string_equal(metadata(status, "available"), "1");
}

static void what_was_sold_while_waiting_is_not_taken_off(void **state)
{
	char *sku = stocked(5);
	const pid_t rival = start_rival_booking(new_id(), sku, 4);
	struct status status = adjust(NULL, sku, "", -3, NULL);

	(void)state;
	await_rival(rival);
	assert_refused(status, &STOCK_RESERVED);
	assert_string_equal(metadata(status, "reserved"), "4");
}

/* Both think that the order is new, and neither locks what the other one does. */
static void two_first_bookings_of_an_order_both_count(void **state)
{
	struct wanted wanted = { new_id(), stocked(5), 3 };
	char *order = new_id();
	const pid_t rival = start_rival_booking(order, stocked(5), 4);
	Warehouse__ReserveStockResponse *reply;
	struct status status = reserve(NULL, order, &wanted, 1, &reply);

	(void)state;
	await_rival(rival);
	assert_null(status.reason);
	assert_string_equal(reply->reservations[0]->etag, "2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(the_last_units_are_sold_once),
		STORE_TEST(orders_of_several_lines_are_sold_whole),
		STORE_TEST(one_key_at_once_is_one_reservation),
		STORE_TEST(one_key_at_once_is_one_receipt),
		STORE_TEST(one_order_takes_many_lines_at_once),
		STORE_TEST(a_release_wins_over_its_reserve),
		STORE_TEST(stock_moves_while_it_is_sold),
		STORE_TEST(a_shipment_at_once_is_booked_once),
		STORE_TEST(the_latest_version_of_an_order_stands),
		STORE_TEST(what_is_settled_anew_is_there),
		STORE_TEST(two_processes_sell_the_same_goods),
		STORE_TEST(what_was_sold_while_waiting_is_not_sold_again),
		STORE_TEST(what_was_sold_while_waiting_is_not_taken_off),
		STORE_TEST(two_first_bookings_of_an_order_both_count),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
