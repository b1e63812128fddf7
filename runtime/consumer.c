/* The consumer's side of events: fetch, handle each once, go on where it stopped. */
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "runtime/fault.h"
#include "runtime/outbox.h"
#include "runtime/pb.h"

#define CONSUMERS_MAX 8
#define BATCH 50
#define FETCH_WAIT (20 * CLOCK_SECOND)
#define FETCH_TIMEOUT (25 * CLOCK_SECOND)
#define HANDLE_TIMEOUT (10 * CLOCK_SECOND)
#define PAUSE_MIN (50 * CLOCK_MILLISECOND)
#define PAUSE_MAX (5 * CLOCK_SECOND)

static struct db_statement OPEN_CURSOR = DB_WRITE(
    "open_cursor", "INSERT INTO consumer_cursor (producer, position) VALUES (:producer, 0) ON CONFLICT DO NOTHING");

static struct db_statement READ_CURSOR =
    DB_READ("read_cursor", "SELECT position FROM consumer_cursor WHERE producer = :producer");

static struct db_statement SKIP_EVENTS =
    DB_WRITE("skip_events",
	     "UPDATE consumer_cursor SET position = :position WHERE producer = :producer AND position < :position");

RPC_CLIENT(fetch_remote, events__event_service__descriptor, "FetchEvents", Events__FetchEventsRequest,
	   Events__FetchEventsResponse)

/* A consumer is a chain of calls, each started when the one before is done: fetch a batch, handle its events one by one. */
struct consumer {
	struct events *events;
	const char *producer;
	const struct event_handler *handlers;
	struct rpc_client *client; /* NULL: the service's own outbox */
	struct loop_timer *timer;
	struct call *call; /* that runs now */
	int64_t position;  /* of the last event handled; -1: not read yet */
	int64_t pause;     /* after a failure; 0 after a success */
};

struct events {
	struct loop *loop;
	struct db *db;
	const char *self;
	struct consumer consumers[CONSUMERS_MAX];
	size_t n_consumers;
	bool stopping;
	struct loop_timer *poll;
	void (*stopped)(void *context);
	void *context;
};

static struct status read_cursor(struct call *call, struct consumer *consumer)
{
	struct db_unit *unit = db_unit(call, &OPEN_CURSOR);
	const struct db_rows *rows;

	db_bind_text(unit, "producer", consumer->producer);
	db_then(unit, &READ_CURSOR);
	db_bind_text(unit, "producer", consumer->producer);
	TRY(db_run(call, unit));
	rows = db_last_rows(unit);
	consumer->position = db_int(rows, 0, "position");
	return STATUS_OK;
}

static struct status fetch(struct call *call, struct consumer *consumer, Events__FetchEventsResponse **ret_batch)
{
	Events__FetchEventsRequest request = EVENTS__FETCH_EVENTS_REQUEST__INIT;
	Google__Protobuf__Duration wait = GOOGLE__PROTOBUF__DURATION__INIT;

	if (consumer->client == NULL) {
		*ret_batch = pb_new(call->arena, &events__fetch_events_response__descriptor);
		return outbox_fetch(call, consumer->position, BATCH, FETCH_WAIT, *ret_batch);
	}
	wait.seconds = FETCH_WAIT / CLOCK_SECOND;
	request.after_position = consumer->position;
	request.limit = BATCH;
	request.wait = &wait;
	return fetch_remote(call, consumer->client, NULL, &request, ret_batch);
}

static const struct event_handler *handler_of(const struct consumer *consumer, const Events__Event *event)
{
	struct str type = event->payload == NULL ? STR("") : str_of(event->payload->type_url);
	struct str head;

	while (str_cut(&type, '/', &head)) {
	}
	for (const struct event_handler *handler = consumer->handlers; handler->payload != NULL; handler++) {
		if (str_is(head, handler->payload->name))
			return handler;
	}
	return NULL;
}

static struct status dispatch(struct call *call, struct consumer *consumer, const Events__Event *event)
{
	const struct event_handler *handler = handler_of(consumer, event);
	void *payload;

	call->producer = consumer->producer;
	call->trace_parent = *event->trace_parent != '\0' ? event->trace_parent : call->trace_parent;
	call->deadline = clock_monotonic() + HANDLE_TIMEOUT;
	call->time = clock_now();
	if (handler == NULL)
		return event_skip(call, event);
	TRY(pb_unpack(call->arena, handler->payload,
		      (struct str){ (const char *)event->payload->value.data, event->payload->value.len }, &payload));
	return handler->handle(call, event, payload);
}

static struct status handle(struct call *call, struct consumer *consumer, const Events__Event *event)
{
	struct status status;

	if (event->position <= consumer->position)
		return STATUS_OK; /* delivered twice */
	FAULT_POINT("consumer.before_event");
	status = dispatch(call, consumer, event);
	if (status.reason != NULL) {
		log_warn("event was not handled, will be tried again", LOG_TEXT("producer", consumer->producer),
			 LOG_INT("position", event->position),
			 LOG_TEXT("type", event->payload != NULL ? event->payload->type_url : ""),
			 LOG_TEXT("aggregate_id", event->aggregate_id), LOG_TEXT("reason", status.reason->name),
			 LOG_TEXT("err", status.detail != NULL && status.detail->private != NULL
					     ? status.detail->private
					     : status_message(status)));
		return status;
	}
	FAULT_POINT("consumer.event_done");
	consumer->position = event->position;
	return STATUS_OK;
}

/* Keeps in mind how far the events without effect went. */
static struct status save_skipped(struct call *call, const struct consumer *consumer)
{
	struct db_unit *unit = db_unit(call, &SKIP_EVENTS);

	if (call->skipped == 0)
		return STATUS_OK;
	db_bind_text(unit, "producer", consumer->producer);
	db_bind_int(unit, "position", call->skipped);
	return db_run(call, unit);
}

/* One round: a batch, from fetching it to its last event. */
static struct status consume(struct call *call, void *context)
{
	struct consumer *consumer = context;
	Events__FetchEventsResponse *batch = NULL;
	struct status status = STATUS_OK;

	consumer->call = call;
	if (consumer->position < 0)
		TRY(read_cursor(call, consumer));
	TRY(fetch(call, consumer, &batch));
	for (size_t i = 0; i < batch->n_events && !consumer->events->stopping && status.reason == NULL; i++)
		status = handle(call, consumer, batch->events[i]);
	TRY(save_skipped(call, consumer));
	return status;
}

static void check_stopped(struct events *events);

static void consumed(void *context, struct status status)
{
	struct consumer *consumer = context;

	consumer->call = NULL;
	if (consumer->events->stopping) {
		check_stopped(consumer->events);
		return;
	}
	if (status.reason == NULL) {
		consumer->pause = 0;
	} else {
		/* The cursor may have moved with an outcome that we did not learn. */
		consumer->position = -1;
		consumer->pause = consumer->pause == 0 ? PAUSE_MIN : consumer->pause * 2;
		if (consumer->pause > PAUSE_MAX)
			consumer->pause = PAUSE_MAX;
	}
	loop_timer_set(consumer->timer, consumer->pause);
}

static void next_round(void *owner)
{
	struct consumer *consumer = owner;

	call_spawn(consumer->events->loop, consumer->events->db, consumer->events->self, FETCH_TIMEOUT, consume,
		   consumed, consumer);
}

struct status event_skip(struct call *call, const Events__Event *event)
{
	call->skipped = event->position;
	return STATUS_OK;
}

struct events *events_start(struct loop *loop, struct db *db, const char *self)
{
	static struct events events; /* one per process, like its outbox */

	events = (struct events){ .loop = loop, .db = db, .self = self };
	outbox_start(loop, db, self);
	return &events;
}

void events_consume(struct events *events, const struct event_consumer *consumer, struct rpc_client *client)
{
	struct consumer *state = &events->consumers[events->n_consumers];

	if (events->n_consumers == CONSUMERS_MAX)
		abort(); /* a service's list of consumers is written by us */
	events->n_consumers++;
	*state = (struct consumer){ .events = events,
				    .producer = consumer->producer,
				    .handlers = consumer->handlers,
				    .client = client,
				    .position = -1 };
	state->timer = loop_timer_new(events->loop, next_round, state);
	loop_timer_set(state->timer, 0);
}

/* Reports the end once nothing runs any more; the sequencer's last round has no hook, so it is looked at again. */
static void check_stopped(struct events *events)
{
	for (size_t i = 0; i < events->n_consumers; i++) {
		if (events->consumers[i].call != NULL)
			return;
	}
	if (!outbox_idle()) {
		loop_timer_set(events->poll, CLOCK_MILLISECOND);
		return;
	}
	if (events->stopped != NULL) {
		void (*stopped)(void *) = events->stopped;

		events->stopped = NULL;
		stopped(events->context);
	}
}

static void poll_stopped(void *owner)
{
	check_stopped(owner);
}

void events_stop(struct events *events, void (*stopped)(void *context), void *context)
{
	events->stopping = true;
	events->stopped = stopped;
	events->context = context;
	events->poll = loop_timer_new(events->loop, poll_stopped, events);
	outbox_stop();
	for (size_t i = 0; i < events->n_consumers; i++) {
		struct consumer *consumer = &events->consumers[i];

		loop_timer_cancel(consumer->timer);
		if (consumer->call != NULL)
			call_cancel(consumer->call);
	}
	loop_timer_set(events->poll, 0);
}

void events_free(struct events *events)
{
	for (size_t i = 0; i < events->n_consumers; i++)
		loop_timer_free(events->consumers[i].timer);
	loop_timer_free(events->poll);
	outbox_free();
}
