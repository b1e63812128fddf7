/* Matching. Templates are compiled in routes_template.c. See routes.h. */
#include "gateway/routes.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gateway/routes_private.h"
#include "gateway/uri.h"

struct routes {
	struct route *all; /* the most specific first */
	size_t count;
};

/* A path, cut at its slashes. */
struct path {
	struct str raw[ROUTE_SEGMENTS_MAX];
	struct str decoded[ROUTE_SEGMENTS_MAX];
	size_t count;
};

static int compare_segments(const struct route *a, const struct route *b)
{
	for (size_t i = 0; i < a->n_segments && i < b->n_segments; i++)
		if (a->segments[i].kind != b->segments[i].kind)
			return a->segments[i].kind < b->segments[i].kind ? -1 : 1;
	return a->n_segments == b->n_segments ? 0 : a->n_segments > b->n_segments ? -1 : 1;
}

static int more_specific(const void *first, const void *second)
{
	const struct route *a = first;
	const struct route *b = second;
	const bool a_custom = a->custom_verb.len > 0;
	const bool b_custom = b->custom_verb.len > 0;

	if (a_custom != b_custom)
		return a_custom ? -1 : 1;
	return compare_segments(a, b) != 0 ? compare_segments(a, b) : strcmp(a->verb, b->verb);
}

/* Would both match the same requests? */
static bool same_requests(const struct route *a, const struct route *b)
{
	if (strcmp(a->verb, b->verb) != 0 || !str_equal(a->custom_verb, b->custom_verb) || compare_segments(a, b) != 0)
		return false;
	for (size_t i = 0; i < a->n_segments; i++)
		if (!str_equal(a->segments[i].literal, b->segments[i].literal))
			return false;
	return true;
}

static bool are_distinct(const struct routes *routes)
{
	for (size_t i = 0; i < routes->count; i++)
		for (size_t j = i + 1; j < routes->count; j++)
			if (same_requests(&routes->all[i], &routes->all[j])) {
				log_error("two methods have the same route",
					  LOG_TEXT("method", routes->all[i].method->path),
					  LOG_TEXT("other", routes->all[j].method->path));
				return false;
			}
	return true;
}

static bool is_named(const struct contract_method *method, const char *prefix, const char *rest)
{
	const struct str name = str_of(method->name);

	return str_starts(name, prefix) && strcmp(method->name + strlen(prefix), rest) == 0;
}

/* Of a method CreateX: the route of GetX in the same service, which returns the same message. */
static const struct route *resource_of(const struct routes *routes, const struct route *create)
{
	if (!str_starts(str_of(create->method->name), "Create"))
		return NULL;
	for (size_t i = 0; i < routes->count; i++) {
		const struct route *get = &routes->all[i];

		if (strcmp(get->verb, "GET") == 0 && strcmp(get->method->service, create->method->service) == 0 &&
		    is_named(get->method, "Get", create->method->name + strlen("Create")) &&
		    get->method->output == create->method->output)
			return get;
	}
	return NULL;
}

static size_t count_routes(const struct contract_method *methods, size_t n_methods)
{
	size_t count = 0;

	for (size_t i = 0; i < n_methods; i++)
		count += methods[i].n_routes;
	return count;
}

static bool compile_all(const struct contract_method *methods, size_t n_methods, struct routes *routes)
{
	for (size_t i = 0; i < n_methods; i++)
		for (size_t j = 0; j < methods[i].n_routes; j++) {
			const char *mistake =
			    route_compile(&methods[i], &methods[i].routes[j], &routes->all[routes->count++]);

			if (mistake != NULL) {
				log_error(
				    "a route of the contracts cannot be served", LOG_TEXT("method", methods[i].path),
				    LOG_TEXT("template", methods[i].routes[j].template), LOG_TEXT("why", mistake));
				return false;
			}
		}
	return true;
}

struct routes *routes_new(struct arena *arena, const struct contract_method *methods, size_t n_methods)
{
	struct routes *routes = arena_alloc(arena, sizeof(*routes));

	routes->all = arena_array(arena, count_routes(methods, n_methods), sizeof(*routes->all));
	if (!compile_all(methods, n_methods, routes) || !are_distinct(routes))
		return NULL;
	qsort(routes->all, routes->count, sizeof(*routes->all), more_specific);
	for (size_t i = 0; i < routes->count; i++)
		routes->all[i].resource = resource_of(routes, &routes->all[i]);
	return routes;
}

const struct route *routes_all(const struct routes *routes, size_t *ret_count)
{
	*ret_count = routes->count;
	return routes->all;
}

/* Cuts "/a/b" into "a" and "b"; false when it has more segments than any template. */
static bool cut(struct str text, struct path *path)
{
	struct str rest = { text.data + 1, text.len - 1 };
	struct str segment;

	path->count = 0;
	while (str_cut(&rest, '/', &segment)) {
		if (path->count == ROUTE_SEGMENTS_MAX)
			return false;
		path->raw[path->count++] = segment;
	}
	return true;
}

static bool decode(struct arena *arena, struct path *path)
{
	for (size_t i = 0; i < path->count; i++)
		if (!uri_decode(arena, path->raw[i], URI_SEGMENT, &path->decoded[i]))
			return false;
	return true;
}

/* Takes ":verb" off the last segment; the colon must be a real one. */
static bool take_custom_verb(struct arena *arena, struct path *path, struct str verb)
{
	struct str *last = &path->raw[path->count - 1];

	if (last->len < verb.len + 1 || last->data[last->len - verb.len - 1] != ':' ||
	    memcmp(last->data + last->len - verb.len, verb.data, verb.len) != 0)
		return false;
	last->len -= verb.len + 1;
	return uri_decode(arena, *last, URI_SEGMENT, &path->decoded[path->count - 1]);
}

static bool segments_match(const struct route *route, const struct path *path)
{
	for (size_t i = 0; i < route->n_segments; i++) {
		const struct route_segment *segment = &route->segments[i];

		if (segment->kind == ROUTE_REST)
			return true;
		if (i >= path->count || path->decoded[i].len == 0)
			return false;
		if (segment->kind == ROUTE_LITERAL && !str_equal(segment->literal, path->decoded[i]))
			return false;
	}
	return path->count == route->n_segments;
}

static bool is_rest(const struct route *route, const struct route_variable *variable)
{
	return route->segments[variable->first + variable->count - 1].kind == ROUTE_REST;
}

static struct str value_of(struct arena *arena, const struct route *route, const struct route_variable *variable,
			   const struct path *path)
{
	const size_t end = is_rest(route, variable) ? path->count : variable->first + variable->count;
	struct buf joined = buf_new(arena);
	struct str value = { "", 0 };

	if (variable->count == 1 && !is_rest(route, variable))
		return path->decoded[variable->first];
	for (size_t i = variable->first; i < end; i++) {
		buf_text(&joined, i > variable->first ? "/" : "");
		buf_bytes(&joined, path->raw[i].data, path->raw[i].len);
	}
	(void)uri_decode(arena, (struct str){ joined.data, joined.len }, URI_SEGMENTS,
			 &value); /* it was decoded once already */
	return value;
}

static bool matches(struct arena *arena, const struct route *route, const struct path *path,
		    struct route_match *ret_match)
{
	struct path cut_path = *path;

	if (route->custom_verb.len > 0 && !take_custom_verb(arena, &cut_path, route->custom_verb))
		return false;
	if (!segments_match(route, &cut_path))
		return false;
	ret_match->route = route;
	for (size_t i = 0; i < route->n_variables; i++)
		ret_match->values[i] = value_of(arena, route, &route->variables[i], &cut_path);
	return true;
}

static bool is_listed(const struct buf *list, const char *verb)
{
	struct str rest = { list->data, list->len };
	struct str one;

	while (str_cut(&rest, ',', &one))
		if (str_is(str_trim(one), verb))
			return true;
	return false;
}

static void add_allowed(struct buf *allow, const char *verb)
{
	if (is_listed(allow, verb))
		return;
	buf_printf(allow, "%s%s", allow->len > 0 ? ", " : "", verb);
	if (strcmp(verb, "GET") == 0)
		buf_text(allow, ", HEAD");
}

enum route_outcome routes_match(const struct routes *routes, struct arena *arena, struct str verb, struct str path,
				struct route_match *ret_match)
{
	const char *wanted = str_is(verb, "HEAD") ? "GET" : arena_strndup(arena, verb.data, verb.len);
	struct buf allow = buf_new(arena);
	struct path segments;

	if (!cut(path, &segments))
		return ROUTE_UNKNOWN;
	if (!decode(arena, &segments))
		return ROUTE_MALFORMED;
	for (size_t i = 0; i < routes->count; i++) {
		if (!matches(arena, &routes->all[i], &segments, ret_match))
			continue;
		if (strcmp(routes->all[i].verb, wanted) == 0)
			return ROUTE_FOUND;
		add_allowed(&allow, routes->all[i].verb);
	}
	ret_match->route = NULL;
	ret_match->allow = allow.data;
	return allow.len > 0 ? ROUTE_OTHER_VERBS : ROUTE_UNKNOWN;
}

const char *route_path(struct arena *arena, const struct route *resource, struct str reply)
{
	struct buf path = buf_new(arena);

	for (size_t i = 0; i < resource->n_segments; i++) {
		struct str value = resource->segments[i].literal;

		for (size_t j = 0; j < resource->n_variables; j++)
			if (resource->variables[j].first == i && resource->variables[j].depth == 1)
				value = transcode_text(resource->method->output, reply,
						       resource->variables[j].path[0]->name);
		if (value.len == 0)
			return NULL;
		buf_byte(&path, '/');
		uri_encode(&path, value);
	}
	return path.data;
}
