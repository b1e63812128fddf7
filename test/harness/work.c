/* See work.h. */
#include "test/harness/work.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"

static struct loop *loop;
static struct db *db;
static int running;

void work_open(const char *conninfo)
{
	const struct db_options options = {
		.conninfo = conninfo,
		.read_connections = 1,
		.write_connections = 1,
		.group_limit = WORK_GROUP_LIMIT,
		.queue_limit = WORK_QUEUE_LIMIT,
		.statement_timeout = WORK_STATEMENT_TIMEOUT,
	};

	loop = loop_new();
	db = db_new(loop, &options);
}

void work_free_db(void)
{
	db_free(db);
	db = NULL;
}

void work_close(void)
{
	if (coroutine_count() != 0) {
		fprintf(stderr, "work: %zu coroutines are left\n", coroutine_count());
		abort();
	}
	db_free(db);
	loop_free(loop);
}

struct db *work_db(void)
{
	return db;
}

int work_commits(void)
{
	return (int)db_commits(db);
}

static struct status work_on(struct call *call, void *context)
{
	struct job *job = context;

	job->call = call;
	job->waiter = coroutine_current();
	return job->work(call, job);
}

static void end(void *context, struct status status)
{
	struct job *job = context;

	job->outcome = (struct status){ .reason = status.reason };
	job->took += clock_monotonic();
	job->ended = true;
	if (--running == 0)
		loop_stop(loop);
}

void work_start(struct job *job, struct status (*work)(struct call *call, struct job *job))
{
	job->work = work;
	job->ended = false;
	job->took = -clock_monotonic();
	running++;
	call_spawn(loop, db, "tester", job->timeout != 0 ? job->timeout : 20 * CLOCK_SECOND, work_on, end, job);
}

void work_turn(void)
{
	if (event_base_loop(loop_base(loop), EVLOOP_ONCE) < 0)
		abort();
}

void work_finish(void)
{
	/* A stop may be left over from work that did not have to wait. */
	while (running > 0)
		loop_run(loop);
}

struct status work_run(struct status (*work)(struct call *call, struct job *job), struct job *job)
{
	struct job nobody = { 0 };

	if (job == NULL)
		job = &nobody;
	work_start(job, work);
	work_finish();
	return job->outcome;
}

void work_run_all(struct status (*work)(struct call *call, struct job *job), struct job *jobs, int n)
{
	for (int i = 0; i < n; i++)
		work_start(&jobs[i], work);
	work_finish();
}

const char *work_name(const struct reason *reason)
{
	return reason != NULL ? reason->name : "OK";
}
