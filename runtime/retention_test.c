/* What retention.h promises: what all have had goes, what somebody needs stays, and who comes too late is told. On a real PostgreSQL. */
#include "runtime/retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/events_fixture.h"
#include "runtime/saga.h"

static struct db_statement COUNT_EVENTS = DB_WRITE("count_events", "SELECT count(*) AS n FROM outbox");
static struct db_statement COUNT_NUMBERED =
    DB_WRITE("count_numbered", "SELECT count(*) AS n FROM outbox WHERE position IS NOT NULL");
static struct db_statement FIRST_KEPT =
    DB_WRITE("first_kept", "SELECT coalesce(min(position), 0) AS n FROM outbox WHERE position IS NOT NULL");
static struct db_statement CONSUMER_SAID =
    DB_WRITE("consumer_said", "SELECT coalesce(max(position), -1) AS n FROM outbox_consumer WHERE consumer = 'self'");
static struct db_statement CURSOR = DB_WRITE("cursor", "SELECT coalesce(max(position), 0) AS n FROM consumer_cursor");
static struct db_statement MANY = DB_WRITE(
    "many", "INSERT INTO outbox (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload,"
	    " trace_parent, time) SELECT gen_random_uuid(), 'thing', 'many', n, 'google.protobuf.Duration', '',"
	    " '', now() - interval '8 days' FROM generate_series(1, 2500) AS n");

/* Events 1 to 10, of which those up to `last` are eight days old. */
static struct status tell_old(struct call *call, int last)
{
	TRY(tell(call, "x", 1, 10));
	await_number(call, &COUNT_NUMBERED, 10);
	pg_execute(conninfo, "UPDATE outbox SET time = now()");
	pg_execute(
	    conninfo,
	    arena_printf(call->arena, "UPDATE outbox SET time = now() - interval '8 days' WHERE position <= %d", last));
	return STATUS_OK;
}

static const struct reason *fetch_after(struct call *call, int64_t after, size_t *ret_n)
{
	Events__FetchEventsResponse reply = EVENTS__FETCH_EVENTS_RESPONSE__INIT;
	const struct status status = outbox_fetch(call, after, 0, 0, &reply);

	*ret_n = reply.n_events;
	return status.reason;
}

static struct status old_events_are_forgotten(struct call *call)
{
	size_t n;

	TRY(tell_old(call, 6));
	TRY(FORGET_EVENTS.run(call));
	assert_int_equal(number(call, &FIRST_KEPT), 7);
	assert_int_equal(number(call, &COUNT_EVENTS), 4);
	assert_ptr_equal(fetch_after(call, 6, &n), NULL);
	assert_int_equal(n, 4);
	TRY(tell(call, "y", 1, 1));
	await_number(call, &COUNT_NUMBERED, 5);
	assert_ptr_equal(fetch_after(call, 10, &n), NULL);
	assert_int_equal(n, 1);
	return STATUS_OK;
}

static struct status who_comes_too_late_is_told(struct call *call)
{
	size_t n;

	TRY(tell_old(call, 6));
	TRY(FORGET_EVENTS.run(call));
	assert_ptr_equal(fetch_after(call, 0, &n), &EVENTS_FORGOTTEN);
	assert_ptr_equal(fetch_after(call, 5, &n), &EVENTS_FORGOTTEN);
	return STATUS_OK;
}

static struct status what_a_consumer_needs_is_kept(struct call *call)
{
	TRY(tell_old(call, 8));
	retention_note("slow", 3);
	retention_note("fast", 8);
	retention_note("", 1); /* who only looks */
	TRY(FORGET_EVENTS.run(call));
	assert_int_equal(number(call, &FIRST_KEPT), 4);
	TRY(FORGET_EVENTS.run(call)); /* nobody has said anything new */
	assert_int_equal(number(call, &FIRST_KEPT), 4);
	retention_note("slow", 9);
	TRY(FORGET_EVENTS.run(call));
	assert_int_equal(number(call, &FIRST_KEPT), 9);
	return STATUS_OK;
}

static struct status nothing_goes_out_of_the_middle(struct call *call)
{
	TRY(tell_old(call, 8));
	pg_execute(conninfo, "UPDATE outbox SET time = now() WHERE position = 3");
	TRY(FORGET_EVENTS.run(call));
	assert_int_equal(number(call, &FIRST_KEPT), 3);
	assert_int_equal(number(call, &COUNT_EVENTS), 8);
	return STATUS_OK;
}

static struct status many_events_go_in_several_bites(struct call *call)
{
	TRY(run_only(call, &MANY));
	events_written();
	await_number(call, &COUNT_NUMBERED, 2500);
	TRY(FORGET_EVENTS.run(call));
	assert_int_equal(number(call, &COUNT_EVENTS), 0);
	return STATUS_OK;
}

static struct db_statement MANY_KEYS =
    DB_WRITE("many_keys", "INSERT INTO idempotency (scope, key, method, fingerprint, subject, code, answer, time)"
			  " SELECT 'me', n::text, '', '', '', CASE WHEN n <> 7 THEN 0 END, '',"
			  " now() - interval '8 days' FROM generate_series(1, 2500) AS n");
static struct db_statement NEW_KEY =
    DB_WRITE("new_key", "INSERT INTO idempotency (scope, key, method, fingerprint, subject, code, answer, time)"
			" VALUES ('me', 'new', '', '', '', 0, '', now() - interval '6 days')");
static struct db_statement KEYS_LEFT =
    DB_WRITE("keys_left", "SELECT count(*) * 100 + count(*) FILTER (WHERE key IN ('7', 'new')) AS n FROM idempotency");

/* But not one whose answer is still to come. */
static struct status many_keys_go_in_several_bites(struct call *call)
{
	TRY(run_only(call, &MANY_KEYS));
	TRY(run_only(call, &NEW_KEY));
	TRY(FORGET_KEYS.run(call));
	assert_int_equal(number(call, &KEYS_LEFT), 202);
	return STATUS_OK;
}

/* Each with a step: ended long ago; begun long ago but ended now; never ended. */
static const char THREE_SAGAS[] =
    "INSERT INTO saga (saga_id, kind, subject_id, state, data, trace_parent, run_time, lease_until, create_time, update_time)"
    " SELECT ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'test', 'x', CASE n WHEN 3 THEN 'NEEDS_OPERATOR' ELSE 'COMPLETED' END,"
    " '', '', now(), now(), now() - interval '91 days', now() - interval '91 days' * (n <> 2)::int FROM generate_series(1, 3) AS n;"
    " INSERT INTO saga_step (saga_id, number, compensation, outcome, attempts, last_error, start_time, end_time)"
    " SELECT saga_id, 1, false, 'OK', 1, '', now(), now() FROM saga";
static struct db_statement SAGAS_LEFT =
    DB_WRITE("sagas_left", "SELECT (SELECT count(*) FROM saga WHERE saga_id::text NOT LIKE '%1') * 100"
			   " + (SELECT count(*) FROM saga) * 10 + (SELECT count(*) FROM saga_step) AS n");

static struct status only_sagas_that_have_long_ended_are_forgotten(struct call *call)
{
	pg_execute(conninfo, THREE_SAGAS);
	TRY(saga_forget(call));
	assert_int_equal(number(call, &SAGAS_LEFT), 222);
	return STATUS_OK;
}

static struct status pass_over(struct call *call, const Events__Event *event, const void *payload)
{
	(void)payload;
	return event_skip(call, event);
}

static struct status a_consumer_says_how_far_it_is(struct call *call)
{
	static const struct event_handler handlers[] = { { &google__protobuf__duration__descriptor, pass_over },
							 EVENT_HANDLERS_END };
	static const struct event_consumer consumer = { "self", handlers };

	events_consume(scene.events, &consumer, NULL);
	TRY(tell_old(call, 10));
	await_number(call, &CURSOR, 10);
	for (int64_t said = 0; said != 10; said = number(call, &CONSUMER_SAID))
		TRY(FORGET_EVENTS.run(call));
	assert_int_equal(number(call, &COUNT_EVENTS), 0);
	TRY(tell(call, "x", 11, 12));
	await_number(call, &CURSOR, 12);
	return STATUS_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(old_events_are_forgotten),
		TEST(who_comes_too_late_is_told),
		TEST(what_a_consumer_needs_is_kept),
		TEST(nothing_goes_out_of_the_middle),
		TEST(many_events_go_in_several_bites),
		TEST(many_keys_go_in_several_bites),
		TEST(only_sagas_that_have_long_ended_are_forgotten),
		TEST(a_consumer_says_how_far_it_is),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
