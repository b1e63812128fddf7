/*
 * events: what happened, kept in the outbox, numbered, fetched, and handled once.
 *
 * Invariants
 * - Events are written by the statement that has the effect (write.h). The table is the truth.
 * - The sequencer numbers committed events 1, 2, 3, ... without gaps; it takes a row lock, so any number of processes may run it.
 * - FetchEvents hands out numbered events in order and waits when there are none.
 * - A consumer commits its effects and its cursor in one transaction: every event has its effect exactly once, however often it is delivered.
 *   A handler that fails is tried again, later each time; the events behind it wait. What fails again and again for a reason of its own is parked
 *   with the events of its aggregate behind it (parking.h), and the others go on.
 *
 * Usage
 *     static const struct event_handler handlers[] = {
 *             { &shipping__shipment_dispatched__descriptor, on_dispatched }, EVENT_HANDLERS_END };
 *     static const struct event_consumer consumers[] = { { "shipping", handlers }, EVENT_CONSUMERS_END };
 *
 * A handler's own statement opens with EVENT_BEGIN instead of STEP_BEGIN and is run by event_write().
 */
#ifndef QUAYSIDE_RUNTIME_EVENTS_H
#define QUAYSIDE_RUNTIME_EVENTS_H

#include <protobuf-c/protobuf-c.h>

#include "quayside/events/v1/events.pb-c.h"
#include "runtime/rpc_client.h"
#include "runtime/rpc_server.h"
#include "runtime/write.h"

/* Handles one event. payload is the unpacked message. It must call event_write() or event_skip(): what commits the effects moves the cursor. */
typedef struct status (*event_handler_fn)(struct call *call, const Events__Event *event, const void *payload);

struct event_handler {
	const ProtobufCMessageDescriptor *payload; /* NULL ends a list */
	event_handler_fn handle;
};
#define EVENT_HANDLERS_END                                                                                             \
	{                                                                                                              \
		.payload = NULL                                                                                        \
	}

struct event_consumer {
	const char *producer; /* the peer's name; the service's own name for its own events. NULL ends a list */
	const struct event_handler *handlers; /* events of other types are skipped */
};
#define EVENT_CONSUMERS_END                                                                                            \
	{                                                                                                              \
		.producer = NULL                                                                                       \
	}

/* OUT_OF_RANGE: some of the events asked for are not kept any more; metadata forgotten is the position of the last of these. */
extern const struct reason EVENTS_FORGOTTEN;

/* The EventService, to be served by every service. */
extern const struct rpc_service events_service;

struct events;

/* Starts the sequencer for the service's own outbox. */
struct events *events_start(struct loop *loop, struct db *db, const char *self);

/* Starts consuming from a peer (or from the service itself: client NULL). */
void events_consume(struct events *events, const struct event_consumer *consumer, struct rpc_client *client);

/* Tells the process's sequencer that an event was committed, so that it is numbered now and not at the next round. */
void events_written(void);

/*
 * The service's own events after a position, at most `limit`; waits up to `wait` microseconds for the first one. Fails with SHUTTING_DOWN once the process is to end.
 * What it allocates may be rewound.
 */
struct status events_read(struct call *call, int64_t after, int64_t limit, int64_t wait,
			  Events__FetchEventsResponse **ret_events) MUST_USE;

/* A doorbell rang: this producer has events up to this position, it says. Looks at once for what otherwise waits for the next round. */
void events_rung(struct events *events, const char *producer, int64_t position);

/* Stops fetching and numbering, ends waiting fetches; stopped(context) is called on the loop when nothing runs any more. */
void events_stop(struct events *events, void (*stopped)(void *context), void *context);
void events_free(struct events *events);

/*
 * Opens the statement of an event's effects: `accepted` has a row if this delivery is the one that moves the cursor (or, of a requeued event, that takes it out of the
 * parking) and the guard holds.
 */
#define EVENT_BEGIN(guard_)                                                                                            \
	"WITH guard AS (" guard_ "), moved AS (UPDATE consumer_cursor SET position = :w_position FROM guard"           \
	" WHERE NOT :w_requeued::boolean AND producer = :w_producer AND position < :w_position"                        \
	" AND parkings = :w_parkings RETURNING 1 AS one)"                                                              \
	", released AS (DELETE FROM event_parked USING guard WHERE :w_requeued::boolean AND producer = :w_producer"    \
	" AND position = :w_position RETURNING 1 AS one)"                                                              \
	", accepted AS (SELECT one FROM moved UNION ALL SELECT one FROM released)" WRITE_RECORD_

/*
 * As write_run(), for a statement that was opened by EVENT_BEGIN. Not applied: the guard did not hold, another process was faster, or has parked an event that we do not know
 * of. The handler looks again and decides anew; one that leaves it at that is called again.
 */
struct status event_write(struct call *call, const Events__Event *event, struct db_unit *unit,
			  struct write *write) MUST_USE;

/* Nothing to do: the cursor moves past the event with the next effect, or at the end of the batch, so that a crowd of such events costs one commit. */
struct status event_skip(struct call *call, const Events__Event *event) MUST_USE;

/* Fails with EVENT_REJECTED: this event can never be handled, now or later, so that it is parked at once. why is for the operator. */
extern const struct reason EVENT_REJECTED;
struct status event_reject(struct call *call, const char *why) MUST_USE;

#endif
