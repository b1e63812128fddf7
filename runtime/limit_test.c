/* What limit.h promises, by examples and by simulations of a server with a queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "runtime/limit.h"

#define TARGET (100 * CLOCK_MILLISECOND)

static const struct limit_options usual_options = { .min = 8, .max = 512, .target = TARGET };
static struct limit limit;
static struct limit_kind kind;
static int64_t now;

static int set_up(void **state)
{
	(void)state;
	now = 1000 * CLOCK_SECOND;
	limit_init(&limit, &usual_options);
	kind = (struct limit_kind){ 0 };
	return 0;
}

static int enter_all(enum limit_priority priority)
{
	int count = 0;

	while (limit_enter(&limit, priority))
		count++;
	return count;
}

static void what_matters_more_gets_more(void **state)
{
	(void)state;
	assert_int_equal(enter_all(LIMIT_OPTIONAL), 256);
	assert_int_equal(enter_all(LIMIT_NORMAL), 460 - 256);
	assert_int_equal(enter_all(LIMIT_WORK), 512 - 460);
	assert_false(limit_enter(&limit, LIMIT_OPTIONAL));
}

static void who_waits_for_others_holds_no_place(void **state)
{
	(void)state;
	enter_all(LIMIT_WORK);
	limit_leave(&limit);
	assert_true(limit_enter(&limit, LIMIT_WORK));
	assert_false(limit_enter(&limit, LIMIT_WORK));
	limit_return(&limit); /* never refused */
	assert_int_equal(limit.busy, 513);
	assert_false(limit_enter(&limit, LIMIT_WORK));
}

/* `busy` things at once, each taking so long, for so many seconds. */
static void work(int busy, int64_t takes, int seconds)
{
	const int64_t end = now + seconds * CLOCK_SECOND;

	for (; now < end; now += takes) {
		int entered = 0;

		while (entered < busy && limit_enter(&limit, LIMIT_WORK))
			entered++;
		for (int i = 0; i < entered; i++)
			limit_exit(&limit, &kind, now, takes);
	}
}

static void it_shrinks_to_the_minimum_and_no_further(void **state)
{
	(void)state;
	work(4, 20 * CLOCK_MILLISECOND, 5);
	assert_int_equal((int)limit.size, 512); /* hardly used: nothing is learned */
	work(600, 2 * CLOCK_SECOND, 60);
	assert_in_range((int)limit.size, 8, 20);
}

static void it_grows_back(void **state)
{
	(void)state;
	work(600, 2 * CLOCK_SECOND, 60);
	work(600, 20 * CLOCK_MILLISECOND, 30);
	assert_int_equal((int)limit.size, 512);
}

static void what_is_always_slow_is_no_congestion(void **state)
{
	(void)state;
	work(50, 300 * CLOCK_MILLISECOND, 10);
	assert_in_range((int)kind.usual, 290000, 310000);
	work(500, 300 * CLOCK_MILLISECOND, 30);
	assert_int_equal((int)limit.size, 512);
}

static void what_was_not_done_says_nothing(void **state)
{
	(void)state;
	assert_true(limit_enter(&limit, LIMIT_NORMAL));
	limit_exit(&limit, &kind, now, -1);
	assert_int_equal(limit.busy, 0);
	assert_int_equal(limit.count, 0);
}

/* ---- Simulation: a server that does `rate` things a second, one after the other; clients that wait one second and come at random ---- */

#define QUEUE 65536
#define DEADLINE CLOCK_SECOND

static uint64_t seed;

static double uniform(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (double)(seed >> 11) / 9007199254740992.0;
}

static struct {
	int64_t arrivals[QUEUE];
	unsigned head, tail;
	int64_t free_at; /* when the server is done with the first one */
	bool limited;
	long good;
} server;

static int64_t service_time(double rate)
{
	return (int64_t)((double)CLOCK_SECOND / rate * (0.5 + uniform()));
}

static void finish_until(int64_t time, double rate)
{
	while (server.head != server.tail && server.free_at <= time) {
		const int64_t took = server.free_at - server.arrivals[server.head++ % QUEUE];

		if (server.limited)
			limit_exit(&limit, &kind, server.free_at, took);
		server.good += took <= DEADLINE;
		if (server.head != server.tail) {
			const int64_t next = server.arrivals[server.head % QUEUE];

			server.free_at = (next > server.free_at ? next : server.free_at) + service_time(rate);
		}
	}
}

static void arrive(double rate)
{
	if (server.limited && !limit_enter(&limit, LIMIT_NORMAL))
		return;
	if (server.head == server.tail)
		server.free_at = now + service_time(rate);
	assert_true(server.tail - server.head < QUEUE);
	server.arrivals[server.tail++ % QUEUE] = now;
}

/* Good answers a second. */
static double run_for(int64_t time, double load, double rate)
{
	const long before = server.good;
	const int64_t began = now;

	while (now < began + time) {
		now +=
		    (int64_t)(-1.0 * (double)CLOCK_SECOND / load * (uniform() < 0.5 ? -0.4 : -1.6)); /* mean 1/load */
		finish_until(now, rate);
		arrive(rate);
	}
	return (double)(server.good - before) * (double)CLOCK_SECOND / (double)time;
}

static void start_server(bool limited)
{
	server.head = server.tail = 0;
	server.limited = limited;
	server.good = 0;
}

static double overload(bool limited, double rate)
{
	double during, peak;

	set_up(NULL);
	start_server(limited);
	peak = run_for(10 * CLOCK_SECOND, rate * 0.95, rate);
	during = run_for(30 * CLOCK_SECOND, rate * 3, rate);
	print_message("%s, %.0f/s: peak %.0f, at 3x the load %.0f (%.0f %%), limit %.0f\n",
		      limited ? "with the limit" : "without", rate, peak, during, 100 * during / peak, limit.size);
	return during / peak;
}

static void goodput_under_overload(void **state)
{
	static const double rates[] = { 100, 1000, 10000 };

	(void)state;
	seed = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 0) : 20261121;
	print_message("SEED=%llu\n", (unsigned long long)seed);
	for (int i = 0; i < 3; i++) {
		assert_true(overload(true, rates[i]) > 0.9);
		assert_true(run_for(10 * CLOCK_SECOND, rates[i] * 0.8, rates[i]) > rates[i] * 0.75);
	}
	/* So that this test shows something: */
	assert_true(overload(false, 1000) < 0.2);
}

/* The server gets five times slower under full load, and fast again. */
static void it_follows_the_server(void **state)
{
	double slow, fast;

	(void)state;
	seed = 7;
	set_up(NULL);
	start_server(true);
	run_for(10 * CLOCK_SECOND, 1900, 2000);
	slow = run_for(30 * CLOCK_SECOND, 1900, 400);
	fast = run_for(30 * CLOCK_SECOND, 1900, 2000);
	print_message("slow: %.0f of 400/s, fast again: %.0f of 1900/s\n", slow, fast);
	assert_true(slow > 300);
	assert_true(fast > 1700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_matters_more_gets_more, set_up),
		cmocka_unit_test_setup(who_waits_for_others_holds_no_place, set_up),
		cmocka_unit_test_setup(it_shrinks_to_the_minimum_and_no_further, set_up),
		cmocka_unit_test_setup(it_grows_back, set_up),
		cmocka_unit_test_setup(what_is_always_slow_is_no_congestion, set_up),
		cmocka_unit_test_setup(what_was_not_done_says_nothing, set_up),
		cmocka_unit_test_setup(goodput_under_overload, set_up),
		cmocka_unit_test_setup(it_follows_the_server, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
