/* What ordering does when something has happened: goods left the house, an order of its own changed. */
#include "base/str.h"
#include "ordering/peers.h"
#include "ordering/record.h"
#include "ordering/rules.h"
#include "ordering/sagas.h"
#include "quayside/ordering/v1/events.pb-c.h"
#include "quayside/shipping/v1/events.pb-c.h"
#include "runtime/pb.h"

#define OPEN ORDERING__ORDER_STATE__ORDER_STATE_OPEN
#define PARTLY_SHIPPED ORDERING__ORDER_STATE__ORDER_STATE_PARTLY_SHIPPED
#define SHIPPED ORDERING__ORDER_STATE__ORDER_STATE_SHIPPED
#define CANCELLED ORDERING__ORDER_STATE__ORDER_STATE_CANCELLED

/* Fulfilments run by themselves and beside each other: an event only starts one. */
static struct status on_dispatched(struct call *call, const Events__Event *event, const void *payload)
{
	const Shipping__ShipmentDispatched *dispatched = payload;
	const Shipping__Shipment *shipment = dispatched->shipment;
	bool exists;

	if (shipment == NULL || *shipment->shipment_id == '\0')
		return event_reject(call, "it names no shipment");
	TRY(store_exists(call, shipment->order_id, &exists));
	if (!exists)
		return event_reject(call, "there is no such order");
	return store_start_by_event(call, event, shipment->order_id,
				    saga_for_workers(call, &fulfil_kind, shipment->shipment_id, shipment->shipment_id,
						     pb_pack(call->arena, &dispatched->base)));
}

/* Moves an order on, if it is still where it was. */
static struct status go_on(struct call *call, const Events__Event *event, Ordering__OrderState from,
			   enum order_event move, const char *action)
{
	Ordering__Order *order = pb_new(call->arena, &ordering__order__descriptor);
	struct order_row row;

	for (int round = 0; write_again(call, &round);) {
		struct change change = { .order = order, .from = order_state_name(from), .action = action };
		struct write write;

		TRY(store_get(call, event->aggregate_id, order, &row));
		if (order->state != from)
			return event_skip(call, event);
		TRY(order_move(call->arena, order, move, order->state_reason));
		if (order->state == CANCELLED) {
			order_mark_items(order, ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_RELEASED);
			change.released = order_item_ids(call, order);
			change.n_released = order->n_items;
		}
		change.version = row.version + 1;
		write = record_of(call, &change);
		TRY(store_event(call, event, order, STORE_ITEMS, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

/* An order that came by SubmitOrder and was refused must not stay. */
static struct status was_submitted(struct call *call, const char *order_id, bool *ret_submitted)
{
	Ordering__Order *order = pb_new(call->arena, &ordering__order__descriptor);
	struct order_row row;

	TRY(store_get(call, order_id, order, &row));
	*ret_submitted = row.submitted;
	return STATUS_OK;
}

static struct status on_order_changed(struct call *call, const Events__Event *event, const void *payload)
{
	const Ordering__OrderChanged *changed = payload;
	const Ordering__Order *order = changed->order;
	bool submitted = false;

	/* All that an order holds, also what it may have been given by a call that never came to record it. */
	if (order->state == CANCELLED)
		TRY(peer_release(call, release_key(call, order->order_id, order->etag), order->order_id, NULL, 0));
	else if (changed->n_released_item_ids > 0)
		TRY(peer_release(call, release_key(call, order->order_id, order->etag), order->order_id,
				 changed->released_item_ids, changed->n_released_item_ids));
	if (order->state == PARTLY_SHIPPED && order_left(order) == 0) /* what was left has been cancelled */
		return go_on(call, event, PARTLY_SHIPPED, ORDER_EVENT_SHIPPED_ALL, "RecordShipped");
	if (order->state == SHIPPED)
		return go_on(call, event, SHIPPED, ORDER_EVENT_INVOICED, "RecordCompleted");
	if (order->state == OPEN && str_is(str_of(changed->action), "RecordRefused"))
		TRY(was_submitted(call, order->order_id, &submitted));
	return submitted ? go_on(call, event, OPEN, ORDER_EVENT_CANCEL, "RecordCancelled") : event_skip(call, event);
}

static const struct event_handler SHIPPING_HANDLERS[] = {
	{ &shipping__shipment_dispatched__descriptor, on_dispatched },
	EVENT_HANDLERS_END,
};

static const struct event_handler OWN_HANDLERS[] = {
	{ &ordering__order_changed__descriptor, on_order_changed },
	EVENT_HANDLERS_END,
};

const struct event_consumer ordering_consumers[] = {
	{ "shipping", SHIPPING_HANDLERS },
	{ "ordering", OWN_HANDLERS },
	EVENT_CONSUMERS_END,
};

const struct saga_kind *const ordering_sagas[] = { &place_kind, &cancel_kind, &expire_kind, &fulfil_kind, NULL };
