/*
 * service: calls a service's methods as its server does, but without a network: for tests of handlers and stores on a
 * real database.
 *
 * Invariants
 * - Each invocation is a call of its own: coroutine, arena, deadline. Many may run at once, on one loop and one
 *   executor with the settings of production.
 * - The request goes through bytes and the keys through runtime/write.h, so what a repeat gets is what a client would
 *   get.
 * - Outcomes and replies live in the test's arena, until service_close().
 *
 * Usage
 *     service_open(&invoice_service, conninfo);
 *     struct invocation issue = { .method = "IssueInvoice", .request = &request.base, .key = "k1" };
 *     service_start(&issue);
 *     service_finish();
 *     assert_null(issue.outcome.reason);
 *     const Billing__Invoice *invoice = issue.reply;
 *     service_close();
 */
#ifndef QUAYSIDE_TEST_HARNESS_SERVICE_H
#define QUAYSIDE_TEST_HARNESS_SERVICE_H

#include "runtime/db.h"
#include "runtime/rpc_server.h"

struct invocation {
	const char *method;
	const ProtobufCMessage *request;
	const char *key; /* NULL: the caller chose none */
	int64_t timeout; /* microseconds; 0: 30 s */

	/* Afterwards. */
	struct status outcome;
	struct str bytes; /* the reply */
	void *reply;      /* the same, unpacked; NULL when it failed */

	struct call *call_; /* while it runs */
	struct coroutine *coroutine_;
};

/* Opens one service on a migrated database; adds another one of the same process; closes them, when nothing runs. */
void service_open(const struct rpc_service *service, const char *conninfo);
void service_add(const struct rpc_service *service);
void service_close(void);

/* The test's arena, for requests and the like. */
struct arena *service_arena(void);

/*
 * Starts an invocation, which must stay where it is until it has ended; cancels it, as a client that leaves does; waits
 * until all have ended.
 */
void service_start(struct invocation *invocation);
void service_cancel(struct invocation *invocation);
void service_finish(void);

/* One alone: start and finish. ret_reply may be NULL. */
struct status service_call(const char *method, const char *key, const ProtobufCMessage *request,
			   void **ret_reply) MUST_USE;

/* Starts what the service does by itself, such as a step. A failure of it fails the test. */
void service_start_step(struct status (*run)(struct call *call));

/* The column `n` of the only row of a statement without parameters; how many rows there were is checked. */
int64_t service_number(struct db_statement *statement);

#endif
