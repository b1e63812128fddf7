/* See consumer.h. */
#include "runtime/consumer.h"

#include "base/clock.h"
#include "base/log.h"
#include "runtime/fault.h"
#include "runtime/outbox.h"
#include "runtime/parking.h"
#include "runtime/pb.h"
#include "runtime/retention.h"

#define BATCH 50
#define FETCH_WAIT (20 * CLOCK_SECOND)
#define FETCH_TIMEOUT (25 * CLOCK_SECOND)
#define HANDLE_TIMEOUT (10 * CLOCK_SECOND)
#define SAVE_TIMEOUT (5 * CLOCK_SECOND) /* for what became of an event, when its handler has used up its time */
#define PAUSE_MIN (50 * CLOCK_MILLISECOND)
#define PAUSE_MAX (5 * CLOCK_SECOND) /* while somebody else is away */
#define PAUSE_MAX_FAILED                                                                                               \
	(500 * CLOCK_MILLISECOND) /* while the event itself fails, until it is parked: those behind it wait */

const struct reason EVENT_REJECTED = { CODE_FAILED_PRECONDITION, "EVENT_REJECTED", "The event can never be handled." };

/* The cursor is not where we thought: it is read again, at once. */
static const struct reason CURSOR_MOVED = { CODE_ABORTED, "CURSOR_MOVED", "The cursor was moved meanwhile." };

static struct db_statement OPEN_CURSOR = DB_WRITE(
    "open_cursor", "INSERT INTO consumer_cursor (producer, position) VALUES (:producer, 0) ON CONFLICT DO NOTHING");

static struct db_statement READ_CURSOR =
    DB_READ("read_cursor", "SELECT position, parkings, EXISTS (SELECT FROM event_parked p WHERE p.producer = :producer)"
			   " AS parked FROM consumer_cursor WHERE producer = :producer");

static struct db_statement SKIP_EVENTS =
    DB_WRITE("skip_events", "UPDATE consumer_cursor SET position = :position WHERE producer = :producer"
			    " AND position < :position AND parkings = :parkings RETURNING true AS moved");

RPC_CLIENT(fetch_remote, events__event_service__descriptor, "FetchEvents", Events__FetchEventsRequest,
	   Events__FetchEventsResponse)

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
	consumer->parkings = db_int(rows, 0, "parkings");
	consumer->parked = db_bool(rows, 0, "parked");
	return STATUS_OK;
}

static struct status fetch(struct call *call, struct consumer *consumer, Events__FetchEventsResponse **ret_batch)
{
	Events__FetchEventsRequest request = EVENTS__FETCH_EVENTS_REQUEST__INIT;
	Google__Protobuf__Duration wait = GOOGLE__PROTOBUF__DURATION__INIT;

	if (consumer->client == NULL) {
		*ret_batch = pb_new(call->arena, &events__fetch_events_response__descriptor);
		retention_note(consumer->self, consumer->position);
		return outbox_fetch(call, consumer->position, BATCH, FETCH_WAIT, *ret_batch);
	}
	wait.seconds = FETCH_WAIT / CLOCK_SECOND;
	request.after_position = consumer->position;
	request.limit = BATCH;
	request.wait = &wait;
	request.consumer = arena_strdup(call->arena, consumer->self);
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

struct status event_skip(struct call *call, const Events__Event *event)
{
	call->event_done = true;
	call->skipped = event->position;
	return STATUS_OK;
}

struct status event_reject(struct call *call, const char *why)
{
	return status_private(call->arena, &EVENT_REJECTED, "%s", why);
}

const char *event_error(struct call *call, struct status status)
{
	const char *private = status.detail == NULL ? NULL : status.detail->private;

	return arena_printf(call->arena, "%s: %s", status.reason->name,
			    private != NULL ? private : status_message(status));
}

bool event_may_recover(struct status status)
{
	switch (status_code(status)) {
	case CODE_OK:
	case CODE_CANCELLED:
	case CODE_UNKNOWN:
	case CODE_DEADLINE_EXCEEDED:
	case CODE_RESOURCE_EXHAUSTED:
	case CODE_ABORTED:
	case CODE_UNAVAILABLE:
		return true;
	case CODE_INVALID_ARGUMENT:
	case CODE_NOT_FOUND:
	case CODE_ALREADY_EXISTS:
	case CODE_PERMISSION_DENIED:
	case CODE_FAILED_PRECONDITION:
	case CODE_OUT_OF_RANGE:
	case CODE_UNIMPLEMENTED:
	case CODE_INTERNAL:
	case CODE_DATA_LOSS:
	case CODE_UNAUTHENTICATED:
		return false;
	}
	return false;
}

struct status event_dispatch(struct call *call, const struct consumer *consumer, const Events__Event *event)
{
	const struct event_handler *handler = handler_of(consumer, event);
	struct status status;
	void *payload;

	call->producer = consumer->producer;
	call->parkings = consumer->parkings;
	call->trace_parent = *event->trace_parent != '\0' ? event->trace_parent : call->trace_parent;
	call->deadline = clock_monotonic() + HANDLE_TIMEOUT;
	call->time = clock_now();
	call->event_done = false;
	if (handler == NULL)
		return event_skip(call, event);
	status =
	    pb_unpack(call->arena, handler->payload,
		      (struct str){ (const char *)event->payload->value.data, event->payload->value.len }, &payload);
	if (status.reason != NULL)
		return event_reject(call, event_error(call, status));
	TRY(handler->handle(call, event, payload));
	return call->event_done ? STATUS_OK : status_of(&CONCURRENT_CHANGE);
}

static void log_failure(struct call *call, struct consumer *consumer, const Events__Event *event, bool parked,
			const char *error)
{
	const struct log_field fields[] = {
		LOG_TEXT("producer", consumer->producer),
		LOG_INT("position", event->position),
		LOG_TEXT("type", event->payload != NULL ? event->payload->type_url : ""),
		LOG_TEXT("aggregate_id", event->aggregate_id),
		LOG_INT("tries", consumer->tries),
		LOG_TEXT("err", error),
		LOG_TEXT("trace", call->trace_parent),
		{ NULL, NULL, 0 },
	};

	consumer->told = true;
	if (parked)
		log_event(LOG_ERROR, "event was not handled and is parked", fields);
	else
		log_event(LOG_WARN, "event was not handled, will be tried again", fields);
}

/* Once more, or put aside: then the cursor is read again. */
static struct status give_up(struct call *call, struct consumer *consumer, const Events__Event *event,
			     struct status failure)
{
	bool parked;

	if (consumer->failed != event->position)
		consumer->tries = 0;
	consumer->failed = event->position;
	if (!event_may_recover(failure))
		consumer->tries++;
	if (failure.reason != &EVENT_REJECTED && consumer->tries < EVENT_TRIES) {
		log_failure(call, consumer, event, false, event_error(call, failure));
		return failure;
	}
	call->deadline = clock_monotonic() + SAVE_TIMEOUT;
	TRY(parking_park(call, consumer, event, consumer->tries, failure, &parked));
	if (parked)
		log_failure(call, consumer, event, true, event_error(call, failure));
	return status_of(&CURSOR_MOVED);
}

/* Aggregates of the batch that have parked events. */
struct blocked {
	size_t n_ids;
	char **ids;
};

static bool is_blocked(const struct blocked *blocked, const char *aggregate_id)
{
	for (size_t i = 0; i < blocked->n_ids; i++) {
		if (str_is(str_of(blocked->ids[i]), aggregate_id))
			return true;
	}
	return false;
}

static struct status handle(struct call *call, struct consumer *consumer, const struct blocked *blocked,
			    const Events__Event *event)
{
	struct status status;
	bool parked = true;

	if (event->position <= consumer->position)
		return STATUS_OK; /* delivered twice */
	FAULT_POINT("consumer.before_event");
	if (is_blocked(blocked, event->aggregate_id) && handler_of(consumer, event) != NULL) {
		TRY(parking_park_behind(call, consumer, event, &parked));
		call->skipped = 0;
	} else {
		status = event_dispatch(call, consumer, event);
		if (status.reason != NULL)
			return give_up(call, consumer, event, status);
	}
	FAULT_POINT("consumer.event_done");
	consumer->position = event->position;
	return parked ? STATUS_OK : status_of(&CURSOR_MOVED);
}

/* Keeps in mind how far the events without effect went. */
static struct status save_skipped(struct call *call, struct consumer *consumer)
{
	struct db_unit *unit = db_unit(call, &SKIP_EVENTS);

	if (call->skipped == 0)
		return STATUS_OK;
	call->deadline = clock_monotonic() + SAVE_TIMEOUT;
	db_bind_text(unit, "producer", consumer->producer);
	db_bind_int(unit, "position", call->skipped);
	db_bind_int(unit, "parkings", consumer->parkings);
	TRY(db_run(call, unit));
	return db_count(db_rows(unit, 0)) > 0 ? STATUS_OK : status_of(&CURSOR_MOVED);
}

/* One round: a batch, from fetching it to its last event. */
static struct status consume(struct call *call, void *context)
{
	struct consumer *consumer = context;
	Events__FetchEventsResponse *batch = NULL;
	struct blocked blocked = { 0 };
	struct status status = STATUS_OK;

	consumer->call = call;
	consumer->told = false;
	if (consumer->position < 0)
		TRY(read_cursor(call, consumer));
	consumer->away = true;
	TRY(fetch(call, consumer, &batch));
	consumer->away = false;
	if (consumer->parked)
		TRY(parking_find(call, consumer->producer, batch->events, batch->n_events, &blocked.n_ids,
				 &blocked.ids));
	for (size_t i = 0; i < batch->n_events && !consumer->stopping && status.reason == NULL; i++)
		status = handle(call, consumer, &blocked, batch->events[i]);
	TRY(save_skipped(call, consumer));
	return status;
}

static int64_t pause_after(struct status status, int64_t last)
{
	const int64_t longest = event_may_recover(status) ? PAUSE_MAX : PAUSE_MAX_FAILED;
	const int64_t pause = last == 0 ? PAUSE_MIN : last * 2;

	if (status.reason == NULL || status.reason == &CURSOR_MOVED)
		return 0;
	return pause < longest ? pause : longest;
}

/* A peer that is away says so itself (rpc_client.h), and an event that fails was told of. */
static bool is_news(const struct consumer *consumer, struct status status)
{
	if (status.reason == NULL || status.reason == &CURSOR_MOVED || consumer->told)
		return false;
	return !consumer->away || !event_may_recover(status);
}

static void consumed(void *context, struct status status)
{
	struct consumer *consumer = context;

	consumer->call = NULL;
	if (consumer->stopping)
		return;
	if (status.reason != NULL)
		consumer->position = -1; /* it may have moved with an outcome that we did not learn */
	if (is_news(consumer, status))
		log_warn(consumer->away ? "events cannot be fetched, will be tried again"
					: "events cannot be handled, will be tried again",
			 LOG_TEXT("producer", consumer->producer), LOG_TEXT("reason", status.reason->name));
	consumer->pause = pause_after(status, consumer->pause);
	loop_timer_set(consumer->timer, consumer->pause);
}

static void next_round(void *owner)
{
	struct consumer *consumer = owner;

	call_spawn(consumer->loop, consumer->db, consumer->self, FETCH_TIMEOUT, consume, consumed, consumer);
}

void consumer_start(struct consumer *consumer, struct loop *loop, struct db *db, const char *self,
		    const struct event_consumer *spec, struct rpc_client *client)
{
	*consumer = (struct consumer){ .loop = loop,
				       .db = db,
				       .self = self,
				       .producer = spec->producer,
				       .handlers = spec->handlers,
				       .client = client,
				       .position = -1 };
	consumer->timer = loop_timer_new(loop, next_round, consumer);
	loop_timer_set(consumer->timer, 0);
}

/* Only a producer that was away is not waited for: a handler that failed needs its pause. */
void consumer_rung(struct consumer *consumer, int64_t position)
{
	if (consumer->call != NULL || consumer->stopping || !consumer->away)
		return;
	if (consumer->position < 0 || position > consumer->position)
		loop_timer_set(consumer->timer, 0);
}

void consumer_stop(struct consumer *consumer)
{
	consumer->stopping = true;
	loop_timer_cancel(consumer->timer);
	if (consumer->call != NULL)
		call_cancel(consumer->call);
}

bool consumer_idle(const struct consumer *consumer)
{
	return consumer->call == NULL;
}

void consumer_free(struct consumer *consumer)
{
	loop_timer_free(consumer->timer);
}
