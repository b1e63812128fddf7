/*
 * How a call of the server begins: it is armed, a client takes it, it is let in or refused.
 *
 * The poller asks for the message as soon as it sees the call, so that both mostly come to the loop together.
 */
#include "base/clock.h"
#include "runtime/rpc_private.h"
#include "runtime/trace.h"

#include <stdlib.h>

#define ACTOR_MAX 64

bool rpc_is_visible(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return false;
	return true;
}

static const char *read_actor(struct rpc_server_call *sc)
{
	const struct str caller = rpc_metadata_find(&sc->metadata, RPC_CALLER);

	if (caller.len == 0 || caller.len > ACTOR_MAX || !rpc_is_visible(caller))
		return "anonymous";
	return arena_strndup(sc->call.arena, caller.data, caller.len);
}

/* The client's deadline, but not more time than the method grants. Core counts by the same clock as we do. */
static int64_t read_deadline(const struct rpc_server_call *sc)
{
	const gpr_timespec wanted = sc->details.deadline;
	const uint32_t granted_ms = sc->served == NULL ? 0 : sc->served->method->policy.deadline_ms;
	const int64_t latest = granted_ms == 0 ? CLOCK_NEVER : sc->call.started + granted_ms * CLOCK_MILLISECOND;

	if (wanted.clock_type != GPR_CLOCK_MONOTONIC || wanted.tv_sec >= CLOCK_NEVER / CLOCK_SECOND)
		return latest;

	const int64_t deadline = wanted.tv_sec * CLOCK_SECOND + wanted.tv_nsec / 1000;

	return deadline < latest ? deadline : latest;
}

static struct rpc_served *find_served(const struct rpc_server_call *sc)
{
	const struct str path = { (const char *)GRPC_SLICE_START_PTR(sc->details.method),
				  GRPC_SLICE_LENGTH(sc->details.method) };
	const struct contract_method *method = contract_method(sc->server->contract, path);

	if (method == NULL || sc->server->served[method - sc->server->methods].method == NULL)
		return NULL;
	return &sc->server->served[method - sc->server->methods];
}

/* The method's. But a saga's step must get on whatever it is called for, or what it holds is held for longer. */
static enum contract_call_class read_class(const struct rpc_server_call *sc)
{
	if (str_is(rpc_metadata_find(&sc->metadata, RPC_CLASS), RPC_CLASS_WORKER))
		return CLASS_WORKER;
	return sc->served == NULL ? CLASS_UNSPECIFIED : sc->served->method->policy.call_class;
}

static void open_call(struct rpc_server_call *sc)
{
	struct call *call = &sc->call;

	sc->call.started = clock_monotonic();
	sc->served = find_served(sc);
	call->loop = sc->server->loop;
	call->db = sc->server->db;
	call->method = sc->served == NULL ? NULL : sc->served->method;
	call->deadline = read_deadline(sc);
	call->call_class = read_class(sc);
	call->time = clock_now();
	call->actor = read_actor(sc);
	call->trace_parent = trace_child(call->arena, rpc_metadata_find(&sc->metadata, RPC_TRACE));
	call->parent = sc->core;
}

/* Mostly on the poller's thread. */
static void receive_ahead(struct rpc_event *event)
{
	struct rpc_server_call *sc = RPC_OWNER(event, struct rpc_server_call, arrived);
	const grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &sc->payload };

	rpc_call_batch(sc, &op, 1, &sc->received);
}

/* Refuses, or lets in: then the message decides how it goes on, or the handler itself takes what the client streams. */
static void decide(struct rpc_server_call *sc)
{
	sc->outcome = rpc_admit(sc);
	if (sc->outcome.reason != NULL)
		rpc_call_answer(sc);
	else if (sc->served->method->client_streaming)
		rpc_call_start(sc);
}

static void on_arrived(struct rpc_event *event, bool ok)
{
	struct rpc_server_call *sc = RPC_OWNER(event, struct rpc_server_call, arrived);
	struct rpc_server *server = sc->server;

	server->armed--;
	if (!ok) {
		rpc_call_release(sc); /* the server is stopping */
		return;
	}
	rpc_call_arm(server);
	rpc_server_call_here(server, sc);
	sc->arrived_here = true;
	sc->under_way = 1; /* the message, so that the call cannot end before it came */
	open_call(sc);
	decide(sc);
	if (sc->early)
		rpc_call_message(sc, sc->early_ok);
}

void rpc_call_arm(struct rpc_server *server)
{
	struct arena *arena;
	struct rpc_server_call *sc;
	grpc_completion_queue *queue = rpc_core_queue(server->core);

	if (server->phase >= RPC_STOPPING)
		return;
	arena = rpc_server_arena(server);
	sc = arena_alloc(arena, sizeof(*sc));
	sc->call.arena = arena;
	sc->server = server;
	sc->arrived.run = on_arrived;
	sc->arrived.ahead = receive_ahead;
	sc->received.run = rpc_call_received;
	sc->closed.run = rpc_call_closed;
	sc->finished.run = rpc_call_finished;
	grpc_metadata_array_init(&sc->metadata);
	grpc_call_details_init(&sc->details);
	server->armed++;
	rpc_event_release(&sc->arrived);
	if (grpc_server_request_call(server->server, &sc->core, &sc->details, &sc->metadata, queue, queue,
				     &sc->arrived) != GRPC_CALL_OK)
		abort(); /* only a mistake of ours is refused */
}
