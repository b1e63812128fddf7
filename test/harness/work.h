/*
 * work: a loop, a database executor and calls, for unit tests of what runs inside calls.
 *
 * Invariants
 * - Each piece of work is a spawned call with a coroutine of its own; its job says what it is given and what came of it. Jobs outlive their calls.
 * - One database executor at a time, on the calling thread. work_close() fails the test when a coroutine is left.
 * - A check that fails inside of work ends the whole program: cmocka cannot jump from a coroutine's stack to its own.
 *
 * Usage
 *     work_open(conninfo);
 *     struct job job = { .number = 7 };
 *     assert_ok(work_run(insert_item, &job));
 *     work_close();
 */
#ifndef QUAYSIDE_TEST_HARNESS_WORK_H
#define QUAYSIDE_TEST_HARNESS_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "runtime/call.h"
#include "runtime/coroutine.h"
#include "runtime/db.h"

#define WORK_GROUP_LIMIT 50
#define WORK_QUEUE_LIMIT 2000
#define WORK_STATEMENT_TIMEOUT INT64_C(2000000)

struct job {
	/* In: whatever the work makes of it. */
	int number;
	int64_t amount;
	const char *text;
	struct db_statement *statement;
	int64_t timeout; /* the call's, in microseconds; 0: 20 s */

	/* While it runs. */
	struct status (*work)(struct call *call, struct job *job);
	struct call *call;
	struct coroutine *waiter;

	/* Out. */
	bool ended;
	struct status outcome; /* without its details, which died with the call */
	int64_t took;          /* microseconds */
};

/* One read and one write connection. */
void work_open(const char *conninfo);
void work_close(void);

/* The executor, and how many commits it has made since work_open(). */
struct db *work_db(void);
int work_commits(void);

/* Frees the executor before work_close() does. */
void work_free_db(void);

/* Starts work; lets the loop do what is there to do (after waiting for something if need be); runs until all that was started has ended. */
void work_start(struct job *job, struct status (*work)(struct call *call, struct job *job));
void work_turn(void);
void work_finish(void);

/* Starts and finishes one (job may be NULL), or several at once. */
struct status work_run(struct status (*work)(struct call *call, struct job *job), struct job *job);
void work_run_all(struct status (*work)(struct call *call, struct job *job), struct job *jobs, int n);

/* "OK" or the reason's name. NULL is OK. */
const char *work_name(const struct reason *reason);

#define assert_reason(status_, reason_) assert_string_equal(work_name((status_).reason), work_name(reason_))
#define assert_ok(status_) assert_reason(status_, NULL)

#endif
