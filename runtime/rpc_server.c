/* The server as a whole: what it serves, how many at once, and how it ends. One call's life is in rpc_call.c, addresses are in rpc_listen.c. */
#include "runtime/rpc_server.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "runtime/rpc_private.h"

#define ARMED 32      /* calls that core may hand out before the loop arms more */
#define SPARE_MAX 256 /* arenas kept for the next calls */
#define FIRST_BLOCK ((size_t)16 * 1024)
#define BUDGET_FACTOR 8 /* what a message may unpack to, in its allowed sizes */
#define METADATA_MAX (16 * 1024)
#define EXPLAINED 4 /* messages of up to so many times the allowed size */
#define SWEEP_EVERY (CLOCK_SECOND / 2)
#define MESSAGE_WITHIN (30 * CLOCK_SECOND) /* of its beginning, a call must have brought its message */
#define CUT_AFTER CLOCK_SECOND             /* when clients do not let go of connections */

static void broken(const char *what, const char *name) __attribute__((noreturn));

static void broken(const char *what, const char *name)
{
	fprintf(stderr, "rpc_server: %s: %s\n", what, name);
	abort();
}

static const struct rpc_method *find_handler(const struct rpc_service *service, const char *name)
{
	for (const struct rpc_method *method = service->methods; method->name != NULL; method++)
		if (strcmp(method->name, name) == 0)
			return method->handler == NULL ? NULL : method;
	return NULL;
}

/* The adapters cast: the handler must have been compiled for the messages that the contract names. */
static void check_sizes(const struct rpc_served *served)
{
	const struct rpc_method *handler = served->handler;

	if (handler == NULL)
		return;
	if (!served->method->client_streaming && handler->in_size != served->input->sizeof_message)
		broken("the handler takes another message", served->method->path);
	if (!served->method->server_streaming && handler->out_size != served->output->sizeof_message)
		broken("the handler returns another message", served->method->path);
}

static void add_service(struct rpc_server *server, const struct rpc_service *service)
{
	size_t count;
	const struct contract_method *methods = contract_service(server->contract, service->descriptor->name, &count);

	if (methods == NULL)
		broken("service is not in the contract", service->descriptor->name);
	for (size_t i = 0; i < count; i++) {
		const ProtobufCMethodDescriptor *method =
		    protobuf_c_service_descriptor_get_method_by_name(service->descriptor, methods[i].name);
		struct rpc_served *served = &server->served[&methods[i] - server->methods];

		if (method == NULL)
			broken("method is not in the generated code", methods[i].path);
		*served = (struct rpc_served){ .method = &methods[i],
					       .handler = find_handler(service, methods[i].name),
					       .input = method->input,
					       .output = method->output };
		check_sizes(served);
	}
}

static grpc_arg number(const char *name, int64_t value)
{
	return (grpc_arg){
		.type = GRPC_ARG_INTEGER,
		.key = (char *)(uintptr_t)name,
		.value.integer = value > INT_MAX ? INT_MAX : (int)value,
	};
}

static grpc_server *create(const struct rpc_limits *limits)
{
	grpc_arg args[] = {
		number(GRPC_ARG_ALLOW_REUSEPORT, 0),
		number(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits->max_streams),
		number(GRPC_ARG_MAX_METADATA_SIZE, METADATA_MAX),
		/* Core ends what is too large without an explanation; within reason we would rather explain it ourselves. */
		number(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, limits->max_message * EXPLAINED),
		/* Finds clients that are gone, and lets ours do the same with us. */
		number(GRPC_ARG_KEEPALIVE_TIME_MS, 30000),
		number(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000),
		number(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
		number(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000),
		/* Replies are not compressed, and nobody asks for channelz: both cost every call. */
		number(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
		number(GRPC_ARG_ENABLE_CHANNELZ, 0),
	};
	const grpc_channel_args all = { sizeof(args) / sizeof(args[0]), args };

	return grpc_server_create(&all, NULL);
}

static void drain_step(struct rpc_server *server);
static void out_of_patience(void *owner);
static void sweep(void *owner);

static void on_stopped(struct rpc_event *event, bool ok)
{
	struct rpc_server *server = RPC_OWNER(event, struct rpc_server, stopped);

	(void)ok;
	server->stop_seen = true;
	drain_step(server);
}

struct rpc_server *rpc_server_new(struct rpc_core *core, struct db *db, const struct rpc_service *const *services,
				  const struct rpc_limits *limits)
{
	/* house: allocation because it lives as long as the process */
	struct rpc_server *server = calloc(1, sizeof(*server));
	size_t count;

	if (server == NULL)
		broken("no memory", "server");
	*server = (struct rpc_server){ .core = core, .loop = rpc_core_loop(core), .db = db, .limits = *limits };
	list_init(&server->calls);
	server->contract = contract_load();
	server->methods = contract_methods(server->contract, &count);
	server->n_methods = count;
	/* house: allocation because both live as long as the process */
	server->served = calloc(count, sizeof(*server->served));
	server->spare = calloc(SPARE_MAX, sizeof(struct arena *)); /* house: allocation because of the same */
	if (server->served == NULL || server->spare == NULL)
		broken("no memory", "server");
	for (; *services != NULL; services++)
		add_service(server, *services);
	rpc_admit_setup(server);
	server->stopped.run = on_stopped;
	server->patience = loop_timer_new(server->loop, out_of_patience, server);
	server->sweep = loop_timer_new(server->loop, sweep, server);
	server->server = create(limits);
	grpc_server_register_completion_queue(server->server, rpc_core_queue(core), NULL);
	return server;
}

void rpc_server_start(struct rpc_server *server)
{
	grpc_server_start(server->server);
	for (int i = 0; i < ARMED; i++)
		rpc_call_arm(server);
}

struct arena *rpc_server_arena(struct rpc_server *server)
{
	if (server->n_spare > 0)
		return server->spare[--server->n_spare];
	return arena_new(FIRST_BLOCK, BUDGET_FACTOR * (size_t)server->limits.max_message);
}

void rpc_server_arena_back(struct rpc_server *server, struct arena *arena)
{
	if (server->n_spare == SPARE_MAX) {
		arena_free(arena);
		return;
	}
	arena_reset(arena, BUDGET_FACTOR * (size_t)server->limits.max_message);
	server->spare[server->n_spare++] = arena;
}

static bool is_overdue(const struct rpc_server_call *sc, int64_t now)
{
	const int64_t latest = sc->call.started + MESSAGE_WITHIN;

	if (sc->message_here || sc->answered || sc->call.coroutine != NULL)
		return false;
	return now >= (sc->call.deadline < latest ? sc->call.deadline : latest);
}

/* A client that sends no message, nor goes away, must not hold a place. */
static void sweep(void *owner)
{
	struct rpc_server *server = owner;
	const int64_t now = clock_monotonic();

	LIST_EACH (&server->calls, link) {
		struct rpc_server_call *sc = LIST_ENTRY(link, struct rpc_server_call, link);

		if (is_overdue(sc, now)) {
			sc->outcome = status_of(&DEADLINE_PASSED);
			rpc_call_answer(sc);
		}
	}
	server->sweeping = rpc_admit_look(server) || server->live > 0;
	if (server->sweeping)
		loop_timer_set(server->sweep, SWEEP_EVERY);
}

void rpc_server_call_here(struct rpc_server *server, struct rpc_server_call *sc)
{
	list_append(&server->calls, &sc->link);
	server->live++;
	server->total++;
	if (!server->sweeping)
		loop_timer_set(server->sweep, SWEEP_EVERY);
	server->sweeping = true;
}

void rpc_server_call_gone(struct rpc_server *server)
{
	drain_step(server);
}

/* Calls that are being answered already end by themselves, if their clients take the answer. */
static void stop(struct rpc_server *server, bool answered_too)
{
	server->phase = RPC_STOPPING;
	loop_timer_set(server->patience, CUT_AFTER);
	rpc_event_release(&server->stopped);
	grpc_server_shutdown_and_notify(server->server, rpc_core_queue(server->core), &server->stopped);
	LIST_EACH (&server->calls, link) {
		struct rpc_server_call *sc = LIST_ENTRY(link, struct rpc_server_call, link);

		if (answered_too || !(sc->handled || sc->answered))
			grpc_call_cancel(sc->core, NULL);
	}
}

/* Goes on to the next phase when its time has come. Called whenever something has ended. */
static void drain_step(struct rpc_server *server)
{
	if (server->phase == RPC_DRAINING && server->business == 0)
		stop(server, false);
	if (server->phase != RPC_STOPPING || !server->stop_seen || server->live > 0 || server->armed > 0)
		return;
	server->phase = RPC_STOPPED;
	loop_timer_cancel(server->patience);
	server->drained(server->context);
}

/* First the calls are cancelled; then, when clients do not even answer that, their connections are cut. */
static void out_of_patience(void *owner)
{
	struct rpc_server *server = owner;

	if (server->phase == RPC_DRAINING)
		stop(server, true);
	else if (server->phase == RPC_STOPPING)
		grpc_server_cancel_all_calls(server->server);
}

void rpc_server_drain(struct rpc_server *server, int64_t grace, void (*drained)(void *context), void *context)
{
	if (server->phase != RPC_SERVING)
		return;
	server->phase = RPC_DRAINING;
	server->drained = drained;
	server->context = context;
	loop_timer_set(server->patience, grace);
	drain_step(server);
}

void rpc_server_free(struct rpc_server *server)
{
	if (server == NULL)
		return;
	grpc_server_destroy(server->server);
	loop_timer_free(server->patience);
	loop_timer_free(server->sweep);
	while (server->n_spare > 0)
		arena_free(server->spare[--server->n_spare]);
	for (size_t i = 0; i < server->n_locks; i++)
		close(server->locks[i]);
	free(server->locks);
	free(server->spare);
	free(server->served);
	free(server);
}

size_t rpc_server_calls(const struct rpc_server *server)
{
	return server->live;
}

uint64_t rpc_server_total(const struct rpc_server *server)
{
	return server->total;
}
