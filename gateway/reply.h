/*
 * reply: the answer of a service as an HTTP response.
 *
 * Invariants
 * - A common.v1.Document is the body itself, shown and not saved, and may use nothing but our own styles and images.
 * - A message with an etag is a resource: it has an ETag, and is not sent again to who has it (If-None-Match).
 * - What a Create method made is 201, with its path. An answer given before under the same key says so
 *   (Idempotency-Replayed).
 *
 * Usage
 *     TRY(reply_respond(request, route, &(const struct reply){ bytes, false, trace }));
 */
#ifndef QUAYSIDE_GATEWAY_REPLY_H
#define QUAYSIDE_GATEWAY_REPLY_H

#include "base/status.h"
#include "gateway/http.h"
#include "gateway/routes.h"

struct reply {
	struct str bytes; /* the message */
	bool replayed;    /* the first answer again, for a key that was used before */
	const char *trace;
};

/* Answers the request, or fails without having answered it. */
struct status reply_respond(struct http_request *request, const struct route *route,
			    const struct reply *reply) MUST_USE;

#endif
