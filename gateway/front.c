/* See front.h. */
#include "gateway/front.h"

#include "gateway/json.h"
#include "gateway/problem.h"
#include "runtime/trace.h"

/* Asking also makes a client connect. */
static bool write_peers(struct json_writer *writer, const struct api_peer *peers)
{
	bool all = true;

	json_name(writer, "services");
	json_open(writer, '{');
	for (const struct api_peer *peer = peers; peer->name != NULL; peer++) {
		const bool connected = rpc_client_connected(peer->client);

		json_name(writer, peer->name);
		json_raw(writer, connected ? "true" : "false");
		all = all && connected;
	}
	json_close(writer, '}');
	return all;
}

static void respond_health(struct front *front, struct http_request *request, bool readiness)
{
	struct buf body = buf_new(request->arena);
	struct json_writer writer = { .out = &body };
	bool good;

	json_open(&writer, '{');
	front->were_connected |= write_peers(&writer, front->peers);
	good = !readiness || (front->were_connected && !front->draining);
	json_name(&writer, "status");
	json_text(&writer, readiness ? (good ? STR("ready") : STR("not ready")) : STR("alive"));
	json_close(&writer, '}');
	http_respond(request, &(const struct http_response){
				  .status = good ? 200 : 503,
				  .content_type = "application/json",
				  .body = { body.data, body.len },
			      });
}

static const char *trace_of(const struct http_request *request)
{
	const struct str parent = http_field(request, "traceparent");
	const struct str trace = trace_id(trace_child(request->arena, parent.data == NULL ? STR("") : parent));

	return arena_strndup(request->arena, trace.data, trace.len);
}

static bool is_api(struct str path)
{
	return str_is(path, "/v1") || str_starts(path, "/v1/");
}

void front_handle(void *owner, struct http_request *request)
{
	struct front *front = owner;

	if (request->refusal != 0)
		problem_respond_refusal(request, trace_of(request));
	else if (is_api(request->path))
		api_handle(front->api, request);
	else if (str_is(request->path, "/healthz") || str_is(request->path, "/readyz"))
		respond_health(front, request, str_is(request->path, "/readyz"));
	else if (front->files == NULL || !static_respond(front->files, request))
		problem_respond(request, status_of(&ROUTE_MISSING),
				&(const struct problem_context){ .trace = trace_of(request) });
}
