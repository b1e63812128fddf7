/* Messages of a streaming call: one operation at a time, each waited for. What was given to core is always waited for, also when the call is over. */
#include "base/clock.h"
#include "runtime/coroutine.h"
#include "runtime/pb.h"
#include "runtime/rpc_private.h"

static struct rpc_server_call *owner(struct call *call)
{
	return RPC_OWNER(call, struct rpc_server_call, call);
}

static void end_transfer(struct rpc_server_call *sc, struct status status)
{
	sc->transfer_status = status;
	sc->transferring = false;
	coroutine_wake(sc->call.coroutine);
}

/* Core cannot be told to give an operation up without its call. */
static void give_up(void *argument)
{
	struct rpc_server_call *sc = argument;

	sc->expired = true;
	grpc_call_cancel_with_status(sc->core, GRPC_STATUS_DEADLINE_EXCEEDED, DEADLINE_PASSED.sentence, NULL);
}

/* Waits until core has done what the errand asks of it. A client that does not read or write holds us until the deadline, if there is one. */
static struct status transfer(struct rpc_server_call *sc)
{
	const int64_t left = call_remaining(&sc->call);
	struct loop_timer *limit = left == CLOCK_NEVER ? NULL : loop_timer_new(sc->call.loop, give_up, sc);

	sc->transferring = true;
	if (limit != NULL)
		loop_timer_set(limit, left);
	rpc_core_errand(sc->server->core, &sc->transfer_errand);
	while (sc->transferring)
		coroutine_wait();
	loop_timer_free(limit);
	if (sc->expired)
		return status_of(&DEADLINE_PASSED);
	TRY(call_check(&sc->call));
	return sc->transfer_status;
}

static void on_sent(struct rpc_event *event, bool ok)
{
	struct rpc_server_call *sc = RPC_OWNER(event, struct rpc_server_call, transfer);

	grpc_byte_buffer_destroy(sc->reply);
	sc->reply = NULL;
	end_transfer(sc, ok ? STATUS_OK : status_of(&CALL_CANCELLED));
}

static void start_send(struct rpc_errand *errand)
{
	struct rpc_server_call *sc = RPC_OWNER(errand, struct rpc_server_call, transfer_errand);
	grpc_op ops[2] = { { .op = GRPC_OP_SEND_MESSAGE }, { .op = GRPC_OP_SEND_INITIAL_METADATA } };
	const size_t count = sc->opened ? 1 : 2;

	ops[0].data.send_message.send_message = sc->reply;
	sc->opened = true;
	rpc_call_batch(sc, ops, count, &sc->transfer);
}

struct status rpc_send(struct call *call, const ProtobufCMessage *message)
{
	struct rpc_server_call *sc = owner(call);

	TRY(call_check(call));
	sc->reply = rpc_buffer_of_message(message);
	sc->transfer.run = on_sent;
	sc->transfer_errand.run = start_send;
	return transfer(sc);
}

/* Core does not tell the end of the client's messages from the end of the client. */
static struct status read_message(struct rpc_server_call *sc)
{
	struct arena *arena = sc->call.arena;
	struct str bytes;

	sc->transfer_message = NULL;
	if (sc->payload == NULL)
		return STATUS_OK;
	bytes = rpc_bytes(arena, sc->payload);
	if (bytes.data == NULL)
		return status_of(&MALFORMED_MESSAGE);
	return pb_request(arena, sc->call.method->input, sc->transfer_type, bytes, &sc->transfer_message);
}

static void end_receive(struct rpc_server_call *sc, bool ok)
{
	const struct status status = ok ? read_message(sc) : status_of(&CALL_CANCELLED);

	grpc_byte_buffer_destroy(sc->payload);
	sc->payload = NULL;
	end_transfer(sc, status);
}

static void on_received(struct rpc_event *event, bool ok)
{
	end_receive(RPC_OWNER(event, struct rpc_server_call, transfer), ok);
}

static void take_first(struct rpc_server_call *sc)
{
	sc->first_taken = true;
	end_receive(sc, sc->first_ok);
}

/* The handler may not have asked for it yet. */
void rpc_stream_begun(struct rpc_server_call *sc, bool ok)
{
	sc->first_came = true;
	sc->first_ok = ok;
	if (sc->first_wanted)
		take_first(sc);
}

static void start_receive(struct rpc_errand *errand)
{
	struct rpc_server_call *sc = RPC_OWNER(errand, struct rpc_server_call, transfer_errand);
	const grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &sc->payload };

	if (sc->first_taken)
		rpc_call_batch(sc, &op, 1, &sc->transfer);
	else if (sc->first_came)
		take_first(sc);
	else
		sc->first_wanted = true;
}

struct status rpc_receive(struct call *call, const ProtobufCMessageDescriptor *descriptor, void **ret_message)
{
	struct rpc_server_call *sc = owner(call);

	TRY(call_check(call));
	sc->transfer_type = descriptor;
	sc->transfer.run = on_received;
	sc->transfer_errand.run = start_receive;
	TRY(transfer(sc));
	*ret_message = sc->transfer_message;
	return STATUS_OK;
}
