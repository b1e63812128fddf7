/* See api.h. */
#include "gateway/api.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "gateway/bind.h"
#include "gateway/problem.h"
#include "gateway/reply.h"
#include "gateway/stream.h"
#include "gateway/transcode.h"
#include "runtime/call.h"
#include "runtime/coroutine.h"
#include "runtime/trace.h"

#define DEADLINE (30 * CLOCK_SECOND) /* of a method that has none */
#define TIMEOUT_MAX 3600             /* seconds */
#define KEY_MAX 255

static const struct reason CROSS_SITE = { CODE_PERMISSION_DENIED, "CROSS_SITE",
					  "Pages of other sites may not change anything here." };

struct api {
	struct loop *loop;
	struct routes *routes;
	const struct api_peer *peers;
	const struct stream_limits *streams;
	size_t running; /* calls */
	void (*idle)(void *context);
	void *idle_context;
};

/* A request on its way to a service and back. Lives in the request's arena. */
struct exchange {
	struct api *api;
	struct http_request *request;
	const struct contract_method *method;
	struct route_match match;
	struct rpc_client *client;
	struct problem_context context;
	const char *trace_parent;
	const char *key;
	int64_t timeout;
	struct str bytes;  /* the request message */
	struct call *call; /* while it runs */
	struct coroutine *coroutine;
};

static struct rpc_client *client_of(const struct api_peer *peers, const struct contract_method *method)
{
	struct str rest = str_of(method->service);
	struct str package = { NULL, 0 };

	for (int i = 0; i < 2; i++) /* "quayside", then the area */
		(void)str_cut(&rest, '.', &package);
	for (const struct api_peer *peer = peers; peer->name != NULL; peer++)
		if (str_is(package, peer->name))
			return peer->client;
	return NULL;
}

static bool all_have_peers(const struct api *api)
{
	size_t count;
	const struct route *routes = routes_all(api->routes, &count);

	for (size_t i = 0; i < count; i++)
		if (client_of(api->peers, routes[i].method) == NULL) {
			log_error("a method of the contracts has no service",
				  LOG_TEXT("method", routes[i].method->path));
			return false;
		}
	return true;
}

struct api *api_new(struct arena *arena, struct loop *loop, const struct api_peer *peers,
		    const struct stream_limits *streams)
{
	struct api *api = arena_alloc(arena, sizeof(*api));
	size_t count;
	const struct contract_method *methods = contract_methods(contract_load(), &count);

	api->loop = loop;
	api->peers = peers;
	api->streams = streams;
	api->routes = routes_new(arena, methods, count);
	return api->routes != NULL && all_have_peers(api) ? api : NULL;
}

/* What headers say. */

static bool is_reading(const struct http_request *request)
{
	return str_is(request->method, "GET") || str_is(request->method, "HEAD");
}

static struct status check_site(const struct http_request *request)
{
	const struct str site = http_field(request, "sec-fetch-site");

	if (is_reading(request) || site.data == NULL || str_is(site, "same-origin") || str_is(site, "none"))
		return STATUS_OK;
	return status_of(&CROSS_SITE);
}

static struct status check_body(struct http_request *request, const struct route *route)
{
	struct str type = http_field(request, "content-type");
	struct str name = { "", 0 };

	if (request->body.len == 0)
		return STATUS_OK;
	if (!route->takes_body)
		return status_printf(request->arena, &INVALID_REQUEST, "This request takes no body.");
	(void)str_cut(&type, ';', &name);
	return str_is_nocase(str_trim(name), "application/json") ? STATUS_OK : status_of(&MEDIA_TYPE_UNKNOWN);
}

/* A string of RFC 8941 in quotes, or the bare key. */
static bool unquote(struct arena *arena, struct str field, struct str *ret_key)
{
	struct buf key = buf_new(arena);

	if (field.data[0] != '"') {
		*ret_key = field;
		return true;
	}
	for (size_t i = 1; i < field.len; i++) {
		if (field.data[i] == '"') {
			*ret_key = (struct str){ key.data, key.len };
			return i == field.len - 1;
		}
		if (field.data[i] == '\\' && ++i == field.len)
			return false;
		buf_byte(&key, field.data[i]);
	}
	return false;
}

static bool is_visible(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return false;
	return true;
}

static struct status read_key(struct exchange *exchange)
{
	struct arena *arena = exchange->request->arena;
	const struct str field = http_field(exchange->request, "idempotency-key");
	struct str key = { "", 0 };

	if (!exchange->method->policy.write)
		return STATUS_OK;
	if (field.data == NULL) {
		char *fresh = arena_alloc(arena, UUID_TEXT);

		uuid_new(fresh);
		exchange->key = fresh;
		return STATUS_OK;
	}
	if (field.len == 0 || !unquote(arena, field, &key) || key.len == 0 || key.len > KEY_MAX || !is_visible(key))
		return status_printf(arena, &INVALID_REQUEST,
				     "Idempotency-Key must be 1 to %d visible ASCII characters.", KEY_MAX);
	exchange->key = arena_strndup(arena, key.data, key.len);
	return STATUS_OK;
}

static struct status read_timeout(struct exchange *exchange)
{
	const struct str field = http_field(exchange->request, "request-timeout");
	const int64_t policy = exchange->method->policy.deadline_ms * CLOCK_MILLISECOND;
	uint64_t seconds;

	exchange->timeout = policy > 0 ? policy : DEADLINE;
	if (field.data == NULL)
		return STATUS_OK;
	if (!str_to_uint64(field, &seconds) || seconds < 1 || seconds > TIMEOUT_MAX)
		return status_printf(exchange->request->arena, &INVALID_REQUEST,
				     "Request-Timeout must be 1 to %d seconds.", TIMEOUT_MAX);
	if ((int64_t)seconds * CLOCK_SECOND < exchange->timeout)
		exchange->timeout = (int64_t)seconds * CLOCK_SECOND;
	return STATUS_OK;
}

static struct status find_route(const struct api *api, struct exchange *exchange)
{
	struct http_request *request = exchange->request;

	switch (routes_match(api->routes, request->arena, request->method, request->path, &exchange->match)) {
	case ROUTE_FOUND:
		exchange->method = exchange->match.route->method;
		exchange->context.route = exchange->match.route;
		return STATUS_OK;
	case ROUTE_UNKNOWN:
		return status_of(&ROUTE_MISSING);
	case ROUTE_OTHER_VERBS:
		exchange->context.allow = exchange->match.allow;
		return status_of(&METHOD_NOT_ALLOWED);
	case ROUTE_MALFORMED:
		break;
	}
	return status_printf(request->arena, &INVALID_REQUEST, "The path is not well percent-encoded.");
}

static struct status build_message(struct exchange *exchange)
{
	struct http_request *request = exchange->request;
	const struct route *route = exchange->match.route;
	struct transcode_request source = {
		.message = exchange->method->input,
		.body_field = route->body,
		.body = request->body,
		.derive_mask = str_is(request->method, "PATCH"),
	};

	TRY(bind_request(request->arena, &exchange->match, request->query, http_field(request, "if-match"), &source));
	if (exchange->method->server_streaming)
		stream_resume(request, exchange->method, &source);
	return transcode_request(request->arena, &source, &exchange->bytes);
}

static struct status prepare(const struct api *api, struct exchange *exchange)
{
	TRY(find_route(api, exchange));
	TRY(check_site(exchange->request));
	TRY(check_body(exchange->request, exchange->match.route));
	TRY(read_key(exchange));
	TRY(read_timeout(exchange));
	TRY(build_message(exchange));
	exchange->client = client_of(api->peers, exchange->method);
	return STATUS_OK;
}

/* The call. */

static void fail(struct exchange *exchange, struct status status)
{
	if (status.detail != NULL && status.detail->private != NULL && status_code(status) != CODE_CANCELLED)
		log_warn("call failed", LOG_TEXT("path", exchange->method->path),
			 LOG_TEXT("reason", status.reason->name), LOG_TEXT("why", status.detail->private),
			 LOG_TEXT("trace", exchange->context.trace));
	problem_respond(exchange->request, status, &exchange->context);
}

static struct status answer_stream(struct call *call, struct exchange *exchange)
{
	const struct stream stream = { .request = exchange->request,
				       .method = exchange->method,
				       .client = exchange->client,
				       .message = exchange->bytes,
				       .context = &exchange->context,
				       .limits = exchange->api->streams };

	return stream_respond(call, &stream);
}

/* The request is gone when it was answered. */
static struct status answer(struct call *call, struct exchange *exchange)
{
	struct reply reply = { .trace = exchange->context.trace };

	TRY(rpc_call_bytes(call, exchange->client, exchange->method->path, exchange->key, NULL, 0, exchange->bytes,
			   &reply.bytes, &reply.replayed));
	exchange->call = NULL;
	return reply_respond(exchange->request, exchange->match.route, &reply);
}

static void check_idle(struct api *api)
{
	void (*idle)(void *) = api->idle;

	if (api->running > 0 || idle == NULL)
		return;
	api->idle = NULL;
	idle(api->idle_context);
}

void api_drain(struct api *api, void (*idle)(void *context), void *context)
{
	api->idle = idle;
	api->idle_context = context;
	check_idle(api);
}

static struct status run(struct call *call, void *context)
{
	struct exchange *exchange = context;
	struct api *api = exchange->api; /* the exchange goes with its request */
	struct status status;

	exchange->call = call;
	exchange->coroutine = coroutine_current();
	call->trace_parent = exchange->trace_parent;
	call->call_class = CLASS_INTERACTIVE;
	status = exchange->method->server_streaming ? answer_stream(call, exchange) : answer(call, exchange);
	if (status.reason != NULL) {
		exchange->call = NULL;
		fail(exchange, status);
	}
	api->running--;
	check_idle(api);
	return STATUS_OK;
}

static void client_gone(struct http_request *request)
{
	struct exchange *exchange = request->owner;

	if (exchange->call == NULL)
		return;
	exchange->call->cancelled = true;
	coroutine_wake(exchange->coroutine);
}

static void client_ready(struct http_request *request)
{
	const struct exchange *exchange = request->owner;

	if (exchange->call != NULL)
		coroutine_wake(exchange->coroutine);
}

void api_handle(struct api *api, struct http_request *request)
{
	struct exchange *exchange = arena_alloc(request->arena, sizeof(*exchange));
	const struct str parent = http_field(request, "traceparent");
	struct status status;

	exchange->api = api;
	exchange->request = request;
	exchange->trace_parent = trace_child(request->arena, parent.data == NULL ? STR("") : parent);
	exchange->context.trace =
	    arena_strndup(request->arena, trace_id(exchange->trace_parent).data, trace_id(exchange->trace_parent).len);
	status = prepare(api, exchange);
	if (status.reason != NULL) {
		problem_respond(request, status, &exchange->context);
		return;
	}
	request->owner = exchange;
	request->gone = client_gone;
	request->taken = client_ready;
	api->running++;
	call_spawn(api->loop, NULL, "gateway", exchange->timeout, run, NULL, exchange);
}
