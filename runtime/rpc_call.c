/*
 * One call of the server, from the moment it is armed to its last event.
 *
 *   arm -> arrived -> (refused | received -> checked -> handler, as a coroutine) -> answer -> last events -> gone
 *
 * Core is asked for `closed` (cancellation) only once a call has to wait: one that is answered at once gets it together with its answer, which saves an event.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "runtime/coroutine.h"
#include "runtime/pb.h"
#include "runtime/rpc_private.h"
#include "runtime/rpc_status.h"
#include "runtime/trace.h"
#include "runtime/write.h"

#define KEY_MAX 255
#define ACTOR_MAX 64
#define RETRY_AFTER_MS 250
#define LAST_OPS 4

static void answer(struct rpc_server_call *sc);

static void start_batch(struct rpc_server_call *sc, const grpc_op *ops, size_t count, struct rpc_event *event)
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
static void release(struct rpc_server_call *sc)
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

static void last_event(struct rpc_server_call *sc)
{
	struct rpc_server *server = sc->server;

	if (--sc->last_events > 0)
		return;
	log_call(sc);
	list_remove(&sc->link);
	server->live--;
	if (sc->admitted)
		server->admitted--;
	if (sc->admitted && sc->served->method->policy.present)
		server->business--;
	release(sc);
}

static void on_finished(struct rpc_event *event, bool ok)
{
	(void)ok; /* false: the client did not wait for the answer */
	last_event(RPC_OWNER(event, struct rpc_server_call, finished));
}

/* The client is gone, or the answer was sent. A handler that waits learns of the former now. */
static void on_closed(struct rpc_event *event, bool ok)
{
	struct rpc_server_call *sc = RPC_OWNER(event, struct rpc_server_call, closed);

	(void)ok;
	if (sc->cancelled != 0) {
		sc->call.cancelled = true;
		if (sc->handler != NULL)
			coroutine_wake(sc->handler);
	}
	last_event(sc);
}

static void watch(struct rpc_server_call *sc)
{
	const grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
			     .data.recv_close_on_server.cancelled = &sc->cancelled };

	sc->watched = true;
	start_batch(sc, &op, 1, &sc->closed);
}

/* ---- The answer ---- */

static grpc_slice slice_of(const char *text)
{
	return grpc_slice_from_copied_string(text);
}

/* The trailing metadata; core takes its own references. */
static grpc_metadata *make_trailers(struct rpc_server_call *sc, size_t *ret_count)
{
	grpc_metadata *pairs = arena_array(sc->call.arena, sc->n_trailers + 1, sizeof(*pairs));
	size_t count = 0;

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
	sc->last_events = sc->watched ? sc->last_events : 1;
	start_batch(sc, ops, count, &sc->finished);
	grpc_slice_unref(message);
}

static void answer(struct rpc_server_call *sc)
{
	size_t count;
	grpc_metadata *trailers = make_trailers(sc, &count);

	sc->handled = true;
	sc->duration = clock_monotonic() - sc->started;
	send_answer(sc, trailers, count);
	drop_trailers(trailers, count);
}

static void refuse(struct rpc_server_call *sc, struct status why)
{
	sc->outcome = why;
	answer(sc);
}

static void answer_later(struct rpc_errand *errand)
{
	answer(RPC_OWNER(errand, struct rpc_server_call, errand));
}

/* ---- The handler ---- */

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

	sc->handler = coroutine_current();
	sc->outcome = run(sc);
	sc->handler = NULL;
	sc->handled = true;
	if (sc->waits)
		rpc_core_errand(sc->server->core, &sc->errand);
}

/* Most handlers that need no one end here; the others go on from the loop, and core is asked to tell if the client leaves. */
static void start_handler(struct rpc_server_call *sc)
{
	coroutine_start(sc->server->loop, run_handler, sc);
	if (sc->handled) {
		answer(sc);
		return;
	}
	sc->waits = true;
	if (!sc->watched)
		watch(sc);
}

/* ---- The request ---- */

static struct status open_request(struct rpc_server_call *sc)
{
	struct call *call = &sc->call;
	const struct str bytes = sc->payload == NULL ? (struct str){ NULL, 0 } : rpc_bytes(call->arena, sc->payload);

	if (bytes.data == NULL)
		return status_private(call->arena, &MALFORMED_MESSAGE, "there is no message");
	if (bytes.len > (size_t)sc->server->limits.max_message)
		return status_printf(call->arena, &MESSAGE_TOO_COMPLEX, "A request may have at most %lld bytes.",
				     (long long)sc->server->limits.max_message);
	TRY(pb_check(call->arena, call->method->input, bytes));
	TRY(pb_unpack(call->arena, sc->served->input, bytes, &sc->request));
	if (call->method->policy.write)
		call->request = pb_pack(call->arena, sc->request);
	return call_check(call);
}

static void on_received(struct rpc_event *event, bool ok)
{
	struct rpc_server_call *sc = RPC_OWNER(event, struct rpc_server_call, received);
	const struct status status = ok ? open_request(sc) : status_of(&CALL_CANCELLED);

	grpc_byte_buffer_destroy(sc->payload);
	sc->payload = NULL;
	if (status.reason != NULL)
		refuse(sc, status);
	else
		start_handler(sc);
}

static void receive(struct rpc_server_call *sc)
{
	const grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &sc->payload };

	start_batch(sc, &op, 1, &sc->received);
}

/* ---- Arrival ---- */

static bool is_visible(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return false;
	return true;
}

static struct status read_key(struct rpc_server_call *sc)
{
	struct call *call = &sc->call;
	const struct str key = rpc_metadata_find(&sc->metadata, RPC_KEY);

	call->key_given = key.data != NULL;
	if (!call->key_given) {
		char *made = arena_alloc(call->arena, UUID_TEXT);

		uuid_new(made);
		call->key = made;
		return STATUS_OK;
	}
	if (key.len == 0 || key.len > KEY_MAX || !is_visible(key))
		return status_field(call->arena, &INVALID_REQUEST, RPC_KEY, "must be 1 to %d visible ASCII characters",
				    KEY_MAX);
	call->key = arena_strndup(call->arena, key.data, key.len);
	return STATUS_OK;
}

static const char *read_actor(struct rpc_server_call *sc)
{
	const struct str caller = rpc_metadata_find(&sc->metadata, RPC_CALLER);

	if (caller.len == 0 || caller.len > ACTOR_MAX || !is_visible(caller))
		return "anonymous";
	return arena_strndup(sc->call.arena, caller.data, caller.len);
}

/* The client's deadline, but not more time than the method grants. Core counts by the same clock as we do. */
static int64_t read_deadline(const struct rpc_server_call *sc)
{
	const gpr_timespec wanted = sc->details.deadline;
	const uint32_t granted_ms = sc->served == NULL ? 0 : sc->served->method->policy.deadline_ms;
	const int64_t latest = granted_ms == 0 ? CLOCK_NEVER : sc->started + granted_ms * CLOCK_MILLISECOND;

	if (wanted.clock_type != GPR_CLOCK_MONOTONIC || wanted.tv_sec >= CLOCK_NEVER / CLOCK_SECOND)
		return latest;

	const int64_t deadline = wanted.tv_sec * CLOCK_SECOND + wanted.tv_nsec / 1000;

	return deadline < latest ? deadline : latest;
}

static const struct rpc_served *find_served(const struct rpc_server_call *sc)
{
	const struct str path = { (const char *)GRPC_SLICE_START_PTR(sc->details.method),
				  GRPC_SLICE_LENGTH(sc->details.method) };
	const struct contract_method *method = contract_method(sc->server->contract, path);

	if (method == NULL || sc->server->served[method - sc->server->methods].method == NULL)
		return NULL;
	return &sc->server->served[method - sc->server->methods];
}

static void open_call(struct rpc_server_call *sc)
{
	struct call *call = &sc->call;

	sc->started = clock_monotonic();
	sc->served = find_served(sc);
	call->loop = sc->server->loop;
	call->db = sc->server->db;
	call->method = sc->served == NULL ? NULL : sc->served->method;
	call->deadline = read_deadline(sc);
	call->time = clock_now();
	call->actor = read_actor(sc);
	call->trace_parent = trace_child(call->arena, rpc_metadata_find(&sc->metadata, RPC_TRACE));
	call->parent = sc->core;
}

static struct status admit(struct rpc_server_call *sc)
{
	struct rpc_server *server = sc->server;
	const struct contract_policy *policy;
	struct status status;

	if (sc->served == NULL || sc->served->handler == NULL)
		return status_of(&NOT_IMPLEMENTED);
	policy = &sc->served->method->policy;
	if (server->phase != RPC_SERVING && policy->present)
		return status_of(&SHUTTING_DOWN);
	if ((int64_t)server->admitted >= server->room[policy->call_class]) {
		status = status_private(sc->call.arena, &OVERLOADED, "%zu calls in flight", server->admitted);
		status.detail->retry_after_ms = RETRY_AFTER_MS;
		return status;
	}
	TRY(policy->write ? read_key(sc) : STATUS_OK);
	sc->admitted = true;
	server->admitted++;
	server->business += policy->present;
	return STATUS_OK;
}

static void on_arrived(struct rpc_event *event, bool ok)
{
	struct rpc_server_call *sc = RPC_OWNER(event, struct rpc_server_call, arrived);
	struct rpc_server *server = sc->server;
	struct status status;

	server->armed--;
	if (!ok) {
		release(sc); /* the server is stopping */
		return;
	}
	rpc_call_arm(server);
	list_append(&server->calls, &sc->link);
	server->live++;
	server->total++;
	sc->last_events = 2;
	open_call(sc);
	status = admit(sc);
	if (status.reason != NULL)
		refuse(sc, status);
	else if (sc->served->method->client_streaming)
		start_handler(sc);
	else
		receive(sc);
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
	sc->received.run = on_received;
	sc->closed.run = on_closed;
	sc->finished.run = on_finished;
	sc->errand.run = answer_later;
	grpc_metadata_array_init(&sc->metadata);
	grpc_call_details_init(&sc->details);
	server->armed++;
	rpc_event_release(&sc->arrived);
	if (grpc_server_request_call(server->server, &sc->core, &sc->details, &sc->metadata, queue, queue,
				     &sc->arrived) != GRPC_CALL_OK)
		abort(); /* only a mistake of ours is refused */
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
