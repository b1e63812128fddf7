/*
 * routes: which method of the contracts an HTTP request means, from their google.api.http annotations; nothing is
 * listed by hand.
 *
 * Invariants
 * - The whole template grammar is understood: literals, *, ** (last), {field}, {a.b}, {field=pattern}, and a custom
 *   verb (":place").
 * - The most specific route wins: a custom verb before none, and from the left a literal before * before **. Two
 *   routes that would match the same requests, a variable that names no field, and anything else that cannot work
 *   stop the start.
 * - Values are percent-decoded: all of it where a variable is one segment, all but %2F where it may be several. Empty
 *   segments match nothing but **.
 * - Routes live as long as the process and never change.
 *
 * Usage
 *     const struct contract_method *methods = contract_methods(contract_load(), &n_methods);
 *     struct routes *routes = routes_new(arena, methods, n_methods);
 *     struct route_match match;
 *     switch (routes_match(routes, arena, request->method, request->path, &match)) ...
 */
#ifndef QUAYSIDE_GATEWAY_ROUTES_H
#define QUAYSIDE_GATEWAY_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "gateway/transcode.h"
#include "runtime/contract.h"

#define ROUTE_SEGMENTS_MAX 16
#define ROUTE_VARIABLES_MAX 4

enum route_segment_kind { ROUTE_LITERAL, ROUTE_ONE, ROUTE_REST };

struct route_segment {
	enum route_segment_kind kind;
	struct str literal;
};

struct route_variable {
	const struct contract_field *path[BINDING_DEPTH];
	size_t depth;
	size_t first, count; /* the segments that it covers */
};

struct route {
	const struct contract_method *method;
	const char *verb; /* "GET" */
	bool takes_body;
	const struct contract_field *body; /* the field that the body is; NULL: the whole message, if it takes one */
	struct route_segment segments[ROUTE_SEGMENTS_MAX];
	size_t n_segments;
	struct str custom_verb; /* "place", or empty */
	struct route_variable variables[ROUTE_VARIABLES_MAX];
	size_t n_variables;
	const struct route *resource; /* of a Create method: the route that gets what was created; or NULL */
};

struct routes;

/* Of methods that live as long as the arena. NULL, with a log line, when a route cannot be served. */
struct routes *routes_new(struct arena *arena, const struct contract_method *methods, size_t n_methods);

const struct route *routes_all(const struct routes *routes, size_t *ret_count);

enum route_outcome {
	ROUTE_FOUND,
	ROUTE_UNKNOWN,     /* no route has this path */
	ROUTE_OTHER_VERBS, /* some have, for the methods in match.allow */
	ROUTE_MALFORMED,   /* the path is not well encoded */
};

struct route_match {
	const struct route *route;
	struct str values[ROUTE_VARIABLES_MAX]; /* of the route's variables, decoded */
	const char *allow;                      /* "GET, HEAD, PATCH" */
};

/* HEAD finds the routes of GET. Texts live in the arena. */
enum route_outcome routes_match(const struct routes *routes, struct arena *arena, struct str verb, struct str path,
				struct route_match *ret_match);

/*
 * The path of the resource that a reply of route->resource's method describes; NULL when the reply lacks what the
 * path needs.
 */
const char *route_path(struct arena *arena, const struct route *resource, struct str reply);

#endif
