/*
 * api: requests under /v1 as calls to the services.
 *
 * Invariants
 * - Each request becomes one call in a coroutine of its own, with the method's deadline or the client's
 *   (Request-Timeout: seconds) if that is sooner. When the client goes, the call is cancelled at once.
 * - A method that writes always gets a key: the client's Idempotency-Key, or one made here, so that a retry on the
 *   way cannot do it twice.
 * - Answers: a Document as itself; a resource with its ETag; what a Create method made with 201 and Location; 304
 *   where If-None-Match has the resource's tag; failures as problems.
 * - A method that streams is answered as server-sent events (stream.h); Last-Event-ID goes on where an earlier stream was.
 * - Pages of other sites cannot change anything: browsers tell where a request comes from (Sec-Fetch-Site).
 *
 * Usage
 *     struct api *api = api_new(arena, loop, peers, &limits);
 *     api_handle(api, request);
 */
#ifndef QUAYSIDE_GATEWAY_API_H
#define QUAYSIDE_GATEWAY_API_H

#include "gateway/http.h"
#include "gateway/stream.h"
#include "runtime/loop.h"
#include "runtime/rpc_client.h"

/* A service; name is its part of the contracts' packages: "customers" in quayside.customers.v1. */
struct api_peer {
	const char *name; /* NULL ends a list */
	struct rpc_client *client;
};

struct api;

/* Peers and limits live as long as the arena. NULL, with a log line, when the contracts' routes cannot be served. */
struct api *api_new(struct arena *arena, struct loop *loop, const struct api_peer *peers,
		    const struct stream_limits *streams);

void api_handle(struct api *api, struct http_request *request);

/* Calls idle(context) on the loop once no call runs any more, now or later: a call outlasts its answered request by the moment that core takes to give it back. */
void api_drain(struct api *api, void (*idle)(void *context), void *context);

#endif
