/* See stream.h. */
#include "gateway/stream.h"

#include "gateway/problem.h"
#include "runtime/coroutine.h"
#include "runtime/loop.h"

#define TOKEN "resume_token"

static int64_t streams; /* at once */

static bool is_printable(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < ' ' || text.data[i] > '~')
			return false;
	return text.len > 0;
}

static struct binding *without(struct binding *list, const struct contract_field *field)
{
	struct binding **at = &list;

	while (*at != NULL) {
		if ((*at)->depth == 1 && (*at)->path[0] == field)
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
	return list;
}

void stream_resume(const struct http_request *request, const struct contract_method *method,
		   struct transcode_request *source)
{
	const struct contract_field *field = contract_field_named(method->input, STR(TOKEN));
	const struct str id = http_field(request, "last-event-id");
	struct binding *binding;

	if (field == NULL || !is_printable(id))
		return;
	binding = arena_alloc(request->arena, sizeof(*binding));
	binding->path[0] = field;
	binding->depth = 1;
	binding->text = id;
	binding->source = "Last-Event-ID";
	binding->next = without(source->bindings, field);
	source->bindings = binding;
}

/* A stream on its way to the browser; the request lives until it ends. */
struct live {
	const struct stream *stream;
	struct loop_timer *heartbeat;
};

static void send(struct live *live, struct str bytes)
{
	loop_timer_set(live->heartbeat, live->stream->limits->heartbeat);
	http_stream_piece(live->stream->request, bytes);
}

static void beat(void *owner)
{
	send(owner, STR(":\n\n"));
}

static void begin(const struct stream *stream)
{
	/* Proxies must not keep it until it is complete. */
	const struct http_field unbuffered = { STR("X-Accel-Buffering"), STR("no") };

	http_stream_begin(stream->request, &(const struct http_response){ .status = 200,
									  .content_type = "text/event-stream",
									  .fields = &unbuffered,
									  .n_fields = 1 });
}

static struct status send_message(struct call *call, struct live *live, struct str message)
{
	const struct contract_message *type = live->stream->method->output;
	const struct str token = transcode_text(type, message, TOKEN);
	struct buf event = buf_new(call->arena);

	if (is_printable(token)) {
		buf_text(&event, "id: ");
		buf_bytes(&event, token.data, token.len);
		buf_byte(&event, '\n');
	}
	buf_text(&event, "data: ");
	TRY(transcode_reply(call->arena, type, message, &event));
	buf_text(&event, "\n\n");
	send(live, (struct str){ event.data, event.len });
	return STATUS_OK;
}

/* A slow client is waited for: http.h looks that it is not for ever. */
static struct status wait_taken(const struct call *call, const struct live *live)
{
	while (!call->cancelled && http_stream_unsent(live->stream->request) > 0)
		coroutine_wait();
	return call_check(call);
}

/* From the second message to the end of the server's stream. Each one's memory is given back. */
static struct status pump(struct call *call, struct rpc_stream *source, struct live *live, struct str message)
{
	struct arena_mark mark = arena_mark(call->arena);

	while (message.data != NULL) {
		TRY(send_message(call, live, message));
		arena_rewind(call->arena, mark);
		mark = arena_mark(call->arena);
		TRY(wait_taken(call, live));
		TRY(rpc_stream_next(source, &message));
	}
	return STATUS_OK;
}

static void send_problem(struct call *call, struct live *live, struct status status)
{
	const struct str document = problem_document(live->stream->request, status, live->stream->context);
	struct buf event = buf_new(call->arena);

	buf_text(&event, "event: problem\ndata: ");
	buf_bytes(&event, document.data, document.len);
	buf_text(&event, "\n\n");
	send(live, (struct str){ event.data, event.len });
}

/* The first message is here: the answer begins. */
static void run(struct call *call, const struct stream *stream, struct rpc_stream *source, struct str message)
{
	struct live live = { .stream = stream };
	struct status status = STATUS_OK;

	live.heartbeat = loop_timer_new(call->loop, beat, &live);
	begin(stream);
	send(&live, STR("retry: 1000\n\n"));
	if (!str_is(stream->request->method, "HEAD"))
		status = pump(call, source, &live, message);
	if (status.reason != NULL && !call->cancelled && !status_is(status, &DEADLINE_PASSED))
		send_problem(call, &live, status);
	loop_timer_free(live.heartbeat);
	http_stream_end(stream->request, status.reason == NULL ? NULL : status.reason->name, stream->context->trace);
}

static struct status respond(struct call *call, const struct stream *stream)
{
	struct rpc_stream *source;
	struct str message;
	struct status status;

	TRY(rpc_stream_open(call, stream->client, stream->method->path, stream->message, &source));
	status = rpc_stream_next(source, &message);
	if (status.reason == NULL)
		run(call, stream, source, message);
	rpc_stream_close(source);
	return status;
}

struct status stream_respond(struct call *call, const struct stream *stream)
{
	struct status status;

	if (streams >= stream->limits->max_streams)
		return status_of(&OVERLOADED);
	streams++;
	status = respond(call, stream);
	streams--;
	return status;
}
