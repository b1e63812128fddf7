/*
 * stream: the answers of a method that streams, as server-sent events (text/event-stream, WHATWG HTML 9.2).
 *
 * Invariants
 * - Each message is one event: its JSON as data, its `resume_token`, if it has one, as id. A browser that was cut off comes again by itself and sends the
 *   last id (Last-Event-ID), which becomes the request's `resume_token` and wins over the query's.
 * - Before the first message a failure is an ordinary problem; after it, an event "problem" with the same document, and the end. That a stream has lasted long
 *   enough is none.
 * - Silence is broken by comments, so that both sides notice when the other one is gone.
 * - The next message is asked for when the client has taken the one before it, so that one is all that waits for a slow client, and the service waits, too. Who takes
 *   nothing for too long is cut off, by http.h or by the service, and may come again. Streams at once are limited; one more is OVERLOADED.
 * - When the client goes, the call is cancelled at once.
 *
 * Usage
 *     TRY(stream_respond(call, &(const struct stream){ .request = request, .method = method, ... }));
 */
#ifndef QUAYSIDE_GATEWAY_STREAM_H
#define QUAYSIDE_GATEWAY_STREAM_H

#include "base/status.h"
#include "gateway/http.h"
#include "gateway/transcode.h"
#include "runtime/call.h"
#include "runtime/rpc_client.h"

struct stream_limits {
	int64_t max_streams; /* at once */
	int64_t heartbeat;   /* microseconds */
};

struct problem_context;

struct stream {
	struct http_request *request;
	const struct contract_method *method;
	struct rpc_client *client;
	struct str message; /* the request's bytes */
	const struct problem_context *context;
	const struct stream_limits *limits;
};

/* Adds the Last-Event-ID, if there is one, to the bindings of a request. */
void stream_resume(const struct http_request *request, const struct contract_method *method,
		   struct transcode_request *source);

/* Answers the request until one of the sides has enough, or fails without having answered it. */
struct status stream_respond(struct call *call, const struct stream *stream) MUST_USE;

#endif
