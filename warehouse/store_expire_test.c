/* Holds that run out, on a real database, while others reserve and confirm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "warehouse/expire.h"
#include "warehouse/store_test.h"

#define ORDERS 60
#define ROUNDS 10

static void expire(void)
{
	service_start_step(expire_holds);
	service_finish();
}

/* The order's holds ended a second ago, by the database's clock. */
static void let_run_out(const char *order)
{
	pg_execute(conninfo, arena_printf(service_arena(),
					  "UPDATE reservation SET expire_time = now() - interval '1 second'"
					  " WHERE order_id = '%s' AND state = 'RESERVATION_STATE_HELD'",
					  order));
}

static struct wanted held(char *order, int64_t stock)
{
	const struct wanted wanted = { new_id(), stocked(stock), 5 };

	assert_null(reserve(NULL, order, &wanted, 1, NULL).reason);
	return wanted;
}

static struct db_statement COUNT_TOLD = DB_READ(
    "count_told", "SELECT count(*) AS n FROM history h JOIN reservation r ON r.reservation_id::text = aggregate_id"
		  " JOIN outbox o ON o.aggregate_id = r.order_id::text AND o.aggregate_version = h.version"
		  " WHERE h.action = 'ExpireReservations' AND h.reason = 'the hold ran out'"
		  " AND (h.from_state, h.to_state) = ('RESERVATION_STATE_HELD', 'RESERVATION_STATE_EXPIRED')"
		  " AND o.type = 'quayside.warehouse.v1.ReservationsChanged'");

static void what_ran_out_is_given_back(void **state)
{
	char *order = new_id();
	const struct wanted wanted = held(order, 5), other = held(new_id(), 5);
	const int64_t before = service_number(&COUNT_TOLD);

	(void)state;
	expire();
	assert_stock(wanted.sku, "MAIN", 5, 5);
	let_run_out(order);
	expire();
	expire();
	assert_stock(wanted.sku, "MAIN", 5, 0);
	assert_stock(other.sku, "MAIN", 5, 5);
	assert_int_equal(reservation(wanted.id)->state, STATE(EXPIRED));
	assert_null(reservation(wanted.id)->expire_time);
	assert_string_equal(reservation(wanted.id)->etag, "2");
	assert_int_equal(service_number(&COUNT_TOLD), before + 1);
	assert_refused(confirm(order, &wanted, 1, NULL), &RESERVATION_NOT_HELD);
}

/* The database's clock counts: a service whose clock is fast gives nothing back. */
static void a_fast_clock_takes_nothing(void **state)
{
	const struct wanted wanted = held(new_id(), 5);

	(void)state;
	clock_freeze(clock_now() + HOLD_MAX);
	expire();
	clock_thaw();
	assert_int_equal(reservation(wanted.id)->state, STATE(HELD));
}

static void what_ran_out_can_be_reserved_again(void **state)
{
	char *order = new_id();
	const struct wanted wanted = held(order, 5), rival = { new_id(), wanted.sku, 1 };
	char *rivals[] = { rival.id }, *rivals_order = new_id();
	struct status status;

	(void)state;
	let_run_out(order);
	expire();
	assert_null(reserve(NULL, rivals_order, &rival, 1, NULL).reason);
	status = reserve(NULL, order, &wanted, 1, NULL);
	assert_refused(status, &OUT_OF_STOCK);
	assert_string_equal(metadata(status, "available"), "4");
	assert_null(release(rivals_order, rivals, 1, NULL).reason);
	assert_null(reserve(NULL, order, &wanted, 1, NULL).reason);
	assert_int_equal(reservation(wanted.id)->state, STATE(HELD));
	assert_non_null(reservation(wanted.id)->expire_time);
	assert_null(confirm(order, &wanted, 1, NULL).reason);
	expire();
	assert_stock(wanted.sku, "MAIN", 5, 5);
}

/* A released order stays released, also where its hold had run out before. */
static void what_ran_out_can_be_released(void **state)
{
	char *order = new_id();
	const struct wanted wanted = held(order, 5);

	(void)state;
	let_run_out(order);
	expire();
	assert_null(release(order, (char *[]){ wanted.id }, 1, NULL).reason);
	assert_int_equal(reservation(wanted.id)->state, STATE(RELEASED));
	assert_stock(wanted.sku, "MAIN", 5, 0);
	assert_refused(reserve(NULL, order, &wanted, 1, NULL), &RESERVATION_CLOSED);
}

/* Reserving again makes a hold longer; a shorter one does not make it shorter. */
static void a_hold_is_renewed(void **state)
{
	char *order = new_id();
	const struct wanted wanted = held(order, 5);
	const int64_t first = pb_micros(reservation(wanted.id)->expire_time);
	Warehouse__ReserveStockRequest *request = reserve_request(order, &wanted, 1);

	(void)state;
	request->hold = pb_new(service_arena(), &google__protobuf__duration__descriptor);
	request->hold->seconds = 24 * 3600;
	assert_null(service_call("ReserveStock", NULL, &request->base, NULL).reason);
	assert_true(pb_micros(reservation(wanted.id)->expire_time) >= first + 23 * 3600 * CLOCK_SECOND);
	request->hold->seconds = 60;
	assert_null(service_call("ReserveStock", NULL, &request->base, NULL).reason);
	assert_true(pb_micros(reservation(wanted.id)->expire_time) >= first + 23 * 3600 * CLOCK_SECOND);
	assert_stock(wanted.sku, "MAIN", 5, 5);
}

/* A transaction that has locked an order, and ends once another one lets it go. */
#define HOLD_ORDER                                                                                                     \
	"DO $$ BEGIN PERFORM 1 FROM booking WHERE order_id = '%s' FOR UPDATE; PERFORM pg_advisory_xact_lock(7);"       \
	" FOR i IN 1..4000 LOOP EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 8);"    \
	" PERFORM pg_sleep(0.005); END LOOP; END $$"
static struct db_statement IS_LOCKED =
    DB_READ("is_locked", "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND objid = 7");
static struct db_statement LET_GO = DB_WRITE("let_go", "SELECT 1::bigint AS n FROM pg_advisory_lock(8)");
static struct db_statement FORGET = DB_WRITE("forget", "SELECT 1::bigint AS n WHERE (SELECT pg_advisory_unlock(8))");

static pid_t lock_elsewhere(const char *order)
{
	const pid_t child = fork();

	if (child == 0) {
		pg_execute(conninfo, arena_printf(service_arena(), HOLD_ORDER, order));
		_exit(0);
	}
	for (int i = 0; i < 100000 && service_number(&IS_LOCKED) == 0; i++)
		continue;
	return child;
}

static void nobody_is_waited_for(void **state)
{
	char *order = new_id();
	const struct wanted wanted = held(order, 5);
	pid_t child;
	int status;

	(void)state;
	let_run_out(order);
	child = lock_elsewhere(order);
	expire(); /* would not end, if it waited */
	assert_int_equal(reservation(wanted.id)->state, STATE(HELD));
	assert_int_equal(service_number(&LET_GO), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(service_number(&FORGET), 1);
	expire();
	assert_int_equal(reservation(wanted.id)->state, STATE(EXPIRED));
}

struct contest {
	char *order;
	struct wanted wanted;
	struct invocation confirm, reserve;
};

static void start_contest(struct contest *contest)
{
	Warehouse__ConfirmReservationsRequest *request =
	    pb_new(service_arena(), &warehouse__confirm_reservations_request__descriptor);

	request->order_id = contest->order;
	request->lines = lines_of(&contest->wanted, 1);
	request->n_lines = 1;
	contest->confirm = (struct invocation){ .method = "ConfirmReservations", .request = &request->base };
	contest->reserve =
	    (struct invocation){ .method = "ReserveStock",
				 .request = &reserve_request(contest->order, &contest->wanted, 1)->base };
}

/*
 * Holds that have run out are confirmed, reserved again and swept at the same moment, in any order: a confirmation that
 * was accepted keeps the goods, one that was refused does not, and the tidy-up finds the stock in order.
 */
static void sweeping_confirming_and_reserving_agree(void **state)
{
	struct contest *contests = arena_array(service_arena(), ORDERS, sizeof(*contests));

	(void)state;
	for (size_t i = 0; i < ORDERS; i++) {
		contests[i].order = new_id();
		contests[i].wanted = held(contests[i].order, 5);
		start_contest(&contests[i]);
	}
	pg_execute(conninfo, "UPDATE reservation SET expire_time = now() - interval '1 second'"
			     " WHERE state = 'RESERVATION_STATE_HELD'");
	for (size_t i = 0; i < ORDERS; i++) {
		if (i % (ORDERS / ROUNDS) == 0)
			service_start_step(expire_holds);
		service_start(i % 2 == 0 ? &contests[i].confirm : &contests[i].reserve);
		if (i % 3 == 0)
			service_start(i % 2 == 0 ? &contests[i].reserve : &contests[i].confirm);
	}
	service_finish();
	expire();
	for (size_t i = 0; i < ORDERS; i++) {
		const Warehouse__ReservationState at = reservation(contests[i].wanted.id)->state;
		const bool asked = i % 2 == 0 || i % 3 == 0, renewed = i % 2 == 1 || i % 3 == 0;
		const bool confirmed = asked && contests[i].confirm.outcome.reason == NULL;

		if (asked && !confirmed)
			assert_refused(contests[i].confirm.outcome, &RESERVATION_NOT_HELD);
		assert_int_equal(at, confirmed ? STATE(CONFIRMED) : renewed ? STATE(HELD) : STATE(EXPIRED));
		assert_stock(contests[i].wanted.sku, "MAIN", 5, at == STATE(EXPIRED) ? 0 : 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(what_ran_out_is_given_back),
		STORE_TEST(a_fast_clock_takes_nothing),
		STORE_TEST(what_ran_out_can_be_reserved_again),
		STORE_TEST(what_ran_out_can_be_released),
		STORE_TEST(a_hold_is_renewed),
		STORE_TEST(nobody_is_waited_for),
		STORE_TEST(sweeping_confirming_and_reserving_agree),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
