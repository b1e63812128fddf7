/* What saga.h promises, on a real PostgreSQL: leases, fencing, records, retries, workers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/uuid.h"
#include "runtime/migrate.h"
#include "runtime/saga_private.h"
#include "test/harness/pg.h"
#include "test/harness/work.h"

#define SUBJECT "018f2f6e-0000-7000-8000-000000000001"
#define PATIENCE (10 * CLOCK_SECOND) /* only a failing test needs it */

static const struct reason NO_ROOM = { CODE_FAILED_PRECONDITION, "NO_ROOM", "There is no room." };
static const struct reason TOO_LATE = { CODE_FAILED_PRECONDITION, "TOO_LATE", "It took too long." };
static const char *conninfo;

/* ---- A kind whose steps do what the test says, and that counts its ends in a table of its own ---- */

static struct {
	const struct reason *answers[3]; /* of the steps; NULL: done */
	const struct reason *undo_answer;
	char story[200];          /* what was done, in order */
	struct saga *interrupted; /* by whom: a claim that happens while a step runs */
	bool hang, database_ends;
	int running, most;
} plan;

static void tell(const char *what)
{
	const size_t len = strlen(plan.story);

	assert_true(len + strlen(what) + 2 < sizeof(plan.story));
	memcpy(plan.story + len, what, strlen(what) + 1);
}

static const struct saga_kind KIND;

static struct status do_step(struct call *call, struct saga *saga)
{
	static const char *const NAMES[] = { "a", "b", "c" };
	const int step = saga->place.step;

	plan.running++;
	plan.most = plan.running > plan.most ? plan.running : plan.most;
	coroutine_sleep(call->loop, plan.hang ? 20 * CLOCK_MILLISECOND : 0);
	plan.running--;
	if (plan.database_ends) {
		pg_stop();
		call_cancel(call);
	}
	tell(NAMES[step]);
	return plan.answers[step] == NULL ? STATUS_OK : status_of(plan.answers[step]);
}

static struct status undo_step(struct call *call, struct saga *saga)
{
	static const char *const NAMES[] = { "A", "B", "C" };

	(void)call;
	tell(NAMES[saga->place.step]);
	return plan.undo_answer == NULL ? STATUS_OK : status_of(plan.undo_answer);
}

static struct status open_nothing(struct call *call, struct saga *saga)
{
	saga->work = call;
	return STATUS_OK;
}

static struct db_statement END = DB_WRITE(
    "test_end",
    SAGA_END_BEGIN(
	"SELECT 1 FROM thing WHERE thing_id = :aggregate_id FOR UPDATE") ", counted AS (UPDATE thing SET ends = ends + 1 FROM accepted WHERE thing_id = :aggregate_id)" SAGA_WRITE_END);

static struct status end(struct call *call, struct saga *saga)
{
	struct write write = { .aggregate_type = "thing", .aggregate_id = saga->subject_id, .version = 1 };

	return saga_end(call, saga, db_unit(call, &END), &write, STATUS_OK);
}

static const int64_t deadline = 60;
static const struct saga_kind KIND = {
	.name = "test",
	.steps = (const struct saga_step[]){ { "first", do_step, undo_step, false },
					     { "second", do_step, undo_step, false },
					     { "third", do_step, undo_step, false },
					     { .name = NULL } },
	.deadline_s = &deadline,
	.too_late = &TOO_LATE,
	.open = open_nothing,
	.end = end,
};
static const struct saga_kind *const KINDS[] = { &KIND, NULL };

static struct db_statement START =
    DB_WRITE("test_start", STEP_BEGIN("SELECT 1 FROM thing WHERE thing_id = :aggregate_id") SAGA_START WRITE_END);

/* ---- What the tests do ---- */

static struct status start(struct call *call, const char *subject_id, bool leased, struct saga **ret_saga)
{
	struct write write = { .aggregate_type = "thing", .aggregate_id = subject_id, .version = 1 };

	*ret_saga = (leased ? saga_new : saga_for_workers)(call, &KIND, subject_id, subject_id, STR("data"));
	write.saga = *ret_saga;
	TRY(write_step(call, db_unit(call, &START), &write, STATUS_OK));
	assert_true(write.applied);
	return STATUS_OK;
}

static int64_t number(struct call *call, struct db_statement *statement)
{
	struct db_unit *unit = db_unit(call, statement);
	const struct status status = db_run(call, unit);

	if (status.reason != NULL)
		fail_msg("%s: %s", statement->name, status.reason->name);
	return db_int(db_rows(unit, 0), 0, "n");
}

static struct db_statement COUNT_ENDS = DB_WRITE("test_count_ends", "SELECT sum(ends)::bigint AS n FROM thing");
static struct db_statement COUNT_LIVE =
    DB_WRITE("test_count_live", "SELECT count(*) AS n FROM saga WHERE state IN ('RUNNING', 'COMPENSATING')");
static struct db_statement LEASE_RUNS_OUT = DB_WRITE(
    "test_lease_runs_out",
    "WITH late AS (UPDATE saga SET lease_until = now() - interval '1 s', run_time = now() - interval '1 s' RETURNING 1)"
    " SELECT count(*) AS n FROM late");
static struct db_statement DEADLINE_PASSES = DB_WRITE(
    "test_deadline_passes",
    "WITH late AS (UPDATE saga SET deadline = now() - interval '1 s' RETURNING 1) SELECT count(*) AS n FROM late");

static void assert_stands(struct call *call, const char *state, const char *last_error)
{
	struct saga_row row;
	const char *id = saga_id_of(call->arena, &KIND, SUBJECT);

	assert_ok(saga_get(call, id, &row));
	assert_string_equal(row.state, state);
	assert_string_equal(row.last_error, last_error);
}

static struct saga *claim_due(struct call *call)
{
	struct saga *saga;

	assert_ok(saga_store_claim_due(call, KINDS, &saga));
	return saga;
}

static struct saga *take_over(struct call *call)
{
	struct saga *saga;

	number(call, &LEASE_RUNS_OUT);
	saga = claim_due(call);
	assert_non_null(saga);
	return saga;
}

/* ---- Tests ---- */

static struct status runs_to_its_end(struct call *call, struct job *job)
{
	struct saga_row row;
	struct saga *saga;

	(void)job;
	TRY(start(call, SUBJECT, true, &saga));
	assert_null(claim_due(call)); /* it is ours */
	TRY(saga_run(call, saga));
	assert_true(saga->ended);
	assert_string_equal(plan.story, "abc");
	assert_int_equal(number(call, &COUNT_ENDS), 1);
	assert_stands(call, "COMPLETED", "");
	TRY(saga_get(call, saga->saga_id, &row));
	assert_int_equal(row.n_steps, 3);
	assert_string_equal(row.steps[2].outcome, "OK");
	assert_int_equal(row.steps[2].attempts, 1);
	assert_string_equal(row.trace_parent, call->trace_parent);
	number(call, &LEASE_RUNS_OUT);
	assert_null(claim_due(call));
	return STATUS_OK;
}

static struct status refusals_are_undone(struct call *call, struct job *job)
{
	struct saga *saga;

	(void)job;
	plan.answers[2] = &NO_ROOM;
	TRY(start(call, SUBJECT, true, &saga));
	TRY(saga_run(call, saga));
	assert_string_equal(plan.story, "abcBA");
	assert_ptr_equal(saga->cause.reason, &NO_ROOM);
	assert_stands(call, "COMPENSATED", "NO_ROOM");
	assert_int_equal(number(call, &COUNT_ENDS), 1);
	return STATUS_OK;
}

/* Nobody knows whether it was undone: it is no end, whatever the reason. */
static struct status an_undoing_that_is_unknown_is_repeated(struct call *call, struct job *job)
{
	static const struct reason *const unknown[] = { &DEADLINE_PASSED, &OUTCOME_UNKNOWN, &CONCURRENT_CHANGE,
							&INTERNAL_ERROR };
	struct saga *saga;

	(void)job;
	plan.answers[1] = &NO_ROOM;
	plan.undo_answer = &CALL_CANCELLED;
	TRY(start(call, SUBJECT, true, &saga));
	assert_reason(saga_run(call, saga), &CALL_CANCELLED);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		plan.undo_answer = unknown[i];
		assert_reason(saga_run(call, take_over(call)), unknown[i]);
		assert_stands(call, "COMPENSATING", status_message(status_of(unknown[i])));
	}
	plan.undo_answer = NULL;
	TRY(saga_run(call, take_over(call)));
	assert_string_equal(plan.story, "abAAAAAA");
	assert_stands(call, "COMPENSATED", "NO_ROOM");
	return STATUS_OK;
}

static struct status a_refusal_of_the_first_step_has_nothing_to_undo(struct call *call, struct job *job)
{
	struct saga *saga;

	(void)job;
	plan.answers[0] = &NO_ROOM;
	TRY(start(call, SUBJECT, true, &saga));
	TRY(saga_run(call, saga));
	assert_string_equal(plan.story, "a");
	assert_stands(call, "REFUSED", "NO_ROOM");
	return STATUS_OK;
}

static struct status what_is_unknown_comes_back_later(struct call *call, struct job *job)
{
	struct saga *saga;
	struct saga_row row;

	(void)job;
	plan.answers[1] = &PEER_UNAVAILABLE;
	TRY(start(call, SUBJECT, true, &saga));
	assert_reason(saga_run(call, saga), &PEER_UNAVAILABLE);
	for (int i = 0; i < 3; i++)
		assert_reason(saga_run(call, take_over(call)), &PEER_UNAVAILABLE);
	TRY(saga_get(call, saga->saga_id, &row));
	assert_int_equal(row.attempts, 4);
	assert_string_equal(row.steps[1].outcome, "UNAVAILABLE");
	assert_int_equal(row.steps[1].attempts, 4);
	assert_true(row.run_time > row.update_time);
	assert_true(row.run_time <= row.update_time + 400 * CLOCK_MILLISECOND);
	plan.answers[1] = NULL;
	saga = take_over(call);
	TRY(saga_run(call, saga));
	assert_int_equal(saga->epoch, 5);
	assert_string_equal(plan.story, "abababababc");
	assert_stands(call, "COMPLETED", "");
	return STATUS_OK;
}

/* The claim that our test says has happened, while a step runs. */
static struct status is_robbed(struct call *call, struct saga *saga)
{
	(void)saga;
	if (plan.interrupted == NULL)
		plan.interrupted = take_over(call);
	return STATUS_OK;
}

static const struct saga_kind ROBBED = {
	.name = "test",
	.steps = (const struct saga_step[]){ { .name = "first", .run = is_robbed }, { .name = NULL } },
	.open = open_nothing,
	.end = end,
};

static struct status a_zombie_changes_nothing(struct call *call, struct job *job)
{
	struct saga *zombie;
	bool held = true;

	(void)job;
	TRY(start(call, SUBJECT, true, &zombie));
	zombie->kind = &ROBBED;
	assert_reason(saga_run(call, zombie), &SAGA_LOST); /* its end */
	assert_int_equal(number(call, &COUNT_ENDS), 0);
	TRY(saga_store_record(call, zombie, 0, "I am back", &held)); /* its record */
	assert_false(held);
	assert_stands(call, "RUNNING", "");
	assert_int_equal(plan.interrupted->epoch, zombie->epoch + 1);
	TRY(saga_run(call, plan.interrupted));
	assert_int_equal(number(call, &COUNT_ENDS), 1);
	plan.interrupted = zombie;
	assert_reason(saga_run(call, zombie), &SAGA_LOST);
	assert_int_equal(number(call, &COUNT_ENDS), 1);
	return STATUS_OK;
}

static struct status time_turns_it_round(struct call *call, struct job *job)
{
	struct saga *saga;

	(void)job;
	plan.answers[1] = &PEER_UNAVAILABLE;
	TRY(start(call, SUBJECT, true, &saga));
	assert_reason(saga_run(call, saga), &PEER_UNAVAILABLE);
	number(call, &DEADLINE_PASSES);
	plan.undo_answer = &PEER_UNAVAILABLE;
	assert_reason(saga_run(call, take_over(call)), &PEER_UNAVAILABLE);
	assert_stands(call, "COMPENSATING", status_message(status_of(&PEER_UNAVAILABLE)));
	plan.undo_answer = NULL;
	saga = take_over(call);
	TRY(saga_run(call, saga));
	assert_string_equal(plan.story, "abCCBA");
	assert_string_equal(saga->cause.reason->name, "TOO_LATE"); /* kept in the row */
	assert_stands(call, "COMPENSATED", "TOO_LATE");
	return STATUS_OK;
}

static struct status what_has_gone_on_is_seen_through(struct call *call, struct job *job)
{
	struct saga *saga;

	(void)job;
	plan.answers[2] = &PEER_UNAVAILABLE;
	TRY(start(call, SUBJECT, true, &saga));
	assert_reason(saga_run(call, saga), &PEER_UNAVAILABLE);
	number(call, &DEADLINE_PASSES);
	plan.undo_answer = &NO_ROOM;
	assert_reason(saga_run(call, take_over(call)), &PEER_UNAVAILABLE);
	plan.answers[2] = NULL;
	TRY(saga_run(call, take_over(call)));
	assert_string_equal(plan.story, "abcCabcabc");
	assert_stands(call, "COMPLETED", "");
	return STATUS_OK;
}

static struct status a_bug_is_parked(struct call *call, struct job *job)
{
	struct saga *saga;

	(void)job;
	plan.answers[1] = &INVALID_REQUEST;
	TRY(start(call, SUBJECT, true, &saga));
	assert_reason(saga_run(call, saga), &SAGA_PARKED);
	assert_stands(call, "NEEDS_OPERATOR", status_message(status_of(&INVALID_REQUEST)));
	number(call, &LEASE_RUNS_OUT);
	assert_null(claim_due(call));
	assert_reason(saga_join(call, &KIND, SUBJECT), &SAGA_PARKED);
	assert_int_equal(number(call, &COUNT_LIVE), 0);
	return STATUS_OK;
}

static struct status a_second_start_is_the_same_saga(struct call *call, struct job *job)
{
	struct saga *saga, *again;

	(void)job;
	TRY(start(call, SUBJECT, true, &saga));
	TRY(start(call, SUBJECT, false, &again));
	assert_string_equal(saga->saga_id, again->saga_id);
	TRY(saga_run(call, saga));
	TRY(start(call, SUBJECT, false, &again));
	assert_int_equal(number(call, &COUNT_LIVE), 0);
	return STATUS_OK;
}

static struct status run_claimed(struct call *call, struct job *job)
{
	struct saga *saga = claim_due(call);

	job->number = saga != NULL;
	return saga == NULL ? STATUS_OK : saga_run(call, saga);
}

static struct status start_many(struct call *call, struct job *job)
{
	for (int i = 0; i < job->number; i++) {
		struct saga *saga;

		TRY(start(call, arena_printf(call->arena, "018f2f6e-0000-7000-8000-%012d", i), false, &saga));
	}
	return STATUS_OK;
}

static struct status join(struct call *call, struct job *job)
{
	(void)job;
	TRY(saga_join(call, &KIND, SUBJECT));
	assert_false(call->committed); /* its own work is still to come */
	return STATUS_OK;
}

static struct status start_one(struct call *call, struct job *job)
{
	struct saga *saga;

	(void)job;
	return start(call, SUBJECT, false, &saga);
}

static struct status check_ends(struct call *call, struct job *job)
{
	assert_int_equal(number(call, &COUNT_ENDS), job->number);
	assert_int_equal(number(call, &COUNT_LIVE), 0);
	return STATUS_OK;
}

/* Many claim at once: each gets another one, or none. */
static void rivals_never_get_the_same(void **state)
{
	struct job jobs[30] = { 0 }, many = { .number = 20 }, after = { .number = 20 };
	int taken = 0;

	(void)state;
	plan.hang = true;
	assert_ok(work_run(start_many, &many));
	work_run_all(run_claimed, jobs, 30);
	for (int i = 0; i < 30; i++) {
		assert_ok(jobs[i].outcome);
		taken += jobs[i].number;
	}
	assert_int_equal(taken, 20);
	assert_ok(work_run(check_ends, &after));
}

static void those_who_join_see_one_end(void **state)
{
	struct job jobs[10] = { 0 }, after = { .number = 1 };

	(void)state;
	plan.hang = true;
	assert_ok(work_run(start_one, NULL));
	work_run_all(join, jobs, 10);
	for (int i = 0; i < 10; i++)
		assert_ok(jobs[i].outcome);
	assert_string_equal(plan.story, "abc");
	assert_ok(work_run(check_ends, &after));
}

static bool stopped;

static void on_stopped(void *context)
{
	(void)context;
	stopped = true;
}

/* SIGTERM, and no database any more. */
static struct status a_process_that_ends_does_not_wait_for_the_database(struct call *call, struct job *job)
{
	struct saga *saga;
	int64_t began;

	(void)job;
	plan.database_ends = true;
	plan.answers[0] = &CALL_CANCELLED;
	TRY(start(call, SUBJECT, true, &saga));
	began = clock_monotonic();
	assert_int_not_equal(status_code(saga_run(call, saga)), CODE_OK);
	assert_true(clock_monotonic() - began < PATIENCE / 2);
	pg_restart();
	return STATUS_OK;
}

/* Started by one process that died; taken up by the workers of the next. */
static struct status workers_take_over(struct call *call, struct job *job)
{
	const int64_t end_of_patience = clock_monotonic() + PATIENCE;

	sagas_start(call->loop, call->db, "test", KINDS);
	while (number(call, &COUNT_LIVE) > 0 && clock_monotonic() < end_of_patience)
		coroutine_sleep(call->loop, CLOCK_MILLISECOND);
	assert_int_equal(number(call, &COUNT_ENDS), job->number);
	sagas_stop(on_stopped, NULL);
	while (!stopped)
		coroutine_sleep(call->loop, CLOCK_MILLISECOND);
	sagas_free();
	return STATUS_OK;
}

static void workers_take_up_what_is_due_at_once(void **state)
{
	struct job many = { .number = 60 }, work = { .number = 60 };

	(void)state;
	plan.hang = true;
	plan.story[0] = '\0';
	assert_ok(work_run(start_many, &many));
	assert_ok(work_run(workers_take_over, &work));
	assert_true(plan.most > 1);
	assert_true(plan.most <= SAGA_WORKERS);
}

/* ---- Around the tests ---- */

struct body {
	struct status (*run)(struct call *call, struct job *job);
};

static void run_body(void **state)
{
	const struct body *body = *state;

	assert_ok(work_run(body->run, NULL));
}

static int make_database(void **state)
{
	static const struct migration none[] = { { .name = NULL } };

	(void)state;
	setenv("CMOCKA_TEST_ABORT", "1", 1); /* a check that fails in a coroutine cannot jump to the test's stack */
	conninfo = pg_start();
	if (!migrate(conninfo, none))
		return -1;
	pg_execute(conninfo, "CREATE TABLE thing (thing_id text PRIMARY KEY, ends bigint NOT NULL)");
	return 0;
}

static int open_work(void **state)
{
	(void)state;
	memset(&plan, 0, sizeof(plan));
	stopped = false;
	pg_execute(conninfo,
		   "TRUNCATE thing, saga, saga_step, outbox, idempotency, history; INSERT INTO thing SELECT "
		   "'018f2f6e-0000-7000-8000-' || lpad(i::text, 12, '0'), 0 FROM generate_series(0, 99) AS i");
	work_open(conninfo);
	return 0;
}

static int close_work(void **state)
{
	(void)state;
	work_close();
	return 0;
}

#define BODY(name_)                                                                                                    \
	{                                                                                                              \
#name_, run_body, open_work, close_work, &(struct body)                                                \
		{                                                                                                      \
			name_                                                                                          \
		}                                                                                                      \
	}
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, open_work, close_work)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BODY(runs_to_its_end),
		BODY(refusals_are_undone),
		BODY(an_undoing_that_is_unknown_is_repeated),
		BODY(a_refusal_of_the_first_step_has_nothing_to_undo),
		BODY(what_is_unknown_comes_back_later),
		BODY(a_zombie_changes_nothing),
		BODY(time_turns_it_round),
		BODY(what_has_gone_on_is_seen_through),
		BODY(a_bug_is_parked),
		BODY(a_second_start_is_the_same_saga),
		BODY(a_process_that_ends_does_not_wait_for_the_database),
		TEST(rivals_never_get_the_same),
		TEST(those_who_join_see_one_end),
		TEST(workers_take_up_what_is_due_at_once),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
