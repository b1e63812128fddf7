/* What migrate.h promises. Against a real PostgreSQL. */
#include "runtime/migrate.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "test/harness/pg.h"

#define FILE_(name_, sql_)                                                                                             \
	{                                                                                                              \
		.name = (name_), .sql = (sql_), .len = sizeof(sql_) - 1                                                \
	}
#define END                                                                                                            \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}

static const char *conninfo;

static int fresh(void **state)
{
	(void)state;
	conninfo = pg_start();
	return 0;
}

/* The first value of a query, as a number. */
static long number(const char *sql)
{
	PGconn *pg = PQconnectdb(conninfo);
	PGresult *result = PQexec(pg, sql);
	const long value = PQntuples(result) == 1 ? strtol(PQgetvalue(result, 0, 0), NULL, 10) : -1;

	PQclear(result);
	PQfinish(pg);
	return value;
}

static const struct migration one[] = { FILE_("0001_one.sql", "CREATE TABLE one (a int); INSERT INTO one VALUES (1);"),
					END };
static const struct migration two[] = { FILE_("0001_one.sql", "CREATE TABLE one (a int); INSERT INTO one VALUES (1);"),
					FILE_("0002_two.sql", "INSERT INTO one SELECT a + 1 FROM one;"), END };

static void files_run_once_and_in_order(void **state)
{
	(void)state;
	assert_true(migrate(conninfo, one));
	assert_int_equal(number("SELECT sum(a) FROM one"), 1);
	assert_true(migrate(conninfo, two));
	assert_int_equal(number("SELECT sum(a) FROM one"), 3);
	assert_true(migrate(conninfo, two));
	assert_int_equal(number("SELECT sum(a) FROM one"), 3);
	/* The runtime's own tables are there, and came first. */
	assert_int_equal(number("SELECT count(*) FROM idempotency"), 0);
	assert_int_equal(number("SELECT count(*) FROM schema_migrations WHERE starts_with(name, 'runtime/')"),
			 number("SELECT count(*) FROM schema_migrations WHERE time < (SELECT time FROM "
				"schema_migrations WHERE name = '0001_one.sql')"));
}

static void a_file_that_changed_is_refused(void **state)
{
	static const struct migration changed[] = {
		FILE_("0001_one.sql", "CREATE TABLE one (a int); INSERT INTO one VALUES (2);"), END
	};

	(void)state;
	assert_true(migrate(conninfo, one));
	assert_false(migrate(conninfo, changed));
	assert_int_equal(number("SELECT sum(a) FROM one"), 1);
	assert_true(migrate(conninfo, one));
}

static void a_newer_database_is_refused(void **state)
{
	(void)state;
	assert_true(migrate(conninfo, two));
	assert_false(migrate(conninfo, one));
}

static void a_file_that_comes_too_late_is_refused(void **state)
{
	static const struct migration between[] = {
		FILE_("0001_one.sql", "CREATE TABLE one (a int); INSERT INTO one VALUES (1);"),
		FILE_("0001b_between.sql", "CREATE TABLE between_them ();"),
		FILE_("0002_two.sql", "INSERT INTO one SELECT a + 1 FROM one;"), END
	};

	(void)state;
	assert_true(migrate(conninfo, two));
	assert_false(migrate(conninfo, between));
	assert_int_equal(number("SELECT count(*) FROM pg_class WHERE relname = 'between_them'"), 0);
}

static void a_file_that_fails_leaves_nothing(void **state)
{
	static const struct migration broken[] = {
		FILE_("0001_fine.sql", "CREATE TABLE fine ();"),
		FILE_("0002_broken.sql", "CREATE TABLE half (); SELECT 1/0; CREATE TABLE whole ();"), END
	};
	static const struct migration mended[] = { FILE_("0001_fine.sql", "CREATE TABLE fine ();"),
						   FILE_("0002_broken.sql", "CREATE TABLE half ();"), END };

	(void)state;
	assert_false(migrate(conninfo, broken));
	assert_int_equal(number("SELECT count(*) FROM pg_class WHERE relname = 'half'"), 0);
	assert_int_equal(number("SELECT count(*) FROM schema_migrations WHERE name LIKE '%broken%'"), 0);
	assert_int_equal(number("SELECT count(*) FROM fine"), 0);
	assert_true(migrate(conninfo, mended));
	assert_int_equal(number("SELECT count(*) FROM half"), 0);
}

static void a_file_cannot_end_its_transaction(void **state)
{
	static const struct migration sly[] = { FILE_("0001_sly.sql", "COMMIT;"), END };

	(void)state;
	assert_false(migrate(conninfo, sly));
	/* The runtime's files had run. */
	assert_int_not_equal(number("SELECT count(*) FROM schema_migrations"), 0);
	assert_int_equal(number("SELECT count(*) FROM schema_migrations WHERE name LIKE '%sly%'"), 0);
}

#define STARTERS 5

static void of_several_that_start_at_once_one_migrates(void **state)
{
	static const struct migration slow[] = {
		FILE_("0001_slow.sql", "CREATE TABLE once (a int); SELECT pg_sleep(0.2); INSERT INTO once VALUES (1);"),
		END
	};
	pid_t starters[STARTERS];

	(void)state;
	for (int i = 0; i < STARTERS; i++) {
		starters[i] = fork();
		assert_true(starters[i] >= 0);
		if (starters[i] == 0)
			_exit(migrate(conninfo, slow) ? 0 : 1);
	}
	for (int i = 0; i < STARTERS; i++) {
		int status;

		assert_int_equal(waitpid(starters[i], &status, 0), starters[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(number("SELECT count(*) FROM once"), 1);
}

static void a_server_that_forgets_is_refused(void **state)
{
	(void)state;
	pg_execute(
	    conninfo,
	    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$");
	assert_false(migrate(conninfo, one));
	assert_int_equal(number("SELECT count(*) FROM pg_class WHERE relname IN ('one', 'schema_migrations')"), 0);
	pg_execute(conninfo, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = local', "
			     "current_database()); END $$");
	assert_true(migrate(conninfo, one));
}

static void a_server_that_is_still_starting_is_waited_for(void **state)
{
	int status;

	(void)state;
	pg_stop();

	const pid_t starter = fork();

	assert_true(starter >= 0);
	if (starter == 0) {
		pg_restart();
		_exit(0);
	}
	assert_true(migrate(conninfo, one));
	assert_int_equal(waitpid(starter, &status, 0), starter);
	assert_int_equal(status, 0);
	assert_int_equal(number("SELECT sum(a) FROM one"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(files_run_once_and_in_order, fresh),
		cmocka_unit_test_setup(a_file_that_changed_is_refused, fresh),
		cmocka_unit_test_setup(a_newer_database_is_refused, fresh),
		cmocka_unit_test_setup(a_file_that_comes_too_late_is_refused, fresh),
		cmocka_unit_test_setup(a_file_that_fails_leaves_nothing, fresh),
		cmocka_unit_test_setup(a_file_cannot_end_its_transaction, fresh),
		cmocka_unit_test_setup(of_several_that_start_at_once_one_migrates, fresh),
		cmocka_unit_test_setup(a_server_that_forgets_is_refused, fresh),
		cmocka_unit_test_setup(a_server_that_is_still_starting_is_waited_for, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
