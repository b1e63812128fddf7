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
#include "runtime/rpc_server.h"

#define RPC_OWNER(pointer_, type_, member_) ((type_ *)(void *)((char *)(pointer_)-offsetof(type_, member_)))

#define RPC_KEY "idempotency-key"
#define RPC_REPLAYED "idempotency-replayed"
#define RPC_CALLER "quayside-caller"
#define RPC_TRACE "traceparent"
#define RPC_DETAILS "grpc-status-details-bin"

/* Work for the loop's own stack; embedded in the owner's object. Runs at once when called there, later in this turn when called from a coroutine. */
struct rpc_errand {
	void (*run)(struct rpc_errand *errand);
	struct rpc_errand *next;
};
void rpc_core_errand(struct rpc_core *core, struct rpc_errand *errand);

/* The bytes of a message that core received: valid as long as buffer and arena. data is NULL when they cannot be decompressed. */
struct str rpc_bytes(struct arena *arena, grpc_byte_buffer *buffer);

/* For sending; to be destroyed by the caller once it was sent. */
grpc_byte_buffer *rpc_buffer_of_message(const ProtobufCMessage *message);
grpc_byte_buffer *rpc_buffer_of_bytes(struct str bytes);

/* The first value with this name, in place; data is NULL when there is none. */
struct str rpc_metadata_find(const grpc_metadata_array *metadata, const char *name);

/* A method that is served. */
struct rpc_served {
	const struct contract_method *method; /* NULL: not served */
	const struct rpc_method *handler;     /* NULL: not implemented */
	const ProtobufCMessageDescriptor *input, *output;
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
	struct rpc_limits limits;
	int64_t room[CONTRACT_CLASSES]; /* calls that may be in flight when one of this class comes */

	enum rpc_phase phase;
	struct link calls;  /* from arrival to the last event */
	size_t armed, live; /* calls that wait for a client; calls that have one */
	size_t admitted,
	    business; /* of the live ones: not refused; of these: calls of our own contracts, which a drain waits for */
	uint64_t total;

	struct arena **spare; /* arenas for the next calls */
	size_t n_spare;
	int *locks; /* of Unix sockets, held as long as the server */
	size_t n_locks;

	struct rpc_event stopped;
	bool stop_seen;
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
	const struct rpc_served *served;
	int64_t started;
	bool admitted;

	grpc_call *core;
	grpc_call_details details;
	grpc_metadata_array metadata;
	grpc_byte_buffer *payload; /* the request */
	grpc_byte_buffer *reply;   /* on its way */
	struct rpc_event arrived, received, closed, finished;
	bool watched;         /* `closed` is under way */
	int cancelled;        /* written by core before `closed` */
	unsigned last_events; /* that are still to come */

	void *request;
	struct coroutine *handler; /* while it runs */
	bool waits;                /* the handler has gone on after its first wait: it is finished by an errand */
	bool handled;
	struct rpc_errand errand;
	struct status outcome;
	struct rpc_trailer *trailers;
	size_t n_trailers;
	int64_t duration; /* until the answer was given to core */

	/* Streams: one operation at a time. */
	struct rpc_errand transfer_errand;
	struct rpc_event transfer;
	const ProtobufCMessageDescriptor *transfer_type; /* receiving */
	void *transfer_message;
	struct status transfer_status;
	bool transferring;
	bool opened; /* the initial metadata was sent */
	bool expired; /* given up at the deadline */
};

/* rpc_call.c: arms one more call; refuses or runs what arrives. */
void rpc_call_arm(struct rpc_server *server);

/* rpc_server.c: a call, or an armed one, has come to its end. */
void rpc_server_call_gone(struct rpc_server *server);

/* An arena for a call, and back. */
struct arena *rpc_server_arena(struct rpc_server *server);
void rpc_server_arena_back(struct rpc_server *server, struct arena *arena);

#endif
