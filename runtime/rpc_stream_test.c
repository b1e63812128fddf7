/* What rpc_server.h promises of streams, and what health.h and reflection.h promise. The client is core itself: ours has no streams. */
#include "runtime/rpc_fixture.h"

#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "quayside/ordering/v1/ordering.pb-c.h"
#include "runtime/contract.h"
#include "runtime/health.h"
#include "runtime/pb.h"
#include "runtime/reflection.h"
#include "runtime/rpc_private.h"
#include "runtime/write.h"

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
#define WATCH "/grpc.health.v1.Health/Watch"
#define CHECK "/grpc.health.v1.Health/Check"
#define REFLECT "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define REFLECT_ALPHA "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
#define WATCH_ORDERS "/quayside.ordering.v1.OrderService/WatchOrders"

/* Stand-ins for write.c, weak, so that linking both is no error: nothing here writes. */
__attribute__((weak)) void write_open(struct call *call)
{
	(void)call;
}

__attribute__((weak)) struct status write_close(struct call *call, struct status outcome,
						struct write_answer *ret_answer)
{
	(void)call;
	*ret_answer = (struct write_answer){ 0 };
	return outcome;
}

/* ---- A client's stream ---- */

struct stream {
	struct call *call;
	grpc_call *core;
	grpc_channel *channel;
	grpc_metadata_array headers, trailers;
	grpc_slice message;
	grpc_status_code code;
	struct rpc_event event;
	struct coroutine *waiter;
	bool begun, done, ok;
};

static void on_done(struct rpc_event *event, bool ok)
{
	struct stream *stream = RPC_OWNER(event, struct stream, event);

	stream->ok = ok;
	stream->done = true;
	coroutine_wake(stream->waiter);
}

static bool batch(struct stream *stream, const grpc_op *ops, size_t count)
{
	stream->done = false;
	stream->waiter = coroutine_current();
	stream->event.run = on_done;
	rpc_event_release(&stream->event);
	assert_int_equal(grpc_call_start_batch(stream->core, ops, count, &stream->event, NULL), GRPC_CALL_OK);
	while (!stream->done)
		coroutine_wait();
	return stream->ok;
}

static struct stream *stream_open(struct call *call, const char *path)
{
	struct stream *stream = arena_alloc(call->arena, sizeof(*stream));
	grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
	const grpc_op op = { .op = GRPC_OP_SEND_INITIAL_METADATA };

	stream->call = call;
	stream->channel = grpc_channel_create(scene.address, credentials, NULL);
	grpc_channel_credentials_release(credentials);
	stream->core = grpc_channel_create_call(stream->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
						rpc_core_queue(scene.core), grpc_slice_from_static_string(path), NULL,
						gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	grpc_metadata_array_init(&stream->headers);
	grpc_metadata_array_init(&stream->trailers);
	stream->message = grpc_empty_slice();
	assert_true(batch(stream, &op, 1));
	return stream;
}

static bool stream_send(struct stream *stream, struct str bytes)
{
	grpc_byte_buffer *buffer = rpc_buffer_of_bytes(bytes);
	const grpc_op op = { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = buffer };
	const bool ok = batch(stream, &op, 1);

	grpc_byte_buffer_destroy(buffer);
	return ok;
}

static void stream_finish_sending(struct stream *stream)
{
	const grpc_op op = { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT };

	batch(stream, &op, 1);
}

/* data is NULL at the end. */
static struct str stream_read(struct stream *stream)
{
	grpc_byte_buffer *buffer = NULL;
	const grpc_op ops[] = {
		{ .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &buffer },
		{ .op = GRPC_OP_RECV_INITIAL_METADATA,
		  .data.recv_initial_metadata.recv_initial_metadata = &stream->headers },
	};
	const size_t count = stream->begun ? 1 : 2;
	struct str bytes = { NULL, 0 };

	stream->begun = true;
	if (batch(stream, ops, count) && buffer != NULL) {
		bytes = rpc_bytes(stream->call->arena, buffer);
		bytes.data = arena_memdup(stream->call->arena, bytes.data, bytes.len);
	}
	grpc_byte_buffer_destroy(buffer);
	return bytes;
}

static grpc_status_code stream_end(struct stream *stream)
{
	const grpc_op op = {
		.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
		.data.recv_status_on_client = { &stream->trailers, &stream->code, &stream->message, NULL },
	};

	batch(stream, &op, 1);
	grpc_metadata_array_destroy(&stream->headers);
	grpc_metadata_array_destroy(&stream->trailers);
	grpc_slice_unref(stream->message);
	grpc_call_unref(stream->core);
	grpc_channel_destroy(stream->channel);
	return stream->code;
}

static grpc_status_code stream_cancel(struct stream *stream)
{
	grpc_call_cancel(stream->core, NULL);
	return stream_end(stream);
}

/* ---- The services ---- */

static size_t orders_sent;
static struct status orders_end;

/* Sends more than fits between a server and a client that does not read. */
static struct status watch_orders(struct call *call, const void *in, void *out)
{
	Ordering__WatchOrdersResponse response = ORDERING__WATCH_ORDERS_RESPONSE__INIT;
	Ordering__Order order = ORDERING__ORDER__INIT;
	char *note = arena_alloc(call->arena, 100001);

	(void)in;
	(void)out;
	memset(note, 'n', 100000);
	order.note = note;
	response.order = &order;
	orders_sent = 0;
	call->deadline = clock_monotonic() + 100 * CLOCK_MILLISECOND;
	do {
		orders_end = rpc_send(call, &response.base);
		orders_sent += orders_end.reason == NULL;
	} while (orders_end.reason == NULL);
	return orders_end;
}

static const struct rpc_method order_methods[] = {
	{ .name = "WatchOrders", .handler = watch_orders, .in_size = sizeof(Ordering__WatchOrdersRequest) },
	RPC_METHODS_END,
};
static const struct rpc_service order_service = { &ordering__order_service__descriptor, order_methods };
static const char *const names[] = { "quayside.ordering.v1.OrderService", "grpc.health.v1.Health", NULL };

static int set_up(void **state)
{
	static const struct rpc_service *const services[] = { &order_service, &health_service, &reflection_service,
							      &reflection_alpha_service, NULL };

	(void)state;
	orders_end = STATUS_OK;
	health_setup(names);
	reflection_setup(names);
	scene_start(services, &usual_limits, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scene_end();
	return 0;
}

/* ---- Streams ---- */

static bool orders_are_over(void)
{
	return orders_end.reason != NULL && no_calls();
}

static struct status does_not_read(struct call *call)
{
	struct stream *stream = stream_open(call, WATCH_ORDERS);

	assert_true(stream_send(stream, STR("")));
	stream_finish_sending(stream);
	until(orders_are_over); /* the server gives up at its deadline, although nobody reads */
	assert_true(status_is(orders_end, &DEADLINE_PASSED));
	assert_true(orders_sent < 1000);
	stream_cancel(stream);
	return STATUS_OK;
}

static void a_client_that_does_not_read_holds_nothing_for_ever(void **state)
{
	(void)state;
	as_client(does_not_read);
}

static struct status leaves_while_server_sends(struct call *call)
{
	struct stream *stream = stream_open(call, WATCH_ORDERS);

	assert_true(stream_send(stream, STR("")));
	stream_finish_sending(stream);
	assert_non_null(stream_read(stream).data);
	assert_int_equal(stream_cancel(stream), GRPC_STATUS_CANCELLED);
	until(orders_are_over);
	return STATUS_OK;
}

static void a_stream_ends_when_its_client_leaves(void **state)
{
	(void)state;
	as_client(leaves_while_server_sends);
}

static struct status sends_garbage(struct call *call)
{
	struct stream *stream = stream_open(call, REFLECT);

	assert_true(stream_send(stream, STR("\x1a\xff")));
	assert_null(stream_read(stream).data);
	assert_int_equal(stream_end(stream), GRPC_STATUS_INVALID_ARGUMENT);
	stream = stream_open(call, WATCH_ORDERS);
	stream_finish_sending(stream); /* without the request */
	assert_null(stream_read(stream).data);
	assert_int_equal(stream_end(stream), GRPC_STATUS_INVALID_ARGUMENT);
	return STATUS_OK;
}

static void a_stream_refuses_what_it_cannot_read(void **state)
{
	(void)state;
	as_client(sends_garbage);
}

static bool one_call(void)
{
	return rpc_server_calls(scene.server) == 1;
}

/* Neither a message nor a word. The deadline is set back here, because nobody wants to wait for it. */
static struct status sends_nothing(struct call *call)
{
	struct stream *stream = stream_open(call, WATCH_ORDERS);

	until(one_call);
	LIST_ENTRY(list_first(&scene.server->calls), struct rpc_server_call, link)->call.deadline = clock_monotonic();
	assert_null(stream_read(stream).data);
	assert_int_equal(stream_end(stream), GRPC_STATUS_DEADLINE_EXCEEDED);
	until(no_calls);
	return STATUS_OK;
}

static void a_client_that_sends_no_message_holds_nothing_for_ever(void **state)
{
	(void)state;
	as_client(sends_nothing);
}

/* ---- Health ---- */

static int status_of_watch(struct stream *stream)
{
	const struct str bytes = stream_read(stream);
	void *reply;

	assert_non_null(bytes.data);
	assert_null(
	    pb_unpack(stream->call->arena, &grpc__health__v1__health_check_response__descriptor, bytes, &reply).reason);
	return (int)((Grpc__Health__V1__HealthCheckResponse *)reply)->status;
}

static struct str health_request(struct call *call, const char *service)
{
	Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;

	request.service = (char *)(uintptr_t)service;
	return pb_pack(call->arena, &request.base);
}

static struct stream *watch(struct call *call, const char *service)
{
	struct stream *stream = stream_open(call, WATCH);

	assert_true(stream_send(stream, health_request(call, service)));
	stream_finish_sending(stream);
	return stream;
}

static struct status watches(struct call *call)
{
	struct stream *all = watch(call, "");
	struct stream *one = watch(call, names[0]);
	struct stream *unknown = watch(call, "nobody.knows.This");

	assert_int_equal(status_of_watch(all), NOT_SERVING);
	assert_int_equal(status_of_watch(one), NOT_SERVING);
	assert_int_equal(status_of_watch(unknown), SERVICE_UNKNOWN);
	health_set(true);
	assert_true(health_serving());
	assert_int_equal(status_of_watch(all), SERVING);
	assert_int_equal(status_of_watch(one), SERVING);
	health_set(true); /* nothing new */
	health_set(false);
	assert_int_equal(status_of_watch(all), NOT_SERVING);
	assert_int_equal(stream_cancel(one), GRPC_STATUS_CANCELLED);
	health_close();
	assert_null(stream_read(all).data);
	assert_int_equal(stream_end(all), GRPC_STATUS_UNAVAILABLE);
	assert_null(stream_read(unknown).data);
	assert_int_equal(stream_end(unknown), GRPC_STATUS_UNAVAILABLE);
	until(no_calls);
	return STATUS_OK;
}

static void watchers_hear_of_every_change(void **state)
{
	(void)state;
	as_client(watches);
}

static struct status checks(struct call *call)
{
	struct str reply;

	TRY(rpc_call_bytes(call, scene.client, CHECK, NULL, NULL, 0, health_request(call, ""), &reply, NULL));
	assert_memory_equal(reply.data, "\x08\x02", 2);
	health_set(true);
	TRY(rpc_call_bytes(call, scene.client, CHECK, NULL, NULL, 0, health_request(call, names[0]), &reply, NULL));
	assert_memory_equal(reply.data, "\x08\x01", 2);
	assert_true(status_is(
	    rpc_call_bytes(call, scene.client, CHECK, NULL, NULL, 0, health_request(call, "nobody"), &reply, NULL),
	    &NOT_FOUND));
	return STATUS_OK;
}

static void a_check_tells_the_state(void **state)
{
	(void)state;
	as_client(checks);
}

/* A drain waits for calls, not for those who only watch. */
static struct status watches_a_drain(struct call *call)
{
	struct stream *all = watch(call, "");

	assert_int_equal(status_of_watch(all), NOT_SERVING);
	rpc_server_drain(scene.server, PATIENCE, on_drained, NULL);
	assert_null(stream_read(all).data);
	assert_int_not_equal(stream_end(all), GRPC_STATUS_OK);
	return STATUS_OK;
}

static void a_watcher_does_not_hold_up_a_drain(void **state)
{
	(void)state;
	as_client(watches_a_drain);
	while (!scene.drained)
		run_loop();
}

/* ---- Reflection ---- */

static const Grpc__Reflection__V1__ServerReflectionResponse *ask_reflection(
    struct stream *stream, Grpc__Reflection__V1__ServerReflectionRequest *request)
{
	struct arena *arena = stream->call->arena;
	const Grpc__Reflection__V1__ServerReflectionResponse *response;
	void *reply;
	struct str bytes;

	request->host = (char *)(uintptr_t) "here";
	assert_true(stream_send(stream, pb_pack(arena, &request->base)));
	bytes = stream_read(stream);
	assert_non_null(bytes.data);
	assert_null(
	    pb_unpack(arena, &grpc__reflection__v1__server_reflection_response__descriptor, bytes, &reply).reason);
	response = reply;
	assert_string_equal(response->valid_host, "here");
	assert_int_equal(response->original_request->message_request_case, request->message_request_case);
	return response;
}

#define QUESTION(case_, field_, value_)                                                                                \
	&(Grpc__Reflection__V1__ServerReflectionRequest)                                                               \
	{                                                                                                              \
		PROTOBUF_C_MESSAGE_INIT(&grpc__reflection__v1__server_reflection_request__descriptor),                 \
		    .host = NULL,                                                                                      \
		    .message_request_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##case_,  \
		    .field_ = (value_)                                                                                 \
	}
#define TEXT(text_) ((char *)(uintptr_t)(text_))
#define ANSWER(case_) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##case_

static const char *first_file(struct call *call, const Grpc__Reflection__V1__ServerReflectionResponse *response)
{
	const ProtobufCBinaryData *first = &response->file_descriptor_response->file_descriptor_proto[0];
	void *file;

	assert_int_equal(response->message_response_case, ANSWER(FILE_DESCRIPTOR_RESPONSE));
	assert_null(pb_unpack(call->arena, &google__protobuf__file_descriptor_proto__descriptor,
			      (struct str){ (const char *)first->data, first->len }, &file)
			.reason);
	return ((Google__Protobuf__FileDescriptorProto *)file)->name;
}

static void expect_error(const Grpc__Reflection__V1__ServerReflectionResponse *response)
{
	assert_int_equal(response->message_response_case, ANSWER(ERROR_RESPONSE));
	assert_int_equal(response->error_response->error_code, GRPC_STATUS_NOT_FOUND);
}

static void reflect_files(struct call *call, struct stream *stream)
{
	static const char *const symbols[] = {
		"quayside.ordering.v1.OrderService", "quayside.ordering.v1.OrderService.GetOrder",
		"quayside.ordering.v1.Order",        "quayside.ordering.v1.Order.order_id",
		"quayside.ordering.v1.OrderState",
	};
	const Grpc__Reflection__V1__ServerReflectionResponse *response =
	    ask_reflection(stream, QUESTION(FILE_CONTAINING_SYMBOL, file_containing_symbol, TEXT(symbols[0])));

	assert_string_equal(first_file(call, response), "quayside/ordering/v1/ordering.proto");
	assert_true(response->file_descriptor_response->n_file_descriptor_proto > 5); /* with all it imports */
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		response =
		    ask_reflection(stream, QUESTION(FILE_CONTAINING_SYMBOL, file_containing_symbol, TEXT(symbols[i])));
		assert_string_equal(first_file(call, response), "quayside/ordering/v1/ordering.proto");
		assert_int_equal(response->file_descriptor_response->n_file_descriptor_proto,
				 1); /* the imports were sent */
	}
	response = ask_reflection(stream, QUESTION(FILE_BY_FILENAME, file_by_filename, TEXT("google/api/http.proto")));
	assert_string_equal(first_file(call, response), "google/api/http.proto");
	expect_error(ask_reflection(stream, QUESTION(FILE_BY_FILENAME, file_by_filename, TEXT("nothing.proto"))));
	expect_error(
	    ask_reflection(stream, QUESTION(FILE_CONTAINING_SYMBOL, file_containing_symbol, TEXT("no.Symbol"))));
}

static void reflect_extensions(struct call *call, struct stream *stream)
{
	Grpc__Reflection__V1__ExtensionRequest extension = GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;
	const Grpc__Reflection__V1__ServerReflectionResponse *response;

	extension.containing_type = TEXT("google.protobuf.MethodOptions");
	extension.extension_number = 50051;
	response = ask_reflection(stream, QUESTION(FILE_CONTAINING_EXTENSION, file_containing_extension, &extension));
	assert_string_equal(first_file(call, response), "quayside/common/v1/options.proto");
	extension.extension_number = 1;
	expect_error(
	    ask_reflection(stream, QUESTION(FILE_CONTAINING_EXTENSION, file_containing_extension, &extension)));
	response = ask_reflection(stream, QUESTION(ALL_EXTENSION_NUMBERS_OF_TYPE, all_extension_numbers_of_type,
						   TEXT("google.protobuf.MethodOptions")));
	assert_int_equal(response->message_response_case, ANSWER(ALL_EXTENSION_NUMBERS_RESPONSE));
	assert_int_equal(response->all_extension_numbers_response->n_extension_number, 2);
	assert_int_equal(response->all_extension_numbers_response->extension_number[0], 50051);
	assert_int_equal(response->all_extension_numbers_response->extension_number[1], 72295728);
	response = ask_reflection(stream, QUESTION(ALL_EXTENSION_NUMBERS_OF_TYPE, all_extension_numbers_of_type,
						   TEXT("quayside.ordering.v1.Order")));
	assert_int_equal(response->all_extension_numbers_response->n_extension_number, 0);
	expect_error(ask_reflection(
	    stream, QUESTION(ALL_EXTENSION_NUMBERS_OF_TYPE, all_extension_numbers_of_type, TEXT("no.Type"))));
}

static struct status reflects_by(struct call *call, const char *path)
{
	struct stream *stream = stream_open(call, path);
	const Grpc__Reflection__V1__ServerReflectionResponse *response =
	    ask_reflection(stream, QUESTION(LIST_SERVICES, list_services, TEXT("*")));

	assert_int_equal(response->message_response_case, ANSWER(LIST_SERVICES_RESPONSE));
	assert_int_equal(response->list_services_response->n_service, 2);
	assert_string_equal(response->list_services_response->service[0]->name, names[0]);
	assert_string_equal(response->list_services_response->service[1]->name, names[1]);
	reflect_files(call, stream);
	reflect_extensions(call, stream);
	stream_finish_sending(stream);
	assert_null(stream_read(stream).data);
	assert_int_equal(stream_end(stream), GRPC_STATUS_OK);
	return STATUS_OK;
}

static struct status reflects(struct call *call)
{
	TRY(reflects_by(call, REFLECT));
	return reflects_by(call, REFLECT_ALPHA);
}

static void reflection_knows_the_contracts(void **state)
{
	(void)state;
	as_client(reflects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_client_that_does_not_read_holds_nothing_for_ever, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stream_ends_when_its_client_leaves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stream_refuses_what_it_cannot_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_client_that_sends_no_message_holds_nothing_for_ever, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(watchers_hear_of_every_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_check_tells_the_state, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_watcher_does_not_hold_up_a_drain, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reflection_knows_the_contracts, set_up, tear_down),
	};

	log_setup("rpc_stream_test", LOG_OFF, LOG_LOGFMT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
