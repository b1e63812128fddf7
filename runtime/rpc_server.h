/*
 * rpc_server: takes gRPC calls, checks them, runs their handlers as coroutines, answers.
 *
 * Invariants
 * - Order of checks: known method, room (admission), policy, readable message, field rules, deadline. The handler sees only what passed all of them.
 * - At most limits.max_calls calls are in flight (a reserve is kept for workers, admins and health), and no more are worked on at once than the process bears
 *   (limit.h): work that others wait for goes before what a person waits for, and that before lists. One more is refused with OVERLOADED at once, and told when to come back.
 * - A handler fills a reply that was initialised for it and returns a status; the runtime packs and sends. Streaming handlers send with rpc_send().
 * - A call ends when it was answered and core has given back all that it was asked for; then its arena goes. No database connection is held while a reply is sent.
 * - Failures carry grpc-status-details-bin (google.rpc.Status with ErrorInfo, BadRequest, RetryInfo; AIP-193).
 * - One log line per call: method, code, reason, duration, actor, trace, arena peak. Health and reflection speak at debug level.
 * - The actor is the name that the peer claims (quayside-caller): nothing is authenticated here yet, so roles and callers of the policy are not enforced.
 *
 * Usage
 *     RPC_UNARY(get_customer, Customers__GetCustomerRequest, Customers__Customer);
 *
 *     static const struct rpc_method methods[] = { RPC_METHOD("GetCustomer", get_customer), RPC_METHODS_END };
 *     const struct rpc_service customers_service = { &customers__customer_service__descriptor, methods };
 */
#ifndef QUAYSIDE_RUNTIME_RPC_SERVER_H
#define QUAYSIDE_RUNTIME_RPC_SERVER_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "runtime/call.h"
#include "runtime/rpc_core.h"

/* in is NULL for a client-streaming method, out is NULL for a server-streaming one. */
typedef struct status (*rpc_handler)(struct call *call, const void *in, void *out);

/* Fills what only the database knew into a reply, when the stored answer is given again: see write.h. */
typedef void (*rpc_complete)(struct arena *arena, void *out, const int64_t *values, size_t count);

struct rpc_method {
	const char *name; /* as in the contract; NULL ends a list */
	rpc_handler handler;
	size_t in_size, out_size; /* sizeof the structs that the handler was compiled for; 0 for streams */
	rpc_complete complete;    /* or NULL */
	bool immediate;           /* never waits: runs on the loop's own stack, without a coroutine */
};

/* A contract's service and its handlers. Methods without a handler answer UNIMPLEMENTED. */
struct rpc_service {
	const ProtobufCServiceDescriptor *descriptor;
	const struct rpc_method *methods;
};

/*
 * Ties a typed handler to the untyped table: declares `static struct status NAME(struct call *, const In *, Out *)`, to be defined by the caller,
 * and the adapter that the table refers to. The server checks at start that In and Out have the size of the contract's messages.
 */
#define RPC_UNARY(name_, In_, Out_)                                                                                    \
	static struct status name_(struct call *call, const In_ *request, Out_ *reply) MUST_USE;                       \
	RPC_UNARY_DECLARED(name_, In_, Out_)

/* The same for a handler that a header declares, because it is defined in another file than the table. */
#define RPC_UNARY_DECLARED(name_, In_, Out_)                                                                           \
	static struct status name_##_rpc_(struct call *call, const void *request, void *reply)                         \
	{                                                                                                              \
		return name_(call, request, reply);                                                                    \
	}                                                                                                              \
	enum { name_##_in_size_ = sizeof(In_), name_##_out_size_ = sizeof(Out_) }

#define RPC_METHOD(contract_name_, name_)                                                                              \
	{                                                                                                              \
		.name = (contract_name_), .handler = name_##_rpc_, .in_size = name_##_in_size_,                        \
		.out_size = name_##_out_size_                                                                          \
	}
#define RPC_METHOD_COMPLETED(contract_name_, name_, complete_)                                                         \
	{                                                                                                              \
		.name = (contract_name_), .handler = name_##_rpc_, .in_size = name_##_in_size_,                        \
		.out_size = name_##_out_size_, .complete = (complete_)                                                 \
	}

#define RPC_METHODS_END                                                                                                \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}

struct rpc_limits {
	int64_t max_calls;   /* in flight, all classes together */
	int64_t max_message; /* bytes of one request */
	int64_t max_streams; /* per connection (HTTP/2 SETTINGS_MAX_CONCURRENT_STREAMS) */
	int64_t min_work,
	    max_work;   /* bounds of the limit of what is worked on at once (limit.h); max_work 0: there is none */
	int64_t target; /* microseconds of work that are never taken for congestion */
};

struct rpc_server;

/* services ends with NULL. db goes into every call and may be NULL. Methods of different services share the limits. */
struct rpc_server *rpc_server_new(struct rpc_core *core, struct db *db, const struct rpc_service *const *services,
				  const struct rpc_limits *limits);

/* Listens on "unix:/path" or "host:port" (port 0 picks one, in *ret_port if not NULL). False, with a log line, when the address cannot be had: also when another process listens there. Before start. */
bool rpc_server_listen(struct rpc_server *server, const char *address, int *ret_port);

void rpc_server_start(struct rpc_server *server);

/*
 * Takes no new calls (they get SHUTTING_DOWN), lets those in flight finish for at most grace microseconds, then cancels them.
 * drained(context) is called on the loop when none is left.
 */
void rpc_server_drain(struct rpc_server *server, int64_t grace, void (*drained)(void *context), void *context);

/* After drained. */
void rpc_server_free(struct rpc_server *server);

/* Calls in flight now, and how many there ever were. */
size_t rpc_server_calls(const struct rpc_server *server);
uint64_t rpc_server_total(const struct rpc_server *server);

/* From a streaming handler: sends one message and waits until the transport took it; receives the next one (*ret_message is NULL when the client is done). */
struct status rpc_send(struct call *call, const ProtobufCMessage *message) MUST_USE;
struct status rpc_receive(struct call *call, const ProtobufCMessageDescriptor *descriptor, void **ret_message) MUST_USE;

/* From any handler: a further pair for the trailing metadata, such as "idempotency-replayed: true". Both are copied. */
void rpc_trailer(struct call *call, const char *name, const char *value);

#endif
