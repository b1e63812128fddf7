/*
 * call: one piece of work: a request being served, an event being handled, a step of maintenance.
 *
 * Invariants
 * - A call lives on the loop; its arena ends with it. Everything a handler allocates comes from call->arena.
 * - The deadline is absolute monotonic time; what a call asks of peers and of the database gets what is left of it.
 * - Cancellation is seen at the next wait: the wait then fails with CALL_CANCELLED. Only coroutine_sleep(), of a second at most, is slept out.
 * - The identity is what was authenticated, never what a message says.
 *
 * Usage
 *     struct status create_customer(struct call *call, const Customers__CreateCustomerRequest *request, Customers__Customer *reply)
 *     {
 *             reply->customer_id = arena_strdup(call->arena, id);
 *             ...
 *     }
 */
#ifndef QUAYSIDE_RUNTIME_CALL_H
#define QUAYSIDE_RUNTIME_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "runtime/contract.h"
#include "runtime/loop.h"

struct coroutine;
struct db;
struct db_unit;
struct db_rows;
struct write_kept;
struct limit;

struct call {
	struct arena *arena;
	struct loop *loop;
	struct db *db;                        /* the service's database; NULL where there is none */
	const struct contract_method *method; /* NULL for work that no RPC asked for */
	int64_t deadline;                     /* clock_monotonic() microseconds, or CLOCK_NEVER */
	int64_t started;                      /* likewise */
	int64_t time; /* clock_now() when the call started: the time that everything it changes carries */
	bool cancelled;
	struct coroutine *coroutine; /* that it runs on; NULL where it never waits */

	/* What happens to it when there is not enough for all. */
	enum contract_call_class
	    call_class;      /* the method's, or CLASS_WORKER for work that no RPC asked for; goes along to peers */
	struct limit *limit; /* it holds a place there (limit.h); or NULL */
	int64_t away;        /* microseconds that it has waited for peers */
	bool begun;          /* the database has had some of its work */
	bool failed_below;   /* a peer failed it, after all retries that were worth it */

	const char *actor;        /* who acts: a user, or a service by name */
	const char *trace_parent; /* W3C Trace Context, always set */

	/* Idempotency (see write.h). Every call of a write method has a key: the caller's, or one made for it. */
	const char *key;
	bool key_given;                /* the caller chose the key, so refusals are kept too */
	bool key_checked;              /* the key has been looked up */
	bool key_pending;              /* the key belongs to work that is under way: join it */
	bool committed;                /* the effect is in the database under the key */
	const struct write_kept *kept; /* the answer that the key had */
	const char *producer;          /* when an event is handled: the service that it came from */
	int64_t parkings;              /* ... how often one of its events was parked, as far as we know */
	bool requeued;                 /* ... the event was parked before */
	bool event_done;               /* ... event_write() had its effect, or event_skip() was called */
	int64_t skipped;               /* position of the last event that had no effect, if none after it had; or 0 */
	struct str request;            /* the request, packed canonically: its fingerprint's source */

	/* What rides along with the next unit of work (see db_ride_along()). */
	struct db_unit *rider;
	struct status (*rider_done)(struct call *call, const struct db_rows *rows);

	void *parent; /* the transport's own call, so that deadline and cancellation reach peers; or NULL */
};

/* Microseconds left, never negative; CLOCK_NEVER without a deadline. */
int64_t call_remaining(const struct call *call);

/* OK, or why the call should stop: CALL_CANCELLED, DEADLINE_PASSED. */
struct status call_check(const struct call *call) MUST_USE;

/*
 * Lets a call end soon: what it waits for fails with CALL_CANCELLED, now and from here on. Only a unit of work that is on its way to the database
 * is still waited for, since its outcome matters: no longer than a statement may take (db.h). Harmless when repeated.
 */
void call_cancel(struct call *call);

/*
 * Runs work(call, context) as a coroutine with an arena and a deadline (microseconds from now) of its own, for work that no RPC asked for.
 * When it returns, done(context, status) is called (may be NULL) and everything is freed.
 */
void call_spawn(struct loop *loop, struct db *db, const char *actor, int64_t timeout,
		struct status (*work)(struct call *call, void *context),
		void (*done)(void *context, struct status status), void *context);

#endif
