/* Changes of orders as they happen, from ordering's own outbox: a resume token is a position there. */
#include "base/clock.h"
#include "base/str.h"
#include "ordering/handlers.h"
#include "quayside/ordering/v1/events.pb-c.h"
#include "runtime/events.h"
#include "runtime/pb.h"

#define WATCHERS_MAX 1024 /* at once; each reads the outbox for itself */
#define BATCH 50
#define PROGRESS 1000 /* changes that were none of the client's, before it gets a newer token */
#define WAIT (20 * CLOCK_SECOND)
#define SEND_PATIENCE (20 * CLOCK_SECOND) /* who does not read for so long is cut off, and may come again */
#define LAST_MOMENT CLOCK_SECOND          /* before the deadline: the stream ends well */
#define TYPE "type.googleapis.com/quayside.ordering.v1.OrderChanged"

static const struct reason TOKEN_UNKNOWN = {
	CODE_OUT_OF_RANGE, "RESUME_TOKEN_UNKNOWN",
	"The changes after this token are not kept any more. Read the orders again, and watch without a token."
};

static int watchers;

/* A stream: its filters, and how far it is. */
struct watch {
	const Ordering__WatchOrdersRequest *request;
	int64_t position;
	int64_t told;     /* the last position that the client knows */
	int64_t deadline; /* of the stream; the call's own is that of the message on its way */
};

static struct status send(struct call *call, struct watch *watch, Ordering__WatchOrdersResponse *message)
{
	const int64_t latest = clock_monotonic() + SEND_PATIENCE;
	struct status status;

	message->resume_token = arena_printf(call->arena, "%lld", (long long)watch->position);
	call->deadline = latest < watch->deadline ? latest : watch->deadline;
	status = rpc_send(call, &message->base);
	call->deadline = watch->deadline;
	watch->told = watch->position;
	return status;
}

static bool is_wanted(const Ordering__WatchOrdersRequest *request, const Ordering__Order *order)
{
	return order != NULL && (*request->order_id == '\0' || str_is(str_of(request->order_id), order->order_id)) &&
	       (*request->customer_id == '\0' || str_is(str_of(request->customer_id), order->customer_id));
}

static struct status send_event(struct call *call, struct watch *watch, const Events__Event *event)
{
	Ordering__WatchOrdersResponse message = ORDERING__WATCH_ORDERS_RESPONSE__INIT;
	const ProtobufCBinaryData payload = event->payload->value;
	const Ordering__OrderChanged *changed;
	void *unpacked;

	watch->position = event->position;
	if (!str_is(str_of(event->payload->type_url), TYPE))
		return STATUS_OK;
	TRY(pb_unpack(call->arena, &ordering__order_changed__descriptor,
		      (struct str){ (const char *)payload.data, payload.len }, &unpacked));
	changed = unpacked;
	if (!is_wanted(watch->request, changed->order))
		return STATUS_OK;
	message.order = changed->order;
	message.action = changed->action;
	return send(call, watch, &message);
}

static struct status read_batch(struct call *call, const struct watch *watch, int64_t wait,
				Events__FetchEventsResponse **ret_batch)
{
	Events__FetchEventsResponse *batch;
	const struct status status = events_read(call, watch->position, BATCH, wait < WAIT ? wait : WAIT, &batch);

	if (status_is(status, &EVENTS_FORGOTTEN))
		return status_of(&TOKEN_UNKNOWN);
	TRY(status);
	if (watch->position > batch->last_position)
		return status_of(&TOKEN_UNKNOWN);
	*ret_batch = batch;
	return STATUS_OK;
}

/* One reading; *ret_over when the stream has lasted long enough. */
static struct status send_batch(struct call *call, struct watch *watch, bool *ret_over)
{
	Ordering__WatchOrdersResponse progress = ORDERING__WATCH_ORDERS_RESPONSE__INIT;
	const int64_t left = call_remaining(call);
	Events__FetchEventsResponse *batch;

	*ret_over = left <= LAST_MOMENT;
	if (*ret_over)
		return STATUS_OK;
	TRY(read_batch(call, watch, left - LAST_MOMENT, &batch));
	/* One at a time: a batch of large orders, unpacked at once, is more than a call may hold. */
	for (size_t i = 0; i < batch->n_events; i++) {
		const struct arena_mark mark = arena_mark(call->arena);

		TRY(send_event(call, watch, batch->events[i]));
		arena_rewind(call->arena, mark);
	}
	if (watch->position - watch->told >= PROGRESS)
		TRY(send(call, watch, &progress));
	return STATUS_OK;
}

static struct status read_token(struct call *call, const char *token, int64_t *ret_position)
{
	Events__FetchEventsResponse *now;
	uint64_t position;

	TRY(events_read(call, INT64_MAX, 1, 0, &now));
	if (*token == '\0') {
		*ret_position = now->last_position;
		return STATUS_OK;
	}
	if (!str_to_uint64(str_of(token), &position))
		return status_field(call->arena, &INVALID_REQUEST, "resume_token", "is not a token that was given out");
	if (position > (uint64_t)now->last_position)
		return status_of(&TOKEN_UNKNOWN);
	*ret_position = (int64_t)position;
	return STATUS_OK;
}

static struct status stream(struct call *call, struct watch *watch)
{
	Ordering__WatchOrdersResponse first = ORDERING__WATCH_ORDERS_RESPONSE__INIT;
	bool over = false;

	TRY(read_token(call, watch->request->resume_token, &watch->position));
	TRY(send(call, watch, &first));
	while (!over) {
		const struct arena_mark mark = arena_mark(call->arena);

		TRY(send_batch(call, watch, &over));
		arena_rewind(call->arena, mark);
	}
	return STATUS_OK;
}

struct status watch_orders(struct call *call, const void *in, void *out)
{
	struct watch watch = { .request = in, .deadline = call->deadline };
	struct status status;

	(void)out;
	if (watchers >= WATCHERS_MAX)
		return status_of(&OVERLOADED);
	watchers++;
	status = stream(call, &watch);
	watchers--;
	return status;
}
