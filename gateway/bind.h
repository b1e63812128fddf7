/*
 * bind: what an HTTP request says outside its body (path, query, If-Match), as values for fields of the request
 * message.
 *
 * Invariants
 * - A query parameter names a field by its path ("pageSize", "filter.state"), in either spelling, and only one that
 *   neither path nor body sets. What is unknown or given twice becomes a violation, told together with those of the
 *   body. A repeated field may come several times.
 * - If-Match sets the `etag` of the request, or of the resource that is its body. Where there is none, or it is weak
 *   or a list, it is refused, because ignoring a condition would be worse (RFC 9110, 13.1.1). "*" asks for nothing
 *   more than that the resource exists.
 *
 * Usage
 *     struct transcode_request source = { .message = method->input, ... };
 *     TRY(bind_request(arena, &match, request->query, http_field(request, "if-match"), &source));
 */
#ifndef QUAYSIDE_GATEWAY_BIND_H
#define QUAYSIDE_GATEWAY_BIND_H

#include "base/status.h"
#include "gateway/routes.h"

/* Sets the request's bindings and violations. if_match.data is NULL when there is none. */
struct status bind_request(struct arena *arena, const struct route_match *match, struct str query, struct str if_match,
			   struct transcode_request *request) MUST_USE;

/* The entity tag inside the quotes: "abc" without them. False for a weak one, a list, or what is no tag. */
bool bind_entity_tag(struct str field, struct str *ret_tag);

#endif
