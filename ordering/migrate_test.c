/* What ordering/migrations promise to data that is there already. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/migrate.h"
#include "test/harness/pg.h"
#include "test/harness/work.h"

extern const struct migration ordering_migrations[];

static const char *conninfo;

static struct db_statement COUNT = DB_READ(
    "test_count",
    "SELECT count(*) AS n FROM saga s JOIN customer_order o ON o.order_id = s.saga_id AND o.order_id::text = s.subject_id"
    " WHERE s.kind = 'place' AND s.state = 'RUNNING' AND s.run_time <= now() AND s.lease_until <= now() AND s.deadline > now()"
    " AND o.state = 'ORDER_STATE_PLACING'");

static struct db_statement COUNT_ALL = DB_READ("test_count_all", "SELECT count(*) AS n FROM saga");

static struct status count(struct call *call, struct job *job)
{
	struct db_unit *unit = db_unit(call, job->statement);

	TRY(db_run(call, unit));
	job->amount = db_int(db_rows(unit, 0), 0, "n");
	return STATUS_OK;
}

static int64_t number(struct db_statement *statement)
{
	struct job job = { .statement = statement };

	assert_ok(work_run(count, &job));
	return job.amount;
}

static void orders_that_are_being_placed_go_on_as_sagas(void **state)
{
	const struct migration first[] = { ordering_migrations[0], { .name = NULL } };

	(void)state;
	assert_true(migrate(conninfo, first));
	pg_execute(
	    conninfo,
	    "INSERT INTO customer_order (order_id, version, number, customer_id, customer_name, name, note, currency, net, tax, gross, state,"
	    " state_reason, submitted, resume_time, search, create_time, update_time)"
	    " SELECT gen_random_uuid(), 2, 'ORD-' || n, gen_random_uuid(), 'Ada', '', '', '', 0, 0, 0,"
	    " CASE WHEN n > 2 THEN 'ORDER_STATE_PLACING' ELSE 'ORDER_STATE_OPEN' END, '', false,"
	    " CASE WHEN n > 2 THEN now() END, '', now(), now() FROM generate_series(1, 5) AS n");
	assert_true(migrate(conninfo, ordering_migrations));
	work_open(conninfo);
	assert_int_equal(number(&COUNT), 3);
	assert_int_equal(number(&COUNT_ALL), 3);
	work_close();
}

static int make_database(void **state)
{
	(void)state;
	conninfo = pg_start();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(orders_that_are_being_placed_go_on_as_sagas) };

	return cmocka_run_group_tests(tests, make_database, NULL);
}
