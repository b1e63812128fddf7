/*
 * db_test: what the tests of the database executor share: a database, and work that runs as spawned calls.
 *
 * Only db_test.c and db_fault_test.c include it, once each, after cmocka.
 */
#ifndef QUAYSIDE_RUNTIME_DB_TEST_H
#define QUAYSIDE_RUNTIME_DB_TEST_H

#include "base/clock.h"
#include "runtime/call.h"
#include "runtime/coroutine.h"
#include "runtime/db.h"
#include "test/harness/pg.h"

#define GROUP_LIMIT 50
#define QUEUE_LIMIT 4000
#define STATEMENT_TIMEOUT (2 * CLOCK_SECOND)
#define DB_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_db, close_db)

/* One call: what it is given, and what came of it. */
struct job {
	int number;
	int64_t amount;
	const char *text;
	struct db_statement *statement;
	int64_t timeout; /* 0: 20 s */
	struct call *call; /* while it runs */
	bool ended;
	struct status outcome; /* without its details, which died with the call */
	int64_t took;
};

static const char *conninfo;
static struct loop *loop;
static struct db *db;
static int running, commits_seen;
static struct status (*the_work)(struct call *call, void *context);

static int make_database(void **state)
{
	(void)state;
	conninfo = pg_start();
	pg_execute(conninfo, "CREATE TABLE item (id bigint PRIMARY KEY, amount bigint NOT NULL CHECK (amount >= 0))");
	pg_execute(conninfo, "CREATE TABLE late_unique (id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)");
	/* Fails the first times it is called since the sequence was restarted; sequences do not roll back. */
	pg_execute(conninfo, "CREATE SEQUENCE turns;"
			     " CREATE FUNCTION flaky(id bigint, code text, times bigint) RETURNS void LANGUAGE plpgsql AS $$ BEGIN"
			     " INSERT INTO item VALUES (id, 1);"
			     " IF nextval('turns') <= times THEN RAISE EXCEPTION 'not this time' USING ERRCODE = code; END IF; END $$");
	return 0;
}

static void count_commit(void *context)
{
	(void)context;
	commits_seen++;
}

static int open_db(void **state)
{
	const struct db_options options = { .conninfo = conninfo,
					    .read_connections = 1,
					    .write_connections = 1,
					    .group_limit = GROUP_LIMIT,
					    .queue_limit = QUEUE_LIMIT,
					    .statement_timeout = STATEMENT_TIMEOUT };

	(void)state;
	pg_execute(conninfo, "TRUNCATE item, late_unique");
	loop = loop_new();
	db = db_new(loop, &options);
	commits_seen = 0;
	db_on_commit(db, count_commit, NULL);
	return 0;
}

static int close_db(void **state)
{
	(void)state;
	assert_int_equal(coroutine_count(), 0);
	db_free(db);
	loop_free(loop);
	return 0;
}

static void job_ended(void *context, struct status status)
{
	struct job *job = context;

	job->outcome = (struct status){ .reason = status.reason };
	job->took += clock_monotonic();
	job->ended = true;
	job->call = NULL;
	if (--running == 0)
		loop_stop(loop);
}

static struct status work_on_job(struct call *call, void *context)
{
	struct job *job = context;

	job->call = call;
	return the_work(call, job);
}

static void start_job(struct job *job, struct status (*work)(struct call *call, void *context))
{
	the_work = work;
	job->ended = false;
	job->took = -clock_monotonic();
	running++;
	call_spawn(loop, db, "tester", job->timeout != 0 ? job->timeout : 20 * CLOCK_SECOND, work_on_job, job_ended, job);
}

static void run_until_ended(void)
{
	/* A stop may be left over from work that did not have to wait. */
	while (running > 0)
		loop_run(loop);
}

static inline void run_jobs(struct job *jobs, int n, struct status (*work)(struct call *call, void *context))
{
	for (int i = 0; i < n; i++)
		start_job(&jobs[i], work);
	run_until_ended();
}

static inline struct status run_one(struct status (*work)(struct call *call, void *context), struct job *job)
{
	struct job nobody = { 0 };

	if (job == NULL)
		job = &nobody;
	start_job(job, work);
	run_until_ended();
	return job->outcome;
}

#define assert_reason(status_, reason_) assert_string_equal(reason_name(status_), name_of(reason_))
#define assert_ok(status_) assert_reason(status_, NULL)

static inline const char *name_of(const struct reason *reason)
{
	return reason != NULL ? reason->name : "OK";
}

static inline const char *reason_name(struct status status)
{
	return name_of(status.reason);
}

#endif
