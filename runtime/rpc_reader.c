/* Streams of a peer, read message by message: see rpc_client.h. What was given to core is always waited for, so the stream may live in the caller's arena. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "runtime/coroutine.h"
#include "runtime/rpc_client.h"
#include "runtime/rpc_private.h"
#include "runtime/rpc_status.h"
#include "runtime/trace.h"

#define PAIRS 2

struct rpc_stream {
	struct call *call;
	struct rpc_client *client;
	struct coroutine *waiter;
	const char *path;
	grpc_call *core;
	grpc_byte_buffer *request, *payload;
	grpc_metadata pairs[PAIRS];
	grpc_metadata_array headers, trailers;
	grpc_status_code code;
	grpc_slice message;

	struct rpc_errand start, receive, cancel;
	struct rpc_event opened, received, ended;
	bool receiving;
	unsigned under_way; /* of these events */
	bool cancelling;
};

static void batch(struct rpc_stream *stream, const grpc_op *ops, size_t count, struct rpc_event *event)
{
	rpc_event_release(event);
	if (grpc_call_start_batch(stream->core, ops, count, event, NULL) == GRPC_CALL_OK)
		return;
	fprintf(stderr, "rpc_reader: core refuses a batch: %s\n", stream->path);
	abort(); /* only a mistake of ours is refused */
}

static void event_seen(struct rpc_stream *stream)
{
	stream->under_way--;
	coroutine_wake(stream->waiter);
}

static void on_opened(struct rpc_event *event, bool ok)
{
	struct rpc_stream *stream = RPC_OWNER(event, struct rpc_stream, opened);

	(void)ok; /* how it ended tells */
	grpc_byte_buffer_destroy(stream->request);
	event_seen(stream);
}

static void on_ended(struct rpc_event *event, bool ok)
{
	(void)ok;
	event_seen(RPC_OWNER(event, struct rpc_stream, ended));
}

static void on_received(struct rpc_event *event, bool ok)
{
	struct rpc_stream *stream = RPC_OWNER(event, struct rpc_stream, received);

	(void)ok; /* then there is no message */
	stream->receiving = false;
	event_seen(stream);
}

static gpr_timespec deadline_of(const struct rpc_stream *stream)
{
	const int64_t at = stream->call->deadline;

	if (at == CLOCK_NEVER)
		return gpr_inf_future(GPR_CLOCK_MONOTONIC);
	return (gpr_timespec){ .tv_sec = at / CLOCK_SECOND,
			       .tv_nsec = (int32_t)(at % CLOCK_SECOND * 1000),
			       .clock_type = GPR_CLOCK_MONOTONIC };
}

static void start(struct rpc_errand *errand)
{
	struct rpc_stream *stream = RPC_OWNER(errand, struct rpc_stream, start);
	grpc_op opening[] = {
		{ .op = GRPC_OP_SEND_INITIAL_METADATA },
		{ .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = stream->request },
		{ .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT },
		{ .op = GRPC_OP_RECV_INITIAL_METADATA,
		  .data.recv_initial_metadata.recv_initial_metadata = &stream->headers },
	};
	grpc_op ending = { .op = GRPC_OP_RECV_STATUS_ON_CLIENT };
	grpc_slice path = grpc_slice_from_copied_string(stream->path);

	opening[0].data.send_initial_metadata.count = PAIRS;
	opening[0].data.send_initial_metadata.metadata = stream->pairs;
	ending.data.recv_status_on_client.trailing_metadata = &stream->trailers;
	ending.data.recv_status_on_client.status = &stream->code;
	ending.data.recv_status_on_client.status_details = &stream->message;
	stream->core =
	    grpc_channel_create_call(stream->client->channel, stream->call->parent, GRPC_PROPAGATE_DEFAULTS,
				     rpc_core_queue(stream->client->core), path, NULL, deadline_of(stream), NULL);
	grpc_slice_unref(path);
	batch(stream, opening, sizeof(opening) / sizeof(opening[0]), &stream->opened);
	batch(stream, &ending, 1, &stream->ended);
}

static void receive(struct rpc_errand *errand)
{
	struct rpc_stream *stream = RPC_OWNER(errand, struct rpc_stream, receive);
	const grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &stream->payload };

	batch(stream, &op, 1, &stream->received);
}

static void cancel(struct rpc_errand *errand)
{
	grpc_call_cancel(RPC_OWNER(errand, struct rpc_stream, cancel)->core, NULL);
}

static void give_up(struct rpc_stream *stream)
{
	if (stream->cancelling)
		return;
	stream->cancelling = true;
	rpc_core_errand(stream->client->core, &stream->cancel);
}

static grpc_metadata pair_of(const char *name, struct str value)
{
	return (grpc_metadata){ .key = grpc_slice_from_copied_string(name),
				.value = grpc_slice_from_copied_buffer(value.data, value.len) };
}

struct status rpc_stream_open(struct call *call, struct rpc_client *client, const char *path, struct str request,
			      struct rpc_stream **ret_stream)
{
	struct rpc_stream *stream;

	TRY(call_check(call));
	stream = arena_alloc(call->arena, sizeof(*stream));
	*stream = (struct rpc_stream){ .call = call,
				       .client = client,
				       .waiter = coroutine_current(),
				       .path = path,
				       .request = rpc_buffer_of_bytes(request),
				       .message = grpc_empty_slice(),
				       .start.run = start,
				       .receive.run = receive,
				       .cancel.run = cancel,
				       .opened.run = on_opened,
				       .received.run = on_received,
				       .ended.run = on_ended,
				       .under_way = 2 };
	stream->pairs[0] = pair_of(RPC_TRACE, str_of(trace_child(call->arena, str_of(call->trace_parent))));
	stream->pairs[1] = pair_of(RPC_CALLER, str_of(client->self));
	grpc_metadata_array_init(&stream->headers);
	grpc_metadata_array_init(&stream->trailers);
	rpc_core_errand(client->core, &stream->start);
	*ret_stream = stream;
	return STATUS_OK;
}

/* All events have been seen: no message is left. */
static struct status outcome_of(struct rpc_stream *stream)
{
	struct arena *arena = stream->call->arena;
	const struct str details = rpc_metadata_find(&stream->trailers, RPC_DETAILS);

	if (stream->code == GRPC_STATUS_OK)
		return STATUS_OK;
	if (details.data != NULL)
		return rpc_status_unpack(arena, details);
	return status_private(arena, rpc_transport_reason(stream->code, stream->cancelling), "%s: code %d: %.*s",
			      stream->path, (int)stream->code, (int)GRPC_SLICE_LENGTH(stream->message),
			      (const char *)GRPC_SLICE_START_PTR(stream->message));
}

static struct status take_message(struct rpc_stream *stream, struct str *ret_message)
{
	struct arena *arena = stream->call->arena;
	const struct str bytes = rpc_bytes(arena, stream->payload);
	const char *copy = bytes.data == NULL ? NULL : arena_memdup(arena, bytes.data, bytes.len);

	grpc_byte_buffer_destroy(stream->payload);
	stream->payload = NULL;
	if (copy == NULL)
		return status_private(arena, &INTERNAL_ERROR, "%s: a message that cannot be read", stream->path);
	*ret_message = (struct str){ copy, bytes.len };
	return STATUS_OK;
}

struct status rpc_stream_next(struct rpc_stream *stream, struct str *ret_message)
{
	stream->receiving = true;
	stream->under_way++;
	rpc_core_errand(stream->client->core, &stream->receive);
	while (stream->receiving || (stream->payload == NULL && stream->under_way > 0)) {
		if (stream->call->cancelled)
			give_up(stream);
		coroutine_wait();
	}
	if (stream->payload != NULL)
		return take_message(stream, ret_message);
	TRY(outcome_of(stream));
	*ret_message = (struct str){ NULL, 0 };
	return STATUS_OK;
}

void rpc_stream_close(struct rpc_stream *stream)
{
	if (stream->under_way > 0)
		give_up(stream);
	while (stream->under_way > 0)
		coroutine_wait();
	for (size_t i = 0; i < PAIRS; i++) {
		grpc_slice_unref(stream->pairs[i].key);
		grpc_slice_unref(stream->pairs[i].value);
	}
	grpc_metadata_array_destroy(&stream->headers);
	grpc_metadata_array_destroy(&stream->trailers);
	grpc_slice_unref(stream->message);
	grpc_call_unref(stream->core);
}
