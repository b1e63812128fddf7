/*
 * rpc_guard: decides whether a call to a peer is worth making, and learns from what becomes of it.
 *
 * Invariants
 * - There is a breaker for each method of a peer, not one for all: a peer whose own peer is frozen is slow only where it needs that one.
 * - Bad is: no answer, an answer that names a failure of the peer's own (INTERNAL, UNAVAILABLE), or none within `slow`. A call that takes longer counts while it is
 *   still under way, so that a frozen peer is noticed before the first deadline. Everything else that the peer says shows that it is well: refusals of the business, and
 *   that it is overloaded, which it can tell better than we.
 * - Who waits for a person is refused with PEER_UNAVAILABLE while the breaker is open. A worker's call waits a second at most: its saga comes back
 *   later by itself, and meanwhile the worker may do what needs others.
 * - At most max_calls calls are under way to a peer (half for what is optional), so that one peer cannot hold everything that we have; more are OVERLOADED. Workers' calls do not count.
 * - What is meant to wait (calls of workers' methods, such as FetchEvents) is not guarded; it has a pace of its own.
 *
 * Usage
 *     TRY(rpc_guard_enter(guard, call, method, &pass));
 *     ... the call ...
 *     rpc_guard_exit(&pass, call, outcome, answered);
 */
#ifndef QUAYSIDE_RUNTIME_RPC_GUARD_H
#define QUAYSIDE_RUNTIME_RPC_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/status.h"
#include "runtime/call.h"

struct rpc_guard;
struct rpc_guarded;

struct rpc_guard_options {
	int64_t slow, rest; /* microseconds: until a call is bad; how long an open breaker lets the peer rest */
	int64_t max_calls;
};

/* One call that was let through; lives as long as it. */
struct rpc_pass {
	struct rpc_guard *guard;
	struct rpc_guarded *guarded; /* NULL: not guarded */
	struct link link;            /* of those that are not slow yet */
	int64_t started;
	uint32_t ticket;
	bool told, counted;
};

/* connected(context): is there a connection to the peer now? Asked on the loop's own stack, while a breaker is open: one that comes back ends the rest. */
struct rpc_guard *rpc_guard_new(struct loop *loop, const char *peer, bool (*connected)(void *context), void *context);
void rpc_guard_free(struct rpc_guard *guard);
void rpc_guard_set(struct rpc_guard *guard, const struct rpc_guard_options *options);

/* May wait. On success the call's place at this server's limit (call->limit) is given away until exit. */
struct status rpc_guard_enter(struct rpc_guard *guard, struct call *call, const struct contract_method *method,
			      struct rpc_pass *ret_pass) MUST_USE;

/* answered: the outcome is what the peer said, not what the transport made of its silence. */
void rpc_guard_exit(struct rpc_pass *pass, struct call *call, struct status outcome, bool answered);

#endif
