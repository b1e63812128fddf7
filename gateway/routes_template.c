/*
 * Templates of google.api.http:
 *     template := "/" segments [ ":" literal ]
 *     segments := segment { "/" segment }
 *     segment  := "*" | "**" | literal | "{" fieldpath [ "=" segments ] "}"
 */
#include <string.h>

#include "gateway/routes_private.h"
#include "gateway/wellknown.h"

/* Takes everything up to one of these characters off the front. */
static struct str take_until(struct str *rest, const char *stops)
{
	const struct str start = *rest;

	while (rest->len > 0 && strchr(stops, rest->data[0]) == NULL) {
		rest->data++;
		rest->len--;
	}
	return (struct str){ start.data, start.len - rest->len };
}

static bool take(struct str *rest, char byte)
{
	if (rest->len == 0 || rest->data[0] != byte)
		return false;
	rest->data++;
	rest->len--;
	return true;
}

static const char *add_segment(struct route *route, struct str text)
{
	struct route_segment *segment = &route->segments[route->n_segments];

	if (route->n_segments == ROUTE_SEGMENTS_MAX)
		return "too many segments";
	if (route->n_segments > 0 && segment[-1].kind == ROUTE_REST)
		return "something follows **";
	if (text.len == 0)
		return "an empty segment";
	segment->kind = str_is(text, "*") ? ROUTE_ONE : str_is(text, "**") ? ROUTE_REST : ROUTE_LITERAL;
	segment->literal = segment->kind == ROUTE_LITERAL ? text : STR("");
	route->n_segments++;
	return NULL;
}

/* What a path can set: one value that has a text form. */
static bool is_leaf(const struct contract_field *field)
{
	if (field->repeated)
		return false;
	return field->type != CONTRACT_MESSAGE || wellknown_is_text(wellknown_of(field->message));
}

static const char *find_fields(struct route *route, struct route_variable *variable, struct str path)
{
	const struct contract_message *message = route->method->input;
	struct str name;

	while (str_cut(&path, '.', &name)) {
		const struct contract_field *field = message == NULL ? NULL : contract_field_named(message, name);

		if (field == NULL || variable->depth == BINDING_DEPTH)
			return "a variable names no field of the request";
		if (field->repeated)
			return "a variable goes through a repeated field";
		variable->path[variable->depth++] = field;
		message = field->message;
	}
	return is_leaf(variable->path[variable->depth - 1]) ? NULL : "a variable names no single value";
}

/* Behind the opening brace. */
static const char *read_variable(struct route *route, struct str *rest)
{
	struct route_variable *variable = &route->variables[route->n_variables];
	const char *mistake;

	if (route->n_variables == ROUTE_VARIABLES_MAX)
		return "too many variables";
	route->n_variables++;
	variable->first = route->n_segments;
	mistake = find_fields(route, variable, take_until(rest, "=}"));
	if (mistake != NULL)
		return mistake;
	if (!take(rest, '=')) {
		mistake = add_segment(route, STR("*"));
	} else {
		do {
			mistake = add_segment(route, take_until(rest, "/}"));
		} while (mistake == NULL && take(rest, '/'));
	}
	variable->count = route->n_segments - variable->first;
	if (mistake == NULL && !take(rest, '}'))
		return "a variable without end";
	return mistake;
}

static const char *read_template(struct route *route, struct str rest)
{
	while (take(&rest, '/')) {
		const char *mistake =
		    take(&rest, '{') ? read_variable(route, &rest) : add_segment(route, take_until(&rest, "/:{"));

		if (mistake != NULL)
			return mistake;
	}
	if (take(&rest, ':')) {
		route->custom_verb = take_until(&rest, "/:{}");
		if (route->custom_verb.len == 0)
			return "an empty custom verb";
	}
	return rest.len == 0 && route->n_segments > 0 ? NULL : "it does not follow the grammar";
}

static const char *read_body(struct route *route, const char *body)
{
	route->takes_body = *body != '\0';
	if (!route->takes_body || strcmp(body, "*") == 0)
		return NULL;
	route->body = contract_field_named(route->method->input, str_of(body));
	return route->body == NULL ? "the body names no field of the request" : NULL;
}

const char *route_compile(const struct contract_method *method, const struct contract_route *source,
			  struct route *ret_route)
{
	const char *mistake;

	*ret_route = (struct route){ .method = method, .verb = source->verb };
	if (method->client_streaming)
		return "requests cannot be streamed";
	if (*source->response_body != '\0')
		return "a part of the response as the body is not supported";
	mistake = read_template(ret_route, str_of(source->template));
	return mistake != NULL ? mistake : read_body(ret_route, source->body);
}
