/*
 * rpc_client: calls to one peer service.
 *
 * Invariants
 * - A call waits as a coroutine; it costs memory while it waits, never a thread.
 * - What is left of the caller's deadline, its cancellation, its trace and its identity go along. There is no unary call without a deadline; a stream may last.
 * - gRPC core retries (UNAVAILABLE, at most 3 attempts, with backoff and throttling, later or not at all when the peer says so), balances (round_robin) and pings;
 *   see the service config in rpc_client.c. Only idempotent methods are retried; all of ours are, because writes carry a key.
 * - A peer that fails is not called for a while, and one peer does not get everything that we have: see rpc_guard.h.
 * - A failure comes back with the peer's own reason (ErrorInfo), message, metadata and violations, in the call's arena. No answer at all is PEER_UNAVAILABLE:
 *   whether a write took effect is then unknown, and it is repeated with the same key.
 *
 * Usage
 *     struct rpc_client *warehouse = rpc_client_new(core, "ordering", "unix:/run/quayside/warehouse.sock");
 *     Warehouse__Product *product;
 *     TRY(rpc_call(call, warehouse, &warehouse__product_service__descriptor, "GetProduct", NULL, &request.base, (void **)&product));
 */
#ifndef QUAYSIDE_RUNTIME_RPC_CLIENT_H
#define QUAYSIDE_RUNTIME_RPC_CLIENT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "runtime/call.h"
#include "runtime/rpc_core.h"
#include "runtime/rpc_guard.h"

struct rpc_client;

/* target: "unix:/path", "host:port", "ipv4:a:p,b:p", "dns:///name:port". Connects at the first call. self is the caller's service name. */
struct rpc_client *rpc_client_new(struct rpc_core *core, const char *self, const char *target);

/* Other bounds than the usual ones (1 s, 5 s, 256 calls; a service sets its own by --peer-calls). Before the first call. */
void rpc_client_guard(struct rpc_client *client, const struct rpc_guard_options *options);

/* No call may be in flight. */
void rpc_client_free(struct rpc_client *client);

/*
 * Calls service/method with a message and waits for the reply, which is unpacked into the call's arena. key is the idempotency key of a write: deterministic, so that
 * a repeat is the same request; NULL for reads.
 */
struct status rpc_call(struct call *call, struct rpc_client *client, const ProtobufCServiceDescriptor *service,
		       const char *method, const char *key, const ProtobufCMessage *request, void **ret_reply) MUST_USE;

/* Ties a typed function to rpc_call(): `static struct status NAME(struct call *, struct rpc_client *, const char *key, const In *, Out **)`. */
#define RPC_CLIENT(name_, service_, method_, In_, Out_)                                                                \
	static MUST_USE struct status name_(struct call *call, struct rpc_client *client, const char *key,             \
					    const In_ *request, Out_ **ret_reply)                                      \
	{                                                                                                              \
		void *reply = NULL;                                                                                    \
		TRY(rpc_call(call, client, &service_, method_, key, &request->base, &reply));                          \
		*ret_reply = reply;                                                                                    \
		return STATUS_OK;                                                                                      \
	}

/* One pair of metadata; a name that ends in "-bin" has a binary value. */
struct rpc_metadata {
	const char *name;
	struct str value;
};

/*
 * As rpc_call(), with bytes instead of messages: for the gateway, which translates without structs. metadata are further
 * pairs to send. *ret_replayed (may be NULL): the reply is the one that the key had already.
 */
struct status rpc_call_bytes(struct call *call, struct rpc_client *client, const char *path, const char *key,
			     const struct rpc_metadata *metadata, size_t n_metadata, struct str request,
			     struct str *ret_reply, bool *ret_replayed) MUST_USE;

/*
 * A method's answers as they come, where the server streams: opened without waiting, read one by one, and closed in any case, all within one call. Messages are bytes
 * in the call's arena, which the caller may rewind between them. *ret_message.data is NULL when the server has said all; a failure is how it ended.
 * Closing cancels what is still under way.
 */
struct rpc_stream;
struct status rpc_stream_open(struct call *call, struct rpc_client *client, const char *path, struct str request,
			      struct rpc_stream **ret_stream) MUST_USE;
struct status rpc_stream_next(struct rpc_stream *stream, struct str *ret_message) MUST_USE;
void rpc_stream_close(struct rpc_stream *stream);

/* Is a connection up? Starts connecting if not. For health pages only: never a reason to refuse work. */
bool rpc_client_connected(struct rpc_client *client);

#endif
