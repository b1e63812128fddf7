/* What ordering does when something has happened: goods left the house, an order of its own changed. */
#include "base/log.h"
#include "base/str.h"
#include "ordering/peers.h"
#include "ordering/record.h"
#include "ordering/rules.h"
#include "ordering/saga_steps.h"
#include "ordering/sagas.h"
#include "quayside/ordering/v1/events.pb-c.h"
#include "quayside/shipping/v1/events.pb-c.h"
#include "runtime/pb.h"

#define OPEN ORDERING__ORDER_STATE__ORDER_STATE_OPEN
#define PLACING ORDERING__ORDER_STATE__ORDER_STATE_PLACING
#define SHIPPED ORDERING__ORDER_STATE__ORDER_STATE_SHIPPED
#define CANCELLED ORDERING__ORDER_STATE__ORDER_STATE_CANCELLED

/* A dispatched shipment on its way to its invoice. */
struct fulfilment {
	const Ordering__Order *order;
	const Shipping__Shipment *shipment;
	char *invoice_id;
};

static struct status book_out(struct call *call, void *context)
{
	const struct fulfilment *work = context;

	return peer_fulfil(call, work->shipment);
}

static struct status bill(struct call *call, void *context)
{
	struct fulfilment *work = context;
	Billing__InvoiceLine **lines;
	size_t n_lines;

	TRY(order_invoice_lines(call->arena, work->order, work->shipment, &n_lines, &lines));
	return peer_issue_invoice(call, work->order, work->shipment, lines, n_lines, &work->invoice_id);
}

/* The goods have left: there is no way but forward. */
static const struct saga FULFIL = {
	"fulfil",
	(const struct saga_step[]){
	    { "book_out", book_out, true },
	    { "bill", bill, true },
	    { .name = NULL },
	},
};

/* An event that can never be handled must not keep those behind it waiting; it is for a person to look at. */
static struct status give_up(struct call *call, const Events__Event *event, const char *why)
{
	log_error("event makes no sense and was skipped", LOG_TEXT("producer", call->producer),
		  LOG_INT("position", event->position), LOG_TEXT("aggregate_id", event->aggregate_id),
		  LOG_TEXT("err", why));
	return event_skip(call, event);
}

static bool has_shipment(const Ordering__Order *order, const char *shipment_id)
{
	for (size_t i = 0; i < order->n_shipment_ids; i++) {
		if (str_is(str_of(order->shipment_ids[i]), shipment_id))
			return true;
	}
	return false;
}

/* The order that a shipment belongs to, placed: goods may leave before it was recorded that they may. */
static struct status read_placed(struct call *call, const char *order_id, Ordering__Order *order, struct order_row *row)
{
	TRY(store_get(call, order_id, order, row));
	if (order->state != PLACING)
		return STATUS_OK;
	TRY(saga_place(call, order, row));
	return store_get(call, order_id, order, row);
}

static void add_invoice(struct call *call, Ordering__Order *order, char *invoice_id)
{
	char **ids = arena_array(call->arena, order->n_invoice_ids + 1, sizeof(*ids));

	for (size_t i = 0; i < order->n_invoice_ids; i++)
		ids[i] = order->invoice_ids[i];
	ids[order->n_invoice_ids++] = invoice_id;
	order->invoice_ids = ids;
}

/* Records what a shipment took and its invoice; moves the cursor. */
static struct status record_shipped(struct call *call, const Events__Event *event, const Shipping__Shipment *shipment,
				    char *invoice_id, Ordering__Order *order, struct order_row *row)
{
	for (int round = 0; write_again(call, &round);) {
		const char *from = order_state_name(order->state);
		struct write write;

		TRY(order_ship(call->arena, order, shipment));
		add_invoice(call, order, invoice_id);
		write = record_of(
		    call, &(const struct change){
			      .order = order, .version = row->version + 1, .from = from, .action = "RecordShipment" });
		TRY(store_event(call, event, order, STORE_ITEMS, &write));
		if (write.applied)
			return STATUS_OK;
		TRY(store_get(call, shipment->order_id, order, row));
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status on_dispatched(struct call *call, const Events__Event *event, const void *payload)
{
	const Shipping__ShipmentDispatched *dispatched = payload;
	const Shipping__Shipment *shipment = dispatched->shipment;
	Ordering__Order *order = pb_new(call->arena, &ordering__order__descriptor);
	struct fulfilment work = { order, shipment, NULL };
	enum saga_outcome outcome;
	struct order_row row;
	struct status status;
	size_t n_lines;
	Billing__InvoiceLine **lines;

	if (shipment == NULL)
		return give_up(call, event, "it names no shipment");
	status = read_placed(call, shipment->order_id, order, &row);
	if (status_is(status, &NOT_FOUND))
		return give_up(call, event, "there is no such order");
	TRY(status);
	if (!has_shipment(order, shipment->shipment_id))
		return give_up(call, event, "the order has no such shipment");
	if (order_invoice_lines(call->arena, order, shipment, &n_lines, &lines).reason != NULL)
		return give_up(call, event, SHIPMENT_MISMATCH.sentence);
	TRY(saga_run(call, &FULFIL, &work, &outcome));
	return record_shipped(call, event, shipment, work.invoice_id, order, &row);
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
		TRY(peer_release(call, order->order_id, order->etag, NULL, 0));
	else if (changed->n_released_item_ids > 0)
		TRY(peer_release(call, order->order_id, order->etag, changed->released_item_ids,
				 changed->n_released_item_ids));
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
