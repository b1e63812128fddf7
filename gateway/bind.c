/* See bind.h. */
#include "gateway/bind.h"

#include <string.h>

#include "gateway/uri.h"
#include "gateway/wellknown.h"

#define NAME_SHOWN 60 /* bytes of a parameter's name that a complaint repeats */

struct work {
	struct arena *arena;
	const struct route *route;
	struct binding *bindings;
	struct status status; /* violations so far */
};

static struct binding *add(struct work *work, const char *source)
{
	struct binding *binding = arena_alloc(work->arena, sizeof(*binding));

	binding->source = source;
	binding->next = work->bindings;
	work->bindings = binding;
	return binding;
}

static void complain(struct work *work, struct str name, const char *description)
{
	const char *shown = arena_strndup(work->arena, name.data, name.len < NAME_SHOWN ? name.len : NAME_SHOWN);

	work->status = status_violation(work->arena, work->status, shown, description);
}

static void bind_path(struct work *work, const struct route_match *match)
{
	for (size_t i = 0; i < work->route->n_variables; i++) {
		const struct route_variable *variable = &work->route->variables[i];
		struct binding *binding = add(work, "the path");

		memcpy(binding->path, variable->path, sizeof(binding->path));
		binding->depth = variable->depth;
		binding->text = match->values[i];
	}
}

/* The fields that a dotted name goes through; 0 when there are no such fields, or no parameter can set the last one. */
static size_t find_fields(const struct contract_message *message, struct str name,
			  const struct contract_field *path[BINDING_DEPTH])
{
	size_t depth = 0;
	struct str step;

	while (str_cut(&name, '.', &step)) {
		const struct contract_field *field = message == NULL ? NULL : contract_field_named(message, step);

		if (field == NULL || depth == BINDING_DEPTH ||
		    (field->repeated && (name.data != NULL || field->type == CONTRACT_MESSAGE)))
			return 0;
		path[depth++] = field;
		message = field->message;
	}
	if (message != NULL && !wellknown_is_text(wellknown_of(message)))
		return 0;
	return depth;
}

static bool same_path(const struct binding *binding, const struct contract_field *const *path, size_t depth)
{
	return binding->depth == depth && memcmp(binding->path, path, depth * sizeof(path[0])) == 0;
}

static const struct binding *find(const struct work *work, const struct contract_field *const *path, size_t depth)
{
	for (const struct binding *b = work->bindings; b != NULL; b = b->next)
		if (same_path(b, path, depth))
			return b;
	return NULL;
}

static void bind_parameter(struct work *work, struct str name, struct str value)
{
	const struct contract_field *path[BINDING_DEPTH] = { NULL };
	const bool whole_body = work->route->takes_body && work->route->body == NULL;
	const size_t depth = whole_body ? 0 : find_fields(work->route->method->input, name, path);
	const struct binding *before = depth == 0 ? NULL : find(work, path, depth);
	struct binding *binding;

	if (depth == 0 || (work->route->body != NULL && path[0] == work->route->body)) {
		complain(work, name, "is no parameter of this request");
		return;
	}
	if (before != NULL && !path[depth - 1]->repeated) {
		complain(work, name,
			 strcmp(before->source, "the path") == 0 ? "is set by the path already" : "is given twice");
		return;
	}
	binding = add(work, "the query");
	memcpy(binding->path, path, sizeof(binding->path));
	binding->depth = depth;
	binding->text = value;
}

static void bind_query(struct work *work, struct str query)
{
	struct str pair;

	while (query.len > 0 && str_cut(&query, '&', &pair)) {
		struct str value = pair;
		struct str name = { "", 0 };

		if (pair.len == 0)
			continue;
		(void)str_cut(&value, '=', &name);
		if (value.data == NULL)
			value = STR("");
		if (!uri_decode(work->arena, name, URI_QUERY, &name) ||
		    !uri_decode(work->arena, value, URI_QUERY, &value)) {
			complain(work, name, "is not well percent-encoded");
			continue;
		}
		if (!utf8_valid(name.data, name.len))
			complain(work, STR("query"), "must be UTF-8");
		else
			bind_parameter(work, name, value);
	}
}

bool bind_entity_tag(struct str field, struct str *ret_tag)
{
	if (field.len < 2 || field.data[0] != '"' || field.data[field.len - 1] != '"')
		return false;
	*ret_tag = (struct str){ field.data + 1, field.len - 2 };
	return memchr(ret_tag->data, '"', ret_tag->len) == NULL;
}

/* The etag of the request, or of its body when that is a resource. */
static bool find_etag(const struct route *route, struct binding *binding)
{
	const struct contract_field *own = contract_field_named(route->method->input, STR("etag"));
	const struct contract_message *resource = route->body == NULL ? NULL : route->body->message;

	if (own == NULL && resource != NULL) {
		own = contract_field_named(resource, STR("etag"));
		binding->path[binding->depth++] = route->body;
	}
	if (own == NULL || own->type != CONTRACT_STRING)
		return false;
	binding->path[binding->depth++] = own;
	return true;
}

static struct status bind_if_match(struct work *work, struct str field)
{
	struct binding binding = { .source = "If-Match" };

	if (field.data == NULL || str_is(field, "*"))
		return STATUS_OK;
	if (!bind_entity_tag(field, &binding.text))
		return status_printf(work->arena, &INVALID_REQUEST,
				     "If-Match must be one strong entity tag, like \"7\".");
	if (!find_etag(work->route, &binding))
		return status_printf(work->arena, &INVALID_REQUEST, "If-Match is not supported here.");
	binding.next = work->bindings;
	work->bindings = arena_memdup(work->arena, &binding, sizeof(binding));
	return STATUS_OK;
}

/* Bindings were gathered newest first; lists need the order of the request. */
static struct binding *reversed(struct binding *list)
{
	struct binding *result = NULL;

	while (list != NULL) {
		struct binding *next = list->next;

		list->next = result;
		result = list;
		list = next;
	}
	return result;
}

struct status bind_request(struct arena *arena, const struct route_match *match, struct str query, struct str if_match,
			   struct transcode_request *request)
{
	struct work work = { .arena = arena, .route = match->route };

	bind_path(&work, match);
	bind_query(&work, query);
	TRY(bind_if_match(&work, if_match));
	request->bindings = reversed(work.bindings);
	request->violations = work.status;
	return STATUS_OK;
}
