/* Templates, matching and precedence, binding, and the routes of our contracts. */
#include "gateway/routes.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/log.h"
#include "gateway/bind.h"
#include "gateway/routes_private.h"
#include "gateway/uri.h"

static int setup(void **state)
{
	*state = arena_new(16384, 0);
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

/* The routes of our contracts, and the method that a request means. */

static struct routes *ours(struct arena *arena)
{
	size_t count;
	const struct contract_method *methods = contract_methods(contract_load(), &count);
	struct routes *routes = routes_new(arena, methods, count);

	assert_non_null(routes);
	return routes;
}

static const char *method_of(struct arena *arena, const char *verb, const char *path, struct route_match *match)
{
	switch (routes_match(ours(arena), arena, str_of(verb), str_of(path), match)) {
	case ROUTE_FOUND:
		return match->route->method->name;
	case ROUTE_UNKNOWN:
		return "unknown";
	case ROUTE_OTHER_VERBS:
		return match->allow;
	case ROUTE_MALFORMED:
		return "malformed";
	}
	return NULL;
}

static void expect(struct arena *arena, const char *verb, const char *path, const char *method)
{
	struct route_match match;
	const char *found = method_of(arena, verb, path, &match);

	if (strcmp(found, method) != 0)
		fail_msg("%s %s is %s, not %s", verb, path, found, method);
}

static void our_contracts_are_routed(void **state)
{
	expect(*state, "GET", "/v1/customers", "ListCustomers");
	expect(*state, "HEAD", "/v1/customers", "ListCustomers");
	expect(*state, "POST", "/v1/customers", "CreateCustomer");
	expect(*state, "GET", "/v1/customers/c-1", "GetCustomer");
	expect(*state, "PATCH", "/v1/customers/c-1", "UpdateCustomer");
	expect(*state, "POST", "/v1/customers/c-1:block", "BlockCustomer");
	expect(*state, "GET", "/v1/customers/c-1/history", "ListCustomerHistory");
	expect(*state, "POST", "/v1/orders:submit", "SubmitOrder");
	expect(*state, "GET", "/v1/orders:watch", "WatchOrders");
	expect(*state, "POST", "/v1/orders/o-1:place", "PlaceOrder");
	expect(*state, "DELETE", "/v1/orders/o-1/items/i-1", "RemoveOrderItem");
	expect(*state, "GET", "/v1/invoices/i-1:render", "RenderInvoice");
	expect(*state, "GET", "/%76%31/customers", "ListCustomers");
}

static void other_requests_are_not(void **state)
{
	expect(*state, "GET", "/", "unknown");
	expect(*state, "GET", "/v1", "unknown");
	expect(*state, "GET", "/v1/", "unknown");
	expect(*state, "GET", "/v1/nothing", "unknown");
	expect(*state, "GET", "/v1/customers/", "unknown");
	expect(*state, "GET", "/v1//customers", "unknown");
	expect(*state, "GET", "//v1/customers", "unknown");
	expect(*state, "GET", "/v1/customers/c-1/history/", "unknown");
	expect(*state, "GET", "/v1/./customers", "unknown");
	expect(*state, "GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t", "unknown");
	expect(*state, "GET", "/v1/customers/%zz", "malformed");
	expect(*state, "GET", "/v1/customers/%4", "malformed");
	expect(*state, "PUT", "/v1/customers", "GET, HEAD, POST");
	expect(*state, "POST", "/v1/customers/c-1", "GET, HEAD, PATCH");
	expect(*state, "GET", "/v1/orders/o-1:place", "GetOrder");
	expect(*state, "DELETE", "/v1/orders:submit", "POST");
	expect(*state, "BREW", "/v1/stock", "GET, HEAD");
}

static void values_are_decoded(void **state)
{
	struct route_match match;

	assert_string_equal(method_of(*state, "GET", "/v1/products/a%2Fb%20%C3%BC", &match), "GetProduct");
	assert_true(str_is(match.values[0], "a/b \xC3\xBC"));
	assert_string_equal(method_of(*state, "POST", "/v1/products/a%3Ab:archive", &match), "ArchiveProduct");
	assert_true(str_is(match.values[0], "a:b"));
	assert_string_equal(method_of(*state, "PATCH", "/v1/orders/o/items/i", &match), "UpdateOrderItem");
	assert_true(str_is(match.values[0], "o") && str_is(match.values[1], "i"));
}

/* Templates that our contracts do not use. */

static const struct contract_message child;
static const struct contract_field child_fields[] = {
	{ .name = "leaf_one", .json_name = "leafOne", .number = 1, .type = CONTRACT_STRING, .oneof = -1 },
};
static const struct contract_message child = { "test.Child", child_fields, 1, false };
static const struct contract_field request_fields[] = {
	{ .name = "name", .json_name = "name", .number = 1, .type = CONTRACT_STRING, .oneof = -1 },
	{ .name = "child",
	  .json_name = "child",
	  .number = 2,
	  .type = CONTRACT_MESSAGE,
	  .oneof = -1,
	  .message = &child },
	{ .name = "tags", .json_name = "tags", .number = 3, .type = CONTRACT_STRING, .oneof = -1, .repeated = true },
	{ .name = "children",
	  .json_name = "children",
	  .number = 4,
	  .type = CONTRACT_MESSAGE,
	  .oneof = -1,
	  .repeated = true,
	  .message = &child },
	{ .name = "size", .json_name = "size", .number = 5, .type = CONTRACT_INT32, .oneof = -1 },
};
static const struct contract_message request = { "test.Request", request_fields, 5, false };

static struct contract_method method_with(const char *name, const struct contract_route *routes, size_t count)
{
	return (struct contract_method){ .path = name,
					 .name = name,
					 .service = "test.Service",
					 .input = &request,
					 .output = &request,
					 .routes = routes,
					 .n_routes = count };
}

static const char *mistake_in(const char *template, const char *body)
{
	const struct contract_route source = { "GET", template, body, "" };
	const struct contract_method method = method_with("Test", &source, 1);
	struct route route;

	return route_compile(&method, &source, &route);
}

static void wrong_templates_are_refused(void **state)
{
	static const char *const wrong[] = { "",         "a",
					     "/",        "/a//b",
					     "/a/",      "/{name",
					     "/{nope}",  "/{tags}",
					     "/{child}", "/{child.no}",
					     "/{name=}", "/{children.leaf_one}",
					     "/**/a",    "/{name=**}/a",
					     "/a:",      "/a:b/c",
					     "/a:b:c",   "/{name=a{b}}",
					     "/{}" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (mistake_in(wrong[i], "") == NULL)
			fail_msg("accepted: %s", wrong[i]);
	assert_non_null(mistake_in("/a", "nope"));
	assert_null(mistake_in("/a/{child.leaf_one}:b", "child"));
	assert_null(mistake_in("/a/{name=x/*/**}", "*"));
}

static const struct contract_route SOURCES[] = {
	{ "GET", "/a/{name}", "", "" },
	{ "GET", "/a/special", "", "" },
	{ "GET", "/a/{name=b/*/c}", "", "" },
	{ "GET", "/a/{name}:verb", "", "" },
	{ "GET", "/files/{name=**}", "", "" },
	{ "GET", "/files/{name=**}:open", "", "" },
	{ "GET", "/files/*/{child.leaf_one}", "", "" },
};
#define N_SOURCES (sizeof(SOURCES) / sizeof(SOURCES[0]))

static void expect_route(struct arena *arena, const char *path, size_t index, const char *value)
{
	struct contract_method methods[N_SOURCES];
	struct route_match match;
	struct routes *routes;

	for (size_t i = 0; i < N_SOURCES; i++)
		methods[i] = method_with(SOURCES[i].template, &SOURCES[i], 1);
	routes = routes_new(arena, methods, N_SOURCES);
	assert_non_null(routes);
	assert_int_equal(routes_match(routes, arena, STR("GET"), str_of(path), &match), ROUTE_FOUND);
	assert_string_equal(match.route->method->name, SOURCES[index].template);
	if (value != NULL && !str_is(match.values[0], value))
		fail_msg("%s: '%.*s' instead of '%s'", path, (int)match.values[0].len, match.values[0].data, value);
}

static void the_most_specific_route_wins(void **state)
{
	expect_route(*state, "/a/x", 0, "x");
	expect_route(*state, "/a/special", 1, NULL);
	expect_route(*state, "/a/b/x%2Fy/c", 2, "b/x%2Fy/c");
	expect_route(*state, "/a/x:verb", 3, "x");
	expect_route(*state, "/a/x:other", 0, "x:other");
	expect_route(*state, "/a/x%3Averb", 0, "x:verb");
	expect_route(*state, "/files", 4, "");
	expect_route(*state, "/files/x/y/z", 4, "x/y/z");
	expect_route(*state, "/files/x/%41%2f", 6, "A/");
	expect_route(*state, "/files/x/y/z%2F%20:open", 5, "x/y/z%2F ");
}

static void the_same_route_twice_stops_the_start(void **state)
{
	static const struct contract_route twice[] = { { "GET", "/a/{name}", "", "" },
						       { "GET", "/a/{child.leaf_one}", "", "" } };
	const struct contract_method method = method_with("Test", twice, 2);

	log_setup("test", LOG_OFF, LOG_JSON);
	assert_null(routes_new(*state, &method, 1));
}

/* Binding. */

static struct status bind(struct arena *arena, const char *template, const char *body, const char *path,
			  const char *query, const char *if_match, struct transcode_request *ret)
{
	const struct contract_route *source =
	    arena_memdup(arena, &(const struct contract_route){ "GET", template, body, "" }, sizeof(*source));
	const struct contract_method method = method_with("Test", source, 1);
	struct routes *routes = routes_new(arena, arena_memdup(arena, &method, sizeof(method)), 1);
	struct route_match match;

	assert_int_equal(routes_match(routes, arena, STR("GET"), str_of(path), &match), ROUTE_FOUND);
	return bind_request(arena, &match, str_of(query), if_match == NULL ? (struct str){ NULL, 0 } : str_of(if_match),
			    ret);
}

static void queries_are_bound_in_order(void **state)
{
	struct transcode_request bound;
	const struct binding *b;

	assert_null(
	    bind(*state, "/a/{name}", "", "/a/n", "tags=a+b&size=7&child.leafOne=%C3%BC&&tags=c%2B&tags", NULL, &bound)
		.reason);
	assert_null(bound.violations.reason);
	b = bound.bindings;
	assert_true(str_is(b->text, "n") && b->depth == 1);
	b = b->next;
	assert_true(str_is(b->text, "a b") && b->path[0] == &request_fields[2]);
	b = b->next;
	assert_true(str_is(b->text, "7"));
	b = b->next;
	assert_true(str_is(b->text, "\xC3\xBC") && b->depth == 2 && b->path[1] == &child_fields[0]);
	b = b->next;
	assert_true(str_is(b->text, "c+"));
	b = b->next;
	assert_true(str_is(b->text, ""));
	assert_null(b->next);
}

static void refuse(struct arena *arena, const char *body, const char *query, const char *field)
{
	struct transcode_request bound;

	assert_null(bind(arena, "/a/{name}", body, "/a/n", query, NULL, &bound).reason);
	assert_true(status_is(bound.violations, &INVALID_REQUEST));
	assert_string_equal(bound.violations.detail->violations->field, field);
	assert_null(bound.violations.detail->violations->next);
}

static void wrong_parameters_are_named(void **state)
{
	refuse(*state, "", "nope=1", "nope");
	refuse(*state, "", "size=1&size=2", "size");
	refuse(*state, "", "name=x", "name");
	refuse(*state, "", "child=x", "child");
	refuse(*state, "", "child.nope=x", "child.nope");
	refuse(*state, "", "children=x", "children");
	refuse(*state, "", "tags.x=1", "tags.x");
	refuse(*state, "", "size=%zz", "size");
	refuse(*state, "", "%FF=1", "query");
	refuse(*state, "*", "size=1", "size");
	refuse(*state, "child", "child.leaf_one=1", "child.leaf_one");
	refuse(*state, "", "=1", "");
}

static void if_match_needs_an_etag(void **state)
{
	struct transcode_request bound = { .bindings = NULL };
	struct str tag;

	assert_true(status_is(bind(*state, "/a/{name}", "", "/a/n", "", "\"7\"", &bound), &INVALID_REQUEST));
	assert_null(bound.bindings);
	assert_null(bind(*state, "/a/{name}", "", "/a/n", "", "*", &bound).reason);
	assert_null(bound.bindings->next);
	assert_true(bind_entity_tag(STR("\"7\""), &tag) && str_is(tag, "7"));
	assert_false(bind_entity_tag(STR("W/\"7\""), &tag));
	assert_false(bind_entity_tag(STR("\"7\", \"8\""), &tag));
	assert_false(bind_entity_tag(STR("7"), &tag));
	assert_false(bind_entity_tag(STR("\""), &tag));
}

static const char *etag_field_of(struct arena *arena, const char *verb, const char *path)
{
	struct route_match match;
	struct transcode_request bound;
	const struct binding *b;

	(void)method_of(arena, verb, path, &match);
	if (bind_request(arena, &match, STR(""), STR("\"7\""), &bound).reason != NULL)
		return "none";
	b = bound.bindings;
	while (b != NULL && strcmp(b->source, "If-Match") != 0)
		b = b->next;
	if (b == NULL || !str_is(b->text, "7"))
		return "lost";
	return b->depth == 2 ? b->path[0]->name : "top";
}

static void if_match_finds_the_etag(void **state)
{
	assert_string_equal(etag_field_of(*state, "PATCH", "/v1/customers/c-1"), "customer");
	assert_string_equal(etag_field_of(*state, "PATCH", "/v1/orders/o-1"), "top");
	assert_string_equal(etag_field_of(*state, "DELETE", "/v1/orders/o-1/items/i-1"), "top");
	assert_string_equal(etag_field_of(*state, "GET", "/v1/orders"), "none");
}

static void what_is_created_has_a_path(void **state)
{
	struct route_match match;
	const struct route *resource;

	assert_string_equal(method_of(*state, "POST", "/v1/products", &match), "CreateProduct");
	resource = match.route->resource;
	assert_non_null(resource);
	assert_string_equal(resource->method->name, "GetProduct");
	assert_string_equal(route_path(*state, resource,
				       STR("\x0A\x03"
					   "A 1")),
			    "/v1/products/A%201");
	assert_null(route_path(*state, resource, STR("")));
	assert_string_equal(method_of(*state, "POST", "/v1/orders:submit", &match), "SubmitOrder");
	assert_null(match.route->resource);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(our_contracts_are_routed),     TEST(other_requests_are_not),
		TEST(values_are_decoded),           TEST(wrong_templates_are_refused),
		TEST(the_most_specific_route_wins), TEST(the_same_route_twice_stops_the_start),
		TEST(queries_are_bound_in_order),   TEST(wrong_parameters_are_named),
		TEST(if_match_needs_an_etag),       TEST(if_match_finds_the_etag),
		TEST(what_is_created_has_a_path),
	};

	return cmocka_run_group_tests_name("gateway/routes", tests, NULL, NULL);
}
