/* What breaker.h promises, by examples and by a simulation of callers and a peer that fails and recovers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "runtime/breaker.h"

#define REST (5 * CLOCK_SECOND)

static struct breaker breaker;
static int64_t now;

static int set_up(void **state)
{
	(void)state;
	now = 1000 * CLOCK_SECOND;
	breaker_init(&breaker, REST, 42);
	return 0;
}

/* One call from its beginning to its end; false when it is not let through. */
static bool call(enum breaker_outcome outcome)
{
	uint32_t ticket;

	if (!breaker_ask(&breaker, now, &ticket))
		return false;
	breaker_tell(&breaker, ticket, now, outcome);
	return true;
}

static void calls(int count, enum breaker_outcome outcome)
{
	for (int i = 0; i < count; i++)
		assert_true(call(outcome));
}

static void open_it(void)
{
	calls(BREAKER_LEAST, BREAKER_BAD);
	assert_int_equal(breaker.state, BREAKER_OPEN);
}

static void it_opens_when_half_of_the_calls_fail(void **state)
{
	(void)state;
	calls(10, BREAKER_GOOD);
	calls(9, BREAKER_BAD);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	calls(1, BREAKER_BAD);
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_false(call(BREAKER_GOOD));
	assert_in_range(breaker_rest(&breaker, now), REST * 4 / 5, REST * 6 / 5);
}

static void a_few_calls_prove_nothing(void **state)
{
	(void)state;
	calls(BREAKER_LEAST - 1, BREAKER_BAD);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void good_calls_never_open_it(void **state)
{
	(void)state;
	calls(1000, BREAKER_GOOD);
	calls(1000, BREAKER_NEITHER);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void old_failures_do_not_count(void **state)
{
	(void)state;
	calls(9, BREAKER_BAD);
	now += 10 * CLOCK_SECOND;
	calls(9, BREAKER_BAD);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void three_good_probes_close_it(void **state)
{
	uint32_t tickets[BREAKER_PROBES], none;

	(void)state;
	open_it();
	now = breaker.until;
	for (int i = 0; i < BREAKER_PROBES; i++)
		assert_true(breaker_ask(&breaker, now, &tickets[i]));
	assert_false(breaker_ask(&breaker, now, &none));
	assert_true(breaker_rest(&breaker, now) > 0);
	for (int i = 0; i < BREAKER_PROBES; i++) {
		assert_int_equal(breaker.state, BREAKER_PROBING);
		breaker_tell(&breaker, tickets[i], now, BREAKER_GOOD);
	}
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	assert_int_equal(breaker_rest(&breaker, now), 0);
}

static void a_bad_probe_opens_it_again(void **state)
{
	(void)state;
	open_it();
	now = breaker.until;
	calls(2, BREAKER_GOOD);
	calls(1, BREAKER_BAD);
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_true(breaker.until >= now + REST * 4 / 5);
}

static void a_probe_that_says_nothing_is_tried_again(void **state)
{
	(void)state;
	open_it();
	now = breaker.until;
	calls(10, BREAKER_NEITHER);
	assert_int_equal(breaker.state, BREAKER_PROBING);
	calls(3, BREAKER_GOOD);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void calls_from_before_are_not_heard(void **state)
{
	uint32_t ticket;

	(void)state;
	assert_true(breaker_ask(&breaker, now, &ticket));
	open_it();
	now = breaker.until;
	calls(1, BREAKER_GOOD);
	breaker_tell(&breaker, ticket, now, BREAKER_BAD); /* as a call that hung since then */
	assert_int_equal(breaker.state, BREAKER_PROBING);
	calls(2, BREAKER_GOOD);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void hope_shortens_the_rest(void **state)
{
	(void)state;
	open_it();
	breaker_hope(&breaker, now);
	calls(3, BREAKER_GOOD);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	breaker_hope(&breaker, now);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
}

/* ---- Simulation ---- */

#define STEPS 1000000
#define CALLERS 16

static uint64_t seed;

static uint32_t below(uint32_t bound)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 11) % bound;
}

static struct {
	bool ill;       /* the peer */
	int64_t since;  /* it is as it is */
	int64_t opened; /* when the breaker last opened */
	int probes;     /* under way in this era */
	bool busy[CALLERS];
	uint32_t tickets[CALLERS];
	long asked, refused_well, hit_ill, openings, closings;
} world;

static void observe(enum breaker_state before)
{
	if (breaker.state == before)
		return;
	world.probes = 0;
	world.openings += breaker.state == BREAKER_OPEN;
	world.closings += breaker.state == BREAKER_CLOSED;
	if (breaker.state == BREAKER_OPEN)
		world.opened = now;
}

static void begin_call(int caller)
{
	const enum breaker_state before = breaker.state;
	const bool may = breaker_ask(&breaker, now, &world.tickets[caller]);

	observe(before);
	world.asked++;
	world.busy[caller] = may;
	if (before == BREAKER_CLOSED)
		assert_true(may);
	if (may && breaker.state == BREAKER_PROBING)
		assert_true(++world.probes <= BREAKER_PROBES);
	if (may)
		assert_true(breaker.state != BREAKER_OPEN);
	if (may && before == BREAKER_OPEN)
		assert_true(now - world.opened >= REST * 4 / 5);
	world.hit_ill += may && world.ill;
	world.refused_well += !may && !world.ill;
}

static void end_call(int caller)
{
	const enum breaker_state before = breaker.state;
	const bool heard = world.tickets[caller] == breaker.era;
	const enum breaker_outcome outcome = below(50) == 0 ? BREAKER_NEITHER : world.ill ? BREAKER_BAD : BREAKER_GOOD;

	breaker_tell(&breaker, world.tickets[caller], now, outcome);
	world.busy[caller] = false;
	if (!heard)
		assert_int_equal(breaker.state, before);
	if (heard && before == BREAKER_PROBING && outcome == BREAKER_NEITHER)
		world.probes--;
	if (outcome == BREAKER_GOOD)
		assert_int_not_equal(breaker.state, BREAKER_OPEN * (before != BREAKER_OPEN));
	observe(before);
}

/* A peer that was well for so long, with callers at any time, is called again. */
static void check_recovery(void)
{
	if (!world.ill && now - world.since > 2 * REST)
		assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void simulation(void **state)
{
	(void)state;
	seed = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 0) : 20261121;
	print_message("SEED=%llu\n", (unsigned long long)seed);
	world.since = now;
	for (int step = 0; step < STEPS; step++) {
		const int caller = (int)below(CALLERS);

		now += below(2000); /* 1 ms a step: 500 calls a second */
		if (below(30000) == 0) {
			world.ill = !world.ill;
			world.since = now;
		}
		if (world.busy[caller])
			end_call(caller);
		else
			begin_call(caller);
		check_recovery();
	}
	print_message(
	    "%ld calls, %ld openings, %ld closings; %ld met the ill peer, %ld were refused while it was well\n",
	    world.asked, world.openings, world.closings, world.hit_ill, world.refused_well);
	assert_true(world.openings > 10 && world.closings > 10);
	/* It was ill half of the time: nearly all calls of that time were spared. */
	assert_true(world.hit_ill * 20 < world.asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_opens_when_half_of_the_calls_fail, set_up),
		cmocka_unit_test_setup(a_few_calls_prove_nothing, set_up),
		cmocka_unit_test_setup(good_calls_never_open_it, set_up),
		cmocka_unit_test_setup(old_failures_do_not_count, set_up),
		cmocka_unit_test_setup(three_good_probes_close_it, set_up),
		cmocka_unit_test_setup(a_bad_probe_opens_it_again, set_up),
		cmocka_unit_test_setup(a_probe_that_says_nothing_is_tried_again, set_up),
		cmocka_unit_test_setup(calls_from_before_are_not_heard, set_up),
		cmocka_unit_test_setup(hope_shortens_the_rest, set_up),
		cmocka_unit_test_setup(simulation, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
