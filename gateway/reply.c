/* See reply.h. */
#include "gateway/reply.h"

#include <string.h>

#include "gateway/bind.h"
#include "gateway/transcode.h"

#define FIELDS_MAX 3

static const char DOCUMENT[] = "quayside.common.v1.Document";

static void add(struct http_response *response, struct http_field *fields, struct str name, const char *value)
{
	fields[response->n_fields++] = (struct http_field){ name, str_of(value) };
}

/* Services are ours, but a header is no place for what could end it. */
static bool is_printable(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < ' ' || text.data[i] > '~')
			return false;
	return text.len > 0;
}

static const char *file_name(struct arena *arena, struct str name)
{
	char *safe = arena_strndup(arena, name.data, name.len);

	for (char *at = safe; *at != '\0'; at++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._", *at) == NULL)
			*at = '_';
	return *safe == '\0' ? "document" : safe;
}

static void respond_document(struct http_request *request, const struct contract_message *message, struct str reply,
			     const char *trace)
{
	const struct str type = transcode_text(message, reply, "content_type");
	const char *name = file_name(request->arena, transcode_text(message, reply, "file_name"));
	struct http_field fields[FIELDS_MAX];
	struct http_response response = {
		.status = 200,
		.content_type = is_printable(type) ? arena_strndup(request->arena, type.data, type.len)
						   : "application/octet-stream",
		.body = transcode_text(message, reply, "content"),
		.policy = HTTP_POLICY_DOCUMENT,
		.fields = fields,
		.trace = trace,
	};

	add(&response, fields, STR("Content-Disposition"),
	    arena_printf(request->arena, "inline; filename=\"%s\"", name));
	http_respond(request, &response);
}

/* With its quotes; NULL when the message has none that a header could hold. */
static const char *tag_of(struct arena *arena, const struct contract_message *message, struct str reply)
{
	const struct str etag = transcode_text(message, reply, "etag");

	if (!is_printable(etag) || memchr(etag.data, '"', etag.len) != NULL)
		return NULL;
	return arena_printf(arena, "\"%.*s\"", (int)etag.len, etag.data);
}

static bool client_has(const struct http_request *request, const char *tag)
{
	struct str list = http_field(request, "if-none-match");
	struct str item;

	if (tag == NULL || !(str_is(request->method, "GET") || str_is(request->method, "HEAD")))
		return false;
	while (list.data != NULL && str_cut(&list, ',', &item))
		if (str_is(str_trim(item), tag) || str_is(str_trim(item), "*"))
			return true;
	return false;
}

/* The headers that say more about the message. */
static void add_facts(struct http_request *request, const struct route *route, const struct reply *reply,
		      struct http_response *response, struct http_field *fields)
{
	const char *location =
	    route->resource == NULL ? NULL : route_path(request->arena, route->resource, reply->bytes);
	const char *tag = tag_of(request->arena, route->method->output, reply->bytes);

	if (tag != NULL)
		add(response, fields, STR("ETag"), tag);
	if (location != NULL)
		add(response, fields, STR("Location"), location);
	if (reply->replayed)
		add(response, fields, STR("Idempotency-Replayed"), "true");
	if (route->resource != NULL)
		response->status = 201;
	if (client_has(request, tag))
		response->status = 304;
}

struct status reply_respond(struct http_request *request, const struct route *route, const struct reply *reply)
{
	const struct contract_message *message = route->method->output;
	struct http_field fields[FIELDS_MAX];
	struct http_response response = { .status = 200, .fields = fields, .trace = reply->trace };
	struct buf body;

	if (strcmp(message->full_name, DOCUMENT) == 0) {
		respond_document(request, message, reply->bytes, reply->trace);
		return STATUS_OK;
	}
	add_facts(request, route, reply, &response, fields);
	if (response.status != 304) {
		body = buf_new(request->arena);
		TRY(transcode_reply(request->arena, message, reply->bytes, &body));
		response.content_type = "application/json";
		response.body = (struct str){ body.data, body.len };
	}
	http_respond(request, &response);
	return STATUS_OK;
}
