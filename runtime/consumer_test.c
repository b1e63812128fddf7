/* What events.h promises of consumers: each event has its effect once, in order, whatever fails. On a real PostgreSQL. */
#include "runtime/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/events_fixture.h"

/* ---- Consumers of the scene's own events, under several names, so that they are strangers to each other ---- */

#define TRIES_MAX 200

static struct {
	int tries; /* of the handler, for all events */
	int64_t at[TRIES_MAX];
	int64_t fail_at;                  /* the event that fails; 0: none */
	const char *fails;                /* whose handler it is that fails */
	bool after_effect;                /* ... when the effect is there */
	bool waits;                       /* the handler waits to be cancelled */
	int64_t guard_until;              /* the guard holds up to this event */
	char trace_parent[32], actor[32]; /* that the handler saw last */
} plan;

#define EFFECT(guard_)                                                                                                 \
	EVENT_BEGIN(guard_)                                                                                            \
	", done AS (INSERT INTO effect SELECT :w_producer, :n FROM accepted)" WRITE_END

static struct db_statement TAKE_EFFECT = DB_WRITE("take_effect", EFFECT("SELECT 1 WHERE :n::bigint <= :guard_until"));

static struct status take_effect(struct call *call, const Events__Event *event, int64_t n)
{
	struct db_unit *unit = db_unit(call, &TAKE_EFFECT);
	struct write write = { .aggregate_type = "effect",
			       .aggregate_id = arena_printf(call->arena, "%s %d", call->producer, plan.tries),
			       .version = event->aggregate_version,
			       .action = "TakeEffect",
			       .from_state = "",
			       .to_state = "DONE" };

	db_bind_int(unit, "n", n);
	db_bind_int(unit, "guard_until", plan.guard_until);
	return event_write(call, event, unit, &write);
}

static bool fails_here(const struct call *call, int64_t n)
{
	return n == plan.fail_at && strcmp(call->producer, plan.fails) == 0;
}

static struct status on_duration(struct call *call, const Events__Event *event, const void *payload)
{
	const Google__Protobuf__Duration *duration = payload;

	if (plan.tries < TRIES_MAX)
		plan.at[plan.tries] = clock_monotonic();
	plan.tries++;
	snprintf(plan.trace_parent, sizeof(plan.trace_parent), "%s", call->trace_parent);
	snprintf(plan.actor, sizeof(plan.actor), "%s", call->actor);
	while (plan.waits && !call->cancelled)
		coroutine_sleep(call->loop, CLOCK_MILLISECOND);
	TRY(call_check(call));
	if (fails_here(call, duration->seconds) && !plan.after_effect)
		return status_of(&PEER_UNAVAILABLE);
	TRY(take_effect(call, event, duration->seconds));
	return fails_here(call, duration->seconds) ? status_of(&OUTCOME_UNKNOWN) : STATUS_OK;
}

static const struct event_handler HANDLERS[] = { { &google__protobuf__duration__descriptor, on_duration },
						 EVENT_HANDLERS_END };

static void consume_as(const char *producer)
{
	const struct event_consumer consumer = { producer, HANDLERS };

	events_consume(scene.events, &consumer, NULL);
}

static int open_consumers(void **state)
{
	memset(&plan, 0, sizeof(plan));
	plan.fails = "a";
	plan.guard_until = INT64_MAX;
	return open_scene(state);
}

/* ---- What is there ---- */

static struct db_statement CURSOR_A =
    DB_WRITE("cursor_a", "SELECT coalesce(max(position), -1) AS n FROM consumer_cursor WHERE producer = 'a'");
static struct db_statement CURSOR_B =
    DB_WRITE("cursor_b", "SELECT coalesce(max(position), -1) AS n FROM consumer_cursor WHERE producer = 'b'");
static struct db_statement COUNT_EFFECTS = DB_WRITE("count_effects", "SELECT count(*) AS n FROM effect");
/* How often a cursor was to be moved. */
static struct db_statement COUNT_MOVES = DB_WRITE("count_moves", "SELECT count(*) AS n FROM move");

/* Effects as a number with a digit for each: 123 for the events 1, 2 and 3 in this order. */
static struct db_statement EFFECTS_A =
    DB_WRITE("effects_a", "SELECT coalesce(string_agg(n::text, '' ORDER BY ctid), '0')::bigint AS n FROM effect"
			  " WHERE producer = 'a'");

static struct db_statement COUNT_TOGETHER =
    DB_WRITE("count_together", "SELECT count(*) AS n FROM effect e, consumer_cursor c, history h WHERE c.producer = 'a'"
			       " AND c.xmin::text = e.xmin::text AND h.xmin::text = e.xmin::text AND e.n = c.position"
			       " AND h.actor = 'self' AND h.action = 'TakeEffect' AND h.version = e.n");

static struct status an_event_has_its_effect_with_its_cursor(struct call *call)
{
	consume_as("a");
	TRY(tell(call, "x", 1, 1));
	await_number(call, &CURSOR_A, 1);
	assert_int_equal(number(call, &EFFECTS_A), 1);
	assert_int_equal(number(call, &COUNT_TOGETHER), 1);
	assert_string_equal(plan.trace_parent, "trace of 1");
	assert_string_equal(plan.actor, "self");
	TRY(tell(call, "x", 2, 9));
	await_number(call, &CURSOR_A, 9);
	assert_int_equal(number(call, &EFFECTS_A), 123456789);
	assert_int_equal(number(call, &COUNT_TOGETHER), 1); /* a transaction for each */
	assert_int_equal(plan.tries, 9);
	return STATUS_OK;
}

/* An effect that the database refuses, a handler that does not come so far: the events behind it wait. */
static struct status what_fails_does_not_move_the_cursor(struct call *call)
{
	pg_execute(conninfo, "ALTER TABLE effect ADD CONSTRAINT not_now CHECK (n <> 3)");
	consume_as("a");
	TRY(tell(call, "x", 1, 5));
	await_count(call, &plan.tries, 5);
	assert_int_equal(number(call, &CURSOR_A), 2);
	assert_int_equal(number(call, &EFFECTS_A), 12);
	plan.fail_at = 4;
	pg_execute(conninfo, "ALTER TABLE effect DROP CONSTRAINT not_now");
	await_number(call, &CURSOR_A, 3);
	await_count(call, &plan.tries, plan.tries + 2);
	assert_int_equal(number(call, &CURSOR_A), 3);
	plan.fail_at = 0;
	await_number(call, &CURSOR_A, 5);
	assert_int_equal(number(call, &EFFECTS_A), 12345);
	return STATUS_OK;
}

static struct status the_pause_grows_with_each_failure(struct call *call)
{
	plan.fail_at = 1;
	consume_as("a");
	TRY(tell(call, "x", 1, 1));
	await_count(call, &plan.tries, 5);
	for (int i = 0; i < 4; i++)
		assert_in_range(plan.at[i + 1] - plan.at[i], (50 * CLOCK_MILLISECOND) << i, PATIENCE);
	plan.fail_at = 0;
	await_number(call, &CURSOR_A, 1);
	assert_int_equal(plan.tries, 6);
	return STATUS_OK;
}

/* The effect is there, but the consumer does not know. */
static struct status an_unknown_outcome_is_looked_up(struct call *call)
{
	plan.fail_at = 2;
	plan.after_effect = true;
	consume_as("a");
	TRY(tell(call, "x", 1, 3));
	await_number(call, &CURSOR_A, 3);
	assert_int_equal(number(call, &EFFECTS_A), 123);
	assert_int_equal(plan.tries, 3);
	return STATUS_OK;
}

/* Two consumers of one name, as in two processes of one service: every event is delivered to both of them. */
static struct status what_is_delivered_twice_is_handled_once(struct call *call)
{
	consume_as("a");
	consume_as("a");
	for (int64_t n = 1; n <= 9; n++)
		TRY(tell(call, "x", n, n));
	await_number(call, &CURSOR_A, 9);
	await_count(call, &plan.tries, 10);
	assert_int_equal(number(call, &EFFECTS_A), 123456789);
	return STATUS_OK;
}

/* The same event twice, one right after the other: the second time it is an old one. */
static struct status handle_twice(struct call *call, const Events__Event *event, const void *payload)
{
	TRY(on_duration(call, event, payload));
	return on_duration(call, event, payload);
}

static struct status an_old_event_has_no_effect(struct call *call)
{
	static const struct event_handler handlers[] = { { &google__protobuf__duration__descriptor, handle_twice },
							 EVENT_HANDLERS_END };
	const struct event_consumer consumer = { "a", handlers };

	events_consume(scene.events, &consumer, NULL);
	TRY(tell(call, "x", 1, 2));
	await_number(call, &CURSOR_A, 2);
	await_count(call, &plan.tries, 4);
	assert_int_equal(number(call, &EFFECTS_A), 12);
	return STATUS_OK;
}

static struct status a_guard_that_does_not_hold_leaves_the_cursor(struct call *call)
{
	plan.guard_until = 2;
	consume_as("a");
	TRY(tell(call, "x", 1, 3));
	await_count(call, &plan.tries, 3);
	assert_int_equal(number(call, &CURSOR_A), 2);
	assert_int_equal(number(call, &EFFECTS_A), 12);
	return STATUS_OK;
}

/* ---- Events without effect ---- */

static struct status a_crowd_of_skipped_events_costs_one_commit(struct call *call)
{
	consume_as("a");
	await_number(call, &CURSOR_A, 0);
	TRY(tell_of_type(call, SHOUT, "x", 1, 20));
	await_number(call, &CURSOR_A, 20);
	assert_int_equal(number(call, &COUNT_MOVES), 1);
	assert_int_equal(plan.tries, 0);
	return STATUS_OK;
}

static struct db_statement TELL_MIXED = DB_WRITE(
    "tell_mixed", "INSERT INTO outbox"
		  " (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, trace_parent, time)"
		  " SELECT gen_random_uuid(), 'thing', 'x', n, CASE n % 4 WHEN 0 THEN 'google.protobuf.Duration'"
		  " ELSE 'google.protobuf.Timestamp' END, decode('08' || lpad(to_hex(n), 2, '0'), 'hex'), '', now()"
		  " FROM generate_series(1, 8) AS n ORDER BY n");

/* 4 and 8 have an effect, which takes the cursor past those before; then nothing is left to do. */
static struct status skipped_events_go_along_with_effects(struct call *call)
{
	consume_as("a");
	await_number(call, &CURSOR_A, 0);
	TRY(run_only(call, &TELL_MIXED));
	events_written();
	await_number(call, &CURSOR_A, 8);
	TRY(tell_of_type(call, SHOUT, "x", 9, 10));
	await_number(call, &CURSOR_A, 10);
	assert_int_equal(number(call, &EFFECTS_A), 48);
	assert_int_equal(number(call, &COUNT_MOVES), 3);
	return STATUS_OK;
}

static struct status what_was_skipped_before_a_failure_stays_skipped(struct call *call)
{
	plan.fail_at = 8;
	consume_as("a");
	TRY(run_only(call, &TELL_MIXED));
	events_written();
	await_number(call, &CURSOR_A, 7);
	await_count(call, &plan.tries, 4);
	assert_int_equal(number(call, &CURSOR_A), 7);
	plan.fail_at = 0;
	await_number(call, &CURSOR_A, 8);
	assert_int_equal(number(call, &EFFECTS_A), 48);
	return STATUS_OK;
}

/* ---- Neighbours, and the end ---- */

static struct status a_failure_does_not_block_other_producers(struct call *call)
{
	plan.fail_at = 1;
	consume_as("a");
	consume_as("b");
	for (int64_t n = 1; n <= 5; n++) {
		TRY(tell(call, "x", n, n));
		await_number(call, &CURSOR_B, n);
	}
	assert_int_equal(number(call, &CURSOR_A), 0);
	plan.fail_at = 0;
	await_number(call, &CURSOR_A, 5);
	assert_int_equal(number(call, &EFFECTS_A), 12345);
	assert_int_equal(number(call, &COUNT_EFFECTS), 10);
	return STATUS_OK;
}

/* One waits for events, one is in the middle of a batch, one pauses after a failure: and then it goes on where it was. */
static struct status stopping_ends_everything(struct call *call)
{
	const int64_t began = clock_monotonic();

	plan.waits = true;
	consume_as("a");
	TRY(tell(call, "x", 1, 5));
	await_count(call, &plan.tries, 1);
	stop_and_wait(call);
	assert_true(clock_monotonic() - began < PATIENCE / 2);
	assert_int_equal(coroutine_count(), 1); /* this one */
	assert_int_equal(plan.tries, 1);
	assert_int_equal(number(call, &CURSOR_A), 0);
	plan.waits = false;
	plan.fail_at = 4;
	TRY(start_events(call, NULL));
	consume_as("a");
	consume_as("b");
	await_number(call, &CURSOR_B, 5);
	await_count(call, &plan.tries, 1 + 5 + 3 + 3);
	stop_and_wait(call);
	assert_int_equal(coroutine_count(), 1);
	plan.fail_at = 0;
	TRY(start_events(call, NULL));
	consume_as("a");
	await_number(call, &CURSOR_A, 5);
	assert_int_equal(number(call, &EFFECTS_A), 12345);
	assert_int_equal(number(call, &COUNT_EFFECTS), 10);
	return STATUS_OK;
}

/* A unit of work that is on its way is waited for; what it has done is done. */
static struct status stopping_waits_for_what_is_under_way(struct call *call)
{
	consume_as("a");
	consume_as("b");
	await_number(call, &CURSOR_B, 0);
	for (int64_t n = 1; n <= 9; n++)
		TRY(tell(call, "x", n, n));
	stop_and_wait(call);
	assert_int_equal(coroutine_count(), 1);
	TRY(start_events(call, NULL));
	consume_as("a");
	consume_as("b");
	await_number(call, &CURSOR_A, 9);
	await_number(call, &CURSOR_B, 9);
	assert_int_equal(number(call, &EFFECTS_A), 123456789);
	assert_int_equal(number(call, &COUNT_EFFECTS), 18);
	return STATUS_OK;
}

int main(void)
{
	struct CMUnitTest tests[] = {
		TEST(an_event_has_its_effect_with_its_cursor),
		TEST(what_fails_does_not_move_the_cursor),
		TEST(the_pause_grows_with_each_failure),
		TEST(an_unknown_outcome_is_looked_up),
		TEST(what_is_delivered_twice_is_handled_once),
		TEST(an_old_event_has_no_effect),
		TEST(a_guard_that_does_not_hold_leaves_the_cursor),
		TEST(a_crowd_of_skipped_events_costs_one_commit),
		TEST(skipped_events_go_along_with_effects),
		TEST(what_was_skipped_before_a_failure_stays_skipped),
		TEST(a_failure_does_not_block_other_producers),
		TEST(stopping_ends_everything),
		TEST(stopping_waits_for_what_is_under_way),
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tests[i].setup_func = open_consumers;
	return cmocka_run_group_tests(tests, make_database, NULL);
}
