/*
 * How a call of the server ends: the answer, core's last events, the line in the log.
 *
 * A call is over when it was answered and nothing that was asked of core is under way any more. Core is asked for `closed` (cancellation) only once a call
 * has to wait: one that is answered at once gets it together with its answer, which saves an event.
 */
#include "base/clock.h"
#include "base/log.h"
#include "runtime/fault.h"
#include "runtime/rpc_private.h"
#include "runtime/rpc_status.h"
#include "runtime/trace.h"

#include <stdlib.h>

#define LAST_OPS 4

void rpc_call_batch(struct rpc_server_call *sc, const grpc_op *ops, size_t count, struct rpc_event *event)
{
	rpc_event_release(event);

	const grpc_call_error error = grpc_call_start_batch(sc->core, ops, count, event, NULL);

	/* Only a mistake of ours is refused: what clients send is not asked for here. */
	if (error != GRPC_CALL_OK) {
		log_error("core refuses a batch", LOG_TEXT("error", grpc_call_error_to_string(error)));
		abort();
	}
}

/* What answers health checks and reflection is not worth a line, unless it breaks. */
static enum log_level level_of(const struct rpc_server_call *sc)
{
	if (status_code(sc->outcome) == CODE_INTERNAL)
		return LOG_ERROR;
	return sc->served == NULL || sc->served->method->policy.present ? LOG_INFO : LOG_DEBUG;
}

static void log_call(const struct rpc_server_call *sc)
{
	const struct status outcome = sc->outcome;
	const struct str trace = trace_id(sc->call.trace_parent);
	struct log_field fields[] = {
		LOG_TEXT("method", sc->served == NULL ? "unknown" : sc->served->method->path),
		LOG_TEXT("code", code_name(status_code(outcome))),
		LOG_TEXT("reason", outcome.reason == NULL ? "" : outcome.reason->name),
		LOG_INT("duration_us", sc->duration),
		LOG_TEXT("actor", sc->call.actor),
		LOG_TEXT("trace", arena_strndup(sc->call.arena, trace.data, trace.len)),
		LOG_INT("arena_peak", arena_peak(sc->call.arena)),
		{ .name = NULL },
		{ .name = NULL },
		{ .name = NULL },
	};
	size_t count = 7;

	if (sc->cancelled != 0)
		fields[count++] = LOG_TEXT("client", "gone");
	if (outcome.detail != NULL && outcome.detail->private != NULL)
		fields[count] = LOG_TEXT("cause", outcome.detail->private);
	log_event(level_of(sc), "call", fields);
}

/* Gives everything back. The arena holds the call itself. */
void rpc_call_release(struct rpc_server_call *sc)
{
	struct rpc_server *server = sc->server;

	grpc_metadata_array_destroy(&sc->metadata);
	grpc_call_details_destroy(&sc->details);
	grpc_byte_buffer_destroy(sc->payload);
	grpc_byte_buffer_destroy(sc->reply);
	if (sc->core != NULL)
		grpc_call_unref(sc->core);
	rpc_server_arena_back(server, sc->call.arena);
	rpc_server_call_gone(server);
}

static void end_call(struct rpc_server_call *sc)
{
	struct rpc_server *server = sc->server;

	log_call(sc);
	list_remove(&sc->link);
	server->live--;
	if (sc->admitted)
		server->admitted--;
	server->waiting -= sc->waiting;
	if (sc->admitted && sc->served->method->policy.present)
		server->business--;
	rpc_call_release(sc);
}

void rpc_call_event_seen(struct rpc_server_call *sc)
{
	sc->under_way--;
	if (sc->answered && sc->under_way == 0)
		end_call(sc);
}

void rpc_call_finished(struct rpc_event *event, bool ok)
{
	(void)ok; /* false: the client did not wait for the answer */
	rpc_call_event_seen(RPC_OWNER(event, struct rpc_server_call, finished));
}

/* The client is gone, or the answer was sent. A handler that waits learns of the former now. */
void rpc_call_closed(struct rpc_event *event, bool ok)
{
	struct rpc_server_call *sc = RPC_OWNER(event, struct rpc_server_call, closed);

	(void)ok;
	if (sc->cancelled != 0)
		call_cancel(&sc->call);
	rpc_call_event_seen(sc);
}

void rpc_call_watch(struct rpc_server_call *sc)
{
	const grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
			     .data.recv_close_on_server.cancelled = &sc->cancelled };

	sc->watched = true;
	sc->under_way++;
	rpc_call_batch(sc, &op, 1, &sc->closed);
}

static grpc_slice slice_of(const char *text)
{
	return grpc_slice_from_copied_string(text);
}

/* When a retry is worth it. Not at all when it was a peer that failed: that one was asked again already, and retries of retries grow by themselves. */
static size_t add_pushback(const struct rpc_server_call *sc, grpc_metadata *pair)
{
	const struct status outcome = sc->outcome;
	const int after = outcome.detail == NULL ? 0 : outcome.detail->retry_after_ms;
	const bool below = sc->call.failed_below && status_code(outcome) == CODE_UNAVAILABLE;

	if (!below && after == 0)
		return 0;
	pair->key = grpc_slice_from_static_string(RPC_PUSHBACK);
	pair->value = slice_of(below ? "-1" : arena_printf(sc->call.arena, "%d", after));
	return 1;
}

/* The trailing metadata; core takes its own references. */
static grpc_metadata *make_trailers(struct rpc_server_call *sc, size_t *ret_count)
{
	grpc_metadata *pairs = arena_array(sc->call.arena, sc->n_trailers + 2, sizeof(*pairs));
	size_t count = 0;

	if (sc->outcome.reason != NULL)
		count += add_pushback(sc, &pairs[count]);
	if (sc->outcome.reason != NULL) {
		const struct str details = rpc_status_pack(sc->call.arena, sc->outcome);

		pairs[count].key = grpc_slice_from_static_string(RPC_DETAILS);
		pairs[count++].value = grpc_slice_from_copied_buffer(details.data, details.len);
	}
	for (const struct rpc_trailer *trailer = sc->trailers; trailer != NULL; trailer = trailer->next) {
		pairs[count].key = slice_of(trailer->name);
		pairs[count++].value = slice_of(trailer->value);
	}
	*ret_count = count;
	return pairs;
}

static void drop_trailers(grpc_metadata *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		grpc_slice_unref(pairs[i].key);
		grpc_slice_unref(pairs[i].value);
	}
}

/* One batch: what is left to send, the status, and the close if nobody asked for it yet. */
static void send_answer(struct rpc_server_call *sc, grpc_metadata *trailers, size_t n_trailers)
{
	grpc_slice message = slice_of(status_message(sc->outcome));
	grpc_op ops[LAST_OPS] = { { .op = GRPC_OP_SEND_STATUS_FROM_SERVER } };
	size_t count = 1;

	ops[0].data.send_status_from_server.status = (grpc_status_code)status_code(sc->outcome);
	ops[0].data.send_status_from_server.trailing_metadata = trailers;
	ops[0].data.send_status_from_server.trailing_metadata_count = n_trailers;
	ops[0].data.send_status_from_server.status_details = &message;
	if (!sc->opened)
		ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
	if (sc->reply != NULL) {
		ops[count].op = GRPC_OP_SEND_MESSAGE;
		ops[count++].data.send_message.send_message = sc->reply;
	}
	if (!sc->watched) {
		ops[count].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
		ops[count++].data.recv_close_on_server.cancelled = &sc->cancelled;
	}
	sc->under_way++;
	rpc_call_batch(sc, ops, count, &sc->finished);
	grpc_slice_unref(message);
}

/* The answer is mostly written at once: then its event is seen here, and the poller is not woken for it. */
void rpc_call_answer(struct rpc_server_call *sc)
{
	struct rpc_core *core = sc->server->core;
	size_t count;
	grpc_metadata *trailers = make_trailers(sc, &count);

	FAULT_POINT("rpc_server.before_answer");
	sc->answered = true;
	sc->duration = clock_monotonic() - sc->call.started;
	rpc_admit_done(sc);
	rpc_core_catch(core);
	send_answer(sc, trailers, count);
	drop_trailers(trailers, count);
	FAULT_POINT("rpc_server.answered");
	rpc_core_run_caught(core, &sc->finished); /* may end the call */
}

void rpc_trailer(struct call *call, const char *name, const char *value)
{
	struct rpc_server_call *sc = RPC_OWNER(call, struct rpc_server_call, call);
	struct rpc_trailer *trailer;

	if (call->parent == NULL)
		return; /* work that no RPC asked for has no one to tell */
	trailer = arena_alloc(call->arena, sizeof(*trailer));
	*trailer =
	    (struct rpc_trailer){ arena_strdup(call->arena, name), arena_strdup(call->arena, value), sc->trailers };
	sc->trailers = trailer;
	sc->n_trailers++;
}
