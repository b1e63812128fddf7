/*
 * rpc_private: what rpc_core, rpc_server and rpc_client share, and one call of the server. Included by runtime/rpc_*.c only.
 *
 * Invariants
 * - Core is called on the loop's own stack only: what it does there may go deep. Coroutines send errands.
 * - A server call lives in its own arena, from the moment it is armed until its last event.
 */
#ifndef QUAYSIDE_RUNTIME_RPC_PRIVATE_H
#define QUAYSIDE_RUNTIME_RPC_PRIVATE_H

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include "base/list.h"
#include "runtime/limit.h"
#include "runtime/rpc_server.h"

#define RPC_OWNER(pointer_, type_, member_) ((type_ *)(void *)((char *)(pointer_)-offsetof(type_, member_)))

#define RPC_KEY "idempotency-key"
#define RPC_REPLAYED "idempotency-replayed"
#define RPC_CALLER "quayside-caller"
#define RPC_CLASS "quayside-class" /* RPC_CLASS_WORKER: nobody waits for the answer, but it must get on */
#define RPC_CLASS_WORKER "worker"
#define RPC_PUSHBACK "grpc-retry-pushback-ms" /* gRFC A6: when to retry; negative: not at all */
#define RPC_TRACE "traceparent"
#define RPC_DETAILS "grpc-status-details-bin"

/* Work for the loop's own stack; embedded in the owner's object. Runs at once when called there, later in this turn when called from a coroutine. */
struct rpc_errand {
	void (*run)(struct rpc_errand *errand);
	struct rpc_errand *next;
};
void rpc_core_errand(struct rpc_core *core, struct rpc_errand *errand);

/*
 * Between these two, on the loop's own stack, the first event that core completes at once is caught. If it is the expected one it is run by the second,
 * and takes no way round by the poller; another one is handed over as the poller would do. What completes later comes as usual.
 */
void rpc_core_catch(struct rpc_core *core);
void rpc_core_run_caught(struct rpc_core *core, struct rpc_event *expected);

/* The bytes of a message that core received: valid as long as buffer and arena. data is NULL when they cannot be decompressed. */
struct str rpc_bytes(struct arena *arena, grpc_byte_buffer *buffer);

/* For sending; to be destroyed by the caller once it was sent. */
grpc_byte_buffer *rpc_buffer_of_message(const ProtobufCMessage *message);
grpc_byte_buffer *rpc_buffer_of_bytes(struct str bytes);

/* The first value with this name, in place; data is NULL when there is none. */
struct str rpc_metadata_find(const grpc_metadata_array *metadata, const char *name);

/* Where calls to one peer go (rpc_client.c). */
struct rpc_client {
	struct rpc_core *core;
	const char *self;
	grpc_channel *channel;
	const struct contract *contract;
	struct rpc_guard *guard;
};

/* Our services explain every failure. One without an explanation comes from the transport: no one answered. */
const struct reason *rpc_transport_reason(grpc_status_code code, bool cancelled);

/* Nothing but printable ASCII without spaces? */
bool rpc_is_visible(struct str text);

/* A method that is served. */
struct rpc_served {
	const struct contract_method *method; /* NULL: not served */
	const struct rpc_method *handler;     /* NULL: not implemented */
	const ProtobufCMessageDescriptor *input, *output;
	struct limit door;                   /* of its calls at once, by the whole time that they take */
	struct limit_kind usual, usual_here; /* what it takes; without what peers took of it */
};

enum rpc_phase {
	RPC_SERVING,
	RPC_DRAINING, /* new calls are refused, accepted ones go on */
	RPC_STOPPING, /* core takes no calls any more, what is left is cancelled */
	RPC_STOPPED,
};

struct rpc_server {
	struct rpc_core *core;
	struct loop *loop;
	struct db *db;
	grpc_server *server;
	const struct contract *contract;
	const struct contract_method *methods; /* all of the contract, */
	struct rpc_served *served;             /* in the same order */
	size_t n_methods;
	struct rpc_limits limits;
	int64_t room[CONTRACT_CLASSES]; /* calls that may be in flight when one of this class comes */
	struct limit limit,
	    optional; /* of those that are worked on here, by the time that they take here: what is needed, what is not */
	bool limited;
	uint64_t refused, refused_lately; /* for lack of room: since it began, since the last look; 0: there is room */

	enum rpc_phase phase;
	struct link calls;  /* from arrival to the last event */
	size_t armed, live; /* calls that wait for a client; calls that have one */
	size_t waiting;     /* of the admitted ones: long polls and streams */
	size_t admitted,
	    business; /* of the live ones: not refused; of these: calls of our own contracts, which a drain waits for */
	uint64_t total;

	struct arena **spare; /* arenas for the next calls */
	size_t n_spare;
	int *locks; /* of Unix sockets, held as long as the server */
	size_t n_locks;

	struct rpc_event stopped;
	bool stop_seen;
	struct loop_timer *sweep; /* set while there are calls: ends those whose message does not come */
	bool sweeping;
	struct loop_timer *patience; /* until calls are cancelled, then until connections are cut */
	void (*drained)(void *context);
	void *context;
};

/* A pair of trailing metadata. */
struct rpc_trailer {
	const char *name, *value;
	struct rpc_trailer *next;
};

struct rpc_server_call {
	struct call call;
	struct rpc_server *server;
	struct link link;
	struct rpc_served *served;
	bool admitted, waiting;
	int64_t begun; /* when it got its place at the limit */

	grpc_call *core;
	grpc_call_details details;
	grpc_metadata_array metadata;
	grpc_byte_buffer *payload; /* the message that came */
	grpc_byte_buffer *reply;   /* the one on its way */
	struct rpc_event arrived, received, closed, finished;
	unsigned under_way;   /* of these events: that are still to come */
	bool message_here;    /* `received` was seen */
	bool arrived_here;    /* `arrived` was seen by the loop; `received` may overtake it */
	bool early, early_ok; /* and has: with this outcome */
	bool watched;         /* core was asked for `closed` */
	int cancelled;        /* written by core before `closed` */
	bool answered;        /* nothing is left but to wait for these events */

	void *request;
	bool waits; /* the handler has gone on after its first wait, so an errand is needed to answer */
	bool handled;
	struct rpc_errand errand;
	struct status outcome;
	struct rpc_trailer *trailers;
	size_t n_trailers;
	int64_t duration; /* until the answer was given to core */

	/* Streams: one operation at a time. The first message has been asked for already. */
	bool first_wanted, first_came, first_ok, first_taken;
	struct rpc_errand transfer_errand;
	struct rpc_event transfer;
	const ProtobufCMessageDescriptor *transfer_type; /* receiving */
	void *transfer_message;
	struct status transfer_status;
	bool transferring;
	bool opened;  /* the initial metadata was sent */
	bool expired; /* given up at the deadline */
};

/* rpc_arrival.c: arms one more call; reads who calls and until when. */
void rpc_call_arm(struct rpc_server *server);

/* rpc_admit.c: who is let in. First as a call in flight, when it arrives; then as work, when its message is there; that place goes back when the work is done. */
void rpc_admit_setup(struct rpc_server *server);
struct status rpc_admit(struct rpc_server_call *sc) MUST_USE;
struct status rpc_admit_work(struct rpc_server_call *sc) MUST_USE;
void rpc_admit_done(struct rpc_server_call *sc);
/* Says in the log when calls are no longer refused. Now and then; true when it wants to be asked again. */
bool rpc_admit_look(struct rpc_server *server);

/* rpc_call.c: the (first) message came; runs the handler. */
void rpc_call_received(struct rpc_event *event, bool ok);
void rpc_call_message(struct rpc_server_call *sc, bool ok);
void rpc_call_start(struct rpc_server_call *sc);

/* rpc_stream.c: the first message of a client's stream came. */
void rpc_stream_begun(struct rpc_server_call *sc, bool ok);

/* rpc_answer.c: gives sc->outcome to the client; afterwards the call may be gone. */
void rpc_call_answer(struct rpc_server_call *sc);
/* Asks core to tell when the client leaves. */
void rpc_call_watch(struct rpc_server_call *sc);
void rpc_call_batch(struct rpc_server_call *sc, const grpc_op *ops, size_t count, struct rpc_event *event);
/* One event less under way: the last one ends the call. */
void rpc_call_event_seen(struct rpc_server_call *sc);
void rpc_call_finished(struct rpc_event *event, bool ok);
void rpc_call_closed(struct rpc_event *event, bool ok);
/* Gives everything back, also of a call that never came. */
void rpc_call_release(struct rpc_server_call *sc);

/* rpc_server.c: a call, or an armed one, has come to its end. */
void rpc_server_call_gone(struct rpc_server *server);

/* rpc_server.c: a call is here; from now on it is watched for its message. */
void rpc_server_call_here(struct rpc_server *server, struct rpc_server_call *sc);

/* An arena for a call, and back. */
struct arena *rpc_server_arena(struct rpc_server *server);
void rpc_server_arena_back(struct rpc_server *server, struct arena *arena);

#endif
