/*
 * Cancelling and dispatching the same shipment at the same moment, from two processes, ten thousand times: one of them
 * wins each time, and the other one is told which.
 * test-seconds: 600
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shipping/store_test.h"

#ifdef __SANITIZE_THREAD__
#define RACES 1000 /* it keeps a trace for each coroutine, and has no room for ten thousand */
#else
#define RACES 10000
#endif
#define AT_ONCE 4 /* few: those that travel in one transaction are won or lost together */
#define PART 2    /* packages; of the five of the first line */

/* How a race ended for one of its two runners. */
enum outcome { WON, LOST, WRONG };

/* The shipments, made before the runners part. */
static char *ids[RACES], *items[RACES];

/* Ends of pipes to and from the other runner. */
struct rival {
	int to, from;
};

static void make_shipments(void)
{
	struct invocation *creations = arena_array(service_arena(), RACES, sizeof(*creations));

	for (int i = 0; i < RACES; i++) {
		const Shipping__CreateShipmentRequest *request = new_shipment("ORD-1", "Ada Byron");

		ids[i] = request->shipment_id;
		items[i] = request->lines[0]->item_id;
		creations[i] = (struct invocation){ .method = "CreateShipment", .request = &request->base };
		service_start(&creations[i]);
	}
	service_finish();
	for (int i = 0; i < RACES; i++)
		assert_null(creations[i].outcome.reason);
}

/* Every fifth dispatch leaves a rest behind. */
static const Shipping__DispatchShipmentRequest *dispatch_for(int i)
{
	Shipping__DispatchShipmentRequest *made = dispatch_of(ids[i]);

	if (i % 5 != 0)
		return made;
	made->n_lines = 1;
	made->lines = arena_array(service_arena(), 1, sizeof(*made->lines));
	made->lines[0] = pb_new(service_arena(), &shipping__dispatch_line__descriptor);
	made->lines[0]->item_id = items[i];
	made->lines[0]->quantity = PART;
	return made;
}

static void start_running(struct invocation *run, int i, bool cancels)
{
	*run = (struct invocation){
		.method = cancels ? "CancelShipment" : "DispatchShipment",
		.request = cancels ? &cancel_of(ids[i])->base : &dispatch_for(i)->base,
		.timeout = 120 * CLOCK_SECOND,
	};
	service_start(run);
}

static enum outcome outcome_of(const struct invocation *run, bool cancels)
{
	if (run->outcome.reason == NULL)
		return WON;
	return status_is(run->outcome, cancels ? &SHIPMENT_DISPATCHED : &SHIPMENT_CANCELLED) ? LOST : WRONG;
}

/* Waits until the other runner is as far. */
static bool meet(const struct rival *rival)
{
	char mark = 0;

	return write(rival->to, &mark, 1) == 1 && read(rival->from, &mark, 1) == 1;
}

/* What one runner cancels the other one dispatches, and they take turns in that, round by round. */
static bool cancels_in(int race, bool is_second)
{
	return race / AT_ONCE % 2 == is_second;
}

/* Runs all races, a few at a time. Both ask for the rows in the same order: whoever comes first to one is first. */
static bool run_races(const struct rival *rival, bool is_second, uint8_t *outcomes)
{
	struct invocation runs[AT_ONCE];

	for (int first = 0; first < RACES; first += AT_ONCE) {
		if (!meet(rival))
			return false;
		for (int i = 0; i < AT_ONCE; i++)
			start_running(&runs[i], first + i, cancels_in(first, is_second));
		service_finish();
		for (int i = 0; i < AT_ONCE; i++)
			outcomes[first + i] = (uint8_t)outcome_of(&runs[i], cancels_in(first, is_second));
	}
	return true;
}

static bool write_all(int to, const uint8_t *data, size_t len)
{
	while (len > 0) {
		const ssize_t written = write(to, data, len);

		if (written <= 0)
			return false;
		data += written;
		len -= (size_t)written;
	}
	return true;
}

static bool read_all(int from, uint8_t *data, size_t len)
{
	while (len > 0) {
		const ssize_t got = read(from, data, len);

		if (got <= 0)
			return false;
		data += got;
		len -= (size_t)got;
	}
	return true;
}

static pid_t start_second(struct rival *ret_rival)
{
	int there[2], back[2];
	pid_t child;

	assert_int_equal(pipe(there), 0);
	assert_int_equal(pipe(back), 0);
	child = fork();
	if (child == 0) {
		const struct rival first = { back[1], there[0] };
		uint8_t outcomes[RACES];

		close(there[1]);
		close(back[0]);
		service_open(&shipment_service, conninfo);
		_exit(run_races(&first, true, outcomes) && write_all(first.to, outcomes, RACES) ? 0 : 1);
	}
	close(there[0]);
	close(back[1]);
	*ret_rival = (struct rival){ there[1], back[0] };
	return child;
}

static struct db_statement COUNT_PACKAGES =
    DB_READ("count_packages", "SELECT sum(quantity)::bigint AS n FROM shipment_line");
static struct db_statement COUNT_RESTS =
    DB_READ("count_rests", "SELECT count(*) AS n FROM shipment WHERE state = 'SHIPMENT_STATE_PENDING'");
static struct db_statement COUNT_BOTH =
    DB_READ("count_both",
	    "SELECT count(*) AS n FROM (SELECT aggregate_id FROM history WHERE to_state IN"
	    " ('SHIPMENT_STATE_DISPATCHED', 'SHIPMENT_STATE_CANCELLED') GROUP BY 1 HAVING count(*) <> 1) AS twice");
static struct db_statement COUNT_LEFT =
    DB_READ("count_left", "SELECT count(*) AS n FROM shipment WHERE state = 'SHIPMENT_STATE_DISPATCHED'");
static struct db_statement COUNT_STOPPED =
    DB_READ("count_stopped", "SELECT count(*) AS n FROM shipment WHERE state = 'SHIPMENT_STATE_CANCELLED'");

static void exactly_one_wins(void **state)
{
	static uint8_t mine[RACES], theirs[RACES];
	int dispatched = 0, rests = 0, won = 0, status;
	struct rival second;
	pid_t child;

	(void)state;
	make_shipments();
	child = start_second(&second);
	assert_true(run_races(&second, false, mine));
	assert_true(read_all(second.from, theirs, RACES));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (int i = 0; i < RACES; i++) {
		const bool left = (cancels_in(i, false) ? theirs[i] : mine[i]) == WON;

		assert_int_equal(mine[i] == WON, theirs[i] == LOST);
		assert_int_equal(mine[i] == LOST, theirs[i] == WON);
		won += mine[i] == WON;
		dispatched += left;
		rests += left && i % 5 == 0;
	}
	print_message("# %d dispatched, %d cancelled; the first runner won %d of %d\n", dispatched, RACES - dispatched,
		      won, RACES);
	assert_in_range(won, RACES / 100, RACES - RACES / 100); /* or it was no race */
	assert_int_equal(service_number(&COUNT_LEFT), dispatched);
	assert_int_equal(service_number(&COUNT_STOPPED), RACES - dispatched);
	assert_int_equal(service_number(&COUNT_RESTS), rests);
	assert_int_equal(service_number(&COUNT_BOTH), 0);
	assert_int_equal(service_number(&COUNT_PACKAGES), 6 * RACES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(exactly_one_wins),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
