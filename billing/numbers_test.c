/*
 * What numbers.h promises, on a real database: 1 to N, whoever is cut off in the middle and whoever else issues.
 *
 * QUAYSIDE_TEST_ISSUES sets how many calls the test with aborted calls makes.
 */
#include "billing/numbers.h"

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

#include "base/str.h"
#include "billing/store_test.h"

#define ISSUES 2000
#define AT_ONCE 100
#define EACH 300 /* of two processes */

static uint32_t seed = 20261121;

/* Repeatable, so that a failure can be looked at again. */
static uint32_t random_below(uint32_t limit)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % limit;
}

static int64_t issues_wanted(void)
{
	const char *wanted = getenv("QUAYSIDE_TEST_ISSUES");
	int64_t issues = ISSUES;

	assert_true(wanted == NULL || str_to_int64(str_of(wanted), &issues));
	return issues;
}

/*
 * Calls that end early: some by a deadline that passes anywhere between the queue and the commit, some because the
 * client leaves, some because they are wrong.
 */
static void prepare(struct invocation *issue)
{
	Billing__IssueInvoiceRequest *request = new_invoice("ORD-1", "Ada Byron");

	*issue = (struct invocation){ .method = "IssueInvoice", .request = &request->base, .key = new_id() };
	switch (random_below(8)) {
	case 0:
	case 1:
		issue->timeout = 1 + random_below(200) * CLOCK_MILLISECOND;
		break;
	case 2:
		request->lines[0]->unit_price->minor_units = -1;
		break;
	default:
		break;
	}
}

static void leave(struct invocation *issues, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (random_below(16) == 0)
			service_cancel(&issues[i]);
	}
}

/* Each kept answer and each event names the number that its invoice has. */
static struct db_statement WRONG_ANSWERS =
    DB_READ("wrong_answers", "SELECT count(*) AS n FROM invoice i JOIN idempotency k ON k.subject = i.invoice_id::text"
			     " JOIN outbox o ON o.aggregate_id = i.invoice_id::text"
			     " WHERE position(convert_to(i.number, 'UTF8') IN k.answer) = 0"
			     " OR position(convert_to(i.number, 'UTF8') IN o.payload) = 0");

static struct db_statement COUNT_ANSWERED =
    DB_READ("count_answered",
	    "SELECT count(*) AS n FROM invoice i JOIN idempotency k ON k.subject = i.invoice_id::text AND k.code = 0");

/*
 * How calls may end that were cut off, whether the client knows why or not: with nothing changed. (Before the first
 * connection is up, the database is away.)
 */
static bool changed_nothing(struct status outcome)
{
	return status_is(outcome, &DEADLINE_PASSED) || status_is(outcome, &CALL_CANCELLED) ||
	       status_is(outcome, &INVALID_REQUEST) || status_is(outcome, &DATABASE_UNAVAILABLE);
}

/* Counts the calls that have issued, and those that ended without knowing whether they have. */
static void count(const struct invocation *issues, size_t n, int64_t *issued, int64_t *unknown)
{
	for (size_t i = 0; i < n; i++) {
		if (issues[i].outcome.reason == NULL)
			(*issued)++;
		else if (status_is(issues[i].outcome, &OUTCOME_UNKNOWN))
			(*unknown)++;
		else if (!changed_nothing(issues[i].outcome))
			fail_msg("a call ended with %s", issues[i].outcome.reason->name);
	}
}

static void aborted_calls_leave_no_gap(void **state)
{
	static struct invocation issues[AT_ONCE];
	int64_t issued = 0, unknown = 0, written, wanted = issues_wanted();
	int64_t started = clock_monotonic(), took;

	(void)state;
	for (int64_t done = 0; done < wanted; done += AT_ONCE) {
		for (size_t i = 0; i < AT_ONCE; i++) {
			prepare(&issues[i]);
			service_start(&issues[i]);
		}
		leave(issues, AT_ONCE);
		service_finish();
		count(issues, AT_ONCE, &issued, &unknown);
	}
	took = clock_monotonic() - started;
	written = assert_numbers_have_no_gap();
	assert_true(written >= issued && written <= issued + unknown);
	assert_int_equal(service_number(&COUNT_ANSWERED), written);
	assert_int_equal(service_number(&WRONG_ANSWERS), 0);
	assert_books_balance();
	assert_true(issued > wanted / 4 && issued < wanted * 3 / 4 + AT_ONCE);
	print_message("# %lld calls, %lld issued, %lld unknown, %lld numbers, %lld per second\n", (long long)wanted,
		      (long long)issued, (long long)unknown, (long long)written,
		      (long long)(written * CLOCK_SECOND / took));
}

static void issue_each(void)
{
	static struct invocation issues[EACH];

	service_open(&invoice_service, owner);
	for (int i = 0; i < EACH; i++) {
		issues[i] = (struct invocation){ .method = "IssueInvoice",
						 .request = &new_invoice("ORD-1", "Ada Byron")->base };
		service_start(&issues[i]);
	}
	service_finish();
	for (int i = 0; i < EACH; i++)
		assert_null(issues[i].outcome.reason);
	service_close();
}

static void two_processes_share_one_series(void **state)
{
	const pid_t child = fork();
	int status = -1;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		issue_each();
		_exit(0);
	}
	issue_each();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	service_open(&invoice_service, owner);
	assert_int_equal(assert_numbers_have_no_gap(), 2 * EACH);
	assert_int_equal(service_number(&WRONG_ANSWERS), 0);
	assert_books_balance();
	service_close();
}

/* Before any thread or connection is there, so that the test may fork. */
static int empty_database(void **state)
{
	open_service(state);
	return close_service(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(aborted_calls_leave_no_gap),
		cmocka_unit_test_setup(two_processes_share_one_series, empty_database),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
