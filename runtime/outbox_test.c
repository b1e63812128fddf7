/* What events.h promises of the producer's side: positions, fetching, waiting. On a real PostgreSQL. */
#include "runtime/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/events_fixture.h"

/* The gate is an advisory lock that the connection for writes holds. */
static struct db_statement CLOSE_GATE = DB_WRITE("close_gate", "SELECT pg_advisory_lock(5)::text");
static struct db_statement OPEN_GATE = DB_WRITE("open_gate", "SELECT pg_advisory_unlock(5)::text");
static struct db_statement LAST_NUMBER = DB_WRITE("last_number", "SELECT last AS n FROM outbox_sequence");
static struct db_statement COUNT_WAITING =
    DB_WRITE("count_waiting", "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");

static Events__FetchEventsResponse *fetch(struct call *call, int64_t after, int64_t limit, int64_t wait)
{
	Events__FetchEventsResponse *reply = pb_new(call->arena, &events__fetch_events_response__descriptor);
	const struct status status = outbox_fetch(call, after, limit, wait, reply);

	if (status.reason != NULL)
		fail_msg("fetch: %s", status.reason->name);
	return reply;
}

/* A fetch in a call of its own: number is the position that it goes on from, amount how long it waits. */
static struct status fetch_beside(struct call *call, struct job *job)
{
	Events__FetchEventsResponse *reply = pb_new(call->arena, &events__fetch_events_response__descriptor);

	job->call = call;
	TRY(outbox_fetch(call, job->number, 0, job->amount, reply));
	job->number = (int)reply->n_events;
	return STATUS_OK;
}

static void await_end(struct call *call, const struct job *job)
{
	const int64_t until = clock_monotonic() + 2 * PATIENCE;

	while (!job->ended && clock_monotonic() < until)
		coroutine_sleep(call->loop, CLOCK_MILLISECOND);
	assert_true(job->ended);
}

static struct status an_event_is_fetched_as_it_was_told(struct call *call)
{
	const Events__FetchEventsResponse *reply;
	const Events__Event *event;

	TRY(tell(call, "a", 1, 1));
	TRY(tell(call, "b", 7, 7));
	await_number(call, &LAST_NUMBER, 2);
	reply = fetch(call, 1, 0, PATIENCE);
	assert_int_equal(reply->n_events, 1);
	assert_int_equal(reply->last_position, 2);
	event = reply->events[0];
	assert_int_equal(event->position, 2);
	assert_int_equal(strlen(event->event_id), 36);
	assert_string_equal(event->aggregate_type, "thing");
	assert_string_equal(event->aggregate_id, "b");
	assert_int_equal(event->aggregate_version, 7);
	assert_string_equal(event->trace_parent, "trace of 7");
	assert_int_equal(pb_micros(event->time), INT64_C(1795262400) * CLOCK_SECOND);
	assert_string_equal(event->payload->type_url, "type.googleapis.com/" KNOWN);
	assert_int_equal(event->payload->value.len, 2);
	assert_memory_equal(event->payload->value.data, "\x08\x07", 2);
	return STATUS_OK;
}

static struct status a_fetch_gives_as_many_as_were_asked_for(struct call *call)
{
	TRY(tell(call, "a", 1, 120));
	await_number(call, &LAST_NUMBER, 120);
	assert_int_equal(fetch(call, 0, 0, 0)->n_events, 100);
	assert_int_equal(fetch(call, 0, 7, 0)->n_events, 7);
	assert_int_equal(fetch(call, 0, 7, 0)->events[6]->position, 7);
	assert_int_equal(fetch(call, 118, 7, 0)->n_events, 2);
	assert_int_equal(fetch(call, 120, 7, 0)->n_events, 0);
	assert_int_equal(fetch(call, 120, 7, 0)->last_position, 120);
	return STATUS_OK;
}

/* ---- Positions ---- */

#define TURNS 150 /* of a writer in another process; each fifth is rolled back */
#define KEPT (TURNS - TURNS / 5)
#define HERE 100
#define ALL (2 * KEPT + HERE)

static pid_t write_elsewhere(const char *writer)
{
	const pid_t child = fork();
	char block[512];

	if (child != 0)
		return child;
	snprintf(block, sizeof(block),
		 "DO $$ BEGIN FOR i IN 1..%d LOOP INSERT INTO outbox"
		 " (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, trace_parent, time)"
		 " VALUES (gen_random_uuid(), 'thing', '%s', i, 'some.Type', '', '', now());"
		 " IF i %% 5 = 0 THEN ROLLBACK; ELSE COMMIT; END IF; END LOOP; END $$",
		 TURNS, writer);
	pg_execute(conninfo, block);
	_exit(0);
}

static struct status watch(struct call *call, struct job *job)
{
	(void)job;
	await_number(call, &LAST_NUMBER, ALL);
	return STATUS_OK;
}

/* Another process of the same service, with a sequencer of its own. */
static pid_t number_elsewhere(void)
{
	const pid_t child = fork();

	if (child != 0)
		return child;
	work_open(conninfo);
	assert_ok(work_run(start_events, NULL));
	assert_ok(work_run(watch, NULL));
	_exit(0);
}

static struct status write_here(struct call *call, struct job *job)
{
	for (int64_t n = 1; n <= HERE; n++)
		TRY(tell(call, job->text, n, n));
	return STATUS_OK;
}

/* Each writer's events come in its order, and all of them. */
static struct status read_all(struct call *call, struct job *job)
{
	int64_t position = 0, versions[3] = { 0, 0, 0 };

	(void)job;
	while (position < ALL) {
		const Events__FetchEventsResponse *reply = fetch(call, position, 40, PATIENCE);

		assert_true(reply->n_events > 0);
		for (size_t i = 0; i < reply->n_events; i++) {
			const Events__Event *event = reply->events[i];
			int64_t *version = &versions[event->aggregate_id[0] - 'a'];

			assert_int_equal(event->position, ++position);
			assert_true(event->aggregate_version > *version);
			*version = event->aggregate_version;
		}
	}
	assert_int_equal(fetch(call, position, 0, 0)->n_events, 0);
	assert_int_equal(versions[2], HERE);
	return STATUS_OK;
}

static void positions_of_many_writers_have_no_gap(void **state)
{
	pid_t children[] = { number_elsewhere(), write_elsewhere("a"), write_elsewhere("b") };
	struct job here = { .text = "c" }, reader = { .number = 0 };

	(void)state;
	work_start(&here, write_here);
	work_start(&reader, read_all);
	work_finish();
	assert_ok(here.outcome);
	assert_ok(reader.outcome);
	for (size_t i = 0; i < 3; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
}

static struct db_statement PASS_GATE = DB_WRITE("pass_gate", "SELECT pg_advisory_xact_lock(5)::text");

/* Another session's transaction, which commits only when the gate is open. */
static struct status tell_late(struct call *call, struct job *job)
{
	const struct db_options options = { .conninfo = conninfo,
					    .read_connections = 1,
					    .write_connections = 1,
					    .group_limit = 1,
					    .queue_limit = 10,
					    .statement_timeout = PATIENCE };
	struct db_unit *unit;
	struct status status;

	(void)job;
	call->db = db_new(call->loop, &options);
	unit = db_unit(call, &TELL);
	db_bind_text(unit, "aggregate_id", "late");
	db_bind_text(unit, "type", KNOWN);
	db_bind_time(unit, "time", clock_now());
	db_bind_int(unit, "first", 1);
	db_bind_int(unit, "last", 1);
	db_then(unit, &PASS_GATE);
	status = db_run(call, unit);
	db_free(call->db);
	return status;
}

static struct status what_commits_late_is_not_lost(struct call *call)
{
	struct job late = { .number = 0 };
	const Events__FetchEventsResponse *reply;

	TRY(run_only(call, &CLOSE_GATE));
	work_start(&late, tell_late);
	await_number(call, &COUNT_WAITING, 1);
	TRY(tell(call, "early", 1, 2));
	await_number(call, &LAST_NUMBER, 2);
	TRY(run_only(call, &OPEN_GATE));
	await_end(call, &late);
	assert_ok(late.outcome);
	reply = fetch(call, 2, 0, PATIENCE);
	assert_int_equal(reply->n_events, 1);
	assert_int_equal(reply->events[0]->position, 3);
	assert_string_equal(reply->events[0]->aggregate_id, "late");
	assert_int_equal(fetch(call, 0, 0, 0)->n_events, 3);
	return STATUS_OK;
}

/* ---- Waiting ---- */

#define WAITERS 3
#define TIMES 6

/* The sequencer looks around once a second; so many events in a row come faster only when each is told of. */
static struct status a_commit_ends_the_waiting(struct call *call)
{
	const int64_t began = clock_monotonic();

	for (int n = 1; n <= TIMES; n++) {
		struct job waiters[WAITERS];

		for (int i = 0; i < WAITERS; i++) {
			waiters[i] = (struct job){ .number = n - 1, .amount = PATIENCE };
			work_start(&waiters[i], fetch_beside);
		}
		coroutine_sleep(call->loop, 20 * CLOCK_MILLISECOND);
		TRY(tell(call, "a", n, n));
		for (int i = 0; i < WAITERS; i++) {
			await_end(call, &waiters[i]);
			assert_ok(waiters[i].outcome);
			assert_int_equal(waiters[i].number, 1);
		}
	}
	assert_true(clock_monotonic() - began < (TIMES - 2) * CLOCK_SECOND);
	return STATUS_OK;
}

static struct db_statement LOOK_THROUGH_GATE =
    DB_READ("look_through_gate", "SELECT pg_advisory_xact_lock_shared(5)::text");

static struct status look_through_gate(struct call *call, struct job *job)
{
	(void)job;
	return run_only(call, &LOOK_THROUGH_GATE);
}

/* What a fetch sees is as old as its round trip is long, which it shares with others. */
static struct status what_is_numbered_while_a_fetch_reads_is_not_missed(struct call *call)
{
	struct job fetcher = { .amount = PATIENCE }, slow = { .number = 0 };

	TRY(run_only(call, &CLOSE_GATE));
	work_start(&fetcher, fetch_beside);
	work_start(&slow, look_through_gate);
	await_number(call, &COUNT_WAITING, 1);
	TRY(tell(call, "a", 1, 1));
	await_number(call, &LAST_NUMBER, 1);
	TRY(run_only(call, &OPEN_GATE));
	await_end(call, &fetcher);
	assert_ok(fetcher.outcome);
	assert_int_equal(fetcher.number, 1);
	assert_true(fetcher.took < PATIENCE / 2);
	await_end(call, &slow);
	return STATUS_OK;
}

static struct status what_another_process_wrote_is_seen_soon(struct call *call)
{
	struct job waiter = { .amount = PATIENCE };

	work_start(&waiter, fetch_beside);
	coroutine_sleep(call->loop, 20 * CLOCK_MILLISECOND);
	pg_execute(conninfo,
		   "INSERT INTO outbox (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload,"
		   " trace_parent, time) VALUES (gen_random_uuid(), 'thing', 'a', 1, 'some.Type', '', '', now())");
	await_end(call, &waiter);
	assert_ok(waiter.outcome);
	assert_int_equal(waiter.number, 1);
	assert_true(waiter.took < PATIENCE / 2);
	return STATUS_OK;
}

static struct status waiting_ends_in_time(struct call *call)
{
	struct job patient = { .amount = 300 * CLOCK_MILLISECOND };
	struct job hurried = { .amount = PATIENCE, .timeout = 600 * CLOCK_MILLISECOND };
	struct job leaving = { .amount = PATIENCE };
	struct job not_waiting = { .amount = 0 };

	work_start(&patient, fetch_beside);
	work_start(&hurried, fetch_beside);
	work_start(&leaving, fetch_beside);
	work_start(&not_waiting, fetch_beside);
	await_end(call, &not_waiting);
	assert_false(leaving.ended);
	call_cancel(leaving.call);
	await_end(call, &leaving);
	assert_reason(leaving.outcome, &CALL_CANCELLED);
	await_end(call, &patient);
	assert_ok(patient.outcome);
	assert_in_range(patient.took, 300 * CLOCK_MILLISECOND, PATIENCE / 2);
	await_end(call, &hurried); /* in time to tell that there is nothing */
	assert_ok(hurried.outcome);
	assert_int_equal(hurried.number + patient.number + not_waiting.number, 0);
	assert_in_range(hurried.took, 400 * CLOCK_MILLISECOND, PATIENCE / 2);
	return STATUS_OK;
}

static struct status stopping_ends_the_waiting(struct call *call)
{
	struct job waiter = { .amount = 2 * PATIENCE };

	work_start(&waiter, fetch_beside);
	coroutine_sleep(call->loop, 20 * CLOCK_MILLISECOND);
	assert_false(waiter.ended);
	stop_and_wait(call);
	await_end(call, &waiter);
	assert_ok(waiter.outcome);
	assert_int_equal(waiter.number, 0);
	assert_true(waiter.took < PATIENCE / 2);
	TRY(tell(call, "a", 1, 1)); /* nobody numbers it any more, and nobody minds */
	assert_int_equal(number(call, &LAST_NUMBER), 0);
	return STATUS_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_event_is_fetched_as_it_was_told),
		TEST(a_fetch_gives_as_many_as_were_asked_for),
		cmocka_unit_test_setup_teardown(positions_of_many_writers_have_no_gap, open_scene, close_scene),
		TEST(what_commits_late_is_not_lost),
		TEST(a_commit_ends_the_waiting),
		TEST(what_is_numbered_while_a_fetch_reads_is_not_missed),
		TEST(what_another_process_wrote_is_seen_soon),
		TEST(waiting_ends_in_time),
		TEST(stopping_ends_the_waiting),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
