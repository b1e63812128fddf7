/*
 * consumer: the consumer's side of events (events.h): fetches a producer's events and hands each to its handler, once, in order.
 *
 * Invariants
 * - A consumer is a chain of calls, each started when the one before is done: fetch a batch, handle its events one by one.
 * - What others can put right (a peer that is away) is tried again for ever. An event that fails EVENT_TRIES times otherwise, or that its handler
 *   rejects, is parked (parking.h) by the statement that moves the cursor past it, and the events of its aggregate behind it.
 * - Processes of one service share a cursor. Whatever an event does requires that the process knows of every parking so far, so no event
 *   overtakes a parked one of its aggregate.
 *
 * Usage: consumer_start(), consumer_stop(), and consumer_free() when consumer_idle().
 */
#ifndef QUAYSIDE_RUNTIME_CONSUMER_H
#define QUAYSIDE_RUNTIME_CONSUMER_H

#include "runtime/events.h"

#define EVENT_TRIES 10

struct consumer {
	struct loop *loop;
	struct db *db;
	const char *self;
	const char *producer;
	const struct event_handler *handlers;
	struct rpc_client *client; /* NULL: the service's own outbox */
	struct loop_timer *timer;
	struct call *call; /* that runs now */
	int64_t position;  /* of the last event handled; -1: not read yet */
	int64_t parkings;  /* of the cursor when it was read */
	bool parked;       /* some event may be parked */
	int64_t failed;    /* position of the event that failed last */
	int tries;         /* of it, that count */
	bool away;         /* the producer did not answer */
	bool told;         /* the log has this round's failure */
	int64_t pause;     /* after a failure; 0 after a success */
	bool stopping;
};

/* client NULL: the service consumes its own events. The structs live until consumer_free(). */
void consumer_start(struct consumer *consumer, struct loop *loop, struct db *db, const char *self,
		    const struct event_consumer *spec, struct rpc_client *client);
void consumer_rung(struct consumer *consumer, int64_t position); /* the producer has events up to here, it says */
void consumer_stop(struct consumer *consumer);
bool consumer_idle(const struct consumer *consumer);
void consumer_free(struct consumer *consumer);

/*
 * Hands an event to its handler within a call. Fails with EVENT_REJECTED when its payload cannot be read, with CONCURRENT_CHANGE when the handler left it
 * undone.
 */
struct status event_dispatch(struct call *call, const struct consumer *consumer, const Events__Event *event) MUST_USE;

/* May the same event succeed later, without anybody changing it or us? */
bool event_may_recover(struct status status);

/* What to say of a failure in a log or to an operator. Lives as long as the call. */
const char *event_error(struct call *call, struct status status);

#endif
