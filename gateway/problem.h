/*
 * problem: failures as application/problem+json (RFC 9457).
 *
 * Invariants
 * - Members: type (a URN made from the reason), title, status, detail, instance (the path), code (of gRPC), reason
 *   (stable, for programs), metadata, violations [{field, description}] with the field's path as the client sent it,
 *   traceId. Empty ones are left out, but not the first eight.
 * - The HTTP status follows the gRPC code (google/rpc/code.proto), except: ETAG_MISMATCH is 412, KEY_REUSED 422,
 *   MESSAGE_TOO_COMPLEX 413, and what only HTTP knows (404 for a path, 405, 415, ...).
 * - 429 and 503 say when to come again (Retry-After), 401 how to sign in (WWW-Authenticate), 405 what is allowed
 *   (Allow).
 *
 * Usage
 *     problem_respond(request, status_of(&ROUTE_MISSING), &(const struct problem_context){ .trace = trace });
 */
#ifndef QUAYSIDE_GATEWAY_PROBLEM_H
#define QUAYSIDE_GATEWAY_PROBLEM_H

#include "base/status.h"
#include "gateway/http.h"
#include "gateway/routes.h"

/* What only HTTP can do wrong. */
extern const struct reason ROUTE_MISSING;      /* 404: nothing has this path */
extern const struct reason METHOD_NOT_ALLOWED; /* 405 */
extern const struct reason MEDIA_TYPE_UNKNOWN; /* 415: the body is not declared as JSON */

struct problem_context {
	const struct route *route; /* to show fields as the client knows them; or NULL */
	const char *trace;         /* 32 hexadecimal digits, or NULL */
	const char *allow;         /* for 405 */
};

/* Answers a request with a failure. */
void problem_respond(struct http_request *request, struct status status, const struct problem_context *context);

/* The problem document alone, in the request's arena. */
struct str problem_document(const struct http_request *request, struct status status,
			    const struct problem_context *context);

/* Answers a request that the HTTP server refused (request->refusal). */
void problem_respond_refusal(struct http_request *request, const char *trace);

/* The HTTP status of a failure. */
int problem_status(struct status status);

#endif
