/*
 * rpc_core: gRPC core's completion queue, its poller thread, and the way from there to the loop.
 *
 * Invariants
 * - A process has one. Its poller thread only takes events from the completion queue and hands them to the loop; it never runs a handler. When there are
 *   many, the loop takes them itself and the poller rests.
 * - Every operation given to core has a `struct rpc_event` that stays valid until its run() was called on the loop, exactly once.
 * - Signals are blocked before it is made (core's threads inherit the mask), and no process forks after it.
 *
 * Usage
 *     struct rpc_core *core = rpc_core_new(loop);
 *     ... servers and clients ...
 *     rpc_core_free(core);  // after all of them are gone
 */
#ifndef QUAYSIDE_RUNTIME_RPC_CORE_H
#define QUAYSIDE_RUNTIME_RPC_CORE_H

#include <stdbool.h>

#include "runtime/loop.h"

struct grpc_completion_queue;
struct rpc_core;

/* The tag of one batch or request. ok is core's success flag. */
struct rpc_event {
	void (*run)(struct rpc_event *event, bool ok);
	void (*ahead)(
	    struct rpc_event *
		event); /* or NULL: called when ok, before run(), by the thread that takes the event from core, to ask it for what comes next */
	struct rpc_event *next;
	bool ok;
};

struct rpc_core *rpc_core_new(struct loop *loop);

/* Shuts the queue down, joins the poller, shuts core down. Nothing may be in flight any more. */
void rpc_core_free(struct rpc_core *core);

struct grpc_completion_queue *rpc_core_queue(struct rpc_core *core);
struct loop *rpc_core_loop(struct rpc_core *core);

/* Tells ThreadSanitizer that what was written before is visible to the thread that takes the event. Call right before the event goes to core. */
void rpc_event_release(struct rpc_event *event);

#endif
