/* What db.h promises when all goes well: groups, values, outcomes. Against a real PostgreSQL. */
#include "runtime/db.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "runtime/coroutine.h"
#include "test/harness/pg.h"
#include "test/harness/work.h"
#include "test/harness/pg.h"

static const char *conninfo;

static int make_database(void **state)
{
	(void)state;
	conninfo = pg_start();
	pg_execute(conninfo, "CREATE TABLE item (id bigint PRIMARY KEY, amount bigint NOT NULL CHECK (amount >= 0));"
			     " CREATE TABLE late_unique (id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED);"
			     " CREATE SEQUENCE turns");
	/* Fails the first times it is called since the sequence was restarted; sequences do not roll back. */
	pg_execute(conninfo,
		   "CREATE FUNCTION flaky(id bigint, code text, times bigint) RETURNS void LANGUAGE plpgsql AS $$ BEGIN"
		   " INSERT INTO item VALUES (id, 1);"
		   " IF nextval('turns') <= times THEN RAISE EXCEPTION 'not this time' USING ERRCODE = code; END IF;"
		   " END $$");
	return 0;
}

static int open_db(void **state)
{
	(void)state;
	pg_execute(conninfo, "TRUNCATE item, late_unique");
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

static struct db_statement INSERT_ITEM = DB_WRITE("insert_item", "INSERT INTO item (id, amount) VALUES (:id, :amount)");
static struct db_statement COUNT_ITEMS = DB_READ(
    "count_items",
    "SELECT count(*) AS n, coalesce(sum(amount), 0)::bigint AS total, count(DISTINCT xmin::text) AS commits FROM item");

static int64_t items, total, commits;

static struct status insert_item(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &INSERT_ITEM);

	db_bind_int(unit, "id", job->number);
	db_bind_int(unit, "amount", job->amount);
	return db_run(call, unit);
}

static struct status count_items(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &COUNT_ITEMS);

	(void)job;
	TRY(db_run(call, unit));
	assert_int_equal(db_count(db_rows(unit, 0)), 1);
	items = db_int(db_rows(unit, 0), 0, "n");
	total = db_int(db_rows(unit, 0), 0, "total");
	commits = db_int(db_rows(unit, 0), 0, "commits");
	return STATUS_OK;
}

/* Runs count_items and compares. */
static void expect_items(int64_t wanted_items, int64_t wanted_total)
{
	assert_ok(work_run(count_items, NULL));
	assert_int_equal(items, wanted_items);
	assert_int_equal(total, wanted_total);
}

#define MANY 2000

static void units_that_wait_together_share_commits(void **state)
{
	static struct job jobs[MANY];

	(void)state;
	for (int i = 0; i < MANY; i++)
		jobs[i] = (struct job){ .number = i, .amount = 1 };
	work_run_all(insert_item, jobs, MANY);
	for (int i = 0; i < MANY; i++)
		assert_ok(jobs[i].outcome);
	expect_items(MANY, MANY);
	/* The server saw as many transactions as we counted groups, and each group was full. */
	assert_int_equal(commits, MANY / WORK_GROUP_LIMIT);
	assert_int_equal(work_commits(), commits);
}

static void one_unit_alone_goes_at_once(void **state)
{
	struct job job = { .number = 1, .amount = 7 };

	(void)state;
	assert_ok(work_run(insert_item, &job));
	assert_int_equal(work_commits(), 1);
	expect_items(1, 7);
}

static void a_bad_unit_fails_alone(void **state)
{
	struct job jobs[20];

	(void)state;
	for (int i = 0; i < 20; i++)
		jobs[i] = (struct job){ .number = i, .amount = 1 };
	jobs[7].amount = -1; /* breaks the check */
	jobs[12].number = 3; /* is there already, in the same group */
	work_run_all(insert_item, jobs, 20);
	for (int i = 0; i < 20; i++) {
		if (i == 7)
			assert_reason(jobs[i].outcome, &INTERNAL_ERROR);
		else if (i == 12)
			assert_reason(jobs[i].outcome, &ALREADY_EXISTS);
		else
			assert_ok(jobs[i].outcome);
	}
	expect_items(18, 18);
	/* The group itself was undone; then each committed by itself. */
	assert_int_equal(commits, 18);
}

static struct db_statement INSERT_DEFERRED = DB_WRITE("insert_deferred", "INSERT INTO late_unique (id) VALUES (:id)");

static struct status insert_deferred(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &INSERT_DEFERRED);

	db_bind_int(unit, "id", job->number);
	return db_run(call, unit);
}

static void an_error_at_the_commit_itself_is_found(void **state)
{
	struct job jobs[] = { { .number = 1 }, { .number = 2 }, { .number = 1 }, { .number = 3 } };

	(void)state;
	work_run_all(insert_deferred, jobs, 4);
	assert_ok(jobs[0].outcome);
	assert_ok(jobs[1].outcome);
	assert_reason(jobs[2].outcome, &ALREADY_EXISTS);
	assert_ok(jobs[3].outcome);
	assert_reason(work_run(insert_deferred, &jobs[0]), &ALREADY_EXISTS);
}

static struct status duplicate_names_its_constraint(struct call *call, struct job *job)
{
	struct status status;

	TRY(insert_item(call, job));
	status = insert_item(call, job);
	assert_reason(status, &ALREADY_EXISTS);
	assert_non_null(status.detail->metadata);
	assert_string_equal(status.detail->metadata->name, "constraint");
	assert_string_equal(status.detail->metadata->value, "item_pkey");
	assert_non_null(strstr(status.detail->private, "insert_item: SQLSTATE 23505"));
	return STATUS_OK;
}

static void errors_say_what_and_where(void **state)
{
	struct job job = { .number = 1, .amount = 1 };

	(void)state;
	assert_ok(work_run(duplicate_names_its_constraint, &job));
}

static struct status two_statements(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &INSERT_ITEM);

	db_bind_int(unit, "id", job->number);
	db_bind_int(unit, "amount", 5);
	db_then(unit, &INSERT_ITEM);
	db_bind_int(unit, "id", job->number + 1);
	db_bind_int(unit, "amount", job->amount);
	db_then(unit, &COUNT_ITEMS);
	TRY(db_run(call, unit));
	assert_int_equal(db_int(db_rows(unit, 2), 0, "n"), 2);
	assert_ptr_equal(db_last_rows(unit), db_rows(unit, 2));
	return STATUS_OK;
}

static void the_statements_of_a_unit_succeed_or_fail_together(void **state)
{
	struct job good = { .number = 1, .amount = 6 }, bad = { .number = 10, .amount = -1 };

	(void)state;
	assert_ok(work_run(two_statements, &good));
	assert_reason(work_run(two_statements, &bad), &INTERNAL_ERROR);
	expect_items(2, 11);
}

static struct status bind_wrongly(struct call *call, struct job *job)
{
	struct db_unit *misnamed = db_unit(call, &INSERT_ITEM), *unbound = db_unit(call, &INSERT_ITEM);
	struct status status;

	(void)job;
	db_bind_int(misnamed, "id", 1);
	db_bind_int(misnamed, "amount", 1);
	db_bind_int(misnamed, "amounts", 1);
	status = db_run(call, misnamed);
	assert_reason(status, &INTERNAL_ERROR);
	assert_non_null(strstr(status.detail->private, "insert_item has no parameter amounts"));
	db_bind_int(unbound, "id", 1);
	status = db_run(call, unbound);
	assert_reason(status, &INTERNAL_ERROR);
	assert_non_null(strstr(status.detail->private, "insert_item lacks a value for amount"));
	return STATUS_OK;
}

static struct status run_twice(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &COUNT_ITEMS);

	TRY(db_run(call, unit));
	assert_int_equal(db_int(db_rows(unit, 0), 0, "n"), 0);
	TRY(insert_item(call, job));
	TRY(db_run(call, unit));
	assert_int_equal(db_int(db_rows(unit, 0), 0, "n"), 1);
	return STATUS_OK;
}

static void a_unit_can_be_run_again(void **state)
{
	struct job job = { .number = 1, .amount = 1 };

	(void)state;
	assert_ok(work_run(run_twice, &job));
}

static void wrong_binds_are_refused_unsent(void **state)
{
	(void)state;
	assert_ok(work_run(bind_wrongly, NULL));
	expect_items(0, 0);
}

static struct db_statement BROKEN = DB_READ("broken", "SELEKT 1");
static struct db_statement SNEAKY = DB_READ("sneaky", "INSERT INTO item (id, amount) VALUES (1, 1)");
static struct db_statement FINE = DB_READ("fine", "SELECT 1::bigint AS one");

static struct status run_statement(struct call *call, struct job *job)
{
	return db_run(call, db_unit(call, job->statement));
}

/* The statements behind the broken one are skipped by the server, their preparation too: it has to be repeated. */
static void a_broken_statement_does_not_harm_its_neighbours(void **state)
{
	struct job jobs[] = { { .statement = &BROKEN }, { .statement = &FINE }, { .statement = &FINE } };

	(void)state;
	for (int round = 0; round < 2; round++) {
		work_run_all(run_statement, jobs, 3);
		assert_reason(jobs[0].outcome, &INTERNAL_ERROR);
		assert_ok(jobs[1].outcome);
		assert_ok(jobs[2].outcome);
	}
}

static void a_read_cannot_write(void **state)
{
	struct job job = { .statement = &SNEAKY };

	(void)state;
	assert_reason(work_run(run_statement, &job), &INTERNAL_ERROR);
	expect_items(0, 0);
}

static struct db_statement COUNT_SLOWLY =
    DB_READ("count_slowly", "SELECT count(*) AS n, pg_sleep(0.3) IS NULL AS nothing FROM item");

/* Two counts, the second one well after the first. */
static struct status count_twice(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &COUNT_SLOWLY);

	db_then(unit, &COUNT_ITEMS);
	TRY(db_run(call, unit));
	job->number = (int)db_int(db_rows(unit, 0), 0, "n");
	job->amount = db_int(db_rows(unit, 1), 0, "n");
	return STATUS_OK;
}

static struct job reading;

static struct status insert_while_reading(struct call *call, struct job *job)
{
	while (!reading.ended) {
		job->number++;
		TRY(insert_item(call, job));
	}
	return STATUS_OK;
}

static void the_statements_of_a_read_see_one_moment(void **state)
{
	struct job writing = { .number = 0, .amount = 1 };

	(void)state;
	work_start(&reading, count_twice);
	work_start(&writing, insert_while_reading);
	work_finish();
	assert_ok(reading.outcome);
	assert_ok(writing.outcome);
	assert_int_equal(reading.amount, reading.number);
	assert_true(writing.number > reading.number + 2);
}

static struct db_statement SETTINGS =
    DB_WRITE("settings",
	     "SELECT current_setting('search_path') AS path, current_setting('TimeZone') AS zone, "
	     "current_setting('statement_timeout') AS timeout,"
	     " current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle,"
	     " current_setting('client_encoding') AS encoding, current_setting('application_name') AS name, "
	     "current_setting('transaction_isolation') AS isolation");

static struct status show_settings(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &SETTINGS);
	const struct db_rows *rows;

	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	assert_string_equal(db_text(rows, 0, "path"), "public");
	assert_string_equal(db_text(rows, 0, "zone"), "UTC");
	assert_string_equal(db_text(rows, 0, "lock"), "1s");
	assert_string_equal(db_text(rows, 0, "idle"), "10s");
	assert_string_equal(db_text(rows, 0, "encoding"), "UTF8");
	assert_string_equal(db_text(rows, 0, "name"), "runtime_db");
	assert_string_equal(db_text(rows, 0, "isolation"), "read committed");
	job->number = db_text(rows, 0, "timeout")[0] == '2' ? 2000 : 0;
	return STATUS_OK;
}

static void sessions_have_settings_of_their_own(void **state)
{
	struct job job = { 0 };

	(void)state;
	assert_ok(work_run(show_settings, &job));
	assert_int_equal(job.number, 2000);
}

/* What a call's deadline leaves becomes the server's timeout, for this transaction only. */
static void the_deadline_becomes_the_timeout(void **state)
{
	struct job brief = { .timeout = CLOCK_SECOND }, long_lived = { .timeout = CLOCK_NEVER };

	(void)state;
	assert_ok(work_run(show_settings, &brief));
	assert_int_equal(brief.number, 0);
	assert_ok(work_run(show_settings, &long_lived));
	assert_int_equal(long_lived.number, 2000);
}

static int riders;

static struct status see_rider(struct call *call, const struct db_rows *rows)
{
	(void)call;
	assert_int_equal(db_count(rows), 1);
	assert_int_equal(db_int(rows, 0, "one"), 1);
	riders++;
	return STATUS_OK;
}

static struct status refuse_rider(struct call *call, const struct db_rows *rows)
{
	(void)call;
	(void)rows;
	return status_of(&KEY_REUSED);
}

static struct status ride(struct call *call, struct job *job)
{
	riders = 0;
	db_ride_along(call, db_unit(call, &FINE), see_rider);
	assert_reason(bind_wrongly(call, NULL), NULL);
	assert_int_equal(riders, 0);
	TRY(insert_item(call, job));
	assert_int_equal(riders, 1);
	job->number++;
	TRY(insert_item(call, job));
	assert_int_equal(riders, 1);
	db_ride_along(call, db_unit(call, &FINE), see_rider);
	assert_reason(insert_item(call, job), &ALREADY_EXISTS);
	assert_int_equal(riders, 1);
	TRY(count_items(call, NULL)); /* the rider is still waiting for a ride */
	assert_int_equal(riders, 2);
	db_ride_along(call, db_unit(call, &FINE), refuse_rider);
	assert_reason(count_items(call, NULL), &KEY_REUSED);
	return STATUS_OK;
}

static void a_rider_travels_once_and_may_refuse(void **state)
{
	struct job job = { .number = 1, .amount = 1 };

	(void)state;
	assert_ok(work_run(ride, &job));
	/* One round trip each. */
	assert_int_equal(work_commits(), 2);
}

static struct db_statement FLAKY = DB_WRITE("flaky", "SELECT flaky(:id, :code, :times)");

static struct status flaky(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &FLAKY);

	db_bind_int(unit, "id", job->number);
	db_bind_text(unit, "code", job->text);
	db_bind_int(unit, "times", job->amount);
	return db_run(call, unit);
}

static void conflicts_are_tried_again(void **state)
{
	struct job serialization = { .number = 1, .text = "40001", .amount = 3 },
		   deadlock = { .number = 2, .text = "40P01", .amount = 4 };
	struct job hopeless = { .number = 3, .text = "40001", .amount = 1000 },
		   locked = { .number = 4, .text = "55P03", .amount = 1 };

	(void)state;
	pg_execute(conninfo, "ALTER SEQUENCE turns RESTART");
	assert_ok(work_run(flaky, &serialization));
	pg_execute(conninfo, "ALTER SEQUENCE turns RESTART");
	assert_ok(work_run(flaky, &deadlock));
	expect_items(2, 2);
	pg_execute(conninfo, "ALTER SEQUENCE turns RESTART");
	assert_reason(work_run(flaky, &hopeless), &CONCURRENT_CHANGE);
	pg_execute(conninfo, "ALTER SEQUENCE turns RESTART");
	assert_reason(work_run(flaky, &locked), &CONCURRENT_CHANGE);
}

static void conflicts_in_a_group_are_tried_again(void **state)
{
	struct job jobs[10];

	(void)state;
	pg_execute(conninfo, "ALTER SEQUENCE turns RESTART");
	for (int i = 0; i < 10; i++)
		jobs[i] = (struct job){ .number = i, .text = "40001", .amount = 3 };
	work_run_all(flaky, jobs, 10);
	for (int i = 0; i < 10; i++)
		assert_ok(jobs[i].outcome);
	expect_items(10, 10);
}

static void a_changed_result_type_is_overcome(void **state)
{
	static struct db_statement READ_SHAPE = DB_READ("read_shape", "SELECT * FROM shape");
	struct job job = { .statement = &READ_SHAPE };

	(void)state;
	pg_execute(conninfo, "CREATE TABLE shape (a int)");
	assert_ok(work_run(run_statement, &job));
	pg_execute(conninfo, "ALTER TABLE shape ADD COLUMN b int");
	assert_ok(work_run(run_statement, &job));
	assert_ok(work_run(run_statement, &job));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DB_TEST(units_that_wait_together_share_commits),
		DB_TEST(one_unit_alone_goes_at_once),
		DB_TEST(a_bad_unit_fails_alone),
		DB_TEST(an_error_at_the_commit_itself_is_found),
		DB_TEST(errors_say_what_and_where),
		DB_TEST(the_statements_of_a_unit_succeed_or_fail_together),
		DB_TEST(a_unit_can_be_run_again),
		DB_TEST(wrong_binds_are_refused_unsent),
		DB_TEST(a_broken_statement_does_not_harm_its_neighbours),
		DB_TEST(a_read_cannot_write),
		DB_TEST(the_statements_of_a_read_see_one_moment),
		DB_TEST(sessions_have_settings_of_their_own),
		DB_TEST(the_deadline_becomes_the_timeout),
		DB_TEST(a_rider_travels_once_and_may_refuse),
		DB_TEST(conflicts_are_tried_again),
		DB_TEST(conflicts_in_a_group_are_tried_again),
		DB_TEST(a_changed_result_type_is_overcome),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
