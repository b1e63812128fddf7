/*
 * events_fixture: a process with an outbox and consumers of its own events, for the tests of outbox.c and consumer.c. On a real PostgreSQL. Included by tests only, once
 * each, after cmocka.
 *
 * Invariants
 * - A test's body is a call (work.h); while it waits, sequencer and consumers go on. After it everything is stopped, and nothing may be left.
 * - tell() writes Durations of so many seconds, numbered like their aggregates' versions; a shout is a Timestamp, which no handler here knows.
 *
 * Usage
 *     static struct status events_are_fetched(struct call *call)
 *     {
 *             TRY(tell(call, "a", 1, 3));
 *             ...
 *     }
 *     const struct CMUnitTest tests[] = { TEST(events_are_fetched) };
 */
#ifndef QUAYSIDE_RUNTIME_EVENTS_FIXTURE_H
#define QUAYSIDE_RUNTIME_EVENTS_FIXTURE_H

#include <google/protobuf/duration.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/events.h"
#include "runtime/migrate.h"
#include "runtime/outbox.h"
#include "runtime/pb.h"
#include "test/harness/pg.h"
#include "test/harness/work.h"

#define PATIENCE (10 * CLOCK_SECOND) /* only a failing test needs it */
#define KNOWN "google.protobuf.Duration"
#define SHOUT "google.protobuf.Timestamp"

static const char *conninfo;

static struct {
	struct status (*body)(struct call *call);
	struct events *events;
	bool stopped;
} scene;

/* ---- Statements. Those that look are writes where they must come behind other writes, or where the connection for reads is busy. ---- */

static struct db_statement TELL =
    DB_WRITE("tell", "INSERT INTO outbox"
		     " (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, trace_parent, time)"
		     " SELECT gen_random_uuid(), 'thing', :aggregate_id, n, :type,"
		     " decode('08' || lpad(to_hex(n), 2, '0'), 'hex'), 'trace of ' || n, :time"
		     " FROM generate_series(:first::bigint, :last::bigint) AS n ORDER BY n");

static inline struct status tell_of_type(struct call *call, const char *type, const char *aggregate_id, int64_t first,
					 int64_t last)
{
	struct db_unit *unit = db_unit(call, &TELL);

	db_bind_text(unit, "aggregate_id", aggregate_id);
	db_bind_text(unit, "type", type);
	db_bind_time(unit, "time", INT64_C(1795262400) * CLOCK_SECOND);
	db_bind_int(unit, "first", first);
	db_bind_int(unit, "last", last);
	TRY(db_run(call, unit));
	events_written();
	return STATUS_OK;
}

static inline struct status tell(struct call *call, const char *aggregate_id, int64_t first, int64_t last)
{
	return tell_of_type(call, KNOWN, aggregate_id, first, last);
}

/* The column `n` of the only row, if it has one. */
static inline int64_t number(struct call *call, struct db_statement *statement)
{
	struct db_unit *unit = db_unit(call, statement);
	const struct status status = db_run(call, unit);

	if (status.reason != NULL)
		fail_msg("%s: %s", statement->name, status.reason->name);
	return db_int(db_rows(unit, 0), 0, "n");
}

static inline struct status run_only(struct call *call, struct db_statement *statement)
{
	return db_run(call, db_unit(call, statement));
}

/* Lets everything else go on until the statement's number is this. */
static inline void await_number(struct call *call, struct db_statement *statement, int64_t wanted)
{
	const int64_t until = clock_monotonic() + PATIENCE;
	int64_t seen;

	while ((seen = number(call, statement)) != wanted) {
		if (clock_monotonic() > until)
			fail_msg("%s: %lld instead of %lld", statement->name, (long long)seen, (long long)wanted);
		coroutine_sleep(call->loop, CLOCK_MILLISECOND);
	}
}

/* The same for what the test itself counts. */
static inline void await_count(struct call *call, const int *count, int wanted)
{
	const int64_t until = clock_monotonic() + PATIENCE;

	while (*count < wanted) {
		if (clock_monotonic() > until)
			fail_msg("%d instead of %d", *count, wanted);
		coroutine_sleep(call->loop, CLOCK_MILLISECOND);
	}
}

/* ---- The scene ---- */

static inline int make_database(void **state)
{
	static const struct migration none[] = { { .name = NULL } };

	(void)state;
	/* A failed assertion must not jump from a coroutine's stack to the test's: it ends the program, with its message. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	conninfo = pg_start();
	if (!migrate(conninfo, none))
		return -1;
	pg_execute(
	    conninfo,
	    "CREATE TABLE effect (producer text NOT NULL, n bigint NOT NULL); CREATE TABLE move (one boolean);"
	    " CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS"
	    " $$ BEGIN INSERT INTO move VALUES (true); RETURN NULL; END $$;"
	    " CREATE TRIGGER moved AFTER UPDATE ON consumer_cursor FOR EACH STATEMENT EXECUTE FUNCTION note_move()");
	return 0;
}

static inline struct status start_events(struct call *call, struct job *job)
{
	(void)job;
	scene.stopped = false;
	scene.events = events_start(call->loop, call->db, "self");
	return STATUS_OK;
}

static inline void on_stopped(void *context)
{
	assert_ptr_equal(context, &scene);
	assert_false(scene.stopped);
	scene.stopped = true;
}

static inline void stop_and_wait(struct call *call)
{
	const int64_t until = clock_monotonic() + PATIENCE;

	events_stop(scene.events, on_stopped, &scene);
	while (!scene.stopped && clock_monotonic() < until)
		coroutine_sleep(call->loop, CLOCK_MILLISECOND);
	assert_true(scene.stopped);
	events_free(scene.events);
	scene.events = NULL;
}

static inline struct status stop_events(struct call *call, struct job *job)
{
	(void)job;
	if (scene.events != NULL)
		stop_and_wait(call);
	return STATUS_OK;
}

static inline int open_scene(void **state)
{
	(void)state;
	pg_execute(conninfo,
		   "TRUNCATE outbox RESTART IDENTITY; TRUNCATE history, idempotency, consumer_cursor, event_parked,"
		   " outbox_consumer, effect, move;"
		   " UPDATE outbox_sequence SET last = 0, forgotten = 0");
	work_open(conninfo);
	assert_ok(work_run(start_events, NULL));
	return 0;
}

static inline int close_scene(void **state)
{
	(void)state;
	assert_ok(work_run(stop_events, NULL));
	work_close();
	return 0;
}

static inline struct status run_body(struct call *call, struct job *job)
{
	(void)job;
	return scene.body(call);
}

/* What a test's state holds. */
struct body {
	struct status (*run)(struct call *call);
};

static inline void run_in_call(void **state)
{
	const struct body *body = *state;
	struct job job = { .timeout = 60 * CLOCK_SECOND };

	scene.body = body->run;
	assert_ok(work_run(run_body, &job));
}

#define BODY(run_) (&(struct body){ .run = (run_) })
#define TEST(name_)                                                                                                    \
	{                                                                                                              \
		.name = (#name_), .test_func = run_in_call, .setup_func = open_scene, .teardown_func = close_scene,    \
		.initial_state = BODY(name_)                                                                           \
	}

#endif
