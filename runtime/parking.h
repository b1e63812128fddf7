/*
 * parking: events that could not be handled, put aside per aggregate, so that the others go on.
 *
 * Invariants
 * - An event is parked by the statement that moves the cursor past it, with the whole event; later ones of its aggregate are parked behind it.
 * - A requeued event is handled like any other, in a call of its own; the statement that has its effect takes it out of the parking. Only the lowest
 *   position of an aggregate is handled, so their order stays. After EVENT_TRIES failures it stays parked again.
 *
 * Usage: parking_start() once the consumers are known; parking_stop(), then parking_free() when parking_idle().
 */
#ifndef QUAYSIDE_RUNTIME_PARKING_H
#define QUAYSIDE_RUNTIME_PARKING_H

#include "runtime/consumer.h"

/* Puts aside an event that failed. Not parked: somebody else has moved the cursor. */
struct status parking_park(struct call *call, const struct consumer *consumer, const Events__Event *event, int attempts,
			   struct status failure, bool *ret_parked) MUST_USE;

/* Puts aside an event whose aggregate has a parked one. Not parked: there is none any more, or somebody else has moved the cursor. */
struct status parking_park_behind(struct call *call, const struct consumer *consumer, const Events__Event *event,
				  bool *ret_parked) MUST_USE;

/* Those of the aggregates of these events that have parked ones. */
struct status parking_find(struct call *call, const char *producer, Events__Event *const *events, size_t n_events,
			   size_t *ret_n_ids, char ***ret_ids) MUST_USE;

/* Handles what was requeued, for these consumers. */
void parking_start(struct loop *loop, struct db *db, const char *self, const struct consumer *consumers,
		   const size_t *n_consumers);
void parking_stop(void);
bool parking_idle(void);
void parking_free(void);

/* Two of EventService's methods. */
struct status list_parked_events(struct call *call, const Events__ListParkedEventsRequest *request,
				 Events__ListParkedEventsResponse *reply) MUST_USE;
struct status requeue_parked_events(struct call *call, const Events__RequeueParkedEventsRequest *request,
				    Events__RequeueParkedEventsResponse *reply) MUST_USE;

#endif
