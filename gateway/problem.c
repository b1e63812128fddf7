/* See problem.h. */
#include "gateway/problem.h"

#include <string.h>

#include "gateway/json.h"
#include "gateway/transcode.h"

#define FIELDS_MAX 3

const struct reason ROUTE_MISSING = { CODE_NOT_FOUND, "ROUTE_MISSING", "There is nothing at this address." };
const struct reason METHOD_NOT_ALLOWED = { CODE_UNIMPLEMENTED, "METHOD_NOT_ALLOWED",
					   "This cannot be done with what is at this address." };
const struct reason MEDIA_TYPE_UNKNOWN = { CODE_INVALID_ARGUMENT, "MEDIA_TYPE_UNKNOWN",
					   "The body must be declared as application/json." };

/* Reasons whose HTTP status says more than that of their code. */
static const struct {
	const struct reason *reason;
	int status;
} SPECIAL[] = {
	{ &ETAG_MISMATCH, 412 },      { &KEY_REUSED, 422 },         { &MESSAGE_TOO_COMPLEX, 413 },
	{ &METHOD_NOT_ALLOWED, 405 }, { &MEDIA_TYPE_UNKNOWN, 415 },
};

/* What the HTTP server refuses. */
static const struct {
	int status;
	struct reason reason;
} REFUSALS[] = {
	{ 400, { CODE_INVALID_ARGUMENT, "REQUEST_MALFORMED", "The request is not well-formed HTTP." } },
	{ 408, { CODE_DEADLINE_EXCEEDED, "REQUEST_TOO_SLOW", "The request took too long to arrive." } },
	{ 413, { CODE_RESOURCE_EXHAUSTED, "BODY_TOO_LARGE", "The body is too large." } },
	{ 414, { CODE_INVALID_ARGUMENT, "URI_TOO_LONG", "The address is too long." } },
	{ 417, { CODE_UNIMPLEMENTED, "EXPECTATION_UNKNOWN", "What is expected cannot be done." } },
	{ 431, { CODE_RESOURCE_EXHAUSTED, "HEADERS_TOO_LARGE", "The header fields are too large." } },
	{ 503, { CODE_UNAVAILABLE, "BUSY", "There are too many requests at the moment. Please try again shortly." } },
	{ 505, { CODE_UNIMPLEMENTED, "VERSION_UNKNOWN", "This version of HTTP is not spoken here." } },
};

static int status_of_code(enum code code)
{
	switch (code) {
	case CODE_OK:
		return 200;
	case CODE_INVALID_ARGUMENT:
	case CODE_FAILED_PRECONDITION:
	case CODE_OUT_OF_RANGE:
		return 400;
	case CODE_UNAUTHENTICATED:
		return 401;
	case CODE_PERMISSION_DENIED:
		return 403;
	case CODE_NOT_FOUND:
		return 404;
	case CODE_ALREADY_EXISTS:
	case CODE_ABORTED:
		return 409;
	case CODE_RESOURCE_EXHAUSTED:
		return 429;
	case CODE_CANCELLED:
		return 499;
	case CODE_UNIMPLEMENTED:
		return 501;
	case CODE_UNAVAILABLE:
		return 503;
	case CODE_DEADLINE_EXCEEDED:
		return 504;
	case CODE_UNKNOWN:
	case CODE_INTERNAL:
	case CODE_DATA_LOSS:
		return 500;
	}
	return 500;
}

int problem_status(struct status status)
{
	for (size_t i = 0; i < sizeof(SPECIAL) / sizeof(SPECIAL[0]); i++)
		if (status_is(status, SPECIAL[i].reason))
			return SPECIAL[i].status;
	return status_of_code(status_code(status));
}

/* "Out of stock" from OUT_OF_STOCK. */
static const char *title_of(struct arena *arena, const char *reason)
{
	char *title = arena_strdup(arena, reason);

	for (char *at = title; *at != '\0'; at++)
		if (*at == '_')
			*at = ' ';
		else if (at > title && *at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	return title;
}

static void write_metadata(struct json_writer *writer, const struct status_pair *pair)
{
	if (pair == NULL)
		return;
	json_name(writer, "metadata");
	json_open(writer, '{');
	for (; pair != NULL; pair = pair->next) {
		json_name(writer, pair->name);
		json_text(writer, str_of(pair->value));
	}
	json_close(writer, '}');
}

static const char *shown_field(struct arena *arena, const struct route *route, const char *field)
{
	return route == NULL ? field : transcode_json_path(arena, route->method->input, route->body, field);
}

static void write_violations(struct json_writer *writer, struct arena *arena, const struct violation *violation,
			     const struct route *route)
{
	if (violation == NULL)
		return;
	json_name(writer, "violations");
	json_open(writer, '[');
	for (; violation != NULL; violation = violation->next) {
		json_open(writer, '{');
		json_name(writer, "field");
		json_text(writer, str_of(shown_field(arena, route, violation->field)));
		json_name(writer, "description");
		json_text(writer, str_of(violation->description));
		json_close(writer, '}');
	}
	json_close(writer, ']');
}

static void write_text(struct json_writer *writer, const char *name, struct str text)
{
	json_name(writer, name);
	json_text(writer, text);
}

static struct str body_of(const struct http_request *request, int http_status, struct status status,
			  const struct problem_context *context)
{
	struct arena *arena = request->arena;
	struct buf out = buf_new(arena);
	struct json_writer writer = { .out = &out };

	json_open(&writer, '{');
	write_text(&writer, "type", str_of(arena_printf(arena, "urn:quayside:problem:%s", status.reason->name)));
	write_text(&writer, "title", str_of(title_of(arena, status.reason->name)));
	json_name(&writer, "status");
	json_int(&writer, http_status);
	write_text(&writer, "detail", str_of(status_message(status)));
	write_text(&writer, "instance", request->path);
	write_text(&writer, "code", str_of(code_name(status_code(status))));
	write_text(&writer, "reason", str_of(status.reason->name));
	if (status.detail != NULL) {
		write_metadata(&writer, status.detail->metadata);
		write_violations(&writer, arena, status.detail->violations, context->route);
	}
	if (context->trace != NULL)
		write_text(&writer, "traceId", str_of(context->trace));
	json_close(&writer, '}');
	return (struct str){ out.data, out.len };
}

static const char *retry_after(struct arena *arena, int http_status, struct status status)
{
	const int told = status.detail == NULL ? 0 : status.detail->retry_after_ms;

	if (told > 0)
		return arena_printf(arena, "%d", (told + 999) / 1000);
	return http_status == 429 || http_status == 503 ? "1" : NULL;
}

static void add(struct http_response *response, struct http_field *fields, struct str name, const char *value)
{
	fields[response->n_fields++] = (struct http_field){ name, str_of(value) };
}

static void respond(struct http_request *request, int http_status, struct status status,
		    const struct problem_context *context)
{
	const char *later = retry_after(request->arena, http_status, status);
	struct http_field fields[FIELDS_MAX];
	struct http_response response = {
		.status = http_status,
		.content_type = "application/problem+json",
		.body = body_of(request, http_status, status, context),
		.fields = fields,
		.reason = status.reason->name,
		.trace = context->trace,
	};

	if (later != NULL)
		add(&response, fields, STR("Retry-After"), later);
	if (http_status == 401)
		add(&response, fields, STR("WWW-Authenticate"), "Bearer realm=\"quayside\"");
	if (http_status == 405 && context->allow != NULL)
		add(&response, fields, STR("Allow"), context->allow);
	http_respond(request, &response);
}

struct str problem_document(const struct http_request *request, struct status status,
			    const struct problem_context *context)
{
	return body_of(request, problem_status(status), status, context);
}

void problem_respond(struct http_request *request, struct status status, const struct problem_context *context)
{
	respond(request, problem_status(status), status, context);
}

void problem_respond_refusal(struct http_request *request, const char *trace)
{
	const struct reason *reason = &REFUSALS[0].reason;
	struct status_detail detail = { .message = request->refusal_detail };

	for (size_t i = 0; i < sizeof(REFUSALS) / sizeof(REFUSALS[0]); i++)
		if (REFUSALS[i].status == request->refusal)
			reason = &REFUSALS[i].reason;
	respond(request, request->refusal, (struct status){ reason, &detail },
		&(const struct problem_context){ .trace = trace });
}
