/* How values travel: what db.h promises of binding and reading. Against a real PostgreSQL. */
#include "runtime/db.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "test/harness/pg.h"
#include "test/harness/work.h"

static const char *conninfo;

static int make_database(void **state)
{
	(void)state;
	conninfo = pg_start();
	return 0;
}

static int open_db(void **state)
{
	(void)state;
	work_open(conninfo);
	return 0;
}

static int close_db(void **state)
{
	(void)state;
	work_close();
	return 0;
}

static struct db_statement TEXTS = DB_READ(
    "texts", "SELECT :text::text AS text, :uuid::uuid AS uuid, :nothing::text AS nothing, 'v'::varchar(3) AS varchar,"
	     " NULL::uuid AS null_uuid WHERE ':quoted' <> '' -- and :commented");

static struct status echo_texts(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &TEXTS);
	const struct db_rows *rows = db_rows(unit, 0);

	(void)job;
	db_bind_text(unit, "text", "it's :text \\ \xe2\x82\xac");
	db_bind_text(unit, "uuid", "0190A000-0000-7000-8000-00000000ABCD");
	db_bind_text(unit, "nothing", NULL);
	TRY(db_run(call, unit));
	assert_int_equal(db_count(rows), 1);
	assert_string_equal(db_text(rows, 0, "text"), "it's :text \\ \xe2\x82\xac");
	assert_string_equal(db_text(rows, 0, "uuid"), "0190a000-0000-7000-8000-00000000abcd");
	assert_true(db_null(rows, 0, "nothing"));
	assert_string_equal(db_text(rows, 0, "nothing"), "");
	assert_string_equal(db_text(rows, 0, "varchar"), "v");
	assert_string_equal(db_text(rows, 0, "null_uuid"), "");
	return STATUS_OK;
}

static void texts_go_and_come(void **state)
{
	(void)state;
	assert_ok(work_run(echo_texts, NULL));
}

static struct db_statement NUMBERS = DB_READ(
    "numbers", "SELECT :int::bigint AS int, :small::smallint AS small, :four::int AS four, :cents - 1 AS counted,"
	       " :yes::boolean AS yes, :no::boolean AS no, NULL::bigint AS null_int, NULL::boolean AS null_bool");

static struct status echo_numbers(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &NUMBERS);
	const struct db_rows *rows = db_rows(unit, 0);

	(void)job;
	db_bind_int(unit, "int", INT64_MIN);
	db_bind_int(unit, "small", INT16_MIN);
	db_bind_int(unit, "four", INT32_MIN);
	db_bind_int(unit, "cents", 43);
	db_bind_bool(unit, "yes", true);
	db_bind_bool(unit, "no", false);
	TRY(db_run(call, unit));
	assert_true(db_int(rows, 0, "int") == INT64_MIN);
	assert_int_equal(db_int(rows, 0, "small"), INT16_MIN);
	assert_int_equal(db_int(rows, 0, "four"), INT32_MIN);
	assert_int_equal(db_int(rows, 0, "counted"), 42);
	assert_true(db_bool(rows, 0, "yes"));
	assert_false(db_bool(rows, 0, "no"));
	assert_int_equal(db_int(rows, 0, "null_int"), 0);
	assert_true(db_null(rows, 0, "null_int"));
	assert_false(db_bool(rows, 0, "null_bool"));
	return STATUS_OK;
}

static void numbers_go_and_come(void **state)
{
	(void)state;
	assert_ok(work_run(echo_numbers, NULL));
}

static struct db_statement TIMES_AND_BYTES =
    DB_READ("times_and_bytes", "SELECT :time::timestamptz AS time, :bytes::bytea AS bytes, :empty::bytea AS empty, "
			       "'infinity'::timestamptz AS ever,"
			       " NULL::timestamptz AS null_time, NULL::bytea AS null_bytes, extract(microseconds FROM "
			       ":time::timestamptz)::bigint AS micros");

#define MOMENT INT64_C(1795261124123456) /* 2026-11-21T11:38:44.123456Z */

static struct status echo_times_and_bytes(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &TIMES_AND_BYTES);
	const struct db_rows *rows = db_rows(unit, 0);

	(void)job;
	db_bind_time(unit, "time", MOMENT);
	db_bind_bytes(unit, "bytes", (struct str){ "\0\1\xff", 3 });
	db_bind_bytes(unit, "empty", (struct str){ NULL, 0 });
	TRY(db_run(call, unit));
	assert_true(db_time(rows, 0, "time") == MOMENT);
	assert_int_equal(db_int(rows, 0, "micros"), MOMENT % (60 * CLOCK_SECOND));
	assert_int_equal(db_bytes(rows, 0, "bytes").len, 3);
	assert_memory_equal(db_bytes(rows, 0, "bytes").data, "\0\1\xff", 3);
	assert_int_equal(db_bytes(rows, 0, "empty").len, 0);
	assert_false(db_null(rows, 0, "empty"));
	assert_true(db_time(rows, 0, "ever") == INT64_MAX);
	assert_int_equal(db_time(rows, 0, "null_time"), 0);
	assert_int_equal(db_bytes(rows, 0, "null_bytes").len, 0);
	return STATUS_OK;
}

static void times_and_bytes_go_and_come(void **state)
{
	(void)state;
	assert_ok(work_run(echo_times_and_bytes, NULL));
}

static struct db_statement ARRAYS =
    DB_READ("arrays", "SELECT :texts::text[] AS texts, :none::text[] AS none, (:texts::text[])[4] IS NULL AS "
		      "null_inside, NULL::text[] AS null_texts,"
		      " cardinality(:ints::bigint[]) AS n_ints, (:ints::bigint[])[2] AS second_int");

static const char *const ITEMS[] = {
	"plain", "with \"quotes\" and \\back\\slashes\\", "{a,b}, NULL 'c' \n\xc3\xa9", NULL, "", "NULL"
};

static void compare_items(const struct db_rows *rows)
{
	char **texts;

	assert_int_equal(db_texts(rows, 0, "texts", &texts), 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(texts[i], ITEMS[i] != NULL ? ITEMS[i] : "");
	assert_int_equal(db_texts(rows, 0, "none", &texts), 0);
	assert_int_equal(db_texts(rows, 0, "null_texts", &texts), 0);
	assert_true(db_null(rows, 0, "null_texts"));
}

static struct status echo_arrays(struct call *call, struct job *job)
{
	const int64_t ints[] = { INT64_MIN, INT64_MAX, 0 };
	struct db_unit *unit = db_unit(call, &ARRAYS);
	const struct db_rows *rows = db_rows(unit, 0);

	(void)job;
	db_bind_texts(unit, "texts", ITEMS, 6);
	db_bind_texts(unit, "none", NULL, 0);
	db_bind_ints(unit, "ints", ints, 3);
	TRY(db_run(call, unit));
	compare_items(rows);
	assert_true(db_bool(rows, 0, "null_inside"));
	assert_int_equal(db_int(rows, 0, "n_ints"), 3);
	assert_true(db_int(rows, 0, "second_int") == INT64_MAX);
	return STATUS_OK;
}

static void arrays_go_and_come(void **state)
{
	(void)state;
	assert_ok(work_run(echo_arrays, NULL));
}

static struct db_statement BIG = DB_READ("big", "SELECT repeat(:text, 5) AS text FROM generate_series(1, 4)");

static struct status move_megabytes(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &BIG);
	char *text = arena_alloc(call->arena, 100001);

	(void)job;
	memset(text, 'x', 100000);
	db_bind_text(unit, "text", text);
	TRY(db_run(call, unit));
	assert_int_equal(db_count(db_rows(unit, 0)), 4);
	assert_int_equal(strlen(db_text(db_rows(unit, 0), 3, "text")), 500000);
	return STATUS_OK;
}

/* More than any socket buffer in both directions at once. */
static void large_values_do_not_block_the_pipeline(void **state)
{
	struct job jobs[4] = { { 0 } };

	(void)state;
	work_run_all(move_megabytes, jobs, 4);
	for (int i = 0; i < 4; i++)
		assert_ok(jobs[i].outcome);
}

static struct db_statement PAIRS =
    DB_READ("pairs", "SELECT n, n * n AS square FROM generate_series(0::bigint, 9) AS n ORDER BY n");

static struct status read_rows(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, &PAIRS);
	const struct db_rows *rows = db_rows(unit, 0);

	TRY(db_run(call, unit));
	if (job->text != NULL) {
		/* Each of these stops the process. */
		if (job->number == 0)
			db_int(rows, 0, job->text);
		else if (job->number == 1)
			db_text(rows, 0, job->text);
		else
			db_int(rows, 10, job->text);
	}
	assert_int_equal(db_count(rows), 10);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(db_int(rows, i, "square"), i * i);
	return STATUS_OK;
}

static void rows_are_read_in_order(void **state)
{
	(void)state;
	assert_ok(work_run(read_rows, NULL));
}

/* In a process of its own, with an executor of its own. Returns how it ended. */
static int read_apart(struct job *job)
{
	int status;
	const pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		work_open(conninfo);
		_exit(work_run(read_rows, job).reason == NULL ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void reading_what_is_not_there_stops_the_process(void **state)
{
	struct job wrong[] = { { .number = 0, .text = "cube" },
			       { .number = 1, .text = "square" },
			       { .number = 2, .text = "square" } };
	struct job right = { .number = 0, .text = "square" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		const int status = read_apart(&wrong[i]);

		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
	assert_int_equal(read_apart(&right), 0);
}

#define DB_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_db, close_db)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DB_TEST(texts_go_and_come),
		DB_TEST(numbers_go_and_come),
		DB_TEST(times_and_bytes_go_and_come),
		DB_TEST(arrays_go_and_come),
		DB_TEST(large_values_do_not_block_the_pipeline),
		DB_TEST(rows_are_read_in_order),
		cmocka_unit_test(reading_what_is_not_there_stops_the_process),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
