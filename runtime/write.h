/*
 * write: one transaction per write: idempotency key, answer, effect, history and event commit together.
 *
 * Invariants
 * - Every call of a write method has a key. Key, fingerprint of the request and answer are a row of the table `idempotency`, written by the very statement that has the effect.
 *   The same key again gets the first answer, byte for byte; with another request it is refused (KEY_REUSED).
 * - The answer is known before the commit: ids, times and versions come from the service. What only the database knows (a stock level) is kept beside it as numbers and
 *   filled in by the method's `complete` function (rpc_server.h).
 * - Definite refusals of a call whose caller chose the key are kept too; transient failures are not.
 * - A write is guarded by what was read: the guard is a query that locks the aggregate's row and yields a row only if it is still what the decision was made on.
 *   When it yields none, nothing happens, write_run() says so, and the handler reads and decides again (write_again()).
 * - The look-up of the key rides along with the call's first unit of work. When the key has an answer already, that unit fails with the internal reason KEY_ANSWERED, which handlers
 *   pass on by TRY like any other; the runtime then sends the kept answer.
 *
 * How a statement is written: WRITE_BEGIN(guard) opens `accepted`, which has one row if and only if this call may have its effect; the store adds its own changes, each
 * `FROM accepted`, and closes with WRITE_END (or a SELECT of its own with a bigint column `applied`). Parameters with these names are bound by write_run():
 * aggregate_id, version (the new one), time, and those of the runtime's tables, which all begin with `w_`.
 *
 *     static struct db_statement BLOCK_CUSTOMER = DB_WRITE("block_customer",
 *             WRITE_BEGIN("SELECT 1 FROM customer WHERE customer_id = :aggregate_id::uuid AND version = :version - 1 FOR UPDATE")
 *             ", changed AS (UPDATE customer SET status = :status, version = :version, update_time = :time FROM accepted WHERE customer_id = :aggregate_id::uuid)"
 *             WRITE_END);
 *
 * Usage, in a handler:
 *     for (int round = 0; write_again(call, &round);) {
 *             TRY(store_get(call, id, reply, &version));
 *             TRY(customer_block(call->arena, reply, request->reason));
 *             struct write write = { .aggregate_type = "customer", .aggregate_id = id, .version = version + 1, ... };
 *             TRY(store_block(call, reply, &write));
 *             if (write.applied)
 *                     return STATUS_OK;
 *     }
 *     return status_of(&CONCURRENT_CHANGE);
 */
#ifndef QUAYSIDE_RUNTIME_WRITE_H
#define QUAYSIDE_RUNTIME_WRITE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "runtime/call.h"
#include "runtime/db.h"

/* The outcome of a call whose key was answered before; never leaves the process. */
extern const struct reason KEY_ANSWERED;

#define WRITE_VALUES 4

struct saga;

/* What every write records. Texts must stay valid until write_run() returns. */
struct write {
	const char *aggregate_type; /* "order" */
	const char *aggregate_id;
	int64_t version; /* that the write makes, from 1 */

	const char *action;                /* "PlaceOrder"; NULL: the method's name */
	const char *from_state, *to_state; /* names in the contract; NULL: no history row */
	const char *reason;                /* may be NULL */

	const ProtobufCMessage *event; /* payload for the outbox, or NULL */
	const ProtobufCMessage
	    *second_event;             /* one of another type, for a statement with WRITE_SECOND_EVENT; else NULL */
	const struct write *beside;    /* of another aggregate: its id, type, version, states, reason and event,
					* for a statement with WRITE_BESIDE; else NULL */
	struct saga *saga;             /* that it starts, for a statement with SAGA_START (saga.h); else NULL */
	const ProtobufCMessage *reply; /* the answer to keep under the key; NULL with pending */
	bool pending;                  /* the answer comes later, by a step of the same aggregate (STEP_BEGIN) */

	size_t n_values; /* how many columns n1, n2, ... the closing SELECT has: what only the database knew */
	bool applied;    /* out: the effect is there */
	int64_t values[WRITE_VALUES]; /* out: n1, n2, ... */
};

/* An answer that was kept under the call's key. */
struct write_answer {
	bool kept;        /* false: the handler's own reply stands */
	struct str reply; /* packed */
	size_t n_values;
	const int64_t *values;
};

#define WRITE_RECORD_                                                                                                  \
	", recorded AS (INSERT INTO history (aggregate_id, version, time, actor, action, from_state, to_state, "       \
	"reason)"                                                                                                      \
	" SELECT :aggregate_id::text, :version, :time, :w_actor, :w_action, :w_from_state, :w_to_state, :w_reason"     \
	" FROM accepted WHERE :w_history::boolean)"                                                                    \
	", told AS (INSERT INTO outbox"                                                                                \
	" (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, trace_parent, time)"              \
	" SELECT :w_event_id, :w_aggregate_type, :aggregate_id::text, :version, :w_event_type, :w_event, "             \
	":w_trace_parent, :time"                                                                                       \
	" FROM accepted WHERE :w_has_event::boolean)"

#define WRITE_KEY_                                                                                                     \
	"INSERT INTO idempotency (scope, key, method, fingerprint, subject, code, answer, time, numbers)"              \
	" SELECT :w_scope, :w_key, :w_method, :w_fingerprint, :aggregate_id::text, :w_code, :w_answer, :time, "

/* Opens a write under the call's key: nothing happens unless the guard yields a row. */
#define WRITE_BEGIN(guard_)                                                                                            \
	"WITH guard AS (" guard_ "), accepted AS (" WRITE_KEY_ "NULL FROM guard LIMIT 1"                               \
	" ON CONFLICT DO NOTHING RETURNING 1 AS one)" WRITE_RECORD_

/*
 * Opens a write whose answer has numbers that only the database knows: the guard is the effect itself, `UPDATE ... WHERE ... AND KEY_UNKNOWN RETURNING ARRAY[...] AS numbers`.
 * A key that another transaction is just using makes the insert fail and takes the effect back; write_run() then finds the answer under it. Close it with WRITE_END_NUMBERS.
 */
#define WRITE_BEGIN_NUMBERS(effect_)                                                                                   \
	"WITH guard AS (" effect_ "), accepted AS (" WRITE_KEY_                                                        \
	"guard.numbers FROM guard RETURNING numbers)" WRITE_RECORD_
#define KEY_UNKNOWN "NOT EXISTS (SELECT FROM idempotency WHERE scope = :w_scope AND key = :w_key)"

/* Opens a step of work that an earlier write acknowledged: no key of its own, but it answers the keys that wait for this aggregate. */
#define STEP_BEGIN(guard_)                                                                                             \
	"WITH guard AS (" guard_ "), accepted AS (SELECT 1 AS one FROM guard LIMIT 1)" STEP_ANSWERED_ WRITE_RECORD_
#define STEP_ANSWERED_                                                                                                 \
	", answered AS (UPDATE idempotency SET code = :w_code, answer = :w_answer FROM accepted"                       \
	" WHERE subject = :aggregate_id::text AND code IS NULL AND :w_answers::boolean)"

/* Behind the opening of a statement that has two things to tell of the same version. */
#define WRITE_SECOND_EVENT                                                                                             \
	", told_second AS (INSERT INTO outbox"                                                                         \
	" (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, trace_parent, time)"              \
	" SELECT :w_second_event_id, :w_aggregate_type, :aggregate_id::text, :version, :w_second_event_type, "         \
	":w_second_event, :w_trace_parent,"                                                                            \
	" :time FROM accepted)"

/* Behind the opening of a statement that also makes, or changes, another aggregate: its history and its event. */
#define WRITE_BESIDE                                                                                                   \
	", beside_recorded AS (INSERT INTO history (aggregate_id, version, time, actor, action, from_state, "          \
	"to_state, reason)"                                                                                            \
	" SELECT :w_beside_id::text, :w_beside_version, :time, :w_actor, :w_action, :w_beside_from_state, "            \
	":w_beside_to_state, :w_beside_reason FROM accepted)"                                                          \
	", beside_told AS (INSERT INTO outbox"                                                                         \
	" (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, trace_parent, time)"              \
	" SELECT :w_beside_event_id, :w_beside_type, :w_beside_id::text, :w_beside_version, :w_beside_event_type, "    \
	":w_beside_event, :w_trace_parent, :time FROM accepted)"

/*
 * Behind the opening of a statement whose aggregate has parts that go from state to state by themselves: a row of history
 * for each, with the aggregate's version. parts_: a FROM item with the parts' ids and their states before and after.
 */
#define WRITE_PARTS(parts_)                                                                                            \
	", recorded_parts AS (INSERT INTO history (aggregate_id, version, time, actor, action, from_state, "           \
	"to_state, reason)"                                                                                            \
	" SELECT part.id::text, :version, :time, :w_actor, :w_action, part.from_state, part.to_state, :w_reason"       \
	" FROM accepted, " parts_ " AS part(id, from_state, to_state))"

#define WRITE_END " SELECT count(*) AS applied FROM accepted"
#define WRITE_END_NUMBERS                                                                                              \
	" SELECT count(*) AS applied, max(numbers[1]) AS n1, max(numbers[2]) AS n2, max(numbers[3]) AS n3, "           \
	"max(numbers[4]) AS n4 FROM accepted"

/*
 * Binds what every write has in common to the unit's statement and runs it. write->applied tells whether the guard held.
 */
struct status write_run(struct call *call, struct db_unit *unit, struct write *write) MUST_USE;

/* As write_run(), for a statement that was opened by STEP_BEGIN. With a reply (or a refusal) the waiting keys are answered; with neither they go on waiting. */
struct status write_step(struct call *call, struct db_unit *unit, struct write *write, struct status refusal) MUST_USE;

/*
 * The effect was there already, under another key (the same id was given before): keeps the reply under this one, so that a repeat gets the same bytes. Nothing else is written.
 */
struct status write_existing(struct call *call, const ProtobufCMessage *reply) MUST_USE;

/*
 * Somebody else has finished what the call's key waits for: fails with KEY_ANSWERED, or with KEY_IN_PROGRESS while there is no answer yet.
 * OK only for a call without a key, or whose key nobody used.
 */
struct status write_join(struct call *call) MUST_USE;

/* True while the call should try once more: counts rounds up to a limit, pauses a little after the first, stops at the call's end. */
bool write_again(struct call *call, int *round);

/* For the RPC server: before the handler (prepares the look-up), and after it: keeps refusals, and gives the bytes of an answer that was kept.
 * Both run in the call's coroutine and may wait. */
void write_open(struct call *call);
struct status write_close(struct call *call, struct status outcome, struct write_answer *ret_answer) MUST_USE;

/* An etag for a version, and the check of one that came with a request (empty: no check). Fails with ETAG_MISMATCH. */
char *etag_of(struct arena *arena, int64_t version);
struct status etag_check(struct arena *arena, const char *etag, int64_t version) MUST_USE;

/* The version that an etag of our own was made of; 0 for a text that is none. */
int64_t etag_version(const char *etag);

#endif
