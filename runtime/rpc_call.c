/* What a call of the server does once it was let in: its message is checked, its handler runs as a coroutine. */
#include "runtime/coroutine.h"
#include "runtime/pb.h"
#include "runtime/rpc_private.h"
#include "runtime/write.h"

/* The answer that was kept for the key, with what only the database knew filled in again. */
static struct status kept_reply(struct rpc_server_call *sc, const struct write_answer *kept)
{
	const rpc_complete complete = sc->served->handler->complete;
	void *out;

	rpc_trailer(&sc->call, RPC_REPLAYED, "true");
	if (complete == NULL || kept->n_values == 0) {
		sc->reply = rpc_buffer_of_bytes(kept->reply);
		return STATUS_OK;
	}
	TRY(pb_unpack(sc->call.arena, sc->served->output, kept->reply, &out));
	complete(sc->call.arena, out, kept->values, kept->n_values);
	sc->reply = rpc_buffer_of_message(out);
	return STATUS_OK;
}

static struct status run_unary(struct rpc_server_call *sc)
{
	void *out = pb_new(sc->call.arena, sc->served->output);

	TRY(sc->served->handler->handler(&sc->call, sc->request, out));
	sc->reply = rpc_buffer_of_message(out);
	return STATUS_OK;
}

static struct status run_write(struct rpc_server_call *sc)
{
	struct write_answer kept;
	struct status outcome;

	write_open(&sc->call);
	outcome = write_close(&sc->call, run_unary(sc), &kept);
	if (outcome.reason != NULL || kept.kept) {
		grpc_byte_buffer_destroy(sc->reply);
		sc->reply = NULL;
	}
	TRY(outcome);
	return kept.kept ? kept_reply(sc, &kept) : STATUS_OK;
}

static struct status run(struct rpc_server_call *sc)
{
	const struct contract_method *method = sc->served->method;

	if (method->server_streaming)
		return sc->served->handler->handler(&sc->call, sc->request, NULL);
	return method->policy.write && sc->call.db != NULL ? run_write(sc) : run_unary(sc);
}

static void run_handler(void *argument)
{
	struct rpc_server_call *sc = argument;

	sc->call.coroutine = coroutine_current();
	sc->outcome = run(sc);
	sc->call.coroutine = NULL;
	sc->handled = true;
	if (sc->waits)
		rpc_core_errand(sc->server->core, &sc->errand);
}

static void answer_later(struct rpc_errand *errand)
{
	rpc_call_answer(RPC_OWNER(errand, struct rpc_server_call, errand));
}

/* Handlers that need no one end here; the others go on from the loop, and core is asked to tell if the client leaves. */
void rpc_call_start(struct rpc_server_call *sc)
{
	if (sc->served->handler->immediate) {
		sc->outcome = run(sc);
		rpc_call_answer(sc);
		return;
	}
	coroutine_start(sc->server->loop, run_handler, sc);
	if (sc->handled) {
		rpc_call_answer(sc);
		return;
	}
	sc->waits = true;
	sc->errand.run = answer_later;
	rpc_call_watch(sc);
}

static struct status open_request(struct rpc_server_call *sc)
{
	struct call *call = &sc->call;
	const struct str bytes = sc->payload == NULL ? (struct str){ NULL, 0 } : rpc_bytes(call->arena, sc->payload);

	TRY(rpc_admit_work(sc));
	if (bytes.data == NULL)
		return status_private(call->arena, &MALFORMED_MESSAGE, "there is no message");
	if (bytes.len > (size_t)sc->server->limits.max_message)
		return status_printf(call->arena, &MESSAGE_TOO_COMPLEX, "A request may have at most %lld bytes.",
				     (long long)sc->server->limits.max_message);
	TRY(pb_request(call->arena, call->method->input, sc->served->input, bytes, &sc->request));
	if (call->method->policy.write)
		call->request = pb_pack(call->arena, sc->request);
	return call_check(call);
}

/* ok is false when the client, or core, has given the call up. */
void rpc_call_message(struct rpc_server_call *sc, bool ok)
{
	sc->message_here = true;
	if (sc->answered) { /* it was refused */
		rpc_call_event_seen(sc);
		return;
	}
	sc->under_way--;
	if (sc->served->method->client_streaming) {
		rpc_stream_begun(sc, ok);
		return;
	}
	sc->outcome = ok ? open_request(sc) : status_of(&CALL_CANCELLED);
	grpc_byte_buffer_destroy(sc->payload);
	sc->payload = NULL;
	if (sc->outcome.reason != NULL)
		rpc_call_answer(sc);
	else
		rpc_call_start(sc);
}

/* Two threads may hand over `arrived` and `received`: then the later one may come first. */
void rpc_call_received(struct rpc_event *event, bool ok)
{
	struct rpc_server_call *sc = RPC_OWNER(event, struct rpc_server_call, received);

	if (sc->arrived_here) {
		rpc_call_message(sc, ok);
		return;
	}
	sc->early = true;
	sc->early_ok = ok;
}
