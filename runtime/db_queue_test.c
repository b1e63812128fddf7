/* What db.h promises to those who wait: who goes first, who waits too long, who has left. Against a real PostgreSQL that is kept busy. */
#include "runtime/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "test/harness/pg.h"
#include "test/harness/work.h"

static const char *conninfo;

static int make_database(void **state)
{
	(void)state;
	conninfo = pg_start();
	pg_execute(conninfo, "CREATE TABLE item (id bigint PRIMARY KEY)");
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

static struct db_statement INSERT_ITEM = DB_WRITE("insert_item", "INSERT INTO item (id) VALUES (:id)");
static struct db_statement COUNT_ITEMS = DB_READ("count_items", "SELECT count(*) AS n FROM item");
static struct db_statement NAP = DB_READ("nap", "SELECT pg_sleep(:seconds::float8)");
static struct db_statement NAP_WRITING = DB_WRITE("nap_writing", "SELECT pg_sleep(:seconds::float8)");

static struct status nap(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, job->statement);

	db_bind_text(unit, "seconds", job->text);
	return db_run(call, unit);
}

static struct status insert_item(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &INSERT_ITEM);

	if (job->amount != CLASS_UNSPECIFIED)
		call->call_class = (enum contract_call_class)job->amount;
	db_bind_int(unit, "id", job->number);
	return db_run(call, unit);
}

static int order;

/* Reads; job->number becomes the place in which it ended. */
static struct status read_in_order(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &COUNT_ITEMS);

	call->call_class = (enum contract_call_class)job->amount;
	TRY(db_run(call, unit));
	job->number = ++order;
	return STATUS_OK;
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

/* The only connection of this class has something to do for so long. */
static void occupy(struct job *job, struct db_statement *statement, const char *seconds)
{
	assert_ok(work_run(nap, &(struct job){ .statement = statement, .text = "0" }));
	*job = (struct job){ .statement = statement, .text = seconds };
	work_start(job, nap);
	work_turn();
}

static void who_waited_for_half_of_the_time_is_refused(void **state)
{
	struct job busy, late = { .number = 1, .amount = CLASS_INTERACTIVE, .timeout = 1500 * CLOCK_MILLISECOND };
	struct job patient = { .number = 2, .amount = CLASS_INTERACTIVE, .timeout = 20 * CLOCK_SECOND };
	struct job worker = { .number = 3, .amount = CLASS_WORKER, .timeout = 1500 * CLOCK_MILLISECOND };

	(void)state;
	occupy(&busy, &NAP_WRITING, "1");
	work_start(&late, insert_item);
	work_start(&patient, insert_item);
	work_start(&worker, insert_item);
	work_finish();
	assert_ok(busy.outcome);
	assert_reason(late.outcome, &OVERLOADED);
	assert_ok(patient.outcome);
	assert_ok(worker.outcome);
	assert_int_equal(items(), 2);
}

/* Between the two, somebody else takes the connection for a second. */
static struct status insert_twice(struct call *call, struct job *job)
{
	static struct job busy;

	TRY(insert_item(call, job));
	busy = (struct job){ .statement = &NAP_WRITING, .text = "1" };
	work_start(&busy, nap);
	coroutine_sleep(call->loop, 20 * CLOCK_MILLISECOND);
	job->number++;
	return insert_item(call, job);
}

static void who_has_begun_goes_on(void **state)
{
	struct job job = { .number = 1, .amount = CLASS_INTERACTIVE, .timeout = 1500 * CLOCK_MILLISECOND };

	(void)state;
	assert_ok(work_run(insert_twice, &job));
	assert_true(job.took > 900 * CLOCK_MILLISECOND);
	assert_int_equal(items(), 2);
}

static void what_is_needed_goes_first(void **state)
{
	struct job busy, lists[20], needed = { .amount = CLASS_INTERACTIVE };

	(void)state;
	order = 0;
	occupy(&busy, &NAP, "0.3");
	for (int i = 0; i < 20; i++) {
		lists[i] = (struct job){ .amount = CLASS_SHEDDABLE };
		work_start(&lists[i], read_in_order);
	}
	work_start(&needed, read_in_order);
	work_finish();
	assert_int_equal(needed.number, 1);
	for (int i = 0; i < 20; i++)
		assert_ok(lists[i].outcome);
}

static bool list_ended;

/* Asks again and again; two of these keep the queue full. */
static struct status ask_on(struct call *call, struct job *job)
{
	call->call_class = CLASS_INTERACTIVE;
	for (job->number = 0; !list_ended && job->number < 1000; job->number++)
		TRY(db_run(call, db_unit(call, &COUNT_ITEMS)));
	return STATUS_OK;
}

static struct status list_once(struct call *call, struct job *job)
{
	const struct status status = read_in_order(call, job);

	list_ended = true;
	return status;
}

static void what_is_optional_does_not_wait_for_ever(void **state)
{
	struct job asking[8], list = { .amount = CLASS_SHEDDABLE };

	(void)state;
	list_ended = false;
	for (int i = 0; i < 8; i++) {
		asking[i] = (struct job){ 0 };
		work_start(&asking[i], ask_on);
	}
	work_turn();
	work_start(&list, list_once);
	work_finish();
	assert_ok(list.outcome);
	assert_true(asking[0].number < 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DB_TEST(who_waited_for_half_of_the_time_is_refused),
		DB_TEST(who_has_begun_goes_on),
		DB_TEST(what_is_needed_goes_first),
		DB_TEST(what_is_optional_does_not_wait_for_ever),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
