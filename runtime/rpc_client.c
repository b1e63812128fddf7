/* See rpc_client.h. One call is one batch of six operations; its struct lives in the caller's arena until core has given the batch back. */
#include "runtime/rpc_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "runtime/coroutine.h"
#include "runtime/fault.h"
#include "runtime/pb.h"
#include "runtime/rpc_private.h"
#include "runtime/rpc_status.h"
#include "runtime/trace.h"

#define TIMEOUT (30 * CLOCK_SECOND)  /* for a call whose caller has no deadline, to a method that has none */
#define REPLY_MAX (16 * 1024 * 1024) /* bytes that a peer may answer */
#define METADATA_MAX (16 * 1024)
#define OWN_PAIRS 4

/*
 * Retries are core's: UNAVAILABLE only, and fewer when many calls fail; a backend that drains so hands its calls to the others.
 * A refused call says when to come back (grpc-retry-pushback-ms, gRFC A6), and core obeys.
 * Left out on purpose: a timeout (core 1.51 ends such calls one to two seconds early, grpc/grpc#34547), outlier detection (it counts every status but OK as a
 * failure, refusals such as NOT_FOUND too, and ejects nobody while there is one address; rpc_guard.h does what it would), and health checks (a peer that waits for its
 * database for a second would be given up at once instead of waited for).
 */
static const char SERVICE_CONFIG[] = "{\"loadBalancingConfig\":[{\"round_robin\":{}}],"
				     "\"methodConfig\":[{\"name\":[{}],\"retryPolicy\":{\"maxAttempts\":3,"
				     "\"initialBackoff\":\"0.05s\",\"maxBackoff\":\"0.5s\","
				     "\"backoffMultiplier\":2,\"retryableStatusCodes\":[\"UNAVAILABLE\"]}}],"
				     "\"retryThrottling\":{\"maxTokens\":100,\"tokenRatio\":0.1}}";

/* One call under way. */
struct outgoing {
	struct call *call;
	struct rpc_client *client;
	struct coroutine *waiter;
	const char *path;
	const struct contract_method *method; /* NULL: not in the contract */
	struct rpc_pass pass;
	grpc_byte_buffer *request;
	grpc_metadata *pairs;
	size_t n_pairs;
	const ProtobufCMessageDescriptor *reply_type; /* NULL: bytes */

	struct rpc_errand start, cancel;
	bool cancelling;
	struct rpc_event ended;
	grpc_call *core;
	grpc_metadata_array headers, trailers;
	grpc_byte_buffer *payload;
	grpc_status_code code;
	grpc_slice message;

	bool done, answered;
	struct status status;
	void *reply;
	struct str reply_bytes;
	bool replayed;
};

static void broken(const char *what, const char *name) __attribute__((noreturn));

static void broken(const char *what, const char *name)
{
	fprintf(stderr, "rpc_client: %s: %s\n", what, name);
	abort();
}

static grpc_arg number(const char *name, int value)
{
	return (grpc_arg){ .type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)name, .value.integer = value };
}

static grpc_channel *create(const char *target)
{
	grpc_arg args[] = {
		{ GRPC_ARG_STRING,
		  (char *)(uintptr_t)GRPC_ARG_SERVICE_CONFIG,
		  { .string = (char *)(uintptr_t)SERVICE_CONFIG } },
		number(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
		number(GRPC_ARG_ENABLE_CHANNELZ, 0),
		number(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, REPLY_MAX),
		number(GRPC_ARG_MAX_METADATA_SIZE, METADATA_MAX),
		/* A service that was restarted is found again soon. The minimum is what core lets one attempt take. */
		number(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100),
		number(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000),
		number(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000),
		/* A machine that is gone is noticed in 15 s and not at the deadline of every call. */
		number(GRPC_ARG_KEEPALIVE_TIME_MS, 10000),
		number(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000),
	};
	const grpc_channel_args all = { sizeof(args) / sizeof(args[0]), args };
	grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
	grpc_channel *channel = grpc_channel_create(target, credentials, &all);

	grpc_channel_credentials_release(credentials);
	return channel;
}

static bool is_connected(void *context)
{
	const struct rpc_client *client = context;

	return grpc_channel_check_connectivity_state(client->channel, 1) == GRPC_CHANNEL_READY;
}

struct rpc_client *rpc_client_new(struct rpc_core *core, const char *self, const char *target)
{
	/* house: allocation because it lives as long as the process */
	struct rpc_client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		broken("no memory", target);
	*client = (struct rpc_client){ core, self, create(target), contract_load(), NULL };
	client->guard = rpc_guard_new(rpc_core_loop(core), target, is_connected, client);
	return client;
}

void rpc_client_free(struct rpc_client *client)
{
	if (client == NULL)
		return;
	rpc_guard_free(client->guard);
	grpc_channel_destroy(client->channel);
	free(client);
}

bool rpc_client_connected(struct rpc_client *client)
{
	return is_connected(client);
}

void rpc_client_guard(struct rpc_client *client, const struct rpc_guard_options *options)
{
	rpc_guard_set(client->guard, options);
}

/* ---- The outcome ---- */

const struct reason *rpc_transport_reason(grpc_status_code code, bool cancelled)
{
	switch (code) {
	case GRPC_STATUS_DEADLINE_EXCEEDED:
		return &DEADLINE_PASSED;
	case GRPC_STATUS_CANCELLED:
		return cancelled ? &CALL_CANCELLED : &PEER_UNAVAILABLE;
	case GRPC_STATUS_RESOURCE_EXHAUSTED:
		return &MESSAGE_TOO_COMPLEX;
	case GRPC_STATUS_UNIMPLEMENTED:
		return &NOT_IMPLEMENTED;
	case GRPC_STATUS_OK:
	case GRPC_STATUS_UNKNOWN:
	case GRPC_STATUS_INVALID_ARGUMENT:
	case GRPC_STATUS_NOT_FOUND:
	case GRPC_STATUS_ALREADY_EXISTS:
	case GRPC_STATUS_PERMISSION_DENIED:
	case GRPC_STATUS_UNAUTHENTICATED:
	case GRPC_STATUS_FAILED_PRECONDITION:
	case GRPC_STATUS_ABORTED:
	case GRPC_STATUS_OUT_OF_RANGE:
	case GRPC_STATUS_INTERNAL:
	case GRPC_STATUS_UNAVAILABLE:
	case GRPC_STATUS_DATA_LOSS:
	case GRPC_STATUS__DO_NOT_USE:
		return &PEER_UNAVAILABLE;
	}
	return &PEER_UNAVAILABLE;
}

static struct status read_failure(struct outgoing *out)
{
	struct arena *arena = out->call->arena;
	const struct reason *reason = rpc_transport_reason(out->code, out->cancelling || out->call->cancelled);
	const struct str details = rpc_metadata_find(&out->trailers, RPC_DETAILS);

	out->answered = details.data != NULL;
	if (out->answered)
		return rpc_status_unpack(arena, details);
	return status_private(arena, reason, "%s: code %d: %.*s", out->path, (int)out->code,
			      (int)GRPC_SLICE_LENGTH(out->message), (const char *)GRPC_SLICE_START_PTR(out->message));
}

static struct status read_reply(struct outgoing *out)
{
	struct arena *arena = out->call->arena;
	const struct str bytes = out->payload == NULL ? (struct str){ NULL, 0 } : rpc_bytes(arena, out->payload);

	if (bytes.data == NULL)
		return status_private(arena, &INTERNAL_ERROR, "%s: a reply without a message", out->path);
	if (out->reply_type != NULL)
		return pb_unpack(arena, out->reply_type, bytes, &out->reply);
	out->reply_bytes = (struct str){ arena_memdup(arena, bytes.data, bytes.len), bytes.len };
	return STATUS_OK;
}

static void on_ended(struct rpc_event *event, bool ok)
{
	struct outgoing *out = RPC_OWNER(event, struct outgoing, ended);

	(void)ok; /* a batch that receives the status succeeds, whatever the status */
	if (FAULT_FAILS("rpc_client.received"))
		out->code = GRPC_STATUS_UNAVAILABLE; /* an answer that was lost on its way */
	out->status = out->code == GRPC_STATUS_OK ? read_reply(out) : read_failure(out);
	out->replayed = rpc_metadata_find(&out->trailers, RPC_REPLAYED).data != NULL;
	grpc_byte_buffer_destroy(out->payload);
	grpc_byte_buffer_destroy(out->request);
	grpc_metadata_array_destroy(&out->headers);
	grpc_metadata_array_destroy(&out->trailers);
	grpc_slice_unref(out->message);
	grpc_call_unref(out->core);
	out->done = true;
	coroutine_wake(out->waiter);
}

/* ---- The call ---- */

static gpr_timespec time_of(int64_t monotonic)
{
	return (gpr_timespec){
		.tv_sec = monotonic / CLOCK_SECOND,
		.tv_nsec = (int32_t)(monotonic % CLOCK_SECOND * 1000),
		.clock_type = GPR_CLOCK_MONOTONIC,
	};
}

/* The caller's deadline, and never later than the method may take. */
static int64_t deadline_of(const struct outgoing *out)
{
	const int64_t granted = out->method == NULL ? 0 : out->method->policy.deadline_ms * CLOCK_MILLISECOND;
	const int64_t latest = clock_monotonic() + (granted > 0 ? granted : TIMEOUT);

	return out->call->deadline < latest ? out->call->deadline : latest;
}

static void start_call(struct rpc_errand *errand)
{
	struct outgoing *out = RPC_OWNER(errand, struct outgoing, start);
	grpc_op ops[] = {
		{ .op = GRPC_OP_SEND_INITIAL_METADATA },
		{ .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = out->request },
		{ .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT },
		{ .op = GRPC_OP_RECV_INITIAL_METADATA,
		  .data.recv_initial_metadata.recv_initial_metadata = &out->headers },
		{ .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &out->payload },
		{ .op = GRPC_OP_RECV_STATUS_ON_CLIENT },
	};
	grpc_slice path = grpc_slice_from_copied_string(out->path);

	ops[0].data.send_initial_metadata.count = out->n_pairs;
	ops[0].data.send_initial_metadata.metadata = out->pairs;
	ops[5].data.recv_status_on_client.trailing_metadata = &out->trailers;
	ops[5].data.recv_status_on_client.status = &out->code;
	ops[5].data.recv_status_on_client.status_details = &out->message;
	grpc_metadata_array_init(&out->headers);
	grpc_metadata_array_init(&out->trailers);
	out->message = grpc_empty_slice();
	out->core =
	    grpc_channel_create_call(out->client->channel, out->call->parent, GRPC_PROPAGATE_DEFAULTS,
				     rpc_core_queue(out->client->core), path, NULL, time_of(deadline_of(out)), NULL);
	grpc_slice_unref(path);
	rpc_event_release(&out->ended);
	if (grpc_call_start_batch(out->core, ops, sizeof(ops) / sizeof(ops[0]), &out->ended, NULL) != GRPC_CALL_OK)
		broken("core refuses a batch", out->path);
	for (size_t i = 0; i < out->n_pairs; i++) {
		grpc_slice_unref(out->pairs[i].key);
		grpc_slice_unref(out->pairs[i].value);
	}
}

static void cancel_call(struct rpc_errand *errand)
{
	struct outgoing *out = RPC_OWNER(errand, struct outgoing, cancel);

	if (!out->done)
		grpc_call_cancel(out->core, NULL);
}

static void add_pair(struct outgoing *out, const char *name, struct str value)
{
	grpc_metadata *pair = &out->pairs[out->n_pairs++];

	*pair = (grpc_metadata){ .key = grpc_slice_from_copied_string(name),
				 .value = grpc_slice_from_copied_buffer(value.data, value.len) };
	if (!grpc_header_key_is_legal(pair->key) ||
	    (!grpc_is_binary_header(pair->key) && !grpc_header_nonbin_value_is_legal(pair->value))) {
		grpc_slice_unref(pair->key);
		grpc_slice_unref(pair->value);
		out->n_pairs--; /* what HTTP/2 cannot carry */
	}
}

static void add_metadata(struct outgoing *out, const char *key, const struct rpc_metadata *more, size_t n_more)
{
	struct call *call = out->call;

	out->pairs = arena_array(call->arena, OWN_PAIRS + n_more, sizeof(*out->pairs));
	if (key != NULL)
		add_pair(out, RPC_KEY, str_of(key));
	add_pair(out, RPC_TRACE, str_of(trace_child(call->arena, str_of(call->trace_parent))));
	add_pair(out, RPC_CALLER, str_of(out->client->self));
	if (call->call_class == CLASS_WORKER)
		add_pair(out, RPC_CLASS, STR(RPC_CLASS_WORKER));
	for (size_t i = 0; i < n_more; i++)
		add_pair(out, more[i].name, more[i].value);
}

/* An operation that was given to core is waited for, whatever happens: a cancelled call cancels it first. */
static struct status run(struct outgoing *out)
{
	out->waiter = coroutine_current();
	FAULT_POINT("rpc_client.before_send");
	out->start.run = start_call;
	out->cancel.run = cancel_call;
	out->ended.run = on_ended;
	rpc_core_errand(out->client->core, &out->start);
	FAULT_POINT("rpc_client.sent");
	while (!out->done) {
		if (out->call->cancelled && !out->cancelling) {
			out->cancelling = true;
			rpc_core_errand(out->client->core, &out->cancel);
		}
		coroutine_wait();
	}
	rpc_guard_exit(&out->pass, out->call, out->status, out->answered);
	out->call->failed_below = status_code(out->status) == CODE_UNAVAILABLE;
	return out->status;
}

/* Up to the point where nothing but the peer can refuse. */
static struct status begin(struct call *call, struct rpc_client *client, const char *path, struct outgoing **ret_out)
{
	struct outgoing *out = arena_alloc(call->arena, sizeof(*out));
	struct status status;

	TRY(call_check(call));
	*out = (struct outgoing){ .call = call, .client = client, .path = path };
	out->method = contract_method(client->contract, str_of(path));
	status = rpc_guard_enter(client->guard, call, out->method, &out->pass);
	call->failed_below = status.reason != NULL;
	TRY(status);
	*ret_out = out;
	return STATUS_OK;
}

struct status rpc_call(struct call *call, struct rpc_client *client, const ProtobufCServiceDescriptor *service,
		       const char *method, const char *key, const ProtobufCMessage *request, void **ret_reply)
{
	const ProtobufCMethodDescriptor *descriptor = protobuf_c_service_descriptor_get_method_by_name(service, method);
	struct outgoing *out;

	if (descriptor == NULL)
		broken("no such method", method);
	TRY(begin(call, client, arena_printf(call->arena, "/%s/%s", service->name, method), &out));
	out->reply_type = descriptor->output;
	out->request = rpc_buffer_of_message(request);
	add_metadata(out, key, NULL, 0);
	TRY(run(out));
	*ret_reply = out->reply;
	return STATUS_OK;
}

struct status rpc_call_bytes(struct call *call, struct rpc_client *client, const char *path, const char *key,
			     const struct rpc_metadata *metadata, size_t n_metadata, struct str request,
			     struct str *ret_reply, bool *ret_replayed)
{
	struct outgoing *out;

	TRY(begin(call, client, path, &out));
	out->request = rpc_buffer_of_bytes(request);
	add_metadata(out, key, metadata, n_metadata);
	TRY(run(out));
	*ret_reply = out->reply_bytes;
	if (ret_replayed != NULL)
		*ret_replayed = out->replayed;
	return STATUS_OK;
}
