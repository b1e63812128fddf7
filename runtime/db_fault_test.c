/* What db.h promises when things go wrong: late, cancelled, frozen, killed, down. Against a real PostgreSQL whose processes are stopped and killed. */
#include "runtime/db.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "base/clock.h"
#include "test/harness/pg.h"
#include "test/harness/work.h"

static const char *conninfo;

static int make_database(void **state)
{
	(void)state;
	conninfo = pg_start();
	pg_execute(conninfo, "CREATE TABLE item (id bigint PRIMARY KEY, amount bigint NOT NULL CHECK (amount >= 0))");
	return 0;
}

static int open_db(void **state)
{
	(void)state;
	pg_execute(conninfo, "TRUNCATE item");
	work_open(conninfo);
	return 0;
}

static int close_db(void **state)
{
	(void)state;
	work_close();
	return 0;
}

#define DB_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_db, close_db)

static struct db_statement INSERT_ITEM = DB_WRITE("insert_item", "INSERT INTO item (id, amount) VALUES (:id, 1)");
static struct db_statement COUNT_ITEMS = DB_READ("count_items", "SELECT count(*) AS n FROM item");
static struct db_statement NAP = DB_READ("nap", "SELECT pg_sleep(:seconds::float8)");
static struct db_statement NAP_WRITING = DB_WRITE("nap_writing", "SELECT pg_sleep(:seconds::float8)");
static struct db_statement READER = DB_READ("reader", "SELECT pg_backend_pid() AS pid");
static struct db_statement WRITER = DB_WRITE("writer", "SELECT pg_backend_pid() AS pid");

static struct status insert_item(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &INSERT_ITEM);

	db_bind_int(unit, "id", job->number);
	return db_run(call, unit);
}

static struct status count_items(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &COUNT_ITEMS);

	TRY(db_run(call, unit));
	job->amount = db_int(db_rows(unit, 0), 0, "n");
	return STATUS_OK;
}

static int64_t items(void)
{
	struct job job = { 0 };

	assert_ok(work_run(count_items, &job));
	return job.amount;
}

static struct status take_a_nap(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, job->statement);

	db_bind_text(unit, "seconds", job->text);
	return db_run(call, unit);
}

static struct status ask_pid(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, job->statement);

	TRY(db_run(call, unit));
	job->amount = db_int(db_rows(unit, 0), 0, "pid");
	return STATUS_OK;
}

static pid_t backend_of(struct db_statement *statement)
{
	struct job job = { .statement = statement };

	assert_ok(work_run(ask_pid, &job));
	return (pid_t)job.amount;
}

static void signal_backend(pid_t pid, int number)
{
	assert_true(pid > 1);
	assert_int_equal(kill(pid, number), 0);
}

/* Reads meanwhile, so that time passes and connections come back; reads may fail. */
static void wait_until_gone(pid_t pid)
{
	struct job job = { 0 };

	do
		(void)work_run(count_items, &job);
	while (kill(pid, 0) == 0 || job.outcome.reason != NULL);
}

#define BRIEF (300 * CLOCK_MILLISECOND)

/* A frozen server acknowledges everything and answers nothing: only our own deadline helps. */
static void a_frozen_writer_leaves_outcomes_unknown(void **state)
{
	const pid_t pid = backend_of(&WRITER);
	struct job jobs[3] = { { .number = 1, .timeout = BRIEF }, { .number = 2, .timeout = BRIEF }, { .number = 3 } };

	(void)state;
	signal_backend(pid, SIGSTOP);
	work_start(&jobs[0], insert_item);
	work_start(&jobs[1], insert_item);
	work_finish();
	assert_reason(jobs[0].outcome, &OUTCOME_UNKNOWN);
	assert_reason(jobs[1].outcome, &OUTCOME_UNKNOWN);
	assert_true(jobs[0].took >= BRIEF && jobs[0].took < 10 * BRIEF);
	/* Others go on over a new connection, while the old backend is still frozen. */
	assert_ok(work_run(insert_item, &jobs[2]));
	assert_int_not_equal(backend_of(&WRITER), pid);
	signal_backend(pid, SIGCONT);
	/* Thawed, it may well commit what it had received: the outcome was unknown indeed. But all or nothing. */
	wait_until_gone(pid);
	assert_true(items() == 1 || items() == 3);
}

static void a_frozen_reader_is_given_up(void **state)
{
	const pid_t pid = backend_of(&READER);
	struct job jobs[2] = { { .timeout = BRIEF }, { 0 } };

	(void)state;
	signal_backend(pid, SIGSTOP);
	work_run_all(count_items, jobs, 2);
	assert_reason(jobs[0].outcome, &DEADLINE_PASSED);
	/* The other has more time than statements may take: the connection is given up under it, too. */
	assert_reason(jobs[1].outcome, &DATABASE_UNAVAILABLE);
	assert_true(jobs[1].took < WORK_STATEMENT_TIMEOUT + 2 * CLOCK_SECOND);
	assert_int_not_equal(backend_of(&READER), pid);
	signal_backend(pid, SIGCONT);
}

/* The unit's memory is gone when its answer comes. */
static void an_answer_that_comes_too_late_is_dropped(void **state)
{
	const pid_t pid = backend_of(&READER);
	struct job late = { .timeout = BRIEF }, patient = { .timeout = 3 * BRIEF };

	(void)state;
	signal_backend(pid, SIGSTOP);
	work_start(&late, count_items);
	work_start(&patient, count_items);
	while (!late.ended)
		work_turn();
	assert_reason(late.outcome, &DEADLINE_PASSED);
	signal_backend(pid, SIGCONT);
	work_finish();
	assert_ok(patient.outcome);
	assert_int_equal(backend_of(&READER), pid);
}

/* Killing a backend makes PostgreSQL end all of them, and start again. Sessions that begin just before it notices end without a word, too. */
static void a_killed_server_is_connected_to_again(void **state)
{
	struct job read = { 0 }, write = { .number = 0 };
	const pid_t writer = backend_of(&WRITER), reader = backend_of(&READER);
	int written = 0;

	(void)state;
	signal_backend(writer, SIGKILL);
	while (written == 0) {
		write.number++;
		if (work_run(insert_item, &write).reason == NULL)
			written++;
		else
			assert_reason(write.outcome, &OUTCOME_UNKNOWN);
	}
	wait_until_gone(reader);
	assert_ok(work_run(count_items, &read));
	assert_true(read.amount >= written && read.amount <= write.number);
	assert_int_not_equal(backend_of(&WRITER), writer);
	assert_int_not_equal(backend_of(&READER), reader);
}

static void start_nap(struct job *job, struct db_statement *statement, const char *seconds, int64_t timeout)
{
	*job = (struct job){ .statement = statement, .text = seconds, .timeout = timeout };
	work_start(job, take_a_nap);
}

static struct status end_backend(struct call *call, struct job *job)
{
	static struct db_statement TERMINATE = DB_READ("terminate", "SELECT pg_terminate_backend(:pid::int)");
	static struct db_statement IS_BUSY = DB_READ(
	    "is_busy",
	    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = :pid::int AND wait_event = 'PgSleep') AS busy");
	bool busy = false;

	while (!busy) {
		struct db_unit *unit = db_unit(call, &IS_BUSY);

		db_bind_int(unit, "pid", job->amount);
		TRY(db_run(call, unit));
		busy = db_bool(db_rows(unit, 0), 0, "busy");
	}
	if (job->number != 0) {
		signal_backend((pid_t)job->amount, job->number);
		return STATUS_OK;
	}

	struct db_unit *unit = db_unit(call, &TERMINATE);

	db_bind_int(unit, "pid", job->amount);
	return db_run(call, unit);
}

/* Ended politely, the server says that it did not commit: everything is done again. */
static void a_write_on_an_ended_session_is_done_again(void **state)
{
	const pid_t pid = backend_of(&WRITER);
	struct job end = { .amount = pid }, nap, write = { .number = 1 };

	(void)state;
	start_nap(&nap, &NAP_WRITING, "0.5", 0);
	work_start(&write, insert_item);
	work_start(&end, end_backend);
	work_finish();
	assert_ok(end.outcome);
	assert_ok(nap.outcome);
	assert_ok(write.outcome);
	assert_int_not_equal(backend_of(&WRITER), pid);
	assert_int_equal(items(), 1);
}

/* Killed, it says nothing; and PostgreSQL ends all others, so a read that was under way is repeated on a new connection. */
static void a_write_on_a_killed_session_is_unknown_and_a_read_is_repeated(void **state)
{
	const pid_t reader = backend_of(&READER);
	struct job killer = { .amount = backend_of(&WRITER), .number = SIGKILL }, write, read;

	(void)state;
	start_nap(&write, &NAP_WRITING, "1.5", 0);
	work_start(&killer, end_backend);
	while (!killer.ended)
		work_turn();
	start_nap(&read, &NAP, "0.5", 0);
	work_finish();
	assert_reason(write.outcome, &OUTCOME_UNKNOWN);
	assert_ok(read.outcome);
	wait_until_gone(reader);
	assert_int_equal(items(), 0);
}

static void a_deadline_passes_in_the_queue(void **state)
{
	struct job nap, late = { .number = 1, .timeout = BRIEF };

	(void)state;
	backend_of(&WRITER);
	start_nap(&nap, &NAP_WRITING, "1", 0);
	work_turn();
	work_start(&late, insert_item);
	work_finish();
	assert_ok(nap.outcome);
	assert_reason(late.outcome, &DEADLINE_PASSED);
	assert_true(late.took >= BRIEF && late.took < CLOCK_SECOND);
	assert_int_equal(items(), 0);
}

/* The server ends the statement a little before the deadline, so the outcome is known. */
static void a_slow_statement_ends_with_its_call(void **state)
{
	struct job nap;

	(void)state;
	backend_of(&WRITER);
	start_nap(&nap, &NAP_WRITING, "5", BRIEF);
	work_finish();
	assert_reason(nap.outcome, &DEADLINE_PASSED);
	assert_true(nap.took < BRIEF);
	start_nap(&nap, &NAP, "5", 0);
	work_finish();
	assert_reason(nap.outcome, &DATABASE_UNAVAILABLE);
	assert_true(nap.took >= WORK_STATEMENT_TIMEOUT && nap.took < WORK_STATEMENT_TIMEOUT + CLOCK_SECOND);
}

/* Those with more time are run again when one that had little has used it up for all. */
static void a_slow_unit_does_not_take_its_group_along(void **state)
{
	struct job nap, write = { .number = 1 };

	(void)state;
	backend_of(&WRITER);
	work_start(&write, insert_item);
	start_nap(&nap, &NAP_WRITING, "5", BRIEF);
	work_finish();
	/* It was run again by itself, for what was left of its time. */
	assert_true(nap.outcome.reason == &DEADLINE_PASSED || nap.outcome.reason == &OUTCOME_UNKNOWN);
	assert_ok(write.outcome);
	assert_int_equal(items(), 1);
}

static void cancel(struct job *job)
{
	job->call->cancelled = true;
	coroutine_wake(job->waiter);
}

static void a_cancelled_call_leaves_the_queue_at_once(void **state)
{
	struct job nap, waiting = { .number = 1 }, unseen = { .number = 2 };

	(void)state;
	backend_of(&WRITER);
	start_nap(&nap, &NAP_WRITING, "0.5", 0);
	work_turn();
	work_start(&waiting, insert_item);
	work_start(&unseen, insert_item);
	cancel(&waiting);
	unseen.call->cancelled = true; /* nobody wakes it: it is found out before it is sent */
	while (!waiting.ended)
		work_turn();
	assert_false(nap.ended);
	assert_reason(waiting.outcome, &CALL_CANCELLED);
	work_finish();
	assert_ok(nap.outcome);
	assert_reason(unseen.outcome, &CALL_CANCELLED);
	assert_int_equal(items(), 0);
}

static void what_was_sent_for_a_cancelled_call_is_waited_for(void **state)
{
	struct job nap;

	(void)state;
	backend_of(&WRITER);
	start_nap(&nap, &NAP_WRITING, "0.2", 0);
	work_turn();
	cancel(&nap);
	work_finish();
	assert_ok(nap.outcome);
	assert_true(nap.took >= 200 * CLOCK_MILLISECOND);
}

/* It is asked for again by nobody, so it need not wait for a server that is gone. */
static void what_comes_back_to_the_queue_of_a_cancelled_call_leaves_it(void **state)
{
	struct job nap;

	(void)state;
	backend_of(&READER);
	start_nap(&nap, &NAP, "1", 0);
	work_turn();
	cancel(&nap);
	work_turn();
	assert_false(nap.ended);
	pg_stop();
	work_finish();
	pg_restart();
	assert_reason(nap.outcome, &CALL_CANCELLED);
	assert_true(nap.took < 10 * CLOCK_SECOND);
}

static struct status try_cancelled(struct call *call, struct job *job)
{
	call->cancelled = true;
	return insert_item(call, job);
}

static void a_call_that_is_over_starts_nothing(void **state)
{
	struct job job = { .number = 1 }, late = { .number = 1, .timeout = 1 };

	(void)state;
	assert_reason(work_run(try_cancelled, &job), &CALL_CANCELLED);
	assert_reason(work_run(insert_item, &late), &DEADLINE_PASSED);
	assert_int_equal(items(), 0);
}

static void a_full_queue_refuses(void **state)
{
	static struct job jobs[WORK_QUEUE_LIMIT + 10];
	int refused = 0;

	(void)state;
	for (int i = 0; i < WORK_QUEUE_LIMIT + 10; i++) {
		jobs[i] = (struct job){ .number = i, .timeout = 120 * CLOCK_SECOND };
		work_start(&jobs[i], insert_item);
	}
	work_finish();
	for (int i = 0; i < WORK_QUEUE_LIMIT + 10; i++) {
		if (status_is(jobs[i].outcome, &OVERLOADED))
			refused++;
		else
			assert_ok(jobs[i].outcome);
	}
	assert_int_equal(refused, 10);
	assert_int_equal(items(), WORK_QUEUE_LIMIT);
}

static void a_lock_is_not_waited_for_too_long(void **state)
{
	struct job blocked = { .number = 1 };
	PGconn *holder = PQconnectdb(conninfo);

	(void)state;
	PQclear(PQexec(holder, "BEGIN"));
	PQclear(PQexec(holder, "LOCK TABLE item IN ACCESS EXCLUSIVE MODE"));
	assert_int_equal(PQtransactionStatus(holder), PQTRANS_INTRANS);
	assert_reason(work_run(insert_item, &blocked), &CONCURRENT_CHANGE);
	assert_true(blocked.took < WORK_STATEMENT_TIMEOUT);
	PQfinish(holder);
	assert_ok(work_run(insert_item, &blocked));
}

static int changes;
static bool last_ready;

static void note_change(void *context, bool ready)
{
	(void)context;
	changes++;
	last_ready = ready;
}

static void readiness_follows_the_server(void **state)
{
	struct job waiting = { .number = 1, .timeout = BRIEF }, patient = { .number = 2 }, read = { 0 };

	(void)state;
	changes = 0;
	assert_false(db_ready(work_db()));
	db_watch(work_db(), note_change, NULL);
	while (!db_ready(work_db()))
		work_turn();
	assert_int_equal(changes, 1);
	assert_true(last_ready);
	pg_stop();
	while (db_ready(work_db()))
		work_turn();
	assert_int_equal(changes, 2);
	assert_false(last_ready);
	/* What waits does so until its deadline; then it is the database's fault, not the call's. */
	assert_reason(work_run(insert_item, &waiting), &DATABASE_UNAVAILABLE);
	work_start(&patient, insert_item);
	work_start(&read, count_items);
	work_turn();
	pg_restart();
	work_finish();
	assert_ok(patient.outcome);
	assert_ok(read.outcome);
	assert_true(db_ready(work_db()));
	assert_int_equal(changes, 3);
	assert_int_equal(items(), 1);
}

static void closing_fails_what_waits(void **state)
{
	struct job sent = { .number = 1 }, read = { 0 }, queued = { .number = 2 };
	const pid_t writer = backend_of(&WRITER), reader = backend_of(&READER);

	(void)state;
	signal_backend(writer, SIGSTOP);
	signal_backend(reader, SIGSTOP);
	work_start(&sent, insert_item);
	work_start(&read, count_items);
	work_turn();
	work_start(&queued, insert_item);
	work_turn();
	work_free_db();
	work_finish();
	signal_backend(writer, SIGCONT);
	signal_backend(reader, SIGCONT);
	assert_reason(sent.outcome, &OUTCOME_UNKNOWN);
	assert_reason(read.outcome, &SHUTTING_DOWN);
	assert_reason(queued.outcome, &SHUTTING_DOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DB_TEST(a_frozen_writer_leaves_outcomes_unknown),
		DB_TEST(a_frozen_reader_is_given_up),
		DB_TEST(an_answer_that_comes_too_late_is_dropped),
		DB_TEST(a_killed_server_is_connected_to_again),
		DB_TEST(a_write_on_an_ended_session_is_done_again),
		DB_TEST(a_write_on_a_killed_session_is_unknown_and_a_read_is_repeated),
		DB_TEST(a_deadline_passes_in_the_queue),
		DB_TEST(a_slow_statement_ends_with_its_call),
		DB_TEST(a_slow_unit_does_not_take_its_group_along),
		DB_TEST(a_cancelled_call_leaves_the_queue_at_once),
		DB_TEST(what_was_sent_for_a_cancelled_call_is_waited_for),
		DB_TEST(what_comes_back_to_the_queue_of_a_cancelled_call_leaves_it),
		DB_TEST(a_call_that_is_over_starts_nothing),
		DB_TEST(a_full_queue_refuses),
		DB_TEST(a_lock_is_not_waited_for_too_long),
		DB_TEST(readiness_follows_the_server),
		DB_TEST(closing_fails_what_waits),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
