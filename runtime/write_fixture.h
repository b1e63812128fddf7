/*
 * write_fixture: things with amounts, and a method that does with them what the test says, for the tests of write.c. On a real PostgreSQL. Included by tests only, once
 * each, after cmocka.
 *
 * Invariants
 * - The method never gives the same reply twice, so a reply that comes again was kept.
 * - Before each test there are two things of version 1, and nothing else.
 *
 * Usage
 *     assert_null(ask_for(change, "key").outcome.reason);
 *     assert_written(1, 1, 1);
 */
#ifndef QUAYSIDE_RUNTIME_WRITE_FIXTURE_H
#define QUAYSIDE_RUNTIME_WRITE_FIXTURE_H

#include <stdlib.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "quayside/customers/v1/customers.pb-c.h"
#include "runtime/migrate.h"
#include "runtime/pb.h"
#include "runtime/rpc_status.h"
#include "runtime/write.h"
#include "test/harness/pg.h"
#include "test/harness/service.h"

#define THING "018f2f6e-0000-7000-8000-000000000001"
#define OTHER "018f2f6e-0000-7000-8000-000000000002"
#define AMOUNT 100
#define MANY 10

static const struct reason OUT_OF_LUCK = { CODE_FAILED_PRECONDITION, "OUT_OF_LUCK", "There is no luck left." };

static const char *conninfo;

/* ---- What the method may do ---- */

static struct {
	struct status (*work)(struct call *call, const char *id, Customers__Customer *reply);
	const struct reason *reason; /* of a refusal */
	int runs;                    /* of the handler, so far */
	int rounds;
} plan;

#define OF_VERSION "thing_id = :aggregate_id::uuid AND version = :version - 1"
#define CHANGED ", changed AS (UPDATE thing SET version = :version FROM accepted WHERE thing_id = :aggregate_id::uuid)"

static struct db_statement READ_THING = DB_READ("read_thing", "SELECT version FROM thing WHERE thing_id = :thing_id");

static struct db_statement CHANGE_THING =
    DB_WRITE("change_thing", WRITE_BEGIN("SELECT 1 FROM thing WHERE " OF_VERSION " FOR UPDATE") CHANGED WRITE_END);

static inline struct status read_version(struct call *call, const char *id, int64_t *ret_version)
{
	struct db_unit *unit = db_unit(call, &READ_THING);

	db_bind_text(unit, "thing_id", id);
	TRY(db_run(call, unit));
	*ret_version = db_int(db_rows(unit, 0), 0, "version");
	return STATUS_OK;
}

static inline struct write write_of(const char *id, int64_t version, const ProtobufCMessage *reply)
{
	return (struct write){ .aggregate_type = "thing",
			       .aggregate_id = id,
			       .version = version,
			       .from_state = "OLD",
			       .to_state = "NEW",
			       .reason = "because",
			       .event = reply,
			       .reply = reply };
}

/* Reads, changes, and does so again when somebody else was faster. */
static inline struct status change(struct call *call, const char *id, Customers__Customer *reply)
{
	int64_t version;

	for (int round = 0; write_again(call, &round);) {
		struct write write;

		TRY(read_version(call, id, &version));
		write = write_of(id, version + 1, &reply->base);
		TRY(write_run(call, db_unit(call, &CHANGE_THING), &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static inline void complete(struct arena *arena, void *out, const int64_t *values, size_t count)
{
	Customers__Customer *reply = out;

	assert_int_equal(count, 2);
	reply->phone = arena_printf(arena, "%lld left", (long long)values[0]);
}

static inline struct status refuse(struct call *call, const char *id, Customers__Customer *reply)
{
	struct status status = status_printf(call->arena, plan.reason, "No luck for %s.", id);

	(void)reply;
	status = status_metadata(call->arena, status, "run", arena_printf(call->arena, "%d", plan.runs));
	return status_violation(call->arena, status, "reason", "asks for luck");
}

RPC_UNARY(block_customer, Customers__BlockCustomerRequest, Customers__Customer);
RPC_UNARY(unblock_customer, Customers__UnblockCustomerRequest, Customers__Customer);

/* Never the same reply twice. */
static inline struct status act(struct call *call, const char *id, Customers__Customer *reply)
{
	plan.runs++;
	reply->first_name = arena_alloc(call->arena, UUID_TEXT);
	uuid_new(reply->first_name);
	return plan.work(call, id, reply);
}

static inline struct status block_customer(struct call *call, const Customers__BlockCustomerRequest *request,
					   Customers__Customer *reply)
{
	return act(call, request->customer_id, reply);
}

static inline struct status unblock_customer(struct call *call, const Customers__UnblockCustomerRequest *request,
					     Customers__Customer *reply)
{
	return act(call, request->customer_id, reply);
}

static const struct rpc_method methods[] = { RPC_METHOD_COMPLETED("BlockCustomer", block_customer, complete),
					     RPC_METHOD("UnblockCustomer", unblock_customer), RPC_METHODS_END };
static const struct rpc_service thing_service = { &customers__customer_service__descriptor, methods };

/* ---- Calls and what they leave ---- */

static inline int make_database(void **state)
{
	static const struct migration none[] = { { .name = NULL } };

	(void)state;
	/* A failed assertion must not jump from a coroutine's stack to the test's: it ends the program, with its message. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	conninfo = pg_start();
	if (!migrate(conninfo, none))
		return -1;
	pg_execute(conninfo,
		   "CREATE TABLE thing (thing_id uuid PRIMARY KEY, version bigint NOT NULL, amount bigint NOT NULL)");
	return 0;
}

static inline int open_service(void **state)
{
	(void)state;
	pg_execute(conninfo, "TRUNCATE thing, idempotency, history, outbox;"
			     " INSERT INTO thing VALUES ('" THING "', 1, 100), ('" OTHER "', 1, 100)");
	plan.work = change;
	plan.reason = &OUT_OF_LUCK;
	plan.runs = plan.rounds = 0;
	service_open(&thing_service, conninfo);
	return 0;
}

static inline int close_service(void **state)
{
	(void)state;
	service_close();
	return 0;
}

/* A call that is about a thing; its reason makes it another request than one with another reason. */
static inline struct invocation about(const char *id, const char *key, const char *reason)
{
	Customers__BlockCustomerRequest *request =
	    pb_new(service_arena(), &customers__block_customer_request__descriptor);

	request->customer_id = arena_strdup(service_arena(), id);
	request->reason = arena_strdup(service_arena(), reason);
	return (struct invocation){ .method = "BlockCustomer", .request = &request->base, .key = key };
}

static inline struct invocation ask(const char *key, const char *reason)
{
	struct invocation invocation = about(THING, key, reason);

	service_start(&invocation);
	service_finish();
	return invocation;
}

static inline struct invocation ask_for(struct status (*work)(struct call *, const char *, Customers__Customer *),
					const char *key)
{
	plan.work = work;
	return ask(key, "");
}

/* As many calls at once as asked has room for. */
static inline void ask_many(struct invocation *asked, const char *key)
{
	for (int i = 0; i < MANY; i++) {
		asked[i] = about(THING, key, "");
		service_start(&asked[i]);
	}
	service_finish();
}

static inline void assert_same_answer(const struct invocation *a, const struct invocation *b)
{
	assert_ptr_equal(a->outcome.reason, NULL);
	assert_ptr_equal(b->outcome.reason, NULL);
	assert_true(a->bytes.len > 0);
	assert_true(str_equal(a->bytes, b->bytes));
}

static inline void assert_same_refusal(struct status a, struct status b)
{
	assert_non_null(a.reason);
	assert_non_null(b.reason);
	assert_true(str_equal(rpc_status_pack(service_arena(), a), rpc_status_pack(service_arena(), b)));
}

#define assert_refused(invocation_, reason_) assert_true(status_is((invocation_).outcome, &(reason_)))

static struct db_statement COUNT_WRITTEN =
    DB_READ("count_written", "SELECT (SELECT count(*) FROM idempotency) * 10000 + (SELECT count(*) FROM history) * 100"
			     " + (SELECT count(*) FROM outbox) AS n");

static inline void assert_written(int keys, int history, int events)
{
	assert_int_equal(service_number(&COUNT_WRITTEN), keys * 10000 + history * 100 + events);
}

static struct db_statement GET_VERSION =
    DB_READ("get_version", "SELECT version AS n FROM thing WHERE thing_id = '" THING "'");

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, open_service, close_service)

#endif
