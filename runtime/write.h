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
 * `FROM accepted`, and closes with WRITE_END (or a SELECT of its own whose first column is `applied`). Parameters with these names are bound by write_run():
 * aggregate_id, version (the new one), time, and those of the runtime's tables, which all begin with `w_`.
 *
 *     static struct db_statement BLOCK_CUSTOMER = DB_WRITE("block_customer",
 *             WRITE_BEGIN("SELECT 1 FROM customer WHERE customer_id = :aggregate_id AND version = :version - 1 FOR UPDATE")
 *             ", changed AS (UPDATE customer SET status = :status, version = :version, update_time = :time FROM accepted WHERE customer_id = :aggregate_id)"
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

/* What every write records. Texts must stay valid until write_run() returns. */
struct write {
	const char *aggregate_type; /* "order" */
	const char *aggregate_id;
	int64_t version; /* that the write makes, from 1 */

	const char *action; /* "PlaceOrder"; NULL: the method's name */
	const char *from_state, *to_state; /* names in the contract; NULL: no history row */
	const char *reason; /* may be NULL */

	const ProtobufCMessage *event; /* payload for the outbox, or NULL */
	const ProtobufCMessage *reply; /* the answer to keep under the key; NULL with pending */
	bool pending; /* the answer comes later, by a step of the same aggregate (STEP_BEGIN) */

	bool applied; /* out: the effect is there */
	size_t n_values; /* out: what only the database knew: the columns after `applied` */
	int64_t values[8];
};

#define WRITE_RECORD_                                                                                                  \
	", recorded AS (INSERT INTO history (aggregate_id, version, time, actor, action, from_state, to_state, reason)" \
	" SELECT :aggregate_id, :version, :time, :w_actor, :w_action, :w_from_state, :w_to_state, :w_reason FROM accepted WHERE :w_history::boolean)" \
	", told AS (INSERT INTO outbox (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, trace_parent, time)" \
	" SELECT :w_event_id, :w_aggregate_type, :aggregate_id, :version, :w_event_type, :w_event, :w_trace_parent, :time FROM accepted WHERE :w_has_event::boolean)"

/* Opens a write under the call's key. */
#define WRITE_BEGIN(guard_)                                                                                            \
	"WITH guard AS (" guard_ ")"                                                                                   \
	", accepted AS (INSERT INTO idempotency (scope, key, method, fingerprint, subject, code, answer, time)"       \
	" SELECT :w_scope, :w_key, :w_method, :w_fingerprint, :aggregate_id, :w_code, :w_answer, :time FROM guard"     \
	" ON CONFLICT DO NOTHING RETURNING 1 AS one)" WRITE_RECORD_

/* Opens a step of work that an earlier write acknowledged: no key of its own, but it answers the keys that wait for this aggregate. */
#define STEP_BEGIN(guard_)                                                                                             \
	"WITH guard AS (" guard_ "), accepted AS (SELECT 1 AS one FROM guard LIMIT 1)"                                 \
	", answered AS (UPDATE idempotency SET code = :w_code, answer = :w_answer FROM accepted"                       \
	" WHERE subject = :aggregate_id AND code IS NULL AND :w_answers::boolean)" WRITE_RECORD_

#define WRITE_END " SELECT count(*) AS applied FROM accepted"

/*
 * Binds what every write has in common to the unit's statement and runs it. write->applied tells whether the guard held.
 * values: where the closing SELECT has further bigint columns, they are read into write->values, kept beside the answer, and in order.
 */
struct status write_run(struct call *call, struct db_unit *unit, struct write *write) MUST_USE;

/* As write_run(), for a statement that was opened by STEP_BEGIN. With a reply (or a refusal) the waiting keys are answered; with neither they go on waiting. */
struct status write_step(struct call *call, struct db_unit *unit, struct write *write, struct status refusal) MUST_USE;

/* True while the call should try once more: counts rounds up to a limit, pauses a little after the first, stops at the call's end. */
bool write_again(struct call *call, int *round);

/* For the RPC server: before the handler (prepares the look-up), and after it: keeps refusals, and gives the bytes of an answer that was kept.
 * On return *ret_kept.data is NULL when the handler's own outcome stands. */
void write_open(struct call *call);
struct status write_close(struct call *call, struct status outcome, struct str *ret_kept, const int64_t **ret_values, size_t *ret_n_values) MUST_USE;

/* An etag for a version, and the check of one that came with a request (empty: no check). Fails with ETAG_MISMATCH. */
char *etag_of(struct arena *arena, int64_t version);
struct status etag_check(struct arena *arena, const char *etag, int64_t version) MUST_USE;

#endif
