/* A process's part in events: its outbox, its consumers, its parking; and the EventService. See events.h. */
#include "runtime/events.h"

#include <stdlib.h>

#include "base/clock.h"
#include "runtime/consumer.h"
#include "runtime/outbox.h"
#include "runtime/parking.h"
#include "runtime/pb.h"
#include "runtime/retention.h"

#define CONSUMERS_MAX 8

struct events {
	struct loop *loop;
	struct db *db;
	const char *self;
	struct consumer consumers[CONSUMERS_MAX];
	size_t n_consumers;
	struct loop_timer *poll;
	void (*stopped)(void *context);
	void *context;
};

struct events *events_start(struct loop *loop, struct db *db, const char *self)
{
	static struct events events; /* one per process, like its outbox */

	events = (struct events){ .loop = loop, .db = db, .self = self };
	outbox_start(loop, db, self);
	parking_start(loop, db, self, events.consumers, &events.n_consumers);
	return &events;
}

void events_consume(struct events *events, const struct event_consumer *consumer, struct rpc_client *client)
{
	if (events->n_consumers == CONSUMERS_MAX)
		abort(); /* a service's list of consumers is written by us */
	consumer_start(&events->consumers[events->n_consumers], events->loop, events->db, events->self, consumer,
		       client);
	events->n_consumers++;
}

struct status events_read(struct call *call, int64_t after, int64_t limit, int64_t wait,
			  Events__FetchEventsResponse **ret_events)
{
	Events__FetchEventsResponse *events = pb_new(call->arena, &events__fetch_events_response__descriptor);

	TRY(outbox_fetch(call, after, limit, wait, events));
	if (events->n_events == 0 && outbox_stopping())
		return status_of(&SHUTTING_DOWN);
	*ret_events = events;
	return STATUS_OK;
}

void events_rung(struct events *events, const char *producer, int64_t position)
{
	if (str_is(str_of(producer), events->self))
		outbox_rung(position);
	for (size_t i = 0; i < events->n_consumers; i++) {
		if (str_is(str_of(producer), events->consumers[i].producer))
			consumer_rung(&events->consumers[i], position);
	}
}

static bool all_idle(const struct events *events)
{
	for (size_t i = 0; i < events->n_consumers; i++) {
		if (!consumer_idle(&events->consumers[i]))
			return false;
	}
	return outbox_idle() && parking_idle();
}

/* Reports the end once nothing runs any more: what runs is cancelled and ends soon. */
static void check_stopped(void *owner)
{
	struct events *events = owner;

	if (all_idle(events))
		events->stopped(events->context);
	else
		loop_timer_set(events->poll, CLOCK_MILLISECOND);
}

void events_stop(struct events *events, void (*stopped)(void *context), void *context)
{
	events->stopped = stopped;
	events->context = context;
	events->poll = loop_timer_new(events->loop, check_stopped, events);
	outbox_stop();
	parking_stop();
	for (size_t i = 0; i < events->n_consumers; i++)
		consumer_stop(&events->consumers[i]);
	loop_timer_set(events->poll, 0);
}

void events_free(struct events *events)
{
	for (size_t i = 0; i < events->n_consumers; i++)
		consumer_free(&events->consumers[i]);
	loop_timer_free(events->poll);
	parking_free();
	outbox_free();
}

RPC_UNARY(fetch_events, Events__FetchEventsRequest, Events__FetchEventsResponse);
RPC_UNARY_DECLARED(list_parked_events, Events__ListParkedEventsRequest, Events__ListParkedEventsResponse);
RPC_UNARY_DECLARED(requeue_parked_events, Events__RequeueParkedEventsRequest, Events__RequeueParkedEventsResponse);

static struct status fetch_events(struct call *call, const Events__FetchEventsRequest *request,
				  Events__FetchEventsResponse *reply)
{
	int64_t wait = request->wait == NULL ? 0 : request->wait->seconds * CLOCK_SECOND + request->wait->nanos / 1000;

	retention_note(request->consumer, request->after_position);
	return outbox_fetch(call, request->after_position, request->limit, wait, reply);
}

static const struct rpc_method methods[] = {
	RPC_METHOD("FetchEvents", fetch_events),
	RPC_METHOD("ListParkedEvents", list_parked_events),
	RPC_METHOD("RequeueParkedEvents", requeue_parked_events),
	RPC_METHODS_END,
};

const struct rpc_service events_service = { &events__event_service__descriptor, methods };
